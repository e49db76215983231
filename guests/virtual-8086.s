# What the virtual-8086 and protected-mode extensions VME and PVI make of CLI, STI, PUSHF, POPF, INT n and IRET
# (SDM vol. 3, sections 20.3 and 20.4): each piece of code below runs with every IOPL and every virtual interrupt
# flag that matter, and a line tells how it ended. Pieces of virtual-8086 mode end in HLT: #GP(0) at its address.
.include "lib/start.s"
.include "lib/rings.s"

.set CR4_VME, 1
.set CR4_PVI, 2
.set VIRTUAL_BASE, 0x20000          # where virtual-8086 code runs: CS = DS = SS = VIRTUAL_SEGMENT
.set VIRTUAL_SEGMENT, VIRTUAL_BASE >> 4
.set VIRTUAL_STACK, 0x8000
.set VIRTUAL_HANDLER, 0x0a00        # of all vectors in the table at 0
.set RETURN_TARGET, 0x0900
.set HLT, 0xf4

.set REDIRECTED, 0x21               # the only vector whose bit in the redirection map is clear
.set DIRECT, 0x22                   # a gate of DPL 3
.set DIRECT_PRIVILEGED, 0x23

main:
    call rings_initialize
    handle DIRECT, record_result
    handle DIRECT_PRIVILEGED, record_result
    mov $DIRECT, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    mov $0xee, %dl
    call set_gate
    mov $4, %ecx                    # INTO
    lea interrupt_entries(,%ecx,8), %eax
    mov $0xee, %dl
    call set_gate

    # The redirection map lies below the I/O permission map.
    movw $0x88, tss_io_map_base + 2
    movb $0xfd, tss_io_map + REDIRECTED / 8
    movw $0xe7, gdt_tss
    movb $0x89, gdt_tss + 5
    mov $TSS_SELECTOR, %eax
    ltr %ax

    xor %edi, %edi
    mov $(VIRTUAL_SEGMENT << 16) + VIRTUAL_HANDLER, %eax
    mov $256, %ecx
    rep stosl

    movl $virtual_loops, %esi
    mov $virtual_pieces, %ebp
    call run_all
    movl $protected_loops, %esi
    mov $protected_pieces, %ebp
    call run_all
    xor %eax, %eax
    ret

# Runs the pieces at EBP with each CR4 and EFLAGS of the pairs at ESI.
run_all:
    lodsl
    mov %eax, cr4_value
    cmp $-1, %eax
    je 9f
    lodsl
    mov %eax, piece_eflags
    print "CR4 "
    mov cr4_value, %eax
    call print_hexadecimal
    print " EFLAGS "
    mov piece_eflags, %eax
    call print_hexadecimal
    print "\n"
    push %esi
    push %ebp
    mov %ebp, %esi
1:  cmpb $0, (%esi)
    je 2f
    print "  "
    call print_string
    call run_piece
    jmp 1b
2:  pop %ebp
    pop %esi
    jmp run_all
9:  ret

# Runs the piece at ESI, prints how it ended, and leaves ESI behind it.
run_piece:
    mov $VIRTUAL_BASE, %edi
    mov $0x1000, %ecx
    mov $HLT, %al
    rep stosb
    mov $VIRTUAL_BASE + VIRTUAL_STACK - 16, %edi
    mov $16, %ecx
    xor %eax, %eax
    rep stosb
    lodsb
    movzbl %al, %ecx
    mov $VIRTUAL_BASE, %edi
    rep movsb
    push %esi
    mov cr4_value, %eax
    mov %eax, %cr4
    mov %esp, resume_stack
    movl $piece_ended, resume_address
    testl $0x20000, piece_eflags
    jz 1f
    mov $VIRTUAL_SEGMENT, %eax
    push %eax
    push %eax
    push %eax
    push %eax
    push %eax
    push $VIRTUAL_STACK
    pushl piece_eflags
    push %eax
    push $0
    mov $0x7f, %eax                 # for INTO
    iretl
1:  push $USER_DATA
    push $VIRTUAL_BASE + VIRTUAL_STACK
    pushl piece_eflags
    push $USER_CODE
    push $VIRTUAL_BASE
    mov $USER_DATA, %edx
    mov %edx, %ds
    mov %edx, %es
    iretl

