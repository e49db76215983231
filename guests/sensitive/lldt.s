# LLDT (SDM vol. 2): ring 0 only; selectors with TI set then mean this table.
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize
    xor %eax, %eax
    lldt %ax
    at_ring 3, 1f
    mov $LDT_DATA, %eax
    mov %eax, %es
    int $DONE
1:  check_fault "LDT selector without an LDT", 13, LDT_DATA - 3
    mov $LDT_SELECTOR, %eax
    lldt %ax
    at_ring 3, 1f
    mov $LDT_DATA, %eax
    mov %eax, %es
    mov %es:word_in_memory, %ebx
    int $DONE
1:  check_done "LDT selector with an LDT"
    check "memory through the LDT", result_ebx, $0x600dda7a
    at_ring 3, 1f
    mov $LDT_DATA + 8, %eax
    mov %eax, %es
    int $DONE
1:  check_fault "selector beyond the LDT", 13, LDT_DATA - 3 + 8

    # A descriptor changed in the LDT takes effect at the next load.
    movw $4, ldt + 10               # base 4
    at_ring 3, 1f
    mov $LDT_DATA, %eax
    mov %eax, %es
    mov %es:word_in_memory - 4, %ebx
    int $DONE
1:  check "LDT descriptor changed in place", result_ebx, $0x600dda7a

    at_ring 0, 1f
    mov $KERNEL_DATA, %eax
    lldt %ax
    int $DONE
1:  check_fault "LLDT of a data segment", 13, KERNEL_DATA
    at_ring 0, 1f
    mov $LDT_DATA, %eax
    lldt %ax
    int $DONE
1:  check_fault "LLDT of an LDT selector", 13, LDT_DATA - 3
    andb $0x7f, gdt_ldt + 5
    at_ring 0, 1f
    mov $LDT_SELECTOR, %eax
    lldt %ax
    int $DONE
1:  check_fault "LLDT of an absent LDT", 11, LDT_SELECTOR
    orb $0x80, gdt_ldt + 5
    at_ring 3, 1f
    xor %eax, %eax
2:  lldt %ax
    int $DONE
1:  check_fault "LLDT in ring 3", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 1, 1f
    xor %eax, %eax
    lldt %ax
    int $DONE
1:  check_fault "LLDT in ring 1", 13, 0
    jmp verdict

.balign 4, 0
word_in_memory:
    .long 0x600dda7a
