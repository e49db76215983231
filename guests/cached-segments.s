# Segment registers whose hidden part is no longer what the tables say: what was loaded stays until the next
# load (SDM vol. 3, section 3.4.3). A monitor that reloads them behind the guest's back would give that away.
.include "lib/start.s"
.include "lib/rings.s"

.set OLD, 0x1000
.set NEW, 0x2000
.set SECOND_TABLE, 0x200000
.set STACK, 0x3000
.set REWRITE, 0x41                  # a gate of ring 3 to a handler that changes the spare descriptor

# Second doublewords of descriptors: 32-bit data of ring 0 to 3, limit below 64 KiB.
.set DATA_0, 0x00409300
.set DATA_1, 0x0040b300
.set DATA_3, 0x0040f300
.set READ_ONLY_3, 0x0040f100
.set ABSENT_3, 0x00407300
.set FLAT_CODE, 0x00cf9b00
# First doublewords: base OLD, and NEW, limit 64 KiB.
.set AT_OLD, 0x1000ffff
.set AT_NEW, 0x2000ffff

.macro spare low, high
    movl $\low, gdt_spare
    movl $\high, gdt_spare + 4
.endm
.macro load_fs selector
    mov $\selector, %eax
    mov %eax, %fs
.endm
.macro far_jump selector, offset
    .byte 0xea
    .long \offset
    .word \selector
.endm

main:
    call rings_initialize
    movl $0x11111111, OLD
    movl $0x22222222, NEW
    mov $REWRITE, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    mov $0xee, %dl
    call set_gate
    handle REWRITE, rewrite_spare
    movl $0x202, ring_eflags        # ring 3 with interrupts: code that a monitor would run as it is
    call rewritten_entries
    call failed_loads
    call rings_and_hidden_parts
    call other_tables
    call code_and_stack
    jmp verdict

rewrite_spare:
    spare AT_NEW, DATA_3
    ret

rewrite_and_read:
    spare AT_NEW, DATA_3
    mov %fs:0, %eax
    mov %eax, frame_ecx(%ebp)
    ret

rewritten_entries:
    spare AT_OLD, DATA_0
    load_fs SPARE_SELECTOR
    spare AT_NEW, DATA_0
    check "base after the entry changed", %fs:0, $0x11111111
    spare 0x10000003, DATA_0
    at_ring 0, 1f
    mov %fs:0x100, %eax
    int $DONE
1:  check_done "limit after the entry changed"
    load_fs SPARE_SELECTOR
    at_ring 0, 1f
    mov %fs:0x100, %eax
    int $DONE
1:  check_fault "limit when loaded again", 13, 0

    spare AT_OLD, DATA_3
    load_fs SPARE_SELECTOR
    spare AT_OLD, ABSENT_3
    check "segment made absent after it was loaded", %fs:0, $0x11111111
    spare AT_OLD, READ_ONLY_3
    at_ring 0, 1f
    movl $0x33333333, %fs:4
    mov $SPARE_SELECTOR, %eax
    verw %ax
    setz %bl
    movzbl %bl, %ebx
    int $DONE
1:  check_done "written through a register whose entry is read-only now"
    check "what was written", OLD + 4, $0x33333333
    check "VERW looks at the entry", result_ebx, $0
    spare 0, 0
    check "entry cleared", %fs:0, $0x11111111
    ret

failed_loads:
    spare AT_OLD, DATA_3
    load_fs SPARE_SELECTOR
    spare AT_NEW, ABSENT_3
    at_ring 0, 1f
    load_fs SPARE_SELECTOR
1:  check_fault "absent segment", 11, SPARE_SELECTOR
    check "keeps the segment before", %fs:0, $0x11111111
    at_ring 0, 1f
    load_fs EXECUTE_ONLY_CODE
1:  check_fault "execute-only segment", 13, EXECUTE_ONLY_CODE
    check "keeps it, too", %fs:0, $0x11111111
    at_ring 0, 1f
    load_fs GDT_LIMIT + 1
1:  check_fault "selector beyond the table", 13, GDT_LIMIT + 1
    mov %fs, %eax
    check "and the selector", %eax, $SPARE_SELECTOR
    at_ring 0, 1f
    mov $0x55555555, %ebx
    lfs far_pointer, %ebx
