/** The audit as text, at most 100 columns wide. */
import type { Audit, AuditedInstruction, AuditedSite } from '../laboratory/audit.ts';
import { classOf, describeOutcome } from '../laboratory/words.ts';
import { columns } from './columns.ts';

const count = (n: number): string => n.toLocaleString('en');
const share = (part: number, whole: number): string =>
  whole === 0 ? '' : ` (${((100 * part) / whole).toPrecision(2)} %)`;
const hex = (n: number): string => n.toString(16).padStart(8, '0');

const head = ({ kernel, file, run, instructions }: Audit): string[] => {
  const lines = [
    kernel,
    ...file.ranges.map(
      ({ name, linear, bytes }) => `  file: ${name} at ${hex(linear)}, ${count(bytes)} bytes`,
    ),
    ...file.notes.map((note) => `  note: ${note}`),
  ];
  if (!run) return [...lines, '  not run: executions are not known'];
  const total = instructions.reduce((sum, { executions }) => sum + executions, 0);
  lines.push(
    `  run: ${run.technique}, ${describeOutcome(run.outcome)}; ${count(run.instructions)} instructions`,
    `  sensitive or privileged: ${count(total)} executions${share(total, run.instructions)}`,
    `  under trap-and-emulate ${count(run.trapping)} of them trap; ${count(run.silent)} do not, and may be wrong`,
  );
  if (run.unattributed > 0)
    lines.push(`  note: ${count(run.unattributed)} instructions ran in code that was not told apart`);
  return lines;
};

const byInstruction = (instructions: readonly AuditedInstruction[]): string[] => [
  ...columns(
    [
      ['instruction', 'class', 'R&I', 'file', 'swept', 'run', 'executions', 'CPL 0-2', 'CPL 3'],
      ...instructions.map((one) => [
        one.name,
        classOf(one),
        `${one.condition}${one.listed ? '*' : ''}`,
        count(one.sitesFollowed),
        count(one.sitesSwept),
        count(one.sitesTranslated),
        count(one.executions),
        count(one.byCpl[0] + one.byCpl[1] + one.byCpl[2]),
        count(one.byCpl[3]),
      ]),
    ],
    [3, 4, 5, 6, 7, 8],
  ),
  '* in the list of Robin and Irvine: sensitive, and not privileged',
  'file: places that can be followed to from an entry point or a symbol; swept: others, which may be data',
];

const losses = (instructions: readonly AuditedInstruction[]): string[] =>
  instructions
    .filter(({ lost }) => lost.kernel !== null || lost.user !== null)
    .flatMap(({ name, lost: { kernel, user } }) => {
      if (kernel === user) return [`${name}: ${kernel}`];
      return [
        `${name}: ${kernel ?? 'nothing in the kernel'}`,
        ...(user === null ? [] : [`  at CPL 3: ${user}`]),
      ];
    });

const cplsOf = ({ byCpl, translated, inFile }: AuditedSite): string => {
  const used = byCpl.flatMap((n, cpl) => (n > 0 ? [cpl] : []));
  return used.length > 0 ? used.join(',') : translated ? '' : inFile === 'swept' ? 'swept' : 'file';
};

const byAddress = (sites: readonly AuditedSite[], top: number): string[] => {
  const lines = columns(
    [
      ['executions', 'CPL', 'linear', 'physical', 'instruction', 'symbol'],
      ...sites
        .slice(0, top)
        .map((site) => [
          count(site.executions),
          cplsOf(site),
          hex(site.linear),
          hex(site.physical),
          site.text,
          site.symbol ?? '',
        ]),
    ],
    [0],
  );
  const rest = sites.length - top;
  return rest > 0 ? [...lines, `and ${count(rest)} other addresses (--top)`] : lines;
};

/** @param top addresses listed @returns lines, the last one ended */
export const formatAudit = (audit: Audit, top: number): string => {
  const parts = [head(audit)];
  if (audit.instructions.length > 0)
    parts.push(
      ['By instruction', ...byInstruction(audit.instructions)],
      ['What naive trap-and-emulate loses', ...losses(audit.instructions)],
      ['By address', ...byAddress(audit.sites, top)],
    );
  else parts.push(['No sensitive or privileged instruction was found.']);
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
};
