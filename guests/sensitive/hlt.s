# HLT (SDM vol. 2): ring 0 only; an interrupt ends it and returns behind it.
.include "lib/start.s"
.include "lib/rings.s"
.include "lib/timer.s"

main:
    call rings_initialize
    call pic_initialize
    at_ring 3, 1f
2:  hlt
    int $DONE
1:  check_fault "HLT in ring 3", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 1, 1f
    hlt
    int $DONE
1:  check_fault "HLT in ring 1", 13, 0
    movl $0x3002, ring_eflags
    at_ring 3, 1f
    hlt
    int $DONE
1:  check_fault "HLT in ring 3 with IOPL 3", 13, 0

    # An interrupt that is already pending at STI must end the HLT behind it.
    cli
    call request_timer_interrupt
    sti
    hlt
    cli
    check "pending interrupt ends STI, HLT", ticks, $1

    start_ticking 1000
    mov $5, %ebx
1:  sti
    hlt
    cli
    dec %ebx
    jnz 1b
    out_byte PIC1 + 1, 0xff
    mov ticks, %eax
    check "five HLTs wait for five ticks", %eax, $6
    jmp verdict
