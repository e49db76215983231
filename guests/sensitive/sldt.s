# SLDT (SDM vol. 2): stores the selector that LLDT loaded, in every ring (no UMIP here).
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize
    xor %eax, %eax
    lldt %ax
    mov $-1, %eax
    sldt %eax
    movzwl %ax, %eax
    check "no LDT in ring 0", %eax, $0
    mov $LDT_SELECTOR, %eax
    lldt %ax
    mov $-1, %eax
    sldt %eax
    check "selector in ring 0, to 32 bits", %eax, $LDT_SELECTOR
    mov $-1, %eax
    sldt %ax
    check "selector in ring 0, to 16 bits", %eax, $0xffff0000 + LDT_SELECTOR
    movl $-1, stored
    sldt stored
    check "selector in ring 0, to memory", stored, $0xffff0000 + LDT_SELECTOR

    at_ring 3, 1f
    sldt %eax
    int $DONE
1:  check_done "SLDT in ring 3"
    movzwl result_eax, %eax
    check "selector in ring 3", %eax, $LDT_SELECTOR
    at_ring 1, 1f
    sldt %eax
    int $DONE
1:  movzwl result_eax, %eax
    check "selector in ring 1", %eax, $LDT_SELECTOR
    jmp verdict

.balign 4, 0
stored:
    .long 0
