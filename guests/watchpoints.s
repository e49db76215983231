# Breakpoints on data and on ports (SDM vol. 3, sections 17.2.4 and 17.2.5): which accesses meet them, and where
# the trap follows. Each piece of code is traced; see lib/trace.s for what a line says.
.include "lib/start.s"
.include "lib/trace.s"

.set RETURNING, 0x41                # a gate that ring 3 may use; its handler just returns
.set CR4_DE, 8

main:
    call trace_initialize
    handle RETURNING, just_return
    handle 3, just_return
    mov $0xee, %dl
    mov $RETURNING, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    call set_gate
    mov $3, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    call set_gate
    call data_breakpoints
    call port_breakpoints
    xor %eax, %eax
    ret

just_return:
    ret

data_breakpoints:
    movl $2, ring_eflags
    breakpoint 0, watched, WRITE4
    trace "write", 3, 1f
    mov watched, %eax
    mov %eax, watched
    nop
    movb $1, watched + 3
    movb $1, watched + 4
    mov %eax, watched - 3
    mov %ax, watched - 2
    int $DONE
1:  breakpoint 0, watched, ACCESS2
    trace "read and write", 3, 1f
    mov watched, %eax
    mov %eax, watched
    mov watched + 2, %al
    mov watched + 1, %al
    cmpb $1, watched
    addl $1, watched
    lea watched, %ebx
    int $DONE
1:  breakpoint 0, watched + 1, WRITE4
    breakpoint 1, watched + 7, ACCESS1
    breakpoint 2, watched + 5, WRITE2
    trace "lengths align addresses", 3, 1f
    movb $1, watched
    movb $1, watched + 7
    movb $1, watched + 4
    movb $1, watched + 5
    movl $1, watched + 4
    int $DONE
1:  breakpoint 0, watched, ACCESS1
    breakpoint 1, watched, WRITE1
    breakpoint 2, watched + 1, WRITE1
    breakpoint 3, watched + 2, WRITE1
    mov %dr7, %eax
    and $~0x30, %eax
    mov %eax, %dr7
    trace "several, one not enabled", 3, 1f
    mov watched, %al
    mov %al, watched
    mov %eax, watched
    mov %al, watched + 1
    int $DONE
1:  breakpoint 0, watched, ACCESS4
    trace "instructions that read or write", 3, 1f
    incl watched
    xchg %eax, watched
    lock xadd %eax, watched
    cmpxchg %ecx, watched
    btsl $3, watched
    btl $3, watched
    mov $0x1000, %ecx
    btl %ecx, watched - 0x200
    pushl watched
    popl watched
    testb $1, watched
    sete watched
    imul watched, %eax
    movzbl watched, %eax
    shll $1, watched
    cmpxchg8b watched - 4
    int $DONE
1:  breakpoint 0, watched, ACCESS4
    trace "more of them", 3, 1f
    mov $watched, %ebx
    xor %eax, %eax
    .byte 0x62, 0x43, 0xf8          # BOUND EAX, [EBX - 8]
    mov $watched, %esi
    lodsl
    mov $watched, %edi
    stosl
    xlat
    movw %ds, watched
    fninit
    flds watched
    fstps watched
    fnstcw watched
    fldl watched - 4
    les scratch, %eax
    int $DONE
1:  breakpoint 0, watched, WRITE4
    trace "the stack", 3, 1f
    mov %esp, %ebp
    mov $watched + 8, %esp
    push %eax
    push %eax
    pop %eax
    push %ds
    pop %es
    call 2f
2:  pop %eax
    mov $watched + 20, %esp
    pushal
    mov $watched + 4, %esp
    pushfl
    mov $watched + 8, %esp
    enter $0, $0
    mov $watched + 8, %esp
    enter $4, $1
    mov %ebp, %esp
    int $DONE
1:  breakpoint 0, watched + 4, WRITE1
    trace "REP STOS", 3, 1f
    mov $watched, %edi
    mov $8, %ecx
    rep stosb
    nop
    int $DONE
1:  breakpoint 0, watched + 4, ACCESS1
    breakpoint 1, watched + 0x12, WRITE1
    trace "REP MOVS", 3, 1f
    mov $watched, %esi
    mov $watched + 16, %edi
    mov $8, %ecx
    rep movsb
    nop
    int $DONE
1:  breakpoint 0, watched, ACCESS1
    trace "REPNE SCAS", 3, 1f
    mov $watched - 2, %edi
    mov $5, %ecx
    mov $0x77, %al
    repne scasb
    nop
    int $DONE
1:  breakpoint 0, watched, ACCESS4
    trace "MOV SS from watched memory", 3, 1f
    mov %ss, watched
    nop
    mov watched, %ss
    nop
    nop
    mov watched, %ss
    int3
    nop
    int $DONE
1:  movl $TF + 2, ring_eflags
    breakpoint 0, watched, WRITE1
    trace "with single steps", 3, 1f
    movb $1, watched
    nop
    mov $watched - 1, %edi
    mov $3, %ecx
    rep stosb
    int $DONE
1:  movl $2, ring_eflags
    breakpoint 0, watched, WRITE1
    breakpoint 1, 2f, EXECUTION
    movl $2, trace_passed
    trace "before a breakpoint on execution", 3, 1f
    movb $1, watched
2:  nop
    int $DONE
1:  movl $0, trace_passed
    breakpoint 0, watched, WRITE1
    trace "an instruction that faults behind the write", 3, 1f
    mov $watched, %edi
    mov $watched, %esi
    xor %eax, %eax
    movb %al, watched
    mov %cs:(%eax), %eax
    mov %eax, %cs:watched
1:  breakpoint 0, interrupt_stack_top - 8, WRITE4
    trace "the stack of an interrupt", 3, 1f
    nop
    int $RETURNING
    nop
    int $DONE
1:  breakpoint 0, gdt + LDT_SELECTOR + 4, ACCESS4
    trace "a descriptor", 0, 1f
    mov $LDT_SELECTOR, %eax
    lldt %ax
    nop
    int $DONE
1:  breakpoint 0, gdt + READ_ONLY_DATA, ACCESS4
    trace "a descriptor of ring 3", 3, 1f
    mov $READ_ONLY_DATA + 3, %eax
    mov %eax, %fs
    nop
    lar %eax, %ebx
    verr %ax
    int $DONE
1:  ret

port_breakpoints:
    mov %cr4, %eax
    or $CR4_DE, %eax
    mov %eax, %cr4
    breakpoint 0, 0x21, IO1
    breakpoint 1, 0xa0, IO2
    trace "ports", 0, 1f
    in $0x21, %al
    nop
    out %al, $0x21
    in $0xa1, %al
    in $0xa2, %al
    mov $0x20, %edx
    in %dx, %ax
    in $0x20, %al
    mov $0x21, %edx
    mov $scratch, %edi
    mov $2, %ecx
    rep insb
    nop
    int $DONE
1:  mov %cr4, %eax
    and $~CR4_DE, %eax
    mov %eax, %cr4
    ret

.balign 16, 0
    .long 0, 0
    .long 0x80000000, 0x7fffffff
watched:
    .fill 16, 4, 0
scratch:
    .long 0, USER_DATA, 0, 0
