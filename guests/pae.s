# PAE paging and execute-disable (SDM vol. 3, section 4.4): 64-bit entries, 2 MiB pages, PDPTE registers,
# reserved bits, error codes of fetches; and PSE-36 (section 4.3). Rights and changes that PAE shares with
# 32-bit paging are checked by `paging.s`. Nothing here depends on a TLB keeping an entry.
.include "lib/start.s"
.include "lib/rings.s"

.set POINTERS, 0x200020             # a PDPT need only be aligned to 32 bytes
.set DIRECTORY, 0x201000
.set TABLE, 0x202000                # the window of 2 MiB at WINDOW, and at SECOND_WINDOW
.set DIRECTORY_32, 0x203000
.set BAD_POINTERS, 0x204000
.set FRAME, 0x300000                # the first of the frames that the window's pages use
.set WINDOW, 0x400000
.set SECOND_WINDOW, 0x600000
.set LARGE, 0x800000                # a page of 2 MiB
.set LAST, 0xc0000000               # the fourth PDPTE leads to the same directory: all of it again

.set P, 1
.set W, 2
.set U, 4
.set RSVD, 8
.set I, 0x10
.set A, 0x20
.set D, 0x40
.set PS, 0x80
.set XD, 0x80000000                 # in the high doubleword
.set PG, 0x80000000
.set PSE, 0x10
.set PAE, 0x20
.set EFER, 0xc0000080
.set NXE, 0x800

# Maps the window's page \page to frame \frame with \rights, and forgets what was known of it.
.macro map page, frame, rights, high=0
    movl $FRAME + \frame * 4096 + (\rights), TABLE + \page * 8
    movl $\high, TABLE + \page * 8 + 4
    invlpg WINDOW + \page * 4096
.endm
.macro directory_entry linear, value, high=0
    movl $\value, DIRECTORY + (\linear >> 21) * 8
    movl $\high, DIRECTORY + (\linear >> 21) * 8 + 4
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
.macro calls ring, address
    at_ring \ring, 1f
    mov $\address, %eax
    call *%eax
    int $DONE
1:
.endm
# Name without quotes, error code, and the address in CR2.
.macro check_page_fault name, error, address
    check_fault "\name", 14, \error
    check "\name: CR2", result_cr2, $\address
.endm
.macro check_entry name, at, want
    movl \at, %eax
    and $A + D, %eax
    check \name, %eax, $\want
.endm
.macro set_efer value
    mov $EFER, %ecx
    mov $\value, %eax
    xor %edx, %edx
    wrmsr
.endm

main:
    call rings_initialize
    mov $0x80000001, %eax
    cpuid
    shr $20, %edx
    and $1, %edx
    check "CPUID reports NX", %edx, $1
    mov $memory_end, %edi
    mov $(BAD_POINTERS + 0x1000 - memory_end) / 4, %ecx
    xor %eax, %eax
    rep stosl
    movl $DIRECTORY + P, POINTERS
    movl $DIRECTORY + P, POINTERS + 24
    movl $0 + P + W + U + PS, DIRECTORY
    movl $0x200000 + P + W + U + PS, DIRECTORY + 8
    movl $TABLE + P + W + U, DIRECTORY + (WINDOW >> 21) * 8
    movl $TABLE + P + W + U, DIRECTORY + (SECOND_WINDOW >> 21) * 8
    movl $LARGE + P + W + U + PS, DIRECTORY + (LARGE >> 21) * 8
    set_efer NXE
    mov $POINTERS, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $PAE, %eax
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
    call check_execute_disable
    call check_fetch_paths
    call check_large
    call check_reserved
    call check_pointers
    call check_without_nxe
    call check_pse36
    jmp verdict

check_accessed_and_dirty:
    movl $0x11111111, FRAME
    map 0, 0, P + W + U
    mov WINDOW, %eax
    check "read through the window", %eax, $0x11111111
    check_entry "A after a read", TABLE, A
    check_entry "A of the directory entry", DIRECTORY + (WINDOW >> 21) * 8, A
    movl $0x22222222, LAST + WINDOW
    check_entry "D after a write", TABLE, A + D
    check "write through the last GiB", FRAME, $0x22222222
    map 0, 0, P + W + U, XD
    writes 3, WINDOW
    check_entry "D of a page that is not executable", TABLE, A + D
    check "high half of that entry", TABLE + 4, $XD
    movl POINTERS, %eax
    check "a PDPTE has no A", %eax, $DIRECTORY + P
    map 1, 1, P + W + U, 1          # 4 GiB and more: not the frame below
    movl $0x33333333, FRAME + 0x1000
    writes 3, WINDOW + 0x1000
    check_done "write above 4 GiB"
    check_entry "D of a page above 4 GiB", TABLE + 8, A + D
    check "frame below 4 GiB", FRAME + 0x1000, $0x33333333
    ret

