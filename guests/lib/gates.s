# Descriptors, gates and landing places of gates.s, and what is printed of a passage through a gate.

.set GATES_GDT, 0x200000
.set SMALL_SEGMENT, 0x204000        # base of the segments with small limits
.set USER_STACK_TOP, 0x1fb000
.set VECTOR, 0x41
.set VIRTUAL_BASE, 0x20000

.set GATE, 0xa0
.set ABSENT_CODE, 0xa8
.set ABSENT_STACK, 0xb0 + 1          # ring 1, as the next two
.set SHORT_CODE, 0xb8               # ring 0, base 0x100000, limit 0xffff, 32-bit
.set SMALL_STACK, 0xc0 + 1          # limit 0xfff
.set DOWN_STACK, 0xc8 + 1           # offsets above 0xfff
.set USER_SMALL_STACK, 0xd0 + 3
.set USER_DOWN_STACK, 0xd8 + 3
.set USER_DOWN_STACK_16, 0xe0 + 3
.set TSS_16, 0xe8
.set WORD_STACK, 0xf0 + 1           # ring 1, limit 0xfff, 16-bit
.set GATES_GDT_LIMIT, 0xf7

.set tss_esp0, 4
.set tss_ss0, 8
.set tss_esp1, 12
.set tss_ss1, 16
.set INNER_STACK_TOP, 0x1fa000

.macro scenario name
    call begin_scenario
    .asciz \name
.endm
# Runs \code, in the ring it is for, and prints what came of it.
.macro run code
    mov $\code, %eax
    call run_scenario
.endm

tables_initialize:
    mov $gdt, %esi
    mov $GATES_GDT, %edi
    mov $GDT_LIMIT + 1, %ecx
    rep movsb
    mov $gates_descriptors, %esi
    mov $gates_descriptors_end - gates_descriptors, %ecx
    rep movsb
    mov $tss, %eax
    mov $GATES_GDT + TSS_16, %ebx
    call set_descriptor_base
    lgdt gates_gdt_pointer
    ret
gates_gdt_pointer:
    .word GATES_GDT_LIMIT
    .long GATES_GDT
gates_descriptors:
    .long 0, 0                      # GATE
    flat_segment 0x1b               # ABSENT_CODE
    flat_segment 0x33               # ABSENT_STACK
    .word 0xffff, 0                 # SHORT_CODE
    .byte 0x10, 0x9b, 0x40, 0
    .word 0xfff, 0x4000             # SMALL_STACK
    .byte 0x20, 0xb3, 0x40, 0
    .word 0xfff, 0x4000             # DOWN_STACK
    .byte 0x20, 0xb7, 0x40, 0
    .word 0xfff, 0x4000             # USER_SMALL_STACK
    .byte 0x20, 0xf3, 0x40, 0
    .word 0xfff, 0x4000             # USER_DOWN_STACK
    .byte 0x20, 0xf7, 0x40, 0
    .word 0xfff, 0x4000             # USER_DOWN_STACK_16
    .byte 0x20, 0xf7, 0x00, 0
    .word 0x2b, 0                   # TSS_16
    .byte 0, 0x81, 0, 0
    .word 0xfff, 0x4000             # WORD_STACK
    .byte 0x20, 0xb3, 0, 0
gates_descriptors_end:

# Prints the name behind the call, and makes everything what it is by default.
begin_scenario:
    xchg %esi, (%esp)
    call print_string
    print ":\n"
    xchg %esi, (%esp)
    pushal
    mov $landing, %eax
    movw %ax, GATES_GDT + GATE
    movw $KERNEL_CODE, GATES_GDT + GATE + 2
    shr $16, %eax
    movw $0xec00, GATES_GDT + GATE + 4
    movw %ax, GATES_GDT + GATE + 6
    movl $interrupt_stack_top, tss + tss_esp0
    movl $KERNEL_DATA, tss + tss_ss0
    movl $INNER_STACK_TOP, tss + tss_esp1
    movl $RING1_DATA, tss + tss_ss1
    movl $USER_DATA, user_stack
    movl $USER_STACK_TOP, user_pointer
    mov $0x67, %ecx
    call limit_tss
    mov $6, %ecx
    call default_gate
    mov $0, %ecx
    call default_gate
    mov $8, %ecx
    call default_gate
    mov $land, %edi
    mov $LAND_WORDS, %ecx
    xor %eax, %eax
    rep stosl
    mov $USER_STACK_TOP, %edi
    call fill_parameters
    mov $SMALL_SEGMENT + 0xff0, %edi
    call fill_parameters
    popal
    ret
