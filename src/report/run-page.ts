/** The report of one run. */

import type { Statistics } from '../index.ts';
import type { Places } from '../laboratory/places.ts';
import type { RunRecord } from '../laboratory/run-record.ts';
import type { Sample } from '../laboratory/samples.ts';
import { describeOutcome } from '../laboratory/words.ts';
import { bars } from './bars.ts';
import { beside, type Content, facts, prose, transcript } from './content.ts';
import { heatMap } from './heat-map.ts';
import { leakContents } from './leaks.ts';
import { lines, type Series } from './lines.ts';
import type { Page } from './page.ts';
import { type Cell, table } from './table.ts';
import { exactly } from './units.ts';

const INSTRUCTIONS = { label: 'instructions retired', unit: 'count' } as const;

/** A value for each interval between two samples, at its end. */
const overTime = (
  samples: readonly Sample[],
  value: (from: Sample, to: Sample) => number | undefined,
): Series['points'] =>
  samples.slice(1).map((to, i) => {
    const result = value(samples[i]!, to);
    return [to.instructions, result !== undefined && Number.isFinite(result) ? result : undefined] as const;
  });
/** Events in a million instructions; no value where there was none, for a logarithmic axis. */
const perMillion =
  (counter: Exclude<keyof Sample, 'instructions'>) =>
  (from: Sample, to: Sample): number | undefined =>
    ((to[counter] - from[counter]) / (to.instructions - from.instructions)) * 1e6 || undefined;

/** Series in which nothing ever happened are left out. */
const seriesOf = (
  samples: readonly Sample[],
  counters: readonly (readonly [string, keyof Sample])[],
): Series[] =>
  counters
    .map(([name, counter]) => ({
      name,
      points: overTime(samples, perMillion(counter as Exclude<keyof Sample, 'instructions'>)),
    }))
    .filter(({ points }) => points.some(([, y]) => y !== undefined));

const cacheOverTime = (samples: readonly Sample[]): Content[] => [
  lines({
    title: 'Hit rate over time',
    caption:
      'Lookups that found a translated block, of all lookups, in each interval between two samples. Linked transfers are ' +
      'no lookups.',
    basis: 'counted',
    x: INSTRUCTIONS,
    y: { label: 'hit rate', unit: 'share', zero: false },
    series: [
      {
        name: 'hit rate',
        points: overTime(samples, (from, to) => (to.hits - from.hits) / (to.lookups - from.lookups)),
      },
    ],
  }),
  beside(
    lines({
      title: 'Chain rate over time',
      caption: 'Block entries that needed no lookup, of all block entries.',
      basis: 'counted',
      x: INSTRUCTIONS,
      y: { label: 'chain rate', unit: 'share', zero: false },
      series: [
        {
          name: 'chain rate',
          points: overTime(
            samples,
            (from, to) => 1 - (to.lookups - from.lookups) / (to.blocks - from.blocks),
          ),
        },
      ],
    }),
    lines({
      title: 'What the cache does over time',
      caption: 'Blocks translated, removed to make room, and removed because their code was written.',
      basis: 'counted',
      x: INSTRUCTIONS,
      y: { label: 'per million instructions', unit: 'number', scale: 'log' },
      series: seriesOf(samples, [
        ['translations', 'translations'],
        ['evictions', 'evictions'],
        ['invalidations', 'invalidations'],
      ]),
    }),
  ),
];

/** Rows of a heat map. */
const MOST_ROWS = 28;
const hex = (n: number): string => `0x${n.toString(16).padStart(8, '0')}`;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Pages in regions of one size: the smallest of which few enough hold nearly everything. */
const regionsOf = (pages: Places['pages']) => {
  const all = sum(pages.map(({ counts }) => sum(counts)));
  for (let size = 0x1000; ; size *= 2) {
    const regions = new Map<number, number[]>();
    for (const { page, counts } of pages) {
      const start = Math.floor(page / size) * size;
      const region = regions.get(start) ?? [];
      regions.set(start, region);
      for (const [i, n] of counts.entries()) region[i] = (region[i] ?? 0) + n;
    }
    const sorted = [...regions].sort(([, a], [, b]) => sum(b) - sum(a));
    const shown = sorted.slice(0, MOST_ROWS);
    if (sum(shown.map(([, counts]) => sum(counts))) >= 0.95 * all || size >= 2 ** 30)
      return { size, shown, rest: sorted.slice(MOST_ROWS) };
  }
};

const whereItWas = ({ samples, places }: RunRecord): Content => {
  const { size, shown, rest } = regionsOf(places.pages);
  const end = samples.at(-1)!.instructions;
  const columns = Math.max(1, Math.ceil(end / places.interval));
  const padded = (counts: readonly number[]) => Array.from({ length: columns }, (_, i) => counts[i] ?? 0);
  const rows = shown
    .sort(([a], [b]) => b - a)
    .map(([start, counts]) => ({ name: hex(start), values: padded(counts) }));
  const elsewhere = Array.from({ length: columns }, (_, i) => sum(rest.map(([, counts]) => counts[i] ?? 0)));
  return heatMap({
    title: 'Where the guest was',
    caption:
      `EIP looked at every ${exactly(places.every, 'count')} instructions: rows are regions of ` +
      `${exactly(size, 'bytes')} of linear memory by their first address, of whatever address space was current; the ` +
      'darker, the more often the guest was found there (the shade goes with the square root).',
    basis: 'counted',
    x: INSTRUCTIONS,
    bounds: Array.from({ length: columns + 1 }, (_, i) => Math.min(i * places.interval, end)),
    rowLabel: 'region',
    rows: [...rows, ...(rest.length > 0 ? [{ name: 'elsewhere', values: elsewhere }] : [])],
    value: { label: 'samples', unit: 'count' },
  });
};

