import { expect, it } from 'vitest';
import { type CpuReport, cpuReportText, cpuSummary, wrongChecksums } from '../../bench/cpu-report.ts';
import { geometricMean } from '../../bench/figures.ts';

const round = (name: string, milliseconds: number, checksum = 'right', scale = 1) => ({
  name,
  scale,
  milliseconds,
  checksum,
});
const report: CpuReport = {
  date: '',
  host: 'host',
  node: 'v20',
  load: [0, 0],
  kernel: 'Linux',
  memory: 256,
  unit: 'ms',
  workloads: ['a', 'b', 'c'],
  checksums: { a: 'right', b: 'right' },
  results: [
    {
      name: 'ours',
      ours: true,
      problem: null,
      rounds: [round('a', 100), round('a', 300), round('a', 110), round('b', 10), round('c', 1, 'x')],
    },
    {
      name: 'peer',
      ours: false,
      problem: 'no c',
      rounds: [round('a', 440, 'right', 2), round('b', 80, 'wrong')],
    },
  ],
};

it('compares medians of a unit of work', () => {
  const { medians, timesAsFastAs } = cpuSummary(report);
  expect(medians.ours).toEqual({ a: 110, b: 10, c: 1 });
  expect(medians.peer).toEqual({ a: 220, b: 80, c: null });
  expect(timesAsFastAs).toHaveLength(1);
  const [other] = timesAsFastAs[0]!.others;
  expect(other!.ratios).toEqual({ a: 2, b: 8 });
  expect(other!.geometricMean).toBeCloseTo(4);
});

it('names wrong checksums, and what is missing', () => {
  expect(wrongChecksums(report)).toEqual(['b: peer has wrong']);
  const text = cpuReportText(report);
  expect(text).toMatch(/^a +110 +220 +2\.00$/m);
  expect(text).toMatch(/^geometric mean +4\.00$/m);
  expect(text).toContain('peer: no c');
  expect(text).toContain('b: peer has wrong');
});

it('takes the mean of ratios by their product', () => {
  expect(geometricMean([1, 4])).toBeCloseTo(2);
  expect(geometricMean([])).toBeNull();
});
