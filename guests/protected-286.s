# Protected mode as an 80286 has it: entered with LMSW, 24-bit bases, 16-bit gates and TSS, an LDT, rings 0 and 3
# (SDM vol. 3, chapter 21; section 3.4.5 for descriptors whose upper word is zero).
.include "lib/start.s"
.include "lib/check.s"

.set RESULTS, 0x600                 # words, physical

# Selectors of the tables below.
.set CODE_0, 0x08
.set DATA_0, 0x10
.set LOW_DATA, 0x18                 # base 0, any ring
.set TSS_286, 0x20
.set LDT_286, 0x28
.set CALL_286, 0x30                 # call gate with 2 parameters, to ring 0
.set CODE_3, 0x04 + 3               # in the LDT
.set DATA_3, 0x0c + 3
.set SMALL_3, 0x14 + 3              # limit 0x7f

.set STACK_0, 0x6000                # offsets in DATA_0 and DATA_3
.set INNER_STACK, 0x5000
.set STACK_3, 0x4000

.set SAME_RING, 0x40
.set FROM_OUTSIDE, 0x41
.set LEAVE_286, 0x42

main:
    call real_initialize
    call_real protected
    movb $0x89, gdt_tss + 5         # what the processor had before
    mov $TSS_SELECTOR, %eax
    ltr %ax
    xor %eax, %eax
    lldt %ax
    mov $RESULTS, %esi
    mov $names, %edi
1:  cmpb $0, (%edi)
    je verdict
    movzwl (%esi), %ebx
    xchg %esi, %edi
    call print_string
    xchg %esi, %edi
    movzwl (%edi), %edx
    add $2, %edi
    add $2, %esi
    push %esi
    mov %ebx, %eax
    call check_following
    .byte 0
    pop %esi
    jmp 1b

# What each word of the results is called, and shall be.
.macro expected name, value
    .asciz \name
    .word \value
.endm
names:
    expected "MSW behind LMSW, low bits", 1
    expected "CS", CODE_0
    expected "base of GDTR, upper byte", 0
    expected "bytes an interrupt of the same ring takes", 6
    expected "IP on its stack", same_ring_return - real_begin
    expected "CS on its stack", CODE_0
    expected "TR", TSS_286
    expected "TSS is busy", 0x83
    expected "LDTR", LDT_286
    expected "CS in ring 3", CODE_3
    expected "ES of ring 0 is gone", 0
    expected "FS of the LDT stays", DATA_3
    expected "SP of an interrupt from ring 3", INNER_STACK - 10
    expected "its IP", outside_return - real_begin
    expected "its CS", CODE_3
    expected "its SP", STACK_3
    expected "its SS", DATA_3
    expected "a word at the end of a segment", 0x7fff
    expected "a word across it: #GP", 13
    expected "error code", 0
    expected "first parameter of the call gate", 0x1111
    expected "second parameter", 0x2222
    expected "SS in the gate's routine", DATA_0
    expected "SP in it", INNER_STACK - 12
    expected "SP behind RETF 4", STACK_3
    expected "LMSW in ring 3: #GP", 13
    expected "LMSW cannot clear PE", 1
    .byte 0

.include "lib/real.s"

# A result: \value is a register of 16 bits. DI goes on.
.macro result value
    movw \value, %gs:(%di)
    addw $2, %di
.endm

protected:
    cli
    mov %sp, %cs:saved_stack - real_begin
    mov $gdt_286 + REAL_BASE - real_begin, %eax
    movl %eax, gdt_286_pointer - real_begin + 2
    movb $0x77, gdt_286_pointer - real_begin + 5        # the fourth byte of a base is not looked at
    mov $idt_286 + REAL_BASE - real_begin, %eax
    movl %eax, idt_286_pointer - real_begin + 2
    .byte 0x0f, 0x01, 0x16          # LGDT and LIDT with 16-bit operands
    .word gdt_286_pointer - real_begin
    .byte 0x0f, 0x01, 0x1e
    .word idt_286_pointer - real_begin
    smsw %ax
    or $1, %ax
    lmsw %ax
    .byte 0xea                      # JMP CODE_0:1f
    .word 1f - real_begin, CODE_0
1:  mov $DATA_0, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $STACK_0, %sp
    mov $LOW_DATA, %ax
    mov %ax, %gs
    mov $RESULTS, %di
    smsw %ax
    and $1, %ax
    result %ax
    mov %cs, %ax
    result %ax
    sgdtl scratch - real_begin
    movzbw scratch - real_begin + 5, %ax
    result %ax
    mov %sp, %bx
    int $SAME_RING
