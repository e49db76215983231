# LSL (SDM vol. 2): the limit in bytes, if the descriptor can be seen with this CPL and RPL.
.include "lib/start.s"
.include "lib/rings.s"

.set UNSEEN, 0x12345678

.macro lsl_case name, ring, selector, limit
    at_ring \ring, 1f
    mov $\selector, %ebx
    mov $UNSEEN, %eax
    lsl %ebx, %eax
    setz %cl
    int $DONE
1:  movzbl result_ecx, %eax
    check "\name: ZF", %eax, $1
    check "\name: limit", result_eax, $\limit
.endm
.macro lsl_failure name, ring, selector
    at_ring \ring, 1f
    mov $\selector, %ebx
    mov $UNSEEN, %eax
    lsl %ebx, %eax
    setz %cl
    int $DONE
1:  movzbl result_ecx, %eax
    check "\name: ZF", %eax, $0
    check "\name: destination", result_eax, $UNSEEN
.endm

main:
    call rings_initialize
    lsl_case ring 0 code in ring 0, 0, KERNEL_CODE, -1
    lsl_case ring 0 data in ring 0, 0, KERNEL_DATA, -1
    lsl_case small data in ring 0, 0, SMALL_DATA, 0x1234
    lsl_case 16-bit code in ring 0, 0, CODE_16, 0xffff
    lsl_case TSS in ring 0, 0, TSS_SELECTOR, 0x67
    lsl_case LDT in ring 0, 0, LDT_SELECTOR, 0x0f
    lsl_failure call gate in ring 0, 0, CALL_GATE
    lsl_failure ring 0 data with RPL 3 in ring 0, 0, KERNEL_DATA + 3
    lsl_failure null selector in ring 0, 0, 0
    lsl_failure beyond the GDT in ring 0, 0, GDT_LIMIT + 1
    lsl_failure ring 0 data in ring 1, 1, KERNEL_DATA + 1
    lsl_case ring 1 data in ring 1, 1, RING1_DATA, -1
    lsl_failure ring 0 code in ring 3, 3, KERNEL_CODE
    lsl_failure TSS in ring 3, 3, TSS_SELECTOR
    lsl_case ring 3 data in ring 3, 3, USER_DATA, -1
    lsl_case conforming code in ring 3, 3, CONFORMING_CODE, -1
    jmp verdict
