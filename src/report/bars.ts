/** Bars: one value for each of several names; in groups for names that several have. */
import type { Markish } from '@observablehq/plot';
import type { Content } from './content.ts';
import {
  type Axis,
  color,
  cut,
  type Drawing,
  type FigureText,
  figure,
  HALO,
  scaleOf,
  ticksOf,
  widthOf,
} from './figure.ts';
import type { Cell, TableSpec } from './table.ts';
import type { Toolkit } from './toolkit.ts';
import { shortly } from './units.ts';

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** What the name is repeated in, such as an event for techniques. */
  readonly group?: string;
}

export interface BarsSpec extends FigureText {
  /** Of the names, such as `instruction`. */
  readonly names: string;
  readonly groups?: string;
  /** A logarithmic one has no zero: values are then dots, not bars. */
  readonly axis: Axis;
  readonly bars: readonly Bar[];
  /** So many, of the rest only the sum is shown; the table has all. */
  readonly limit?: number;
}

const BAR = 22;
const GROUP_GAP = 14;

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];

const numbersOf = ({ names, groups, axis, bars }: BarsSpec): TableSpec => {
  const { label: name, unit } = axis;
  if (bars.every(({ group }) => group === undefined))
    return { columns: [{ name: names }, { name, unit }], rows: bars.map((bar) => [bar.name, bar.value]) };
  const columns = distinct(bars.map((bar) => bar.name));
  return {
    caption: name,
    columns: [{ name: groups ?? '' }, ...columns.map((column) => ({ name: column, unit }))],
    rows: distinct(bars.map(({ group }) => group ?? '')).map((group): Cell[] => [
      group,
      ...columns.map(
        (column) => bars.find((bar) => bar.name === column && (bar.group ?? '') === group)?.value,
      ),
    ]),
  };
};

const limited = ({ bars, limit = Number.POSITIVE_INFINITY, axis }: BarsSpec): readonly Bar[] => {
  if (bars.length <= limit + 1) return bars;
  const rest = bars.slice(limit);
  const sum = rest.reduce((total, { value }) => total + value, 0);
  const kept = bars.slice(0, limit);
  // Shares and ratios have no sum.
  const additive = axis.unit === 'count' || axis.unit === 'cycles' || axis.unit === 'milliseconds';
  return additive ? [...kept, { name: `${rest.length} others`, value: sum }] : kept;
};

/** Horizontal bars, in the order given. */
export const bars = (spec: BarsSpec): Content =>
  figure(spec, numbersOf(spec), (toolkit) => {
    const shown = limited(spec).filter(({ value }) => Number.isFinite(value));
    return shown.some(({ value }) => value > 0) ? drawing(spec, shown, toolkit) : undefined;
  });

const drawing = (spec: BarsSpec, shown: readonly Bar[], { Plot, width }: Toolkit): Drawing => {
  const { axis } = spec;
  const log = axis.scale === 'log';
  const positive = log ? shown.filter(({ value }) => value > 0) : shown;
  const values = positive.map(({ value }) => value);
  const longest = width / 20;
  const data = shown.map((bar) => ({
    ...bar,
    name: cut(bar.name, longest),
    ...(bar.group !== undefined && { group: cut(bar.group, longest) }),
    end: shortly(bar.value, axis.unit),
  }));
  const names = distinct(data.map(({ name }) => name));
  const groups = distinct(data.flatMap(({ group }) => (group === undefined ? [] : [group])));
  const grouped = groups.length > 0;
  const ends = widthOf(data.map(({ end }) => end));
  const { ticks, tickFormat } = ticksOf(axis, values, width > 500 ? 6 : 3);
  // Where a logarithmic axis begins.
  const least = log ? 10 ** Math.floor(Math.log10(Math.min(...values)) - 0.01) : 0;
  const channels = { y: 'name', ...(grouped && { fy: 'group' }) };
  const fill = (bar: { name: string }) => color(grouped ? names.indexOf(bar.name) : 0);
  const of = (n: number) => data.filter((bar) => names.indexOf(bar.name) === n);
  const shapes: Markish[] = (grouped ? names.map((_, n) => of(n)) : [data]).flatMap((some) => {
    const stroke = fill(some[0]!);
    const drawable = some.filter(({ value }) => value > 0);
    return log
      ? [
          Plot.ruleY(drawable, { ...channels, x1: least, x2: 'value', stroke, strokeWidth: 2 }),
          Plot.dot(drawable, { ...channels, x: 'value', fill: stroke, r: 5 }),
        ]
      : [Plot.barX(drawable, { ...channels, x: 'value', fill: stroke, insetTop: 2, insetBottom: 2, rx: 2 })];
  });
  const rows = grouped ? groups.length * names.length : names.length;
  return {
    height: rows * BAR + (grouped ? groups.length * GROUP_GAP : 0) + 52,
    marginLeft: 12 + widthOf(grouped ? groups : names),
    marginRight: 16 + ends,
    marginTop: 4,
    options: {
      x: { ...scaleOf(axis, true), ...(log && { domain: [least, Math.max(...values)] }) },
      y: { type: 'band', label: null, domain: names, ...(grouped && { axis: null }), padding: 0.05 },
      ...(grouped && {
        fy: { label: null, domain: groups, padding: GROUP_GAP / (names.length * BAR + GROUP_GAP) },
      }),
    },
    marks: [
      Plot.gridX({ ticks: ticks as number }),
      Plot.axisX({ ticks: ticks as number, tickFormat, tickSize: 4, labelOffset: 38, labelArrow: 'none' }),
      ...(grouped
        ? [Plot.axisFy({ anchor: 'left', tickSize: 0, label: null, textAnchor: 'end' })]
        : [Plot.axisY({ tickSize: 0, label: null })]),
      ...shapes,
      Plot.text(data, {
        ...channels,
        x: (bar: (typeof data)[number]) => (log ? Math.max(bar.value, least) : bar.value),
        text: 'end',
        textAnchor: 'start',
        dx: log ? 9 : 5,
        ...HALO,
        fontVariant: 'tabular-nums',
      }),
    ],
    ...(grouped && { legend: names.map((name, i) => ({ name, color: i })) }),
  };
};