fill_parameters:
    mov $32, %ecx
    mov $0x50005, %eax
1:  stosl
    add $0x10001, %eax
    loop 1b
    ret
default_gate:
    lea interrupt_entries(,%ecx,8), %eax
    mov $0x8e, %dl
    jmp set_gate

# Makes the limit of the TSS ECX.
limit_tss:
    movw %cx, GATES_GDT + TSS_SELECTOR
    movb $0x89, GATES_GDT + TSS_SELECTOR + 5
    cmpw $TSS_16, task
    jne 1f
    movw %cx, GATES_GDT + TSS_16
    movb $0x81, GATES_GDT + TSS_16 + 5
    cmp $0x67, %ecx
    jne 2f
    movw $TSS_SELECTOR, task
1:
2:  ltr task
    ret
short_tss:
    movw $0x7000, tss + 2           # SP0
    movw $KERNEL_DATA, tss + 4
    movw $0x7800, tss + 6           # SP1
    movw $RING1_DATA, tss + 8
    movw $0x2b, GATES_GDT + TSS_16
    movb $0x81, GATES_GDT + TSS_16 + 5
    movw $TSS_16, task
    ltr task
    ret

# A call gate to ring 1, and a stack there.
middle_gate:
    movw $RING1_CODE, GATES_GDT + GATE + 2
    ret

short_gate:
    movw $landing - 0x100000, GATES_GDT + GATE
    movw $SHORT_CODE, GATES_GDT + GATE + 2
    movw $0xe400, GATES_GDT + GATE + 4
    ret
# Make VECTOR a gate with the access byte AH.
long_vector:
    mov $landing, %edx
    movw %dx, idt + VECTOR * 8
    shr $16, %edx
    movw %dx, idt + VECTOR * 8 + 6
    movw $KERNEL_CODE, idt + VECTOR * 8 + 2
    movw %ax, idt + VECTOR * 8 + 4
    ret
short_vector:
    movw $landing - 0x100000, idt + VECTOR * 8
    movw $0x7777, idt + VECTOR * 8 + 6
    movw $SHORT_CODE, idt + VECTOR * 8 + 2
    movw %ax, idt + VECTOR * 8 + 4
    ret

run_scenario:
    pushal
    mov %esp, resume_stack
    movl $scenario_ended, resume_address
    movl $0, landed
    movl %eax, code_address
    cmp $inside, %eax
    jae 1f
    cmp $virtual, %eax
    je 2f
    pushl user_stack
    pushl user_pointer
    push $2
    push $USER_CODE
    push %eax
    mov $USER_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    iretl
1:  jmp *%eax
2:  movl $VECTOR << 8 | 0xf400cd, VIRTUAL_BASE     # INT VECTOR, HLT
    push $0x6666
    push $0x7777
    push $0x8888
    push $0x9999
    push $VIRTUAL_BASE >> 4
    push $0x12348000
    push $0x23002
    push $VIRTUAL_BASE >> 4
    push $0
    iretl

# Code of virtual-8086 mode, and of ring 3.
virtual:
    nop
call_gate:
    .byte 0x9a
    .long 0x99999999
    .word GATE + 3
    int $DONE
jump_gate:
    .byte 0xea
    .long 0x99999999
    .word GATE + 3
    int $DONE
interrupt:
    int $VECTOR
    int $DONE
undefined:
    ud2
divide:
    xor %ecx, %ecx
    div %ecx
push_user:
    push %ebx
    int $DONE
returned:
    int $DONE
# Code of ring 0.
inside:
call_gate_inside:
    .byte 0x9a
    .long 0x99999999
    .word GATE
    int $DONE
jump_gate_inside:
    .byte 0xea
    .long 0x99999999
    .word GATE
interrupt_inside:
    int $VECTOR
    int $DONE
return_outside:
    call load_segments
    push $USER_DATA
    push $USER_STACK_TOP - 0x100
    push $0xcccc
    push $USER_CODE
    push $returned
    lretl $4
