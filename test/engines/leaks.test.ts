/** The leak report: what trap-and-emulate silently gets wrong is found, all of it and nothing else. */
import { describe, expect, test } from 'vitest';
import { readExpected } from '../../guests/files.ts';
import { findGuest, guests } from '../../guests/index.ts';
import type { LeakReport } from '../../src/index.ts';
import type { TechniqueName } from '../../src/machine/machine.ts';
import { type Technique, techniqueNames, trap } from '../../src/techniques/index.ts';
import { Treatment } from '../../src/translator/encode.ts';
import { sensitiveInstructions } from '../../src/x86/sensitive-instructions.ts';
import { lostBy } from './lost.ts';
import { snapshot } from './snapshot.ts';
import { runGuest } from './support.ts';

/** Instructions after which a guest that waits forever is given up. */
const PATIENCE = 1e5;

const leaksOf = async (name: string, technique: TechniqueName): Promise<LeakReport> =>
  (await runGuest(findGuest(name), technique, { instructions: PATIENCE })).machine.leaks!;

const CS_OR_SS = { 'MOV from segment register': ['RPL'] };
/** To get from ring 0 to ring 1 these guests use an IRET, which is one within the ring. */
const IRET = { IRET: ['stack'] };
const IRET_WITH_DATA = { IRET: ['stack, data segment'] };

/**
 * By the manual, what each guest of one instruction executes that must lie where its kernel has ring 1. What the
 * guests themselves find wrong is in guests/index.ts.
 */
const expected: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  sgdt: { SGDT: ['GDTR'], ...IRET },
  sidt: { SIDT: ['IDTR'], ...IRET },
  sldt: { SLDT: ['LDTR'], ...IRET },
  // Its 16 bits are the guest's own.
  smsw: {},
  str: { STR: ['TR'], ...IRET },
  pushf: { PUSHF: ['IF'], POPF: ['IOPL'], IRET: ['IF', 'IF, IOPL', 'IOPL, stack'] },
  popf: { POPF: ['IF'] },
  lar: { LAR: ['ZF, access rights', 'access rights'], ...IRET_WITH_DATA },
  lsl: { LSL: ['ZF, limit'], ...IRET_WITH_DATA },
  verr: { VERR: ['ZF'], ...IRET_WITH_DATA },
  verw: { VERW: ['ZF'], ...IRET_WITH_DATA },
  'push-seg': { 'PUSH segment register': ['RPL'], ...IRET },
  'pop-seg': { 'POP segment register': ['exception'], ...CS_OR_SS, ...IRET },
  'mov-seg': { 'MOV to segment register': ['accessed bit', 'exception'], ...CS_OR_SS, ...IRET },
  'call-far': {
    'CALL far': ['accessed bit', 'return address'],
    'RET far': ['exception'],
    ...CS_OR_SS,
    ...IRET,
  },
  'jmp-far': { 'JMP far': ['accessed bit', 'exception'], ...CS_OR_SS, ...IRET },
  'ret-far': { 'RET far': ['stack, data segment'], ...CS_OR_SS, ...IRET },
  // INT n itself goes through the interrupt table, which is the monitor's.
  'int-n': { PUSHF: ['IF'], IRET: ['IF', 'stack'] },
  iret: { IRET: ['IF', 'IF, IOPL', 'stack, data segment'], PUSHF: ['IF'], ...CS_OR_SS },
  'cli-sti': { IRET: ['IF, IOPL', 'IOPL', 'IOPL, stack', 'stack'] },
  cpuid: { PUSHF: ['IF'], POPF: ['IF'] },
  rdtsc: IRET,
  io: { IRET: ['IOPL', 'IOPL, stack', 'stack'] },
  'load-far-pointer': { LES: ['exception'], ...CS_OR_SS, ...IRET },
  fnstenv: { FNSTENV: ['selectors'], FNSAVE: ['selectors'], ...IRET_WITH_DATA },
  arpl: CS_OR_SS,
  sysenter: { PUSHF: ['IF'], ...CS_OR_SS, IRET: ['IF', 'IF, stack'] },
  hlt: { IRET: ['IOPL', 'stack'] },
  lldt: { 'MOV to segment register': ['accessed bit'], ...IRET },
  'mov-cr': IRET,
  'mov-dr': IRET,
  lgdt: IRET,
  lidt: IRET,
  ltr: IRET,
  invlpg: IRET,
  'clts-lmsw': IRET,
};

