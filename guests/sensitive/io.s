# IN, OUT, INS and OUTS (SDM vol. 1, section 19.5): allowed where CPL <= IOPL, elsewhere by the bitmap in the
# TSS. Port 0x80 and its neighbours are safe to touch.
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize
    at_ring 0, 1f
    outb %al, $0x80
    inb $0x80, %al
    int $DONE
1:  check_done "ports in ring 0"

    at_ring 3, 1f
2:  outb %al, $0x80
    int $DONE
1:  check_fault "OUT in ring 3 with IOPL 0", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 3, 1f
    inb $0x80, %al
    int $DONE
1:  check_fault "IN in ring 3 with IOPL 0", 13, 0
    at_ring 1, 1f
    outb %al, $0x80
    int $DONE
1:  check_fault "OUT in ring 1 with IOPL 0", 13, 0
    movl $0x1002, ring_eflags
    at_ring 1, 1f
    outb %al, $0x80
    int $DONE
1:  check_done "OUT in ring 1 with IOPL 1"
    at_ring 2, 1f
    outb %al, $0x80
    int $DONE
1:  check_fault "OUT in ring 2 with IOPL 1", 13, 0
    movl $0x3002, ring_eflags
    at_ring 3, 1f
    outb %al, $0x80
    inb $0x80, %al
    int $DONE
1:  check_done "ports in ring 3 with IOPL 3"
    movl $2, ring_eflags

    # The bitmap: ports 0x80, 0x81 and 0x87 are allowed. Its last byte is at the limit.
    movw $0x68 + 128, gdt_tss       # limit
    andb $0xfd, gdt_tss + 5         # not busy, for LTR
    movb $0x7c, tss_io_map + 16
    mov $TSS_SELECTOR, %eax
    ltr %ax
    at_ring 3, 1f
    outb %al, $0x80
    int $DONE
1:  check_done "allowed port in ring 3"
    at_ring 3, 1f
    outw %ax, $0x80
    int $DONE
1:  check_done "two allowed ports in ring 3"
    at_ring 3, 1f
    outw %ax, $0x81
    int $DONE
1:  check_fault "one of two ports allowed in ring 3", 13, 0
    at_ring 3, 1f
    outl %eax, $0x80
    int $DONE
1:  check_fault "two of four ports allowed in ring 3", 13, 0
    at_ring 3, 1f
    outb %al, $0x87
    int $DONE
1:  check_done "last port of a bitmap byte"
    at_ring 3, 1f
    outw %ax, $0x87
    int $DONE
1:  check_fault "ports of two bitmap bytes", 13, 0
    at_ring 3, 1f
    outb %al, $0x82
    int $DONE
1:  check_fault "forbidden port in ring 3", 13, 0
    at_ring 3, 1f
    mov $0x1000, %edx
    outb %al, %dx
    int $DONE
1:  check_fault "port beyond the bitmap", 13, 0
    at_ring 3, 1f
    mov $0x82, %edx
    mov $gdt, %esi
    outsb
    int $DONE
1:  check_fault "OUTS to a forbidden port", 13, 0
    check "ESI after the fault", result_esi, $gdt
    at_ring 3, 1f
    mov $0x80, %edx
    mov $gdt, %esi
    mov $3, %ecx
    rep outsb
    int $DONE
1:  check_done "REP OUTS to an allowed port"
    check "ESI after REP OUTS", result_esi, $gdt + 3
    check "ECX after REP OUTS", result_ecx, $0
    jmp verdict
