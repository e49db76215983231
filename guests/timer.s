# Time and interrupts: 8254, 8259A, MC146818 and NS16550A as their data sheets say, HLT and STI's shadow.
# No check depends on how fast the processor is.
.include "lib/start.s"
.include "lib/check.s"
.include "lib/timer.s"

.set PIC_READ_IN_SERVICE, 0x0b
.set RTC_INDEX, 0x70
.set RTC_DATA, 0x71
.set UART_INTERRUPT_ID, COM1 + 2

main:
    call pic_initialize
    call check_masking
    call check_in_service
    call check_latched_counts
    call check_periodic_ticks
    call check_no_lost_wakeups
    call check_cascade
    call check_uart
    call check_rtc_time
    jmp verdict

check_masking:
    cli
    call request_timer_interrupt
    out_byte PIC1 + 1, 0xff
    sti
    nop
    nop
    cli
    check "a masked request waits", ticks, $0
    out_byte PIC1, PIC_READ_REQUESTS
    inb $PIC1, %al
    and $1, %eax
    check "the request is seen in IRR", %eax, $1
    out_byte PIC1 + 1, 0xfe
    sti
    nop
    cli
    check "unmasked, it is taken", ticks, $1
    inb $PIC1 + 1, %al
    movzbl %al, %eax
    check "the mask reads back", %eax, $0xfe
    inb $PIC1, %al
    and $1, %eax
    check "the request is gone", %eax, $0
    ret

# While a line is in service, it and the lower ones wait for the EOI.
check_in_service:
    movl $0, ticks
    handle IRQ_BASE, tick_without_eoi
    call request_timer_interrupt
    sti
    nop
    cli
    out_byte PIC1, PIC_READ_IN_SERVICE
    inb $PIC1, %al
    movzbl %al, %eax
    check "the line is in service", %eax, $1
    handle IRQ_BASE, count_tick
    call request_timer_interrupt
    sti
    nop
    nop
    cli
    check "a second request waits for the EOI", ticks, $1
    out_byte PIC1, PIC_END_OF_INTERRUPT
    sti
    nop
    cli
    check "after the EOI it is taken", ticks, $2
    out_byte PIC1, PIC_READ_IN_SERVICE
    inb $PIC1, %al
    movzbl %al, %eax
    check "nothing is in service", %eax, $0
    ret
tick_without_eoi:
    incl ticks
    ret

check_latched_counts:
    out_byte PIC1 + 1, 0xff
    out_byte PIT_COMMAND, 0x34      # mode 2, low then high byte
    out_byte PIT_CHANNEL_0, 0xe8
    out_byte PIT_CHANNEL_0, 0x03    # 1000
1:  out_byte PIT_COMMAND, 0xe2      # read back the status of channel 0
    inb $PIT_CHANNEL_0, %al
    test $0x40, %al                 # null count: the new count is not in the counter yet
    jnz 1b
    mov $50, %ecx
    xor %ebx, %ebx
1:  out_byte PIT_COMMAND, 0         # latch channel 0
    xor %eax, %eax
    inb $PIT_CHANNEL_0, %al
    mov %al, %dl
    inb $PIT_CHANNEL_0, %al
    mov %al, %ah
    mov %dl, %al
    cmp $1000, %eax
    jbe 2f
    inc %ebx
2:  loop 1b
    check "latched counts above the reload value", %ebx, $0
    out_byte PIT_COMMAND, 0xe2      # read-back, status only, channel 0
    inb $PIT_CHANNEL_0, %al
    and $0x3f, %eax
    check "read-back of mode 2", %eax, $0x34
    ret

check_periodic_ticks:
    movl $0, ticks
    start_ticking 200
    mov $10, %ecx
    sti
1:  hlt
    loop 1b
    cli
    check "ten halts, ten ticks", ticks, $10
    # In mode 2 ticks come without anybody asking, also to code that never halts.
    movl $0, ticks
    sti
1:  cmpl $3, ticks
    jb 1b
    cli
    out_byte PIC1 + 1, 0xff
    check "ticks while running", $1, $1
    ret

# One interrupt at a time, coming sooner or later than the HLT. A lost wake-up would hang here.
check_no_lost_wakeups:
    call pic_initialize
    mov $1, %ebx
1:  cli
    out_byte PIT_COMMAND, 0x30      # mode 0
    out_byte PIC1 + 1, 0xfe
    mov %bl, %al
    outb %al, $PIT_CHANNEL_0
    out_byte PIT_CHANNEL_0, 0
    mov %ebx, %ecx
    and $0x3f, %ecx
    inc %ecx
