# Self-checks: each prints one line, `name: ok` or `name: FAIL got X want Y`, and the guest ends with a
# verdict.

# Compares \got with \want (operands of MOVL). Clobbers EAX, EDX, ESI.
.macro check name, got, want
    movl \got, %eax
    movl \want, %edx
    call check_following
    .asciz \name
.endm

check_following:
    pop %esi
    call print_string
    cmp %edx, %eax
    jne 1f
    print ": ok\n"
    jmp 2f
1:  print ": FAIL got "
    call print_hexadecimal
    print " want "
    mov %edx, %eax
    call print_hexadecimal
    print "\n"
    incl failed_checks
2:  incl checks
    jmp *%esi

# Prints the verdict and ends the guest.
verdict:
    mov checks, %eax
    call print_decimal
    print " checks, "
    mov failed_checks, %eax
    call print_decimal
    print " failed\n"
    neg %eax
    sbb %eax, %eax
    neg %eax                        # 1 if any failed
    jmp exit

.balign 4, 0
checks:
    .long 0
failed_checks:
    .long 0
