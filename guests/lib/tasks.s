# Task state segments, the new task of each scenario, and what is printed of a switch: the machinery of tasks.s.

.set TASK_GDT, 0x200000
.set NEW_TSS, 0x202000              # of the task that is switched to
.set THIRD_TSS, 0x203000
.set NEW_STACK, 0x1e0000
.set VIRTUAL_BASE, 0x20000
.set SCENARIO_FLAGS, 0x02

.set NEW_SELECTOR, 0xa0
.set TASK_GATE, 0xa8
.set TASK_LDT, 0xb0
.set ABSENT_CODE, 0xb8
.set ABSENT_STACK, 0xc0
.set SHORT_CODE, 0xc8               # base 0x100000, limit 0xffff: for an IP of 16 bits
.set CONFORMING_USER, 0xd0
.set ABSENT_LDT, 0xd8
.set THIRD_SELECTOR, 0xe0
.set TASK_GDT_LIMIT, 0xe7
.set GATE_VECTOR, 0x41

# Offsets in a 32-bit TSS, and in a 16-bit one.
.set tss_esp0, 0x04
.set tss_ss0, 0x08
.set tss_cr3, 0x1c
.set tss_eip, 0x20
.set tss_eflags, 0x24
.set tss_eax, 0x28
.set tss_esp, 0x38
.set tss_es, 0x48
.set tss_cs, 0x4c
.set tss_ss, 0x50
.set tss_ds, 0x54
.set tss_fs, 0x58
.set tss_gs, 0x5c
.set tss_ldt, 0x60
.set tss_trap, 0x64
.set tss16_ip, 0x0e
.set tss16_flags, 0x10
.set tss16_ax, 0x12
.set tss16_sp, 0x1a
.set tss16_es, 0x22
.set tss16_cs, 0x24
.set tss16_ss, 0x26
.set tss16_ds, 0x28
.set tss16_ldt, 0x2a

.macro scenario name
    call begin_scenario
    .asciz \name
.endm
# Runs \trigger and prints what came of it.
.macro run trigger
    mov $\trigger, %eax
    call run_scenario
.endm

tables_initialize:
    mov $gdt, %esi
    mov $TASK_GDT, %edi
    mov $GDT_LIMIT + 1, %ecx
    rep movsb
    mov $task_descriptors, %esi
    mov $task_descriptors_end - task_descriptors, %ecx
    rep movsb
    mov $ldt, %eax
    mov $TASK_GDT + TASK_LDT, %ebx
    call set_descriptor_base
    mov $ldt, %eax
    mov $TASK_GDT + ABSENT_LDT, %ebx
    call set_descriptor_base
    mov $THIRD_TSS, %eax
    mov $TASK_GDT + THIRD_SELECTOR, %ebx
    call set_descriptor_base
    lgdt task_gdt_pointer
    ret

task_gdt_pointer:
    .word TASK_GDT_LIMIT
    .long TASK_GDT
task_descriptors:
    .word 0x67, 0                   # NEW_SELECTOR: written anew for each scenario
    .byte 0, 0x89, 0, 0
    .word 0, NEW_SELECTOR           # TASK_GATE
    .byte 0, 0xe5, 0, 0
    .word 0x0f, 0                   # TASK_LDT
    .byte 0, 0x82, 0, 0
    flat_segment 0x1b               # ABSENT_CODE
    flat_segment 0x13               # ABSENT_STACK
    .word 0xffff, 0                 # SHORT_CODE
    .byte 0x10, 0x9b, 0x40, 0
    flat_segment 0xff               # CONFORMING_USER
    .word 0x0f, 0                   # ABSENT_LDT
    .byte 0, 0x02, 0, 0
    .word 0x67, 0                   # THIRD_SELECTOR
    .byte 0, 0x89, 0, 0
task_descriptors_end:

