/** The cache benchmark's figures: as a table for a terminal, and as a page with plots. */
import {
  bars,
  beside,
  type Content,
  lines,
  type Page,
  prose,
  type Section,
  table,
} from '../src/report/index.ts';
import type { Cell } from '../src/report/table.ts';
import { exactly } from '../src/report/units.ts';
import { DEFAULTS, type Knobs, type Part } from './cache-runs.ts';
import { show, table as textTable } from './figures.ts';

/** One run of a subject with one setting of the knobs. */
export interface Point {
  readonly knobs: Knobs;
  readonly parts: readonly Part[];
  /** Why there are no parts. */
  readonly problem?: string;
}

export interface SubjectResult {
  readonly name: string;
  /** What it is, for those who read the report only. */
  readonly description: string;
  /** The first is with the defaults. */
  readonly points: readonly Point[];
  /** Time of the defaults once more at the end, divided by that of the beginning: how steady the host was. */
  readonly drift: number | null;
  /** Settings under which the guest printed, or executed, something else. */
  readonly differing: readonly string[];
}

export interface CacheReport {
  readonly date: string;
  readonly host: string;
  readonly node: string;
  readonly load: readonly [before: number, after: number];
  readonly quick: boolean;
  readonly seconds: number;
  readonly defaults: Knobs;
  readonly subjects: readonly SubjectResult[];
}

const isDefault = (knobs: Knobs, ...except: readonly (keyof Knobs)[]): boolean =>
  (Object.keys(DEFAULTS) as (keyof Knobs)[]).every(
    (key) => except.includes(key) || knobs[key] === DEFAULTS[key],
  );

/** What distinguishes a setting from the defaults. */
export const nameOf = (knobs: Knobs): string => {
  const names = [
    ...(knobs.cacheSize === DEFAULTS.cacheSize ? [] : [exactly(knobs.cacheSize, 'bytes')]),
    ...(knobs.eviction === DEFAULTS.eviction ? [] : [knobs.eviction]),
    ...(knobs.chaining ? [] : ['no chaining']),
    ...(knobs.blockLength === DEFAULTS.blockLength ? [] : [`blocks of ${knobs.blockLength}`]),
  ];
  return names.join(', ') || 'defaults';
};

export const hitRate = ({ cache }: Part): number => cache.hits / cache.lookups;
const chainRate = ({ blocks, cache }: Part): number => cache.chained / blocks;
const missesPerMillion = ({ instructions, cache }: Part): number => (cache.misses / instructions) * 1e6;

/** What went wrong, or was left out: a sentence for each reason. */
const problemsOf = ({ name, points, differing }: SubjectResult): string[] => {
  const reasons = new Map<string, string[]>();
  for (const { knobs, problem } of points)
    if (problem !== undefined) reasons.set(problem, [...(reasons.get(problem) ?? []), nameOf(knobs)]);
  return [
    ...[...reasons].map(([reason, settings]) => `${name}: ${reason}: ${settings.join('; ')}`),
    ...(differing.length > 0 ? [`${name}: the guest saw a difference: ${differing.join('; ')}`] : []),
  ];
};

/** A part under all settings. */
interface Row {
  readonly knobs: Knobs;
  readonly part: Part;
}
const rowsOf = ({ points }: SubjectResult, name: string): Row[] =>
  points.flatMap(({ knobs, parts }) => {
    const part = parts.find((one) => one.name === name);
    return part ? [{ knobs, part }] : [];
  });
const partNames = ({ points }: SubjectResult): string[] => [
  ...new Set(points.flatMap(({ parts }) => parts.map(({ name }) => name))),
];
const titleOf = (subject: SubjectResult, part: string): string =>
  partNames(subject).length > 1 ? `${subject.name}: ${part}` : subject.name;

