# Far JMP (SDM vol. 2, JMP): loads CS, with the ring one is in as its RPL.
.include "lib/start.s"
.include "lib/rings.s"

.macro far_jump selector, offset
    .byte 0xea
    .long \offset
    .word \selector
.endm

main:
    call rings_initialize
    mov $gate_target, %eax
    mov %ax, gdt_call_gate
    shr $16, %eax
    mov %ax, gdt_call_gate + 6

    far_jump KERNEL_CODE, 1f
1:  mov %cs, %eax
    check "CS after a jump in ring 0", %eax, $KERNEL_CODE

    ljmp *pointer
pointer_target:
    mov %cs, %eax
    check "CS after an indirect jump in ring 0", %eax, $KERNEL_CODE

    far_jump CONFORMING_CODE, 1f
1:  mov %cs, %eax
    far_jump KERNEL_CODE, 1f
1:  check "CS in conforming code, in ring 0", %eax, $CONFORMING_CODE

    at_ring 0, 1f
    far_jump CALL_GATE, 0
1:  check_done "jump through a gate in ring 0"
    check "CS behind the gate", result_eax, $KERNEL_CODE

    at_ring 3, 1f
    far_jump CALL_GATE, 0
1:  check_fault "jump through a gate from ring 3", 13, KERNEL_CODE

    at_ring 3, 1f
    far_jump USER_CODE, 2f
2:  mov %cs, %eax
    int $DONE
1:  check "CS after a jump in ring 3", result_eax, $USER_CODE

    at_ring 3, 1f
    far_jump CONFORMING_CODE, 2f
2:  mov %cs, %eax
    int $DONE
1:  check "CS in conforming code, in ring 3", result_eax, $CONFORMING_CODE + 3

    at_ring 1, 1f
    far_jump RING1_CODE - 1, 2f
2:  mov %cs, %eax
    int $DONE
1:  check "CS after a jump in ring 1", result_eax, $RING1_CODE

    at_ring 1, 1f
    far_jump KERNEL_CODE, 2f
2:  int $DONE
1:  check_fault "jump to ring 0 code from ring 1", 13, KERNEL_CODE

    at_ring 3, 1f
    far_jump KERNEL_CODE, 2f
2:  int $DONE
1:  check_fault "jump to ring 0 code from ring 3", 13, KERNEL_CODE

    at_ring 0, 1f
    far_jump RING1_CODE, 2f
2:  int $DONE
1:  check_fault "jump to ring 1 code from ring 0", 13, RING1_CODE - 1

    at_ring 0, 1f
    far_jump 0, 2f
2:  int $DONE
1:  check_fault "jump to the null selector", 13, 0

    at_ring 0, 1f
    far_jump GDT_LIMIT + 1, 2f
2:  int $DONE
1:  check_fault "jump beyond the GDT", 13, GDT_LIMIT + 1
    jmp verdict

gate_target:
    mov %cs, %eax
    int $DONE

pointer:
    .long pointer_target
    .word KERNEL_CODE
