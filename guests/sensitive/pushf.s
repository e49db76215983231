# PUSHF (SDM vol. 2): shows IF and IOPL as the program set them.
.include "lib/start.s"
.include "lib/rings.s"

.set IF, 0x200
.set IOPL, 0x3000

.macro check_flags name, mask, want
    pushfl
    pop %eax
    and $\mask, %eax
    check \name, %eax, $\want
.endm

main:
    call rings_initialize
    cli
    check_flags "IF after CLI", IF, 0
    sti
    check_flags "IF after STI", IF, IF
    cli
    check_flags "IOPL at the start", IOPL, 0
    push $IOPL + 2
    popfl
    check_flags "IOPL after it was set", IOPL, IOPL
    push $0x1002
    popfl
    check_flags "IOPL 1 after it was set", IOPL, 0x1000
    push $2
    popfl
    check_flags "reserved bits and VM, RF", 0x3802a, 2

    push $0x8d7                     # OF, SF, ZF, AF, PF, CF
    popfl
    check_flags "status flags", 0x8d5, 0x8d5
    std
    pushfl
    cld
    pop %eax
    and $0x400, %eax
    check "DF after STD", %eax, $0x400

    mov %esp, %ebx
    pushfw
    sub %esp, %ebx
    popw %cx
    check "a 16-bit PUSHF takes two bytes", %ebx, $2
    and $IF, %ecx
    check "IF in a 16-bit PUSHF after CLI", %ecx, $0

    movl $IF + 2, ring_eflags
    at_ring 3, 1f
    pushfl
    pop %eax
    int $DONE
1:  mov result_eax, %eax
    and $IF + IOPL, %eax
    check "IF set in ring 3", %eax, $IF
    movl $2, ring_eflags
    at_ring 3, 1f
    pushfl
    pop %eax
    int $DONE
1:  mov result_eax, %eax
    and $IF + IOPL, %eax
    check "IF clear in ring 3", %eax, $0
    movl $IF + IOPL + 2, ring_eflags
    at_ring 3, 1f
    pushfl
    pop %eax
    int $DONE
1:  mov result_eax, %eax
    and $IF + IOPL, %eax
    check "IOPL 3 in ring 3", %eax, $IF + IOPL
    movl $0x1002, ring_eflags
    at_ring 1, 1f
    pushfl
    pop %eax
    int $DONE
1:  mov result_eax, %eax
    and $IF + IOPL, %eax
    check "IOPL 1 in ring 1", %eax, $0x1000
    jmp verdict
