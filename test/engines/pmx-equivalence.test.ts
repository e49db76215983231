/** Popek and Goldberg's equivalence on pmx: what its kernel sees under each technique, line for line. */
import { describe, expect, test } from 'vitest';
import { bt, type Technique, trap } from '../../src/techniques/index.ts';
import { meaningOf } from '../../src/translator/opcodes.ts';
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
      'call_far_mem',
      'retf',
    ];
    const { lines } = await runPmx(repaired(left));
    const wrong = native.lines.filter((line, i) => lines[i] !== line);
    const names = new Set(wrong.map((line) => line.split(' ')[0]));
    // LLDT is followed by SLDT.
    const expected = ['sldt', 'sldt_m', 'lldt', 'smsw', 'lar', 'lsl', 'verr', 'verw', 'jmp_far', 'call_far'];
    expect([...names].sort()).toEqual([...expected, 'retf', 'retf8'].sort());
  });

  test('trap-and-emulate as it is loses its way with the first LGDT of what SGDT has shown', async () => {
    const { lines, run } = await runPmx('trap');
    expect(lines.at(-1)).toMatch(/^popf16 cpl3/);
    expect(run.outcome).toMatchObject({ kind: 'shutdown' });
    // STR and MOV from SS, with which pmx looks at itself, are in every line.
    expect(lines.filter((line, i) => line === native.lines[i])).toEqual([]);
  });
});
