# Call, interrupt and trap gates of both sizes, from ring 3 and ring 0: the frames they make, the parameters they
# copy, the stacks they switch to, and everything that can be wrong with those; stacks that expand down; returns to
# ring 3 (SDM vol. 3, sections 5.3, 5.8 and 6.12). A line tells what came of each.
.include "lib/start.s"
.include "lib/rings.s"
.include "lib/gates.s"

main:
    call rings_initialize
    call tables_initialize

    scenario "32 bits, no parameters"
    run call_gate
    scenario "32 bits, 2 parameters"
    movb $2, GATES_GDT + GATE + 4
    run call_gate
    scenario "32 bits, 31 parameters"
    movb $31, GATES_GDT + GATE + 4
    run call_gate
    scenario "32 bits, count 34"
    movb $34, GATES_GDT + GATE + 4
    run call_gate
    scenario "16 bits, no parameters"
    call short_gate
    run call_gate
    scenario "16 bits, 3 parameters"
    call short_gate
    movb $3, GATES_GDT + GATE + 4
    run call_gate
    scenario "from ring 0, parameters are not copied"
    movb $2, GATES_GDT + GATE + 4
    run call_gate_inside
    scenario "16 bits from ring 0"
    call short_gate
    run call_gate_inside
    scenario "JMP from ring 0"
    run jump_gate_inside
    scenario "JMP from ring 3"
    run jump_gate
    scenario "JMP from ring 3 to conforming code"
    movw $CONFORMING_CODE, GATES_GDT + GATE + 2
    run jump_gate
    scenario "to conforming code"
    movw $CONFORMING_CODE, GATES_GDT + GATE + 2
    run call_gate
    scenario "EIP beyond the limit"
    movw $SHORT_CODE, GATES_GDT + GATE + 2
    run call_gate
    scenario "to data"
    movw $KERNEL_DATA, GATES_GDT + GATE + 2
    run call_gate
    scenario "to no selector"
    movw $0, GATES_GDT + GATE + 2
    run call_gate
    scenario "beyond the GDT"
    movw $0xfff8, GATES_GDT + GATE + 2
    run call_gate
    scenario "to absent code"
    movw $ABSENT_CODE, GATES_GDT + GATE + 2
    run call_gate
    scenario "to code of ring 3"
    movw $USER_CODE, GATES_GDT + GATE + 2
    run call_gate
    scenario "gate absent"
    movb $0x6c, GATES_GDT + GATE + 5
    run call_gate
    scenario "gate of ring 0"
    movb $0x8c, GATES_GDT + GATE + 5
    run call_gate

    scenario "SS1 null"
    call middle_gate
    movl $0, tss + tss_ss1
    run call_gate
    scenario "SS1 with RPL 3"
    call middle_gate
    movl $RING1_DATA + 2, tss + tss_ss1
    run call_gate
    scenario "SS1 of ring 3"
    call middle_gate
    movl $USER_DATA, tss + tss_ss1
    run call_gate
    scenario "SS1 of code"
    call middle_gate
    movl $RING1_CODE, tss + tss_ss1
    run call_gate
    scenario "SS1 absent"
    call middle_gate
    movl $ABSENT_STACK, tss + tss_ss1
    run call_gate
    scenario "SS1 beyond the GDT"
    call middle_gate
    movl $0xfff8, tss + tss_ss1
    run call_gate
    scenario "room for all but one of four"
    call middle_gate
    movl $SMALL_STACK, tss + tss_ss1
    movl $0x0c, tss + tss_esp1
    run call_gate
    scenario "room for just four"
    call middle_gate
    movl $SMALL_STACK, tss + tss_ss1
    movl $0x10, tss + tss_esp1
    run call_gate
    scenario "ESP1 beyond the limit"
    call middle_gate
    movl $SMALL_STACK, tss + tss_ss1
    movl $0x1001, tss + tss_esp1
    run call_gate
    scenario "ESP1 at the limit"
    call middle_gate
    movl $SMALL_STACK, tss + tss_ss1
    movl $0x1000, tss + tss_esp1
    run call_gate
    scenario "an inner stack that expands down"
    call middle_gate
    movl $DOWN_STACK, tss + tss_ss1
    movl $0x1010, tss + tss_esp1
    run call_gate
    scenario "without room"
    call middle_gate
    movl $DOWN_STACK, tss + tss_ss1
    movl $0x100c, tss + tss_esp1
    run call_gate
    scenario "an inner stack of 16 bits"
    call middle_gate
    movl $WORD_STACK, tss + tss_ss1
    movl $0x12340fc0, tss + tss_esp1
    run call_gate
    scenario "an inner stack of 16 bits, SP1 zero"
    call middle_gate
    movl $WORD_STACK, tss + tss_ss1
    movl $0x12340000, tss + tss_esp1
    run call_gate
    scenario "an inner stack of 16 bits, by INT"
    mov $0xee00, %eax
    call long_vector
    movw $RING1_CODE, idt + VECTOR * 8 + 2
    movl $WORD_STACK, tss + tss_ss1
    movl $0x12340fc0, tss + tss_esp1
    run interrupt
    scenario "parameters beyond the outer limit"
    call middle_gate
    movb $2, GATES_GDT + GATE + 4
    movl $USER_SMALL_STACK, user_stack
    movl $0xffa, user_pointer
    run call_gate
    scenario "parameters at the outer limit"
    call middle_gate
    movb $2, GATES_GDT + GATE + 4
    movl $USER_SMALL_STACK, user_stack
    movl $0xff8, user_pointer
    run call_gate
    scenario "TSS without SS1"
    call middle_gate
    mov $0x11 - 1, %ecx
    call limit_tss
    run call_gate
    scenario "TSS that ends with SS1"
    call middle_gate
    mov $0x13, %ecx
    call limit_tss
    run call_gate
    scenario "a 16-bit TSS"
    call middle_gate
    call short_tss
    run call_gate
    scenario "a 16-bit TSS without SS1"
    call middle_gate
    call short_tss
    mov $8, %ecx
    call limit_tss
    run call_gate
    scenario "a 16-bit TSS, 16-bit gate"
    call short_tss
    call short_gate
    run call_gate

    scenario "interrupt gate, 32 bits"
    mov $0xee00, %eax
    call long_vector
    run interrupt
    scenario "trap gate, 32 bits"
    mov $0xef00, %eax
    call long_vector
    run interrupt
    scenario "interrupt gate, 16 bits"
    mov $0xe600, %eax
    call short_vector
    run interrupt
    scenario "trap gate, 16 bits"
    mov $0xe700, %eax
    call short_vector
    run interrupt
    scenario "interrupt gate, 16 bits, from ring 0"
    mov $0xe600, %eax
    call short_vector
    run interrupt_inside
    scenario "interrupt gate, 32 bits, from virtual-8086 mode"
    mov $0xee00, %eax
    call long_vector
    run virtual
    scenario "trap gate, 16 bits, from virtual-8086 mode"
    mov $0xe700, %eax
    call short_vector
    run virtual
    scenario "from virtual-8086 mode to ring 1"
    mov $0xee00, %eax
    call long_vector
    movw $RING1_CODE, idt + VECTOR * 8 + 2
    run virtual
    scenario "from virtual-8086 mode to conforming code"
    mov $0xee00, %eax
    call long_vector
    movw $CONFORMING_CODE, idt + VECTOR * 8 + 2
    run virtual
    scenario "from virtual-8086 mode through a gate of ring 0"
    mov $0xee00, %eax
    call long_vector
    movb $0x8e, idt + VECTOR * 8 + 5
    run virtual
    scenario "INT with room for four of five"
    mov $0xee00, %eax
    call long_vector
    movw $RING1_CODE, idt + VECTOR * 8 + 2
    movl $SMALL_STACK, tss + tss_ss1
    movl $0x10, tss + tss_esp1
    run interrupt
    scenario "INT with SS1 null"
    mov $0xee00, %eax
    call long_vector
    movw $RING1_CODE, idt + VECTOR * 8 + 2
    movl $0, tss + tss_ss1
    run interrupt
    scenario "gate to conforming code"
    mov $0xee00, %eax
    call long_vector
    movw $CONFORMING_CODE, idt + VECTOR * 8 + 2
    run interrupt
    scenario "gate to no selector"
    mov $0xee00, %eax
    call long_vector
    movw $0, idt + VECTOR * 8 + 2
    run interrupt
    scenario "gate to absent code"
    mov $0xee00, %eax
    call long_vector
    movw $ABSENT_CODE, idt + VECTOR * 8 + 2
    run interrupt
    scenario "gate to code of ring 3, from ring 0"
    mov $0xee00, %eax
    call long_vector
    movw $USER_CODE, idt + VECTOR * 8 + 2
    run interrupt_inside
    scenario "EIP of the handler beyond the limit"
    mov $0xee00, %eax
    call long_vector
    movw $SHORT_CODE, idt + VECTOR * 8 + 2
    run interrupt
    scenario "#UD whose gate is absent"
    movb $0x0e, idt + 6 * 8 + 5
    run undefined
    scenario "#DE whose gate is absent"
    movb $0x0e, idt + 5
    run divide
    scenario "#DE whose handler has no selector"
    movw $0, idt + 2
    run divide
    scenario "PUSH above the limit of a stack that expands down"
    movl $USER_DOWN_STACK, user_stack
    movl $0x1004, user_pointer
    run push_user
    scenario "PUSH at its limit"
    movl $USER_DOWN_STACK, user_stack
    movl $0x1003, user_pointer
    run push_user
    scenario "PUSH at its top"
    movl $USER_DOWN_STACK, user_stack
    movl $0, user_pointer
    run push_user
    scenario "PUSH at the top of 16 bits"
    movl $USER_DOWN_STACK_16, user_stack
    movl $0x12340000, user_pointer
    run push_user
    scenario "PUSH at its limit, 16 bits"
    movl $USER_DOWN_STACK_16, user_stack
    movl $0x12341002, user_pointer
    run push_user

    scenario "RET to ring 3 drops segments"
    run return_outside
    scenario "IRET to ring 3 drops segments"
    run interrupt_return_outside
    scenario "16-bit RET to ring 3"
    run short_return_outside
    scenario "16-bit IRET to ring 3"
    run short_interrupt_return_outside
    xor %eax, %eax
    ret
