# MOV to and from control registers (SDM vol. 2): ring 0 only; what is written can be read.
.include "lib/start.s"
.include "lib/rings.s"

.set MP_EM_TS, 0x0e

main:
    call rings_initialize
    mov %cr0, %eax
    and $0x80000001, %eax
    check "PG and PE in CR0", %eax, $1
    mov %cr0, %ebx
    or $MP_EM_TS, %ebx
    mov %ebx, %cr0
    mov %cr0, %eax
    and $MP_EM_TS, %eax
    check "MP, EM and TS set", %eax, $MP_EM_TS
    and $0xffffffff - MP_EM_TS, %ebx
    mov %ebx, %cr0
    mov %cr0, %eax
    and $MP_EM_TS, %eax
    check "MP, EM and TS clear", %eax, $0
    or $0x10000, %ebx               # WP
    mov %ebx, %cr0
    mov %cr0, %eax
    and $0x10000, %eax
    check "WP set", %eax, $0x10000

    mov $0x12345678, %eax
    mov %eax, %cr2
    mov $0, %eax
    mov %cr2, %eax
    check "CR2 reads back", %eax, $0x12345678
    mov $0x00345000, %eax
    mov %eax, %cr3
    mov %cr3, %eax
    check "CR3 reads back", %eax, $0x00345000
    mov %cr4, %eax
    or $0x14, %eax                  # PSE, TSD
    mov %eax, %cr4
    mov %cr4, %eax
    and $0x14, %eax
    check "PSE and TSD in CR4", %eax, $0x14

    at_ring 3, 1f
2:  mov %cr0, %eax
    int $DONE
1:  check_fault "reading CR0 in ring 3", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 1, 1f
    mov %cr0, %eax
    int $DONE
1:  check_fault "reading CR0 in ring 1", 13, 0
    at_ring 3, 1f
    mov %eax, %cr3
    int $DONE
1:  check_fault "writing CR3 in ring 3", 13, 0
    at_ring 2, 1f
    mov %eax, %cr4
    int $DONE
1:  check_fault "writing CR4 in ring 2", 13, 0
    at_ring 3, 1f
    mov %cr2, %eax
    int $DONE
1:  check_fault "reading CR2 in ring 3", 13, 0
    jmp verdict
