# POPF (SDM vol. 2, table of POPF's effect): IF changes where CPL <= IOPL, IOPL in ring 0 only; elsewhere
# they silently stay. IF is judged by whether a pending interrupt is taken.
.include "lib/start.s"
.include "lib/rings.s"
.include "lib/timer.s"

.set IF, 0x200

main:
    call rings_initialize
    call pic_initialize

    cli
    call request_timer_interrupt
    check "no interrupt while IF is clear", ticks, $0
    push $IF + 2
    popfl
    nop
    cli
    check "POPF enables interrupts in ring 0", ticks, $1

    movl $0, ticks
    sti
    push $2
    popfl
    call request_timer_interrupt
    nop
    check "POPF disables interrupts in ring 0", ticks, $0
    sti
    nop
    cli
    check "the interrupt was only delayed", ticks, $1

    movl $0, ticks
    movl $2, ring_eflags
    call request_timer_interrupt
    at_ring 3, 1f
    push $IF + 2
    popfl
    nop
    int $DONE
1:  check_done "POPF in ring 3"
    check "POPF in ring 3 does not enable", ticks, $0
    movl $0x3002, ring_eflags       # IOPL 3
    at_ring 3, 1f
    push $IF + 0x3002
    popfl
    nop
    int $DONE
1:  check "POPF in ring 3 with IOPL 3 enables", ticks, $1

    movl $0, ticks
    movl $0x1002, ring_eflags       # IOPL 1
    call request_timer_interrupt
    at_ring 1, 1f
    push $IF + 0x1002
    popfl
    nop
    int $DONE
1:  check "POPF in ring 1 with IOPL 1 enables", ticks, $1

    # IOPL, judged by what OUT does in ring 3.
    movl $0x3002, ring_eflags
    at_ring 3, 1f
    push $2                         # IOPL stays 3
    popfl
    outb %al, $0x80
    int $DONE
1:  check_done "POPF in ring 3 does not change IOPL"
    movl $2, ring_eflags
    at_ring 3, 1f
    push $0x3002                    # IOPL stays 0
    popfl
    outb %al, $0x80
    int $DONE
1:  check_fault "POPF in ring 3 does not raise IOPL", 13, 0

    push $0x3002
    popfl
    push $0x2002
    popfl
    pushfl
    pop %eax
    and $0x3000, %eax
    check "POPF sets IOPL in ring 0", %eax, $0x2000

    push $0xffff8ad7 & 0x8d5        # the status flags
    popfl
    pushfl
    pop %eax
    and $0x8d5, %eax
    check "POPF sets the status flags", %eax, $0x8d5
    push $0x200002                  # ID
    popfl
    pushfl
    pop %eax
    and $0x200000, %eax
    check "POPF sets ID", %eax, $0x200000

    # The 16-bit form leaves the high half.
    pushw $2
    popfw
    pushfl
    pop %eax
    and $0x203000, %eax
    check "16-bit POPF keeps ID and clears IOPL", %eax, $0x200000
    jmp verdict
