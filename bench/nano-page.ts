/** The nanobenchmarks as an HTML page. */
import { type Bar, bars, type Content, page, prose, table } from '../src/report/index.ts';
import { mediansOf } from './figures.ts';
import { compareRanks, type NanoFigure, type NanoReport } from './nano-report.ts';

const grouped = (report: NanoReport, value: (figure: NanoFigure) => number): Bar[] =>
  Object.keys(report.benchmarks).flatMap((group) =>
    report.results
      .filter((result) => result.figures[group])
      .map((result) => ({
        group,
        name: result.technique,
        value: Math.max(0, value(result.figures[group]!)),
      })),
  );

const publishedBars = ({ published: { rows, columns } }: NanoReport): Bar[] =>
  Object.entries(rows).flatMap(([group, figures]) =>
    Object.entries(columns).map(([key, name]) => ({ group, name, value: figures[key]! })),
  );

const rankTable = (report: NanoReport): Content =>
  table({
    columns: [
      { name: 'technique' },
      { name: 'benchmark' },
      { name: 'place here', unit: 'number' },
      { name: 'place in the paper', unit: 'number' },
      { name: 'why' },
    ],
    rows: compareRanks(report).flatMap(({ technique, different }) =>
      different.map(({ benchmark, ours, published, reason }) => [
        technique,
        benchmark,
        ours,
        published,
        reason ?? 'not explained',
      ]),
    ),
  });

const GROUPS = { names: 'technique', groups: 'benchmark' } as const;

/** @returns a whole HTML document */
export const nanoPage = (report: NanoReport): Promise<string> =>
  page({
    title: 'Nanobenchmarks',
    subtitle: `${report.date.slice(0, 10)}, ${report.host}, Node ${report.node}`,
    opening: [
      table({
        columns: [{ name: 'benchmark' }, { name: 'one operation' }],
        rows: Object.entries(report.benchmarks),
      }),
    ],
    sections: [
      {
        heading: 'Modelled',
        contents: [
          bars({
            ...GROUPS,
            title: 'Modelled cycles of an operation',
            caption: `By the cost model ${report.costs}, without the loop around it.`,
            basis: 'modelled',
            axis: { label: 'cycles of an operation', unit: 'cycles', scale: 'log' },
            bars: grouped(report, ({ cycles }) => cycles),
          }),
          bars({
            ...GROUPS,
            title: 'The published figures',
            caption: report.published.source,
            basis: 'measured',
            axis: { label: 'cycles of an operation', unit: 'cycles', scale: 'log' },
            bars: publishedBars(report),
          }),
          prose(
            ...compareRanks(report).map(
              ({ technique, correlation }) =>
                `The order of the benchmarks under ${technique} and in the paper: rank correlation ${correlation.toFixed(2)}.`,
            ),
          ),
          rankTable(report),
        ],
      },
      {
        heading: 'Measured here',
        contents: [
          bars({
            ...GROUPS,
            title: 'Host time of an operation',
            caption: `Nanoseconds, ${mediansOf(report.rounds)}, without the loop around it.`,
            basis: 'measured',
            axis: { label: 'nanoseconds of an operation', unit: 'number', scale: 'log' },
            bars: grouped(report, ({ nanoseconds }) => nanoseconds),
          }),
        ],
      },
      {
        heading: 'Interventions',
        contents: [
          bars({
            ...GROUPS,
            title: 'Interventions for an operation',
            caption: 'Times that the monitor had to act.',
            basis: 'counted',
            axis: { label: 'interventions for an operation', unit: 'number' },
            bars: grouped(report, ({ interventions }) => interventions),
          }),
        ],
      },
    ],
  });
