# LAR (SDM vol. 2): access rights, if the descriptor can be seen with this CPL and RPL. Bits 16 to 19 of the
# result are undefined.
.include "lib/start.s"
.include "lib/rings.s"

.set UNSEEN, 0x12345678
.set DEFINED, 0x00f0ff00

# \rights is what the descriptor's second word holds under the mask, or 0 where LAR must fail.
.macro lar_case name, ring, selector, rights
    at_ring \ring, 1f
    mov $\selector, %ebx
    mov $UNSEEN, %eax
    lar %ebx, %eax
    setz %cl
    int $DONE
1:  mov $\rights, %ebx
    call compare_rights
    .asciz \name
.endm

compare_rights:
    mov result_eax, %eax
    mov %ebx, %edx
    mov $UNSEEN, %ecx               # what must be there on failure, and its ZF in bit 0
    test %ebx, %ebx
    jz 1f
    and $DEFINED, %eax
    or $1, %edx
    jmp 2f
1:  mov %ecx, %edx
2:  movzbl result_ecx, %ecx
    or %ecx, %eax
    jmp check_following

main:
    call rings_initialize
    lar_case "ring 0 code in ring 0", 0, KERNEL_CODE, 0xc09b00
    lar_case "ring 0 data in ring 0", 0, KERNEL_DATA, 0xc09300
    lar_case "ring 3 data in ring 0", 0, USER_DATA, 0xc0f300
    lar_case "execute-only code in ring 0", 0, EXECUTE_ONLY_CODE, 0xc0f800
    lar_case "absent data in ring 0", 0, ABSENT_DATA, 0xc07200
    lar_case "busy TSS in ring 0", 0, TSS_SELECTOR, 0x8b00
    lar_case "LDT in ring 0", 0, LDT_SELECTOR, 0x8200
    lar_case "call gate in ring 0", 0, CALL_GATE, 0xec00
    lar_case "ring 0 data with RPL 3 in ring 0", 0, KERNEL_DATA + 3, 0
    lar_case "null selector in ring 0", 0, 0, 0
    lar_case "beyond the GDT in ring 0", 0, GDT_LIMIT + 1, 0
    lar_case "null descriptor in ring 0", 0, SPARE_SELECTOR, 0
    lar_case "ring 0 data in ring 1", 1, KERNEL_DATA + 1, 0
    lar_case "ring 0 code in ring 1", 1, KERNEL_CODE + 1, 0
    lar_case "ring 1 data in ring 1", 1, RING1_DATA, 0xc0b300
    lar_case "ring 0 data in ring 3", 3, KERNEL_DATA, 0
    lar_case "ring 1 data in ring 3", 3, RING1_DATA, 0
    lar_case "ring 3 data in ring 3", 3, USER_DATA, 0xc0f300
    lar_case "conforming code in ring 3", 3, CONFORMING_CODE, 0xc09e00
    lar_case "TSS in ring 3", 3, TSS_SELECTOR, 0
    jmp verdict
