# Task switches under paging (SDM vol. 3, sections 4.4.1, 4.10 and 7.3): CR3 and the PDPTE registers change with the
# task, and page faults of the switch come before anything has changed, those of the new task in the new task.
.include "lib/start.s"
.include "lib/rings.s"

.set CR0_WP_PG, 0x80010000
.set CR4_PSE, 0x10
.set CR4_PAE, 0x20
.set FIRST_DIRECTORY, 0x210000
.set SECOND_DIRECTORY, 0x211000
.set FIRST_TABLE, 0x212000
.set SECOND_TABLE, 0x213000
.set FIRST_POINTERS, 0x214000
.set SECOND_POINTERS, 0x214020
.set PAE_DIRECTORY, 0x215000
.set OTHER_PAE_DIRECTORY, 0x216000
.set WINDOW, 0x400000               # means another page in each task
.set NEW_TSS, 0x202000
.set TASK_STACK, 0x1e0000

.set tss_cr3, 0x1c
.set tss_eip, 0x20

main:
    call rings_initialize
    mov $FIRST_DIRECTORY, %edi
    mov $0x7000 / 4, %ecx
    xor %eax, %eax
    rep stosl
    movl $0x83, FIRST_DIRECTORY     # the first 4 MBytes as they are
    movl $0x83, SECOND_DIRECTORY
    movl $FIRST_TABLE + 3, FIRST_DIRECTORY + 4
    movl $SECOND_TABLE + 3, SECOND_DIRECTORY + 4
    movl $0x300003, FIRST_TABLE
    movl $0x301003, SECOND_TABLE
    movl $NEW_TSS + 1, FIRST_TABLE + 2 * 4      # read-only, also in the second
    movl $NEW_TSS + 1, SECOND_TABLE + 2 * 4
    movl $0x11111111, 0x300000
    movl $0x22222222, 0x301000
    mov $CR4_PSE, %eax
    mov %eax, %cr4
    mov $FIRST_DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $CR0_WP_PG, %eax
    mov %eax, %cr0

    movl WINDOW, %eax               # into the TLB
    mov $SECOND_DIRECTORY, %ecx
    call new_task
    call call_task
    check "CR3 in the task", task_cr3, $SECOND_DIRECTORY
    check "window in the task", task_window, $0x22222222
    mov %cr3, %ebx
    check "CR3 after it", %ebx, $FIRST_DIRECTORY
    check "window after it", WINDOW, $0x11111111
    check "CR3 is not saved in the task", NEW_TSS + tss_cr3, $SECOND_DIRECTORY

    mov $FIRST_DIRECTORY, %ecx
    call new_task
    call call_task
    check "window in a task with the same CR3", task_window, $0x11111111

    mov $SECOND_DIRECTORY, %ecx
    call new_task
    mov $WINDOW + 0x1000, %eax
    call place_task
    at_ring 0, 1f
    call call_task
1:  check_fault "TSS in an absent page", 14, 0
    check "its address", result_cr2, $WINDOW + 0x1000
    check "the task stays", task_register, $TSS_SELECTOR
    call busy_bit
    check "and the new one is available", %ebx, $0x89

    mov $WINDOW + 0xfc0, %eax
    call place_task
    at_ring 0, 1f
    call call_task
1:  check_fault "TSS with an absent second page", 14, 0
    mov result_cr2, %ebx
    and $0xfffff000, %ebx
    check "its page", %ebx, $WINDOW + 0x1000

    mov $WINDOW + 0x2000, %eax
    call place_task
    at_ring 0, 1f
    call call_task
1:  check_fault "link into a read-only TSS", 14, 3
    check "the address of the link", result_cr2, $WINDOW + 0x2000
    call busy_bit
    check "the new task is available still", %ebx, $0x89

    mov $SECOND_DIRECTORY, %ecx
    call new_task
    movl $WINDOW + 0x3000, NEW_TSS + tss_eip
    at_ring 0, 1f
    call call_task
1:  check_fault "an absent page at the new EIP", 14, 0
    check "EIP is the new task's", result_eip, $WINDOW + 0x3000
    xor %eax, %eax
    str %ax
    movl %eax, task_register
    mov %cr3, %ebx
    call leave_task
    check "the new task has begun", task_register, $SPARE_SELECTOR
    check "its CR3 is in force", %ebx, $SECOND_DIRECTORY

    # The same with PDPTE registers.
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    movl $PAE_DIRECTORY + 1, FIRST_POINTERS
    movl $OTHER_PAE_DIRECTORY + 1, SECOND_POINTERS
    movl $0x000083, PAE_DIRECTORY
    movl $0x200083, PAE_DIRECTORY + 8
    movl $0x400083, PAE_DIRECTORY + 16
    movl $0x000083, OTHER_PAE_DIRECTORY
    movl $0x200083, OTHER_PAE_DIRECTORY + 8
    movl $0x600083, OTHER_PAE_DIRECTORY + 16
    movl $0x33333333, 0x400000
    movl $0x44444444, 0x600000
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $FIRST_POINTERS, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $CR0_WP_PG, %eax
    mov %eax, %cr0
    mov $SECOND_POINTERS, %ecx
    call new_task
    call call_task
    check "window in a PAE task", task_window, $0x44444444
    check "window after it", WINDOW, $0x33333333
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    jmp verdict

# Makes SPARE_SELECTOR a task of ring 0 with CR3 = ECX that looks through the window.
new_task:
    mov $NEW_TSS, %edi
    push %ecx
    mov $0x68 / 4, %ecx
    xor %eax, %eax
    rep stosl
    popl NEW_TSS + tss_cr3
    movl $interrupt_stack_top, NEW_TSS + 4
    movl $KERNEL_DATA, NEW_TSS + 8
    movl $task_entry, NEW_TSS + tss_eip
    movl $2, NEW_TSS + 0x24
    movl $TASK_STACK, NEW_TSS + 0x38
    movl $KERNEL_DATA, NEW_TSS + 0x48
    movl $KERNEL_CODE, NEW_TSS + 0x4c
    movl $KERNEL_DATA, NEW_TSS + 0x50
    movl $KERNEL_DATA, NEW_TSS + 0x54
    movl $0x68 << 16, NEW_TSS + 0x64
    mov $NEW_TSS, %eax
# Puts its TSS at EAX.
place_task:
    movl $0x67, gdt_spare
    movl $0x8900, gdt_spare + 4
    mov $gdt_spare, %ebx
    jmp set_descriptor_base

call_task:
    xor %eax, %eax
    str %ax
    movl %eax, task_register
    mov %cr3, %eax                  # is not saved by the switch, but loaded on the way back
    movl %eax, return_cr3
    movl %eax, tss + tss_cr3
    .byte 0x9a
    .long 0
    .word SPARE_SELECTOR
    ret
task_entry:
    mov %cr3, %eax
    movl %eax, task_cr3
    movl WINDOW, %eax
    movl %eax, task_window
    iretl

# EBX = the access byte of the new TSS's descriptor.
busy_bit:
    movzbl gdt_spare + 5, %ebx
    ret

# After a fault in the new task: back to the old one without a switch.
leave_task:
    movb $0x89, gdt_tss + 5
    mov $TSS_SELECTOR, %eax
    ltr %ax
    pushl $2
    popfl
    mov return_cr3, %eax
    mov %eax, %cr3
    ret

.balign 4, 0
task_cr3:
    .long 0
task_window:
    .long 0
task_register:
    .long 0
return_cr3:
    .long 0