const eventBars = (
  title: string,
  caption: string,
  names: string,
  counts: Readonly<Record<string, number>>,
): Content =>
  bars({
    title,
    caption,
    basis: 'counted',
    names,
    axis: { label: 'times', unit: 'count' },
    limit: 12,
    bars: Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([name, value]) => ({ name, value })),
  });

const monitorSections = ({ statistics, samples }: RunRecord): Content[] => [
  lines({
    title: 'Interventions over time',
    caption:
      'Callouts: the monitor executed a rewritten instruction. Traps: exceptions of the processor, of which hidden page ' +
      'faults, on the shadow tables, are the ones that the guest never sees.',
    basis: 'counted',
    x: INSTRUCTIONS,
    y: { label: 'per million instructions', unit: 'number', scale: 'log' },
    series: seriesOf(samples, [
      ['callouts', 'callouts'],
      ['traps', 'traps'],
      ['hidden page faults', 'hiddenPageFaults'],
      ['exits', 'exits'],
      ['interrupts', 'interrupts'],
    ]),
  }),
  ...(Object.keys(statistics.callouts).length > 0
    ? [
        eventBars(
          'Callouts by instruction',
          'Rewritten instructions that the monitor executed.',
          'instruction',
          statistics.callouts,
        ),
      ]
    : []),
  ...(Object.keys(statistics.inCache).length > 0
    ? [
        eventBars(
          'Executions in the cache',
          'Rewritten instructions that a sequence in the translation cache executed, without the monitor.',
          'instruction',
          statistics.inCache,
        ),
      ]
    : []),
  ...(Object.keys(statistics.emulatedTraps).length > 0
    ? [
        eventBars(
          'Emulated traps by instruction',
          'Instructions that trapped and that the monitor executed.',
          'instruction',
          statistics.emulatedTraps,
        ),
      ]
    : []),
  ...(Object.keys(statistics.exits).length > 0
    ? [eventBars('Exits by reason', 'From guest mode to the monitor.', 'reason', statistics.exits)]
    : []),
  eventBars(
    'Traps by vector',
    'Exceptions of the processor, before any delivery.',
    'vector',
    statistics.traps,
  ),
];

const speedOverTime = (samples: readonly Sample[]): Content =>
  lines({
    title: 'Speed over time',
    caption: 'Guest instructions in a second of host time. It depends on the host and on what else it does.',
    basis: 'measured',
    x: INSTRUCTIONS,
    y: { label: 'million instructions per second', unit: 'number' },
    series: [
      {
        name: 'speed',
        points: overTime(
          samples,
          (from, to) =>
            (to.instructions - from.instructions) / (to.hostMilliseconds - from.hostMilliseconds) / 1000,
        ),
      },
    ],
  });

/** All the numbers there are, by the names of the statistics. */
const numbers = (statistics: Statistics): Content => {
  const rows: Cell[][] = [];
  const visit = (prefix: string, value: unknown): void => {
    if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value))
        visit(prefix === '' ? key : `${prefix}.${key}`, inner);
    else if (typeof value === 'number') rows.push([prefix, value]);
    else if (value !== null) rows.push([prefix, String(value)]);
  };
  const { leaks, ...others } = statistics;
  const { places: _, ...counted } = leaks ?? { places: [] };
  visit('', { ...others, leaks: counted });
  return table({
    caption: 'As --stats json has them',
    columns: [
      { name: 'name', code: true },
      { name: 'value', unit: 'number' },
    ],
    rows,
  });
};

export const runPage = (record: RunRecord): Page => {
  const { guest, append, options, outcome, statistics: s, samples } = record;
  const chosen = Object.entries(options).map(
    ([name, value]) =>
      `${name} ${typeof value === 'number' && value >= 1024 ? exactly(value, 'bytes') : String(value)}`,
  );
  const monitored = s.monitor !== null || s.guestMode !== null;
  return {
    title: `${guest.split('/').at(-1)} under ${s.technique}`,
    subtitle: [append, ...chosen].filter((text) => text !== undefined && text !== '').join(' · ') || guest,
    opening: [
      facts([
        ['Outcome', describeOutcome(outcome)],
        ['Instructions', exactly(s.instructions, 'count')],
        ['Hit rate', exactly(s.cache.hitRate, 'share')],
        ['Chain rate', exactly(s.cache.chainRate, 'share')],
        ['Records per instruction', s.cache.recordsPerInstruction.toFixed(2)],
        ['Instructions without the monitor', exactly(s.direct, 'share')],
        ['Guest time', exactly(s.guestMilliseconds, 'milliseconds')],
        ['Host time, measured', exactly(s.hostMilliseconds, 'milliseconds')],
      ]),
    ],
    sections: [
      { heading: 'The translation cache', contents: cacheOverTime(samples) },
      {
        heading: monitored ? 'The monitor' : 'Exceptions',
        contents: monitored
          ? monitorSections(record)
          : [
              prose('No monitor: the guest’s kernel has ring 0, and handles its exceptions itself.'),
              eventBars('Traps by vector', 'Exceptions of the processor.', 'vector', s.traps),
            ],
      },
      ...(s.leaks
        ? [{ heading: 'What this technique got wrong, silently', contents: leakContents(s.leaks) }]
        : []),
      { heading: 'Where the guest spends its instructions', contents: [whereItWas(record)] },
      { heading: 'Host time', contents: [speedOverTime(samples)] },
      {
        heading: 'All numbers',
        contents: [numbers(s)],
      },
      ...(record.console === ''
        ? []
        : [
            {
              heading: 'The console',
              contents: [transcript('The end of what the guest sent to COM1', record.console)],
            },
          ]),
    ],
  };
};
