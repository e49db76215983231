/** Loads of data segments that the lookaside knows: what the callout would do, and faults where it would. */
import { expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { bt } from '../../src/techniques/bt.ts';
import { native, type Technique } from '../../src/techniques/index.ts';
import { Treatment } from '../../src/translator/encode.ts';
import { runKernel } from './support.ts';

/** MOV and POP to a segment register: 8E, 07, 17, 1F, 0F A1, 0F A9. */
const LOADS = new Set([0x8e, 0x07, 0x17, 0x1f, 0x0fa1, 0x0fa9]);
const byCallout: Technique = {
  ...bt,
  treatment: (i, kernel) => (LOADS.has(i.opcode) ? Treatment.CALLOUT : bt.treatment(i, kernel)),
};

/** Every load is made after one that has succeeded, so that the lookaside has an entry for its selector. */
const source = `
.include "lib/start.s"
.include "lib/rings.s"
.set OLD, 0x1000
.set NEW, 0x2000
.set DATA_0, 0x00409300
.set DATA_3, 0x0040f300
.set ABSENT_3, 0x00407300
.set AT_OLD, 0x1000ffff
.set AT_NEW, 0x2000ffff
.macro spare low, high
    movl $\\low, gdt_spare
    movl $\\high, gdt_spare + 4
.endm
.macro load_fs selector
    mov $\\selector, %eax
    mov %eax, %fs
.endm
.macro known low, high
    spare \\low, \\high
    load_fs SPARE_SELECTOR
    load_fs 0
    load_fs SPARE_SELECTOR
.endm
main:
    call rings_initialize
    movl $0x11111111, OLD
    movl $0x22222222, NEW
    mov $3, %ebx
1:  call round
    dec %ebx
    jnz 1b
    jmp verdict
round:
    push %ebx
    known AT_OLD, DATA_3
    check "base", %fs:0, $0x11111111
    spare AT_NEW, DATA_3
    check "base of before", %fs:0, $0x11111111
    load_fs SPARE_SELECTOR
    check "base when the entry changed", %fs:0, $0x22222222
    movw $SPARE_SELECTOR + 2, OLD + 8
    mov OLD + 8, %fs
    mov %fs, %eax
    check "RPL of a selector in memory", %eax, $SPARE_SELECTOR + 2
    check "base by a selector in memory", %fs:0, $0x22222222

    mov %esp, %ebx
    push $SPARE_SELECTOR
    pop %fs
    sub %esp, %ebx
    check "POP moves ESP", %ebx, $0
    mov %esp, %ebx
    pushw $SPARE_SELECTOR
    popw %fs
    sub %esp, %ebx
    check "POP of 16 bits moves ESP", %ebx, $0

    at_ring 3, 1f
    load_fs SPARE_SELECTOR + 3
    mov %fs:0, %ebx
    load_fs SPARE_SELECTOR + 3
    int $DONE
1:  check_done "in ring 3"
    check "base in ring 3", result_ebx, $0x22222222
    known AT_OLD, DATA_0
    at_ring 3, 1f
    load_fs SPARE_SELECTOR
1:  check_fault "CPL above DPL", 13, SPARE_SELECTOR
    known AT_OLD, DATA_0
    at_ring 0, 1f
    load_fs SPARE_SELECTOR + 3
1:  check_fault "RPL above DPL", 13, SPARE_SELECTOR
    load_fs CONFORMING_CODE
    at_ring 3, 1f
    load_fs CONFORMING_CODE + 3
    int $DONE
1:  check_done "conforming code"

    known AT_OLD, DATA_3
    spare AT_OLD, ABSENT_3
    at_ring 0, 1f
    load_fs SPARE_SELECTOR
1:  check_fault "absent", 11, SPARE_SELECTOR
    known AT_OLD, DATA_3
    load_fs 3
    at_ring 0, 1f
    mov %fs:0, %eax
1:  check_fault "through a null selector", 13, 0
    mov %fs, %eax
    check "the null selector", %eax, $3

    known AT_OLD, DATA_3
    lgdt short_table
    at_ring 0, 1f
    load_fs SPARE_SELECTOR
1:  check_fault "beyond a shorter table", 13, SPARE_SELECTOR
    lgdt other_table
    load_fs SPARE_SELECTOR
    check "base from another table", %fs:0, $0x22222222
    lgdt gdt_pointer
    at_ring 0, 1f
    mov $SPARE_SELECTOR, %eax
    .byte 0x8e, 0xc8                # MOV CS, AX
1:  check_fault "CS", 6, 0

    # DS that is not flat, and flat again, in the middle of a block.
    known 0x10000fff, DATA_3
    mov $SPARE_SELECTOR, %ecx
    mov $KERNEL_DATA, %edx
    mov %ecx, %ds
    mov 0, %eax
    mov %edx, %ds
    mov NEW, %ebx
    mov %ecx, %ds
    mov 0, %ecx
    mov %edx, %ds
    check "DS at another base", %eax, $0x11111111
    check "again", %ecx, $0x11111111
    check "flat DS", %ebx, $0x22222222
    at_ring 0, 1f
    mov $SPARE_SELECTOR, %ecx
    mov $0, %edx
    mov %ecx, %es
    mov %edx, %es
    mov %es:0x10, %eax
1:  check_fault "ES null", 13, 0
    at_ring 0, 1f
    mov $SPARE_SELECTOR, %ecx
    mov %ecx, %es
    mov %es:0x1000, %eax
1:  check_fault "ES beyond its limit", 13, 0
    mov $KERNEL_DATA, %eax
    mov %eax, %es
    pop %ebx
    ret
.balign 8, 0
short_table:
    .word SPARE_SELECTOR + 6
    .long gdt
.balign 8, 0
other_table:
    .word GDT_LIMIT
    .long other_gdt
.balign 8, 0
other_gdt:
    .long 0, 0
    .long 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300
    .fill (SPARE_SELECTOR - 0x18) / 4, 4, 0
    .long AT_NEW, DATA_3
`;

test('by the lookaside, by callout and without a monitor', async () => {
  const library = sourcesIn();
  const read = (path: string) => (path === 'inline.s' ? Promise.resolve(source) : library(path));
  const { image } = await buildGuest('inline', read);
  const runs = await Promise.all([native, bt, byCallout].map((technique) => runKernel(image, technique)));
  const [bare, lookaside, callout] = runs;
  expect(bare!.text).toMatch(/ 0 failed\n$/);
  expect(lookaside!.text).toBe(bare!.text);
  expect(callout!.text).toBe(bare!.text);
  const loads = runs.map(({ machine }) => {
    const { callouts } = machine.statistics();
    return (callouts.mov_to_sreg ?? 0) + (callouts.pop_sreg ?? 0);
  });
  // Descriptors that changed, faults and changes of mode stay callouts.
  expect(loads[1]).toBeLessThan(0.7 * loads[2]!);
  const retired = runs.map(({ machine }) => machine.processor.retired);
  expect(retired).toEqual(retired.map(() => retired[0]));
});
