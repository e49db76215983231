/** Guest code and its translation side by side, at most 100 columns wide. */
import type { ExplainedBlock, ExplainedInstruction, Explanation } from '../laboratory/explain.ts';
import type { TranslatedInstruction } from '../laboratory/translation.ts';
import { describeOutcome } from '../laboratory/words.ts';

const WIDTH = 100;
/** Columns of the guest's side: address, bytes, text. */
const BYTES = 20;
const TEXT = 30;
const TREATMENT = 8;

const count = (n: number): string => n.toLocaleString('en');
const many = (n: number, what: string): string => `${count(n)} ${what}${n === 1 ? '' : 's'}`;
const hex = (n: number): string => (n >>> 0).toString(16).padStart(8, '0');
const percent = (share: number): string => `${(100 * share).toPrecision(3)} %`;
const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, width - 1)}…`;
const place = (linear: number, symbol: string | null): string =>
  symbol === null ? hex(linear) : `${hex(linear)} ${symbol}`;

const treatmentOf = ({ translated }: ExplainedInstruction): string => {
  if (!translated) return '';
  const { treatment } = translated;
  return treatment === 'undefined' ? '#UD' : treatment === 'ident' ? 'IDENT' : treatment.toUpperCase();
};
const executorOf = ({ translated }: ExplainedInstruction): string => {
  if (!translated) return '';
  const { besides } = translated;
  const executor = bareExecutorOf(translated);
  return besides === null ? executor : `${executor}, ${besides === 'witness' ? 'witnessed' : besides}`;
};
const bareExecutorOf = ({ executor, byHost, mayCallHost, treatment }: TranslatedInstruction): string => {
  if (byHost && treatment === 'ident') return `${executor}, in the host`;
  if (!mayCallHost) return executor;
  return treatment === 'in cache' ? `${executor}, else CALLOUT` : `${executor}, else the host`;
};

/** Lines that are too long go on beneath, on their own side. */
const wrapped = (text: string, width: number): string[] => {
  const lines: string[] = [];
  for (let rest = text; rest !== '' || lines.length === 0; ) {
    let end = rest.length <= width ? rest.length : rest.lastIndexOf(' ', width);
    if (end <= 0) end = Math.min(width, rest.length);
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return lines;
};

const instructionLines = (one: ExplainedInstruction, block: ExplainedBlock): string[] => {
  const left = [wrapped(one.bytes, BYTES), wrapped(one.text, TEXT)] as const;
  const used = 8 + 2 + BYTES + 1 + TEXT + 2 + TREATMENT + 2;
  const notes = isUsual(one.executions, block.entries) ? '' : ` (${many(one.executions, 'time')})`;
  const right = wrapped(executorOf(one) + notes, WIDTH - used - 2);
  const height = Math.max(left[0].length, left[1].length, right.length);
  return Array.from({ length: height }, (_, i) => {
    const address = i === 0 ? hex(one.linear) : ''.padEnd(8);
    const guest = `${address}  ${(left[0][i] ?? '').padEnd(BYTES)} ${(left[1][i] ?? '').padEnd(TEXT)}`;
    // A bracket joins what one dispatch executes.
    const bar = i > 0 ? ' ' : one.translated?.fusedWithPrevious ? '└' : isFirstOfPair(one, block) ? '┌' : ' ';
    const treatment = i === 0 ? treatmentOf(one) : '';
    return `${guest} ${bar} ${treatment.padEnd(TREATMENT)}  ${right[i] ?? ''}`.trimEnd();
  });
};
/** Blocks cut short for an event make counts differ by a little, which is not worth a line. */
const isUsual = (executions: number, entries: number): boolean =>
  Math.abs(executions - entries) * 100 <= entries;
const isFirstOfPair = (one: ExplainedInstruction, { instructions }: ExplainedBlock): boolean =>
  instructions[instructions.indexOf(one) + 1]?.translated?.fusedWithPrevious === true;

const exitLines = ({ exits }: ExplainedBlock): string[] =>
  exits.map((exit) => {
    if (exit.kind === 'exception') return '  ends in an exception';
    if (exit.kind === 'lookup') return '  to an address known when it runs: by a lookup';
    const where = `${exit.way}: ${place(exit.linear, exit.symbol)}`;
    if (exit.chained === 'linked') return `  ${where}, linked: same page`;
    if (exit.chained === 'page') return `  ${where}, linked: while its page is ${hex(exit.page!)}`;
    return `  ${where}, by a lookup: not linked`;
  });

const blockLines = (block: ExplainedBlock): string[] => {
  const { translation, instructions, guestBytes } = block;
  const fused = instructions.filter(({ translated }) => translated?.fusedWithPrevious).length;
  const lines = [
    `block ${place(block.linear, block.symbol)}, physical ${hex(block.physical)}, CPL ${block.cpl}, ` +
      block.mode.join(' '),
    `entered ${many(block.entries, 'time')}; ${many(block.executed, 'instruction')}, ${percent(block.share)} of all`,
  ];
  if (translation) {
    const { records, recordBytes, incoming, guard } = translation;
    const expansion = (recordBytes / guestBytes).toFixed(1);
    lines.push(
      `${many(instructions.length, 'instruction')}, ${many(guestBytes, 'byte')} -> ${many(records, 'record')}, ` +
        `${recordBytes} bytes (x ${expansion}); fused pairs: ${fused}; linked from: ${incoming}`,
    );
    if (guard !== null) lines.push(`guard: runs only while the page behind it is ${hex(guard)}`);
  } else lines.push('its translation is no longer in the cache');
  const heading = `${'guest'.padEnd(8 + 2 + BYTES + 1 + TEXT + 3)}${translation ? 'translation' : ''}`;
  return [
    ...lines.flatMap((line) => wrapped(line, WIDTH)),
    '',
    heading.trimEnd(),
    ...instructions.flatMap((one) => instructionLines(one, block)),
    ...(block.exits.length > 0 ? ['exits', ...exitLines(block).map((line) => cut(line, WIDTH))] : []),
  ];
};

/** @returns lines, the last one ended */
export const formatExplanation = ({ technique, outcome, instructions, blocks }: Explanation): string => {
  const head = `${technique}, ${describeOutcome(outcome)}; ${many(instructions, 'instruction')}`;
  return `${[head, ...blocks.map((block) => blockLines(block).join('\n'))].join('\n\n')}\n`;
};
