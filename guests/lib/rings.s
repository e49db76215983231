# Runs pieces of code in any ring and records how they ended.
#
#     at_ring 3, 1f
#         mov %cs, %eax
#         int $DONE
# 1:  check "CS in ring 3", result_eax, $USER_CODE
#
# The piece ends with INT DONE or with an exception; then result_vector (DONE or the exception's),
# result_error and all registers of that moment are to be read, and execution goes on at the second operand,
# in ring 0. EFLAGS of the piece in an outer ring is ring_eflags. DS and ES hold USER_DATA there.

.include "lib/check.s"

.set DONE, 0x40                     # a gate that ring 3 may use
.set EXCEPTIONS, 32

.macro at_ring ring, resume
    mov $\ring, %ecx
    mov $\resume, %edx
    call run_following
.endm

# Checks that the last piece ended with the exception \vector and the error code \error.
.macro check_fault name, vector, error
    movl result_vector, %eax
    shl $16, %eax
    mov result_error, %ax
    movl $((\vector) << 16) | (\error), %edx
    call check_following
    .asciz \name
.endm

# Checks that the last piece came to its INT DONE.
.macro check_done name
    check_fault \name, DONE, 0
.endm

rings_initialize:
    xor %ecx, %ecx
1:  movl $record_result, interrupt_handlers(,%ecx,4)
    inc %ecx
    cmp $EXCEPTIONS, %ecx
    jb 1b
    handle DONE, record_result
    mov $DONE, %ecx
    lea interrupt_entries(,%ecx,8), %eax
    mov $0xee, %dl                  # DPL 3
    jmp set_gate

run_following:
    pop %eax
    mov %edx, resume_address
    mov %esp, resume_stack
    test %ecx, %ecx
    jz 1f
    pushl stack_selectors(,%ecx,4)
    push $ring_stack_top
    pushl ring_eflags
    pushl code_selectors(,%ecx,4)
    push %eax
    mov $USER_DATA, %edx
    mov %edx, %ds
    mov %edx, %es
    iretl
1:  jmp *%eax

record_result:
    cmpl $0, resume_address
    je unexpected_interrupt
    mov %ebp, %esi
    mov $result, %edi
    mov $FRAME_SIZE / 4, %ecx
    rep movsl
    mov %cr2, %eax
    mov %eax, result_cr2
    mov resume_stack, %esp
    xor %eax, %eax
    xchg %eax, resume_address
    jmp *%eax

.balign 4, 0
code_selectors:
    .long KERNEL_CODE, RING1_CODE, RING2_CODE, USER_CODE
stack_selectors:
    .long KERNEL_DATA, RING1_DATA, RING2_DATA, USER_DATA
ring_eflags:
    .long 2
resume_address:
    .long 0
resume_stack:
    .long 0
result:
    .fill FRAME_SIZE / 4, 4, 0
result_cr2:
    .long 0

.set result_ds, result + frame_ds
.set result_es, result + frame_es
.set result_edi, result + frame_edi
.set result_esi, result + frame_esi
.set result_ebp, result + frame_ebp
.set result_ebx, result + frame_ebx
.set result_edx, result + frame_edx
.set result_ecx, result + frame_ecx
.set result_eax, result + frame_eax
.set result_vector, result + frame_vector
.set result_error, result + frame_error
.set result_eip, result + frame_eip
.set result_cs, result + frame_cs
.set result_eflags, result + frame_eflags
.set result_esp, result + frame_esp
.set result_ss, result + frame_ss
