# FNSTENV and FNSAVE (SDM vol. 1, section 8.1.8): the selectors of the last instruction and its operand show
# the ring. Not in Robin and Irvine's list.
.include "lib/start.s"
.include "lib/rings.s"

# Doublewords of the 32-bit protected-mode image (SDM vol. 1, figure 8-9).
.set instruction_pointer, environment + 12
.set instruction_selector, environment + 16
.set operand_pointer, environment + 20
.set operand_selector, environment + 24

main:
    call rings_initialize
    mov %cr0, %eax
    and $0xfffffff3, %eax           # EM and TS clear
    or $0x22, %eax                  # NE and MP set
    mov %eax, %cr0
    fninit

first:
    fildl number
    fnstenv environment
    movzwl instruction_selector, %ecx
    check "CS of an instruction in ring 0", %ecx, $KERNEL_CODE
    check "its EIP", instruction_pointer, $first
    movzwl operand_selector, %ecx
    check "selector of its operand in DS", %ecx, $KERNEL_DATA
    check "offset of its operand", operand_pointer, $number
    push $7
    fiaddl (%esp)
    pop %eax
    fnsave environment
    movzwl operand_selector, %ecx
    check "selector of an operand in SS", %ecx, $KERNEL_DATA
    frstor environment
    fnstenv environment
    movzwl instruction_selector, %ecx
    check "CS restored by FRSTOR", %ecx, $KERNEL_CODE

    at_ring 1, 1f
    fildl number
    int $DONE
1:  fnstenv environment
    movzwl instruction_selector, %ecx
    check "CS of an instruction in ring 1", %ecx, $RING1_CODE
    at_ring 3, 1f
    fildl number
    fnstenv environment
    int $DONE
1:  movzwl instruction_selector, %ecx
    check "CS of an instruction in ring 3", %ecx, $USER_CODE
    movzwl operand_selector, %ecx
    check "selector of its operand in ring 3", %ecx, $USER_DATA
    jmp verdict

.balign 4, 0
number:
    .long 5
environment:
    .fill 27, 4, 0
