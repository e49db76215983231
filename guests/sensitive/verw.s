# VERW (SDM vol. 2): ZF tells whether a segment can be written with this CPL and RPL.
.include "lib/start.s"
.include "lib/rings.s"

.macro verw_case name, ring, selector, want
    at_ring \ring, 1f
    mov $\selector, %ebx
    verw %bx
    setz %al
    movzbl %al, %eax
    int $DONE
1:  check \name, result_eax, $\want
.endm

main:
    call rings_initialize
    verw_case "ring 0 data in ring 0", 0, KERNEL_DATA, 1
    verw_case "ring 0 code in ring 0", 0, KERNEL_CODE, 0
    verw_case "ring 3 data in ring 0", 0, USER_DATA, 1
    verw_case "ring 0 data with RPL 3 in ring 0", 0, KERNEL_DATA + 3, 0
    verw_case "read-only data in ring 0", 0, READ_ONLY_DATA, 0
    verw_case "TSS in ring 0", 0, TSS_SELECTOR, 0
    verw_case "null selector in ring 0", 0, 0, 0
    verw_case "beyond the GDT in ring 0", 0, GDT_LIMIT + 1, 0
    verw_case "ring 0 data in ring 1", 1, KERNEL_DATA + 1, 0
    verw_case "ring 1 data in ring 1", 1, RING1_DATA, 1
    verw_case "ring 0 data in ring 3", 3, KERNEL_DATA, 0
    verw_case "conforming code in ring 3", 3, CONFORMING_CODE, 0
    verw_case "ring 3 data in ring 3", 3, USER_DATA, 1
    jmp verdict