/** For a terminal. */
export const cacheReportText = ({ subjects, seconds, load }: CacheReport): string => {
  const tables = subjects.flatMap((subject) =>
    partNames(subject).map((name) => {
      const rows = rowsOf(subject, name);
      const base = rows.find(({ knobs }) => isDefault(knobs))?.part.processorMilliseconds ?? null;
      return `${titleOf(subject, name)}\n${textTable([
        [
          '',
          'hit rate %',
          'misses/M',
          'chain rate %',
          'translations',
          'again',
          'evictions',
          'cpu s',
          'times',
        ],
        ...rows.map(({ knobs, part }) => [
          nameOf(knobs),
          show(hitRate(part) * 100, 3),
          show(missesPerMillion(part), 1),
          show(chainRate(part) * 100, 2),
          `${part.cache.translations}`,
          `${part.cache.retranslations}`,
          `${part.cache.evictions}`,
          show(part.processorMilliseconds / 1000, 2),
          show(base === null ? null : part.processorMilliseconds / base, 2),
        ]),
      ])}`;
    }),
  );
  const notes = subjects.flatMap((subject) => [
    ...(subject.drift === null
      ? []
      : [`${subject.name}: the defaults took ${show(subject.drift, 2)} times as long at the end`]),
    ...problemsOf(subject),
  ]);
  return [
    ...tables,
    [
      'hit rate: lookups that found a block, of all lookups; linked transfers are no lookups.',
      'misses/M: lookups without success in a million instructions. chain rate: block entries without a lookup.',
      'cpu s: processor time of the host, all threads. times: the same, compared with the defaults in this run.',
      `${seconds.toFixed(0)} s; load of the host ${load.map((l) => l.toFixed(2)).join(' … ')}`,
      ...notes,
    ].join('\n'),
  ].join('\n\n');
};

const SIZE = { label: 'size of the translation cache', unit: 'bytes', scale: 'log' } as const;
const LENGTH = { label: 'longest block, instructions', unit: 'number', scale: 'log', base: 2 } as const;
const HIT_RATE =
  'Hit rate: lookups that found a translated block, of all lookups. Linked transfers are no lookups.';
const HOST_TIME =
  'Processor time of the host, all threads, for this part; one run for each point, one after the other.';

/** One line for each policy; where nothing had to go under the default one, the others were not run and do not differ. */
const bySize = (rows: readonly Row[], value: (part: Part) => number) => {
  const sized = rows.filter(({ knobs }) => isDefault(knobs, 'cacheSize', 'eviction'));
  const points = (eviction: Knobs['eviction']) =>
    sized
      .filter(({ knobs }) => knobs.eviction === eviction)
      .map(({ knobs, part }) => [knobs.cacheSize, value(part)] as const)
      .sort(([a], [b]) => a - b);
  const policies = [...new Set(sized.map(({ knobs }) => knobs.eviction))];
  return policies
    .map((name) => ({ name, points: points(name) }))
    .filter((series) => series.points.length > 1);
};
const byLength = (rows: readonly Row[], name: string, value: (part: Part) => number) => [
  {
    name,
    points: rows
      .filter(({ knobs }) => isDefault(knobs, 'blockLength'))
      .map(({ knobs, part }) => [knobs.blockLength, value(part)] as const)
      .sort(([a], [b]) => a - b),
  },
];

const sizePlots = (rows: readonly Row[]): Content[] => [
  lines({
    title: 'Misses against cache size',
    caption:
      'Lookups without success in a million guest instructions, by eviction policy; both axes are logarithmic. Where a ' +
      'line ends, nothing has to be evicted, and the policies are the same.',
    basis: 'counted',
    x: SIZE,
    y: { label: 'misses per million instructions', unit: 'number', scale: 'log' },
    series: bySize(rows, missesPerMillion),
  }),
  beside(
    lines({
      title: 'Hit rate against cache size',
      caption: HIT_RATE,
      basis: 'counted',
      x: SIZE,
      y: { label: 'hit rate', unit: 'share', zero: false },
      series: bySize(rows, hitRate),
    }),
    lines({
      title: 'Host time against cache size',
      caption: HOST_TIME,
      basis: 'measured',
      x: SIZE,
      y: { label: 'processor time', unit: 'milliseconds' },
      series: bySize(rows, ({ processorMilliseconds }) => processorMilliseconds),
    }),
  ),
];