describe('every instruction that lies is named, and no other', () => {
  const names = guests
    .map(({ name }) => /^sensitive\/(.*)/.exec(name)?.[1])
    .filter((name) => name !== undefined);

  test.each(names)('%s', async (name) => {
    const report = await leaksOf(`sensitive/${name}`, 'trap');
    expect(lostBy(report)).toEqual(expected[name]);
    expect(report.leaking + report.innocuous + report.trapped).toBe(report.witnessed);
    const executions = report.places.reduce((sum, place) => sum + place.executions, 0);
    expect(executions + report.unrecorded).toBe(report.leaking);
    expect(Object.values(report.byInstruction).reduce((sum, n) => sum + n, 0)).toBe(report.leaking);
  });
});

test('a place says what was seen first, and what should have been', async () => {
  const { places } = await leaksOf('sensitive/popf', 'trap');
  expect(places).toMatchObject([
    {
      instruction: 'POPF',
      ring: 0,
      lost: 'IF',
      saw: 'EFLAGS 00000002',
      should: 'EFLAGS 00000202',
      executions: 1,
    },
    {
      instruction: 'POPF',
      ring: 0,
      lost: 'IF',
      saw: 'EFLAGS 00000202',
      should: 'EFLAGS 00000002',
      executions: 1,
    },
  ]);
  expect(places[0]!.first).toBeLessThan(places[1]!.first);
});

test('an exception that should not have come is a leak, too', async () => {
  const { places } = await leaksOf('task-paging', 'trap');
  // IRET with NT looks for its caller in the monitor's TSS.
  expect(places).toMatchObject([
    { instruction: 'STR', lost: 'TR', saw: 'EAX 00004000', should: 'EAX 00000048' },
    { instruction: 'IRET', lost: 'execution', saw: '#TS(FFFC)', should: 'no exception' },
  ]);
});

/** Nobody looks on. */
const unwitnessed: Technique = {
  ...trap,
  treatment(instruction, kernel) {
    const treatment = trap.treatment(instruction, kernel);
    return treatment === Treatment.WITNESS ? Treatment.IDENT : treatment;
  },
};

describe('looking on changes nothing', () => {
  const names = [
    'preempt',
    'pae',
    'gates',
    'virtual-8086',
    'debug',
    'watchpoints',
    'cached-segments',
    'timer',
  ];
  test.each([...names, 'sensitive/mov-seg', 'sensitive/iret'])('%s', async (name) => {
    const runs = [
      await runGuest(findGuest(name), unwitnessed),
      await runGuest(findGuest(name), trap),
    ] as const;
    const [without, seen] = runs.map(({ machine, text, outcome, interrupts }) => ({
      ...snapshot(machine),
      outcome,
      text,
      interrupts,
      retired: machine.processor.retired,
      exceptions: [...machine.processor.counters.faults],
      monitor: machine.monitorCounters,
    }));
    expect(seen).toEqual(without);
    expect(runs[0].machine.leaks!.witnessed).toBe(0);
    expect(runs[1].machine.leaks!.witnessed).toBeGreaterThan(0);
  });
});

test('techniques that leave nothing as it is have no report', async () => {
  for (const technique of ['native', 'bt', 'hw'] as const)
    expect((await runGuest(findGuest('sensitive/smsw'), technique)).machine.leaks).toBeNull();
});

