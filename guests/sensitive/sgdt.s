# SGDT (SDM vol. 2): stores what LGDT loaded, in every ring (no UMIP here).
.include "lib/start.s"
.include "lib/rings.s"

.macro clear_stored
    movl $0xcccccccc, stored
    movl $0xcccccccc, stored + 4
.endm

.set OTHER_GDT, 0x200000

main:
    call rings_initialize
    clear_stored
    sgdtl stored
    movzwl stored, %eax
    check "limit in ring 0", %eax, $GDT_LIMIT
    check "base in ring 0", stored + 2, $gdt
    movzwl stored + 6, %eax
    check "six bytes are written", %eax, $0xcccc

    clear_stored
    at_ring 3, 1f
    sgdtl stored
    int $DONE
1:  check_done "SGDT in ring 3"
    movzwl stored, %eax
    check "limit in ring 3", %eax, $GDT_LIMIT
    check "base in ring 3", stored + 2, $gdt

    clear_stored
    at_ring 1, 1f
    sgdtl stored
    int $DONE
1:  check "base in ring 1", stored + 2, $gdt

    mov $gdt, %esi
    mov $OTHER_GDT, %edi
    mov $(GDT_LIMIT + 1) / 4, %ecx
    rep movsl
    lgdtl other_pointer
    sgdtl stored
    movzwl stored, %eax
    check "limit after LGDT", %eax, $0x7ff
    check "base after LGDT", stored + 2, $OTHER_GDT
    jmp verdict

other_pointer:
    .word 0x7ff
    .long OTHER_GDT
.balign 4, 0
stored:
    .long 0, 0
