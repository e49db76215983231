# Far RET (SDM vol. 2, RET): the RPL of the popped CS says which ring to return to.
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize

    mov %esp, %ebx
    push $KERNEL_CODE
    push $1f
    lretl
1:  sub %esp, %ebx
    mov %cs, %ecx
    check "ESP after a return within ring 0", %ebx, $0
    check "CS after a return within ring 0", %ecx, $KERNEL_CODE

    mov %esp, %ebx
    push $0x1111
    push $0x2222
    push $KERNEL_CODE
    push $1f
    lretl $8
1:  sub %esp, %ebx
    check "RET 8 releases the parameters", %ebx, $0

    at_ring 0, 1f
    push $USER_DATA
    push $ring_stack_top
    push $USER_CODE
    push $2f
    lretl
2:  mov %cs, %eax
    mov %ss, %ebx
    mov %ds, %ecx
    mov %esp, %edx
    int $DONE
1:  check_done "return to ring 3"
    check "CS after the return to ring 3", result_eax, $USER_CODE
    check "SS after the return to ring 3", result_ebx, $USER_DATA
    check "DS of ring 0 becomes null", result_ecx, $0
    check "ESP after the return to ring 3", result_edx, $ring_stack_top

    at_ring 0, 1f
    mov $USER_DATA, %eax
    mov %eax, %es
    push $USER_DATA
    push $ring_stack_top
    push $0x1111
    push $USER_CODE
    push $2f
    lretl $4
2:  mov %es, %eax
    mov %esp, %ebx
    int $DONE
1:  check "ES of ring 3 stays", result_eax, $USER_DATA
    check "RET 4 releases on both stacks", result_ebx, $ring_stack_top + 4

    at_ring 0, 1f
    push $RING1_DATA
    push $ring_stack_top
    push $RING1_CODE
    push $2f
    lretl
2:  mov %cs, %eax
    mov %ss, %ebx
    mov %esp, %edx
    int $DONE
1:  check_done "return to ring 1"
    check "CS after the return to ring 1", result_eax, $RING1_CODE
    check "SS after the return to ring 1", result_ebx, $RING1_DATA
    check "ESP after the return to ring 1", result_edx, $ring_stack_top

    at_ring 3, 1f
    push $KERNEL_CODE
    push $2f
    lretl
2:  int $DONE
1:  check_fault "return from ring 3 to ring 0", 13, KERNEL_CODE

    at_ring 1, 1f
    push $KERNEL_CODE
    push $2f
    lretl
2:  int $DONE
1:  check_fault "return from ring 1 to ring 0", 13, KERNEL_CODE

    at_ring 0, 1f
    push $0
    push $2f
    lretl
2:  int $DONE
1:  check_fault "return to the null selector", 13, 0

    at_ring 0, 1f
    push $KERNEL_DATA               # not the stack of ring 3
    push $ring_stack_top
    push $USER_CODE
    push $2f
    lretl
2:  int $DONE
1:  check_fault "return to ring 3 with SS of ring 0", 13, KERNEL_DATA
    jmp verdict
