/** RDTSC in the cache gives what the monitor's callout gives, wherever it stands. */
import { expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { bt } from '../../src/techniques/bt.ts';
import { native, type Technique } from '../../src/techniques/index.ts';
import { Treatment } from '../../src/translator/encode.ts';
import { runKernel } from './support.ts';

const RDTSC = 0x0f31;
const byCallout: Technique = {
  ...bt,
  treatment: (i, kernel) => (i.opcode === RDTSC ? Treatment.CALLOUT : bt.treatment(i, kernel)),
};

/** Reads the counter at many places of blocks, with the timer armed, single-stepped, and behind a WRMSR. */
const source = `
.include "lib/start.s"
.include "lib/timer.s"
.macro read_counter
    rdtsc
    call print_hexadecimal
    mov %edx, %eax
    call print_hexadecimal
    print "\\n"
.endm
main:
    handle 1, stepped
    call pic_initialize
    handle IRQ_BASE, tick
    read_counter
    nop
    nop
    read_counter
    start_ticking 1000
    sti
    mov $40, %ebx
1:  read_counter
    mov $5000, %ecx
2:  dec %ecx
    jnz 2b
    dec %ebx
    jnz 1b
    cli
    pushfl
    orl $0x100, (%esp)
    popfl
    rdtsc
    nop
    rdtsc
    pushfl
    andl $0xfffffeff, (%esp)
    popfl
    call print_hexadecimal
    mov $0x10, %ecx
    mov $0xfffffff0, %eax
    mov $0x12345678, %edx
    wrmsr
    read_counter
    read_counter
    xor %eax, %eax
    ret
tick:
    rdtsc
    add %eax, sum
    mov $0x20, %al
    outb %al, $0x20
    ret
stepped:
    rdtsc
    add %eax, sum
    ret
.balign 4, 0
sum:
    .long 0
`;

test('in the cache, by callout and without a monitor', async () => {
  const library = sourcesIn();
  const read = (path: string) => (path === 'inline.s' ? Promise.resolve(source) : library(path));
  const { image } = await buildGuest('inline', read);
  const runs = await Promise.all([native, bt, byCallout].map((technique) => runKernel(image, technique)));
  const [bare, inCache, callout] = runs;
  expect(bare!.outcome).toEqual({ kind: 'exit', status: 1 });
  expect(bare!.text).toMatch(/12345678\n/);
  expect(bare!.interrupts.length).toBeGreaterThan(2);
  expect(inCache!.text).toBe(bare!.text);
  expect(callout!.text).toBe(bare!.text);
  const statistics = runs.map(({ machine }) => machine.statistics());
  expect(statistics[1]!.callouts.rdtsc).toBeUndefined();
  expect(statistics[2]!.callouts.rdtsc).toBeGreaterThan(40);
});
