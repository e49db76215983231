# Alignment checks (SDM vol. 3, section 6.15, #AC and table 6-7): with CR0.AM and EFLAGS.AC set, at CPL 3 only.
# Each instruction accesses memory at EBX + \offset; what is aligned passes, what is not faults.
.include "lib/start.s"
.include "lib/rings.s"

.set AM, 0x40000                    # of CR0
.set AC, 0x40000                    # of EFLAGS

# Runs the instruction that follows in ring 3, with EBX = memory + \offset.
.macro piece offset, resume
    mov $memory + \offset, %ebx
    at_ring 3, \resume
.endm
.macro faults name
    check_fault \name, 17, 0
.endm

main:
    call rings_initialize
    mov %cr0, %eax
    or $AM, %eax
    and $~0xc, %eax                 # EM and TS
    mov %eax, %cr0
    mov %cr4, %eax
    or $0x200, %eax                 # OSFXSR
    mov %eax, %cr4
    movl $AC + 2, ring_eflags

    piece 1, 1f
    movb (%ebx), %al
    int $DONE
1:  check_done "byte"
    piece 2, 1f
    movw (%ebx), %ax
    movw %ax, (%ebx)
    int $DONE
1:  check_done "word at 2"
    piece 1, 1f
2:  movw (%ebx), %ax
    int $DONE
1:  faults "word at 1"
    check "EIP of the fault", result_eip, $2b
    mov result_eflags, %eax
    and $AC, %eax
    check "AC in its image", %eax, $AC
    piece 4, 1f
    movl (%ebx), %eax
    addl %eax, (%ebx)
    int $DONE
1:  check_done "doubleword at 4"
    piece 2, 1f
    movl (%ebx), %eax
    int $DONE
1:  faults "doubleword read at 2"
    piece 2, 1f
    movl %eax, (%ebx)
    int $DONE
1:  faults "doubleword written at 2"
    piece 3, 1f
    addl %eax, (%ebx)
    int $DONE
1:  faults "doubleword added to at 3"
    piece 4, 1f
    cmpxchg8b (%ebx)
    int $DONE
1:  faults "CMPXCHG8B at 4"
    piece 8, 1f
    cmpxchg8b (%ebx)
    int $DONE
1:  check_done "CMPXCHG8B at 8"
    piece 0xfff, 1f
    movw %ax, (%ebx)
    int $DONE
1:  faults "word across a page"

    piece 2, 1f
    mov %ebx, %esp
    push %eax
    int $DONE
1:  faults "PUSH"
    check "ESP of the fault", result_esp, $memory + 2
    piece 2, 1f
    mov %ebx, %esp
    pushw %ax
    popw %ax
    int $DONE
1:  check_done "PUSH and POP of a word"
    piece 2, 1f
    mov %ebx, %esp
    call 2f
2:  int $DONE
1:  faults "CALL"
    piece 2, 1f
    mov %ebx, %esp
    pushal
    int $DONE
1:  faults "PUSHA"
    piece 1, 1f
    mov %ebx, %esp
    int $DONE
1:  check_done "an interrupt from an odd ESP"
    piece 2, 1f
    mov %ebx, %esp
    popfl
    int $DONE
1:  faults "POPF"
    piece 2, 1f
    mov %ebx, %esp
    iretl
1:  faults "IRET"
    piece 2, 1f
    les (%ebx), %eax
    int $DONE
1:  faults "LES of 16:32 at 2"
    piece 2, 1f
    .byte 0x66
    les (%ebx), %eax
    int $DONE
1:  check_done "LES of 16:16 at 2"
    piece 1, 1f
    mov (%ebx), %es
    int $DONE
1:  faults "MOV to ES"
    piece 2, 1f
    mov $0x1000, %eax
    bt %eax, (%ebx)
    int $DONE
1:  faults "BT of a doubleword"
    piece 2, 1f
    btw %ax, (%ebx)
    int $DONE
1:  check_done "BT of a word"
    piece 2, 1f
    xor %eax, %eax
    .byte 0x62, 0x03                # BOUND EAX, [EBX]
    int $DONE
1:  faults "BOUND"

    piece 1, 1f
    mov %ebx, %esi
    mov $memory + 64, %edi
    mov $8, %ecx
    rep movsl
    int $DONE
1:  faults "REP MOVS of doublewords"
    check "ECX of the fault", result_ecx, $8
    piece 1, 1f
    mov %ebx, %esi
    mov $memory + 64, %edi
    mov $64, %ecx
    rep movsb
    int $DONE
1:  check_done "REP MOVS of bytes"
    piece 2, 1f
    mov %ebx, %edi
    mov $16, %ecx
    rep stosl
    int $DONE
1:  faults "REP STOS of doublewords"

    fninit
    piece 4, 1f
    fldl (%ebx)
    int $DONE
1:  faults "FLD of a double at 4"
    piece 4, 1f
    flds (%ebx)
    fstps (%ebx)
    int $DONE
1:  check_done "FLD and FSTP of a single at 4"
    piece 4, 1f
    fldt (%ebx)
    int $DONE
1:  faults "FLD of an extended at 4"
    piece 8, 1f
    fldt (%ebx)
    fstpt (%ebx)
    int $DONE
1:  check_done "FLD and FSTP of an extended at 8"
    piece 2, 1f
    fnstcw (%ebx)
    fldcw (%ebx)
    int $DONE
1:  check_done "FLDCW at 2"
    piece 4, 1f
    fnsave (%ebx)
    frstor (%ebx)
    int $DONE
1:  check_done "FSAVE and FRSTOR at 4"
    piece 2, 1f
    fnsave (%ebx)
    int $DONE
1:  faults "FSAVE at 2"
    piece 2, 1f
    fnstenv (%ebx)
    int $DONE
1:  faults "FSTENV at 2"

    piece 3, 1f
    lea (%ebx), %eax
    int $DONE
1:  check_done "what does not access"
    movl $2, ring_eflags
    piece 1, 1f
    movl (%ebx), %eax
    int $DONE
1:  check_done "without AC"
    piece 1, 1f
    push $AC + 2
    popfl
    movl (%ebx), %eax
    int $DONE
1:  faults "AC set by POPF"
    movl $AC + 2, ring_eflags
    piece 1, 1f
    push $2
    popfl
    movl (%ebx), %eax
    int $DONE
1:  check_done "AC cleared by POPF"
    mov $memory + 1, %ebx
    at_ring 0, 1f
    push $AC + 2
    popfl
    movl (%ebx), %eax
    push $2
    popfl
    int $DONE
1:  check_done "in ring 0"
    mov %cr0, %eax
    and $~AM, %eax
    mov %eax, %cr0
    piece 1, 1f
    movl (%ebx), %eax
    int $DONE
1:  check_done "without AM"
    jmp verdict

.set memory, 0x200000