/** The guests of the seventeen, and one more that reads all of CR0 by SMSW. */
const LISTED = [
  'red-pill',
  ...guests.map(({ name }) => name).filter((name) => name.startsWith('sensitive/')),
].slice(0, 1 + 18);

/** The list's mnemonics, VERR and VERW as one: then they are seventeen. */
const mnemonicOf = (instruction: string): string | undefined => {
  const entry = Object.values(sensitiveInstructions).find(({ name }) => name === instruction);
  return entry?.listed?.mnemonic.replace(/VER[RW]/, 'VERR, VERW');
};
const leakingMnemonics = async (technique: TechniqueName): Promise<Set<string>> => {
  const found = new Set<string>();
  for (const name of LISTED)
    for (const instruction of Object.keys((await leaksOf(name, technique)).byInstruction)) {
      const mnemonic = mnemonicOf(instruction);
      if (mnemonic !== undefined) found.add(mnemonic);
    }
  return found;
};

test('of the seventeen all but INT n lie silently; UMIP closes five, in either ring', {
  timeout: 240_000,
}, async () => {
  const seventeen = new Set(
    Object.values(sensitiveInstructions)
      .map(({ name }) => mnemonicOf(name))
      .filter((mnemonic) => mnemonic !== undefined),
  );
  expect(seventeen.size).toBe(17);
  const leaking = await leakingMnemonics('trap');
  expect([...seventeen].filter((mnemonic) => !leaking.has(mnemonic))).toEqual(['INT']);
  const left = await leakingMnemonics('trap+umip');
  expect([...leaking].filter((mnemonic) => !left.has(mnemonic)).sort()).toEqual([
    ...['SGDT', 'SIDT', 'SLDT', 'SMSW', 'STR'],
  ]);
  expect([...left].filter((mnemonic) => !leaking.has(mnemonic))).toEqual([]);
  const ring3 = await leakingMnemonics('trap+ring3+umip');
  expect([...ring3].sort()).toEqual([...left].sort());
});

describe('the red pill', () => {
  const pill = findGuest('red-pill');
  const equivalent = techniqueNames.filter((name) => !name.startsWith('trap'));

  test.each(equivalent)('finds nothing under %s', async (technique) => {
    const { text } = await runGuest(pill, technique as TechniqueName);
    expect(text).toBe(await readExpected('red-pill'));
  });

  /** How many of its eight questions get a wrong answer in ring 0 and in ring 3, and what it concludes. */
  const cases: readonly [TechniqueName, number, number, string][] = [
    ['trap', 8, 7, 'GDT at FFC00000, IDT at FFC10000, my kernel in ring 1'],
    ['trap+ring3', 8, 7, 'GDT at FFC00000, IDT at FFC10000, my kernel in ring 3'],
    ['trap+umip', 3, 2, 'GDT at 001000E0, IDT at 001007E8, my kernel in ring 1'],
    ['trap+ring3+umip', 3, 2, 'GDT at 001000E0, IDT at 001007E8, my kernel in ring 3'],
  ];
  test.each(cases)(
    'sees %s from ring 0 by %d answers, from ring 3 by %d',
    async (technique, inner, outer, seen) => {
      const { text, outcome, machine } = await runGuest(pill, technique);
      expect(text).toContain(`Seen from the kernel: ${inner} of 8 answers were not mine\n`);
      expect(text).toContain(`Seen from user mode: ${outer} of 8 answers were not mine\n`);
      expect(text.split('\n').at(-2)).toBe(`a monitor is here: ${seen}`);
      expect(outcome).toEqual({ kind: 'exit', status: 3 });
      // Each wrong answer, and nothing else, is a leak of ring 3's; ring 0's tell what they saw once more at the end.
      const { places } = machine.leaks!;
      expect(places.filter(({ ring }) => ring === 3)).toHaveLength(outer);
    },
  );
});

test('users are kept out of the kernel’s pages where both have ring 3', async () => {
  const { text } = await runGuest(findGuest('paging'), 'trap+ring3');
  expect(text).toBe(await readExpected('paging'));
});
