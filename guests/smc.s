# Self-modifying code in the kernel. On this processor family a write to code that is about to run is seen,
# also by the very next instruction, when both use the same linear address; through an alias a serialising
# instruction must lie between (SDM vol. 3, section 8.1.3).
.include "lib/start.s"
.include "lib/check.s"

.set BUFFER, 0x300000               # code is generated here
.set DIRECTORY, 0x200000
.set LOW_TABLE, 0x201000
.set ALIAS_TABLE, 0x202000          # linear 4 MiB to 8 MiB: the same memory as 0 to 4 MiB
.set ALIAS, 0x400000

main:
    call patch_next_instruction
    call patch_in_loop
    call patch_opcode
    call patch_loop_exit
    call patch_with_read_modify_write
    call patch_across_pages
    call overwrite_with_strings
    call generate_and_call
    call run_on_stack
    call write_data_among_code
    call patch_caller
    handle 6, repair_undefined
    call repair_by_handler
    call enable_paging
    call patch_through_alias
    call remap_code
    jmp verdict

patch_next_instruction:
    movl $0x12345678, 1f + 1
1:  mov $0, %eax
    check "immediate of the next instruction", %eax, $0x12345678
    movb $0x90, 2f                  # INC becomes NOP
    xor %eax, %eax
2:  inc %eax
    check "next but one instruction", %eax, $0
    mov $3f, %edi
    mov $0x40, %al                  # INC EAX
    mov $0, %ebx
    movb $0x43, 3f                  # INC EBX
3:  nop
    check "next instruction, one byte", %ebx, $1
    ret

patch_in_loop:
    xor %ebx, %ebx
    mov $1000, %ecx
1:  incl 2f + 1
2:  mov $0, %eax
    add %eax, %ebx
    loop 1b
    check "immediate counted up a thousand times", %ebx, $500500

    xor %ebx, %ebx                  # patched only at every 64th turn of a hot loop
    mov $64 * 100, %ecx
    movl $0, 2f + 1
1:  test $63, %cl
    jnz 2f
    incl 2f + 1
2:  mov $0, %eax
    add %eax, %ebx
    dec %ecx
    jnz 1b
    check "immediate of a hot loop", %ebx, $64 * 5050
    ret

patch_opcode:
    mov $1000, %ecx
    mov $7, %eax
1:  xorb $0x08, 2f                  # INC EAX and DEC EAX in turn, DEC first
2:  inc %eax
    loop 1b
    check "opcode changed a thousand times", %eax, $7
    ret

patch_loop_exit:
    xor %eax, %eax
1:  inc %eax
    cmp $1000, %eax
    jb 2f
    movw $0x9090, 2f                # instead of the two bytes of the jump
2:  jmp 1b
    check "endless loop made to end", %eax, $1000
    ret

patch_with_read_modify_write:
    xor %ebx, %ebx
    mov $100, %ecx
1:  lock
    addl $3, 2f + 1
2:  mov $0, %eax
    xchg %eax, 3f + 1
3:  mov $0, %edx
    add %edx, %ebx
    btsl $4, 4f + 1
4:  mov $0, %esi
    add %esi, %ebx
    btrl $4, 4b + 1
    loop 1b
    check "patched by LOCK ADD, XCHG and BTS", %ebx, $3 * 5050 + 1600
    ret

# MOV EAX, imm32 whose opcode ends a page; only the immediate, in the next page, changes.
patch_across_pages:
    movb $0xb8, BUFFER + 0xfff
    movb $0xc3, BUFFER + 0x1004     # RET
    xor %ebx, %ebx
    mov $200, %ecx
1:  mov %ecx, BUFFER + 0x1000
    call BUFFER + 0xfff
    add %eax, %ebx
    loop 1b
    check "instruction across two pages", %ebx, $20100
    movb $0xb9, BUFFER + 0xfff      # MOV ECX, imm32
    call BUFFER + 0xfff
    check "its opcode changed", %ecx, $1
    movl $0xc340c031, BUFFER + 0xffe # XOR EAX, EAX; INC EAX; RET, one write over both pages
    call BUFFER + 0xffe
    check "one write over both pages", %eax, $1
    ret

overwrite_with_strings:
    xor %ebx, %ebx
    mov $50, %ecx
1:  push %ecx
    mov $first_routine, %esi
    test $1, %cl
    jnz 2f
    mov $second_routine, %esi
2:  mov $BUFFER, %edi
    mov $ROUTINE_WORDS, %ecx
    rep movsl
    call BUFFER
    add %eax, %ebx
    pop %ecx
    loop 1b
    check "routines copied over each other", %ebx, $25 * (0x1001 + 0x20)

    mov $3f, %edi                   # REP STOS over the instructions right behind it
    mov $0x90, %al
    mov $6, %ecx
    rep stosb
3:  ud2
    ud2
    ud2
    check "UD2s overwritten by REP STOS", $0, $0
    std                             # and from behind
    mov $4f + 3, %edi
    mov $0x90, %al
    mov $4, %ecx
    rep stosb
