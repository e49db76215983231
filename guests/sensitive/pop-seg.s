# POP of a segment register (SDM vol. 2, POP): checked like MOV; a fault leaves ESP alone.
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize

    push $KERNEL_DATA
    pop %ss
    mov %ss, %eax
    check "SS popped in ring 0", %eax, $KERNEL_DATA
    push $RING2_DATA
    pop %fs
    mov %fs, %eax
    check "FS popped with RPL 2", %eax, $RING2_DATA
    push $0
    pop %gs
    mov %gs, %eax
    check "GS popped with the null selector", %eax, $0

    mov %esp, %ebx
    push $KERNEL_DATA
    pop %es
    sub %esp, %ebx
    check "a 32-bit pop gives four bytes back", %ebx, $0
    mov %esp, %ebx
    pushw $KERNEL_DATA
    popw %es
    sub %esp, %ebx
    check "a 16-bit pop gives two bytes back", %ebx, $0

    at_ring 0, 1f
    push $KERNEL_DATA + 3
    mov %esp, %edi
    pop %es
    int $DONE
1:  check_fault "ring 0 data popped with RPL 3, in ring 0", 13, KERNEL_DATA

    at_ring 0, 1f
    push $RING1_DATA
    pop %ss
    int $DONE
1:  check_fault "ring 1 data popped to SS, in ring 0", 13, RING1_DATA - 1

    at_ring 0, 1f
    push $0
    pop %ss
    int $DONE
1:  check_fault "null selector popped to SS", 13, 0

    at_ring 3, 1f
    push $KERNEL_DATA
    mov %esp, %edi
    pop %ds
    int $DONE
1:  check_fault "ring 0 data popped in ring 3", 13, KERNEL_DATA
    check "ESP after the fault", result_esp, result_edi
    check "DS after the fault", result_ds, $USER_DATA

    at_ring 3, 1f
    push $USER_DATA
    pop %ss
    mov %ss, %eax
    int $DONE
1:  check "SS popped in ring 3", result_eax, $USER_DATA

    at_ring 3, 1f
    push $USER_DATA - 3
    pop %ss
    int $DONE
1:  check_fault "SS popped with RPL 0, in ring 3", 13, USER_DATA - 3

    at_ring 1, 1f
    push $KERNEL_DATA
    pop %es
    int $DONE
1:  check_fault "ring 0 data popped in ring 1", 13, KERNEL_DATA

    at_ring 3, 1f
    push $ABSENT_DATA + 3
    pop %fs
    int $DONE
1:  check_fault "absent segment popped", 11, ABSENT_DATA
    jmp verdict
