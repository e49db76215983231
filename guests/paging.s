# The MMU (SDM vol. 3, chapter 4): rights, accessed and dirty bits, 4 MiB pages, error codes, CR2, and that
# changed tables take effect when the manual says so. Nothing here depends on a TLB keeping an entry.
.include "lib/start.s"
.include "lib/rings.s"

.set DIRECTORY, 0x200000
.set LOW_TABLE, 0x201000            # linear 0 to 4 MiB, to itself, for everybody
.set TABLE, 0x202000                # the window of 4 MiB at WINDOW, and at SECOND_WINDOW
.set SUPERVISOR_GDT, 0x203000
.set FRAME, 0x300000                # the first of the frames that the window's pages use
.set WINDOW, 0x400000
.set SECOND_WINDOW, 0xc00000
.set LARGE, 0x800000                # a page of 4 MiB

.set P, 1
.set W, 2
.set U, 4
.set A, 0x20
.set D, 0x40
.set PS, 0x80
.set G, 0x100
.set PG, 0x80000000
.set WP, 0x10000
.set PSE, 0x10
.set PGE, 0x80

# Maps the window's page \page to frame \frame with \rights, and forgets what was known of it.
.macro map page, frame, rights
    movl $FRAME + \frame * 4096 + (\rights), TABLE + \page * 4
    invlpg WINDOW + \page * 4096
.endm
.macro directory_entry linear, value
    movl $\value, DIRECTORY + (\linear >> 22) * 4
    mov %cr3, %eax
    mov %eax, %cr3
.endm
.macro reads ring, address
    at_ring \ring, 1f
    movl \address, %eax
    int $DONE
1:
.endm
.macro writes ring, address
    at_ring \ring, 1f
    movl $0x5a5a5a5a, \address
    int $DONE
1:
.endm
# Name without quotes, error code, and the address in CR2.
.macro check_page_fault name, error, address
    check_fault "\name", 14, \error
    check "\name: CR2", result_cr2, $\address
.endm
.macro check_entry name, page, mask, want
    movl TABLE + \page * 4, %eax
    and $\mask, %eax
    check \name, %eax, $\want
.endm

main:
    call rings_initialize
    mov $LOW_TABLE, %edi
    mov $P + W + U, %eax
1:  stosl
    add $4096, %eax
    cmp $0x400000, %eax
    jb 1b
    movl $LOW_TABLE + P + W + U, DIRECTORY
    movl $TABLE + P + W + U, DIRECTORY + (WINDOW >> 22) * 4
    movl $LARGE + P + W + U + PS, DIRECTORY + (LARGE >> 22) * 4
    movl $TABLE + P + W + U, DIRECTORY + (SECOND_WINDOW >> 22) * 4
    mov $DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $PSE, %eax
    mov %eax, %cr4
    mov %cr0, %eax
    or $PG, %eax
    mov %eax, %cr0
    jmp 1f
1:  mov %cr0, %eax
    and $PG, %eax
    check "paging is on", %eax, $PG

    call check_accessed_and_dirty
    call check_rights
    call check_directory_rights
    call check_write_protect
    call check_errors
    call check_crossing
    call check_changes
    call check_large
    call check_switching
    jmp verdict

check_accessed_and_dirty:
    map 0, 0, P + W + U
    movl $0x11111111, FRAME
    check_entry "A and D before any access", 0, A + D, 0
    mov WINDOW, %eax
    check "read through the window", %eax, $0x11111111
    check_entry "A after a read", 0, A + D, A
    movl $0x22222222, WINDOW
    check_entry "D after a write", 0, A + D, A + D
    check "write through the window", FRAME, $0x22222222
    map 0, 0, P + W + U
    cmpl $0, WINDOW
    check_entry "A after it was cleared", 0, A + D, A
    map 0, 0, P + W + U
    incl WINDOW
    check_entry "A and D after a read and write", 0, A + D, A + D
    movl DIRECTORY + (WINDOW >> 22) * 4, %eax
    and $A, %eax
    check "A of the directory entry", %eax, $A
    map 0, 0, P + W + U
    at_ring 3, 1f
    mov WINDOW, %eax
    int $DONE
1:  check_entry "A after a read in ring 3", 0, A + D, A
    map 0, 0, P                     # a refused access sets no D
    writes 3, WINDOW
    check_entry "D after a refused write", 0, D, 0
    map 0, 0, P + W + U
    movb $0xc3, FRAME               # RET
    call WINDOW
    check_entry "A after execution", 0, A + D, A
    ret

