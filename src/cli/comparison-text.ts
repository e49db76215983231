/**
 * A comparison as text: one row for each technique, in sections of which each has one basis: counted, measured or
 * modelled.
 */
import type { Comparison, Difference, Place, Subject, TechniqueRun } from '../laboratory/comparison.ts';
import { describeVerdict } from '../laboratory/verdict.ts';
import { type Counts, type Statistics, total } from '../machine/statistics.ts';
import { columns } from './columns.ts';

const count = (n: number): string => Math.round(n).toLocaleString('en');
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(3)} s`;
const hex = (n: number): string => n.toString(16).toUpperCase().padStart(8, '0');
const NOTHING = '-';
/** Rows of what a total is made of; the JSON has all. */
const SHOWN = 6;
/** Characters of a console line that are shown. */
const LONGEST_LINE = 100;
/** Ends at which it is worth telling where the guest's processor stood. */
const STRANDED = new Set<TechniqueRun['end']['kind']>([
  'shutdown',
  'halted',
  'waiting',
  'outlasted',
  'limit',
  'interrupted',
]);

const placeText = ({ cs, eip, symbol }: Place): string =>
  `${cs.toString(16).toUpperCase().padStart(4, '0')}:${hex(eip)}${symbol === undefined ? '' : ` ${symbol}`}`;

/** What the guest printed, harmless on a terminal. */
const quoted = (line: string | undefined): string => {
  if (line === undefined) return '(nothing more)';
  const cut = line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line;
  return JSON.stringify(cut).replace(/[^\x20-\x7e…]/g, '?');
};

const differenceLines = (difference: Difference): string[] =>
  difference.kind === 'end'
    ? [`the end: ${difference.seen}, not ${difference.expected}`]
    : [
        `console line ${difference.line}: ${quoted(difference.seen)}`,
        `  the reference has  ${quoted(difference.expected)}`,
      ];

/** What is to be said of a run that did not come to the reference's end. */
const remarks = ({ technique, verdict, end, place, warnings }: TechniqueRun): string[] => {
  const lines: string[] = [];
  if (verdict.kind === 'crashed') lines.push(`crashed: ${verdict.reason}`);
  if (verdict.kind === 'refused' || verdict.kind === 'failed')
    lines.push(`${verdict.kind}: ${verdict.reason}`);
  if ((verdict.kind === 'wrong' || verdict.kind === 'crashed') && verdict.difference)
    lines.push(...differenceLines(verdict.difference));
  if (STRANDED.has(end.kind) && place) lines.push(`it stood at ${placeText(place)}`);
  lines.push(...warnings.map((warning) => `warning: ${warning}`));
  return lines.map((line) => `  ${technique}: ${line}`);
};

type Figure = readonly [title: string, of: (statistics: Statistics) => string];

const perIntervention = (s: Statistics): string => {
  if (s.monitor === null) return NOTHING;
  return s.interventions === 0 ? count(s.instructions) : count(s.instructions / s.interventions);
};
/** A figure of techniques with a monitor only. */
const monitored =
  (of: (s: Statistics) => number): Figure[1] =>
  (s) =>
    s.monitor === null ? NOTHING : count(of(s));

const MONITOR: readonly Figure[] = [
  ['instructions', (s) => count(s.instructions)],
  ['per intervention', perIntervention],
  ['callouts', monitored((s) => total(s.callouts) + total(s.directCallouts))],
  ['in cache', monitored((s) => total(s.inCache))],
  ['traps', (s) => count(total(s.traps))],
  ['emulated', monitored((s) => total(s.emulatedTraps))],
  ['exits', monitored((s) => total(s.exits))],
  ['interrupts', (s) => count(s.interrupts)],
];
const PAGES: readonly Figure[] = [
  ['hidden page faults', monitored((s) => s.monitor!.hiddenPageFaults)],
  ['true', monitored((s) => s.monitor!.truePageFaults)],
  ['traced writes', monitored((s) => s.shadow?.tracedTableWrites ?? 0)],
  ['adapted', (s) => (s.adaptation === null ? NOTHING : count(s.adaptation.adaptedWrites))],
  ['silently wrong', (s) => (s.leaks === null ? NOTHING : count(s.leaks.leaking))],
];
const CACHE: readonly Figure[] = [
  ['blocks entered', (s) => count(s.blocks)],
  ['hit rate', (s) => percent(s.cache.hitRate)],
  ['chain rate', (s) => percent(s.cache.chainRate)],
  ['expansion', (s) => s.cache.recordsPerInstruction.toFixed(2)],
  ['translations', (s) => count(s.cache.translations)],
  ['evictions', (s) => count(s.cache.evictions)],
];
const HOST: readonly Figure[] = [
  ['host time', (s) => seconds(s.hostMilliseconds)],
  ['MIPS', (s) => (s.hostMilliseconds > 0 ? (s.instructions / s.hostMilliseconds / 1000).toFixed(1) : '0')],
];

const section = (title: string, runs: readonly TechniqueRun[], figures: readonly Figure[]): string[] => {
  const rows = runs.map(({ technique, statistics }) => [
    technique,
    ...figures.map(([, of]) => (statistics ? of(statistics) : NOTHING)),
  ]);
  const head = ['', ...figures.map(([name]) => name)];
  const right = figures.map((_, i) => i + 1);
  return ['', title, ...columns([head, ...rows], right)];
};

const byName = (
  title: string,
  runs: readonly TechniqueRun[],
  of: (statistics: Statistics) => Counts | undefined,
): string[] => {
  const lines = runs.flatMap(({ technique, statistics }) => {
    const entries = Object.entries((statistics && of(statistics)) ?? {});
    if (entries.length === 0) return [];
    const shown = entries.slice(0, SHOWN).map(([name, n]) => `${name} ${count(n)}`);
    const rest = entries.slice(SHOWN).reduce((sum, [, n]) => sum + n, 0);
    return [[technique, [...shown, ...(rest > 0 ? [`others ${count(rest)}`] : [])].join(', ')]];
  });
  return lines.length === 0 ? [] : ['', title, ...columns(lines, [])];
};

const modelled = ({ costs, runs, reference }: Comparison): string[] => {
  const base = runs.find(({ technique }) => technique === reference)?.modelled?.total;
  const rows = runs.map(({ technique, modelled: m }) => {
    if (!m) return [technique, NOTHING, NOTHING, ''];
    const parts = m.parts.slice(0, 4);
    return [
      technique,
      count(m.total),
      base === undefined ? NOTHING : (m.total / base).toFixed(3),
      parts.map(({ event, cycles }) => `${event} ${percent(cycles / m.total)}`).join(', '),
    ];
  });
  const head = ['', 'cycles', 'of the reference', 'most of it'];
  const unpriced = new Set(runs.flatMap(({ modelled: m }) => m?.unpriced.map(({ event }) => event) ?? []));
  return [
    '',
    `modelled, not measured: cycles of ${costs.processor} (${costs.name})`,
    ...columns([head, ...rows], [1, 2]),
    ...(unpriced.size > 0 ? [`not in it, for want of a cost: ${[...unpriced].join(', ')}`] : []),
  ];
};

/** What was asked for instead of the defaults. */
const asked = ({ clock, mmu, eviction, chaining, blockLength }: Subject): string[] => [
  ...(clock === 'wall' ? ['clock wall'] : []),
  ...(mmu ? [`mmu ${mmu}`] : []),
  ...(eviction ? [`eviction ${eviction}`] : []),
  ...(chaining === false ? ['no chaining'] : []),
  ...(blockLength === undefined ? [] : [`blocks of ${blockLength}`]),
];

/** @returns lines, the last one ended */
export const formatComparison = (comparison: Comparison): string => {
  const { runs, reference, subject, simultaneous } = comparison;
  const outcomes = runs.map((run) => [
    run.technique,
    describeVerdict(run),
    run.statistics ? count(run.consoleLines) : NOTHING,
  ]);
  const judged = reference === null ? 'no reference run came to an end' : `the reference is ${reference}`;
  const lines = [
    [subject.kernel, `${subject.memory >> 20} MiB`, ...asked(subject), judged].join(', '),
    '',
    ...columns([['', 'outcome', 'console lines'], ...outcomes], [2]),
    ...runs.flatMap(remarks),
    ...section('counted: the monitor', runs, MONITOR),
    ...section('counted: memory, and instructions that lied', runs, PAGES),
    ...byName('traps', runs, (s) => s.traps),
    ...byName('callouts', runs, (s) => s.callouts),
    ...byName('callouts of code that runs directly', runs, (s) => s.directCallouts),
    ...byName('in cache', runs, (s) => s.inCache),
    ...byName('emulated traps', runs, (s) => s.emulatedTraps),
    ...byName('exits', runs, (s) => s.exits),
    ...byName('silently wrong', runs, (s) => s.leaks?.byInstruction),
    ...section('counted: the translation cache', runs, CACHE),
    ...section(`measured: this host, ${simultaneous} at a time`, runs, HOST),
    ...modelled(comparison),
  ];
  return `${lines.join('\n')}\n`;
};
