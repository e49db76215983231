/**
 * Reports: one HTML page from plain data, with plots.
 *
 * ```ts
 * const text = await page({
 *   title: 'Callouts of a boot',
 *   sections: [{ heading: 'By instruction', contents: [bars({ … }), table({ … })] }],
 * });
 * ```
 */
export { auditPage } from './audit-page.ts';
export { type Bar, type BarsSpec, bars } from './bars.ts';
export { comparisonPage } from './comparison-page.ts';
export { beside, type Content, facts, prose, transcript } from './content.ts';
export type { Axis, Basis, FigureText } from './figure.ts';
export { type HeatMapSpec, heatMap } from './heat-map.ts';
export { type LinesSpec, lines, type Series } from './lines.ts';
export { type Page, page, type Section } from './page.ts';
export { runPage } from './run-page.ts';
export { type Stack, type StackedSpec, stacked } from './stacked.ts';
export { type Cell, type Column, type TableSpec, table } from './table.ts';
export { exactly, shortly, type Unit } from './units.ts';
