/** A comparison as a page: one guest under several techniques. */
import type { Statistics } from '../index.ts';
import type { Comparison, Difference, TechniqueRun } from '../laboratory/comparison.ts';
import { describeEnd } from '../laboratory/verdict.ts';
import { type Bar, bars } from './bars.ts';
import { beside, type Content, facts, prose, transcript } from './content.ts';
import type { Axis, Basis } from './figure.ts';
import { leakContents } from './leaks.ts';
import { lines } from './lines.ts';
import type { Page } from './page.ts';
import { stacked } from './stacked.ts';
import { type Cell, type Column, table } from './table.ts';
import { exactly, type Unit } from './units.ts';

/** A run that took place. */
interface Ran extends TechniqueRun {
  readonly statistics: Statistics;
}
const hasRun = (run: TechniqueRun): run is Ran => run.statistics !== null;

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, n) => sum + n, 0);
const hex = (n: number): string => `0x${n.toString(16).padStart(8, '0')}`;

const verdictText = ({ verdict, end }: TechniqueRun): string => {
  switch (verdict.kind) {
    case 'reference':
      return `reference: ${describeEnd(end)}`;
    case 'same':
      return 'as the reference';
    case 'unjudged':
      return describeEnd(end);
    case 'refused':
    case 'failed':
      return `${verdict.kind}: ${verdict.reason}`;
    case 'crashed':
      return `crashed: ${verdict.reason}`;
    default:
      return `${verdict.kind}: ${describeEnd(end)}`;
  }
};
const differenceOf = ({ verdict }: TechniqueRun): Difference | undefined =>
  verdict.kind === 'wrong' || verdict.kind === 'crashed' ? verdict.difference : undefined;

const differenceText = (difference: Difference): string =>
  difference.kind === 'end'
    ? `the end: ${difference.seen}, where the reference has: ${difference.expected}`
    : `line ${difference.line}: ${difference.seen ?? '(nothing more)'}\n` +
      `the reference has:\n${' '.repeat(`line ${difference.line}: `.length)}${difference.expected ?? '(nothing more)'}`;

const outcomes = ({ runs }: Comparison): Content[] => [
  table({
    columns: [
      { name: 'technique' },
      { name: 'outcome' },
      { name: 'console lines', unit: 'count' },
      { name: 'it stood at', code: true },
    ],
    rows: runs.map((run) => [
      run.technique,
      verdictText(run),
      run.statistics ? run.consoleLines : undefined,
      run.place ? (run.place.symbol ?? hex(run.place.linear)) : undefined,
    ]),
  }),
  ...runs.flatMap((run) => {
    const difference = differenceOf(run);
    return [
      ...(difference
        ? [transcript(`${run.technique}: the first difference that shows`, differenceText(difference))]
        : []),
      ...(run.warnings.length > 0 ? [transcript(`${run.technique}: warnings`, run.warnings.join('\n'))] : []),
    ];
  }),
];

interface Measure {
  readonly name: string;
  readonly unit: Unit;
  readonly of: (s: Statistics) => number | undefined;
}
const monitored =
  (of: (s: Statistics) => number): Measure['of'] =>
  (s) =>
    s.monitor === null && s.guestMode === null ? undefined : of(s);

/** Kinds of events in which the monitor acts, or instead of which it need not. */
const EVENTS: readonly Measure[] = [
  { name: 'callouts', unit: 'count', of: monitored((s) => total(s.callouts)) },
  { name: 'direct callouts', unit: 'count', of: monitored((s) => total(s.directCallouts)) },
  { name: 'emulated traps', unit: 'count', of: monitored((s) => total(s.emulatedTraps)) },
  { name: 'reflected traps', unit: 'count', of: monitored((s) => total(s.reflectedTraps)) },
  { name: 'hidden page faults', unit: 'count', of: monitored((s) => s.monitor?.hiddenPageFaults ?? 0) },
  { name: 'exits', unit: 'count', of: monitored((s) => total(s.exits)) },
  { name: 'interrupts', unit: 'count', of: (s) => s.interrupts },
  { name: 'in cache', unit: 'count', of: monitored((s) => total(s.inCache)) },
];
const COUNTED: readonly Measure[] = [
  { name: 'instructions', unit: 'count', of: (s) => s.instructions },
  { name: 'interventions', unit: 'count', of: monitored((s) => s.interventions) },
  {
    name: 'instructions per intervention',
    unit: 'count',
    of: monitored((s) => (s.interventions > 0 ? s.instructions / s.interventions : Number.NaN)),
  },
  ...EVENTS,
  { name: 'true page faults', unit: 'count', of: monitored((s) => s.monitor?.truePageFaults ?? 0) },
  { name: 'silently wrong', unit: 'count', of: (s) => s.leaks?.leaking },
];
const CACHE: readonly Measure[] = [
  { name: 'hit rate', unit: 'share', of: (s) => s.cache.hitRate },
  { name: 'chain rate', unit: 'share', of: (s) => s.cache.chainRate },
  { name: 'blocks entered', unit: 'count', of: (s) => s.blocks },
  { name: 'translations', unit: 'count', of: (s) => s.cache.translations },
  { name: 'evictions', unit: 'count', of: (s) => s.cache.evictions },
  { name: 'invalidations', unit: 'count', of: (s) => s.cache.invalidations },
  { name: 'records per instruction', unit: 'number', of: (s) => s.cache.recordsPerInstruction },
];

