# CR0.PE set and cleared with segments left as they are: nothing but PE changes, hidden parts stay until a
# register is loaded (SDM vol. 3, sections 9.9.1 and 9.9.2, say why one should load them all).
.include "lib/start.s"
.include "lib/check.s"

.set RESULTS, 0x600
.set OLD, 0x1000
.set NEW, 0x2000
.set HIGH, 0x180000
.set STACK, 0x3000

.macro far_jump selector, offset
    .byte 0xea
    .long \offset
    .word \selector
.endm

main:
    call real_initialize
    movl $0x11111111, OLD
    movl $0x22222222, NEW
    movl $0x44444444, HIGH

    # 32-bit code above 1 MiB goes on in real mode, interrupts off: CS and SS are what they were.
    cli
    mov %cr0, %eax
    and $0xfffffffe, %eax
    mov %eax, %cr0
    smsw %ebx
    and $1, %ebx
    push %ebx
    call flat_routine
    push %eax
    mov $OLD >> 4, %ecx
    mov %ecx, %es                   # real mode: a base of 16 times the selector, the limit stays
    mov %es:0, %edi
    mov %es:NEW - OLD, %ebp
    mov %es:HIGH - OLD, %edx
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    mov %es:0, %esi
    mov %es, %ecx
    mov %cs, %eax
    mov $KERNEL_DATA, %ebx
    mov %ebx, %es
    pop RESULTS
    pop RESULTS + 4
    mov %edi, RESULTS + 8
    mov %ebp, RESULTS + 12
    mov %edx, RESULTS + 16
    mov %esi, RESULTS + 20
    mov %ecx, RESULTS + 24
    mov %eax, RESULTS + 28
    check "PE clear", RESULTS + 4, $0
    check "32-bit code and stack above 1 MiB in real mode", RESULTS, $0x12345678
    check "ES loaded in real mode: base", RESULTS + 8, $0x11111111
    check "above 4 KiB", RESULTS + 12, $0x22222222
    check "above 1 MiB", RESULTS + 16, $0x44444444
    check "ES used in protected mode", RESULTS + 20, $0x11111111
    check "its selector", RESULTS + 24, $OLD >> 4
    check "CS in protected mode", RESULTS + 28, $KERNEL_CODE

    # A 32-bit stack in real mode, with a base of its own.
    mov %esp, %ebp
    mov %cr0, %eax
    and $0xfffffffe, %eax
    mov %eax, %cr0
    mov $OLD >> 4, %ecx
    mov %ecx, %ss
    mov $STACK + 0x50000, %esp
    push $0x66666666
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    push $0x77777777                # protected mode, SS as real mode has loaded it
    mov %ss, %edx
    mov $KERNEL_DATA, %ecx
    mov %ecx, %ss
    mov %ebp, %esp
    mov %edx, RESULTS
    check "pushed on a 32-bit stack in real mode", STACK + 0x50000 + OLD - 4, $0x66666666
    check "and in protected mode", STACK + 0x50000 + OLD - 8, $0x77777777
    check "SS of real mode in protected mode", RESULTS, $OLD >> 4

    # CS with a base that is not that of its selector.
    movl $0x0000ffff, gdt_spare     # 4 GiB of code from 64 KiB on
    movl $0x00cf9b01, gdt_spare + 4
    far_jump SPARE_SELECTOR, based - 0x10000
based:
    mov %cr0, %eax
    and $0xfffffffe, %eax
    mov %eax, %cr0
    mov %cs, %ebx
    xor %ecx, %ecx
    call count_here
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    call count_here
    far_jump KERNEL_CODE, flat
count_here:
    inc %ecx
    ret
flat:
    check "CS of protected mode in real mode", %ebx, $SPARE_SELECTOR
    check "code at its base", %ecx, $2

    call_real stale
    check "DS of real mode in protected mode", RESULTS, $0x11111111
    check "its selector", RESULTS + 4, $OLD >> 4
    check "16-bit CS of real mode in protected mode", RESULTS + 8, $REAL_SEGMENT
    check "stack of real mode in protected mode", RESULTS + 12, $0x1234
    check "segment of protected mode in real mode", RESULTS + 16, $0x22222222
    check "loaded anew its base changes", RESULTS + 20, $0x11111111
    check "and its limit stays", RESULTS + 24, $0x44444444
    check "PE set by LMSW", RESULTS + 28, $1

    call_real unloadable
    check "in real mode nothing is checked", RESULTS, $0x11111111
    jmp verdict

flat_routine:
    mov $0x12345678, %eax
    ret

.include "lib/real.s"

# Protected mode for a moment, with every segment of real mode.
stale:
    cli
    lgdtl real_gdt_pointer - real_begin
    xor %ax, %ax
    mov %ax, %es
    mov $OLD >> 4, %ax
    mov %ax, %ds
    smsw %ax
    or $1, %ax
    lmsw %ax
    movl 0, %ebx
    movl %ebx, %es:RESULTS
    xor %ebx, %ebx
    mov %ds, %bx
    movl %ebx, %es:RESULTS + 4
    mov %cs, %bx
    movl %ebx, %es:RESULTS + 8
    pushw $0x1234
    pop %bx
    movl %ebx, %es:RESULTS + 12
    smsw %bx
    and $1, %bx
    movl %ebx, %es:RESULTS + 28
    mov $KERNEL_DATA, %bx
    mov %bx, %fs
    mov %cr0, %eax
    and $0xfe, %al
    mov %eax, %cr0
    movl %fs:NEW, %ebx
    movl %ebx, %es:RESULTS + 16
    mov $OLD >> 4, %ax
    mov %ax, %fs
    movl %fs:0, %ebx
    movl %ebx, %es:RESULTS + 20
    mov $HIGH - OLD, %ebx
    movl %fs:(%ebx), %ebx
    movl %ebx, %es:RESULTS + 24
    ret

# Selectors that no table would let through.
unloadable:
    xor %ax, %ax
    mov %ax, %es
    mov $0x00ff, %ax
    mov %ax, %gs
    movl %gs:0x10, %ebx
    movl %ebx, %es:RESULTS
    ret
real_end:
.code32
