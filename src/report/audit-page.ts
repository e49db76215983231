/** The audit as a page. */
import type { Audit, AuditedRun } from '../laboratory/audit.ts';
import { hotRegions } from '../laboratory/heat.ts';
import { classOf, describeOutcome } from '../laboratory/words.ts';
import { bars } from './bars.ts';
import { type Content, facts, prose } from './content.ts';
import { heatMap } from './heat-map.ts';
import type { Page } from './page.ts';
import { table } from './table.ts';

const PAGES = 64;
const REGIONS = 24;
const heatOf = ({ pages }: AuditedRun): Content =>
  heatMap({
    title: 'Instructions executed, by page',
    caption:
      `Every instruction of the run, by the linear address of the block that it is in; of regions of ${PAGES} pages ` +
      `the ${REGIONS} that execute the most.`,
    basis: 'counted',
    x: { label: 'offset in the region', unit: 'bytes' },
    bounds: Array.from({ length: PAGES + 1 }, (_, i) => i * 4096),
    rowLabel: 'region',
    rows: hotRegions(pages, PAGES, REGIONS).map((region) => ({
      name: hex(region.linear),
      values: region.pages,
    })),
    value: { label: 'instructions', unit: 'count' },
  });

const hex = (n: number): string => n.toString(16).padStart(8, '0');
const count = (n: number): string => n.toLocaleString('en');

const opening = ({ file, run, instructions }: Audit): Content[] => {
  const total = instructions.reduce((sum, { executions }) => sum + executions, 0);
  const entries: [string, string][] = [
    ['In the file', file.ranges.map(({ name, bytes }) => `${name} (${count(bytes)} bytes)`).join(', ')],
  ];
  if (run)
    entries.push(
      ['The run', `${run.technique}, ${describeOutcome(run.outcome)}`],
      ['Instructions executed', count(run.instructions)],
      ['Sensitive or privileged', count(total)],
      ['Trapping under trap-and-emulate', count(run.trapping)],
      ['Not trapping there, possibly wrong', count(run.silent)],
    );
  return [
    facts(entries),
    ...(file.notes.length > 0 ? [prose(...file.notes.map((note) => `Note: ${note}.`))] : []),
  ];
};

/** @param top addresses listed */
export const auditPage = (audit: Audit, top: number): Page => {
  const { instructions, sites, run, kernel } = audit;
  const executed = instructions.filter(({ executions }) => executions > 0);
  const plot =
    executed.length > 0
      ? [
          bars({
            title: 'Executions of sensitive and privileged instructions',
            caption: `Every execution by the guest in this run, exact; ${describeOutcome(run!.outcome)}.`,
            basis: 'counted',
            names: 'instruction',
            axis: { label: 'executions', unit: 'count', scale: 'log' },
            bars: executed.map(({ name, executions }) => ({ name, value: executions })),
            limit: 30,
          }),
        ]
      : [];
  const heat = run && run.pages.length > 0 ? [{ heading: 'Where it executed', contents: [heatOf(run)] }] : [];
  return {
    title: `Sensitive instructions of ${kernel}`,
    opening: opening(audit),
    sections: [
      {
        heading: 'By instruction',
        contents: [
          ...plot,
          table({
            caption:
              'Class after Popek and Goldberg; condition after Robin and Irvine, with a star where their list has it. ' +
              'File: places that can be followed to from an entry point or a symbol; swept: others, which may be data.',
            columns: [
              { name: 'instruction' },
              { name: 'class' },
              { name: 'condition' },
              { name: 'file', unit: 'count' },
              { name: 'swept', unit: 'count' },
              { name: 'run', unit: 'count' },
              { name: 'executions', unit: 'count' },
              { name: 'at CPL 3', unit: 'count' },
            ],
            rows: instructions.map((one) => [
              one.name,
              classOf(one),
              `${one.condition}${one.listed ? '*' : ''}`,
              one.sitesFollowed,
              one.sitesSwept,
              one.sitesTranslated,
              one.executions,
              one.byCpl[3],
            ]),
          }),
          table({
            caption: 'What naive trap-and-emulate gets wrong, with the guest’s kernel in ring 1.',
            columns: [{ name: 'instruction' }, { name: 'in the kernel' }, { name: 'at CPL 3' }],
            rows: instructions
              .filter(({ lost }) => lost.kernel !== null || lost.user !== null)
              .map(({ name, lost }) => [name, lost.kernel ?? undefined, lost.user ?? undefined]),
          }),
        ],
      },
      {
        heading: 'By address',
        contents: [
          table({
            caption: `The ${Math.min(top, sites.length)} most executed of ${count(sites.length)}.`,
            columns: [
              { name: 'linear', code: true },
              { name: 'symbol', code: true },
              { name: 'instruction', code: true },
              { name: 'executions', unit: 'count' },
              { name: 'CPL' },
              { name: 'physical', code: true },
            ],
            rows: sites
              .slice(0, top)
              .map((site) => [
                hex(site.linear),
                site.symbol ?? undefined,
                site.text,
                site.executions,
                site.byCpl.flatMap((n, cpl) => (n > 0 ? [cpl] : [])).join(', '),
                hex(site.physical),
              ]),
          }),
        ],
      },
      ...heat,
    ],
  };
};
