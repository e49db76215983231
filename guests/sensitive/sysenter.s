# SYSENTER and SYSEXIT (SDM vol. 2): fixed selectors relative to IA32_SYSENTER_CS.
.include "lib/start.s"
.include "lib/rings.s"

.set SYSENTER_CS, 0x174
.set SYSENTER_ESP, 0x175
.set SYSENTER_EIP, 0x176

.macro write_msr msr, value
    mov $\msr, %ecx
    mov $\value, %eax
    xor %edx, %edx
    wrmsr
.endm

main:
    call rings_initialize
    mov $1, %eax
    cpuid
    shr $11, %edx
    and $1, %edx
    check "CPUID reports SEP", %edx, $1

    write_msr SYSENTER_CS, 0
    at_ring 3, 1f
    sysenter
    int $DONE
1:  check_fault "SYSENTER without a code segment", 13, 0
    at_ring 0, 1f
    sysexit
    int $DONE
1:  check_fault "SYSEXIT without a code segment", 13, 0

    write_msr SYSENTER_CS, KERNEL_CODE
    write_msr SYSENTER_ESP, interrupt_stack_top
    write_msr SYSENTER_EIP, entered
    mov $SYSENTER_EIP, %ecx
    rdmsr
    check "IA32_SYSENTER_EIP reads back", %eax, $entered
    movl $0x202, ring_eflags
    at_ring 3, 1f
    mov $0x1234, %ebp
    sysenter
    int $DONE
1:  check_done "SYSENTER in ring 3"
    check "CS after SYSENTER", result_eax, $KERNEL_CODE
    check "SS after SYSENTER", result_ebx, $KERNEL_DATA
    check "ESP after SYSENTER", result_edx, $interrupt_stack_top
    check "EBP after SYSENTER", result_ebp, $0x1234
    mov result_esi, %eax
    and $0x200, %eax
    check "IF after SYSENTER", %eax, $0

    at_ring 0, 1f
    mov $ring_stack_top - 64, %ecx
    mov $2f, %edx
    sysexit
2:  mov %cs, %eax
    mov %ss, %ebx
    mov %esp, %edx
    int $DONE
1:  check_done "SYSEXIT in ring 0"
    check "CS after SYSEXIT", result_eax, $USER_CODE
    check "SS after SYSEXIT", result_ebx, $USER_DATA
    check "ESP after SYSEXIT", result_edx, $ring_stack_top - 64

    at_ring 3, 1f
    sysexit
    int $DONE
1:  check_fault "SYSEXIT in ring 3", 13, 0
    at_ring 1, 1f
    sysexit
    int $DONE
1:  check_fault "SYSEXIT in ring 1", 13, 0
    jmp verdict

entered:
    mov %cs, %eax
    mov %ss, %ebx
    mov %esp, %edx
    pushfl
    pop %esi
    int $DONE
