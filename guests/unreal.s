# Big real ("unreal") mode: a segment register keeps the limit of 4 GiB that protected mode gave it
# (SDM vol. 3, section 9.9.2, step 4 tells what happens if it is not reloaded).
.include "lib/start.s"
.include "lib/check.s"

.set RESULTS, 0x600
.set HIGH, 0x180000

main:
    call real_initialize
    movl $0x0badcafe, HIGH
    movl $0, HIGH + 4
    call_real unreal
    check "read above 1 MiB", RESULTS, $0x0badcafe
    check "written above 1 MiB", HIGH + 4, $0x600df00d
    check "string instruction above 1 MiB", HIGH + 8, $0x0badcafe
    check "after loading a selector: base", RESULTS + 4, $0x0badcafe
    check "copy back down", RESULTS + 8, $0x600df00d
    jmp verdict

.include "lib/real.s"

unreal:
    # Protected mode for a moment, only to load FS and GS with flat data.
    cli
    lgdtl real_gdt_pointer - real_begin
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    jmp 1f
1:  mov $KERNEL_DATA, %bx
    mov %bx, %fs
    mov %bx, %gs
    mov %bx, %es
    and $0xfe, %al
    mov %eax, %cr0
    jmp 1f
1:  mov $HIGH, %ebx
    movl %fs:(%ebx), %eax
    movl %eax, %fs:RESULTS
    movl $0x600df00d, %gs:4(%ebx)
    cld
    mov $HIGH, %esi
    mov $HIGH + 8, %edi
    mov $1, %ecx
    .byte 0xf3, 0x64, 0x67, 0x66, 0xa5 # REP MOVSD from FS:ESI to ES:EDI
    mov $0x100, %ax                 # a new base, the limit stays
    mov %ax, %fs
    movl %fs:-0x1000(%ebx), %eax
    xor %dx, %dx
    mov %dx, %es
    movl %eax, %es:RESULTS + 4
    movl %gs:4(%ebx), %eax
    movl %eax, %es:RESULTS + 8
    ret
real_end:
.code32
