# A small preemptive kernel. Five processes in ring 3, each in its own address space, run round robin under a
# timer of 1000 Hz. What happens to each is noted and printed at the end, process by process, so that the
# text does not depend on when the ticks came.
#
# Linear memory: 0 to 4 MiB is the kernel's (one 4 MiB page, supervisor only). A process has
# the 4 MiB at 0x08000000: the programs' text (shared, read-only), one data page (shared until written) and a
# stack that grows on demand.
.include "lib/start.s"
.include "lib/timer.s"

.set USER_TEXT, 0x08000000
.set USER_PAGE, 0x08010000          # the page that is copied on write
.set USER_STACK_TOP, 0x08100000
.set USER_STACK_LIMIT, 0x080f0000   # 64 KiB may be touched
.set SHARED_FRAME, 0x2ff000         # what every USER_PAGE shows at first
.set FIRST_FREE_FRAME, 0x300000
.set KERNEL_DIRECTORY, 0x200000
.set KERNEL_STACKS, 0x1a0000        # 4 KiB each, for process 1 on
.set MESSAGES, 0x1b0000             # 512 bytes each

.set PROCESSES, 5
.set P, 1
.set W, 2
.set U, 4
.set PS, 0x80
.set IF, 0x200

# A process's record.
.set process_state, 0
.set process_frame, 4               # ESP of its saved frame
.set process_directory, 8
.set process_stack_top, 12          # of its kernel stack
.set process_wake, 16
.set process_copies, 20
.set process_stack_pages, 24
.set process_int_calls, 28
.set process_fast_calls, 32
.set process_preemptions, 36
.set process_result, 40             # exit code, or vector << 16 | error code
.set process_address, 44            # CR2 or offset of EIP, if killed
.set process_message_end, 48
.set PROCESS_SIZE, 64
.set RUNNABLE, 1
.set SLEEPING, 2
.set EXITED, 3
.set KILLED, 4

main:
    call pic_initialize
    call initialize_memory
    call initialize_calls
    handle 13, kill
    handle 14, page_fault
    handle IRQ_BASE, tick
    mov $1, %ebx
1:  call create_process
    inc %ebx
    cmp $PROCESSES, %ebx
    jbe 1b
    start_ticking 1000
    jmp schedule

initialize_memory:
    movl $P + W + PS, KERNEL_DIRECTORY
    mov $KERNEL_DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $0x10, %eax                  # PSE
    mov %eax, %cr4
    mov %cr0, %eax
    or $0x80010000, %eax            # PG and WP
    mov %eax, %cr0
    jmp 1f
1:  mov $SHARED_FRAME, %edi
    mov $0x5eed5eed, %eax
    mov $1024, %ecx
    rep stosl
    ret

# INT 80 for all; SYSENTER where there is one. Its stack pointer is the address of the TSS's ESP0, from
# where the entry takes the process's own stack.
initialize_calls:
    mov $0x80, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    mov $0xee, %dl
    call set_gate
    handle 0x80, system_call
    mov $1, %eax
    cpuid
    test $0x800, %edx               # SEP
    jz 1f
    movl $1, fast_calls_allowed
    xor %edx, %edx
    mov $0x174, %ecx
    mov $KERNEL_CODE, %eax
    wrmsr
    mov $0x175, %ecx
    mov $tss + 4, %eax
    wrmsr
    mov $0x176, %ecx
    mov $fast_entry, %eax
    wrmsr
1:  ret

# A zeroed frame; EAX is its address. Keeps the other registers.
allocate_frame:
    push %edi
    push %ecx
    mov next_frame, %edi
    addl $4096, next_frame
    push %edi
    xor %eax, %eax
    mov $1024, %ecx
    rep stosl
    pop %eax
    pop %ecx
    pop %edi
    ret

# Sets ESI to the record of process EBX.
process_record:
    mov %ebx, %esi
    imul $PROCESS_SIZE, %esi, %esi
    add $processes - PROCESS_SIZE, %esi
    ret

