# When x87 exceptions are reported (SDM vol. 1, section 8.7; vol. 3, section 2.5): #MF, #NM, and FERR# as IRQ 13.
.include "lib/start.s"
.include "lib/check.s"
.include "lib/timer.s"

.set VECTOR_NM, 7
.set VECTOR_MF, 16
.set CR0_MP, 2
.set CR0_EM, 4
.set CR0_TS, 8
.set CR0_NE, 0x20
.set COPROCESSOR_PORT, 0xf0
.set ERROR_SUMMARY, 0x80
.set MASKS_BUT_ZERO_DIVIDE, 0x037b

main:
    call pic_initialize
    handle VECTOR_NM, count_unavailable
    handle VECTOR_MF, count_error
    handle IRQ_BASE + 13, count_request
    call check_unavailable
    call check_native_mode
    call check_no_wait
    call check_pc_mode
    jmp verdict

# Sets CR0's MP, EM, TS and NE to \bits.
.macro fpu_mode bits
    mov %cr0, %eax
    and $~(CR0_MP + CR0_EM + CR0_TS + CR0_NE), %eax
    or $(\bits), %eax
    mov %eax, %cr0
.endm
# Leaves an unmasked division by zero pending.
.macro make_pending
    fninit
    movw $MASKS_BUT_ZERO_DIVIDE, control
    fldcw control
    fld1
    fldz
    fdivrp %st, %st(1)
.endm

check_unavailable:
    movl $0, unavailable
    fpu_mode CR0_MP + CR0_TS + CR0_NE
at_ts_x87:
    fninit
    check "#NM of FNINIT with TS", unavailable, $1
    check "EIP of #NM", place, $at_ts_x87
    fpu_mode CR0_MP + CR0_TS + CR0_NE
    fwait
    check "#NM of FWAIT with MP and TS", unavailable, $2
    fpu_mode CR0_TS + CR0_NE
    fwait
    check "none without MP", unavailable, $2
    fpu_mode CR0_EM + CR0_NE
    fninit
    check "#NM of FNINIT with EM", unavailable, $3
    fpu_mode CR0_EM + CR0_NE
    fwait
    check "none of FWAIT with EM", unavailable, $3
    fpu_mode CR0_NE
    ret
count_unavailable:
    incl unavailable
    mov frame_eip(%ebp), %eax
    mov %eax, place
    fpu_mode CR0_NE
    ret

check_native_mode:
    movl $0, errors
    make_pending
behind_error:
    check "the error itself is silent", errors, $0
    fnstsw %ax
    and $ERROR_SUMMARY, %eax
    check "ES is set", %eax, $ERROR_SUMMARY
at_pending:
    fld1
    check "#MF at the next waiting instruction", errors, $1
    check "EIP of #MF", place, $at_pending
    check "FCS is the kernel's code segment", selector, $KERNEL_CODE
    check "FIP is the instruction that erred", pointer, $0
    ret
count_error:
    incl errors
    mov frame_eip(%ebp), %eax
    mov %eax, place
    fnstenv environment
    movzwl environment + 16, %eax
    mov %eax, selector
    mov environment + 12, %eax
    cmp $behind_error - 2, %eax
    setne %al
    movzbl %al, %eax
    mov %eax, pointer
    fnclex
    ret

check_no_wait:
    movl $0, errors
    make_pending
    fnstcw control
    fnstsw %ax
    fnstenv environment
    fnclex
    fwait
    check "control instructions do not wait", errors, $0
    make_pending
    fnsave environment
    fwait
    check "FNSAVE neither, and it clears the error", errors, $0
    ret

# With NE clear the next waiting instruction waits for IRQ 13, which comes through the second controller.
check_pc_mode:
    movl $0, errors
    fpu_mode 0
    out_byte PIC2 + 1, 0xdf
    out_byte PIC1 + 1, 0xfb         # the cascade
    sti
    make_pending
    fld1
    cli
    check "FERR# is IRQ 13", requests, $1
    check "the handler used the FPU with IGNNE#", ignored, $1
    check "no #MF with NE clear", errors, $0
    fninit
    sti
    fld1
    make_pending
    fwait
    cli
    check "a second error", requests, $2
    out_byte PIC1 + 1, 0xff
    out_byte PIC2 + 1, 0xff
    fninit
    fpu_mode CR0_NE
    ret
count_request:
    incl requests
    out_byte COPROCESSOR_PORT, 0
    fwait                           # the error is still pending
    movl $1, ignored
    fnclex
    out_byte PIC2, PIC_END_OF_INTERRUPT
    out_byte PIC1, PIC_END_OF_INTERRUPT
    ret

.balign 4, 0
unavailable:
    .long 0
errors:
    .long 0
requests:
    .long 0
ignored:
    .long 0
place:
    .long 0
pointer:
    .long 0
selector:
    .long 0
control:
    .long 0
environment:
    .fill 27, 4, 0
