# SMSW (SDM vol. 2): stores the low half of CR0, in every ring (no UMIP here). Of a 32-bit register only
# the low half is defined.
.include "lib/start.s"
.include "lib/rings.s"

.set MP_EM_TS, 0x0e
.set PE, 1

main:
    call rings_initialize

    # What differs between SMSW and CR0 as the guest set it, over four values of MP, EM and TS.
    xor %edi, %edi
    xor %ecx, %ecx
1:  mov %cr0, %eax
    and $0xffffffff - MP_EM_TS, %eax
    or values(,%ecx,4), %eax
    mov %eax, %cr0
    mov %eax, %ebx
    smsw %ax
    xor %ebx, %eax
    and $MP_EM_TS + PE, %eax
    or %eax, %edi
    inc %ecx
    cmp $4, %ecx
    jb 1b
    check "bits that differ from CR0 in ring 0", %edi, $0

    xor %edi, %edi
    xor %ebp, %ebp
2:  mov %cr0, %eax
    and $0xffffffff - MP_EM_TS, %eax
    or values(,%ebp,4), %eax
    mov %eax, %cr0
    mov %ebp, loop_index
    mov %edi, differences
    at_ring 3, 1f
    smsw %ax
    int $DONE
1:  mov loop_index, %ebp
    mov differences, %edi
    mov result_eax, %eax
    mov %cr0, %ebx
    xor %ebx, %eax
    and $MP_EM_TS + PE, %eax
    or %eax, %edi
    inc %ebp
    cmp $4, %ebp
    jb 2b
    check_done "SMSW in ring 3"
    check "bits that differ from CR0 in ring 3", differences, $0

    movl $-1, stored
    smsw stored
    movzwl stored, %eax
    and $PE, %eax
    check "PE in memory", %eax, $PE
    movzwl stored + 2, %eax
    check "two bytes are written", %eax, $0xffff
    jmp verdict

.balign 4, 0
values:
    .long 0, MP_EM_TS, 0x08, 0x06
stored:
    .long 0
loop_index:
    .long 0
differences:
    .long 0
