# RDTSC (SDM vol. 2): allowed in every ring unless CR4.TSD is set, then in ring 0 only.
.include "lib/start.s"
.include "lib/rings.s"

.set CR4_TSD, 4

main:
    call rings_initialize
    rdtsc
    mov %eax, %esi
    mov %edx, %edi
    mov $1000, %ecx
1:  loop 1b
    rdtsc
    sub %esi, %eax
    sbb %edi, %edx                  # EDX:EAX: how far it went
    setc %cl
    or %edx, %eax
    setnz %al
    movzbl %al, %eax
    movzbl %cl, %ecx
    check "the counter went forward", %eax, $1
    check "not backward", %ecx, $0

    at_ring 3, 1f
    rdtsc
    int $DONE
1:  check_done "RDTSC in ring 3"
    mov %cr4, %eax
    or $CR4_TSD, %eax
    mov %eax, %cr4
    at_ring 3, 1f
2:  rdtsc
    int $DONE
1:  check_fault "RDTSC in ring 3 with TSD", 13, 0
    check "EIP of the fault", result_eip, $2b
    at_ring 1, 1f
    rdtsc
    int $DONE
1:  check_fault "RDTSC in ring 1 with TSD", 13, 0
    at_ring 0, 1f
    rdtsc
    int $DONE
1:  check_done "RDTSC in ring 0 with TSD"
    mov %cr4, %eax
    and $0xffffffff - CR4_TSD, %eax
    mov %eax, %cr4
    at_ring 3, 1f
    rdtsc
    int $DONE
1:  check_done "RDTSC in ring 3 without TSD again"
    at_ring 3, 1f
    mov $0x10, %ecx
    rdmsr
    int $DONE
1:  check_fault "RDMSR in ring 3", 13, 0
    jmp verdict