# Prints the name behind the call; makes all tables and the new task what they are by default.
begin_scenario:
    xchg %esi, (%esp)
    call print_string
    print ":\n"
    xchg %esi, (%esp)
    pushal
    movl $NEW_SELECTOR << 16, TASK_GDT + TASK_GATE
    movl $0xe500, TASK_GDT + TASK_GATE + 4
    movw $0x67, TASK_GDT + TSS_SELECTOR
    movb $0x89, TASK_GDT + THIRD_SELECTOR + 5
    call restore_task_register
    movw $0, tss
    mov %cr0, %eax
    and $0xfffffff7, %eax           # TS
    mov %eax, %cr0
    mov $NEW_TSS, %edi
    call fill_task
    movl $0x67, TASK_GDT + NEW_SELECTOR
    movl $0x8900, TASK_GDT + NEW_SELECTOR + 4
    mov $NEW_TSS, %eax
    mov $TASK_GDT + NEW_SELECTOR, %ebx
    call set_descriptor_base
    mov $land, %edi
    mov $LAND_WORDS, %ecx
    xor %eax, %eax
    rep stosl
    mov $result, %edi
    mov $FRAME_SIZE / 4, %ecx
    rep stosl
    popal
    ret

restore_task_register:
    movb $0x89, TASK_GDT + TSS_SELECTOR + 5
    mov $TSS_SELECTOR, %eax
    ltr %ax
    ret

# Makes the 32-bit TSS at EDI a task of ring 0.
fill_task:
    push %edi
    mov $0x68 / 4, %ecx
    mov $0xeeeeeeee, %eax
    rep stosl
    pop %edi
    movl $interrupt_stack_top, tss_esp0(%edi)
    movl $KERNEL_DATA, tss_ss0(%edi)
    movl $task_entry, tss_eip(%edi)
    movl $SCENARIO_FLAGS, tss_eflags(%edi)
    movl $0xa1a2a3a4, tss_eax(%edi)
    movl $NEW_STACK, tss_esp(%edi)
    movw $KERNEL_CODE, tss_cs(%edi)
    movw $KERNEL_DATA, %ax
    movw %ax, tss_es(%edi)
    movw %ax, tss_ss(%edi)
    movw %ax, tss_ds(%edi)
    movw %ax, tss_fs(%edi)
    movw %ax, tss_gs(%edi)
    movw $0, tss_ldt(%edi)
    movl $0x680000, tss_trap(%edi)
    ret

# Makes the new task a 16-bit one.
short_task:
    mov $NEW_TSS, %edi
    mov $0x2c / 4, %ecx
    mov $0xeeeeeeee, %eax
    rep stosl
    movw $task_entry - 0x100000, NEW_TSS + tss16_ip
    movw $SCENARIO_FLAGS, NEW_TSS + tss16_flags
    movw $0xa3a4, NEW_TSS + tss16_ax
    movw $0x7000, NEW_TSS + tss16_sp
    movw $KERNEL_DATA, NEW_TSS + tss16_es
    movw $SHORT_CODE, NEW_TSS + tss16_cs
    movw $DATA_16, NEW_TSS + tss16_ss
    movw $KERNEL_DATA, NEW_TSS + tss16_ds
    movw $0, NEW_TSS + tss16_ldt
    movb $0x81, TASK_GDT + NEW_SELECTOR + 5
    ret

# Makes the new task one of virtual-8086 mode, whose only instruction is a HLT.
virtual_task:
    movb $0xf4, VIRTUAL_BASE
    movl $0, NEW_TSS + tss_eip
    movl $0x23002, NEW_TSS + tss_eflags
    movl $0x7000, NEW_TSS + tss_esp
    mov $VIRTUAL_BASE >> 4, %eax
    movw %ax, NEW_TSS + tss_cs
    movw %ax, NEW_TSS + tss_ss
    movw %ax, NEW_TSS + tss_ds
    movw $0x1234, NEW_TSS + tss_es
    movw $0xfff1, NEW_TSS + tss_fs
    movw $3, NEW_TSS + tss_gs
    ret

# Moves the new task's TSS to ESI.
move_task:
    mov %esi, %edi
    mov $NEW_TSS, %esi
    push %edi
    mov $0x68, %ecx
    rep movsb
    pop %eax
    mov $TASK_GDT + NEW_SELECTOR, %ebx
    jmp set_descriptor_base

