# LTR (SDM vol. 2): ring 0 only; marks the TSS busy; interrupts from outer rings then use its stacks.
.include "lib/start.s"
.include "lib/rings.s"

.set NEW_TSS, 0x200000
.set NEW_STACK_TOP, 0x1e0000

main:
    call rings_initialize
    movzbl gdt_tss + 5, %eax
    check "the TSS is busy", %eax, $0x8b
    at_ring 0, 1f
    mov $TSS_SELECTOR, %eax
    ltr %ax
    int $DONE
1:  check_fault "LTR of a busy TSS", 13, TSS_SELECTOR
    at_ring 0, 1f
    mov $KERNEL_DATA, %eax
    ltr %ax
    int $DONE
1:  check_fault "LTR of a data segment", 13, KERNEL_DATA

    # A second TSS with another stack for ring 0.
    mov $tss, %esi
    mov $NEW_TSS, %edi
    mov $26, %ecx
    rep movsl
    movl $NEW_STACK_TOP, NEW_TSS + 4
    movl $0x00000067, gdt_spare     # base 0x200000
    movl $0x00000920, gdt_spare + 4 # type 9, not present
    at_ring 0, 1f
    mov $SPARE_SELECTOR, %eax
    ltr %ax
    int $DONE
1:  check_fault "LTR of an absent TSS", 11, SPARE_SELECTOR
    movl $0x00008920, gdt_spare + 4
    mov $SPARE_SELECTOR, %eax
    ltr %ax
    movzbl gdt_spare + 5, %eax
    check "the new TSS is busy", %eax, $0x8b
    movl $0, NEW_STACK_TOP - 4
    at_ring 3, 1f
    int $DONE
1:  movzwl NEW_STACK_TOP - 4, %eax
    check "SS of ring 3 is on the new stack", %eax, $USER_DATA

    # ESP0 is read at each interrupt.
    movl $NEW_STACK_TOP - 256, NEW_TSS + 4
    movl $0, NEW_STACK_TOP - 260
    at_ring 3, 1f
    int $DONE
1:  movzwl NEW_STACK_TOP - 260, %eax
    check "ESP0 changed in place", %eax, $USER_DATA

    at_ring 3, 1f
2:  ltr %ax
    int $DONE
1:  check_fault "LTR in ring 3", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 1, 1f
    ltr %ax
    int $DONE
1:  check_fault "LTR in ring 1", 13, 0
    jmp verdict
