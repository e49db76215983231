/** What the nanobenchmarks found, in figures and as text. */
import { mediansOf, show, table } from './figures.ts';

/** What one benchmark came to under one technique, for one operation and without the loop around it. */
export interface NanoFigure {
  /** By the cost model. */
  readonly cycles: number;
  /** Of the host, median of the rounds. */
  readonly nanoseconds: number;
  /** How often the monitor had to act. */
  readonly interventions: number;
  /** What the cycles are made of, events for an operation, the dearest first. */
  readonly parts: readonly { readonly event: string; readonly count: number; readonly cycles: number }[];
}

export interface NanoResult {
  readonly technique: string;
  /** Why there are no figures. */
  readonly problem: string | null;
  readonly figures: Readonly<Record<string, NanoFigure>>;
}

/** Published figures: by benchmark and technique, cycles. */
export interface Published {
  readonly source: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly rows: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface NanoReport {
  readonly date: string;
  readonly host: string;
  readonly node: string;
  readonly load: readonly [number, number];
  /** Rounds of each technique. */
  readonly rounds: number;
  /** Name of the cost model. */
  readonly costs: string;
  readonly benchmarks: Readonly<Record<string, string>>;
  readonly results: readonly NanoResult[];
  /** RDTSC by trap, by callout and in the cache, under the name of each way. */
  readonly rdtsc: readonly NanoResult[];
  readonly published: Published;
  readonly publishedRdtsc: Readonly<Record<string, number>>;
  /** Why a rank is not the published one: by technique and benchmark. */
  readonly reasons: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Places by size, the smallest first; equal values share the mean of their places. */
const ranks = (values: ReadonlyMap<string, number>): ReadonlyMap<string, number> => {
  const all = [...values.values()];
  return new Map(
    [...values].map(([name, value]) => {
      const below = all.filter((other) => other < value).length;
      const equal = all.filter((other) => other === value).length;
      return [name, below + (equal + 1) / 2];
    }),
  );
};

export interface RankComparison {
  readonly technique: string;
  /** Spearman's coefficient: 1 for the same order, -1 for the opposite one. */
  readonly correlation: number;
  readonly different: readonly {
    readonly benchmark: string;
    readonly ours: number;
    readonly published: number;
    /** Undefined where nobody has explained it yet. */
    readonly reason: string | undefined;
  }[];
}

/** Pearson's coefficient, which of ranks is Spearman's, also with ties. */
const correlationOf = (pairs: readonly (readonly [number, number])[]): number => {
  const mean = (pairs.length + 1) / 2;
  const sum = (of: (a: number, b: number) => number) =>
    pairs.reduce((total, [a, b]) => total + of(a - mean, b - mean), 0);
  return sum((a, b) => a * b) / Math.sqrt(sum((a) => a * a) * sum((_, b) => b * b));
};

/** Places that may change without a reason: the published figures of neighbours are close. */
const NEIGHBOURS = 1;

/** The order of the benchmarks by modelled cycles, against the published order, technique by technique. */
export const compareRanks = ({ results, published, reasons }: NanoReport): readonly RankComparison[] =>
  Object.keys(published.columns).flatMap((technique) => {
    const result = results.find((r) => r.technique === technique && r.problem === null);
    if (!result) return [];
    const names = Object.keys(published.rows).filter((name) => result.figures[name]);
    // What the table shows as equal is equal.
    const ours = ranks(new Map(names.map((name) => [name, Math.round(result.figures[name]!.cycles)])));
    const theirs = ranks(new Map(names.map((name) => [name, published.rows[name]![technique]!])));
    return {
      technique,
      correlation: correlationOf(names.map((name) => [ours.get(name)!, theirs.get(name)!])),
      different: names
        .map((benchmark) => ({
          benchmark,
          ours: ours.get(benchmark)!,
          published: theirs.get(benchmark)!,
          reason: reasons[technique]?.[benchmark],
        }))
        .filter(({ ours: mine, published: other }) => Math.abs(mine - other) > NEIGHBOURS),
    };
  });

const figureTable = (
  report: NanoReport,
  results: readonly NanoResult[],
  value: (figure: NanoFigure) => string,
  columns: readonly string[] = [],
): string => {
  const { benchmarks, published } = report;
  return table([
    ['', ...results.map((r) => r.technique), ...columns.map((c) => `paper: ${published.columns[c]}`)],
    ...Object.keys(benchmarks).map((name) => [
      name,
      ...results.map((r) => (r.figures[name] ? value(r.figures[name]!) : '-')),
      ...columns.map((c) => show(published.rows[name]?.[c] ?? null, 0)),
    ]),
  ]);
};

/** Below this the loop around it, which is taken off, varies by as much. */
const LEAST = 1;
const nanosecondsText = (nanoseconds: number): string =>
  nanoseconds < LEAST ? `< ${LEAST}` : nanoseconds.toFixed(0);

const rankText = (comparison: RankComparison): string[] => [
  `${comparison.technique}: rank correlation with the paper ${comparison.correlation.toFixed(2)}`,
  ...comparison.different.map(
    ({ benchmark, ours, published, reason }) =>
      `  ${benchmark} is number ${ours} here and ${published} there: ${reason ?? 'not explained'}`,
  ),
];

export const nanoReportText = (report: NanoReport): string => {
  const { results, rdtsc, published, publishedRdtsc, benchmarks } = report;
  const good = results.filter((r) => r.problem === null);
  const width = Math.max(...Object.keys(benchmarks).map((name) => name.length));
  return [
    ...Object.entries(benchmarks).map(([name, title]) => `${name.padEnd(width)}  ${title}`),
    '',
    `Modelled cycles of an operation (${report.costs}), and the paper's measured ones`,
    '',
    figureTable(report, good, ({ cycles }) => cycles.toFixed(0), Object.keys(published.columns)),
    '',
    'Interventions of the monitor for an operation, counted',
    '',
    figureTable(report, good, ({ interventions }) => interventions.toFixed(2)),
    '',
    `Host nanoseconds of an operation, measured: ${mediansOf(report.rounds)}`,
    '',
    figureTable(report, good, ({ nanoseconds }) => nanosecondsText(nanoseconds)),
    '',
    'RDTSC three ways',
    '',
    table([
      ['', 'modelled cycles', 'paper', 'host ns, measured'],
      ...rdtsc.map((r) => [
        r.technique,
        show(r.figures.rdtsc?.cycles ?? null, 0),
        show(publishedRdtsc[r.technique] ?? null, 0),
        show(r.figures.rdtsc?.nanoseconds ?? null, 0),
      ]),
    ]),
    '',
    ...compareRanks(report).flatMap(rankText),
    '',
    ...[...results, ...rdtsc].filter((r) => r.problem !== null).map((r) => `${r.technique}: ${r.problem}`),
    published.source,
    `${report.host}, Node ${report.node}, load ${report.load.map((l) => l.toFixed(1)).join(' to ')}`,
  ].join('\n');
};
