# From protected mode to real mode and back, several times: segments, the vector table, interrupts.
.include "lib/start.s"
.include "lib/check.s"
.include "lib/timer.s"

.set RESULTS, 0x600                 # words and doublewords that real mode leaves here, physical
.set OUR_VECTOR, 0x60

main:
    call pic_initialize
    call real_initialize

    call_real segments
    check "selector of CS", RESULTS, $REAL_SEGMENT
    check "any selector in FS", RESULTS + 4, $0xabcd
    check "memory at 1234:0005", 0x12345, $0xdeadbeef
    check "above 1 MiB by FFFF:0010", RESULTS + 8, $MULTIBOOT_MAGIC
    check "PE by SMSW in real mode", RESULTS + 12, $0

    call_real interrupt
    check "AX through INT", RESULTS, $0x1235
    check "stack of INT takes six bytes", RESULTS + 4, $6
    check "CS pushed by INT", RESULTS + 8, $REAL_SEGMENT
    check "IF in the handler", RESULTS + 12, $0
    check "IF after IRET", RESULTS + 16, $0x200
    check "flags returned in the frame", RESULTS + 20, $1

    call_real divide
    check "division by zero: vector 0 taken", RESULTS, $1
    check "its IP is the division's", RESULTS + 4, $divide_instruction - real_begin

    call_real single_steps
    check "single steps in real mode", RESULTS, $9
    check "the last behind the POPF that clears TF", RESULTS + 4, $stepped - real_begin
    check "TF in the handler of INT", RESULTS + 8, $0

    call_real timer_interrupt
    check "timer interrupt in real mode", RESULTS, $1

    call_real far_call
    check "CS pushed by a far call", RESULTS, $REAL_SEGMENT
    check "CS at another segment", RESULTS + 4, $REAL_SEGMENT - 0x100
    check "CS after the return", RESULTS + 8, $REAL_SEGMENT

    call_real strings
    check "STOSB at offset FFFF", 0x2fffc, $0x61000000
    check "STOSB goes on at offset 0", 0x20000, $0x00006161
    check "DI has wrapped", RESULTS, $2

    call_real wide_operands
    check "32-bit addition", RESULTS, $0x11111110
    check "32-bit address", RESULTS + 4, $0x13579bdf
    check "upper half kept by 16-bit moves", RESULTS + 8, $0x1234ffff

    movl $0, RESULTS
    mov $20, %ecx
1:  call_real count
    loop 1b
    check "twenty times there and back", RESULTS, $20

    # The processor kept its state meanwhile.
    mov %cs, %eax
    check "CS in protected mode again", %eax, $KERNEL_CODE
    handle 3, count_breakpoint
    int3
    check "INT3 through the IDT again", breakpoints, $1
    jmp verdict

count_breakpoint:
    incl breakpoints
    ret

.balign 4, 0
breakpoints:
    .long 0

.include "lib/real.s"

segments:
    xor %ax, %ax
    mov %ax, %es
    mov %cs, %ax
    movzwl %ax, %eax
    movl %eax, %es:RESULTS
    mov $0xabcd, %ax
    mov %ax, %fs
    xor %eax, %eax
    mov %fs, %ax
    movl %eax, %es:RESULTS + 4
    mov $0x1234, %ax
    mov %ax, %gs
    movl $0xdeadbeef, %gs:5
    mov $0xffff, %ax
    mov %ax, %gs
    movl %gs:0x10, %eax
    movl %eax, %es:RESULTS + 8
    smsw %ax
    and $1, %eax
    movl %eax, %es:RESULTS + 12
    ret

# Makes vector \vector of the table at 0 point to \handler. ES must be 0.
.macro real_handler vector, handler
    movw $\handler - real_begin, %es:\vector * 4
    movw %cs, %es:\vector * 4 + 2
.endm

interrupt:
    xor %ax, %ax
    mov %ax, %es
    real_handler OUR_VECTOR, handle_interrupt
    mov %sp, %bx
    mov $0x1234, %ax
    sti
    int $OUR_VECTOR
    pushfw
    cli
    pop %dx
    movzwl %ax, %eax
    movl %eax, %es:RESULTS
    mov %dx, %ax
    and $0x200, %ax
    movl %eax, %es:RESULTS + 16
    mov %dx, %ax
    and $1, %ax
    movl %eax, %es:RESULTS + 20
    ret
