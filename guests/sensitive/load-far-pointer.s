# LDS, LES, LFS, LGS and LSS (SDM vol. 2): a segment register and an offset at once, or neither.
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize
    at_ring 0, 1f
    les kernel_pointer, %ebx
    mov %es, %eax
    int $DONE
1:  check "ES by LES in ring 0", result_eax, $KERNEL_DATA
    check "offset by LES", result_ebx, $0x12345678
    at_ring 0, 1f
    lfs user_pointer, %ebx
    mov %fs, %eax
    int $DONE
1:  check "FS by LFS", result_eax, $USER_DATA
    at_ring 0, 1f
    lgs ring1_pointer, %ebx
    mov %gs, %eax
    int $DONE
1:  check "GS by LGS", result_eax, $RING1_DATA
    at_ring 0, 1f
    lds user_pointer, %ebx
    mov %ds, %eax
    int $DONE
1:  check "DS by LDS", result_eax, $USER_DATA

    mov %esp, stack_pointer
    lss stack_pointer, %esp
    mov %ss, %eax
    check "SS by LSS in ring 0", %eax, $KERNEL_DATA

    at_ring 0, 1f
    mov $0x55, %esi
    lss user_pointer, %esi
    int $DONE
1:  check_fault "LSS of ring 3 data in ring 0", 13, USER_DATA - 3
    check "offset register after the fault", result_esi, $0x55

    at_ring 3, 1f
    mov $0x55, %ebx
    lds kernel_pointer, %ebx
    int $DONE
1:  check_fault "LDS of ring 0 data in ring 3", 13, KERNEL_DATA
    check "offset after the fault", result_ebx, $0x55
    check "DS after the fault", result_ds, $USER_DATA
    at_ring 3, 1f
    les absent_pointer, %ebx
    int $DONE
1:  check_fault "LES of an absent segment", 11, ABSENT_DATA
    at_ring 3, 1f
    les null_pointer, %ebx
    mov %es, %eax
    int $DONE
1:  check_done "LES of the null selector"
    check "ES with the null selector", result_eax, $0
    at_ring 1, 1f
    les kernel_pointer, %ebx
    int $DONE
1:  check_fault "LES of ring 0 data in ring 1", 13, KERNEL_DATA
    at_ring 0, 1f
    .byte 0xc5, 0xc0                # LDS with a register operand
    int $DONE
1:  check_fault "LDS of a register", 6, 0
    jmp verdict

.balign 4, 0
kernel_pointer:
    .long 0x12345678, KERNEL_DATA
user_pointer:
    .long 0x12345678, USER_DATA
ring1_pointer:
    .long 0x12345678, RING1_DATA
absent_pointer:
    .long 0x12345678, ABSENT_DATA
null_pointer:
    .long 0x12345678, 0
stack_pointer:
    .long 0, KERNEL_DATA
