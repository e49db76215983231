# A red pill: does what is read here, in ring 0 and in ring 3, agree with what this kernel has set? It asks only
# what a processor tells without a trap, so whoever else answers must do it by other means (J. Rutkowska's Red Pill,
# 2004, asked SIDT in ring 3). It does not look at the time.
.include "lib/start.s"
.include "lib/rings.s"

.set IF, 0x200
.set IOPL, 0x3000

# Compares \got with \want (operands of MOVL). Clobbers EAX, EDX, ESI.
.macro probe name, got, want
    movl \got, %eax
    movl \want, %edx
    call probe_following
    .asciz \name
.endm

probe_following:
    pop %esi
    print "  "
    call print_string
    incl probes
    cmp %edx, %eax
    je 1f
    incl strangers
    print ": "
    call print_hexadecimal
    print ", which should be "
    mov %edx, %eax
    call print_hexadecimal
    print "\n"
    jmp *%esi
1:  print ": mine\n"
    jmp *%esi

.macro summary who
    call summary_following
    .asciz \who
.endm

summary_following:
    pop %esi
    call print_string
    mov strangers, %eax
    call print_decimal
    print " of "
    mov probes, %eax
    call print_decimal
    print " answers were not mine\n"
    mov strangers, %eax
    add %eax, all_strangers
    xor %eax, %eax
    mov %eax, strangers
    mov %eax, probes
    jmp *%esi

main:
    call rings_initialize
    mov %cr0, %eax                  # traps where it is not mine to read
    mov %eax, real_cr0
    mov $LDT_SELECTOR, %eax
    lldt %ax

    print "In ring 0:\n"
    sgdtl table
    probe "SGDT", table + 2, $gdt
    sidtl table
    probe "SIDT", table + 2, $idt
    xor %ebx, %ebx
    sldt %bx
    probe "SLDT", %ebx, $LDT_SELECTOR
    xor %ebx, %ebx
    str %bx
    probe "STR", %ebx, $TSS_SELECTOR
    smswl %ebx
    probe "SMSW", %ebx, real_cr0
    mov %cs, %ebx
    probe "MOV from CS", %ebx, $KERNEL_CODE
    cli
    pushfl
    pop %ebx
    and $IF + IOPL, %ebx
    probe "PUSHF behind CLI", %ebx, $0
    push $IOPL + 2
    popfl
    pushfl
    pop %ebx
    push $2
    popfl
    and $IF + IOPL, %ebx
    probe "PUSHF behind POPF of IOPL 3", %ebx, $IOPL
    summary "Seen from the kernel: "

    print "In ring 3:\n"
    movl $2, ring_eflags
    at_ring 3, 1f
    sgdtl table
    sidtl other_table
    xor %ebx, %ebx
    sldt %bx
    xor %ecx, %ecx
    str %cx
    smswl %edx
    mov %cs, %edi
    pushfl
    pop %eax
    int $DONE
1:  probe "SGDT", table + 2, $gdt
    probe "SIDT", other_table + 2, $idt
    probe "SLDT", result_ebx, $LDT_SELECTOR
    probe "STR", result_ecx, $TSS_SELECTOR
    probe "SMSW", result_edx, real_cr0
    probe "MOV from CS", result_edi, $USER_CODE
    mov result_eax, %ebx
    and $IF + IOPL, %ebx
    probe "PUSHF with IF clear", %ebx, $0
    at_ring 3, 1f
    push $IF + IOPL + 2             # which must be ignored here
    popfl
    pushfl
    pop %eax
    int $DONE
1:  mov result_eax, %ebx
    and $IF + IOPL, %ebx
    probe "PUSHF behind POPF of IF and IOPL 3", %ebx, $0
    summary "Seen from user mode: "

    xor %eax, %eax
    cmp all_strangers, %eax
    jne 1f
    print "no monitor seen\n"
    ret
1:  sgdtl table
    print "a monitor is here: GDT at "
    mov table + 2, %eax
    call print_hexadecimal
    sidtl table
    print ", IDT at "
    mov table + 2, %eax
    call print_hexadecimal
    print ", my kernel in ring "
    mov %cs, %eax
    and $3, %eax
    call print_decimal
    print "\n"
    mov $1, %eax
    ret

.balign 4, 0
probes:
    .long 0
strangers:
    .long 0
all_strangers:
    .long 0
real_cr0:
    .long 0
table:
    .long 0, 0
other_table:
    .long 0, 0
