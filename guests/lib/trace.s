# Traces debug exceptions: every #DB while a piece of code runs is noted and returned from, and a line tells
# them all.
#
#     trace "name", 3, 1f
#         nop
#         int $DONE
# 1:
#
# prints `name: 01/4000 ... end 40+03`: for each #DB the offset of its EIP in the piece and what DR6 had
# (B0-B3, BD, BS, BT; cleared afterwards), with `r` where RF and `t` where TF was set in the image; then vector
# and offset of what ended the piece, with the same letters. EIPs outside the piece are shown as `out`.
# EFLAGS of a piece in an outer ring is ring_eflags. Pieces in ring 0 set TF by themselves.

.include "lib/rings.s"

.set TRACE_LIMIT, 40
.set TF, 0x100
.set RF, 0x10000

.macro trace name, ring, resume
    mov $\ring, %ecx
    mov $\resume, %edx
    push $9f
    jmp trace_following
9:  .asciz \name
.endm

# Sets breakpoint \n on \address; DR7 is written with the field \control of bits 16 to 19, enabled by L\n.
.macro breakpoint n, address, control
    movl $\address, %eax
    mov %eax, %dr\n
    mov %dr7, %eax
    and $~((0xf << (16 + 4 * \n)) | (3 << (2 * \n))), %eax
    or $(\control << (16 + 4 * \n)) | (1 << (2 * \n)), %eax
    mov %eax, %dr7
.endm
.set EXECUTION, 0x0
.set WRITE1, 0x1
.set WRITE2, 0x5
.set WRITE4, 0xd
.set IO1, 0x2
.set IO2, 0x6
.set IO4, 0xe
.set ACCESS1, 0x3
.set ACCESS2, 0x7
.set ACCESS4, 0xf

trace_initialize:
    call rings_initialize
    handle 1, note_debug_exception
    ret

# The name is at the return address, the piece behind it.
trace_following:
    pop %esi
    push %ecx
    call print_string               # leaves ESI behind the name
    pop %ecx
    mov %esi, piece
    mov %edx, piece_end
    movl $trace_log, trace_at
    mov $trace_report, %edx
    mov %esi, %eax
    push %eax
    jmp run_following

note_debug_exception:
    mov trace_at, %edi
    cmp $trace_log + TRACE_LIMIT * 12, %edi
    jb 1f
    andl $~TF, frame_eflags(%ebp)
    xor %eax, %eax
    mov %eax, %dr7
    ret
1:  mov frame_eip(%ebp), %eax
    mov %eax, (%edi)
    mov %dr6, %eax
    mov %eax, 4(%edi)
    mov frame_eflags(%ebp), %eax
    mov %eax, 8(%edi)
    add $12, %edi
    mov %edi, trace_at
    mov trace_passed, %eax
    and -8(%edi), %eax
    jz 2f
    orl $RF, frame_eflags(%ebp)
2:  xor %eax, %eax
    mov %eax, %dr6
    ret

# Prints the offset EAX in the piece, or that it is not in it.
print_offset:
    sub piece, %eax
    mov piece_end, %edx
    sub piece, %edx
    cmp %edx, %eax
    ja 1f
    mov $2, %ecx
    jmp print_digits
1:  print "out"
    ret
# Prints the ECX low hexadecimal digits of EAX.
print_digits:
    mov %eax, %ebx
1:  mov %ecx, %edi
    dec %ecx
    shl $2, %ecx
    mov %ebx, %eax
    shr %cl, %eax
    mov %edi, %ecx
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al                  # the digit's ASCII code, by decimal adjust
    das
    call print_character
    loop 1b
    ret
# Prints the letters of EFLAGS in EBX.
print_flags:
    test $RF, %ebx
    jz 1f
    print "r"
1:  test $TF, %ebx
    jz 1f
    print "t"
1:  ret

trace_report:
    xor %eax, %eax
    mov %eax, %dr7
    print ":"
    mov $trace_log, %ebp
1:  cmp trace_at, %ebp
    jae 2f
    print " "
    mov (%ebp), %eax
    call print_offset
    print "/"
    mov 4(%ebp), %eax
    and $0xe00f, %eax
    mov $4, %ecx
    call print_digits
    mov 8(%ebp), %ebx
    call print_flags
    add $12, %ebp
    jmp 1b
2:  print " end "
    mov result_vector, %eax
    mov $2, %ecx
    call print_digits
    print "+"
    mov result_eip, %eax
    call print_offset
    mov result_eflags, %ebx
    call print_flags
    print "\n"
    jmp *piece_end

.balign 4, 0
piece:
    .long 0
piece_end:
    .long 0
trace_at:
    .long trace_log
# The breakpoints on execution, by their bits in DR6: they are returned to with RF set.
trace_passed:
    .long 0
trace_log:
    .fill TRACE_LIMIT * 3, 4, 0
