# The guest that `npm start` shows: a small kernel that tells what it sees of its processor, turns paging and
# the timer on, and counts primes, with a round of a kernel's sensitive instructions at every turn. Whatever
# an instruction answers wrongly is counted as a surprise; on a true processor there is none.
.include "lib/start.s"
.include "lib/timer.s"

.set DIRECTORY, 0x200000
.set TABLES, 0x201000               # four: linear 0 to 16 MiB, to itself
.set SIEVE, 0x400000                # a byte for each number: not zero if composite
.set NUMBERS, 0x400000
.set ROOT, 2048                     # its square is NUMBERS
.set REPORT, 0x80000                # numbers between two lines of the count
.set CHORE_VECTOR, 0x40
.set IF, 0x200

main:
    print "\nGood day. I am hello, a small kernel. What I can see from here:\n"
    call tell_rings
    call tell_flags
    call tell_tables
    call tell_processor
    call enable_paging
    call pic_initialize
    handle CHORE_VECTOR, chore_handler
    start_ticking 100
    sti
    call sieve
    call count_primes
    call tell_timer
    call tell_surprises
    print "That is all I wanted to do. Goodbye.\n\n"
    cli
    mov surprises, %eax
    neg %eax
    sbb %eax, %eax
    neg %eax                        # 1 if there were any
    ret

# Prints AX as four hexadecimal digits.
print_word:
    pushal
    mov %eax, %ebx
    shl $16, %ebx
    mov $4, %ecx
1:  rol $4, %ebx
    mov %ebx, %eax
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al
    das
    call print_character
    loop 1b
    popal
    ret

tell_rings:
    print "  code selector  "
    mov %cs, %eax
    call print_word
    print ", stack selector "
    mov %ss, %eax
    call print_word
    print ": I am in ring "
    mov %cs, %eax
    and $3, %eax
    call print_decimal
    print "\n"
    ret

.macro tell_flag text
    print \text
    pushfl
    pop %eax
    shr $9, %eax
    and $1, %eax
    call print_decimal
.endm
tell_flags:
    print "  interrupt flag"
    cli
    tell_flag "  after CLI "
    push $IF + 2
    popfl
    tell_flag ", after POPF sets it "
    push $2
    popfl
    tell_flag ", after POPF clears it "
    print "\n"
    ret

tell_tables:
    print "  GDT at "
    sgdtl table_register
    mov table_register + 2, %eax
    call print_hexadecimal
    print ", IDT at "
    sidtl table_register
    mov table_register + 2, %eax
    call print_hexadecimal
    print ", LDT "
    sldt %eax
    call print_word
    print ", task "
    str %eax
    call print_word
    print "\n"
    ret

tell_processor:
    print "  protection "
    smsw %ax
    and $1, %eax
    call print_decimal
    print ", kernel data rights "
    mov $KERNEL_DATA, %ebx
    xor %eax, %eax
    lar %ebx, %eax
    shr $8, %eax
    and $0xf0ff, %eax               # the others are undefined
    call print_word
    print ", limit "
    lsl %ebx, %eax
    call print_hexadecimal
    print "\n"
    ret

enable_paging:
    mov $TABLES, %edi
    mov $3, %eax
1:  stosl
    add $4096, %eax
    cmp $0x1000000, %eax
    jb 1b
    movl $TABLES + 3, DIRECTORY
    movl $TABLES + 0x1003, DIRECTORY + 4
    movl $TABLES + 0x2003, DIRECTORY + 8
    movl $TABLES + 0x3003, DIRECTORY + 12
    mov $DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    jmp 1f
1:  print "Paging is on: 4096 pages of 4096 bytes.\n"
    ret

# The sieve of Eratosthenes, with a round of chores for each number up to the root.
sieve:
    print "Sieving four million numbers "
    mov $SIEVE, %edi
    xor %eax, %eax
    mov $NUMBERS / 4, %ecx
    rep stosl
    movw $0x0101, SIEVE             # 0 and 1 are no primes
    mov $2, %ebx
1:  cmpb $0, SIEVE(%ebx)
    jne 3f
    mov %ebx, %eax
    mul %eax
2:  movb $1, SIEVE(%eax)
    add %ebx, %eax
    cmp $NUMBERS, %eax
    jb 2b
