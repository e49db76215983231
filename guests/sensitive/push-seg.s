# PUSH of a segment register (SDM vol. 2, PUSH): the stored selector shows the ring. Of a 32-bit push only
# the low 16 bits are looked at: processors differ in whether they write the others.
.include "lib/start.s"
.include "lib/rings.s"

.macro check_push name, register, want
    push %\register
    pop %eax
    movzwl %ax, %eax
    check \name, %eax, $\want
.endm

main:
    call rings_initialize
    check_push "push CS in ring 0", cs, KERNEL_CODE
    check_push "push SS in ring 0", ss, KERNEL_DATA
    check_push "push DS in ring 0", ds, KERNEL_DATA
    check_push "push ES in ring 0", es, KERNEL_DATA
    check_push "push FS in ring 0", fs, KERNEL_DATA
    check_push "push GS in ring 0", gs, KERNEL_DATA

    mov %esp, %ebx
    push %cs
    sub %esp, %ebx
    pop %eax
    check "a 32-bit push takes four bytes", %ebx, $4
    mov %esp, %ebx
    pushw %cs
    sub %esp, %ebx
    popw %cx
    check "a 16-bit push takes two bytes", %ebx, $2
    movzwl %cx, %ecx
    check "16-bit push CS in ring 0", %ecx, $KERNEL_CODE

    at_ring 3, 1f
    push %cs
    pop %eax
    push %ss
    pop %ebx
    push %ds
    pop %ecx
    movzwl %ax, %eax
    movzwl %bx, %ebx
    movzwl %cx, %ecx
    int $DONE
1:  check_done "push in ring 3"
    check "push CS in ring 3", result_eax, $USER_CODE
    check "push SS in ring 3", result_ebx, $USER_DATA
    check "push DS in ring 3", result_ecx, $USER_DATA

    at_ring 1, 1f
    push %cs
    pop %eax
    push %ss
    pop %ebx
    movzwl %ax, %eax
    movzwl %bx, %ebx
    int $DONE
1:  check "push CS in ring 1", result_eax, $RING1_CODE
    check "push SS in ring 1", result_ebx, $RING1_DATA

    at_ring 2, 1f
    push %cs
    pop %eax
    push %ss
    pop %ebx
    movzwl %ax, %eax
    movzwl %bx, %ebx
    int $DONE
1:  check "push CS in ring 2", result_eax, $RING2_CODE
    check "push SS in ring 2", result_ebx, $RING2_DATA
    jmp verdict
