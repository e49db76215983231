/** The audit finds what is there, where it is, and how often it was executed. */
import { expect, test } from 'vitest';
import { guests } from '../../guests/index.ts';
import type { CreateOptions, KernelImage } from '../../src/index.ts';
import { type Audit, audit } from '../../src/laboratory/audit.ts';
import { hotRegions } from '../../src/laboratory/heat.ts';
import { runProfiled } from '../../src/laboratory/profiled-run.ts';
import { symbolsOfKernel } from '../../src/laboratory/symbols.ts';
import { sensitiveInstructionNamed } from '../../src/x86/sensitive-instructions.ts';
import { guestImage, inlineImage } from './support.ts';

const audited = async (image: KernelImage, machine: CreateOptions = {}): Promise<Audit> =>
  audit({
    image,
    symbols: symbolsOfKernel(image.kernel, image.name),
    run: await runProfiled({
      image,
      machine: { memory: 16 << 20, ...machine },
      limits: { instructions: 2e6 },
    }),
  });
const executionsOf = (result: Audit, name: string): number =>
  result.instructions.find((one) => one.name === name)?.executions ?? 0;

/** Guests of the index whose names are not the instruction's. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'push-seg': ['PUSH segment register'],
  'pop-seg': ['POP segment register'],
  'mov-seg': ['MOV to segment register', 'MOV from segment register'],
  'call-far': ['CALL far'],
  'jmp-far': ['JMP far'],
  'ret-far': ['RET far'],
  'int-n': ['INT n'],
  'cli-sti': ['CLI', 'STI'],
  io: ['IN', 'OUT'],
  'load-far-pointer': ['LDS', 'LES', 'LFS', 'LGS', 'LSS'],
  fnstenv: ['FNSTENV', 'FNSAVE'],
  sysenter: ['SYSENTER', 'SYSEXIT'],
  'mov-cr': ['MOV to control register', 'MOV from control register'],
  'mov-dr': ['MOV to debug register', 'MOV from debug register'],
  invlpg: ['INVLPG', 'WBINVD'],
  'clts-lmsw': ['CLTS', 'LMSW'],
};
const sensitiveGuests = guests.filter(({ name }) => name.startsWith('sensitive/'));

test.each(sensitiveGuests)('$name: its instruction', async ({ name }) => {
  const result = await audited(await guestImage(name));
  const short = name.replace('sensitive/', '');
  for (const wanted of NAMES[short] ?? [short.toUpperCase()]) {
    const found = result.instructions.find((one) => one.name === wanted);
    expect(found).toBeDefined();
    expect(found!.executions).toBeGreaterThan(0);
  }
});

/** Each of the eighteen, and relatives, twice. */
const EACH = `
    mov $2, %ecx
again:
    sgdt 0x200000
    sidt 0x200000
    sldt %eax
    smsw %eax
    pushfd
    popfd
    mov $0x10, %eax
    lar %eax, %ebx
    lsl %eax, %ebx
    verr %ax
    verw %ax
    push %ds
    pop %ds
    mov %ds, %ebx
    str %eax
    .byte 0x9a
    .long callee
    .word 0x08
    .byte 0xea
    .long behind
    .word 0x08
callee: .byte 0xcb
behind:
    cpuid
    rdtsc
    mov %cr0, %eax
    mov $2, %ecx
    xchg %ecx, count
    dec %ecx
    mov %ecx, count
    jnz again
    cli
    hlt
count: .long 2
`;

test.each(['native', 'bt', 'trap'] as const)('each once in a loop of two, under %s', async (technique) => {
  const image = await inlineImage(EACH);
  const start = await audited(await inlineImage('cli\n hlt'), { technique });
  const result = await audited(image, { technique });
  const more = result.instructions
    .map(({ name, executions }) => [name, executions - executionsOf(start, name)] as const)
    .filter(([, executions]) => executions !== 0);
  const twice = [
    ...['SGDT', 'SIDT', 'SLDT', 'SMSW', 'PUSHF', 'POPF', 'LAR', 'LSL', 'VERR', 'VERW', 'STR'],
    ...['PUSH segment register', 'POP segment register', 'MOV from segment register'],
    ...['CALL far', 'RET far', 'JMP far', 'CPUID', 'RDTSC', 'MOV from control register'],
  ];
  expect(Object.fromEntries(more)).toEqual(Object.fromEntries(twice.map((name) => [name, 2])));
  const site = result.sites.find(({ text }) => text.startsWith('sgdt'))!;
  expect(site).toMatchObject({
    symbol: 'again',
    executions: 2,
    byCpl: [2, 0, 0, 0],
    inFile: 'followed',
    translated: true,
  });
});

test('executions are told apart by CPL', async () => {
  const { sites } = await audited(await guestImage('sensitive/str'));
  const rings = new Set(
    sites.filter(({ name }) => name === 'STR').flatMap(({ byCpl }) => byCpl.map((n) => n > 0).indexOf(true)),
  );
  expect(rings).toEqual(new Set([0, 1, 3]));
});

test('a file alone', async () => {
  const image = await guestImage('sensitive/sidt');
  const result = await audit({ image, symbols: symbolsOfKernel(image.kernel, image.name) });
  expect(result.run).toBeNull();
  expect(result.file.ranges).toMatchObject([{ name: '.text', linear: 0x100000 }]);
  const sidt = result.instructions.find(({ name }) => name === 'SIDT')!;
  expect(sidt).toMatchObject({ executions: 0, sitesTranslated: 0, condition: '3B' });
  expect(sidt.sitesFollowed + sidt.sitesSwept).toBeGreaterThan(2);
});

test('what naive trap-and-emulate would trap at, and what it would not', async () => {
  const { run } = await audited(await inlineImage('pushfd\n sgdt 0x200000\n mov %cr0, %eax\n cli\n hlt'));
  const start = await audited(await inlineImage('cli\n hlt'));
  expect(run!.silent - start.run!.silent).toBe(2);
  expect(run!.trapping - start.run!.trapping).toBe(1);
});

test('pages sum up to the instructions executed', async () => {
  const { run } = await audited(await guestImage('sensitive/str'));
  const total = run!.pages.reduce((sum, { executions }) => sum + executions, 0);
  expect(total + run!.unattributed).toBe(run!.instructions);
  const regions = hotRegions(run!.pages, 64, 2);
  expect(regions[0]).toMatchObject({ linear: 0x100000 });
  expect(regions[0]!.pages.length).toBe(64);
});

test('what was called out was executed', async () => {
  const image = await guestImage('timer');
  const run = await runProfiled({ image, machine: { memory: 16 << 20 }, limits: { instructions: 5e6 } });
  const result = await audit({ image, symbols: symbolsOfKernel(image.kernel, image.name), run });
  const { callouts } = run.machine.statistics();
  const calledOut = new Map<string, number>();
  for (const [callout, count] of Object.entries(callouts)) {
    const name = sensitiveInstructionNamed(callout)?.name ?? callout;
    calledOut.set(name, (calledOut.get(name) ?? 0) + count);
  }
  expect(calledOut.get('OUT')).toBeGreaterThan(100);
  for (const name of ['IN', 'OUT', 'HLT', 'LGDT', 'LIDT', 'CPUID'])
    expect([name, executionsOf(result, name)]).toEqual([name, calledOut.get(name) ?? 0]);
});
