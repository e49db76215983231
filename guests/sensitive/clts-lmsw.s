# CLTS and LMSW (SDM vol. 2): ring 0 only; LMSW can set PE but never clear it. TS and EM are then judged by
# whether an x87 instruction faults (vol. 3, section 2.5).
.include "lib/start.s"
.include "lib/rings.s"

.set MP_EM_TS, 0x0e

.macro check_cr0 name, want
    mov %cr0, %eax
    and $MP_EM_TS + 1, %eax
    check \name, %eax, $\want
.endm

main:
    call rings_initialize
    mov $0x0f, %eax
    lmsw %ax
    check_cr0 "LMSW sets MP, EM and TS", 0x0f
    clts
    check_cr0 "CLTS clears TS", 0x07
    xor %eax, %eax
    lmsw %ax
    check_cr0 "LMSW clears them but not PE", 0x01
    movl $0x0b, word_in_memory
    lmsw word_in_memory
    check_cr0 "LMSW from memory sets MP and TS", 0x0b

    at_ring 3, 1f
2:  fnop
    int $DONE
1:  check_fault "x87 instruction with TS", 7, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 0, 1f
    fwait
    int $DONE
1:  check_fault "WAIT with TS and MP", 7, 0
    clts
    at_ring 3, 1f
    fnop
    fwait
    int $DONE
1:  check_done "x87 instruction after CLTS"
    mov $0x04, %eax
    lmsw %ax
    at_ring 3, 1f
    fnop
    int $DONE
1:  check_fault "x87 instruction with EM", 7, 0
    mov $0x08, %eax
    lmsw %ax
    at_ring 3, 1f
    fwait
    int $DONE
1:  check_done "WAIT with TS but not MP"

    at_ring 3, 1f
    clts
    int $DONE
1:  check_fault "CLTS in ring 3", 13, 0
    at_ring 1, 1f
    clts
    int $DONE
1:  check_fault "CLTS in ring 1", 13, 0
    at_ring 3, 1f
    lmsw %ax
    int $DONE
1:  check_fault "LMSW in ring 3", 13, 0
    jmp verdict

.balign 4, 0
word_in_memory:
    .long 0