1:  check_fault "LFS of an absent segment", 11, SPARE_SELECTOR
    check "leaves its register", result_ebx, $0x55555555
    check "and FS", %fs:0, $0x11111111
    at_ring 0, 1f
    mov %esp, %ebx
    push $SPARE_SELECTOR
    pop %fs
1:  check_fault "POP of an absent segment", 11, SPARE_SELECTOR
    check "still FS", %fs:0, $0x11111111
    ret

rings_and_hidden_parts:
    spare AT_OLD, DATA_3
    at_ring 3, 1f
    load_fs SPARE_SELECTOR + 3
    int $REWRITE
    mov %fs:0, %ebx
    mov %fs, %ecx
    load_fs SPARE_SELECTOR + 3
    mov %fs:0, %edx
    int $DONE
1:  check "ring 3 keeps its base over an interrupt", result_ebx, $0x11111111
    check "and its selector", result_ecx, $SPARE_SELECTOR + 3
    check "until it loads again", result_edx, $0x22222222

    # The kernel uses what ring 3 has loaded, whatever became of the entry.
    spare AT_OLD, DATA_3
    handle REWRITE, rewrite_and_read
    at_ring 3, 1f
    load_fs SPARE_SELECTOR + 3
    int $REWRITE
    int $DONE
1:  check "segment of ring 3 used in the kernel", result_ecx, $0x11111111
    handle REWRITE, rewrite_spare

    # Conforming code of ring 0 runs in ring 3, and interrupts return to it there.
    at_ring 3, 1f
    far_jump CONFORMING_CODE, 2f
2:  mov %cs, %ebx
    int $REWRITE
    mov %cs, %ecx
    int $DONE
1:  check "CS in conforming code, in ring 3", result_ebx, $CONFORMING_CODE + 3
    check "after an interrupt there", result_ecx, $CONFORMING_CODE + 3

    # DS is popped by the interrupt's own code, and so loaded again.
    spare AT_OLD, DATA_3
    at_ring 3, 1f
    mov $SPARE_SELECTOR + 3, %eax
    mov %eax, %ds
    int $REWRITE
    mov 0, %ebx
    int $DONE
1:  check "DS popped in the kernel is loaded again", result_ebx, $0x22222222

    # On the way out, what counts is the privilege level in the register, not in the table.
    spare AT_OLD, DATA_0
    load_fs SPARE_SELECTOR
    spare AT_OLD, DATA_3
    at_ring 3, 1f
    mov %fs, %eax
    int $DONE
1:  check "of ring 0 when loaded: nulled in ring 3", result_eax, $0
    load_fs SPARE_SELECTOR + 3
    spare AT_OLD, DATA_0
    at_ring 3, 1f
    mov %fs, %eax
    mov %fs:0, %ebx
    int $DONE
1:  check "of ring 3 when loaded: kept in ring 3", result_eax, $SPARE_SELECTOR + 3
    check "and usable there", result_ebx, $0x11111111
    spare AT_OLD, DATA_1
    load_fs SPARE_SELECTOR
    at_ring 1, 1f
    mov %fs:0, %ebx
    int $DONE
1:  check "of ring 1: kept in ring 1", result_ebx, $0x11111111
    at_ring 2, 1f
    mov %fs, %eax
    int $DONE
1:  check "of ring 1: nulled in ring 2", result_eax, $0
    load_fs CONFORMING_CODE
    at_ring 3, 1f
    mov %fs, %eax
    mov %fs:OLD, %ebx
    int $DONE
1:  check "conforming code of ring 0: kept in ring 3", result_eax, $CONFORMING_CODE
    check "and readable there", result_ebx, $0x11111111

    # A null stack segment in the TSS: the interrupt fails before anything has changed.
    movw $RING1_CODE, idt + 8 * REWRITE + 2
    xor %eax, %eax
    xchg %eax, tss + 16
    mov %eax, SECOND_TABLE
    at_ring 3, 1f
    int $REWRITE
1:  check_fault "null SS for ring 1 in the TSS", 10, 0
    check "the interrupted stack", result_ss, $USER_DATA
    mov SECOND_TABLE, %eax
    mov %eax, tss + 16
    movw $KERNEL_CODE, idt + 8 * REWRITE + 2
    ret

