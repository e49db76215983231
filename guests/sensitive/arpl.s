# ARPL (SDM vol. 2): raises a selector's RPL to another's; kernels give it their caller's CS.
.include "lib/start.s"
.include "lib/rings.s"

# Prints a check of the selector and, in bit 16, of ZF.
.macro arpl_case name, destination, source, want, zf
    mov $\destination, %eax
    mov $\source, %ebx
    arpl %bx, %ax
    setz %cl
    movzwl %ax, %eax
    movzbl %cl, %ecx
    shl $16, %ecx
    or %ecx, %eax
    check \name, %eax, $(\zf << 16) | (\want)
.endm

main:
    call rings_initialize
    arpl_case "RPL 0 by RPL 3", 0x10, 0x1b, 0x13, 1
    arpl_case "RPL 1 by RPL 2", 0x29, 0x3a, 0x2a, 1
    arpl_case "RPL 3 by RPL 0", 0x1b, 0x08, 0x1b, 0
    arpl_case "RPL 2 by RPL 2", 0x3a, 0x42, 0x3a, 0

    mov $KERNEL_DATA, %eax
    mov %cs, %ebx
    arpl %bx, %ax
    check "RPL 0 by CS in ring 0", %eax, $KERNEL_DATA

    movl $0xffff0010, stored
    mov $3, %ebx
    arpl %bx, stored
    check "in memory", stored, $0xffff0013

    at_ring 3, 1f
    mov $KERNEL_DATA, %eax
    mov %cs, %ebx
    arpl %bx, %ax
    int $DONE
1:  check_done "ARPL in ring 3"
    check "RPL 0 by CS in ring 3", result_eax, $KERNEL_DATA + 3
    jmp verdict

.balign 4, 0
stored:
    .long 0
