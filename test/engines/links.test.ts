/** Exits are linked to the blocks they lead to, and to nothing that an event put in between. */
import { expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { runKernel } from './support.ts';

/**
 * Three calls by one instruction of a routine whose page is absent at first. The handler of that page fault is in the
 * caller's page, where links are followed without a look at where they lead.
 */
const source = `
.include "lib/start.s"
.include "lib/check.s"
.set DIRECTORY, 0x200000
.set TABLE, 0x201000
.set ROUTINE, 0x300000
.set ROUTINE_ENTRY, TABLE + (ROUTINE >> 12) * 4
main:
    movw $0xc347, ROUTINE           # INC EDI, RET
    mov $TABLE, %edi
    mov $3, %eax
1:  stosl
    add $4096, %eax
    cmp $0x400000, %eax
    jb 1b
    movl $0, ROUTINE_ENTRY
    movl $TABLE + 3, DIRECTORY
    mov $DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    mov $14, %ecx
    mov $page_fault, %eax
    mov $0x8e, %dl
    call set_gate
    xor %edi, %edi
    mov $3, %ebx
    jmp calls
.balign 256
calls:
    call ROUTINE
    dec %ebx
    jnz calls
    check "calls", %edi, $3
    check "faults", faults, $1
    jmp verdict
page_fault:
    incl faults
    movl $ROUTINE + 3, ROUTINE_ENTRY
    add $4, %esp
    iretl
.balign 4, 0
faults:
    .long 0
`;
const read = sourcesIn();
const { image } = await buildGuest('links', async (path) => (path === 'links.s' ? source : read(path)));

test.each(['native', 'bt', 'hw'] as const)(
  '%s: a page fault between an exit and its target',
  async (technique) => {
    const { outcome, text } = await runKernel(image, technique);
    expect(text).toBe('calls: ok\nfaults: ok\n2 checks, 0 failed\n');
    expect(outcome).toEqual({ kind: 'exit', status: 1 });
  },
);