run_scenario:
    pushal
    mov %esp, resume_stack
    movl $scenario_faulted, resume_address
    movl idt + 13 * 8, %ecx
    movl %ecx, saved_gates
    movl idt + 13 * 8 + 4, %ecx
    movl %ecx, saved_gates + 4
    movl idt + 8 * 8, %ecx
    movl %ecx, saved_gates + 8
    movl idt + 8 * 8 + 4, %ecx
    movl %ecx, saved_gates + 12
    movl idt + 6 * 8, %ecx
    movl %ecx, saved_gates + 16
    movl idt + 6 * 8 + 4, %ecx
    movl %ecx, saved_gates + 20
    movl $NEW_SELECTOR << 16, idt + GATE_VECTOR * 8
    movl $0xe500, idt + GATE_VECTOR * 8 + 4
    mov %eax, %edx
    mov $0xc1c2c3c4, %eax
    mov %eax, %ecx
    jmp *%edx

jump_tss:
    .byte 0xea
    .long 0x99999999
    .word NEW_SELECTOR
    jmp scenario_resumed
call_tss:
    .byte 0x9a
    .long 0x99999999
    .word NEW_SELECTOR
    jmp scenario_resumed
jump_gate:
    .byte 0xea
    .long 0x99999999
    .word TASK_GATE
    jmp scenario_resumed
call_gate:
    .byte 0x9a
    .long 0x99999999
    .word TASK_GATE
    jmp scenario_resumed
interrupt_gate:
    int $GATE_VECTOR
    jmp scenario_resumed
general_protection:
    movl $NEW_SELECTOR << 16, idt + 13 * 8
    movl $0x8500, idt + 13 * 8 + 4
    mov $0xfff8, %edx
    mov %edx, %fs
    jmp scenario_resumed
undefined_opcode:
    movl $NEW_SELECTOR << 16, idt + 6 * 8
    movl $0x8500, idt + 6 * 8 + 4
    ud2
    jmp scenario_resumed
double_fault:
    movb $0x0e, idt + 13 * 8 + 5
    movl $NEW_SELECTOR << 16, idt + 8 * 8
    movl $0x8500, idt + 8 * 8 + 4
    mov $0xfff8, %edx
    mov %edx, %fs
    jmp scenario_resumed
nested_return:
    pushfl
    orl $0x4000, (%esp)
    popfl
    iretl
    jmp scenario_resumed

# The new task: leaves what it found in `land` and goes back.
task_entry:
    pushfl
    pushal
    push %gs
    push %fs
    push %es
    push %ds
    push %ss
    push %cs
    mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov $land, %edi
    mov $15, %ecx
1:  popl (%edi)
    add $4, %edi
    loop 1b
    xor %eax, %eax
    str %ax
    movl %eax, land_tr
    sldt %ax
    movl %eax, land_ldt
    mov %cr0, %eax
    and $8, %eax
    movl %eax, land_ts
    # A fault would come again: its task goes on behind it.
    movl tss + tss_eip, %eax
    movl %eax, land_old_eip
    movl $scenario_resumed, tss + tss_eip
    pushfl
    pop %eax
    testl $0x4000, %eax
    jz 3f
    iretl
3:  .byte 0xea
    .long 0
    .word TSS_SELECTOR
user_entry:
    int $DONE

scenario_faulted:
    mov $KERNEL_DATA, %eax
    mov %eax, %ss
    mov resume_stack, %esp
    pushl $2
    popfl
    movl $1, faulted
    xor %eax, %eax
    str %ax
    movl %eax, final_tr
    sldt %ax
    movl %eax, land_ldt
    mov %cr0, %eax
    and $8, %eax
    movl %eax, land_ts
    mov %dr6, %eax
    movl %eax, land_dr6
    jmp 1f
scenario_resumed:
    mov resume_stack, %esp
    movl $0, faulted
    movl $0, resume_address
    movl $0, land_dr6
    xor %eax, %eax
    str %ax
    movl %eax, final_tr