create_process:
    call process_record
    call allocate_frame
    mov %eax, %edx                  # directory
    mov %eax, process_directory(%esi)
    movl $P + W + PS, (%edx)
    call allocate_frame
    mov %eax, %ecx                  # table
    or $P + W + U, %eax
    mov %eax, (USER_TEXT >> 22) * 4(%edx)
    movl $user_text + P + U, (%ecx)
    movl $SHARED_FRAME + P + U, ((USER_PAGE - USER_TEXT) >> 12) * 4(%ecx)
    mov %ebx, %eax
    shl $12, %eax
    add $KERNEL_STACKS, %eax
    mov %eax, process_stack_top(%esi)
    lea -FRAME_SIZE(%eax), %edi
    mov %edi, process_frame(%esi)
    push %edi
    xor %eax, %eax
    mov $FRAME_SIZE / 4, %ecx
    rep stosl
    pop %edi
    movl $USER_DATA, frame_es(%edi)
    movl $USER_DATA, frame_ds(%edi)
    mov %ebx, frame_ebx(%edi)       # a program finds its number in EBX
    mov programs - 4(,%ebx,4), %eax
    sub $user_text, %eax
    add $USER_TEXT, %eax
    mov %eax, frame_eip(%edi)
    movl $USER_CODE, frame_cs(%edi)
    movl $IF + 2, frame_eflags(%edi)
    movl $USER_STACK_TOP, frame_esp(%edi)
    movl $USER_DATA, frame_ss(%edi)
    mov %ebx, %eax
    shl $9, %eax
    add $MESSAGES, %eax
    mov %eax, process_message_end(%esi)
    movl $RUNNABLE, process_state(%esi)
    ret

# Runs the next process that can run, halts until one can, or ends when all are dead. Never returns.
schedule:
    mov $boot_stack_top, %esp
    mov $PROCESSES, %ecx
    xor %edx, %edx                  # whether any is alive
    mov current, %ebx
1:  inc %ebx
    cmp $PROCESSES, %ebx
    jbe 2f
    mov $1, %ebx
2:  call process_record
    cmpl $SLEEPING, process_state(%esi)
    ja 4f
    jb 3f
    inc %edx
    mov process_wake(%esi), %eax
    cmp ticks, %eax
    ja 4f
    movl $RUNNABLE, process_state(%esi)
3:  mov %ebx, current
    mov process_stack_top(%esi), %eax
    mov %eax, tss + 4
    mov process_directory(%esi), %eax
    mov %cr3, %ecx
    cmp %ecx, %eax
    je 5f
    mov %eax, %cr3
5:  mov process_frame(%esi), %esp
    jmp interrupt_return
4:  loop 1b
    test %edx, %edx
    jz report
    sti                             # idle
    hlt
    cli
    jmp schedule

# Saves the interrupted process; EBP is its frame, and ESI becomes its record.
save_current:
    mov current, %ebx
    call process_record
    mov %ebp, process_frame(%esi)
    ret

tick:
    incl ticks
    out_byte PIC1, PIC_END_OF_INTERRUPT
    testb $3, frame_cs(%ebp)
    jz 1f                           # the idle loop
    call save_current
    incl process_preemptions(%esi)
    jmp schedule
1:  ret

# Exceptions of a process that nothing else wants; EBP is its frame. The report tells EIP's offset in the
# text, or CR2.
kill:
    mov frame_eip(%ebp), %eax
    sub $USER_TEXT, %eax
kill_with_address:
    testb $3, frame_cs(%ebp)
    jz unexpected_interrupt
    call save_current
    mov %eax, process_address(%esi)
    mov frame_vector(%ebp), %eax
    shl $16, %eax
    mov frame_error(%ebp), %ax
    mov %eax, process_result(%esi)
    movl $KILLED, process_state(%esi)
    jmp schedule

page_fault:
    mov %cr2, %edx
    mov current, %ebx
    call process_record
    mov process_directory(%esi), %ecx
    mov (USER_TEXT >> 22) * 4(%ecx), %ecx
    and $0xfffff000, %ecx
    cmpl $P + W + U, frame_error(%ebp)
    je 1f
    cmpl $P + W, frame_error(%ebp)  # the kernel writes for a process
    je 1f
    testl $P, frame_error(%ebp)
    jnz 3f
    cmp $USER_STACK_LIMIT, %edx
    jb 3f
    cmp $USER_STACK_TOP, %edx
    jae 3f
    call allocate_frame             # stack on demand
    incl process_stack_pages(%esi)
    jmp 2f
1:  mov %edx, %eax                  # copy on write
    and $0xfffff000, %eax
    cmp $USER_PAGE, %eax
    jne 3f
    call allocate_frame
    incl process_copies(%esi)
    push %esi
    push %ecx
    mov %eax, %edi
    mov $SHARED_FRAME, %esi
    mov $1024, %ecx
    rep movsl
    pop %ecx
    pop %esi
2:  or $P + W + U, %eax
    mov %edx, %ebx
    sub $USER_TEXT, %ebx
    shr $12, %ebx
    mov %eax, (%ecx,%ebx,4)
    invlpg (%edx)
    ret
3:  mov %edx, %eax
    jmp kill_with_address

