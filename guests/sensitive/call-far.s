# Far CALL (SDM vol. 2, CALL; vol. 3, section 5.8): the pushed CS shows the ring, and call gates enter
# inner rings.
.include "lib/start.s"
.include "lib/rings.s"

.macro far_call selector, offset
    .byte 0x9a
    .long \offset
    .word \selector
.endm

main:
    call rings_initialize
    mov $gate_target, %eax
    mov %ax, gdt_call_gate
    shr $16, %eax
    mov %ax, gdt_call_gate + 6
    movw $0xec02, gdt_call_gate + 4 # two parameters, DPL 3

    far_call KERNEL_CODE, 1f
1:  pop %eax
    pop %ebx
    movzwl %bx, %ebx
    check "return address pushed", %eax, $1b
    check "CS pushed in ring 0", %ebx, $KERNEL_CODE

    lcall *pointer
pointer_return:
    check "indirect call comes back", $0, $0

    # Through the gate within ring 0: no stack switch, no parameters copied.
    at_ring 0, 1f
    mov %esp, %edi
    push $0x1111
    push $0x2222
    far_call CALL_GATE, 0
1:  check_done "gate called in ring 0"
    check "CS behind the gate, called in ring 0", result_eax, $KERNEL_CODE
    check "CS pushed by the gate in ring 0", result_ecx, $KERNEL_CODE
    mov result_edi, %eax
    sub result_esi, %eax
    check "stack used within ring 0", %eax, $16

    at_ring 3, 1f
    push $0x1111
    push $0x2222
    mov %esp, %edi
    far_call CALL_GATE, 0
1:  check_done "gate called in ring 3"
    check "CS behind the gate", result_eax, $KERNEL_CODE
    check "SS behind the gate", result_ebx, $KERNEL_DATA
    check "CS pushed by the gate", result_ecx, $USER_CODE
    check "ESP behind the gate", result_esi, $interrupt_stack_top - 24
    check "first parameter copied", interrupt_stack_top - 16, $0x2222
    check "second parameter copied", interrupt_stack_top - 12, $0x1111
    check "ESP pushed by the gate", interrupt_stack_top - 8, result_edi
    movzwl interrupt_stack_top - 4, %eax
    check "SS pushed by the gate", %eax, $USER_DATA

    at_ring 1, 1f
    push $0x1111
    push $0x2222
    far_call CALL_GATE + 1, 0
1:  check_done "gate called in ring 1"
    check "CS behind the gate, called in ring 1", result_eax, $KERNEL_CODE
    check "CS pushed by the gate in ring 1", result_ecx, $RING1_CODE
    check "ESP behind the gate, called in ring 1", result_esi, $interrupt_stack_top - 24

    at_ring 3, 1f
    far_call CONFORMING_CODE, 2f
2:  mov %cs, %eax
    pop %ebx
    pop %ebx
    movzwl %bx, %ebx
    int $DONE
1:  check "CS in conforming code called from ring 3", result_eax, $CONFORMING_CODE + 3
    check "CS pushed on the way there", result_ebx, $USER_CODE

    at_ring 3, 1f
    far_call KERNEL_CODE, 2f
2:  int $DONE
1:  check_fault "ring 0 code called from ring 3", 13, KERNEL_CODE

    at_ring 0, 1f
    far_call USER_CODE, 2f
2:  int $DONE
1:  check_fault "ring 3 code called from ring 0", 13, USER_CODE - 3

    at_ring 0, 1f
    far_call KERNEL_DATA, 2f
2:  int $DONE
1:  check_fault "call to a data segment", 13, KERNEL_DATA

    at_ring 0, 1f
    far_call 0, 2f
2:  int $DONE
1:  check_fault "call to the null selector", 13, 0

    andb $0x7f, gdt_call_gate + 5
    at_ring 3, 1f
    far_call CALL_GATE, 0
1:  check_fault "call to an absent gate", 11, CALL_GATE
    movb $0x8c, gdt_call_gate + 5
    at_ring 3, 1f
    far_call CALL_GATE, 0
1:  check_fault "call from ring 3 to a gate of DPL 0", 13, CALL_GATE
    jmp verdict

far_target:
    lretl

pointer:
    .long far_target
    .word KERNEL_CODE

gate_target:
    mov %cs, %eax
    mov %ss, %ebx
    movzwl 4(%esp), %ecx
    mov %esp, %esi
    int $DONE
