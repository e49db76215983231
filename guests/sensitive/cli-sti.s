# CLI and STI (SDM vol. 2): IOPL-sensitive, and STI's shadow. IF is judged by whether a pending interrupt is
# taken, never read.
.include "lib/start.s"
.include "lib/rings.s"
.include "lib/timer.s"

main:
    call rings_initialize
    call pic_initialize

    cli
    call request_timer_interrupt
    nop
    check "CLI holds interrupts back", ticks, $0
    sti
    cli                             # still in STI's shadow
    check "STI then CLI lets none in", ticks, $0
    sti
    nop
    cli
    check "STI lets it in after one instruction", ticks, $1

    # The instruction behind STI still runs before the interrupt.
    movl $0, ticks
    call request_timer_interrupt
    sti
    mov ticks, %ebx
    mov ticks, %ecx
    cli
    check "ticks right behind STI", %ebx, $0
    check "ticks one instruction later", %ecx, $1

    # A second STI opens no second shadow.
    movl $0, ticks
    call request_timer_interrupt
    sti
    sti
    cli
    check "STI, STI, CLI lets it in", ticks, $1

    movl $2, ring_eflags
    at_ring 3, 1f
    cli
    int $DONE
1:  check_fault "CLI in ring 3 with IOPL 0", 13, 0
    at_ring 3, 1f
    sti
    int $DONE
1:  check_fault "STI in ring 3 with IOPL 0", 13, 0
    at_ring 1, 1f
    cli
    int $DONE
1:  check_fault "CLI in ring 1 with IOPL 0", 13, 0
    movl $0x1002, ring_eflags
    at_ring 1, 1f
    cli
    int $DONE
1:  check_done "CLI in ring 1 with IOPL 1"
    at_ring 2, 1f
    sti
    int $DONE
1:  check_fault "STI in ring 2 with IOPL 1", 13, 0

    movl $0, ticks
    movl $0x3202, ring_eflags       # IOPL 3, IF set
    at_ring 3, 1f
    cli
    int $DONE
1:  check_done "CLI in ring 3 with IOPL 3"
    mov result_eflags, %eax
    and $0x200, %eax
    check "IF after CLI in ring 3 with IOPL 3", %eax, $0
    call request_timer_interrupt
    movl $0x3002, ring_eflags
    at_ring 3, 1f
    sti
    nop
    int $DONE
1:  check_done "STI in ring 3 with IOPL 3"
    check "STI in ring 3 with IOPL 3 lets it in", ticks, $1
    jmp verdict
