/** A plot with its title, how to read it, and the numbers in it as a table. */
import type { Markish } from '@observablehq/plot';
import type { Content } from './content.ts';
import { html, type Markup, raw } from './html.ts';
import { type TableSpec, tableMarkup } from './table.ts';
import type { Toolkit } from './toolkit.ts';
import { shortly, type Unit } from './units.ts';

/**
 * Where a figure's values come from. A plot has one for all that is in it: what is modelled never shares an axis with
 * what is measured.
 * - `counted`: events of the run, the same in every run
 * - `measured`: the host's time, which depends on the host and its load
 * - `modelled`: cycles of another machine, from a cost file
 */
export type Basis = 'counted' | 'measured' | 'modelled';

/** What every plot has. */
export interface FigureText {
  readonly title: string;
  /** How to read it, and which definitions its values follow. */
  readonly caption: string;
  readonly basis: Basis;
}

export interface Axis {
  readonly label: string;
  readonly unit: Unit;
  /** Default linear. */
  readonly scale?: 'linear' | 'log';
  /** Of a logarithmic axis: what its ticks are powers of. Default 2 for bytes, else 10. */
  readonly base?: 2 | 10;
  /** Whether a linear axis begins at zero. Default true for values, false along the horizontal of lines. */
  readonly zero?: boolean;
}

export interface Legend {
  readonly name: string;
  /** Position in the palette. */
  readonly color: number;
  readonly dash?: string;
}

/** How many colours the style sheet has. */
export const PALETTE = 10;
export const color = (index: number): string => `var(--series-${(index % PALETTE) + 1})`;
/** Lines differ also where there are no colours. */
export const dash = (index: number): string => ['none', '6 3', '2 3', '8 3 2 3'][index % 4]!;

const basisText: Readonly<Record<Basis, string>> = {
  counted: 'Counted',
  measured: 'Measured',
  modelled: 'Modelled',
};

/** Beyond this many rows the numbers are folded away, and not printed. */
const MOST_OPEN_ROWS = 12;

const swatch = (index: number): Markup =>
  html`<svg width="11" height="11"><rect width="11" height="11" rx="2" fill="${color(index)}"/></svg>`;
const stroke = (index: number, pattern: string): Markup =>
  html`<svg width="26" height="11"><path d="M0,6H26" stroke="${color(index)}" stroke-width="2.5" stroke-dasharray="${pattern}"/></svg>`;
const legendMarkup = (entries: readonly Legend[]): Markup =>
  html`<ul class="legend" aria-hidden="true">${entries.map(
    ({ name, color: index, dash: pattern }) =>
      html`<li>${pattern === undefined ? swatch(index) : stroke(index, pattern)}${name}</li>`,
  )}</ul>
`;

export interface Drawing {
  readonly height: number;
  readonly marginLeft: number;
  readonly marginRight?: number;
  readonly marginTop?: number;
  readonly marginBottom?: number;
  readonly marks: readonly Markish[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly legend?: readonly Legend[];
}

/** Height of a legend's line has no influence on the plot: it is HTML. @returns the SVG element */
const drawn = ({ Plot, document, width }: Toolkit, drawing: Drawing, description: string): string => {
  const { height, marginLeft, marginRight = 20, marginTop = 8, marginBottom = 44 } = drawing;
  const svg = Plot.plot({
    document,
    width,
    height,
    marginLeft,
    marginRight,
    marginTop,
    marginBottom,
    style: { fontFamily: 'var(--sans)', fontSize: '12px', background: 'none' },
    ...drawing.options,
    marks: [...drawing.marks],
  }) as SVGSVGElement;
  svg.setAttribute('role', 'img');
  const title = document.createElementNS('http://www.w3.org/2000/svg', 'title');
  title.textContent = description;
  svg.prepend(title);
  return svg.outerHTML;
};

/** @param draw makes the marks for the width at hand; undefined when there is nothing to show */
export const figure = (
  text: FigureText,
  numbers: TableSpec,
  draw: (toolkit: Toolkit) => Drawing | undefined,
): Content => ({
  render: (toolkit) => {
    const drawing = draw(toolkit);
    const open = numbers.rows.length <= MOST_OPEN_ROWS && toolkit.width > 400;
    return html`<figure class="plot">
<h3>${text.title}</h3>
${drawing?.legend && drawing.legend.length > 1 && legendMarkup(drawing.legend)}${
  drawing
    ? raw(drawn(toolkit, drawing, `${text.title}. ${text.caption}`))
    : html`<p class="none">There is nothing to show: no such event was counted.</p>`
}
<figcaption><span class="basis">${basisText[text.basis]}.</span> ${text.caption}</figcaption>
${drawing && html`<details${open && raw(' open')}><summary>The numbers</summary>\n${tableMarkup(numbers)}</details>\n`}</figure>
`;
  },
});

/** Scale options of an axis. */
export const scaleOf = (axis: Axis, zero: boolean): Readonly<Record<string, unknown>> => ({
  type: axis.scale ?? 'linear',
  label: axis.label,
  nice: true,
  ...(axis.scale !== 'log' && { zero: axis.zero ?? zero }),
  labelArrow: 'none',
  ...(axis.scale === 'log' && { base: baseOf(axis) }),
});
const baseOf = ({ unit, base }: Axis): number => base ?? (unit === 'bytes' ? 2 : 10);
/** Ticks: powers only on a logarithmic axis, of 2 for bytes. */
export const ticksOf = (
  axis: Axis,
  values: readonly number[],
  wanted: number,
): { readonly ticks: number | readonly number[]; readonly tickFormat: (n: number) => string } => ({
  ticks: axis.scale === 'log' ? powers(baseOf(axis), values, wanted) : wanted,
  tickFormat: (n) => shortly(n, axis.unit),
});

const powers = (base: number, values: readonly number[], wanted: number): number[] => {
  const logs = values.filter((v) => v > 0).map((v) => Math.log(v) / Math.log(base));
  const from = Math.floor(Math.min(...logs) + 1e-9);
  const to = Math.ceil(Math.max(...logs) - 1e-9);
  const step = Math.max(1, Math.ceil((to - from) / wanted));
  const ticks = [];
  for (let power = from; power <= to; power += step) ticks.push(base ** power);
  return ticks;
};
/** Roughly how wide text of 12 pixels is, CSS pixels: fonts differ, and a margin needs no more. */
export const widthOf = (texts: readonly string[], perCharacter = 6.9): number =>
  Math.max(0, ...texts.map((text) => text.length)) * perCharacter;
/** So that grid lines do not cross letters. */
export const HALO = {
  fill: 'currentColor',
  stroke: 'var(--paper)',
  strokeWidth: 4,
  paintOrder: 'stroke',
} as const;
/** Cut so that it does not fill the whole plot. */
export const cut = (text: string, length = 32): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;
