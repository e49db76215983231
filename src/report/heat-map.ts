/** Heat maps: how much happened where, and when. */
import type { Content } from './content.ts';
import {
  type Axis,
  cut,
  type Drawing,
  type FigureText,
  figure,
  scaleOf,
  ticksOf,
  widthOf,
} from './figure.ts';
import type { Cell } from './table.ts';
import type { Unit } from './units.ts';

export interface HeatMapSpec extends FigureText {
  readonly x: Axis;
  /** Bounds of the columns on the horizontal axis: one more than there are columns. */
  readonly bounds: readonly number[];
  /** What a row is, such as `page`. */
  readonly rowLabel: string;
  /** From top to bottom, each with a value per column. */
  readonly rows: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly value: { readonly label: string; readonly unit: Unit };
}

const ROW = 16;
/** Steps of shade that an eye tells apart. */
const SHADES = 12;

/** A heat map; the darker, the more. A shade's area grows with the square root of the value, so that little is seen. */
export const heatMap = (spec: HeatMapSpec): Content => {
  const { x, bounds, rows, value } = spec;
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const total = sum(rows.map(({ values }) => sum(values)));
  const numbers = {
    caption: `${value.label}, over the whole of the horizontal axis`,
    columns: [
      { name: spec.rowLabel, code: true },
      { name: value.label, unit: value.unit },
      { name: 'share', unit: 'share' },
    ] as const,
    rows: rows.map(({ name, values }): Cell[] => [name, sum(values), total > 0 ? sum(values) / total : 0]),
  };
  return figure(spec, numbers, ({ Plot, width }): Drawing | undefined => {
    const most = Math.max(0, ...rows.flatMap(({ values }) => values));
    if (most <= 0) return undefined;
    const shadeOf = (v: number) => Math.ceil(Math.sqrt(v / most) * SHADES);
    const cells = rows.flatMap(({ name, values }) =>
      values.map((v, i) => ({
        name: cut(name),
        x1: bounds[i]!,
        x2: bounds[i + 1]!,
        shade: v > 0 ? shadeOf(v) : 0,
      })),
    );
    const { ticks, tickFormat } = ticksOf(x, bounds, width > 500 ? 8 : 4);
    const names = rows.map(({ name }) => cut(name));
    return {
      height: rows.length * ROW + 56,
      marginLeft: 12 + widthOf(names, 7.3),
      options: {
        x: { ...scaleOf(x, false), nice: false },
        y: { label: null, domain: names, padding: 0 },
      },
      marks: [
        Plot.frame({ stroke: 'var(--rule)' }),
        // One shape for each shade keeps the page small.
        ...Array.from({ length: SHADES }, (_, i) => i + 1).map((shade) =>
          Plot.barX(
            cells.filter((cell) => cell.shade === shade),
            {
              y: 'name',
              x1: 'x1',
              x2: 'x2',
              fill: 'var(--heat)',
              fillOpacity: Math.round((shade / SHADES) * 100) / 100,
              insetTop: 0.5,
              insetBottom: 0.5,
            },
          ),
        ),
        Plot.axisX({ ticks: ticks as number, tickFormat, tickSize: 4, labelOffset: 38, labelArrow: 'none' }),
        Plot.axisY({ tickSize: 0, label: null, fontFamily: 'var(--mono)' }),
      ],
    };
  });
};
