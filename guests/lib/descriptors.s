# Segment descriptors for all four rings, the interrupt table and one TSS
# (SDM vol. 3, sections 3.4.5, 6.11 and 7.2.1).

# Selectors. SYSENTER and SYSEXIT want the first four in this order (SDM vol. 2, SYSENTER).
.set KERNEL_CODE, 0x08
.set KERNEL_DATA, 0x10
.set USER_CODE, 0x18 + 3
.set USER_DATA, 0x20 + 3
.set RING1_CODE, 0x28 + 1
.set RING1_DATA, 0x30 + 1
.set RING2_CODE, 0x38 + 2
.set RING2_DATA, 0x40 + 2
.set TSS_SELECTOR, 0x48
.set LDT_SELECTOR, 0x50
.set CONFORMING_CODE, 0x58          # ring 0, conforming, readable
.set EXECUTE_ONLY_CODE, 0x60        # ring 3
.set READ_ONLY_DATA, 0x68           # ring 3
.set ABSENT_DATA, 0x70              # ring 3, not present
.set SMALL_DATA, 0x78               # ring 3, limit 0x1234 bytes
.set CALL_GATE, 0x80                # callable from ring 3
.set CODE_16, 0x88                  # ring 0, 16-bit, limit 0xffff
.set DATA_16, 0x90                  # ring 0, 16-bit, limit 0xffff
.set SPARE_SELECTOR, 0x98           # for the guest to fill
.set GDT_LIMIT, 0x9f

# Access bytes of writable data and readable code, present and accessed; the DPL is to be added at bit 5.
.set DATA, 0x93
.set CODE, 0x9b

.macro flat_segment access
    .word 0xffff, 0                 # limit 0xfffff pages, base 0
    .byte 0, \access, 0xcf, 0       # G and D set
.endm

.balign 16, 0
gdt:
    .long 0, 0
    flat_segment CODE
    flat_segment DATA
    flat_segment CODE + 0x60
    flat_segment DATA + 0x60
    flat_segment CODE + 0x20
    flat_segment DATA + 0x20
    flat_segment CODE + 0x40
    flat_segment DATA + 0x40
gdt_tss:
    .word 0x67, 0                   # the base is filled in at run time
    .byte 0, 0x89, 0, 0
gdt_ldt:
    .word 0x0f, 0
    .byte 0, 0x82, 0, 0
    flat_segment 0x9e
    flat_segment 0xf8
    flat_segment 0xf0
    flat_segment 0x72
    .word 0x1234, 0
    .byte 0, 0xf2, 0x40, 0
gdt_call_gate:
    .word 0, KERNEL_CODE            # the offset is filled in at run time
    .byte 0, 0xec, 0, 0
    .word 0xffff, 0
    .byte 0, 0x9a, 0, 0
    .word 0xffff, 0
    .byte 0, 0x92, 0, 0
gdt_spare:
    .long 0, 0

# The LDT: its one usable descriptor is at offset 8, data of ring 3.
.set LDT_DATA, 0x0c + 3
ldt:
    .long 0, 0
    flat_segment 0xf2

gdt_pointer:
    .word GDT_LIMIT
    .long gdt
idt_pointer:
    .word IDT_LIMIT
    .long idt

.balign 16, 0
tss:
    .long 0                         # previous task link
    .long interrupt_stack_top, KERNEL_DATA
    .long interrupt_stack_top, RING1_DATA
    .long interrupt_stack_top, RING2_DATA
    .fill 18, 4, 0
tss_io_map_base:
    .word 0, 0x68                   # beyond the limit: no port is allowed
tss_io_map:
    .fill 129, 1, 0xff              # for guests that extend the limit

# Interrupt entries: eight bytes each, in the order of the vectors. An entry leaves its own place and an
# error code (zero where the processor pushes none) on the stack.
.macro plain_entry
    push $0
    call interrupt_entry
    .balign 8, 0xcc
