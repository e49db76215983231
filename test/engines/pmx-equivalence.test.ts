/** Popek and Goldberg's equivalence on pmx: what its kernel sees under each technique, line for line. */
import { describe, expect, test } from 'vitest';
import { bt, type Technique, trap } from '../../src/techniques/index.ts';
import { meaningOf } from '../../src/translator/opcodes.ts';
import { lostBy } from './lost.ts';
import { pmxIsThere, runPmx } from './pmx.ts';
import { engine } from './support.ts';

/** What executes Robin and Irvine's instructions, and IRET: sensitive, and without a trap in ring 1. */
const SENSITIVE_UNPRIVILEGED: readonly string[] = [
  ...['sgdt', 'sidt', 'sldt', 'smsw', 'str', 'pushf', 'popf', 'lar', 'lsl', 'verr', 'verw'],
  ...['push.segment', 'mov.from.segment', 'pop_sreg', 'mov_to_sreg', 'lds', 'les', 'lfs', 'lgs', 'lss'],
  ...['call_far', 'call_far_mem', 'jmp_far', 'jmp_far_mem', 'retf', 'iret', 'int_n'],
];

/** Trap-and-emulate that rewrites just some of these instructions. */
const repaired = (left: readonly string[] = []): Technique => ({
  ...trap,
  name: 'trap with the sensitive instructions rewritten',
  treatment(instruction, kernel) {
    const meaning = meaningOf(instruction);
    const name = meaning === undefined ? '' : 'handler' in meaning ? meaning.handler : meaning.callout;
    return SENSITIVE_UNPRIVILEGED.includes(name) && !left.includes(name)
      ? bt.treatment(instruction, true)
      : trap.treatment(instruction, kernel);
  },
});

/** By the name of a snippet of pmx the instruction that makes its line wrong; LLDT is followed by SLDT. */
const INSTRUCTIONS: Readonly<Record<string, string>> = {
  sldt: 'SLDT',
  sldt_m: 'SLDT',
  lldt: 'SLDT',
  smsw: 'SMSW',
  lar: 'LAR',
  lsl: 'LSL',
  verr: 'VERR',
  verw: 'VERW',
  jmp_far: 'JMP far',
  call_far: 'CALL far',
  retf: 'RET far',
  retf8: 'RET far',
};

/** pmx is long for the reference engine, which runs the same records. */
const runs = pmxIsThere && engine === 'core';

describe.skipIf(!runs)('pmx (skipped where RINGDOWN_ORACLE names no folder)', async () => {
  const native = runs ? await runPmx('native') : { lines: [] as readonly string[] };

  test('natively it comes to its end', () => {
    expect(native.lines.length).toBeGreaterThan(6000);
  });

  test('binary translation is equivalent', async () => {
    const { lines, run } = await runPmx('bt');
    expect(lines).toEqual(native.lines);
    expect(run.outcome).toEqual({ kind: 'exit', status: 1 });
  });

  test.each(['hw', 'hw+nested'] as const)('guest mode is equivalent: %s', async (technique) => {
    const { lines, run } = await runPmx(technique);
    expect(lines).toEqual(native.lines);
    expect(run.outcome).toEqual({ kind: 'exit', status: 1 });
  });

  test('trap-and-emulate is equivalent once the sensitive unprivileged instructions are rewritten', {
    timeout: 180_000,
  }, async () => {
    const { lines, run } = await runPmx(repaired());
    expect(lines).toEqual(native.lines);
    expect(run.outcome).toEqual({ kind: 'exit', status: 1 });
  });

  test('what is left as it is goes wrong, and nothing else', { timeout: 180_000 }, async () => {
    const left = [
      'sldt',
      'smsw',
      'lar',
      'lsl',
      'verr',
      'verw',
      'jmp_far',
      'jmp_far_mem',
      'call_far',
      'call_far_mem',
      'retf',
    ];
    const { lines, run } = await runPmx(repaired(left));
    const wrong = new Map<string, number>();
    for (const [i, line] of native.lines.entries()) {
      const instruction = INSTRUCTIONS[line.split(' ')[0]!] ?? line;
      if (lines[i] !== line) wrong.set(instruction, (wrong.get(instruction) ?? 0) + 1);
    }
    // Each wrong line is of one execution that was recorded, and each that was recorded is a wrong line.
    const leaks = run.machine.leaks!;
    expect(leaks.byInstruction).toEqual(Object.fromEntries(wrong));
    expect(leaks.leaking).toBe(148);
    expect(lostBy(leaks)).toEqual({
      SLDT: ['LDTR'],
      SMSW: ['CR0'],
      LAR: ['ZF, access rights', 'access rights'],
      LSL: ['ZF, limit'],
      VERR: ['ZF'],
      VERW: ['ZF'],
      'JMP far': ['exception'],
      'CALL far': ['exception', 'return address'],
      'RET far': ['exception', 'privilege level, stack, data segment', 'stack, data segment'],
    });
  });

  const flags = ['IF', 'IF, IOPL', 'IOPL'];
  /** Instructions that share lines, or that pmx uses to look at itself; with what each loses, and how often. */
  const others: readonly [
    left: string[],
    lost: Record<string, string[]>,
    executions: Record<string, number>,
  ][] = [
    [
      ['pushf', 'popf', 'push.segment', 'pop_sreg', 'mov_to_sreg', 'lds', 'les', 'lfs', 'lgs', 'lss'],
      {
        PUSHF: flags,
        POPF: flags,
        'POP segment register': ['exception'],
        'MOV to segment register': ['exception'],
        LDS: ['exception'],
        LSS: ['exception'],
      },
      // Four of the moves are in one handler of pmx, of which there is one line.
      {
        PUSHF: 105,
        POPF: 37,
        'POP segment register': 3,
        'MOV to segment register': 3 * 3 + 1 + 4,
        LDS: 3,
        LSS: 1,
      },
    ],
    [
      ['str', 'mov.from.segment'],
      { STR: ['TR'], 'MOV from segment register': ['RPL'] },
      { 'MOV from segment register': 6543, STR: 5587 },
    ],
  ];
  test.each(others)(
    '%j: what they lose is recorded, and nothing else',
    { timeout: 180_000 },
    async (left, lost, executions) => {
      const { run } = await runPmx(repaired(left));
      expect(lostBy(run.machine.leaks!)).toEqual(lost);
      expect(run.machine.leaks!.byInstruction).toEqual(executions);
    },
  );

  test('trap-and-emulate as it is loses its way with the first LGDT of what SGDT has shown', async () => {
    const { lines, run } = await runPmx('trap');
    expect(lines.at(-1)).toMatch(/^popf16 cpl3/);
    expect(run.outcome).toMatchObject({ kind: 'shutdown' });
    // STR and MOV from SS, with which pmx looks at itself, are in every line.
    expect(lines.filter((line, i) => line === native.lines[i])).toEqual([]);
  });
});
