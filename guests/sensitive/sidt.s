# SIDT (SDM vol. 2): stores what LIDT loaded, in every ring (no UMIP here).
.include "lib/start.s"
.include "lib/rings.s"

.macro clear_stored
    movl $0xcccccccc, stored
    movl $0xcccccccc, stored + 4
.endm

.set OTHER_IDT, 0x200000

main:
    call rings_initialize
    clear_stored
    sidtl stored
    movzwl stored, %eax
    check "limit in ring 0", %eax, $IDT_LIMIT
    check "base in ring 0", stored + 2, $idt
    movzwl stored + 6, %eax
    check "six bytes are written", %eax, $0xcccc

    clear_stored
    at_ring 3, 1f
    sidtl stored
    int $DONE
1:  check_done "SIDT in ring 3"
    movzwl stored, %eax
    check "limit in ring 3", %eax, $IDT_LIMIT
    check "base in ring 3", stored + 2, $idt

    clear_stored
    at_ring 1, 1f
    sidtl stored
    int $DONE
1:  check "base in ring 1", stored + 2, $idt

    mov $idt, %esi
    mov $OTHER_IDT, %edi
    mov $(IDT_LIMIT + 1) / 4, %ecx
    rep movsl
    lidtl other_pointer
    sidtl stored
    movzwl stored, %eax
    check "limit after LIDT", %eax, $0x7ff
    check "base after LIDT", stored + 2, $OTHER_IDT
    jmp verdict

other_pointer:
    .word 0x7ff
    .long OTHER_IDT
.balign 4, 0
stored:
    .long 0, 0
