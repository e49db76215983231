# IRET (SDM vol. 2): returns within a ring and to outer rings; what it restores of EFLAGS depends on CPL
# and IOPL; faults.
.include "lib/start.s"
.include "lib/rings.s"
.include "lib/timer.s"

.set IF, 0x200

main:
    call rings_initialize
    call pic_initialize

    mov %esp, %ebx
    push $0x8d7                     # status flags
    push $KERNEL_CODE
    push $1f
    iretl
1:  pushfl
    pop %eax
    sub %esp, %ebx
    and $0x8d5, %eax
    check "status flags within ring 0", %eax, $0x8d5
    check "ESP within ring 0", %ebx, $0
    mov %cs, %eax
    check "CS within ring 0", %eax, $KERNEL_CODE

    # IF, judged by whether a pending interrupt is taken.
    cli
    call request_timer_interrupt
    push $2
    push $KERNEL_CODE
    push $1f
    iretl
1:  nop
    check "IRET with IF clear", ticks, $0
    push $IF + 2
    push $KERNEL_CODE
    push $1f
    iretl
1:  nop
    cli
    check "IRET with IF set", ticks, $1
    sti
    push $2
    push $KERNEL_CODE
    push $1f
    iretl
1:  call request_timer_interrupt
    nop
    check "IRET clears IF", ticks, $1
    sti
    nop
    cli
    check "the interrupt was only delayed", ticks, $2

    at_ring 0, 1f
    push $USER_DATA
    push $ring_stack_top
    push $IF + 2
    push $USER_CODE
    push $2f
    iretl
2:  mov %cs, %eax
    mov %ss, %ebx
    mov %ds, %ecx
    mov %esp, %edx
    int $DONE
1:  check_done "IRET to ring 3"
    check "CS in ring 3", result_eax, $USER_CODE
    check "SS in ring 3", result_ebx, $USER_DATA
    check "DS of ring 0 becomes null", result_ecx, $0
    check "ESP in ring 3", result_edx, $ring_stack_top

    at_ring 0, 1f
    push $RING1_DATA
    push $ring_stack_top
    push $2
    push $RING1_CODE
    push $2f
    iretl
2:  mov %cs, %eax
    mov %ss, %ebx
    int $DONE
1:  check_done "IRET to ring 1"
    check "CS in ring 1", result_eax, $RING1_CODE
    check "SS in ring 1", result_ebx, $RING1_DATA

    # In ring 3, IRET neither raises IOPL nor, with IOPL 0, changes IF.
    movl $IF + 2, ring_eflags
    at_ring 3, 1f
    push $0x3002
    push $USER_CODE
    push $2f
    iretl
2:  int $DONE
1:  check_done "IRET within ring 3"
    mov result_eflags, %eax
    and $0x3200, %eax
    check "IF and IOPL after IRET in ring 3", %eax, $IF
    movl $0x3202, ring_eflags
    at_ring 3, 1f
    push $2
    push $USER_CODE
    push $2f
    iretl
2:  int $DONE
1:  mov result_eflags, %eax
    and $0x3200, %eax
    check "IF and IOPL after IRET in ring 3 with IOPL 3", %eax, $0x3000

    at_ring 3, 1f
    push $2
    push $KERNEL_CODE
    push $2f
    iretl
2:  int $DONE
1:  check_fault "IRET from ring 3 to ring 0", 13, KERNEL_CODE
    at_ring 0, 1f
    push $2
    push $KERNEL_DATA
    push $2f
    iretl
2:  int $DONE
1:  check_fault "IRET to a data segment", 13, KERNEL_DATA
    at_ring 0, 1f
    push $2
    push $0
    push $2f
    iretl
2:  int $DONE
1:  check_fault "IRET to the null selector", 13, 0

    # The 16-bit form pops three words and keeps the high half of EFLAGS.
    mov %esp, %ebx
    push $0x200002                  # ID
    popfl
    pushw $2
    pushw $KERNEL_CODE
    pushw $low_target
    call copy_low_code
    iretw
low_target_return:
    pushfl
    pop %eax
    sub %esp, %ebx
    and $0x200000, %eax
    check "16-bit IRET keeps ID", %eax, $0x200000
    check "ESP after a 16-bit IRET", %ebx, $0
    jmp verdict

# A 16-bit IRET clears the high half of EIP, so its target must be below 64 KiB.
.set low_target, 0x1000
copy_low_code:
    pushal
    mov $low_target_code, %esi
    mov $low_target, %edi
    mov $16, %ecx
    rep movsb
    popal
    ret
low_target_code:
    mov $low_target_return, %ecx
    jmp *%ecx
    .fill 16, 1, 0x90
