# Hardware task switches (SDM vol. 3, chapter 7): a line tells, of each, what the new task found, or which exception
# came in which task, and what both task state segments and descriptors hold.
.include "lib/start.s"
.include "lib/rings.s"
.include "lib/tasks.s"

main:
    call rings_initialize
    call tables_initialize

    scenario "JMP to a TSS"
    run jump_tss
    scenario "CALL of a TSS"
    run call_tss
    scenario "JMP to a task gate"
    run jump_gate
    scenario "CALL of a task gate"
    run call_gate
    scenario "INT through a task gate"
    run interrupt_gate
    scenario "#GP through a task gate"
    run general_protection
    scenario "#UD through a task gate"
    run undefined_opcode
    scenario "#DF through a task gate"
    run double_fault
    scenario "NT and IF in the image"
    movl $0x4203, NEW_TSS + tss_eflags
    run jump_tss
    scenario "null data segments"
    movw $0, NEW_TSS + tss_es
    movw $3, NEW_TSS + tss_fs
    run call_tss
    scenario "an LDT"
    movw $TASK_LDT, NEW_TSS + tss_ldt
    movw $0x0c, NEW_TSS + tss_fs
    run call_tss
    scenario "ring 3"
    movl $user_entry, NEW_TSS + tss_eip
    movw $USER_CODE, NEW_TSS + tss_cs
    movw $USER_DATA, NEW_TSS + tss_ss
    movw $USER_DATA, %ax
    movw %ax, NEW_TSS + tss_ds
    movw %ax, NEW_TSS + tss_es
    movw %ax, NEW_TSS + tss_fs
    movw %ax, NEW_TSS + tss_gs
    run call_tss
    scenario "ring 3, with a data segment of ring 0"
    movl $user_entry, NEW_TSS + tss_eip
    movw $USER_CODE, NEW_TSS + tss_cs
    movw $USER_DATA, NEW_TSS + tss_ss
    run call_tss
    scenario "conforming code"
    movw $CONFORMING_CODE, NEW_TSS + tss_cs
    run call_tss
    scenario "virtual-8086 mode"
    call virtual_task
    run call_tss
    scenario "virtual-8086 mode, EIP beyond 64 KiB"
    call virtual_task
    movl $0x10000, NEW_TSS + tss_eip
    run jump_tss
    scenario "the T bit"
    movw $1, NEW_TSS + tss_trap
    run jump_tss
    scenario "the T bit, and an error code"
    movw $1, NEW_TSS + tss_trap
    run general_protection
    scenario "a TSS across two pages"
    movl $NEW_TSS + 0xfc0, %esi
    call move_task
    run call_tss

    scenario "16 bits: JMP"
    call short_task
    run jump_tss
    scenario "16 bits: CALL"
    call short_task
    run call_tss
    scenario "16 bits: an LDT"
    call short_task
    movw $TASK_LDT, NEW_TSS + tss16_ldt
    movw $0x0c, NEW_TSS + tss16_es
    run call_tss
    scenario "16 bits: #GP"
    call short_task
    run general_protection
    scenario "16 bits: limit 2Bh"
    call short_task
    movw $0x2b, TASK_GDT + NEW_SELECTOR
    run jump_tss
    scenario "16 bits: limit 2Ah"
    call short_task
    movw $0x2a, TASK_GDT + NEW_SELECTOR
    run jump_tss

    scenario "limit 67h"
    movw $0x67, TASK_GDT + NEW_SELECTOR
    run jump_tss
    scenario "limit 66h"
    movw $0x66, TASK_GDT + NEW_SELECTOR
    run jump_tss
    scenario "limit 66h, by #GP"
    movw $0x66, TASK_GDT + NEW_SELECTOR
    run general_protection
    scenario "busy"
    movb $0x8b, TASK_GDT + NEW_SELECTOR + 5
    run jump_tss
    scenario "busy, through a gate"
    movb $0x8b, TASK_GDT + NEW_SELECTOR + 5
    run call_gate
    scenario "busy, by INT"
    movb $0x8b, TASK_GDT + NEW_SELECTOR + 5
    run interrupt_gate
    scenario "not present"
    movb $0x09, TASK_GDT + NEW_SELECTOR + 5
    run jump_tss
    scenario "not present, by INT"
    movb $0x09, TASK_GDT + NEW_SELECTOR + 5
    run interrupt_gate
    scenario "not present, by #GP"
    movb $0x09, TASK_GDT + NEW_SELECTOR + 5
    run general_protection
    scenario "gate not present"
    movb $0x65, TASK_GDT + TASK_GATE + 5
    run call_gate
    scenario "gate to the LDT"
    movw $NEW_SELECTOR + 4, TASK_GDT + TASK_GATE + 2
    run call_gate
    scenario "gate to data"
    movw $KERNEL_DATA, TASK_GDT + TASK_GATE + 2
    run call_gate
    scenario "gate beyond the GDT"
    movw $0x1000, TASK_GDT + TASK_GATE + 2
    run call_gate
    scenario "gate to no selector"
    movw $0, TASK_GDT + TASK_GATE + 2
    run call_gate

    scenario "LDT selector of the LDT"
    movw $0x0c, NEW_TSS + tss_ldt
    run jump_tss
    scenario "LDT selector of data"
    movw $KERNEL_DATA, NEW_TSS + tss_ldt
    run jump_tss
    scenario "LDT not present"
    movw $ABSENT_LDT, NEW_TSS + tss_ldt
    run jump_tss
    scenario "SS null"
    movw $0, NEW_TSS + tss_ss
    run jump_tss
    scenario "SS of code"
    movw $KERNEL_CODE, NEW_TSS + tss_ss
    run jump_tss
    scenario "SS read-only"
    movw $READ_ONLY_DATA, NEW_TSS + tss_ss
    run jump_tss
    scenario "SS of ring 3"
    movw $USER_DATA, NEW_TSS + tss_ss
    run jump_tss
    scenario "SS with RPL 3"
    movw $KERNEL_DATA + 3, NEW_TSS + tss_ss
    run jump_tss
    scenario "SS not present"
    movw $ABSENT_STACK, NEW_TSS + tss_ss
    run jump_tss
    scenario "SS not present, by #GP"
    movw $ABSENT_STACK, NEW_TSS + tss_ss
    run general_protection
    scenario "SS beyond the GDT, by INT"
    movw $0x1000, NEW_TSS + tss_ss
    run interrupt_gate
    scenario "CS null"
    movw $0, NEW_TSS + tss_cs
    run jump_tss
    scenario "CS of data"
    movw $KERNEL_DATA, NEW_TSS + tss_cs
    run jump_tss
    scenario "CS not present"
    movw $ABSENT_CODE, NEW_TSS + tss_cs
    run jump_tss
    scenario "CS beyond the GDT"
    movw $0x1000, NEW_TSS + tss_cs
    run jump_tss
    scenario "CS of conforming ring 3"
    movw $CONFORMING_USER, NEW_TSS + tss_cs
    run jump_tss
    scenario "DS execute-only"
    movw $EXECUTE_ONLY_CODE, NEW_TSS + tss_ds
    run jump_tss
    scenario "ES not present"
    movw $ABSENT_DATA, NEW_TSS + tss_es
    run jump_tss
    scenario "FS with RPL 3"
    movw $KERNEL_DATA + 3, NEW_TSS + tss_fs
    run jump_tss
    scenario "GS beyond the GDT"
    movw $0x1000, NEW_TSS + tss_gs
    run jump_tss
    scenario "GS of a system segment"
    movw $TASK_LDT, NEW_TSS + tss_gs
    run jump_tss
    scenario "EIP beyond the limit"
    movw $SHORT_CODE, NEW_TSS + tss_cs
    movl $0x10000, NEW_TSS + tss_eip
    run jump_tss

    scenario "IRET to a busy task"
    movb $0x8b, TASK_GDT + NEW_SELECTOR + 5
    movw $NEW_SELECTOR, tss
    run nested_return
    scenario "IRET to an available task"
    movw $NEW_SELECTOR, tss
    run nested_return
    scenario "IRET to no task"
    movw $0, tss
    run nested_return
    scenario "IRET to data"
    movw $KERNEL_DATA, tss
    run nested_return
    scenario "IRET to the LDT"
    movw $NEW_SELECTOR + 4, tss
    run nested_return
    scenario "IRET to an absent task"
    movb $0x0b, TASK_GDT + NEW_SELECTOR + 5
    movw $NEW_SELECTOR, tss
    run nested_return
    scenario "IRET to a short TSS"
    movb $0x8b, TASK_GDT + NEW_SELECTOR + 5
    movw $0x66, TASK_GDT + NEW_SELECTOR
    movw $NEW_SELECTOR, tss
    run nested_return
    scenario "old TSS too short"
    movw $0x5e, TASK_GDT + TSS_SELECTOR
    movb $0x89, TASK_GDT + TSS_SELECTOR + 5
    mov $TSS_SELECTOR, %eax
    ltr %ax
    run jump_tss
    scenario "DR7"
    mov $0x7ff, %eax
    mov %eax, %dr7
    run call_tss
    mov %dr7, %eax
    print "  DR7 "
    call print_hexadecimal
    print "\n"
    mov $0x400, %eax
    mov %eax, %dr7

    scenario "32 calls 16 calls 32, and back"
    call short_task
    movw $middle_entry - 0x100000, NEW_TSS + tss16_ip
    mov $THIRD_TSS, %edi
    call fill_task
    run call_tss
    print "  third: link "
    movzwl THIRD_TSS, %eax
    call print_hexadecimal
    print " type "
    movzbl TASK_GDT + THIRD_SELECTOR + 5, %eax
    call print_hexadecimal
    print " middle: type "
    movzbl middle_type, %eax
    call print_hexadecimal
    print "\n"
    xor %eax, %eax
    ret

# The task in the middle calls the third, and returns when that has.
middle_entry:
    .byte 0x9a
    .long 0
    .word THIRD_SELECTOR
    movb TASK_GDT + NEW_SELECTOR + 5, %al
    movb %al, middle_type
    iretw
