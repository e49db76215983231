import { describe, expect, test } from 'vitest';
import { Fpu } from '../../src/x86/fpu.ts';
import { State, System, SystemBase } from '../../src/x86/state.ts';

/** What is longer than a 32-bit word, in bytes. */
const LENGTHS: Readonly<Record<string, number>> = {
  GPR: 32,
  FLAG_RESULT: 8,
  DR: 32,
  SEGMENTS: 8 * 32,
  PDPTES: 32,
  REGISTERS: 128,
  XMM: 128,
};

describe('nothing lies where something else does', () => {
  test.each<[string, Readonly<Record<string, number>>]>([
    ['in the state', State],
    ['in a system state', System],
    ['in the FPU', Fpu],
  ])('%s', (_name, fields) => {
    const sorted = Object.entries(fields).sort(([, x], [, y]) => x - y);
    const overlaps = sorted.filter(([name, at], i) => {
      const next = sorted[i + 1];
      return next !== undefined && at + (LENGTHS[name] ?? 4) > next[1];
    });
    expect(overlaps).toEqual([]);
  });

  test('between the two system states', () => {
    const end = Math.max(...Object.values(System)) + 4;
    expect(SystemBase.PHYSICAL + end).toBeLessThanOrEqual(SystemBase.VIRTUAL);
    expect(SystemBase.VIRTUAL + end).toBeLessThanOrEqual(State.HISTORY);
  });
});
