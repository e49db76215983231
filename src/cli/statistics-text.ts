/** The table after a run. */
import type { Statistics } from '../index.ts';
import { total } from '../machine/statistics.ts';
import { leakLines } from './leaks-text.ts';

type Row = readonly [name: string, value: string, note?: string];

const count = (n: number): string => Math.round(n).toLocaleString('en');
const percent = (share: number): string => `${(share * 100).toFixed(share > 0.9999 && share < 1 ? 4 : 2)} %`;
const factor = (n: number): string => n.toFixed(2);
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(3)} s`;

const shown = 8;
/** A total, and under it what it is made of, the most frequent first. */
const byName = (name: string, counts: Readonly<Record<string, number>>, limit: number): Row[] => {
  const entries = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const rest = entries.slice(limit);
  const rows: Row[] = [
    [name, count(total(counts))],
    ...entries.slice(0, limit).map(([of, n]): Row => [`  ${of}`, count(n)]),
  ];
  if (rest.length > 0) rows.push([`  ${rest.length} others`, count(rest.reduce((sum, [, n]) => sum + n, 0))]);
  return rows;
};

const speed = (s: Statistics): string =>
  s.hostMilliseconds > 0 ? (s.instructions / s.hostMilliseconds / 1000).toFixed(1) : '0';

/** Executions that were silently wrong, where the technique lets that happen. */
const leakRows = ({ leaks }: Statistics, limit: number): Row[] => {
  if (!leaks) return [];
  const [total, ...rows] = byName('silently wrong', leaks.byInstruction, limit);
  return [[...(total as [string, string]), `of ${count(leaks.witnessed)} executions that may be`], ...rows];
};

const shortRows = (s: Statistics): Row[] => [
  ['technique, engine', `${s.technique}, ${s.engine}`],
  ['instructions', count(s.instructions)],
  ['blocks', count(s.blocks)],
  ['hit rate', percent(s.cache.hitRate), 'of the lookups in the translation cache'],
  ...byName('callouts', s.callouts, shown),
  ...byName('traps', s.traps, shown),
  ...(s.guestMode ? byName('exits', s.exits, shown) : []),
  ...leakRows(s, shown),
  ['without the monitor', percent(s.direct), 'of the instructions'],
  ['host time', seconds(s.hostMilliseconds), `${speed(s)} million instructions a second`],
];

const shadowRows = ({ shadow }: Statistics): Row[] =>
  shadow
    ? [
        ['  for want of a table', count(shadow.hiddenForTable)],
        ['  of an entry in it', count(shadow.hiddenForPage)],
        ['  of a right', count(shadow.hiddenForRight), 'the first write to a page, mostly'],
        ['traced writes', count(shadow.tracedTableWrites), 'to page tables'],
        ['  tables given up', count(shadow.tablesGivenUp), 'for being written so often'],
        ['address spaces entered', count(shadow.switchesKept + shadow.switchesAnew)],
        ['  shadow kept', count(shadow.switchesKept)],
        ['shadow evictions', count(shadow.shadowEvictions)],
      ]
    : [];
const adaptationRows = ({ adaptation }: Statistics): Row[] =>
  adaptation
    ? [
        ['instructions adapted', count(adaptation.adaptations), 'for their traced writes'],
        ['  adapted back', count(adaptation.reversions)],
        ['  executions', count(adaptation.adaptedExecutions)],
        ['  that met a trace', count(adaptation.adaptedWrites), 'and would have trapped'],
      ]
    : [];

const longRows = (s: Statistics): Row[] => {
  const { cache, monitor } = s;
  return [
    ['technique, engine', `${s.technique}, ${s.engine}`],
    ['instructions', count(s.instructions)],
    ['  without the monitor', percent(s.direct)],
    ['blocks entered', count(s.blocks)],
    ['  by a link', percent(cache.chainRate), 'chain rate: no lookup was needed'],
    ['lookups', count(cache.lookups)],
    ['  hit rate', percent(cache.hitRate), 'hits of lookups'],
    ['  in the jump cache', count(cache.jumpCacheHits)],
    ['  cut short', count(cache.cut), 'by an event within the block'],
    ['translations', count(cache.translations)],
    ['  again', count(cache.retranslations)],
    ['  for one time', count(cache.passing), 'not kept, and not counted with the others'],
    ['  instructions, bytes', `${count(cache.translatedInstructions)}, ${count(cache.translatedBytes)}`],
    ['expansion', factor(cache.recordsPerInstruction), 'records for a guest instruction'],
    ['', factor(cache.bytesPerByte), 'bytes for a guest byte'],
    ['links', count(cache.links)],
    ['evictions', count(cache.evictions)],
    ['invalidations', count(cache.invalidations)],
    ...byName('callouts', s.callouts, Number.POSITIVE_INFINITY),
    ...byName('callouts of direct code', s.directCallouts, Number.POSITIVE_INFINITY),
    ...byName('emulated in the cache', s.inCache, Number.POSITIVE_INFINITY),
    ...byName('traps', s.traps, Number.POSITIVE_INFINITY),
    ['interrupts', count(s.interrupts)],
    ...(monitor
      ? ([
          ['page faults, true', count(monitor.truePageFaults)],
          ['page faults, hidden', count(monitor.hiddenPageFaults)],
          ...shadowRows(s),
          ...adaptationRows(s),
          ...byName('emulated traps', s.emulatedTraps, Number.POSITIVE_INFINITY),
          ['interventions', count(s.interventions)],
        ] satisfies Row[])
      : []),
    ...(s.guestMode
      ? ([
          ...byName('exits', s.exits, Number.POSITIVE_INFINITY),
          ['emulated instructions', count(s.guestMode.emulatedInstructions), 'that guest mode cannot run'],
          ['guest pages mapped', count(s.guestMode.mappedPages), 'EPT violations by a first use'],
          ['device accesses', count(s.guestMode.deviceAccesses), 'EPT violations by what is no RAM'],
          ['nested entries read', count(s.guestMode.nestedEntriesRead), 'of the second level, by page walks'],
        ] satisfies Row[])
      : []),
    ...leakRows(s, Number.POSITIVE_INFINITY),
    ['TLB misses', count(s.tlb.misses)],
    ['  table entries read', count(s.tlb.entriesRead)],
    ['TLB flushes', count(s.tlb.flushes)],
    ['guest time', seconds(s.guestMilliseconds)],
    ['host time', seconds(s.hostMilliseconds)],
    ['speed', `${speed(s)} MIPS`, 'million instructions a second'],
  ];
};

/** @param length `short` leaves out what a first look does not need @returns lines, the last one ended */
export const formatStatistics = (statistics: Statistics, length: 'short' | 'long' = 'long'): string => {
  const rows = length === 'short' ? shortRows(statistics) : longRows(statistics);
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const valueWidth = Math.max(...rows.slice(1).map(([, value]) => value.length));
  const lines = rows.map(([name, value, note]) =>
    `${name.padEnd(nameWidth)}  ${value.padStart(valueWidth)}${note ? `  ${note}` : ''}`.trimEnd(),
  );
  const { leaks } = statistics;
  if (length === 'long' && leaks && leaks.leaking > 0) lines.push('', 'Silently wrong:', ...leakLines(leaks));
  return `${lines.join('\n')}\n`;
};