same_ring_return:
    mov $TSS_286, %ax
    ltr %ax
    str %ax
    result %ax
    movzbw gdt_286 - real_begin + TSS_286 + 5, %ax
    result %ax
    mov $LDT_286, %ax
    lldt %ax
    sldt %ax
    result %ax
    mov $DATA_3, %ax
    mov %ax, %ds
    mov %ax, %fs
    pushw $DATA_3
    pushw $STACK_3
    pushw $CODE_3
    pushw $ring_3 - real_begin
    lretw

same_ring:
    sub %sp, %bx
    result %bx
    mov %sp, %bp
    movw (%bp), %ax
    result %ax
    movw 2(%bp), %ax
    result %ax
    iretw

ring_3:
    mov %cs, %ax
    result %ax
    mov %es, %ax
    result %ax
    mov %fs, %ax
    result %ax
    int $FROM_OUTSIDE
outside_return:
    mov $SMALL_3, %ax
    mov %ax, %es
    movw $0x7fff, %es:0x7e
    movw %es:0x7e, %ax
    result %ax
    movw $across_return - real_begin, recovery - real_begin
    movw %es:0x7f, %ax
across_return:
    pushw $0x1111
    pushw $0x2222
    .byte 0x9a                      # CALL CALL_286:0
    .word 0, CALL_286 + 3
    mov %sp, %ax
    result %ax
    movw $lmsw_return - real_begin, recovery - real_begin
    lmsw %ax
lmsw_return:
    int $LEAVE_286

from_outside:
    mov %sp, %ax
    result %ax
    mov %sp, %bp
    movw (%bp), %ax
    result %ax
    movw 2(%bp), %ax
    result %ax
    movw 6(%bp), %ax
    result %ax
    movw 8(%bp), %ax
    result %ax
    iretw

# Parameters lie above IP and CS, the last pushed first.
gate_routine:
    mov %sp, %bp
    movw 6(%bp), %ax
    result %ax
    movw 4(%bp), %ax
    result %ax
    mov %ss, %ax
    result %ax
    mov %sp, %ax
    result %ax
    lretw $4

# #GP goes on at `recovery`; the first one also tells its error code.
general_protection:
    pop %bx
    mov $13, %ax
    result %ax
    cmpw $across_return - real_begin, recovery - real_begin
    jne 1f
    result %bx
1:  mov %sp, %bp
    movw recovery - real_begin, %ax
    movw %ax, (%bp)
    iretw

leave_286:
    xor %ax, %ax
    lmsw %ax
    smsw %ax
    and $1, %ax
    result %ax
    mov $DATA_0, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    mov %ax, %gs
    mov %ax, %ss
    mov %cr0, %eax
    and $0xfffffffe, %eax           # an 80286 would have to be reset
    mov %eax, %cr0
    .byte 0xea
    .word 1f - real_begin, REAL_SEGMENT
1:  mov %cs, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov saved_stack - real_begin, %sp
    ret

saved_stack:
    .word 0
recovery:
    .word 0
scratch:
    .word 0, 0, 0
gdt_286_pointer:
    .word 0x37
    .long 0
idt_286_pointer:
    .word 0x43 * 8 - 1
    .long 0
.balign 8, 0
gdt_286:
    .word 0, 0, 0, 0
    .word 0xffff, REAL_BASE, 0x9a00, 0
    .word 0xffff, REAL_BASE, 0x9200, 0
    .word 0xffff, 0, 0xf200, 0
    .word 0x2b, REAL_BASE + tss_286 - real_begin, 0x8100, 0
    .word 0x17, REAL_BASE + ldt_286 - real_begin, 0x8200, 0
    .word gate_routine - real_begin, CODE_0, 0xe402, 0
ldt_286:
    .word 0xffff, REAL_BASE, 0xfa00, 0
    .word 0xffff, REAL_BASE, 0xf200, 0
    .word 0x7f, REAL_BASE, 0xf200, 0
tss_286:
    .word 0, INNER_STACK, DATA_0
    .fill 19, 2, 0
idt_286:
    .fill 13 * 4, 2, 0
    .word general_protection - real_begin, CODE_0, 0x8600, 0
    .fill 50 * 4, 2, 0
    .word same_ring - real_begin, CODE_0, 0x8600, 0
    .word from_outside - real_begin, CODE_0, 0xe700, 0
    .word leave_286 - real_begin, CODE_0, 0xe600, 0
real_end:
.code32
