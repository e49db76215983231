# Debug exceptions (SDM vol. 3, chapter 17): single steps, breakpoints on execution, general detection,
# ICEBP, the T flag of a task. Each piece of code is traced; see lib/trace.s for what a line says.
.include "lib/start.s"
.include "lib/trace.s"
.include "lib/timer.s"

.set RETURNING, 0x41                # a gate that ring 3 may use; its handler just returns
.set CR4_DE, 8
.set OTHER_TASK, SPARE_SELECTOR

main:
    call trace_initialize
    handle RETURNING, just_return
    handle 3, just_return
    handle 4, just_return
    mov $0xee, %dl
    mov $RETURNING, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    call set_gate
    mov $3, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    call set_gate
    mov $4, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    call set_gate

    call single_steps
    call code_breakpoints
    call general_detection
    call repeated_and_interrupted
    call tasks
    call halt
    xor %eax, %eax
    ret

just_return:
    ret

single_steps:
    movl $TF + 2, ring_eflags
    trace "steps in ring 3", 3, 1f
    nop
    mov $1, %eax
    jmp 2f
    nop
2:  call 3f
    int $DONE
3:  ret
1:  trace "steps in ring 0", 0, 1f
    push $TF + 2
    popfl
    nop
    cpuid
    mov %cr0, %eax
    mov %eax, %cr0
    in $0x21, %al
    out %al, $0x21
    mov %ds, %eax
    mov %eax, %ds
    mov $1, %ecx
    rdtsc
    lidtl idt_pointer
    invlpg 0x100000
    sti
    cli
    nop
    int $DONE
1:  trace "MOV SS", 3, 1f
    mov %ss, %eax
    mov %eax, %ss
    nop
    mov %eax, %ss
    mov %eax, %ss
    nop
    mov %eax, %ss
    mov %eax, %ss
    mov %eax, %ss
    nop
    nop
    int $DONE
1:  trace "POP SS and LSS", 3, 1f
    push %ss
    pop %ss
    nop
    mov %esp, scratch
    mov %ss, scratch + 4
    lss scratch, %esp
    nop
    int $DONE
1:  trace "MOV SS, then INT3", 3, 1f
    mov %ss, %eax
    mov %eax, %ss
    int3
    nop
    int $DONE
1:  trace "MOV SS, then a fault", 3, 1f
    mov %ss, %eax
    mov %eax, %ss
    ud2
1:  trace "REP STOS and REP with ECX 0", 3, 1f
    mov $scratch, %edi
    mov $3, %ecx
    rep stosb
    rep stosb
    nop
    int $DONE
1:  trace "REPE SCAS", 3, 1f
    mov $zeros, %edi
    mov $9, %ecx
    xor %eax, %eax
    movb $1, zeros + 2
    repe scasb
    nop
    int $DONE
1:  trace "INT n, INT3, INTO, not taken and taken", 3, 1f
    int $RETURNING
    nop
    int3
    nop
    xor %eax, %eax
    into
    mov $0x7f, %al
    inc %al
    into
    nop
    int $DONE
1:  trace "PUSHF, POPF that clears TF", 3, 1f
    pushfl
    andl $~TF, (%esp)
    popfl
    nop
    nop
    int $DONE
1:  movl $2, ring_eflags
    trace "POPF that sets TF", 3, 1f
    pushl $TF + 2
    popfl
    nop
    nop
    int $DONE
1:  trace "IRET that sets TF", 3, 1f
    pushl $TF + 2
    push %cs
    push $2f
    iretl
    nop
2:  nop
    nop
    int $DONE
1:  movl $TF + 2, ring_eflags
    trace "a fault", 3, 1f
    nop
    ud2
1:  trace "a fault of a fetch", 3, 1f
    nop
    hlt
1:  trace "far transfers", 3, 1f
    push %cs
    push $2f
    lretl
    nop
2:  push %ds
    pop %es
    nop
    int $DONE
1:  trace "code that changes the next instruction", 3, 1f
    movb $0x90, 2f
    nop
2:  inc %eax
    nop
    int $DONE
1:  mov $KERNEL_CODE, %eax
    xor %edx, %edx
    mov $0x174, %ecx
    wrmsr
    mov $boot_stack_top - 0x1000, %eax
    mov $0x175, %ecx
    wrmsr
    mov $entered, %eax
    mov $0x176, %ecx
    wrmsr
    trace "SYSENTER", 3, 1f
    nop
    sysenter
entered:
    nop
    nop
    pushl $2
    popfl
    nop
    int $DONE
1:  ret

code_breakpoints:
    movl $2, ring_eflags
    movl $0xf, trace_passed
    breakpoint 0, 2f, EXECUTION
    trace "breakpoint, passed with RF", 3, 1f
    nop
2:  nop
    nop
    jmp 3f
3:  int $DONE
1:  breakpoint 0, 2f, EXECUTION
    trace "breakpoint in a loop", 3, 1f
    mov $3, %ecx
2:  nop
    loop 2b
    int $DONE
1:  breakpoint 1, 2f, EXECUTION
    breakpoint 3, 2f, EXECUTION
    mov $2f, %eax
    mov %eax, %dr2
    mov %dr7, %eax
    and $~0xc0, %eax                # DR3 is not enabled, yet reported with DR1
    mov %eax, %dr7
    trace "breakpoints not enabled", 3, 1f
    nop
2:  nop
    int $DONE
1:  breakpoint 0, 2f, EXECUTION
    trace "breakpoint on a repeated instruction", 3, 1f
    mov $scratch, %edi
    mov $4, %ecx