check_rights:
    map 1, 1, P + W                 # supervisor
    map 2, 2, P + U                 # read-only
    movl $0x33333333, FRAME + 0x1000
    movl $0x44444444, FRAME + 0x2000
    reads 0, WINDOW + 0x1000
    check "supervisor page read in ring 0", result_eax, $0x33333333
    reads 3, WINDOW + 0x1000
    check_page_fault supervisor page read in ring 3, P + U, WINDOW + 0x1000
    writes 3, WINDOW + 0x1ffc
    check_page_fault supervisor page written in ring 3, P + W + U, WINDOW + 0x1ffc
    writes 1, WINDOW + 0x1004
    check_done "supervisor page written in ring 1"
    writes 2, WINDOW + 0x1008
    check_done "supervisor page written in ring 2"
    reads 3, WINDOW + 0x2000
    check "read-only page read in ring 3", result_eax, $0x44444444
    writes 3, WINDOW + 0x2010
    check_page_fault read-only page written in ring 3, P + W + U, WINDOW + 0x2010
    at_ring 3, 1f
    incl WINDOW + 0x2000
    int $DONE
1:  check_page_fault read-only page incremented in ring 3, P + W + U, WINDOW + 0x2000
    movb $0xc3, FRAME + 0x1800      # RET
    movb $0xc3, FRAME + 0x2800
    at_ring 3, 1f
    call WINDOW + 0x2800
    int $DONE
1:  check_done "read-only page executed in ring 3"
    at_ring 3, 1f
    call WINDOW + 0x1800
    int $DONE
1:  check_page_fault supervisor page executed in ring 3, P + U, WINDOW + 0x1800
    check "EIP of that fault", result_eip, $WINDOW + 0x1800

    # Tables that the processor reads by itself are read as supervisor.
    mov $gdt, %esi
    mov $SUPERVISOR_GDT, %edi
    mov $(GDT_LIMIT + 1) / 4, %ecx
    rep movsl
    movl $SUPERVISOR_GDT + P + W, LOW_TABLE + (SUPERVISOR_GDT >> 12) * 4
    invlpg SUPERVISOR_GDT
    lgdtl supervisor_gdt_pointer
    at_ring 3, 1f
    mov $USER_DATA, %eax
    mov %eax, %es
    int $DONE
1:  check_done "ring 3 loads a segment from a supervisor page"
    lgdtl gdt_pointer
    ret

check_directory_rights:
    map 3, 3, P + W + U
    directory_entry SECOND_WINDOW, TABLE + P + U
    writes 3, SECOND_WINDOW + 0x3000
    check_page_fault written in ring 3 under a read-only directory entry, P + W + U, SECOND_WINDOW + 0x3000
    writes 3, WINDOW + 0x3000
    check_done "written by the other window"
    directory_entry SECOND_WINDOW, TABLE + P + W
    reads 3, SECOND_WINDOW + 0x3000
    check_page_fault read in ring 3 under a supervisor directory entry, P + U, SECOND_WINDOW + 0x3000
    directory_entry SECOND_WINDOW, 0
    reads 0, SECOND_WINDOW + 0x3000
    check_page_fault read under an absent directory entry, 0, SECOND_WINDOW + 0x3000
    directory_entry SECOND_WINDOW, TABLE + P + W + U
    reads 3, SECOND_WINDOW + 0x3000
    check "read by the second window", result_eax, $0x5a5a5a5a
    ret

check_write_protect:
    map 2, 2, P + U
    movl $0, FRAME + 0x2000
    writes 0, WINDOW + 0x2000
    check_done "read-only page written in ring 0 without WP"
    check "that write", FRAME + 0x2000, $0x5a5a5a5a
    check_entry "D after that write", 2, D, D
    mov %cr0, %eax
    or $WP, %eax
    mov %eax, %cr0
    writes 0, WINDOW + 0x2004
    check_page_fault read-only page written in ring 0 with WP, P + W, WINDOW + 0x2004
    writes 1, WINDOW + 0x2004
    check_page_fault read-only page written in ring 1 with WP, P + W, WINDOW + 0x2004
    map 4, 4, P                     # supervisor, read-only
    writes 0, WINDOW + 0x4000
    check_page_fault supervisor read-only page written with WP, P + W, WINDOW + 0x4000
    reads 0, WINDOW + 0x4000
    check_done "supervisor read-only page read with WP"
    mov %cr0, %eax
    and $0xffffffff - WP, %eax
    mov %eax, %cr0
    writes 0, WINDOW + 0x4000
    check_done "supervisor read-only page written without WP again"
    ret

