/** Stacked bars: what each of several sums is made of. */
import type { Content } from './content.ts';
import {
  type Axis,
  color,
  cut,
  type Drawing,
  type FigureText,
  figure,
  HALO,
  PALETTE,
  scaleOf,
  ticksOf,
  widthOf,
} from './figure.ts';
import type { Cell } from './table.ts';
import { shortly } from './units.ts';

export interface Stack {
  readonly name: string;
  /** Value by part, none negative. */
  readonly parts: Readonly<Record<string, number>>;
}

export interface StackedSpec extends FigureText {
  /** Of the parts, such as `event`. */
  readonly part: string;
  readonly axis: Axis;
  readonly stacks: readonly Stack[];
}

const BAR = 34;

/** The parts of all, the largest first. */
const partsOf = (stacks: readonly Stack[]): string[] => {
  const sums = new Map<string, number>();
  for (const { parts } of stacks)
    for (const [part, value] of Object.entries(parts)) sums.set(part, (sums.get(part) ?? 0) + value);
  return [...sums.keys()].filter((part) => sums.get(part)! > 0).sort((a, b) => sums.get(b)! - sums.get(a)!);
};
const sumOf = ({ parts }: Stack): number => Object.values(parts).reduce((sum, value) => sum + value, 0);

/** Horizontal stacked bars; parts beyond the palette are one. */
export const stacked = (spec: StackedSpec): Content => {
  const { axis, stacks } = spec;
  const parts = partsOf(stacks);
  const { unit } = axis;
  const numbers = {
    caption: axis.label,
    columns: [{ name: spec.part }, ...stacks.map(({ name }) => ({ name, unit }))],
    rows: [
      ...parts.map((part): Cell[] => [part, ...stacks.map((stack) => stack.parts[part])]),
      ['sum', ...stacks.map(sumOf)],
    ],
  };
  return figure(spec, numbers, ({ Plot, width }): Drawing | undefined => {
    if (parts.length === 0) return undefined;
    const shown = parts.length > PALETTE ? parts.slice(0, PALETTE - 1) : parts;
    const others = parts.slice(shown.length);
    const legend = [...shown, ...(others.length > 0 ? [`${others.length} others`] : [])];
    const pieces = stacks.flatMap((stack) => {
      const name = cut(stack.name, width / 20);
      const rest = others.reduce((sum, part) => sum + (stack.parts[part] ?? 0), 0);
      let x2 = 0;
      return [...shown.map((part) => stack.parts[part] ?? 0), ...(others.length > 0 ? [rest] : [])].map(
        (value, part) => {
          const x1 = x2;
          x2 += value;
          return { name, part, x1, x2 };
        },
      );
    });
    const sums = stacks.map((stack) => ({
      name: cut(stack.name, width / 20),
      x: sumOf(stack),
      text: shortly(sumOf(stack), unit),
    }));
    const { ticks, tickFormat } = ticksOf({ ...axis, scale: 'linear' }, [], width > 500 ? 6 : 3);
    return {
      height: stacks.length * BAR + 52,
      marginLeft: 12 + widthOf(sums.map(({ name }) => name)),
      marginRight: 16 + widthOf(sums.map(({ text }) => text)),
      marginTop: 4,
      options: {
        x: scaleOf({ ...axis, scale: 'linear' }, true),
        y: { label: null, domain: [...new Set(sums.map(({ name }) => name))], padding: 0.15 },
      },
      marks: [
        Plot.gridX({ ticks: ticks as number }),
        Plot.axisX({ ticks: ticks as number, tickFormat, tickSize: 4, labelOffset: 38, labelArrow: 'none' }),
        Plot.axisY({ tickSize: 0, label: null }),
        ...legend.map((_, part) =>
          Plot.barX(
            pieces.filter((piece) => piece.part === part && piece.x2 > piece.x1),
            { y: 'name', x1: 'x1', x2: 'x2', fill: color(part), insetRight: 0.5 },
          ),
        ),
        Plot.text(sums, { y: 'name', x: 'x', text: 'text', textAnchor: 'start', dx: 5, ...HALO }),
      ],
      legend: legend.map((name, i) => ({ name, color: i })),
    };
  });
};
