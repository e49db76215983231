/** Makes a case smaller as long as it still shows that two runs differ. */
import { type Case, defaultCase } from './case.ts';

type Fails = (c: Case) => boolean;

/** The first smaller case that fails, given candidates from the boldest on; the case itself if none does. */
const firstFailing = (c: Case, candidates: Iterable<Case>, fails: Fails): Case => {
  for (const candidate of candidates) if (fails(candidate)) return candidate;
  return c;
};

/** Removes as many elements of a list as can go, halves first. */
const shrinkList = <T>(
  list: readonly T[],
  withList: (list: readonly T[]) => Case,
  fails: Fails,
): readonly T[] => {
  let kept = list;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (fails(withList(without))) kept = without;
      else at += size;
    }
  }
  return kept;
};

const shrinkBudget = (c: Case, fails: Fails): Case => {
  let current = c;
  for (;;) {
    const { budget } = current;
    const counts = [Math.floor(budget / 4), Math.floor(budget / 2), budget - 8, budget - 1];
    const candidates = counts.filter((n) => n > 0).map((n) => ({ ...current, budget: n }));
    const smaller = firstFailing(current, candidates, fails);
    if (smaller === current) return current;
    current = smaller;
  }
};

const SIMPLER: readonly Partial<Case>[] = [
  { pit: 0 },
  { interrupts: 0 },
  { fpu: 0 },
  { fill: 0 },
  { wide: false },
  { a20: true },
  { deliver: false },
  { paging: 'off' },
  { paging: 'legacy' },
  { mode: 'p32' },
  { cpl: 0 },
  { cpl: 3 },
  { at: defaultCase.at },
];

const shrinkSettings = (c: Case, fails: Fails): Case => {
  let current = c;
  for (const simpler of SIMPLER) {
    const candidate = { ...current, ...simpler };
    const same = Object.entries(simpler).every(([key, value]) => current[key as keyof Case] === value);
    if (!same && fails(candidate)) current = candidate;
  }
  const registers = (list: readonly (readonly [string, number])[]) => ({
    ...current,
    registers: Object.fromEntries(list),
  });
  current = registers(shrinkList(Object.entries(current.registers), registers, fails));
  const segments = (list: readonly (readonly [string, readonly number[]])[]) => ({
    ...current,
    segments: Object.fromEntries(list),
  });
  current = segments(shrinkList(Object.entries(current.segments), segments, fails));
  const memory = (list: Case['memory']) => ({ ...current, memory: list });
  return memory(shrinkList(current.memory, memory, fails));
};

const NOP = 0x90;

const shrinkCode = (c: Case, fails: Fails): Case => {
  const withCode = (code: Case['code']) => ({ ...c, code });
  let code = shrinkList(c.code, withCode, fails);
  for (const [i, bytes] of code.entries()) {
    // What cannot go because of its length may become nothing; prefixes may be superfluous.
    const replaced = (by: readonly number[]) => code.map((old, n) => (n === i ? by : old));
    const candidates = [bytes.map(() => NOP), bytes.slice(1)].filter(
      (by) => by.length > 0 && by.some((byte, n) => byte !== bytes[n]),
    );
    for (const by of candidates)
      if (fails(withCode(replaced(by)))) {
        code = replaced(by);
        break;
      }
  }
  return withCode(code);
};

/** @param fails whether a case shows the difference; must hold for `c` @param rounds at most */
export const minimise = (c: Case, fails: Fails, rounds = 6): Case => {
  let current = c;
  for (let round = 0; round < rounds; round++) {
    const before = JSON.stringify(current);
    current = shrinkBudget(current, fails);
    current = shrinkCode(current, fails);
    current = shrinkSettings(current, fails);
    if (JSON.stringify(current) === before) break;
  }
  return current;
};