check_errors:
    map 5, 5, 0                     # absent
    reads 0, WINDOW + 0x5123
    check_page_fault absent page read in ring 0, 0, WINDOW + 0x5123
    writes 0, WINDOW + 0x5124
    check_page_fault absent page written in ring 0, W, WINDOW + 0x5124
    reads 3, WINDOW + 0x5125
    check_page_fault absent page read in ring 3, U, WINDOW + 0x5125
    writes 3, WINDOW + 0x5126
    check_page_fault absent page written in ring 3, W + U, WINDOW + 0x5126
    at_ring 3, 1f
    addl $1, WINDOW + 0x5128
    int $DONE
1:  check_page_fault absent page read and written in ring 3, W + U, WINDOW + 0x5128
    at_ring 3, 1f
    mov $WINDOW + 0x5800, %eax
    jmp *%eax
1:  check_page_fault absent page executed in ring 3, U, WINDOW + 0x5800
    check "EIP of that fault", result_eip, $WINDOW + 0x5800
    at_ring 3, 1f
    mov $WINDOW + 0x5900, %esp
    mov $0x77, %ebx
2:  push %ebx
    int $DONE
1:  check_page_fault absent stack in ring 3, W + U, WINDOW + 0x58fc
    check "ESP of that fault", result_esp, $WINDOW + 0x5900
    check "EIP of that fault", result_eip, $2b
    at_ring 3, 1f
    mov $WINDOW + 0x4ff0, %edi      # 16 bytes of a mapped page, then the absent one
    mov $32, %ecx
    mov $0x61, %al
    rep stosb
    int $DONE
1:  check_page_fault REP STOS in ring 3, P + W + U, WINDOW + 0x4ff0
    map 4, 4, P + W + U
    at_ring 3, 1f
    mov $WINDOW + 0x4ff0, %edi
    mov $32, %ecx
    mov $0x61, %al
    rep stosb
    int $DONE
1:  check_page_fault REP STOS into an absent page, W + U, WINDOW + 0x5000
    check "ECX of that fault", result_ecx, $16
    check "EDI of that fault", result_edi, $WINDOW + 0x5000
    ret

check_crossing:
    map 6, 9, P + W + U             # neighbours in the window, apart in memory
    map 7, 6, P + W + U
    movl $0x11223344, FRAME + 0x9ffc
    movl $0x55667788, FRAME + 0x6000
    reads 3, WINDOW + 0x6ffe
    check "read across two pages", result_eax, $0x77881122
    writes 3, WINDOW + 0x6fff
    check "first byte written across two pages", FRAME + 0x9ffc, $0x5a223344
    check "other bytes written across two pages", FRAME + 0x6000, $0x555a5a5a
    movb $0xb8, FRAME + 0x9ffe      # MOV EAX, 12345678; RET
    movb $0x78, FRAME + 0x9fff
    movl $0xc3123456, FRAME + 0x6000
    call WINDOW + 0x6ffe
    check "instruction across two pages", %eax, $0x12345678
    map 7, 6, 0
    movl $0x11111111, FRAME + 0x9ffc
    reads 3, WINDOW + 0x6ffe
    check_page_fault read into an absent page, U, WINDOW + 0x7000
    writes 3, WINDOW + 0x6ffe
    check_page_fault write into an absent page, W + U, WINDOW + 0x7000
    check "nothing was written", FRAME + 0x9ffc, $0x11111111
    movb $0xb8, FRAME + 0x9ffe
    at_ring 3, 1f
    call WINDOW + 0x6ffe
    int $DONE
1:  check_page_fault instruction into an absent page, U, WINDOW + 0x7000
    check "EIP of that fault", result_eip, $WINDOW + 0x6ffe
    map 6, 9, 0
    map 7, 6, P + W + U
    reads 3, WINDOW + 0x6ffe
    check_page_fault read out of an absent page, U, WINDOW + 0x6ffe
    ret