const chainingPlots = (rows: readonly Row[]): Content[] => {
  const two = rows.filter(({ knobs }) => isDefault(knobs, 'chaining'));
  if (two.length < 2) return [];
  const named = (value: (part: Part) => number) =>
    two.map(({ knobs, part }) => ({ name: knobs.chaining ? 'chaining' : 'no chaining', value: value(part) }));
  return [
    beside(
      bars({
        title: 'Lookups with and without chaining',
        caption: 'Without chaining every direct exit of a block is a lookup; the axis is logarithmic.',
        basis: 'counted',
        names: 'setting',
        axis: { label: 'lookups', unit: 'count', scale: 'log' },
        bars: named(({ cache }) => cache.lookups),
      }),
      bars({
        title: 'Host time with and without chaining',
        caption: HOST_TIME,
        basis: 'measured',
        names: 'setting',
        axis: { label: 'processor time', unit: 'milliseconds' },
        bars: named(({ processorMilliseconds }) => processorMilliseconds),
      }),
    ),
  ];
};

const lengthPlots = (rows: readonly Row[]): Content[] => [
  beside(
    lines({
      title: 'Instructions in a block, as executed',
      caption: 'Instructions retired, divided by blocks entered, against the longest block that is allowed.',
      basis: 'counted',
      x: LENGTH,
      y: { label: 'instructions per block entered', unit: 'number' },
      series: byLength(rows, 'length', ({ instructions, blocks }) => instructions / blocks),
    }),
    lines({
      title: 'Host time against block length',
      caption: HOST_TIME,
      basis: 'measured',
      x: LENGTH,
      y: { label: 'processor time', unit: 'milliseconds' },
      series: byLength(rows, 'processor time', ({ processorMilliseconds }) => processorMilliseconds),
    }),
  ),
];

const numbers = (rows: readonly Row[]): Content =>
  table({
    caption:
      'All settings; what is not named has its default. Expansion: records per translated instruction; time: processor time',
    columns: [
      { name: 'setting' },
      { name: 'hit rate', unit: 'share' },
      { name: 'chain rate', unit: 'share' },
      { name: 'translations', unit: 'count' },
      { name: 'evictions', unit: 'count' },
      { name: 'expansion', unit: 'number' },
      { name: 'time, measured', unit: 'milliseconds' },
    ],
    rows: rows.map(({ knobs, part }): Cell[] => [
      nameOf(knobs),
      hitRate(part),
      chainRate(part),
      part.cache.translations,
      part.cache.evictions,
      part.cache.records / part.cache.translatedInstructions,
      part.processorMilliseconds,
    ]),
  });

const sectionOf = (subject: SubjectResult, name: string): Section => {
  const rows = rowsOf(subject, name);
  const { instructions } = rows[0]!.part;
  return {
    heading: titleOf(subject, name),
    contents: [
      prose(`${subject.description} This part: ${exactly(instructions, 'count')} instructions in every run.`),
      ...sizePlots(rows),
      ...chainingPlots(rows),
      ...lengthPlots(rows),
      numbers(rows),
    ],
  };
};

export const cachePage = (report: CacheReport): Page => {
  const { subjects, defaults, date, host, node, load, quick } = report;
  const drifts = subjects.flatMap(({ name, drift }) =>
    drift === null ? [] : [`${name} ${drift.toFixed(2)}`],
  );
  const problems = subjects.flatMap(problemsOf).map((problem) => `${problem}.`);
  return {
    title: 'The translation cache, measured',
    subtitle: `${date.slice(0, 16).replace('T', ' ')} · ${host} · Node ${node} · load ${load
      .map((l) => l.toFixed(1))
      .join(' … ')}${quick ? ' · quick' : ''}`,
    opening: [
      prose(
        'Binary translation (bt) of the same guests, with one thing varied at a time: the size of the cache and who makes ' +
          'room in it, whether blocks are linked to each other, how long a block may be. Everything else has its default: ' +
          `${exactly(defaults.cacheSize, 'bytes')}, eviction ${defaults.eviction}, chaining, blocks of at most ` +
          `${defaults.blockLength} instructions. The guest cannot tell: every run has executed the same instructions and ` +
          'printed the same text.',
        'Counts repeat exactly. Host time does not: how much the same setting differed between the beginning and the end ' +
          `of this run, as a ratio: ${drifts.join(', ') || 'unknown'}.`,
        ...problems,
      ),
    ],
    sections: subjects.flatMap((subject) => partNames(subject).map((name) => sectionOf(subject, name))),
  };
};