other_tables:
    # Another GDT: a copy with other contents.
    spare AT_OLD, DATA_3
    load_fs SPARE_SELECTOR
    mov $gdt, %esi
    mov $SECOND_TABLE, %edi
    mov $(GDT_LIMIT + 1) / 4, %ecx
    rep movsl
    movl $AT_NEW, SECOND_TABLE + SPARE_SELECTOR
    lgdt second_gdt_pointer
    check "base after LGDT", %fs:0, $0x11111111
    load_fs SPARE_SELECTOR
    check "base from the new table", %fs:0, $0x22222222
    lgdt gdt_pointer
    check "base after LGDT back", %fs:0, $0x22222222

    # LDTR keeps the old table when its descriptor changes, segments keep what they are when LDTR changes.
    movw $OLD, ldt + 10
    mov $LDT_SELECTOR, %eax
    lldt %ax
    load_fs LDT_DATA
    movl $0x0000ffff + (NEW << 16), SECOND_TABLE + 8
    movl $0x00cff200, SECOND_TABLE + 12
    mov $SECOND_TABLE, %eax
    mov $gdt_ldt, %ebx
    call set_descriptor_base
    load_fs LDT_DATA
    check "LDT descriptor changed", %fs:0, $0x11111111
    mov $LDT_SELECTOR, %eax
    lldt %ax
    check "base after LLDT", %fs:0, $0x11111111
    load_fs LDT_DATA
    check "base from the new LDT", %fs:0, $0x22222222
    xor %eax, %eax
    lldt %ax
    check "base without an LDT", %fs:0, $0x22222222
    at_ring 3, 1f
    mov %fs:0, %ebx
    load_fs LDT_DATA
1:  check_fault "loading without an LDT", 13, LDT_DATA - 3
    check "base without an LDT, in ring 3", result_ebx, $0x22222222

    # So does TR.
    mov $SECOND_TABLE + 0x800, %eax
    mov $gdt_tss, %ebx
    call set_descriptor_base
    at_ring 3, 1f
    int $DONE
1:  check_done "TSS descriptor changed"
    mov $tss, %eax
    mov $gdt_tss, %ebx
    call set_descriptor_base
    ret

code_and_stack:
    # Code goes on in a segment that is gone; to return to it is another matter.
    spare 0x0000ffff, FLAT_CODE
    at_ring 0, 1f
    far_jump SPARE_SELECTOR, 2f
2:  spare 0x00000000, 0x00001200
    mov $3, %ecx
3:  loop 3b
    call 4f
    mov %cs, %ebx
    int $DONE
4:  ret
1:  check_done "code goes on when its descriptor is gone"
    check "CS then", result_ebx, $SPARE_SELECTOR
    check "CS pushed then", result_cs, $SPARE_SELECTOR
    spare 0x0000ffff, FLAT_CODE
    handle REWRITE, return_to_absent
    at_ring 0, 1f
    far_jump SPARE_SELECTOR, 2f
2:  int $REWRITE
1:  check_fault "IRET to code made absent meanwhile", 11, SPARE_SELECTOR

    # The size of a stack is that of its register.
    spare 0x0000ffff, 0x00cf9300
    mov $SPARE_SELECTOR, %eax
    mov %eax, %ss
    spare 0x0000ffff, 0x008f9300
    push $0x44444444
    pop %ecx
    mov $KERNEL_DATA, %eax
    mov %eax, %ss
    check "32-bit stack after its descriptor became 16-bit", %ecx, $0x44444444
    mov %esp, %ebp
    mov $SPARE_SELECTOR, %eax
    mov %eax, %ss
    mov $STACK + 0x50000, %esp
    push $0x66666666
    mov %esp, %ecx
    mov $KERNEL_DATA, %eax
    mov %eax, %ss
    mov %ebp, %esp
    check "16-bit stack when loaded", STACK - 4, $0x66666666
    check "its pointer", %ecx, $STACK + 0x50000 - 4
    ret

return_to_absent:
    spare 0x0000ffff, 0x00cf1b00
    ret

.balign 4, 0
far_pointer:
    .long 0x77777777
    .word SPARE_SELECTOR
second_gdt_pointer:
    .word GDT_LIMIT
    .long SECOND_TABLE
