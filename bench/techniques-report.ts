/** What the comparison of techniques found, in figures and as text. */
import type { Statistics } from '../src/index.ts';
import { type Costs, modelledCycles } from '../src/laboratory/costs.ts';
import { geometricMean, median, show, table } from './figures.ts';

export interface TechniqueResult {
  readonly technique: string;
  /** Why figures are missing. */
  readonly problem: string | null;
  /** Host milliseconds from process start to the shell's prompt. */
  readonly boots: readonly number[];
  /** Of one boot; null when there was none. */
  readonly statistics: Statistics | null;
  /** Host milliseconds of each round, by workload. */
  readonly workloads: Readonly<Record<string, readonly number[]>>;
}

export interface TechniquesReport {
  readonly date: string;
  readonly host: string;
  readonly node: string;
  readonly load: readonly [number, number];
  readonly kernel: string;
  readonly costs: Costs;
  /** By name, and whether user code is most of it. */
  readonly workloads: Readonly<Record<string, 'user' | 'kernel'>>;
  readonly results: readonly TechniqueResult[];
}

const REFERENCE = 'native';

/** How many times as long as without a monitor, where both have figures. */
export interface Slowdown {
  readonly technique: string;
  readonly boot: number | null;
  readonly workloads: Readonly<Record<string, number>>;
  /** Geometric means; null without figures. */
  readonly user: number | null;
  readonly kernel: number | null;
}

const quotient = (a: number | null, b: number | null): number | null =>
  a !== null && b !== null && b > 0 ? a / b : null;

export const slowdowns = (report: TechniquesReport): readonly Slowdown[] => {
  const reference = report.results.find(({ technique }) => technique === REFERENCE);
  if (!reference) return [];
  return report.results
    .filter((result) => result !== reference)
    .map((result) => {
      const ratios = Object.fromEntries(
        Object.keys(report.workloads).flatMap((name) => {
          const ratio = quotient(
            median(result.workloads[name] ?? []),
            median(reference.workloads[name] ?? []),
          );
          return ratio === null ? [] : [[name, ratio]];
        }),
      );
      const mean = (kind: 'user' | 'kernel') =>
        geometricMean(
          Object.entries(ratios).flatMap(([name, ratio]) => (report.workloads[name] === kind ? [ratio] : [])),
        );
      return {
        technique: result.technique,
        boot: quotient(median(result.boots), median(reference.boots)),
        workloads: ratios,
        user: mean('user'),
        kernel: mean('kernel'),
      };
    });
};

/** What `bt` is allowed to cost over `native`. */
const TARGETS = { boot: 1.15, user: 1.05 } as const;

const bootTable = ({ results, costs }: TechniquesReport, slow: readonly Slowdown[]): string =>
  table([
    [
      'boot',
      'measured: s',
      `x ${REFERENCE}`,
      'counted: G instructions',
      'interventions',
      'hidden #PF',
      'hit rate %',
      'modelled: G cycles',
    ],
    ...results.map(({ technique, boots, statistics: s }) => [
      technique,
      show(quotient(median(boots), 1000), 2),
      show(slow.find((one) => one.technique === technique)?.boot ?? null, 2),
      show(s && s.instructions / 1e9, 3),
      show(s?.interventions ?? null, 0),
      show(s?.monitor?.hiddenPageFaults ?? null, 0),
      show(s && s.cache.hitRate * 100, 2),
      show(s && modelledCycles(s, costs).total / 1e9, 2),
    ]),
  ]);

const workloadTable = ({ results, workloads }: TechniquesReport, slow: readonly Slowdown[]): string =>
  table([
    ['measured: ms', ...results.map((r) => r.technique), ...slow.map((s) => `x: ${s.technique}`)],
    ...Object.entries(workloads).map(([name, kind]) => [
      `${name} (${kind})`,
      ...results.map((r) => show(median(r.workloads[name] ?? []), 0)),
      ...slow.map((s) => show(s.workloads[name] ?? null, 2)),
    ]),
    ...(['user', 'kernel'] as const).map((kind) => [
      `geometric mean, ${kind}`,
      ...results.map(() => ''),
      ...slow.map((s) => show(s[kind], 3)),
    ]),
  ]);

const targetText = (slow: readonly Slowdown[]): string[] => {
  const bt = slow.find(({ technique }) => technique === 'bt');
  if (!bt) return [];
  const line = (what: string, ratio: number | null, most: number) =>
    ratio === null
      ? []
      : [
          `bt takes ${ratio.toFixed(3)} times as long as ${REFERENCE} on ${what}: ${ratio <= most ? 'within' : 'beyond'} ${most}`,
        ];
  return [...line('the boot', bt.boot, TARGETS.boot), ...line('user-mode workloads', bt.user, TARGETS.user)];
};

export const techniquesReportText = (report: TechniquesReport): string => {
  const slow = slowdowns(report);
  const hasWorkloads = report.results.some((r) => Object.keys(r.workloads).length > 0);
  return [
    `${report.kernel}; modelled cycles by ${report.costs.name}; x ${REFERENCE}: times as long`,
    '',
    bootTable(report, slow),
    '',
    ...(hasWorkloads ? [workloadTable(report, slow), ''] : []),
    ...targetText(slow),
    ...report.results.filter((r) => r.problem !== null).map((r) => `${r.technique}: ${r.problem}`),
    `${report.host}, Node ${report.node}, load ${report.load.map((l) => l.toFixed(1)).join(' to ')}`,
  ].join('\n');
};
