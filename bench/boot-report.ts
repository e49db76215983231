/** What the boot benchmark found, in figures and as text. */
import { median, show, table } from './figures.ts';

export interface Sample {
  readonly milliseconds: number;
  /** Milliseconds, null where the system does not tell. */
  readonly processorTime: number | null;
  /** Bytes, null where the system does not tell. */
  readonly peakMemory: number | null;
}

export interface Result {
  readonly name: string;
  readonly ours: boolean;
  /** Why there are no figures, or fewer than asked for. */
  readonly problem: string | null;
  /** Process start to shell prompt. */
  readonly boots: readonly Sample[];
  /** Process start to the first output of a three-instruction guest. */
  readonly starts: readonly Sample[];
}

export interface Report {
  readonly date: string;
  /** Processor model and number of processors of the host. */
  readonly host: string;
  readonly node: string;
  /** One-minute load averages before and after. */
  readonly load: readonly [number, number];
  readonly kernel: string;
  readonly commandLine: string;
  /** Guest RAM, MiB. */
  readonly memory: number;
  readonly results: readonly Result[];
}

const time = (samples: readonly Sample[]): number | null => median(samples.map((s) => s.milliseconds));
const processorTime = (samples: readonly Sample[]): number | null =>
  median(samples.map((s) => s.processorTime).filter((t) => t !== null));
const memory = (samples: readonly Sample[]): number | null => {
  const known = samples.map((s) => s.peakMemory).filter((m) => m !== null);
  return known.length === 0 ? null : Math.max(...known);
};
const MIB = 2 ** 20;
const seconds = (milliseconds: number | null): number | null =>
  milliseconds === null ? null : milliseconds / 1000;

/** The medians and ratios, for the file. */
export const summary = (report: Report) =>
  report.results.map((r) => {
    const boot = time(r.boots);
    const peak = memory(r.boots);
    return {
      name: r.name,
      bootMilliseconds: boot,
      bootProcessorMilliseconds: processorTime(r.boots),
      firstOutputMilliseconds: time(r.starts),
      peakMemoryBytes: peak,
      peakMemoryOverGuestRamBytes: peak === null ? null : peak - report.memory * MIB,
      /** How many times as fast as each of the others it is. */
      timesAsFastAs: Object.fromEntries(
        report.results
          .filter((other) => other !== r && boot !== null && other.boots.length > 0)
          .map((other) => [other.name, time(other.boots)! / boot!]),
      ),
    };
  });

const results = (report: Report): string =>
  table([
    [
      '',
      'rounds',
      'prompt s',
      'fastest',
      'slowest',
      'cpu s',
      'first output ms',
      'peak MiB',
      `less ${report.memory}`,
    ],
    ...report.results.map((r) => {
      const times = r.boots.map((s) => s.milliseconds);
      const peak = memory(r.boots);
      return [
        r.name,
        `${r.boots.length}`,
        show(seconds(median(times)), 2),
        show(seconds(times.length ? Math.min(...times) : null), 2),
        show(seconds(times.length ? Math.max(...times) : null), 2),
        show(seconds(processorTime(r.boots)), 2),
        show(time(r.starts), 0),
        show(peak === null ? null : peak / MIB, 0),
        show(peak === null ? null : peak / MIB - report.memory, 0),
      ];
    }),
  ]);

const ratios = (report: Report): string => {
  const peers = report.results.filter((r) => !r.ours && r.boots.length > 0);
  const ours = report.results.filter((r) => r.ours && r.boots.length > 0);
  if (peers.length === 0 || ours.length === 0) return '';
  const rows = ours.map((r) => [r.name, ...peers.map((p) => show(time(p.boots)! / time(r.boots)!, 2))]);
  return `\nTimes as fast as\n${table([['', ...peers.map((p) => p.name)], ...rows])}\n`;
};

export const reportText = (report: Report): string => {
  const problems = report.results.filter((r) => r.problem !== null).map((r) => `${r.name}: ${r.problem}`);
  return [
    `Process start to shell prompt: ${report.kernel}, ${report.memory} MiB, "${report.commandLine}"`,
    `${report.host}, Node ${report.node}, load ${report.load.map((l) => l.toFixed(1)).join(' to ')}`,
    '',
    results(report),
    ratios(report),
    ...problems,
  ].join('\n');
};
