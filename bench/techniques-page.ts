/** The comparison of techniques as an HTML page. */
import { modelledCycles } from '../src/laboratory/costs.ts';
import { bars, page, stacked, table } from '../src/report/index.ts';
import { median, mediansOf } from './figures.ts';
import { slowdowns, type TechniquesReport } from './techniques-report.ts';

/** @returns a whole HTML document */
export const techniquesPage = (report: TechniquesReport): Promise<string> => {
  const booted = report.results.filter((r) => r.boots.length > 0);
  const counted = booted.flatMap(({ technique, statistics }) =>
    statistics === null ? [] : [{ technique, statistics }],
  );
  return page({
    title: 'Techniques side by side',
    subtitle: `${report.date.slice(0, 10)}, ${report.kernel}, ${report.host}, Node ${report.node}`,
    sections: [
      {
        heading: 'The boot',
        contents: [
          bars({
            title: 'Host time to the prompt',
            caption: `To the prompt, ${mediansOf(Math.max(...booted.map((r) => r.boots.length)))}.`,
            basis: 'measured',
            names: 'technique',
            axis: { label: 'host time', unit: 'milliseconds' },
            bars: booted.map(({ technique, boots }) => ({ name: technique, value: median(boots)! })),
          }),
          bars({
            title: 'Interventions',
            caption: 'Times that the monitor had to act.',
            basis: 'counted',
            names: 'technique',
            axis: { label: 'interventions', unit: 'count', scale: 'log' },
            bars: counted.map(({ technique, statistics }) => ({
              name: technique,
              value: statistics.interventions,
            })),
          }),
          stacked({
            title: 'Modelled cycles beyond the guest’s own instructions',
            caption: `By the cost model ${report.costs.name}.`,
            basis: 'modelled',
            part: 'event',
            axis: { label: 'cycles', unit: 'cycles' },
            stacks: counted.map(({ technique, statistics }) => ({
              name: technique,
              parts: Object.fromEntries(
                modelledCycles(statistics, report.costs)
                  .parts.filter(({ event }) => event !== 'instruction')
                  .map(({ event, cycles }) => [event, cycles]),
              ),
            })),
          }),
        ],
      },
      {
        heading: 'Programs',
        contents: [
          bars({
            title: 'Times as long as without a monitor',
            caption: 'Host time of a unit of work; medians.',
            basis: 'measured',
            names: 'technique',
            groups: 'program',
            axis: { label: 'times native', unit: 'ratio' },
            bars: Object.keys(report.workloads).flatMap((group) =>
              slowdowns(report).flatMap(({ technique, workloads }) =>
                workloads[group] === undefined ? [] : [{ group, name: technique, value: workloads[group] }],
              ),
            ),
          }),
          table({
            columns: [{ name: 'technique' }, { name: 'why there are no figures' }],
            rows: report.results.flatMap(({ technique, problem }) =>
              problem === null ? [] : [[technique, problem]],
            ),
          }),
        ],
      },
    ],
  });
};
