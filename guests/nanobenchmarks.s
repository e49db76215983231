# One event, many times over: the nanobenchmarks of Adams and Agesen (ASPLOS 2006, section 6.3) and relatives.
# Stretches of one name belong together; who measures listens to their marks. On COM1 is what came of each, which
# no host decides.
.include "lib/start.s"
.include "lib/check.s"
.include "lib/marks.s"

.set OPERATIONS, 4096
.set ROUNDS, 1                      # of all stretches; who measures wants more

.set DIRECTORY, 0x200000
.set OTHER_DIRECTORY, 0x201000
.set WINDOW_TABLES, 0x202000
.set WINDOW, 0x400000               # all its pages are FRAME
.set UNMAPPED, 0x40000000
.set FRAME, 0x300000
# The window has few pages in each of many tables: a monitor may stop tracing a table that is written on and on.
.set TABLES, 32
.set PAGES_IN_TABLE, 32
.set PAGES, TABLES * PAGES_IN_TABLE

.set P, 1
.set W, 2
.set U, 4
.set A, 0x20
.set D, 0x40
.set PS, 0x80
.set PRESENT, FRAME + P + W + U + A + D

.set USER_EFLAGS, 0x202             # IF set: user code may run directly
.set DONE, 0x40
.set SYSTEM_CALL, 0x80

# The operands are what is done once; ECX counts.
.macro measured name
    begin \name, 4096
    mov $OPERATIONS, %ecx
1:
.endm
.macro end_measured
    dec %ecx
    jnz 1b
    end
.endm

# A gate of \vector to \entry; ring 3 may use it.
.macro gate vector, entry
    mov $\vector, %ecx
    mov $\entry, %eax
    mov $0xee, %dl
    call set_gate
.endm
.macro write_msr msr, value
    mov $\msr, %ecx
    mov $\value, %eax
    xor %edx, %edx
    wrmsr
.endm
# Runs the code at \program in ring 3 until its INT DONE.
.macro run_user program
    mov $\program, %eax
    call run_user_at_eax
.endm

main:
    call set_up
    movl $ROUNDS, rounds_left
1:  begin round
    end
    call privileged_operations
    call transfers
    call page_table_changes
    call address_space_switches
    decl rounds_left
    jnz 1b
    jmp verdict

set_up:
    movl $P + W + U + PS, DIRECTORY
    movl $P + W + U + PS, OTHER_DIRECTORY
    movl $0, DIRECTORY + (UNMAPPED >> 22) * 4
    mov $WINDOW_TABLES + P + W + U, %eax
    xor %ecx, %ecx
1:  mov %eax, DIRECTORY + (WINDOW >> 22) * 4(,%ecx,4)
    mov %eax, OTHER_DIRECTORY + (WINDOW >> 22) * 4(,%ecx,4)
    add $0x1000, %eax
    inc %ecx
    cmp $TABLES, %ecx
    jb 1b
    mov $PRESENT, %eax
    call write_window
    mov %cr4, %eax
    or $0x10, %eax                  # PSE
    mov %eax, %cr4
    mov $DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80010000, %eax            # PG and WP
    mov %eax, %cr0
    gate 0, division_error
    gate 14, page_fault
    gate DONE, user_done
    gate SYSTEM_CALL, system_call
    write_msr 0x174, KERNEL_CODE    # IA32_SYSENTER_CS, _ESP, _EIP
    write_msr 0x175, interrupt_stack_top
    write_msr 0x176, fast_system_call
    ret

# ---- what the kernel alone may do -----------------------------------------------------------------------

privileged_operations:
    # What a stretch costs by itself, and what a loop does.
    mov $64, %ebx
1:  begin mark, 1
    end
    dec %ebx
    jnz 1b
    measured loop
    end_measured

    measured in
    inb $0x80, %al
    end_measured

    measured crwr
    mov %eax, %cr2
    end_measured

    measured callret
    call nothing
    end_measured

    measured clisti
    cli
    sti
    end_measured
    cli

    measured pushfpopf
    pushfl
    popfl
    end_measured

    measured rdtsc
    rdtsc
    end_measured

    mov $KERNEL_DATA, %ebx
    measured segload
    mov %ebx, %es
    end_measured
    print "privileged operations done\n"
