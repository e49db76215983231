# The way to real mode and back (SDM vol. 3, sections 9.9.1 and 9.9.2).
#
# A guest puts its 16-bit routines between `.include "lib/real.s"`, which begins the block, and a label
# `real_end`. `real_initialize` copies the block to REAL_BASE; `call_real` runs a routine of it, with
# CS = DS = ES = SS = REAL_SEGMENT, interrupts off and the vector table at 0. Within the block, a datum's
# offset is its label minus real_begin; from protected mode it is at that offset from REAL_BASE.

.set REAL_BASE, 0x8000
.set REAL_SEGMENT, REAL_BASE >> 4
.set REAL_STACK, 0x7000             # offset in REAL_SEGMENT

real_initialize:
    mov $real_begin, %esi
    mov $REAL_BASE, %edi
    mov $real_end - real_begin, %ecx
    rep movsb
    ret

# Runs \routine in real mode. Clobbers EAX.
.macro call_real routine
    mov $\routine - real_begin, %eax
    call run_in_real_mode
.endm

run_in_real_mode:
    pushal
    mov %ax, REAL_BASE + real_target - real_begin
    mov %esp, protected_stack
    lidtl real_vectors
    .byte 0xea                      # JMP CODE_16:real_entry
    .long REAL_BASE + real_entry - real_begin
    .word CODE_16
protected_return:
    mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    mov protected_stack, %esp
    lidtl idt_pointer
    popal
    ret

real_vectors:
    .word 0x3ff
    .long 0
.balign 4, 0
protected_stack:
    .long 0

.code16
real_begin:
real_entry:                         # 16-bit protected mode, CS with base 0
    mov $DATA_16, %ax               # limits of 64 KiB, as real mode wants them
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    mov %ax, %gs
    mov %ax, %ss
    mov %cr0, %eax
    and $0xfffffffe, %eax
    mov %eax, %cr0
    .byte 0xea                      # JMP REAL_SEGMENT:real_start
    .word real_start - real_begin, REAL_SEGMENT
real_start:
    mov %cs, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $REAL_STACK, %sp
    call *real_target - real_begin
    cli
    mov %cs, %ax
    mov %ax, %ds
    lgdtl real_gdt_pointer - real_begin
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    .byte 0x66, 0xea                # JMP KERNEL_CODE:protected_return
    .long protected_return
    .word KERNEL_CODE

real_gdt_pointer:
    .word GDT_LIMIT
    .long gdt
real_target:
    .word 0
