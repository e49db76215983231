# MMX and SSE as a kernel and its processes use them: what must be enabled, lazy switching of registers with
# CR0.TS, #XM, FERR# of MMX instructions (SDM vol. 3, chapters 12 and 13).
.include "lib/start.s"
.include "lib/rings.s"
.include "lib/timer.s"

.set VECTOR_UD, 6
.set VECTOR_NM, 7
.set VECTOR_GP, 13
.set VECTOR_MF, 16
.set VECTOR_XM, 19
.set CR0_EM, 4
.set CR0_TS, 8
.set CR0_NE, 0x20
.set CR4_OSFXSR, 0x200
.set CR4_OSXMMEXCPT, 0x400
.set COPROCESSOR_PORT, 0xf0
.set MASKS_BUT_ZERO_DIVIDE, 0x037b
.set MXCSR_INITIAL, 0x1f80
.set MXCSR_BUT_ZERO_DIVIDE, 0x1d80
.set MXCSR_ZERO_DIVIDE, 4

main:
    call pic_initialize
    call rings_initialize
    call check_features
    call check_enabling
    call check_results
    call check_lazy_switch
    call check_exceptions
    call check_alignment
    call check_pending_error
    jmp verdict

# Sets and clears bits of CR0 or CR4.
.macro change_control register, clear, set
    mov %\register, %eax
    and $~(\clear), %eax
    or $(\set), %eax
    mov %eax, %\register
.endm

check_features:
    mov $1, %eax
    cpuid
    mov %edx, %ebx
    and $0x07800000, %ebx
    check "CPUID has MMX, FXSR, SSE, SSE2", %ebx, $0x07800000
    ret

check_enabling:
    change_control cr0, CR0_EM + CR0_TS, CR0_NE
    change_control cr4, CR4_OSFXSR + CR4_OSXMMEXCPT, 0
    at_ring 3, 1f
    xorps %xmm0, %xmm0
    int $DONE
1:  check_fault "SSE without OSFXSR in ring 3", VECTOR_UD, 0
    at_ring 0, 1f
    ldmxcsr mxcsr
    int $DONE
1:  check_fault "LDMXCSR without OSFXSR in ring 0", VECTOR_UD, 0
    at_ring 3, 1f
    pxor %mm0, %mm0
    emms
    int $DONE
1:  check_done "MMX without OSFXSR"
    change_control cr4, 0, CR4_OSFXSR + CR4_OSXMMEXCPT
    at_ring 3, 1f
    xorps %xmm0, %xmm0
    int $DONE
1:  check_done "SSE with OSFXSR"
    change_control cr0, 0, CR0_TS
    at_ring 3, 1f
    xorps %xmm0, %xmm0
    int $DONE
1:  check_fault "SSE with TS in ring 3", VECTOR_NM, 0
    at_ring 0, 1f
    pxor %mm0, %mm0
    int $DONE
1:  check_fault "MMX with TS in ring 0", VECTOR_NM, 0
    at_ring 3, 1f
    sfence
    movnti %eax, scratch
    prefetcht0 scratch
    int $DONE
1:  check_done "SFENCE, MOVNTI and PREFETCH do not mind"
    change_control cr0, 0, CR0_EM
    at_ring 3, 1f
    pxor %mm0, %mm0
    int $DONE
1:  check_fault "MMX with EM and TS", VECTOR_UD, 0
    change_control cr0, CR0_EM, 0
    clts
    ret

# The same sums by MMX, SSE2 and general registers, in ring 3.
check_results:
    at_ring 3, 1f
    xor %eax, %eax
    xor %ecx, %ecx
    pxor %xmm0, %xmm0
    pxor %mm0, %mm0
2:  movd %ecx, %xmm1
    pshufd $0x1b, %xmm1, %xmm1
    paddd %xmm1, %xmm0
    movd %ecx, %mm1
    paddd %mm1, %mm0
    add %ecx, %eax
    inc %ecx
    cmp $1000, %ecx
    jne 2b
    pshufd $3, %xmm0, %xmm0
    movd %xmm0, %ebx
    movd %mm0, %edx
    emms
    int $DONE
1:  check "packed sum in XMM registers", result_ebx, $499500
    check "packed sum in MMX registers", result_edx, $499500
    at_ring 3, 1f
    mov $100, %eax
    cvtsi2sd %eax, %xmm0
    mov $7, %eax
    cvtsi2sd %eax, %xmm1
    divsd %xmm1, %xmm0
    movsd %xmm0, scratch
    sqrtsd %xmm0, %xmm0
    mulsd %xmm0, %xmm0
    cvttsd2si %xmm0, %ecx
    mov scratch, %eax
    mov scratch + 4, %ebx
    stmxcsr scratch
    mov scratch, %edx
    int $DONE