check_rights:
    map 1, 1, P + W                 # supervisor
    map 2, 2, P + U                 # read-only
    reads 3, WINDOW + 0x1000
    check_page_fault supervisor page read in ring 3, P + U, WINDOW + 0x1000
    writes 3, WINDOW + 0x2000
    check_page_fault read-only page written in ring 3, P + W + U, WINDOW + 0x2000
    directory_entry SECOND_WINDOW, TABLE + P + U
    map 0, 0, P + W + U
    writes 3, SECOND_WINDOW
    check_page_fault written under a read-only directory entry, P + W + U, SECOND_WINDOW
    directory_entry SECOND_WINDOW, 0
    reads 3, SECOND_WINDOW
    check_page_fault read under an absent directory entry, U, SECOND_WINDOW
    directory_entry SECOND_WINDOW, TABLE + P + W + U
    reads 3, 0x40000000
    check_page_fault read under an absent PDPTE, U, 0x40000000
    at_ring 3, 1f
    mov $0x40000000, %eax
    jmp *%eax
1:  check_page_fault executed under an absent PDPTE, U + I, 0x40000000
    ret

check_execute_disable:
    movl $0xc3c3c3c3, FRAME + 0x3000 # RET
    map 3, 3, P + W + U
    calls 3, WINDOW + 0x3000
    check_done "executable page executed in ring 3"
    map 3, 3, P + W + U, XD
    calls 3, WINDOW + 0x3000
    check_page_fault executed in ring 3, P + U + I, WINDOW + 0x3000
    check "EIP of that fault", result_eip, $WINDOW + 0x3000
    calls 0, WINDOW + 0x3001
    check_page_fault executed in ring 0, P + I, WINDOW + 0x3001
    reads 3, WINDOW + 0x3000
    check "read all the same", result_eax, $0xc3c3c3c3
    calls 3, WINDOW + 0x3000
    check_page_fault executed after it was read, P + U + I, WINDOW + 0x3000
    check_entry "A was set by the read", TABLE + 3 * 8, A
    map 3, 3, P + W + U, XD
    calls 3, WINDOW + 0x3000
    check_entry "A after a refused fetch", TABLE + 3 * 8, 0
    map 3, 3, P + W + U, XD
    map 4, 3, P + W + U             # the same frame, executable
    calls 3, WINDOW + 0x4000
    check_done "executed by an alias"
    calls 3, WINDOW + 0x3000
    check_page_fault executed where it is not executable, P + U + I, WINDOW + 0x3000
    map 3, 3, P + W, XD             # supervisor too: one fault
    calls 3, WINDOW + 0x3000
    check_page_fault supervisor page executed in ring 3, P + U + I, WINDOW + 0x3000
    map 3, 3, 0, XD
    calls 3, WINDOW + 0x3000
    check_page_fault absent page executed in ring 3, U + I, WINDOW + 0x3000
    calls 0, WINDOW + 0x3000
    check_page_fault absent page executed in ring 0, I, WINDOW + 0x3000
    directory_entry SECOND_WINDOW, TABLE + P + W + U, XD
    calls 3, SECOND_WINDOW + 0x4000
    check_page_fault executed under a directory entry, P + U + I, SECOND_WINDOW + 0x4000
    calls 3, WINDOW + 0x4000
    check_done "executed by the other window"
    ret

check_fetch_paths:
    # Two pages of code that jump to each other, so often that nobody looks any more.
    map 5, 5, P + W + U
    map 6, 6, P + W + U
    movl $0x000ffbe9, FRAME + 0x5000 # JMP WINDOW + 6000, from the start of this page
    movb $0, FRAME + 0x5004
    movb $0x49, FRAME + 0x6000       # DEC ECX
    movw $0x840f, FRAME + 0x6001     # JZ + 5, over the next
    movl $5, FRAME + 0x6003
    movb $0xe9, FRAME + 0x6007       # JMP back
    movl $0xffffeff4, FRAME + 0x6008
    movb $0xc3, FRAME + 0x600c       # RET
    at_ring 3, 1f
    mov $1000, %ecx
    mov $WINDOW + 0x5000, %eax
    call *%eax
    int $DONE
1:  check_done "code in two pages"
    check "ECX", result_ecx, $0
    map 6, 6, P + W + U, XD
    at_ring 3, 1f
    mov $1000, %ecx
    mov WINDOW + 0x6000, %ebx        # readable: that must not let it run
    mov $WINDOW + 0x5000, %eax
    call *%eax
    int $DONE
