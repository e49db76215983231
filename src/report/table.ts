/** Tables: of their own, and beneath each plot. */
import type { Content } from './content.ts';
import { html, type Markup } from './html.ts';
import { exactly, type Unit } from './units.ts';

export interface Column {
  readonly name: string;
  /** Of numbers, which are set flush right; without it a column is text. */
  readonly unit?: Unit;
  /** Addresses and code. */
  readonly code?: true;
}
/** Undefined: there is no such value. */
export type Cell = string | number | undefined;

export interface TableSpec {
  /** A line above it. */
  readonly caption?: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

const cell = (value: Cell, { unit, code }: Column, first: boolean): Markup => {
  if (value === undefined || value === '') return html`<td class="none">–</td>`;
  if (typeof value === 'number' && unit) return html`<td class="number">${exactly(value, unit)}</td>`;
  const text = code ? html`<code>${value}</code>` : html`${value}`;
  if (first) return html`<th scope="row">${text}</th>`;
  return unit ? html`<td class="number">${text}</td>` : html`<td>${text}</td>`;
};

export const tableMarkup = ({ caption, columns, rows }: TableSpec): Markup => html`<div class="scroll"><table>
${caption !== undefined && html`<caption>${caption}</caption>\n`}<thead><tr>${columns.map(
  ({ name, unit }) => html`<th scope="col"${unit && html` class="number"`}>${name}</th>`,
)}</tr></thead>
<tbody>
${rows.map((row) => html`<tr>${columns.map((column, i) => cell(row[i], column, i === 0))}</tr>\n`)}</tbody>
</table></div>
`;

/** A table as a part of a section. */
export const table = (spec: TableSpec): Content => ({ render: () => tableMarkup(spec) });