# System calls: number in EAX, operand in EBX, answer in EAX.
system_call:
    call save_current
    cmpl $CALL_TICKS, frame_eax(%ebp) # how often that is asked is a matter of time
    je do_call
    incl process_int_calls(%esi)
do_call:
    mov frame_eax(%ebp), %eax
    mov frame_ebx(%ebp), %ebx
    cmp $CALLS, %eax
    jae 1f
    jmp *calls(,%eax,4)
1:  movl $-1, frame_eax(%ebp)
    ret

# SYSENTER: the program's ESP is in ECX and its EIP in EDX, where SYSEXIT wants them too.
fast_entry:
    mov (%esp), %esp
    push $USER_DATA
    push %ecx
    push $IF + 2
    push $USER_CODE
    push %edx
    push $0
    push $0x80
    pushal
    push %ds
    push %es
    mov $KERNEL_DATA, %edx
    mov %edx, %ds
    mov %edx, %es
    mov %esp, %ebp
    call save_current
    cmpl $CALL_TICKS, frame_eax(%ebp)
    je 1f
    incl process_fast_calls(%esi)
1:  call do_call
    pop %es
    pop %ds
    popal
    sti                             # takes effect behind SYSEXIT
    sysexit

.set CALL_EXIT, 0
.set CALL_WRITE, 1
.set CALL_GETPID, 2
.set CALL_YIELD, 3
.set CALL_SLEEP, 4
.set CALL_TICKS, 5
.set CALL_WHO, 6
.set CALLS, 7
calls:
    .long call_exit, call_write, call_getpid, call_yield, call_sleep, call_ticks, call_who

call_exit:
    mov %ebx, process_result(%esi)
    movl $EXITED, process_state(%esi)
    jmp schedule
call_write:                         # appends the string at EBX to the process's messages
    mov process_message_end(%esi), %edi
    push %esi
    mov %ebx, %esi
1:  lodsb
    stosb
    test %al, %al
    jnz 1b
    pop %esi
    dec %edi
    mov %edi, process_message_end(%esi)
    ret
call_getpid:
    mov current, %eax
    mov %eax, frame_eax(%ebp)
    ret
call_yield:
    jmp schedule
call_sleep:
    add ticks, %ebx
    mov %ebx, process_wake(%esi)
    movl $SLEEPING, process_state(%esi)
    jmp schedule
call_ticks:
    mov ticks, %eax
    mov %eax, frame_eax(%ebp)
    ret
call_who:                           # writes the number to EBX: with WP, a fault in the kernel
    mov current, %eax
    mov %eax, (%ebx)
    ret

.macro tell text, field
    print \text
    mov \field(%esi), %eax
    call print_decimal
.endm

report:
    out_byte PIC1 + 1, 0xff
    mov $KERNEL_DIRECTORY, %eax
    mov %eax, %cr3
    mov $1, %ebx
1:  call process_record
    print "process "
    mov %ebx, %eax
    call print_decimal
    cmpl $KILLED, process_state(%esi)
    je 2f
    print " exited with "
    mov process_result(%esi), %eax
    add %eax, total
    call print_hexadecimal
    jmp 3f
2:  print " was killed by exception "
    movzwl process_result + 2(%esi), %eax
    call print_decimal
    print ", error code "
    movzwl process_result(%esi), %eax
    call print_hexadecimal
    print ", at "
    mov process_address(%esi), %eax
    call print_hexadecimal
3:  print "\n"
    push %esi
    mov %ebx, %esi
    shl $9, %esi
    add $MESSAGES, %esi
    call print_string
    pop %esi
    tell "  stack pages ", process_stack_pages
    tell ", copies on write ", process_copies
    tell ", calls by INT ", process_int_calls
    tell ", by SYSENTER ", process_fast_calls
    cmpl $KILLED, process_state(%esi) # the short-lived may or may not have seen a tick
    je 5f
    print ", preempted "
    cmpl $0, process_preemptions(%esi)
    je 4f
    print "yes"
    jmp 5f
4:  print "no"
5:  print "\n"
    inc %ebx
    cmp $PROCESSES, %ebx
    jbe 1b
    print "shared page "
    mov SHARED_FRAME, %eax
    call print_hexadecimal
    print ", sum of the results "
    mov total, %eax
    call print_hexadecimal
    print "\n"
    xor %eax, %eax
    jmp exit

.balign 4, 0
current:
    .long PROCESSES
next_frame:
    .long FIRST_FREE_FRAME
total:
    .long 0
programs:
    .long worker, worker, worker, intruder, stray
processes:
    .fill PROCESSES * PROCESS_SIZE / 4, 4, 0

.include "preempt-programs.s"