2:  loop 2b
    sti
    hlt
    cli
    inc %ebx
    cmp $200, %ebx
    jb 1b
    out_byte PIC1 + 1, 0xff
    check "every STI, HLT woke up once", ticks, $199
    ret

.macro rtc_write index, value
    out_byte RTC_INDEX, \index
    out_byte RTC_DATA, \value
.endm
.macro rtc_read index
    out_byte RTC_INDEX, \index
    inb $RTC_DATA, %al
    movzbl %al, %eax
.endm

# The clock's periodic interrupt comes through the second controller.
check_cascade:
    handle IRQ_BASE + 8, count_rtc
    movl $0, ticks
    rtc_write 0x0a, 0x26            # 1024 Hz
    rtc_read 0x0b
    or $0x40, %eax                  # PIE
    mov %eax, %ebx
    out_byte RTC_INDEX, 0x0b
    mov %bl, %al
    outb %al, $RTC_DATA
    rtc_read 0x0c                   # forget an old request
    out_byte PIC2 + 1, 0xfe
    out_byte PIC1 + 1, 0xfb         # the cascade
    mov $8, %ecx
    sti
1:  hlt
    loop 1b
    cli
    check "eight halts, eight periodic interrupts", ticks, $8
    check "register C says why", cause, $0xc0
    out_byte RTC_INDEX, 0x0b
    and $0xbf, %bl
    mov %bl, %al
    outb %al, $RTC_DATA
    rtc_read 0x0c
    rtc_read 0x0c
    check "reading register C clears it", %eax, $0
    out_byte PIC1 + 1, 0xff
    out_byte PIC2 + 1, 0xff
    ret
count_rtc:
    incl ticks
    rtc_read 0x0c
    mov %eax, cause
    out_byte PIC2, PIC_END_OF_INTERRUPT
    out_byte PIC1, PIC_END_OF_INTERRUPT
    ret

check_uart:
    handle IRQ_BASE + 4, count_uart
    movl $0, ticks
    movl $0, cause
    write_port UART_MODEM_CONTROL, 0x0b # DTR, RTS, OUT2: the interrupt's gate on a PC
    mov $UART_LINE_STATUS, %edx
1:  in %dx, %al
    and $0x60, %al
    cmp $0x60, %al                  # transmitter empty
    jne 1b
    out_byte PIC1 + 1, 0xef
    write_port UART_INTERRUPT_ENABLE, 2 # THRE: pending at once, the transmitter being empty
    sti
    nop
1:  cmpl $1, ticks
    jb 1b
    cli
    mov $UART_INTERRUPT_ID, %edx
    in %dx, %al
    and $0x0f, %eax
    mov %eax, %ebx
    write_port UART_INTERRUPT_ENABLE, 0
    out_byte PIC1 + 1, 0xff
    check "transmitter interrupt when enabled", ticks, $1
    mov cause, %eax
    and $0x0f, %eax
    check "IIR says transmitter empty", %eax, $2
    check "reading IIR cleared it", %ebx, $1

    write_port UART_MODEM_CONTROL, 0x1b # loopback
    write_port UART_DATA, 0x5a
    mov $UART_LINE_STATUS, %edx
1:  in %dx, %al
    test $1, %al
    jz 1b
    mov $UART_DATA, %edx
    in %dx, %al
    movzbl %al, %ebx
    mov $COM1 + 6, %edx             # modem status: DTR, RTS, OUT1, OUT2 come back
    in %dx, %al
    and $0xf0, %eax
    mov %eax, %ecx
    write_port UART_MODEM_CONTROL, 3
    check "byte looped back", %ebx, $0x5a
    check "modem lines looped back", %ecx, $0xb0
    mov $COM1 + 7, %edx             # scratch register
    mov $0xa5, %al
    out %al, %dx
    xor %eax, %eax
    in %dx, %al
    check "scratch register", %eax, $0xa5
    ret
count_uart:
    incl ticks
    mov $UART_INTERRUPT_ID, %edx
    in %dx, %al
    movzbl %al, %eax
    mov %eax, cause
    out_byte PIC1, PIC_END_OF_INTERRUPT
    ret

check_rtc_time:
    rtc_read 0x0d
    and $0x80, %eax
    check "the clock's memory is valid", %eax, $0x80
    rtc_read 0
    mov %eax, %ebx
    and $0x0f, %ebx
    cmp $10, %ebx
    setb %bl
    cmp $0x60, %al
    setb %bh
    and %bh, %bl
    movzbl %bl, %ebx
    check "seconds are BCD below 60", %ebx, $1
    ret

.balign 4, 0
cause:
    .long 0