1:  check "100 / 7, low half", result_eax, $0x24924925
    check "100 / 7, high half", result_ebx, $0x402c9249
    check "the square of its root", result_ecx, $14
    check "precision is flagged", result_edx, $MXCSR_INITIAL + 0x20
    ret

# Two owners of the registers: the second one's first use raises #NM, upon which they are exchanged.
check_lazy_switch:
    fninit
    ldmxcsr mxcsr
    mov $0x11111111, %eax
    movd %eax, %xmm5
    fld1
    fxsave first_owner
    mov $0x22222222, %eax
    movd %eax, %xmm5
    fninit
    fldz
    movl $0, switches
    handle VECTOR_NM, exchange_owners
    change_control cr0, 0, CR0_TS
    at_ring 3, 1f
    movd %xmm5, %eax
    fistpl scratch
    mov scratch, %ebx
    int $DONE
1:  movl $record_result, interrupt_handlers + 4 * VECTOR_NM
    check "one #NM", switches, $1
    check "XMM5 of the first owner", result_eax, $0x11111111
    check "ST(0) of the first owner", result_ebx, $1
    fxrstor second_owner
    movd %xmm5, %eax
    check "XMM5 of the second owner", %eax, $0x22222222
    fistpl scratch
    check "ST(0) of the second owner", scratch, $0
    ret
exchange_owners:
    incl switches
    clts
    fxsave second_owner
    fxrstor first_owner
    ret

check_exceptions:
    movl $MXCSR_BUT_ZERO_DIVIDE, mxcsr
    ldmxcsr mxcsr
    at_ring 3, 1f
    xorps %xmm1, %xmm1
    mov $0x3f800000, %eax
    movd %eax, %xmm0
at_division:
    divss %xmm1, %xmm0
    int $DONE
1:  check_fault "division by zero, unmasked", VECTOR_XM, 0
    check "EIP of #XM", result_eip, $at_division
    stmxcsr scratch
    check "its flag", scratch, $MXCSR_BUT_ZERO_DIVIDE + MXCSR_ZERO_DIVIDE
    movd %xmm0, %eax
    check "the destination is as it was", %eax, $0x3f800000
    change_control cr4, CR4_OSXMMEXCPT, 0
    at_ring 3, 1f
    divss %xmm1, %xmm0
    int $DONE
1:  check_fault "without OSXMMEXCPT", VECTOR_UD, 0
    change_control cr4, 0, CR4_OSXMMEXCPT
    movl $MXCSR_INITIAL, mxcsr
    ldmxcsr mxcsr
    at_ring 3, 1f
    divss %xmm1, %xmm0
    movd %xmm0, %eax
    int $DONE
1:  check "masked: infinity", result_eax, $0x7f800000
    at_ring 0, 1f
    movl $0x10000, scratch
    ldmxcsr scratch
    int $DONE
1:  check_fault "reserved bit of MXCSR", VECTOR_GP, 0
    ret

check_alignment:
    at_ring 3, 1f
    movups scratch + 3, %xmm0
    movups %xmm0, scratch + 5
    int $DONE
1:  check_done "MOVUPS anywhere"
    at_ring 3, 1f
    movaps scratch + 8, %xmm0
    int $DONE
1:  check_fault "MOVAPS at half a boundary", VECTOR_GP, 0
    at_ring 3, 1f
    paddb scratch + 4, %xmm0
    int $DONE
1:  check_fault "an operand that is not aligned", VECTOR_GP, 0
    ret

# An x87 error is reported by the next MMX instruction.
check_pending_error:
    call make_pending
    at_ring 3, 1f
    paddb %mm1, %mm0
    int $DONE
1:  check_fault "pending x87 error", VECTOR_MF, 0
    fnclex
    change_control cr0, CR0_NE, 0
    handle IRQ_BASE + 13, count_request
    out_byte PIC2 + 1, 0xdf
    out_byte PIC1 + 1, 0xfb         # the cascade
    sti
    call make_pending
    paddb %mm1, %mm0
    cli
    check "FERR# is IRQ 13", requests, $1
    emms
    out_byte PIC1 + 1, 0xff
    out_byte PIC2 + 1, 0xff
    change_control cr0, 0, CR0_NE
    fninit
    ret
make_pending:
    fninit
    movw $MASKS_BUT_ZERO_DIVIDE, control
    fldcw control
    fld1
    fldz
    fdivrp %st, %st(1)
    ret
count_request:
    incl requests
    out_byte COPROCESSOR_PORT, 0
    fnclex
    out_byte PIC2, PIC_END_OF_INTERRUPT
    out_byte PIC1, PIC_END_OF_INTERRUPT
    ret

.balign 16, 0
scratch:
    .fill 16, 4, 0
first_owner:
    .fill 128, 4, 0
second_owner:
    .fill 128, 4, 0
mxcsr:
    .long MXCSR_INITIAL
control:
    .long 0
switches:
    .long 0
requests:
    .long 0
