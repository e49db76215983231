/** Lines: one value against another, for one or more series. */
import type { Content } from './content.ts';
import {
  type Axis,
  color,
  type Drawing,
  dash,
  type FigureText,
  figure,
  scaleOf,
  ticksOf,
  widthOf,
} from './figure.ts';
import type { Cell, TableSpec } from './table.ts';
import { shortly } from './units.ts';

export interface Series {
  readonly name: string;
  /** In ascending order of the first; undefined leaves a gap. */
  readonly points: readonly (readonly [x: number, y: number | undefined])[];
}

export interface LinesSpec extends FigureText {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  readonly height?: number;
}

/** With more points than these, dots would hide the line. */
const MOST_DOTS = 40;

const numbersOf = ({ x, y, series }: LinesSpec): TableSpec => {
  const positions = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort(
    (a, b) => a - b,
  );
  const lookup = series.map(({ points }) => new Map(points));
  const single = series.length === 1;
  return {
    ...(!single && { caption: y.label }),
    columns: [
      { name: x.label, unit: x.unit },
      ...series.map(({ name }) => ({ name: single ? y.label : name, unit: y.unit })),
    ],
    rows: positions.map((at): Cell[] => [at, ...lookup.map((points) => points.get(at))]),
  };
};

/** A plot of lines. */
export const lines = (spec: LinesSpec): Content => {
  const { x, y, series } = spec;
  const defined = series.flatMap(({ points }) =>
    points.filter((point): point is readonly [number, number] => point[1] !== undefined),
  );
  return figure(spec, numbersOf(spec), ({ Plot, width }): Drawing | undefined => {
    if (defined.length === 0) return undefined;
    const across = ticksOf(
      x,
      defined.map(([at]) => at),
      width > 500 ? 8 : 4,
    );
    const up = ticksOf(
      y,
      defined.map(([, value]) => value),
      5,
    );
    const several = series.length > 1;
    return {
      height: spec.height ?? (width > 500 ? 300 : 240),
      marginLeft: 16 + widthOf(labelsOf(y, defined)),
      marginTop: 30,
      options: { x: scaleOf(x, false), y: scaleOf(y, true) },
      marks: [
        Plot.gridY({ ticks: up.ticks as number }),
        Plot.axisX({
          ...across,
          ticks: across.ticks as number,
          tickSize: 4,
          labelOffset: 38,
          labelArrow: 'none',
        }),
        Plot.axisY({ ...up, ticks: up.ticks as number, tickSize: 0, labelAnchor: 'top', labelArrow: 'none' }),
        ...series.flatMap(({ points }, i) => [
          Plot.line(points, {
            x: '0',
            y: '1',
            stroke: color(i),
            strokeWidth: 2,
            strokeDasharray: several ? dash(i) : 'none',
          }),
          ...(dotted(points).length > 0
            ? [Plot.dot(dotted(points), { x: '0', y: '1', r: 2.5, fill: color(i) })]
            : []),
        ]),
      ],
      legend: series.map(({ name }, i) => ({ name, color: i, dash: several ? dash(i) : 'none' })),
    };
  });
};

/** Points that a line alone would not show: all if there are few, else those between gaps. */
const dotted = (points: Series['points']): Series['points'] =>
  points.length <= MOST_DOTS
    ? points
    : points.filter(
        ([, value], i) =>
          value !== undefined && points[i - 1]?.[1] === undefined && points[i + 1]?.[1] === undefined,
      );

const labelsOf = (axis: Axis, points: readonly (readonly [number, number])[]): string[] =>
  points.map(([, value]) => shortly(Number(value.toPrecision(2)), axis.unit));
