/** Bad input: one line that names the thing and the reason, exit code 2, nothing else. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileWith, HALT, kernelWith, ringdown } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'ringdown-'));
const elf64 = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, ...Array(57).fill(0)]);

const files = {
  KERNEL: await kernelWith('good', HALT),
  EMPTY: fileWith('empty', ''),
  TEXT: fileWith('text', 'Dear reader,\n'),
  ELF64: fileWith('elf64', elf64),
  TRUNCATED: fileWith('truncated', elf64.subarray(0, 20)),
  BIG: fileWith('big', new Uint8Array(9 << 20)),
  FOLDER: folder,
  MISSING: join(folder, 'missing'),
} as const;

const expand = (text: string): string =>
  text.replace(/\b[A-Z0-9]+\b/g, (word) => files[word as keyof typeof files] ?? word);

test.each([
  ['', 'no kernel is given'],
  ['MISSING', 'MISSING: no such file'],
  ['FOLDER', 'FOLDER: is a directory'],
  ['/dev/null', '/dev/null: is neither a file nor a pipe'],
  ['EMPTY', 'EMPTY is empty'],
  ['TEXT', 'TEXT is a text file'],
  ['ELF64', 'ELF64 is a 64-bit ELF file'],
  ['TRUNCATED', 'TRUNCATED is'],
  ['KERNEL -initrd MISSING', 'MISSING: no such file'],
  ['KERNEL -initrd MISSING,TEXT', 'MISSING: no such file'],
  ['KERNEL -m 8M -initrd BIG', 'BIG'],
  ['KERNEL -m 1M', 'memory of 1048576 bytes'],
  ['KERNEL -m 5G', 'memory of 5120 MiB: at most'],
  ['KERNEL -m 2047M', 'memory of 2047 MiB: at most'],
  ['KERNEL -m lots', "'lots' is invalid"],
  ['KERNEL -m', 'argument missing'],
  ['KERNEL --cache-size 1K', 'translation cache of 1024 bytes'],
  ['KERNEL --technique magic', 'there is no technique magic: there are native'],
  ['KERNEL --eviction random', "'random' is invalid. Allowed choices are fifo, units, flush, clock"],
  ['KERNEL --block-length 0', "'0' is invalid. It is a whole number from 1 to 64"],
  ['KERNEL --block-length 65', "'65' is invalid. It is a whole number from 1 to 64"],
  ['KERNEL --engine steam', "'steam' is invalid. Allowed choices are"],
  ['KERNEL --clock sun', "'sun' is invalid. Allowed choices are"],
  ['KERNEL --stats xml', "'xml' is invalid. Allowed choices are"],
  ['KERNEL --log-level loud', "'loud' is invalid. Allowed choices are"],
  ['KERNEL --sttas text', "unknown option '--sttas' (Did you mean --stats?)"],
  ['KERNEL -cpu i860', "'i860' is invalid. Allowed choices are 486, pentium, pentium2, pentium3, pentium4"],
  ['KERNEL -machine pc', 'unknown option -machine'],
  ['KERNEL -display gtk', "'gtk' is invalid. Allowed choices are"],
  ['KERNEL -device e1000', "'e1000' is invalid. The only device"],
  ['KERNEL -device isa-debug-exit,iosize=3', 'iosize is 1, 2 or 4'],
  ['KERNEL -device isa-debug-exit,iobase=0xffff', 'Ports end at 0xffff'],
  ['KERNEL -device isa-debug-exit,irq=3', 'not irq=3'],
  ['KERNEL -serial tcp::1', "'tcp::1' is invalid"],
  ['KERNEL -serial stdio -serial stdio', 'Only one serial port'],
  ['KERNEL -serial null -serial null -serial null', 'two serial ports'],
  ['KERNEL -serial file:MISSING/x', 'MISSING/x: no such file'],
  ['KERNEL --stats-file FOLDER', 'FOLDER: is a directory'],
  ['KERNEL --report FOLDER', 'FOLDER: is a directory'],
  ['KERNEL --report MISSING/x.html', 'MISSING/x.html: no such file'],
  ['KERNEL KERNEL', 'too many arguments'],
  ['-kernel KERNEL KERNEL', 'two kernels are given'],
  ['hello KERNEL', 'too many arguments'],
])('%s', async (args, message) => {
  const { exitCode, stdout, stderr } = await ringdown(args.split(' ').filter(Boolean).map(expand));
  expect(stderr).toContain(expand(message));
  expect(stderr).toMatch(/^ringdown: [^\n]+\n$/);
  expect(stdout).toBe('');
  expect(exitCode).toBe(2);
});

test('line breaks in names do not break the line', async () => {
  const { stderr } = await ringdown([`${files.MISSING}\nringdown: all is well`]);
  expect(stderr.match(/\n/g)).toHaveLength(1);
});