4:  ud2
    ud2
    cld
    check "UD2s overwritten downwards", $0, $0
    ret

.balign 4, 0xcc
first_routine:
    mov $0x1000, %eax
    inc %eax
    ret
.balign 4, 0xcc
second_routine:
    mov $0x10, %eax
    add %eax, %eax
    ret
.balign 4, 0xcc
.set ROUTINE_WORDS, 2

# Eighty small functions, generated three times over in the same place, called ten times each.
generate_and_call:
    xor %ebx, %ebx
    mov $3, %ebp
1:  mov $BUFFER, %edi
    mov $80, %ecx
2:  mov $0xb8, %al                  # MOV EAX, ECX * EBP; RET
    stosb
    mov %ecx, %eax
    imul %ebp, %eax
    stosl
    mov $0xc3, %al
    stosb
    loop 2b
    mov $10, %edx
3:  mov $BUFFER, %esi
    mov $80, %ecx
4:  call *%esi
    add %eax, %ebx
    add $6, %esi
    loop 4b
    dec %edx
    jnz 3b
    dec %ebp
    jnz 1b
    check "generated functions", %ebx, $3240 * 10 * 6
    ret

run_on_stack:
    xor %ebx, %ebx
    mov $20, %ecx
1:  push $0xc300                    # RET behind the immediate's last byte
    mov %ecx, %eax
    shl $8, %eax
    or $0xb8, %eax                  # MOV EAX, ECX
    push %eax
    movb $0xc3, 5(%esp)
    mov %esp, %eax
    call *%eax
    add $8, %esp
    add %eax, %ebx
    loop 1b
    check "code pushed and called", %ebx, $210
    ret

# A counter between instructions: the page is written at every turn, the code never changes.
write_data_among_code:
    movl $0, 2f
    mov $20000, %ecx
1:  incl 2f
    jmp 3f
2:  .long 0
3:  dec %ecx
    jnz 1b
    check "counter among code", 2b, $20000
    ret

# A callee that changes the instruction it returns to.
patch_caller:
    movb $0x40, 1f                  # INC EAX
    xor %eax, %eax
    call make_decrement
1:  inc %eax
    check "instruction behind a call", %eax, $-1
    ret
make_decrement:
    mov (%esp), %edx
    movb $0x48, (%edx)              # DEC EAX
    ret

# The handler of #UD turns the instruction into NOPs and runs it again.
repair_by_handler:
    mov $0, %ebx
    movw $0x0b0f, 1f
1:  ud2
    inc %ebx
    check "instruction repaired by its handler", %ebx, $1
    check "handler runs", repairs, $1
    ret
repair_undefined:
    mov frame_eip(%ebp), %eax
    movw $0x9090, (%eax)
    incl repairs
    ret

enable_paging:
    mov $LOW_TABLE, %edi
    mov $3, %eax
1:  stosl
    add $4096, %eax
    cmp $0x400000, %eax
    jb 1b
    mov $LOW_TABLE, %esi
    mov $ALIAS_TABLE, %edi
    mov $1024, %ecx
    rep movsl
    movl $LOW_TABLE + 3, DIRECTORY
    movl $ALIAS_TABLE + 3, DIRECTORY + 4
    mov $DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    jmp 1f
1:  ret

patch_through_alias:
    xor %edi, %edi
    mov $100, %esi
1:  mov %esi, ALIAS + 2f + 1
    xor %eax, %eax
    cpuid                           # serialises
2:  mov $0, %eax
    add %eax, %edi
    dec %esi
    jnz 1b
    check "patched through an alias", %edi, $5050
    movl $0xc3404040, BUFFER        # written here, run there
    xor %eax, %eax
    call ALIAS + BUFFER
    check "run through an alias", %eax, $3
    movl $0xc3404840, BUFFER
    xor %eax, %eax
    cpuid
    xor %eax, %eax
    call ALIAS + BUFFER
    check "changed, and run through the alias", %eax, $1
    ret

# The same linear page with other memory behind it.
remap_code:
    movl $0xc300b0, BUFFER          # MOV AL, 0; RET
    movl $0xc301b0, BUFFER + 0x1000
    movl $0xc302b0, BUFFER + 0x2000
    xor %ebx, %ebx
    mov $30, %ecx
1:  mov $3, %esi
2:  lea BUFFER - 0x1000 + 3, %eax
    mov %esi, %edx
    shl $12, %edx
    add %edx, %eax
    mov %eax, ALIAS_TABLE + (BUFFER >> 12) * 4
    invlpg ALIAS + BUFFER
    xor %eax, %eax
    call ALIAS + BUFFER
    lea (%eax,%ebx,2), %ebx
    dec %esi
    jnz 2b
    loop 1b
    check "code page mapped elsewhere", %ebx, $REMAP_SUM
    ret

# What the turns give: EBX = 2 * EBX + AL for AL = 2, 1, 0, thirty times.
.set REMAP_SUM, 0xdb6db6da

.balign 4, 0
repairs:
    .long 0
