# MOV from and to segment registers (SDM vol. 2, MOV): the selector shows the ring, and loading one is
# checked against it.
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize

    xor %eax, %eax
    mov %cs, %eax
    check "CS in ring 0", %eax, $KERNEL_CODE
    mov %ss, %eax
    check "SS in ring 0", %eax, $KERNEL_DATA
    mov %ds, %eax
    check "DS in ring 0", %eax, $KERNEL_DATA

    movl $-1, stored
    movw %ds, stored
    check "DS stored as 16 bits", stored, $0xffff0000 + KERNEL_DATA

    at_ring 0, 1f
    mov $RING1_DATA, %eax
    mov %eax, %es
    mov %es, %ebx
    int $DONE
1:  check "ES loaded with a selector of RPL 1", result_ebx, $RING1_DATA

    at_ring 0, 1f
    mov $0, %eax
    mov %eax, %es
    int $DONE
1:  check_done "null selector in ES"
    check "ES with the null selector", result_es, $0

    at_ring 0, 1f
    mov $0, %eax
    mov %eax, %es
    mov %es:(%esp), %eax
    int $DONE
1:  check_fault "access through a null ES", 13, 0

    at_ring 0, 1f
    mov $KERNEL_DATA + 3, %eax
    mov %eax, %es
    int $DONE
1:  check_fault "ring 0 data with RPL 3, in ring 0", 13, KERNEL_DATA

    at_ring 0, 1f
    mov $KERNEL_DATA + 3, %eax
    mov %eax, %ss
    int $DONE
1:  check_fault "SS with RPL 3, in ring 0", 13, KERNEL_DATA

    at_ring 0, 1f
    mov $USER_DATA, %eax
    mov %eax, %ss
    int $DONE
1:  check_fault "SS of ring 3 data, in ring 0", 13, USER_DATA - 3

    at_ring 0, 1f
    mov $0, %eax
    mov %eax, %ss
    int $DONE
1:  check_fault "null selector in SS", 13, 0

    at_ring 0, 1f
    mov $ABSENT_DATA, %eax
    mov %eax, %es
    int $DONE
1:  check_fault "absent segment in ES", 11, ABSENT_DATA

    at_ring 3, 1f
    mov $ABSENT_DATA + 3, %eax
    mov %eax, %ss
    int $DONE
1:  check_fault "absent segment in SS, in ring 3", 12, ABSENT_DATA

    at_ring 0, 1f
    mov $EXECUTE_ONLY_CODE, %eax
    mov %eax, %es
    int $DONE
1:  check_fault "execute-only segment in ES", 13, EXECUTE_ONLY_CODE

    at_ring 0, 1f
    mov $GDT_LIMIT + 1, %eax
    mov %eax, %es
    int $DONE
1:  check_fault "selector beyond the GDT", 13, GDT_LIMIT + 1

    at_ring 0, 1f
    mov $KERNEL_CODE, %eax
    .byte 0x8e, 0xc8                # MOV CS, AX
    int $DONE
1:  check_fault "MOV to CS", 6, 0

    at_ring 3, 1f
    mov %cs, %eax
    mov %ss, %ebx
    mov %ds, %ecx
    int $DONE
1:  check "CS in ring 3", result_eax, $USER_CODE
    check "SS in ring 3", result_ebx, $USER_DATA
    check "DS in ring 3", result_ecx, $USER_DATA

    at_ring 3, 1f
    mov $KERNEL_DATA, %eax
    mov %eax, %ds
    int $DONE
1:  check_fault "ring 0 data, in ring 3", 13, KERNEL_DATA

    at_ring 1, 1f
    mov %cs, %eax
    mov %ss, %ebx
    int $DONE
1:  check "CS in ring 1", result_eax, $RING1_CODE
    check "SS in ring 1", result_ebx, $RING1_DATA

    at_ring 1, 1f
    mov $KERNEL_DATA, %eax
    mov %eax, %es
    int $DONE
1:  check_fault "ring 0 data, in ring 1", 13, KERNEL_DATA

    at_ring 2, 1f
    mov %cs, %eax
    mov %ss, %ebx
    int $DONE
1:  check "CS in ring 2", result_eax, $RING2_CODE
    check "SS in ring 2", result_ebx, $RING2_DATA

    # A segment register keeps what its descriptor was when it was loaded.
    movl $0x1000ffff, gdt_spare     # base 0x1000, limit 64 KiB
    movl $0x00409200, gdt_spare + 4
    mov $SPARE_SELECTOR, %eax
    mov %eax, %fs
    movl $0x11111111, 0x1000
    movl $0x22222222, 0x2000
    movl $0x2000ffff, gdt_spare     # base 0x2000
    check "FS keeps its base when the descriptor changes", %fs:0, $0x11111111
    mov $SPARE_SELECTOR, %eax
    mov %eax, %fs
    check "FS has the new base when loaded again", %fs:0, $0x22222222
    testb $1, gdt_spare + 5
    setnz %al
    movzbl %al, %eax
    check "loading sets the accessed bit", %eax, $1
    jmp verdict

.balign 4, 0
stored:
    .long 0