check_changes:
    movl $0x0a0a0a0a, FRAME + 0xa000
    movl $0x0b0b0b0b, FRAME + 0xb000
    map 8, 10, P + W + U
    mov WINDOW + 0x8000, %eax
    check "first mapping", %eax, $0x0a0a0a0a
    map 8, 11, P + W + U
    mov WINDOW + 0x8000, %eax
    check "mapping changed, INVLPG", %eax, $0x0b0b0b0b
    movl $FRAME + 0xa000 + P + W + U, TABLE + 8 * 4
    mov %cr3, %eax
    mov %eax, %cr3
    mov WINDOW + 0x8000, %eax
    check "mapping changed, CR3 loaded", %eax, $0x0a0a0a0a

    # An absent entry is never remembered, so making it present needs no INVLPG (section 4.10.2.3).
    map 8, 10, 0
    reads 0, WINDOW + 0x8000
    check_page_fault absent again, 0, WINDOW + 0x8000
    movl $FRAME + 0xb000 + P + W + U, TABLE + 8 * 4
    mov WINDOW + 0x8000, %eax
    check "made present without INVLPG", %eax, $0x0b0b0b0b

    # The table itself through a window.
    movl $TABLE + P + W, TABLE + 12 * 4
    movl $FRAME + 0xa000 + P + W + U, WINDOW + 0xc000 + 8 * 4
    invlpg WINDOW + 0x8000
    mov WINDOW + 0x8000, %eax
    check "entry changed through an alias of the table", %eax, $0x0a0a0a0a
    mov WINDOW + 0xc000 + 8 * 4, %eax
    and $A, %eax
    check "A seen through the alias", %eax, $A

    # A global page must go with INVLPG and with CR4.PGE.
    mov $1, %eax
    cpuid
    shr $13, %edx
    and $1, %edx
    check "CPUID reports PGE", %edx, $1
    mov %cr4, %eax
    or $PGE, %eax
    mov %eax, %cr4
    map 8, 10, P + W + U + G
    mov WINDOW + 0x8000, %eax
    map 8, 11, P + W + U + G
    mov WINDOW + 0x8000, %eax
    check "global page changed, INVLPG", %eax, $0x0b0b0b0b
    movl $FRAME + 0xa000 + P + W + U + G, TABLE + 8 * 4
    mov %cr4, %eax
    and $0xffffffff - PGE, %eax
    mov %eax, %cr4
    mov WINDOW + 0x8000, %eax
    check "global page changed, CR4.PGE cleared", %eax, $0x0a0a0a0a

    directory_entry SECOND_WINDOW, LOW_TABLE + P + W + U
    mov SECOND_WINDOW + FRAME + 0xb000, %eax
    check "directory entry changed, CR3 loaded", %eax, $0x0b0b0b0b
    directory_entry SECOND_WINDOW, TABLE + P + W + U
    ret

check_large:
    directory_entry LARGE, LARGE + P + W + U + PS
    movl $0x0c0c0c0c, LARGE + 0x123450
    reads 3, LARGE + 0x123450
    check "4 MiB page", result_eax, $0x0c0c0c0c
    directory_entry LARGE, LARGE + P + W + U + PS
    movl LARGE, %ebx
    movl DIRECTORY + (LARGE >> 22) * 4, %eax
    and $A + D, %eax
    check "A of the 4 MiB page", %eax, $A
    movl $0, LARGE + 0x3ffffc
    movl DIRECTORY + (LARGE >> 22) * 4, %eax
    and $A + D, %eax
    check "D of the 4 MiB page", %eax, $A + D
    directory_entry LARGE, LARGE + P + U + PS
    writes 3, LARGE + 0x3ffffc
    check_page_fault read-only 4 MiB page written in ring 3, P + W + U, LARGE + 0x3ffffc
    directory_entry LARGE, LARGE + P + W + PS
    reads 3, LARGE + 0x3ffffc
    check_page_fault supervisor 4 MiB page read in ring 3, P + U, LARGE + 0x3ffffc
    directory_entry LARGE, P + W + U + PS # to physical 0: the same memory as LOW_TABLE's
    mov LARGE + FRAME + 0xb000, %eax
    check "4 MiB page as an alias", %eax, $0x0b0b0b0b

    # Without CR4.PSE, bit 7 of a directory entry means nothing.
    directory_entry LARGE, LOW_TABLE + P + W + U + PS
    mov %cr4, %eax
    and $0xffffffff - PSE, %eax
    mov %eax, %cr4
    mov LARGE + FRAME + 0xa000, %eax
    check "bit 7 without CR4.PSE", %eax, $0x0a0a0a0a
    ret

check_switching:
    map 8, 11, P + W + U
    mov %cr0, %eax
    and $0xffffffff - PG, %eax
    mov %eax, %cr0
    jmp 1f
1:  mov FRAME + 0xa000, %ebx
    mov WINDOW, %ecx                # physical now
    mov %cr0, %eax
    or $PG, %eax
    mov %eax, %cr0
    jmp 1f
1:  check "memory with paging off", %ebx, $0x0a0a0a0a
    mov WINDOW + 0x8000, %eax
    check "window with paging on again", %eax, $0x0b0b0b0b
    ret

supervisor_gdt_pointer:
    .word GDT_LIMIT
    .long SUPERVISOR_GDT