/** One row for each measure, one column for each technique. */
const measureTable = (caption: string, runs: readonly Ran[], measures: readonly Measure[]): Content =>
  table({
    caption,
    columns: [{ name: '' }, ...runs.map(({ technique }): Column => ({ name: technique, unit: 'number' }))],
    rows: measures.map(({ name, unit, of }): Cell[] => [
      name,
      ...runs.map(({ statistics }) => {
        const value = of(statistics);
        return value === undefined || !Number.isFinite(value) ? undefined : exactly(value, unit);
      }),
    ]),
  });

/** One bar for each technique. */
const sideBySide = (
  title: string,
  caption: string,
  basis: Basis,
  axis: Axis,
  runs: readonly TechniqueRun[],
  of: (run: TechniqueRun) => number | undefined,
): Content =>
  bars({
    title,
    caption,
    basis,
    names: 'technique',
    axis,
    bars: runs.flatMap((run): Bar[] => {
      const value = of(run);
      return value === undefined ? [] : [{ name: run.technique, value }];
    }),
  });

const eventPlots = (runs: readonly Ran[]): Content[] => [
  bars({
    title: 'Events, technique by technique',
    caption:
      'On a logarithmic axis. Callouts and in-cache emulations are of rewritten instructions; traps are exceptions of the ' +
      'processor, emulated or reflected to the guest; exits are from guest mode.',
    basis: 'counted',
    names: 'technique',
    groups: 'event',
    axis: { label: 'events', unit: 'count', scale: 'log' },
    bars: EVENTS.flatMap(({ name: group, of }) => {
      const values = runs.map(({ technique, statistics }) => ({
        name: technique,
        value: of(statistics) ?? 0,
      }));
      return values.some(({ value }) => value > 0) ? values.map((bar) => ({ ...bar, group })) : [];
    }),
  }),
  measureTable('Counts of the whole runs', runs, COUNTED),
];

/** What a total is made of, for each technique that has it. */
const byName = (
  runs: readonly Ran[],
  title: string,
  caption: string,
  names: string,
  of: (s: Statistics) => Readonly<Record<string, number>> | undefined,
): Content[] =>
  runs.flatMap(({ technique, statistics }) => {
    const entries = Object.entries(of(statistics) ?? {});
    if (entries.length === 0) return [];
    return [
      bars({
        title: `${title} under ${technique}`,
        caption,
        basis: 'counted',
        names,
        axis: { label: 'times', unit: 'count' },
        limit: 10,
        bars: entries.sort(([, a], [, b]) => b - a).map(([name, value]) => ({ name, value })),
      }),
    ];
  });

const details = (runs: readonly Ran[]): Content[] => [
  ...byName(
    runs,
    'Callouts',
    'Rewritten instructions that the monitor executed.',
    'instruction',
    (s) => s.callouts,
  ),
  ...byName(
    runs,
    'Executions in the cache',
    'Rewritten instructions that a sequence in the translation cache executed, without the monitor.',
    'instruction',
    (s) => s.inCache,
  ),
  ...byName(
    runs,
    'Traps emulated',
    'Instructions that trapped and that the monitor executed.',
    'instruction',
    (s) => s.emulatedTraps,
  ),
  ...byName(runs, 'Exits', 'From guest mode to the monitor.', 'reason', (s) => s.exits),
];

const cachePlots = (runs: readonly Ran[]): Content[] => [
  lines({
    title: 'Hit rate over time',
    caption:
      'Lookups that found a translated block, of all lookups since the start of the run. Linked transfers are no lookups.',
    basis: 'counted',
    x: { label: 'instructions retired', unit: 'count' },
    y: { label: 'hit rate', unit: 'share', zero: false },
    series: runs.map(({ technique, samples }) => ({
      name: technique,
      points: samples
        .filter(({ lookups }) => lookups > 0)
        .map(({ instructions, hits, lookups }) => [instructions, hits / lookups] as const),
    })),
  }),
  measureTable('Counts of the whole runs', runs, CACHE),
];

/** Parts of the modelled cycles; those of one event together. */
const modelledParts = ({ modelled }: TechniqueRun): Record<string, number> => {
  const parts: Record<string, number> = {};
  for (const { event, cycles } of modelled?.parts ?? []) {
    const [name = event] = event.split(':');
    parts[name] = (parts[name] ?? 0) + cycles;
  }
  return parts;
};