1:  check_page_fault jump into the second page, P + U + I, WINDOW + 0x6000
    check "ECX of that fault", result_ecx, $1000
    check "EIP of that fault", result_eip, $WINDOW + 0x6000

    # An instruction whose second page is not executable.
    movb $0xb8, FRAME + 0x5ffd       # MOV EAX, 12345678; RET
    movw $0x5678, FRAME + 0x5ffe
    movb $0x34, FRAME + 0x6000
    movw $0xc312, FRAME + 0x6001
    map 6, 6, P + W + U
    at_ring 3, 1f
    mov $WINDOW + 0x5ffd, %eax
    call *%eax
    int $DONE
1:  check "instruction across two pages", result_eax, $0x12345678
    map 6, 6, P + W + U, XD
    at_ring 3, 1f
    mov WINDOW + 0x6000, %ebx
    mov $WINDOW + 0x5ffd, %eax
    call *%eax
    int $DONE
1:  check_page_fault instruction into a page that is not executable, P + U + I, WINDOW + 0x6000
    check "EIP of that fault", result_eip, $WINDOW + 0x5ffd

    # Code that takes the right to execute from its own page.
    mov $piece, %esi
    mov $FRAME + 0x7000, %edi
    mov $piece_end - piece, %ecx
    rep movsb
    map 7, 7, P + W + U
    calls 0, WINDOW + 0x7000
    check_page_fault own page made not executable, P + I, WINDOW + 0x7000 + piece_fault - piece
    check "EBX of that fault", result_ebx, $1
    ret

piece:
    mov $1, %ebx
    movl $XD, TABLE + 7 * 8 + 4
    invlpg WINDOW + 0x7000
piece_fault:
    inc %ebx
    ret
piece_end:

check_large:
    directory_entry LARGE, LARGE + P + W + U + PS
    movl $0x0c0c0c0c, LARGE + 0x123450
    check_entry "A and D of the 2 MiB page", DIRECTORY + (LARGE >> 21) * 8, A + D
    directory_entry LARGE, LARGE + P + W + U + PS
    reads 3, LARGE + 0x123450
    check "2 MiB page", result_eax, $0x0c0c0c0c
    check_entry "A of the 2 MiB page", DIRECTORY + (LARGE >> 21) * 8, A
    directory_entry LARGE, LARGE + P + W + U + PS, XD
    movb $0xc3, LARGE + 0x1ffffe
    calls 3, LARGE + 0x1ffffe
    check_page_fault 2 MiB page executed in ring 3, P + U + I, LARGE + 0x1ffffe
    directory_entry LARGE, LARGE + P + U + PS
    writes 3, LARGE + 0x1ffffc
    check_page_fault read-only 2 MiB page written in ring 3, P + W + U, LARGE + 0x1ffffc
    movl $0x200000 + P + U + PS, DIRECTORY + (LARGE >> 21) * 8 # where FRAME is
    invlpg LARGE + 0x1000
    movl $0x0d0d0d0d, FRAME + 0x8000
    reads 3, LARGE + 0x108000
    check "2 MiB page changed, INVLPG elsewhere in it", result_eax, $0x0d0d0d0d
    mov %cr4, %eax
    and $0xffffffff - PSE, %eax
    mov %eax, %cr4
    reads 3, LARGE + 0x108000
    check "2 MiB page without CR4.PSE", result_eax, $0x0d0d0d0d
    ret

check_reserved:
    map 8, 8, P + W + U, 0x00100000  # bit 52
    reads 3, WINDOW + 0x8000
    check_page_fault bit 52 of a PTE, P + U + RSVD, WINDOW + 0x8000
    writes 0, WINDOW + 0x8004
    check_page_fault bit 52 of a PTE by a write, P + W + RSVD, WINDOW + 0x8004
    calls 3, WINDOW + 0x8000
    check_page_fault bit 52 of a PTE by a fetch, P + U + I + RSVD, WINDOW + 0x8000
    check_entry "A of that PTE", TABLE + 8 * 8, 0
    map 8, 8, W + U, 0x00100000
    reads 3, WINDOW + 0x8000
    check_page_fault bit 52 of an absent PTE, U, WINDOW + 0x8000
    map 8, 8, P + W + U
    directory_entry SECOND_WINDOW, TABLE + P + W + U, 0x40000000
    reads 3, SECOND_WINDOW + 0x8000
    check_page_fault bit 62 of a PDE, P + U + RSVD, SECOND_WINDOW + 0x8000
    directory_entry SECOND_WINDOW, TABLE + P + W + U
    directory_entry LARGE, LARGE + P + W + U + PS + 0x2000
    reads 3, LARGE
    check_page_fault bit 13 of a 2 MiB PDE, P + U + RSVD, LARGE
    directory_entry LARGE, LARGE + P + W + U + PS + 0x100000
    reads 3, LARGE
    check_page_fault bit 20 of a 2 MiB PDE, P + U + RSVD, LARGE
    directory_entry LARGE, LARGE + P + W + U + PS
    ret

