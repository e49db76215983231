/** How much longer a technique takes than no monitor. */
import { expect, test } from 'vitest';
import { slowdowns, type TechniquesReport, techniquesReportText } from '../../bench/techniques-report.ts';
import { knownCosts } from '../../src/laboratory/costs.ts';

const report: TechniquesReport = {
  date: '2026-01-01T00:00:00Z',
  host: 'host',
  node: 'v20',
  load: [0, 0],
  kernel: 'a kernel',
  costs: knownCosts['pentium-4'],
  workloads: { sum: 'user', sort: 'user', call: 'kernel' },
  results: [
    {
      technique: 'native',
      problem: null,
      boots: [10_000, 10_400, 9_000],
      statistics: null,
      workloads: { sum: [100], sort: [200], call: [10] },
    },
    {
      technique: 'bt',
      problem: null,
      boots: [12_000],
      statistics: null,
      workloads: { sum: [102], sort: [204], call: [15] },
    },
    { technique: 'trap', problem: 'boot: it waits', boots: [], statistics: null, workloads: {} },
  ],
};

test('ratios of medians, and their means by kind', () => {
  const [bt, trap] = slowdowns(report);
  expect(bt).toMatchObject({ technique: 'bt', boot: 1.2, workloads: { sum: 1.02, sort: 1.02, call: 1.5 } });
  expect(bt!.user).toBeCloseTo(1.02);
  expect(bt!.kernel).toBeCloseTo(1.5);
  expect(trap).toEqual({ technique: 'trap', boot: null, workloads: {}, user: null, kernel: null });
});

test('the text says which targets are met, and why figures are missing', () => {
  const text = techniquesReportText(report);
  expect(text).toContain('bt takes 1.200 times as long as native on the boot: beyond 1.15');
  expect(text).toContain('bt takes 1.020 times as long as native on user-mode workloads: within 1.05');
  expect(text).toContain('trap: boot: it waits');
});
