# INVLPG and WBINVD (SDM vol. 2): ring 0 only. The MMU's side is in paging.s.
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize
    at_ring 0, 1f
    invlpg 0x12345678
    invlpg (%esp)
    wbinvd
    int $DONE
1:  check_done "INVLPG and WBINVD in ring 0"
    at_ring 3, 1f
2:  invlpg 0x12345678
    int $DONE
1:  check_fault "INVLPG in ring 3", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 1, 1f
    invlpg 0x12345678
    int $DONE
1:  check_fault "INVLPG in ring 1", 13, 0
    at_ring 3, 1f
    wbinvd
    int $DONE
1:  check_fault "WBINVD in ring 3", 13, 0
    at_ring 0, 1f
    .byte 0x0f, 0x01, 0xff          # INVLPG with a register operand
    int $DONE
1:  check_fault "INVLPG of a register", 6, 0
    jmp verdict
