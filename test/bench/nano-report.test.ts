/** Ranks of nanobenchmarks against published ones, and what is left without the loop. */
import { expect, test } from 'vitest';
import { buildNanobenchmarks, runNanobenchmarks, without } from '../../bench/nano-guest.ts';
import { compareRanks, type NanoReport, nanoReportText } from '../../bench/nano-report.ts';
import type { Statistics } from '../../src/index.ts';

const figure = (cycles: number) => ({ cycles, nanoseconds: 0.2, interventions: 1, parts: [] });
const report = (figures: Record<string, number>, reasons = {}): NanoReport => ({
  date: '2026-01-01T00:00:00Z',
  host: 'host',
  node: 'v20',
  load: [0, 0],
  rounds: 1,
  costs: 'a model',
  benchmarks: { a: 'A', b: 'B', c: 'C', d: 'D', own: 'not published' },
  results: [
    {
      technique: 'bt',
      problem: null,
      figures: Object.fromEntries(Object.entries(figures).map(([name, cycles]) => [name, figure(cycles)])),
    },
    { technique: 'trap', problem: 'no figures', figures: {} },
  ],
  rdtsc: [],
  published: {
    source: 'a paper',
    columns: { bt: 'software' },
    rows: { a: { bt: 10 }, b: { bt: 20 }, c: { bt: 30 }, d: { bt: 40 } },
  },
  publishedRdtsc: {},
  reasons,
});

test('the same order correlates fully, the opposite one not at all', () => {
  expect(compareRanks(report({ a: 1, b: 2, c: 3, d: 4, own: 9 }))).toEqual([
    { technique: 'bt', correlation: 1, different: [] },
  ]);
  const [opposite] = compareRanks(report({ a: 4, b: 3, c: 2, d: 1 }));
  expect(opposite!.correlation).toBe(-1);
  expect(opposite!.different.map(({ benchmark }) => benchmark)).toEqual(['a', 'd']);
});

test('what the table shows as equal shares a rank', () => {
  const [tied] = compareRanks(report({ a: 1.4, b: 1.1, c: 3, d: 4 }));
  // Ranks 1.5, 1.5, 3 and 4 against 1 to 4: covariance 4.5, variances 4.5 and 5.
  expect(tied!.correlation).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 10);
});

test('a rank that differs is explained, or said not to be', () => {
  const text = nanoReportText(report({ a: 4, b: 3, c: 2, d: 1 }, { bt: { a: 'it costs more here' } }));
  expect(text).toContain('a is number 4 here and 1 there: it costs more here');
  expect(text).toContain('d is number 1 here and 4 there: not explained');
  expect(text).toContain('trap: no figures');
});

test('what is taken away is taken from every count', () => {
  const all = { technique: 'bt', instructions: 10, cache: { hits: 4 }, traps: { '#PF': 3 } };
  const part = { technique: 'bt', instructions: 2, cache: { hits: 1 }, traps: { '#GP': 1 } };
  expect(without(all as unknown as Statistics, part as unknown as Statistics, 2)).toEqual({
    technique: 'bt',
    instructions: 6,
    cache: { hits: 2 },
    traps: { '#PF': 3, '#GP': -2 },
  });
});

test('the guest does what it says it does, so many times', async () => {
  const rounds = await runNanobenchmarks(await buildNanobenchmarks(2), 2, { technique: 'bt' });
  expect(rounds).toHaveLength(2);
  const stretches = rounds.at(-1)!;
  const of = (name: string) => stretches.find((s) => s.name === name)!;
  expect(of('callret')).toMatchObject({ count: 1, operations: 4096 });
  expect(of('ptemod_same')).toMatchObject({ count: 8, operations: 8192 });
  expect(of('in').events.callouts.in_imm).toBe(4096);
  expect(of('divzero').events.traps['#DE']).toBe(4096);
  expect(of('pgfault').events.traps['#PF']).toBe(4096);
  expect(of('cr3').events.callouts.mov_to_cr).toBe(4096);
});
