# CPUID (SDM vol. 2): allowed in every ring, with the same answers.
.include "lib/start.s"
.include "lib/rings.s"

main:
    call rings_initialize
    pushfl
    pop %eax
    mov %eax, %ebx
    xor $0x200000, %eax
    push %eax
    popfl
    pushfl
    pop %eax
    xor %ebx, %eax
    and $0x200000, %eax
    check "the ID flag can be changed", %eax, $0x200000

    xor %eax, %eax
    cpuid
    cmp $1, %eax
    setae %al
    movzbl %al, %eax
    mov %ebx, vendor
    mov %ecx, vendor + 4
    mov %edx, vendor + 8
    check "leaf 1 exists", %eax, $1

    at_ring 3, 1f
    xor %eax, %eax
    cpuid
    int $DONE
1:  check_done "CPUID in ring 3"
    check "vendor in ring 3, first word", result_ebx, vendor
    check "vendor in ring 3, last word", result_ecx, vendor + 4
    check "vendor in ring 3, middle word", result_edx, vendor + 8

    mov $1, %eax
    cpuid
    mov %edx, features
    and $0x139, %edx                # bits 0, 3, 4, 5 and 8
    check "FPU, PSE, TSC, MSR and CX8 are there", %edx, $0x139
    at_ring 3, 1f
    mov $1, %eax
    cpuid
    int $DONE
1:  check "features in ring 3", result_edx, features

    # The result does not depend on the registers' former contents.
    mov $0, %eax
    mov $-1, %ebx
    mov $-1, %edx
    xor %ecx, %ecx
    cpuid
    check "vendor again", %ebx, vendor
    jmp verdict

.balign 4, 0
vendor:
    .long 0, 0, 0
features:
    .long 0