2:  rep stosb
    int $DONE
1:  breakpoint 0, 2f, EXECUTION
    trace "breakpoint on an instruction that faults", 3, 1f
    nop
2:  ud2
1:  breakpoint 0, 2f, EXECUTION
    trace "breakpoint behind MOV SS", 3, 1f
    mov %ss, %eax
    mov %eax, %ss
2:  nop
    nop
    int $DONE
1:  breakpoint 0, 2f, EXECUTION
    movl $TF + 2, ring_eflags
    trace "breakpoint met by single steps", 3, 1f
    nop
    nop
2:  nop
    nop
    int $DONE
1:  breakpoint 0, 2f, EXECUTION
    trace "breakpoint on REP while stepping", 3, 1f
    mov $scratch, %edi
    mov $3, %ecx
2:  rep stosb
    nop
    int $DONE
1:  movl $2, ring_eflags
    breakpoint 0, 2f + 1, EXECUTION
    trace "breakpoint within an instruction", 3, 1f
    nop
2:  mov $1, %eax
    int $DONE
1:  breakpoint 0, 2f, EXECUTION
    trace "breakpoint of ring 0", 0, 1f
    nop
2:  mov %cr0, %eax
    int $DONE
1:  breakpoint 0, 2f, EXECUTION
    trace "IRET with RF to a breakpoint", 3, 1f
    pushl $RF + 2
    push %cs
    push $2f
    iretl
    nop
2:  nop
    nop
    int $DONE
1:  breakpoint 0, 2f, EXECUTION
    breakpoint 1, 3f, EXECUTION
    trace "RF ends behind one instruction", 3, 1f
    pushl $RF + 2
    push %cs
    push $2f
    iretl
    nop
2:  jmp 3f
    nop
3:  nop
    jmp 4f
    nop
4:  int $DONE
1:  movl $0, trace_passed
    ret

general_detection:
    mov $0x2400, %eax
    mov %eax, %dr7
    trace "general detection", 0, 1f
    nop
    mov %dr0, %eax
    mov %dr7, %eax
    int $DONE
1:  check "GD in the handler", result_eax, $0x400
    movl $2, ring_eflags
    trace "ICEBP", 3, 1f
    nop
    .byte 0xf1
    nop
    int $DONE
1:  mov %cr4, %eax
    or $CR4_DE, %eax
    mov %eax, %cr4
    trace "DR4 with DE", 0, 1f
    .byte 0x0f, 0x21, 0xe0
1:  mov %cr4, %eax
    and $~CR4_DE, %eax
    mov %eax, %cr4
    mov $0x404, %eax
    mov %eax, %dr7
    .byte 0x0f, 0x21, 0xeb          # MOV EBX, DR5
    check "DR5 without DE", %ebx, $0x404
    ret

# An interrupt between two elements of a repeated instruction finds RF set (SDM vol. 3, section 17.3.1.1).
repeated_and_interrupted:
    call pic_initialize
    handle IRQ_BASE, note_interrupt
    call request_timer_interrupt
    mov $memory_end, %edi
    mov $64, %ecx
    sti
2:  rep stosb
    cli
    check "EIP of an interrupt between two elements", interrupted_eip, $2b
    check "RF of it", interrupted_flags, $RF
    check "all elements are stored", %edi, $memory_end + 64
    call request_timer_interrupt
    sti
    nop
    nop
    cli
    check "RF of an interrupt between instructions", interrupted_flags, $0
    out_byte PIC1 + 1, 0xff
    ret

note_interrupt:
    mov frame_eip(%ebp), %eax
    mov %eax, interrupted_eip
    mov frame_eflags(%ebp), %eax
    and $RF, %eax
    mov %eax, interrupted_flags
    jmp count_tick

# Another task, whose TSS has the T flag, and back.
tasks:
    mov $other_tss, %eax
    mov $gdt_spare, %ebx
    movl $0x67, gdt_spare
    movl $0x8900, gdt_spare + 4
    call set_descriptor_base
    mov %cr3, %eax
    mov %eax, other_tss + 0x1c
    movl $other_task, other_tss + 0x20
    movl $2, other_tss + 0x24
    movl $boot_stack_top - 0x800, other_tss + 0x38
    movl $KERNEL_DATA, other_tss + 0x48
    movl $KERNEL_CODE, other_tss + 0x4c
    movl $KERNEL_DATA, other_tss + 0x50
    movl $KERNEL_DATA, other_tss + 0x54
    movl $1, other_tss + 0x64
    trace "a task with the T flag", 0, 1f
    .byte 0x9a                      # CALL OTHER_TASK
    .long 0
    .word OTHER_TASK
    nop
    int $DONE
other_task:
    nop
    iretl
1:  movl $other_task, other_tss + 0x20
    movl $TF + 2, other_tss + 0x24
    movl $0, other_tss + 0x64
    trace "a task with TF", 0, 1f
    .byte 0x9a
    .long 0
    .word OTHER_TASK
    nop
    int $DONE
1:  ret

# A debug exception ends HLT, even with IF clear (SDM vol. 2, HLT).
halt:
    trace "HLT", 0, 1f
    pushl $TF + 2
    popfl
    hlt
    nop
    int $DONE
1:  ret

.balign 4, 0
interrupted_eip:
    .long 0
interrupted_flags:
    .long 0
scratch:
    .long 0, 0
zeros:
    .fill 16, 1, 0
.balign 16, 0
other_tss:
    .fill 26, 4, 0