.endm
.macro error_entry
    call interrupt_entry
    .balign 8, 0xcc
.endm

.set VECTOR_COUNT, 0x82
.set IDT_LIMIT, VECTOR_COUNT * 8 - 1
.balign 8, 0xcc
interrupt_entries:
    .rept 8
    plain_entry
    .endr
    error_entry                     # 8, double fault
    plain_entry
    .rept 5                         # 10 to 14: #TS, #NP, #SS, #GP, #PF
    error_entry
    .endr
    plain_entry
    plain_entry
    error_entry                     # 17, #AC
    .rept 112
    plain_entry
    .endr

# What an interrupt handler finds at EBP.
.set frame_es, 0
.set frame_ds, 4
.set frame_edi, 8
.set frame_esi, 12
.set frame_ebp, 16
.set frame_ebx, 24
.set frame_edx, 28
.set frame_ecx, 32
.set frame_eax, 36
.set frame_vector, 40
.set frame_error, 44
.set frame_eip, 48
.set frame_cs, 52
.set frame_eflags, 56
.set frame_esp, 60                  # this and the next only after a change of rings
.set frame_ss, 64
.set FRAME_SIZE, 68

interrupt_entry:
    subl $interrupt_entries, (%esp)
    shrl $3, (%esp)                 # the vector
    pushal
    push %ds
    push %es
    mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    cld
    mov %esp, %ebp
    mov frame_vector(%ebp), %eax
    call *interrupt_handlers(,%eax,4)
interrupt_return:
    pop %es
    pop %ds
    popal
    add $8, %esp
    iretl

# Sets the handler of vector \vector to \handler.
.macro handle vector, handler
    movl $\handler, interrupt_handlers + 4 * (\vector)
.endm

load_descriptor_tables:
    mov $tss, %eax
    mov $gdt_tss, %ebx
    call set_descriptor_base
    mov $ldt, %eax
    mov $gdt_ldt, %ebx
    call set_descriptor_base
    lgdt gdt_pointer
    push $KERNEL_CODE               # the Multiboot selectors may be any; take ours
    push $1f
    lretl
1:  mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    mov $TSS_SELECTOR, %eax
    ltr %ax
    xor %ecx, %ecx
2:  movl $unexpected_interrupt, interrupt_handlers(,%ecx,4)
    lea interrupt_entries(,%ecx,8), %eax
    mov $0x8e, %dl                  # interrupt gate, DPL 0
    call set_gate
    inc %ecx
    cmp $VECTOR_COUNT, %ecx
    jb 2b
    lidt idt_pointer
    ret

# Puts the base EAX into the descriptor at EBX.
set_descriptor_base:
    mov %ax, 2(%ebx)
    shr $16, %eax
    mov %al, 4(%ebx)
    mov %ah, 7(%ebx)
    ret

# Makes vector ECX a gate to KERNEL_CODE:EAX with the access byte DL. Clobbers EAX.
set_gate:
    mov %ax, idt(,%ecx,8)
    shr $16, %eax
    mov %ax, idt+6(,%ecx,8)
    movw $KERNEL_CODE, idt+2(,%ecx,8)
    movb $0, idt+4(,%ecx,8)
    mov %dl, idt+5(,%ecx,8)
    ret

unexpected_interrupt:
    print "unexpected interrupt "
    mov frame_vector(%ebp), %eax
    call print_hexadecimal
    print " error "
    mov frame_error(%ebp), %eax
    call print_hexadecimal
    print " at "
    mov frame_eip(%ebp), %eax
    call print_hexadecimal
    print " cr2 "
    mov %cr2, %eax
    call print_hexadecimal
    print "\n"
    mov $1, %eax
    jmp exit

.balign 8, 0
idt:
    .fill VECTOR_COUNT * 2, 4, 0
interrupt_handlers:
    .fill VECTOR_COUNT, 4, 0
