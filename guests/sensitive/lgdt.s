# LGDT (SDM vol. 2): ring 0 only; selectors then mean the new table's descriptors.
.include "lib/start.s"
.include "lib/rings.s"

.set NEW_GDT, 0x200000
.set EXTRA_SELECTOR, GDT_LIMIT + 1

main:
    call rings_initialize
    mov $gdt, %esi
    mov $NEW_GDT, %edi
    mov $(GDT_LIMIT + 1) / 4, %ecx
    rep movsl
    movl $0x3000ffff, (%edi)        # data with base 0x3000
    movl $0x00409300, 4(%edi)
    movl $0x5a5a5a5a, 0x3010

    at_ring 0, 1f
    mov $EXTRA_SELECTOR, %eax
    mov %eax, %fs
    int $DONE
1:  check_fault "selector beyond the old table", 13, EXTRA_SELECTOR
    lgdtl new_pointer
    at_ring 0, 1f
    mov $EXTRA_SELECTOR, %eax
    mov %eax, %fs
    mov %fs:0x10, %ebx
    int $DONE
1:  check_done "selector of the new table"
    check "memory through the new descriptor", result_ebx, $0x5a5a5a5a
    mov %ds, %eax
    mov %eax, %ds
    check "the old selectors still work", 0x3010, $0x5a5a5a5a

    # A descriptor changed in the new table takes effect at the next load.
    movl $0x4000ffff, NEW_GDT + EXTRA_SELECTOR
    movl $0x77777777, 0x4010
    mov $EXTRA_SELECTOR, %eax
    mov %eax, %fs
    check "descriptor changed in place", %fs:0x10, $0x77777777

    at_ring 3, 1f
2:  lgdtl new_pointer
    int $DONE
1:  check_fault "LGDT in ring 3", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 1, 1f
    lgdtl new_pointer
    int $DONE
1:  check_fault "LGDT in ring 1", 13, 0
    jmp verdict

new_pointer:
    .word EXTRA_SELECTOR + 7
    .long NEW_GDT