const modelledContents = ({ costs, runs }: Comparison): Content[] => {
  const priced = runs.filter(({ modelled }) => modelled !== null);
  const unpriced = [
    ...new Set(priced.flatMap(({ modelled }) => modelled!.unpriced.map(({ event }) => event))),
  ];
  const caption =
    `Events of the run times their costs on ${costs.processor}; the host’s time has no part in it. ` +
    'The guest’s instruction mix, caches and devices are not modelled.';
  const overhead = priced.map((run) => {
    const { instruction: _, ...parts } = modelledParts(run);
    return { name: run.technique, parts };
  });
  return [
    sideBySide(
      'Modelled cycles',
      caption,
      'modelled',
      { label: 'cycles', unit: 'cycles' },
      priced,
      ({ modelled }) => modelled!.total,
    ),
    stacked({
      title: 'Modelled cycles beside the guest’s own instructions',
      caption: `What each technique adds. ${caption}`,
      basis: 'modelled',
      part: 'event',
      axis: { label: 'cycles', unit: 'cycles' },
      stacks: overhead,
    }),
    ...(unpriced.length > 0 ? [prose(`Without a cost, and so left out: ${unpriced.join(', ')}.`)] : []),
    table({
      caption: `The costs: ${costs.name}, ${costs.processor}, ${costs.megahertz} MHz`,
      columns: [{ name: 'event' }, { name: 'cycles', unit: 'number' }, { name: 'source' }],
      rows: Object.entries(costs.events).map(([event, { cycles, source }]) => [event, cycles, source]),
    }),
  ];
};

export const comparisonPage = (comparison: Comparison): Page => {
  const { subject, runs, reference, simultaneous, interrupted, costs } = comparison;
  const ran = runs.filter(hasRun);
  const names = subject.kernel.split('/').at(-1)!;
  return {
    title: `${names} under ${runs.map(({ technique }) => technique).join(', ')}`,
    ...(subject.append !== undefined && { subtitle: subject.append }),
    opening: [
      facts([
        ['Guest memory', exactly(subject.memory, 'bytes')],
        ['Processor', subject.cpu],
        ['Engine', subject.engine],
        ['Translation cache', exactly(subject.cacheSize, 'bytes')],
        ['Reference', reference ?? 'none came to an end'],
        [
          'Ended',
          interrupted
            ? 'early, by the user'
            : subject.until === undefined
              ? 'by itself'
              : `at ${JSON.stringify(subject.until)}`,
        ],
      ]),
      prose(
        'The same unmodified guest, run once under each technique on the same processor, translation cache and devices: ' +
          'what differs is the technique. Counts are exact and repeat; host time is measured and does not; cycles are ' +
          'modelled from the counts and never shown on one axis with what is measured.',
      ),
    ],
    sections: [
      { heading: 'Outcome', contents: outcomes(comparison) },
      ...(ran.length === 0
        ? []
        : [
            {
              heading: 'The monitor',
              contents: [
                sideBySide(
                  'Interventions in a million instructions',
                  'Times that the monitor had to act, in a million guest instructions; on a logarithmic axis.',
                  'counted',
                  { label: 'interventions per million instructions', unit: 'number', scale: 'log' },
                  ran,
                  ({ statistics: s }) => (s ? (s.interventions / s.instructions) * 1e6 : undefined),
                ),
                ...eventPlots(ran),
                ...details(ran),
              ],
            },
            ...ran.flatMap(({ technique, statistics: { leaks } }) =>
              leaks
                ? [
                    {
                      heading: `What ${technique} got wrong, silently`,
                      contents: leakContents(leaks, ` under ${technique}`),
                    },
                  ]
                : [],
            ),
            { heading: 'The translation cache', contents: cachePlots(ran) },
            {
              heading: 'Host time, measured',
              contents: [
                beside(
                  sideBySide(
                    'Host time',
                    `One run each, ${simultaneous} at a time; it depends on the host and its load.`,
                    'measured',
                    { label: 'host time', unit: 'milliseconds' },
                    ran,
                    ({ statistics }) => statistics?.hostMilliseconds,
                  ),
                  sideBySide(
                    'Speed',
                    'Guest instructions in a second of host time.',
                    'measured',
                    { label: 'million instructions per second', unit: 'number' },
                    ran,
                    ({ statistics: s }) => (s ? s.instructions / s.hostMilliseconds / 1000 : undefined),
                  ),
                ),
              ],
            },
            { heading: `Cycles of ${costs.processor}, modelled`, contents: modelledContents(comparison) },
          ]),
      {
        heading: 'The consoles',
        contents: runs
          .filter(({ consoleEnd }) => consoleEnd.length > 0)
          .map(({ technique, consoleEnd }) =>
            transcript(`${technique}: the last lines`, consoleEnd.join('\n')),
          ),
      },
    ],
  };
};