nothing:
    ret

# ---- from ring 3 to ring 0 and back ---------------------------------------------------------------------

transfers:
    movl $0, system_calls
    movl $0, faults
    begin syscall, 4096
    run_user user_fast_system_calls
    end
    begin int80, 4096
    run_user user_system_calls
    end
    check "system calls", system_calls, $2 * OPERATIONS
    begin divzero, 4096
    run_user user_divisions
    end
    begin pgfault, 4096
    run_user user_page_faults
    end
    check "faults", faults, $2 * OPERATIONS
    ret

run_user_at_eax:
    mov %esp, kernel_stack
    push $USER_DATA
    push $ring_stack_top
    push $USER_EFLAGS
    push $USER_CODE
    push %eax
    mov $USER_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    iretl
user_done:
    mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov kernel_stack, %esp
    ret

user_fast_system_calls:
    mov $OPERATIONS, %esi
    mov %esp, %ecx                  # what SYSEXIT takes ESP and EIP from
    mov $1f, %edx
    sysenter
1:  dec %esi
    jz 2f
    sysenter
2:  int $DONE
fast_system_call:
    incl system_calls
    sti                             # SYSENTER has cleared IF
    sysexit

user_system_calls:
    mov $OPERATIONS, %esi
1:  int $SYSTEM_CALL
    dec %esi
    jnz 1b
    int $DONE
system_call:
    incl system_calls
    iretl

user_divisions:
    mov $OPERATIONS, %esi
    xor %ecx, %ecx
1:  div %ecx                        # two bytes
    dec %esi
    jnz 1b
    int $DONE
division_error:
    incl faults
    addl $2, (%esp)
    iretl

user_page_faults:
    mov $OPERATIONS, %esi
    mov $UNMAPPED, %ebx
1:  mov (%ebx), %eax                # two bytes
    dec %esi
    jnz 1b
    int $DONE
page_fault:
    incl faults
    add $4, %esp
    addl $2, (%esp)
    iretl

# ---- page tables ----------------------------------------------------------------------------------------

# Writes EAX to all entries of the window's tables.
write_window:
    mov $WINDOW_TABLES, %edi
    mov $TABLES, %edx
1:  mov $PAGES_IN_TABLE, %ecx
2:  mov %eax, (%edi)
    add $4, %edi
    dec %ecx
    jnz 2b
    add $0x1000 - 4 * PAGES_IN_TABLE, %edi
    dec %edx
    jnz 1b
    ret
# Writes to every page, the last time 1.
touch_window:
    mov $WINDOW, %edi
    mov $TABLES, %edx
1:  mov $PAGES_IN_TABLE, %ecx
2:  mov %ecx, (%edi)
    add $0x1000, %edi
    dec %ecx
    jnz 2b
    add $0x400000 - 0x1000 * PAGES_IN_TABLE, %edi
    dec %edx
    jnz 1b
    ret
flush_tlb:
    mov %cr3, %eax
    mov %eax, %cr3
    ret

page_table_changes:
    mov $8, %ebx
1:  call flush_tlb
    call touch_window
    begin ptemod_same, 1024
    mov $PRESENT, %eax
    call write_window
    end
    begin ptemod_absent, 1024
    xor %eax, %eax
    call write_window
    end
    call flush_tlb
    begin ptemod_present, 1024
    mov $PRESENT, %eax
    call write_window
    end
    dec %ebx
    jnz 1b
    call touch_window
    check "the window's last word", FRAME, $1
    ret

address_space_switches:
    mov $OTHER_DIRECTORY, %ebx
    mov $DIRECTORY, %edx
    measured cr3
    mov %ebx, %cr3
    mov %ecx, WINDOW
    mov %ecx, WINDOW + 0x1000
    mov %ecx, WINDOW + 0x2000
    mov %ecx, WINDOW + 0x3000
    xchg %ebx, %edx
    end_measured
    mov $DIRECTORY, %eax
    mov %eax, %cr3
    check "the last round's word", FRAME, $1
    ret

.balign 4, 0
rounds_left:
    .long 0
kernel_stack:
    .long 0
system_calls:
    .long 0
faults:
    .long 0