interrupt_return_outside:
    call load_segments
    push $USER_DATA
    push $USER_STACK_TOP - 0x100
    push $0x3cd7
    push $USER_CODE
    push $returned
    iretl
short_return_outside:
    call load_segments
    pushw $USER_DATA
    pushw $0x7000
    pushw $USER_CODE
    pushw %cx
    lretw
short_interrupt_return_outside:
    call load_segments
    pushw $USER_DATA
    pushw $0x7000
    pushw $2
    pushw $USER_CODE
    pushw %cx
    iretw
# ES that ring 3 may not use, FS that any ring may, GS of ring 3.
load_segments:
    mov $returned, %ecx
    movzwl %cx, %ecx
    movw $DONE << 8 | 0xcd, (%ecx)  # for an EIP of 16 bits
    mov $KERNEL_DATA, %eax
    mov %eax, %es
    mov $CONFORMING_CODE, %eax
    mov %eax, %fs
    mov $USER_DATA, %eax
    mov %eax, %gs
    ret

# Where gates lead: keeps what it finds.
landing:
    push %ds
    push %eax
    mov $USER_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    pop %eax
    pop %eax
    movl %esp, land_esp
    xor %eax, %eax
    mov %cs, %ax
    movl %eax, land_cs
    mov %ss, %ax
    movl %eax, land_ss
    pushfl
    pop %eax
    movl %eax, land_eflags
    movl $1, landed
    mov $land_stack, %edi
    mov $8, %ecx
1:  pop %eax
    stosl
    loop 1b
    testl $3, land_cs
    jnz 2f
    mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov resume_stack, %esp
    movl $0, resume_address
    .byte 0xea                      # from SHORT_CODE, too
    .long scenario_ended
    .word KERNEL_CODE
2:  int $DONE

scenario_ended:
    mov $KERNEL_DATA, %eax
    mov %eax, %ss
    mov resume_stack, %esp
    xor %eax, %eax
    mov %fs, %ax
    movl %eax, final_fs
    mov %gs, %ax
    movl %eax, final_gs
    mov $KERNEL_DATA, %eax
    mov %eax, %fs
    mov %eax, %gs
    pushl $2
    popfl
    cmpl $0, landed
    je 1f
    print "  CS "
    movl land_cs, %eax
    call print_hexadecimal
    print " SS "
    movl land_ss, %eax
    call print_hexadecimal
    print " ESP "
    movl land_esp, %eax
    call print_hexadecimal
    print " EFLAGS "
    movl land_eflags, %eax
    call print_hexadecimal
    print " stack"
    mov $land_stack, %esi
    mov $8, %ecx
2:  print " "
    lodsl
    call print_hexadecimal
    loop 2b
    print "\n"
    jmp 3f
1:  print "  vector "
    movl result_vector, %eax
    call print_hexadecimal
    print " error "
    movl result_error, %eax
    call print_hexadecimal
    print " EIP "
    movl result_eip, %eax
    subl code_address, %eax
    call print_hexadecimal
    print " CS "
    movzwl result_cs, %eax
    call print_hexadecimal
    print " EFLAGS "
    movl result_eflags, %eax
    call print_hexadecimal
    testl $3, result_cs
    jz 4f
    print " ESP "
    movl result_esp, %eax
    call print_hexadecimal
    print " SS "
    movzwl result_ss, %eax
    call print_hexadecimal
4:  print " DS "
    movzwl result_ds, %eax
    call print_hexadecimal
    print " ES "
    movzwl result_es, %eax
    call print_hexadecimal
    print " FS "
    movl final_fs, %eax
    call print_hexadecimal
    print " GS "
    movl final_gs, %eax
    call print_hexadecimal
    print "\n"
3:  popal
    ret

.balign 4, 0
.set LAND_WORDS, 12
land:
    .fill LAND_WORDS, 4, 0
.set land_cs, land
.set land_ss, land + 4
.set land_esp, land + 8
.set land_eflags, land + 12
.set land_stack, land + 16
user_stack:
    .long 0
user_pointer:
    .long 0
code_address:
    .long 0
landed:
    .long 0
final_fs:
    .long 0
final_gs:
    .long 0
task:
    .word TSS_SELECTOR
