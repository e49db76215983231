# STR (SDM vol. 2): stores the selector that LTR loaded, in every ring (no UMIP here).
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize
    mov $-1, %eax
    str %eax
    check "selector in ring 0, to 32 bits", %eax, $TSS_SELECTOR
    mov $-1, %eax
    str %ax
    check "selector in ring 0, to 16 bits", %eax, $0xffff0000 + TSS_SELECTOR
    movl $-1, stored
    str stored
    check "selector in ring 0, to memory", stored, $0xffff0000 + TSS_SELECTOR

    at_ring 3, 1f
    str %eax
    int $DONE
1:  check_done "STR in ring 3"
    movzwl result_eax, %eax
    check "selector in ring 3", %eax, $TSS_SELECTOR
    at_ring 1, 1f
    str %eax
    int $DONE
1:  movzwl result_eax, %eax
    check "selector in ring 1", %eax, $TSS_SELECTOR

    # Another TSS, by the spare descriptor.
    mov gdt_tss, %eax
    mov gdt_tss + 4, %edx
    and $0xfffffdff, %edx           # not busy
    mov %eax, gdt_spare
    mov %edx, gdt_spare + 4
    mov $SPARE_SELECTOR, %eax
    ltr %ax
    xor %eax, %eax
    str %ax
    check "selector after another LTR", %eax, $SPARE_SELECTOR
    jmp verdict

.balign 4, 0
stored:
    .long 0