piece_ended:
    xor %eax, %eax
    mov %eax, %cr4
    print " vector "
    mov result_vector, %eax
    call print_byte
    print " error "
    mov result_error, %eax
    call print_hexadecimal
    print " at "
    mov result_eip, %eax
    call print_hexadecimal
    print " flags "
    mov result_eflags, %eax
    andl $0xfffeffff, %eax          # RF is another matter
    call print_hexadecimal
    print " SP "
    mov result_esp, %eax
    call print_byte
    mov $3, %ecx
    mov $VIRTUAL_BASE + VIRTUAL_STACK, %esi
1:  print " "
    sub $4, %esi
    mov (%esi), %eax
    call print_hexadecimal
    loop 1b
    print "\n"
    pop %esi
    ret

# Prints AL as two hexadecimal digits.
print_byte:
    pushal
    mov %al, %bl
    mov $2, %ecx
1:  rol $4, %bl
    mov %bl, %al
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al
    das
    call print_character
    loop 1b
    popal
    ret

cr4_value:
    .long 0
piece_eflags:
    .long 0

.macro flags cr4, base
    .long \cr4, \base
    .long \cr4, \base + 0x200
    .long \cr4, \base + 0x80000
    .long \cr4, \base + 0x100000
    .long \cr4, \base + 0x180000
.endm
virtual_loops:
    flags 0, 0x20002
    flags 0, 0x23002
    flags CR4_VME, 0x20002
    flags CR4_VME, 0x22002
    flags CR4_VME, 0x23002
    .long -1
protected_loops:
    flags 0, 2
    flags CR4_PVI, 2
    flags CR4_PVI, 0x3002
    flags CR4_VME, 2
    .long -1

virtual_pieces:
    .asciz "CLI"
    .byte 1, 0xfa
    .asciz "STI"
    .byte 1, 0xfb
    .asciz "PUSHF"
    .byte 1, 0x9c
    .asciz "PUSHFD"
    .byte 2, 0x66, 0x9c
    .asciz "POPF of IF"
    .byte 4, 0x68, 0x02, 0x02, 0x9d
    .asciz "POPF of 0"
    .byte 4, 0x68, 0x02, 0x00, 0x9d
    .asciz "POPF of TF"
    .byte 4, 0x68, 0x02, 0x01, 0x9d
    .asciz "POPF of all but TF"
    .byte 5, 0x68, 0xd7, 0x7e, 0x9d, 0x9c
    .asciz "POPFD"
    .byte 8, 0x66, 0x68, 0x02, 0x02, 0x34, 0x00, 0x66, 0x9d
    .asciz "INT, redirected"
    .byte 2, 0xcd, REDIRECTED
    .asciz "INT, direct"
    .byte 2, 0xcd, DIRECT
    .asciz "INT, direct, DPL 0"
    .byte 2, 0xcd, DIRECT_PRIVILEGED
    .asciz "INTO"
    .byte 3, 0x04, 0x01, 0xce
    .asciz "IRET with IF"
    .byte 10, 0x68, 0x02, 0x02, 0x68, 0x00, 0x20, 0x68, 0x00, 0x09, 0xcf
    .asciz "IRET without IF"
    .byte 10, 0x68, 0x02, 0x00, 0x68, 0x00, 0x20, 0x68, 0x00, 0x09, 0xcf
    .asciz "IRET with TF"
    .byte 10, 0x68, 0x02, 0x01, 0x68, 0x00, 0x20, 0x68, 0x00, 0x09, 0xcf
    .asciz "IRETD"
    .byte 20, 0x66, 0x68, 0x02, 0x02, 0x34, 0x00, 0x66, 0x68, 0x00, 0x20, 0x00, 0x00
    .byte 0x66, 0x68, 0x00, 0x09, 0x00, 0x00, 0x66, 0xcf
    .asciz "INT to a handler that returns"
    .byte 16, 0x0e, 0x07, 0x26, 0xc6, 0x06, 0x00, 0x0a, 0xcf, 0xfb, 0xcd, REDIRECTED, 0xfa, 0xcd, REDIRECTED, 0x9c, HLT
    .byte 0

protected_pieces:
    .asciz "CLI"
    .byte 1, 0xfa
    .asciz "STI"
    .byte 1, 0xfb
    .asciz "PUSHFD"
    .byte 1, 0x9c
    .asciz "POPFD of all but TF"
    .byte 7, 0x68, 0xd7, 0x7e, 0x3c, 0x00, 0x9d, 0x9c
    .asciz "IRETD of all but TF"
    .byte 13, 0x68, 0xd7, 0x3e, 0x3c, 0x00, 0x6a, USER_CODE, 0x68, 0x00, 0x09, 0x02, 0x00, 0xcf
    .byte 0