# TF is set before NOP; neither INT, which clears it, nor MOV to SS is followed by a trap (SDM vol. 3, 17.3.1.4).
single_steps:
    xor %ax, %ax
    mov %ax, %es
    real_handler 1, count_step
    real_handler OUR_VECTOR, show_trap_flag
    movl $0, %es:RESULTS
    pushw $0x102
    popfw
    nop
    mov %ss, %ax
    mov %ax, %ss
    nop
    int $OUR_VECTOR
    nop
    mov $2, %cx
    rep lodsb
    pushw $2
    popfw
stepped:
    nop
    ret
count_step:
    push %bp
    mov %sp, %bp
    push %eax
    incl %es:RESULTS
    movzwl 2(%bp), %eax
    movl %eax, %es:RESULTS + 4
    pop %eax
    pop %bp
    iretw
show_trap_flag:
    pushfw
    pop %ax
    and $0x100, %ax
    movzwl %ax, %eax
    movl %eax, %es:RESULTS + 8
    iretw
handle_interrupt:
    push %bp
    mov %sp, %bp
    inc %ax
    push %eax
    sub %bp, %bx
    sub $2, %bx                     # BP itself
    movzwl %bx, %ebx
    movl %ebx, %es:RESULTS + 4
    movzwl 4(%bp), %eax
    movl %eax, %es:RESULTS + 8
    pushfw
    pop %ax
    and $0x200, %eax
    movl %eax, %es:RESULTS + 12
    orw $1, 6(%bp)                  # CF for the caller
    pop %eax
    pop %bp
    iretw

divide:
    xor %ax, %ax
    mov %ax, %es
    real_handler 0, handle_divide
    movl $0, %es:RESULTS
    mov $5, %ax
    xor %bx, %bx
divide_instruction:
    div %bl
    ret
handle_divide:
    push %bp
    mov %sp, %bp
    incl %es:RESULTS
    movzwl 2(%bp), %eax
    movl %eax, %es:RESULTS + 4
    addw $2, 2(%bp)                 # behind DIV
    pop %bp
    iretw

timer_interrupt:
    xor %ax, %ax
    mov %ax, %es
    movl $0, %es:RESULTS
    real_handler IRQ_BASE, handle_timer
    out_byte PIT_COMMAND, 0x30      # mode 0
    out_byte PIC1 + 1, 0xfe
    out_byte PIT_CHANNEL_0, 0
    out_byte PIT_CHANNEL_0, 1
    sti
    hlt
    cli
    out_byte PIC1 + 1, 0xff
    ret
handle_timer:
    push %ax
    incl %es:RESULTS
    out_byte PIC1, PIC_END_OF_INTERRUPT
    pop %ax
    iretw

far_call:
    xor %ax, %ax
    mov %ax, %es
    .byte 0x9a                      # CALL to the same code by a segment 4 KiB lower
    .word far_routine - real_begin + 0x1000, REAL_SEGMENT - 0x100
    mov %cs, %ax
    movzwl %ax, %eax
    movl %eax, %es:RESULTS + 8
    ret
far_routine:
    mov %sp, %bp
    movzwl 2(%bp), %eax
    movl %eax, %es:RESULTS
    mov %cs, %ax
    movzwl %ax, %eax
    movl %eax, %es:RESULTS + 4
    lretw

strings:
    mov $0x2000, %ax
    mov %ax, %es
    movl $0, %es:0
    movl $0, %es:0xfffc
    mov $0xffff, %di
    mov $3, %cx
    mov $0x61, %al
    cld
    rep stosb
    xor %ax, %ax
    mov %ax, %es
    movzwl %di, %edi
    movl %edi, %es:RESULTS
    ret

wide_operands:
    xor %ax, %ax
    mov %ax, %es
    mov $0x8888888, %eax
    add %eax, %eax
    movl %eax, %es:RESULTS
    movl $0x13579bdf, %es:0x700
    mov $0x600, %ebx
    mov $0x40, %ecx
    movl %es:(%ebx,%ecx,4), %eax
    movl %eax, %es:RESULTS + 4
    mov $0x12345678, %eax
    mov $0xffff, %ax
    movl %eax, %es:RESULTS + 8
    ret

count:
    xor %ax, %ax
    mov %ax, %es
    incl %es:RESULTS
    ret
real_end:
.code32
