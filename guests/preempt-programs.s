# The programs of preempt.s. They run at USER_TEXT, not where they are assembled, so they jump
# relatively and take addresses by `user_address`.

.macro user_address label, register
    mov $USER_TEXT + \label - user_text, %\register
.endm
.macro int_call number
    mov $\number, %eax
    int $0x80
.endm
.macro fast_call number             # clobbers ECX and EDX
    mov $\number, %eax
    mov %esp, %ecx
    user_address 1f, edx
    sysenter
1:
.endm
# Where there is no SYSENTER, by INT.
.macro best_call number
    cmpl $0, USER_TEXT + fast_calls_allowed - user_text
    je 2f
    fast_call \number
    jmp 3f
2:  int_call \number
3:
.endm

.balign 4096, 0xcc
user_text:

# EBX: its number. Exits with a sum that depends on nothing but the number.
worker:
    mov %ebx, %ebp
    user_address hello_text, ebx
    int_call CALL_WRITE
    cmpl $0x5eed5eed, USER_PAGE + 4
    jne worker_failed
    cmp $2, %ebp
    jne 1f
    mov $USER_PAGE, %ebx            # process 2 lets the kernel write first
    int_call CALL_WHO
    jmp 2f
1:  mov %ebp, USER_PAGE
2:  int_call CALL_GETPID
    cmp %ebp, %eax
    jne worker_failed
    best_call CALL_GETPID
    cmp %ebp, %eax
    jne worker_failed

    mov %ebp, %ecx                  # as many stack pages as its number
    mov %esp, %edi
3:  sub $4096, %edi
    mov %ecx, (%edi)
    loop 3b

    mov %ebp, %esi                  # a sum with every register in use
    xor %edi, %edi
    mov $200000, %ecx
4:  imul $1664525, %esi, %esi
    add $1013904223, %esi
    mov %esi, %edx
    shr $16, %edx
    lea (%edi,%edx), %edi
    mov %edi, %eax
    rol $3, %eax
    xor %ebp, %eax
    mov %eax, %ebx
    rol $5, %ebx
    add %ebx, %edi
    dec %ecx
    jnz 4b

    best_call CALL_YIELD
5:  best_call CALL_TICKS            # work on until the timer has come often enough
    mov $1000, %ecx
6:  loop 6b
    cmp $20, %eax
    jb 5b
    int_call CALL_TICKS
    mov %eax, %esi
    mov $5, %ebx
    int_call CALL_SLEEP
    int_call CALL_TICKS
    sub %esi, %eax
    cmp $5, %eax
    jb worker_failed
    user_address slept_text, ebx
    best_call CALL_WRITE
    cmp %ebp, USER_PAGE             # nobody else wrote to its page
    jne worker_failed
    user_address page_text, ebx
    int_call CALL_WRITE
    mov %edi, %ebx
    int_call CALL_EXIT
worker_failed:
    user_address failed_text, ebx
    int_call CALL_WRITE
    mov $-1, %ebx
    int_call CALL_EXIT

# Tries a privileged instruction.
intruder:
    user_address intruder_text, ebx
    int_call CALL_WRITE
    cli
    user_address failed_text, ebx
    int_call CALL_WRITE
    int_call CALL_EXIT

# Follows a wild pointer.
stray:
    user_address stray_text, ebx
    best_call CALL_WRITE
    movl $1, 0xdead0000
    user_address failed_text, ebx
    int_call CALL_WRITE
    int_call CALL_EXIT

hello_text:
    .asciz "  hello from ring 3\n"
slept_text:
    .asciz "  slept long enough\n"
page_text:
    .asciz "  my page is mine\n"
intruder_text:
    .asciz "  about to clear the interrupt flag\n"
stray_text:
    .asciz "  about to write to nowhere\n"
failed_text:
    .asciz "  FAIL: this should not have happened\n"
.balign 4, 0
fast_calls_allowed:
    .long 0