check_pointers:
    movl $DIRECTORY + P, BAD_POINTERS
    movl $DIRECTORY + P + W, BAD_POINTERS + 8
    at_ring 0, 1f
    mov $BAD_POINTERS, %eax
    mov %eax, %cr3
    int $DONE
1:  check_fault "MOV CR3 with bit 1 of a PDPTE", 13, 0
    mov %cr3, %eax
    check "CR3 after it", %eax, $POINTERS
    movl $DIRECTORY + W + 0x1e0, BAD_POINTERS + 8
    at_ring 0, 1f
    mov $BAD_POINTERS, %eax
    mov %eax, %cr3
    int $DONE
1:  check_done "MOV CR3 with bits of an absent PDPTE"
    # The PDPTE registers are a copy.
    movl $DIRECTORY + P, BAD_POINTERS + 8
    reads 0, 0x40000000 + FRAME + 0x8000
    check_page_fault PDPTE changed, 0, 0x40000000 + FRAME + 0x8000
    invlpg 0x40000000 + FRAME + 0x8000
    reads 0, 0x40000000 + FRAME + 0x8000
    check_page_fault PDPTE changed INVLPG, 0, 0x40000000 + FRAME + 0x8000
    mov %cr3, %eax
    mov %eax, %cr3
    reads 0, 0x40000000 + FRAME + 0x8000
    check "PDPTE changed, CR3 loaded", result_eax, $0x0d0d0d0d
    movl $0, BAD_POINTERS + 8
    mov %cr4, %eax
    xor $PSE, %eax
    mov %eax, %cr4
    reads 0, 0x40000000 + FRAME + 0x8000
    check_page_fault PDPTE changed CR4.PSE toggled, 0, 0x40000000 + FRAME + 0x8000
    mov $POINTERS, %eax
    mov %eax, %cr3
    ret

check_without_nxe:
    map 3, 3, P + W + U, XD
    movl $0xc3c3c3c3, FRAME + 0x3000
    set_efer 0
    mov %cr3, %eax
    mov %eax, %cr3
    reads 3, WINDOW + 0x3000
    check_page_fault bit 63 without NXE, P + U + RSVD, WINDOW + 0x3000
    calls 3, WINDOW + 0x3000
    check_page_fault executed without NXE, P + U + RSVD, WINDOW + 0x3000
    map 3, 3, 0
    calls 3, WINDOW + 0x3000
    check_page_fault absent page executed without NXE, U, WINDOW + 0x3000
    at_ring 0, 1f
    mov $EFER, %ecx
    mov $NXE, %eax
    mov $1, %edx
    wrmsr
    int $DONE
1:  check_fault "reserved bit of EFER", 13, 0
    set_efer NXE
    mov $EFER, %ecx
    rdmsr
    check "EFER", %eax, $NXE
    ret

check_pse36:
    mov %cr0, %eax
    and $0xffffffff - PG, %eax
    mov %eax, %cr0
    jmp 1f
1:  mov %cr4, %eax
    and $0xffffffff - PAE, %eax
    or $PSE, %eax
    mov %eax, %cr4
    movl $P + W + U + PS, DIRECTORY_32
    movl $P + W + U + PS + 0x200000, DIRECTORY_32 + (WINDOW >> 22) * 4
    movl $P + W + U + PS + 0x2000, DIRECTORY_32 + (LARGE >> 22) * 4
    mov $DIRECTORY_32, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $PG, %eax
    mov %eax, %cr0
    jmp 1f
1:  reads 3, WINDOW
    check_page_fault bit 21 of a 4 MiB PDE, P + U + RSVD, WINDOW
    movl $0x0e0e0e0e, FRAME
    writes 3, LARGE + FRAME
    check_done "4 MiB page above 4 GiB written"
    check "memory below 4 GiB", FRAME, $0x0e0e0e0e
    check_entry "D of the 4 MiB page above 4 GiB", DIRECTORY_32 + (LARGE >> 22) * 4, A + D
    at_ring 3, 1f
    mov $0xc00000, %eax
    jmp *%eax
1:  check_page_fault absent page executed with 32-bit paging, U, 0xc00000
    ret