3:  pushal
    call chores
    popal
    test $127, %bl
    jnz 4f
    mov $'.', %al
    call print_character
4:  inc %ebx
    cmp $ROOT, %ebx
    jb 1b
    print " done\n"
    ret

count_primes:
    xor %ebx, %ebx                  # the number
    xor %ebp, %ebp                  # primes so far
1:  mov $REPORT, %ecx
2:  cmpb $1, SIEVE(%ebx)            # CF if prime
    adc $0, %ebp
    inc %ebx
    loop 2b
    print "  primes below "
    mov %ebx, %eax
    call print_decimal
    print ": "
    mov %ebp, %eax
    call print_decimal
    print "\n"
    cmp $NUMBERS, %ebx
    jb 1b
    ret

tell_timer:
    cmpl $0, ticks
    je 1f
    print "The timer interrupted me while I worked.\n"
    jmp 2f
1:  print "The timer never interrupted me.\n"
2:  mov ticks, %ebx
    add $5, %ebx
3:  sti
    hlt
    cmp %ebx, ticks
    jb 3b
    print "Then I slept for five ticks.\n"
    ret

# Adds a surprise of kind \kind if EAX is not \want.
.macro expect kind, want
    cmp $\want, %eax
    je 1f
    incl surprise_counts + 4 * \kind
1:
.endm

# What a kernel does all the time. Interrupts are on before and after.
chores:
    pushfl
    cli
    pushfl
    pop %eax
    and $IF, %eax
    expect 0, 0
    popfl                           # on again
    pushfl
    pop %eax
    and $IF, %eax
    expect 1, IF
    mov %cs, %eax
    expect 2, KERNEL_CODE
    push %cs
    pop %eax
    movzwl %ax, %eax
    expect 3, KERNEL_CODE
    mov %ss, %eax
    expect 4, KERNEL_DATA
    push %ss
    pop %ss
    push %ds
    pop %es
    sgdtl table_register
    mov table_register + 2, %eax
    expect 5, gdt
    sidtl table_register
    mov table_register + 2, %eax
    expect 6, idt
    xor %eax, %eax
    sldt %ax
    expect 7, 0
    str %ax
    expect 8, TSS_SELECTOR
    mov %cr0, %ebx
    smsw %ax
    xor %ebx, %eax
    and $0x0f, %eax                 # PE, MP, EM and TS
    expect 9, 0
    mov $KERNEL_DATA, %ebx
    lar %ebx, %eax
    and $0xf0ff00, %eax
    expect 10, 0xc09300
    lsl %ebx, %eax
    expect 11, 0xffffffff
    xor %eax, %eax
    verr %bx
    setz %al
    verw %bx
    setz %ah
    expect 12, 0x0101
    mov $1234, %eax
    int $CHORE_VECTOR
    expect 13, 1235
    push %cs                        # a far call within the kernel
    call far_chore
    expect 14, 4321
    in $0x61, %al
    out %al, $0x80
    ret

chore_handler:
    incl frame_eax(%ebp)
    ret

far_chore:
    mov $4321, %eax
    lretl

tell_surprises:
    xor %ebx, %ebx
    mov $surprise_names, %esi
1:  mov surprise_counts(,%ebx,4), %eax
    test %eax, %eax
    jz 2f
    add %eax, surprises
    print "  "
    push %esi
    call print_string
    pop %esi
    print " surprised me "
    call print_decimal
    print " times\n"
2:  lodsb
    test %al, %al
    jnz 2b
    inc %ebx
    cmp $SURPRISE_KINDS, %ebx
    jb 1b
    print "In 2046 rounds of a kernel's chores I counted "
    mov surprises, %eax
    call print_decimal
    print " surprises.\n"
    ret

.set SURPRISE_KINDS, 15
surprise_names:
    .asciz "PUSHF after CLI", "PUSHF after POPF", "MOV from CS", "PUSH CS", "MOV from SS", "SGDT", "SIDT"
    .asciz "SLDT", "STR", "SMSW", "LAR", "LSL", "VERR and VERW", "INT and IRET", "far CALL and RET"
.balign 4, 0
surprise_counts:
    .fill SURPRISE_KINDS, 4, 0
surprises:
    .long 0
table_register:
    .word 0
    .long 0
