# VERR (SDM vol. 2): ZF tells whether a segment can be read with this CPL and RPL.
.include "lib/start.s"
.include "lib/rings.s"

.macro verr_case name, ring, selector, want
    at_ring \ring, 1f
    mov $\selector, %ebx
    verr %bx
    setz %al
    movzbl %al, %eax
    int $DONE
1:  check \name, result_eax, $\want
.endm

main:
    call rings_initialize
    verr_case "ring 0 data in ring 0", 0, KERNEL_DATA, 1
    verr_case "ring 0 code in ring 0", 0, KERNEL_CODE, 1
    verr_case "ring 3 data in ring 0", 0, USER_DATA, 1
    verr_case "ring 0 data with RPL 3 in ring 0", 0, KERNEL_DATA + 3, 0
    verr_case "execute-only code in ring 0", 0, EXECUTE_ONLY_CODE, 0
    verr_case "read-only data in ring 0", 0, READ_ONLY_DATA, 1
    verr_case "TSS in ring 0", 0, TSS_SELECTOR, 0
    verr_case "call gate in ring 0", 0, CALL_GATE, 0
    verr_case "null selector in ring 0", 0, 0, 0
    verr_case "beyond the GDT in ring 0", 0, GDT_LIMIT + 1, 0
    verr_case "ring 0 data in ring 1", 1, KERNEL_DATA + 1, 0
    verr_case "ring 0 code in ring 1", 1, KERNEL_CODE + 1, 0
    verr_case "ring 1 data in ring 1", 1, RING1_DATA, 1
    verr_case "ring 0 data in ring 3", 3, KERNEL_DATA, 0
    verr_case "conforming code in ring 3", 3, CONFORMING_CODE, 1
    verr_case "ring 3 data in ring 3", 3, USER_DATA, 1
    jmp verdict
