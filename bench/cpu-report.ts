/** What the processor benchmark found, in figures and as text. */
import { geometricMean, median, show, table } from './figures.ts';
import type { Round } from './markers.ts';

export interface CpuResult {
  readonly name: string;
  readonly ours: boolean;
  /** Why there are no figures, or fewer than asked for. */
  readonly problem: string | null;
  readonly rounds: readonly Round[];
}

export interface CpuReport {
  readonly date: string;
  readonly host: string;
  readonly node: string;
  /** One-minute load averages before and after. */
  readonly load: readonly [number, number];
  readonly kernel: string;
  /** Guest RAM, MiB. */
  readonly memory: number;
  /** What a figure is of: milliseconds or nanoseconds for a unit of work. */
  readonly unit: 'ms' | 'ns';
  readonly workloads: readonly string[];
  /** Right checksums, by workload, of the rounds whose work is one unit. */
  readonly checksums: Readonly<Record<string, string>>;
  readonly results: readonly CpuResult[];
}

const roundsOf = (result: CpuResult, workload: string): readonly Round[] =>
  result.rounds.filter((round) => round.name === workload);

/** Median time of a unit of work, in the report's unit. */
const timeOf = ({ unit }: CpuReport, result: CpuResult, workload: string): number | null =>
  median(
    roundsOf(result, workload).map(
      ({ milliseconds, scale }) => (milliseconds / scale) * (unit === 'ns' ? 1e6 : 1),
    ),
  );

/** Wrong checksums, in words; and different ones, where it is not known which is right. */
export const wrongChecksums = ({ workloads, checksums, results, unit }: CpuReport): readonly string[] => {
  if (unit === 'ns') return [];
  return workloads.flatMap((workload) => {
    const right = checksums[workload];
    const all = results.flatMap((result) => roundsOf(result, workload).map((round) => ({ result, round })));
    const wrong = all.filter(
      ({ round }) => round.checksum !== (round.scale === 1 && right ? right : all[0]!.round.checksum),
    );
    return [
      ...new Set(wrong.map(({ result, round }) => `${workload}: ${result.name} has ${round.checksum}`)),
    ];
  });
};

/** Ours with figures, each with the peers that have figures. */
const pairs = ({ results }: CpuReport) => {
  const measured = results.filter((r) => r.rounds.length > 0);
  return measured
    .filter((r) => r.ours)
    .map((ours) => ({ ours, others: measured.filter((other) => other !== ours) }));
};

/** How many times as fast ours is, by workload, where both have figures. */
const ratiosOf = (report: CpuReport, ours: CpuResult, other: CpuResult): ReadonlyMap<string, number> => {
  const ratios = new Map<string, number>();
  for (const workload of report.workloads) {
    const [mine, theirs] = [timeOf(report, ours, workload), timeOf(report, other, workload)];
    if (mine !== null && theirs !== null && mine > 0 && theirs > 0) ratios.set(workload, theirs / mine);
  }
  return ratios;
};

/** The medians and ratios, for the file. */
export const cpuSummary = (report: CpuReport) => ({
  medians: Object.fromEntries(
    report.results.map((r) => [
      r.name,
      Object.fromEntries(report.workloads.map((w) => [w, timeOf(report, r, w)])),
    ]),
  ),
  timesAsFastAs: pairs(report).map(({ ours, others }) => ({
    name: ours.name,
    others: others.map((other) => {
      const ratios = ratiosOf(report, ours, other);
      return {
        name: other.name,
        ratios: Object.fromEntries(ratios),
        geometricMean: geometricMean([...ratios.values()]),
      };
    }),
  })),
  wrongChecksums: wrongChecksums(report),
});

export const cpuReportText = (report: CpuReport): string => {
  const { unit, workloads, results } = report;
  const first = pairs(report)[0];
  const compared = (first?.others ?? []).map((other) => ({
    name: other.name,
    ratios: ratiosOf(report, first!.ours, other),
  }));
  const rows = workloads.map((workload) => [
    workload,
    ...results.map((r) => show(timeOf(report, r, workload), unit === 'ns' ? 1 : 0)),
    ...compared.map(({ ratios }) => show(ratios.get(workload) ?? null, 2)),
  ]);
  const means = [
    'geometric mean',
    ...results.map(() => ''),
    ...compared.map(({ ratios }) => show(geometricMean([...ratios.values()]), 2)),
  ];
  const problems = results.filter((r) => r.problem !== null).map((r) => `${r.name}: ${r.problem}`);
  const wrong = wrongChecksums(report);
  return [
    `Host time of a unit of work, median, ${unit}; on the right, how many times as fast ${first?.ours.name ?? 'ours'} is`,
    `${report.kernel}, ${report.memory} MiB; ${report.host}, Node ${report.node}, load ${report.load.map((l) => l.toFixed(1)).join(' to ')}`,
    '',
    table([
      ['', ...results.map((r) => r.name), ...compared.map(({ name }) => `x ${name}`)],
      ...rows,
      ...(compared.length > 0 ? [means] : []),
    ]),
    '',
    ...problems,
    ...(wrong.length > 0 ? ['Wrong checksums', ...wrong] : unit === 'ms' ? ['All checksums are right.'] : []),
  ].join('\n');
};