1:  mov $0xffff0ff0, %eax
    mov %eax, %dr6
    movl saved_gates, %ecx
    movl %ecx, idt + 13 * 8
    movl saved_gates + 4, %ecx
    movl %ecx, idt + 13 * 8 + 4
    movl saved_gates + 8, %ecx
    movl %ecx, idt + 8 * 8
    movl saved_gates + 12, %ecx
    movl %ecx, idt + 8 * 8 + 4
    movl saved_gates + 16, %ecx
    movl %ecx, idt + 6 * 8
    movl saved_gates + 20, %ecx
    movl %ecx, idt + 6 * 8 + 4
    mov $KERNEL_DATA, %eax
    mov %eax, %fs
    mov %eax, %gs
    call print_outcome
    popal
    ret

.macro item text, operand
    print \text
    movl \operand, %eax
    call print_hexadecimal
.endm
.macro word_item text, operand
    print \text
    movzwl \operand, %eax
    call print_word
.endm
.macro byte_item text, operand
    print \text
    movzbl \operand, %eax
    call print_word
.endm

print_outcome:
    cmpl $0, faulted
    jne 1f
    word_item "  in the task: TR ", land_tr
    word_item " LDTR ", land_ldt
    word_item " TS ", land_ts
    item " EFLAGS ", land_eflags
    item " EAX ", land_eax
    item " ESP ", land_esp
    word_item " CS ", land_cs
    word_item " SS ", land_ss
    word_item " DS ", land_ds
    word_item " ES ", land_es
    word_item " FS ", land_fs
    word_item " GS ", land_gs
    item "\n  old EIP ", land_old_eip
    jmp 2f
1:  item "  vector ", result_vector
    item " error ", result_error
    item " EIP ", result_eip
    word_item " CS ", result_cs
    item " EFLAGS ", result_eflags
    word_item " DS ", result_ds
    word_item " ES ", result_es
    word_item " LDTR ", land_ldt
    word_item " TS ", land_ts
    item " DR6 ", land_dr6
    item "\n  old EIP ", tss + tss_eip
2:  item " EFLAGS ", tss + tss_eflags
    item " EAX ", tss + tss_eax
    item " CS ", tss + tss_cs
    item " ES ", tss + tss_es
    word_item " LDT ", tss + tss_ldt
    word_item " link ", tss
    byte_item " type ", TASK_GDT + TSS_SELECTOR + 5
    item " new: link ", NEW_TSS
    byte_item " type ", TASK_GDT + NEW_SELECTOR + 5
    item " EIP ", NEW_TSS + tss_eip
    item " EFLAGS ", NEW_TSS + tss_eflags
    item " SS ", NEW_TSS + tss_ss
    item " 16: ", NEW_TSS + 0x0c
    item " ", NEW_TSS + 0x10
    item " ", NEW_TSS + 0x24
    word_item " TR ", final_tr
    word_item " stack ", NEW_STACK - 4
    print "\n"
    movw $0, NEW_STACK - 4
    ret

print_word:
    pushal
    mov %eax, %ebx
    shl $16, %ebx
    mov $4, %ecx
1:  rol $4, %ebx
    mov %bl, %al
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al
    das
    call print_character
    loop 1b
    popal
    ret

.balign 4, 0
.set LAND_WORDS, 20
land:
    .fill LAND_WORDS, 4, 0
.set land_cs, land
.set land_ss, land + 4
.set land_ds, land + 8
.set land_es, land + 12
.set land_fs, land + 16
.set land_gs, land + 20
.set land_edi, land + 24
.set land_esp, land + 36
.set land_eax, land + 52
.set land_eflags, land + 56
.set land_tr, land + 60
.set land_ldt, land + 64
.set land_ts, land + 68
.set land_old_eip, land + 72
.set land_dr6, land + 76
final_tr:
    .long 0
faulted:
    .long 0
middle_type:
    .long 0
saved_gates:
    .fill 6, 4, 0
