# MOV to and from debug registers (SDM vol. 3, section 17.2): ring 0 only; fixed bits of DR6 and DR7.
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize
    mov $0x11111111, %eax
    mov %eax, %dr0
    mov $0x22222222, %eax
    mov %eax, %dr1
    mov $0x33333333, %eax
    mov %eax, %dr2
    mov $0x44444444, %eax
    mov %eax, %dr3
    mov %dr0, %ebx
    mov %dr1, %ecx
    mov %dr2, %esi
    mov %dr3, %edi
    check "DR0", %ebx, $0x11111111
    mov %dr1, %eax
    check "DR1", %eax, $0x22222222
    mov %dr2, %eax
    check "DR2", %eax, $0x33333333
    check "DR3", %edi, $0x44444444
    xor %eax, %eax
    mov %eax, %dr6
    mov %dr6, %eax
    check "fixed bits of DR6", %eax, $0xffff0ff0
    xor %eax, %eax
    mov %eax, %dr7
    mov %dr7, %eax
    check "fixed bits of DR7", %eax, $0x400

    at_ring 3, 1f
2:  mov %dr7, %eax
    int $DONE
1:  check_fault "reading DR7 in ring 3", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 3, 1f
    mov %eax, %dr0
    int $DONE
1:  check_fault "writing DR0 in ring 3", 13, 0
    at_ring 1, 1f
    mov %eax, %dr7
    int $DONE
1:  check_fault "writing DR7 in ring 1", 13, 0

    # A breakpoint on execution, and the bit that says which.
    mov $2f, %eax
    mov %eax, %dr1
    mov $4, %eax                    # L1, execution, one byte
    mov %eax, %dr7
    at_ring 3, 1f
    nop
2:  nop
    int $DONE
1:  xor %eax, %eax
    mov %eax, %dr7
    check "vector of the breakpoint", result_vector, $1
    check "EIP of the breakpoint", result_eip, $2b
    mov %dr6, %eax
    and $0xf, %eax
    check "DR6 names DR1", %eax, $2

    # A data breakpoint reports behind the write.
    mov $watched, %eax
    mov %eax, %dr2
    mov $0x0d000010, %eax           # L2, write, four bytes
    mov %eax, %dr7
    xor %eax, %eax
    mov %eax, %dr6
    at_ring 3, 1f
    movl $5, watched
2:  nop
    int $DONE
1:  xor %eax, %eax
    mov %eax, %dr7
    check "vector of the watchpoint", result_vector, $1
    check "EIP of the watchpoint", result_eip, $2b
    check "the write was done", watched, $5
    mov %dr6, %eax
    and $0xf, %eax
    check "DR6 names DR2", %eax, $4

    # Single step: one instruction, then BS.
    xor %eax, %eax
    mov %eax, %dr6
    movl $0x102, ring_eflags
    at_ring 3, 1f
    nop
2:  nop
    int $DONE
1:  check "vector of the single step", result_vector, $1
    check "EIP of the single step", result_eip, $2b
    mov %dr6, %eax
    and $0xe00f, %eax
    check "DR6 names the single step", %eax, $0x4000
    jmp verdict

.balign 4, 0
watched:
    .long 0
