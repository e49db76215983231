# INT n, INT3 and INTO (SDM vol. 2, INT; vol. 3, sections 6.11 and 6.12): gates, their DPL, and the frame.
.include "lib/start.s"
.include "lib/rings.s"

.set KERNEL_ONLY, 0x41              # a gate of DPL 0
.set TRAP_GATE, 0x42                # a trap gate of DPL 3
.set ABSENT_GATE, 0x43

.macro gate vector, access
    mov $\vector, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    mov $\access, %dl
    call set_gate
    handle \vector, record_result
.endm

main:
    call rings_initialize
    gate KERNEL_ONLY, 0x8e
    gate TRAP_GATE, 0xef
    gate ABSENT_GATE, 0x6e
    gate 3, 0xee
    gate 4, 0xee

    at_ring 0, 1f
    int $KERNEL_ONLY
2:
1:  check "vector of INT n in ring 0", result_vector, $KERNEL_ONLY
    movzwl result_cs, %eax
    check "CS pushed in ring 0", %eax, $KERNEL_CODE
    check "EIP pushed is the next instruction's", result_eip, $2b
    mov resume_stack, %eax
    sub $12, %eax                   # EFLAGS, CS, EIP; the entry's own three words lie below
    mov result + 20, %ebx           # ESP at PUSHAL
    add $8, %ebx
    check "no stack switch in ring 0", %ebx, %eax

    at_ring 3, 1f
    int $DONE
2:
1:  check_done "INT n in ring 3"
    movzwl result_cs, %eax
    check "CS pushed in ring 3", %eax, $USER_CODE
    movzwl result_ss, %eax
    check "SS pushed in ring 3", %eax, $USER_DATA
    check "ESP pushed in ring 3", result_esp, $ring_stack_top

    at_ring 1, 1f
    int $DONE
1:  movzwl result_cs, %eax
    check "CS pushed in ring 1", %eax, $RING1_CODE
    movzwl result_ss, %eax
    check "SS pushed in ring 1", %eax, $RING1_DATA
    check "ESP pushed in ring 1", result_esp, $ring_stack_top

    at_ring 3, 1f
2:  int $KERNEL_ONLY
1:  check_fault "gate of DPL 0 in ring 3", 13, KERNEL_ONLY * 8 + 2
    check "EIP of the fault is the INT's", result_eip, $2b

    at_ring 1, 1f
    int $KERNEL_ONLY
1:  check_fault "gate of DPL 0 in ring 1", 13, KERNEL_ONLY * 8 + 2

    at_ring 0, 1f
    int $ABSENT_GATE
1:  check_fault "absent gate", 11, ABSENT_GATE * 8 + 2

    at_ring 0, 1f
    int $0xf0
1:  check_fault "vector beyond the IDT", 13, 0xf0 * 8 + 2

    at_ring 3, 1f
    int3
2:
1:  check "vector of INT3", result_vector, $3
    check "EIP of INT3 is the next instruction's", result_eip, $2b

    at_ring 3, 1f
    xor %eax, %eax
    into                            # OF clear: nothing happens
    mov $0x7fffffff, %eax
    inc %eax
    into
2:
1:  check "vector of INTO", result_vector, $4
    check "EIP of INTO is the next instruction's", result_eip, $2b

    # IF as the handler finds it, and as it was pushed.
    movl $0x202, ring_eflags
    handle DONE, note_flags
    handle TRAP_GATE, note_flags
    at_ring 3, 1f
    int $DONE
1:  mov result_eflags, %eax
    and $0x200, %eax
    check "IF pushed", %eax, $0x200
    mov flags_in_handler, %eax
    and $0x200, %eax
    check "IF in an interrupt gate's handler", %eax, $0
    at_ring 3, 1f
    int $TRAP_GATE
1:  mov flags_in_handler, %eax
    cli
    and $0x200, %eax
    check "IF in a trap gate's handler", %eax, $0x200
    jmp verdict

note_flags:
    pushfl
    popl flags_in_handler
    jmp record_result

.balign 4, 0
flags_in_handler:
    .long 0
