/** `ringdown explain`, as a user calls it. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import type { Explanation } from '../../src/laboratory/explain.ts';
import { fileWith, kernelWith, ringdown } from './program.ts';

/** Every treatment, fused pairs, and blocks that end in every way; one lies across a page. */
const KERNEL = `
  mov $0x9000, %esp
  mov $3, %ecx
loop_start:
  mov %ecx, %eax
  mov %eax, %edx
  pushfd
  popl %ebx
  cpuid
  fninit
  fldpi
  fsin
  fstp %st(0)
  mov $5, %ecx
inner:
  cmp $1, %ecx
  je done
  decl %ecx
  jmp inner
done:
  call subroutine
  jmp across
subroutine:
  sgdt 0x8000
  pushl %cs
  popl %eax
  movl %ds, %eax
  movl %eax, %ds
  cli
  ret
.balign 4096, 0
across:
  jmp behind
.fill 4088, 1, 0
behind:
  mov $0x12345678, %eax
  nop
  mov $5, %eax
  mov $0xf4, %dx
  outl %eax, %dx
stop:
  jmp stop
`;
let kernel = '';
beforeAll(async () => {
  kernel = await kernelWith('explained', KERNEL);
});
const explain = (...args: readonly string[]) => ringdown(['explain', kernel, ...args]);

test('every block, the liveliest first', async () => {
  const { exitCode, stdout, stderr } = await explain('--hot', '20');
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  const text = Buffer.from(stdout, 'latin1').toString('utf8');
  await expect(text).toMatchFileSnapshot('explained.txt');
  expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
});

test('under native nothing is rewritten', async () => {
  const { stdout } = await explain('--at', 'subroutine', '--technique', 'native');
  expect(stdout).toMatch(/ sgdt fword ptr \[0x8000\] +IDENT +sgdt, in the host/);
  expect(stdout).toMatch(/ cli +IDENT +cli/);
});

test('under trap what does not trap is witnessed', async () => {
  const { exitCode, stdout } = await explain('--at', '_start', '--technique', 'trap');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/ pushfd +IDENT +pushf.32, witnessed/);
});

test('as JSON, by address, with an offset', async () => {
  const json = fileWith('explained.json', '');
  const { exitCode } = await explain('--at', 'inner+3', '--json', json);
  expect(exitCode).toBe(0);
  const { blocks }: Explanation = JSON.parse(readFileSync(json, 'utf8'));
  expect(blocks.map(({ symbol, entries }) => [symbol, entries])).toEqual([
    ['_start', 1],
    ['inner', 4],
  ]);
  expect(blocks[1]!.exits).toMatchObject([
    { kind: 'direct', way: 'taken', symbol: 'done', chained: 'linked' },
    { kind: 'direct', way: 'not taken', symbol: 'inner+0x5', chained: 'linked' },
  ]);
});

test.each([
  [['--at', 'nowhere'], '--at nowhere: no symbol of that name'],
  [['--at', 'fffffff0'], 'fffffff0: no code there was translated in 45 instructions'],
  [['--at', '100', '--hot', '1'], '--at and --hot exclude each other'],
  [['--hot', '0'], "option '--hot <n>' argument '0' is invalid. Give a whole number, at least 1."],
  [['--json', '/nowhere/x'], '/nowhere/x: no such file'],
  [['--symbols', '/dev/null/x'], '/dev/null/x: a part of the path is not a directory'],
])('%j', async (args, message) => {
  const { exitCode, stdout, stderr } = await explain(...args);
  expect(stderr).toBe(`ringdown: ${message}\n`);
  expect(stdout).toBe('');
  expect(exitCode).toBe(2);
});
