# LIDT (SDM vol. 2): ring 0 only; interrupts then go through the new table.
.include "lib/start.s"
.include "lib/rings.s"

.set NEW_IDT, 0x200000

main:
    call rings_initialize
    mov $idt, %esi
    mov $NEW_IDT, %edi
    mov $(IDT_LIMIT + 1) / 4, %ecx
    rep movsl
    mov $new_handler, %eax          # vector 6 goes elsewhere in the new table
    mov %ax, NEW_IDT + 6 * 8
    shr $16, %eax
    mov %ax, NEW_IDT + 6 * 8 + 6

    at_ring 0, 1f
    ud2
    int $DONE
1:  check_fault "#UD by the old table", 6, 0
    check "new handler not yet run", ran, $0
    lidtl new_pointer
    ud2
    check "new handler run", ran, $1
    at_ring 0, 1f
    int $DONE
1:  check_done "other vectors still work"

    # A gate changed in place takes effect at once.
    mov idt + 6 * 8, %eax
    mov %eax, NEW_IDT + 6 * 8
    mov idt + 6 * 8 + 4, %eax
    mov %eax, NEW_IDT + 6 * 8 + 4
    at_ring 0, 1f
    ud2
    int $DONE
1:  check_fault "gate changed in place", 6, 0

    # With a short table, the vectors behind it are #GP.
    lidtl short_pointer
    at_ring 0, 1f
    int $DONE
1:  check_fault "vector beyond a short table", 13, DONE * 8 + 2
    lidtl new_pointer

    at_ring 3, 1f
2:  lidtl new_pointer
    int $DONE
1:  check_fault "LIDT in ring 3", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 1, 1f
    lidtl new_pointer
    int $DONE
1:  check_fault "LIDT in ring 1", 13, 0
    jmp verdict

new_handler:
    incl ran
    addl $2, (%esp)                 # behind UD2
    iretl

new_pointer:
    .word IDT_LIMIT
    .long NEW_IDT
short_pointer:
    .word 32 * 8 - 1
    .long NEW_IDT
.balign 4, 0
ran:
    .long 0
