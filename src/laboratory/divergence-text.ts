/** The result of lockstep in words, for a terminal and for a page. */
import { type CodeLine, formatCodeLine, hex } from '../debug/state-dump.ts';
import type { Divergence, MemoryDifference } from './divergence.ts';
import type { Ending, LockstepResult } from './lockstep.ts';
import type { SymbolTable } from './symbols.ts';
import { describeOutcome } from './words.ts';

const count = (n: number): string => n.toLocaleString('en');
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/** Lines of the guest's console that are shown. */
const CONSOLE_LINES = 10;

const describeEnding = (ending: Ending): string => {
  switch (ending.kind) {
    case 'stuck':
      return 'neither executes another instruction: both wait for what never comes, or fault without end';
    case 'until':
      return 'both have sent the text';
    case 'limit':
      return ending.reached === 'time' ? 'the time is up' : 'the limit of instructions is reached';
    case 'stopped':
      return 'stopped by the user';
    default:
      return `both ${describeOutcome(ending)}`;
  }
};

const headline = ({ cause, vector, instructions }: Divergence, names: readonly [string, string]): string => {
  const [a, b] = names;
  const ordinal = count(instructions + 1);
  if (cause === 'instruction') return `${a} and ${b} part at instruction ${ordinal}:`;
  if (cause === 'delivery')
    return `${a} and ${b} deliver ${vector} differently, before instruction ${ordinal}:`;
  return `${a} and ${b} differ behind instruction ${count(instructions)}, and where was not found; they were last at`;
};

const describeMemory = ({ physical, linear }: MemoryDifference): string =>
  linear === null ? `memory, physical ${hex(physical)}` : `memory ${hex(linear)}`;

/** Rows of a name and what it is in each machine. */
const table = (
  names: readonly [string, string],
  rows: readonly (readonly [string, readonly [string, string]])[],
): string[] => {
  const all = [['', names] as const, ...rows];
  const first = Math.max(...all.map(([name]) => name.length));
  const second = Math.max(...all.map(([, [a]]) => a.length));
  return all.map(([name, [a, b]]) => `  ${name.padEnd(first)}  ${a.padEnd(second)}  ${b}`);
};

/** Both states: what is the same once, what differs for each machine. */
const bothStates = ({ after: [a, b] }: Divergence, names: readonly [string, string]): string[] => {
  const width = Math.max(...names.map(({ length }) => length));
  return a.flatMap((line, i) =>
    line === b[i]
      ? [`  ${''.padEnd(width)}  ${line}`]
      : [line, b[i]].map((text, machine) => `> ${names[machine]!.padEnd(width)}  ${text}`),
  );
};

const indent = (line: string): string => `  ${line}`;

const code = (lines: readonly CodeLine[], symbol: string | undefined): string[] => {
  const [here, ...next] = lines;
  if (!here) return ['> (no code is mapped there)'];
  const name = symbol === undefined ? '' : `    <${symbol}>`;
  return [`> ${formatCodeLine(here)}${name}`, ...next.map(formatCodeLine).map(indent)];
};

/** Lines under a heading. */
export interface Passage {
  readonly heading: string;
  readonly lines: readonly string[];
}

const passagesOf = (
  divergence: Divergence,
  names: readonly [string, string],
  symbols: SymbolTable,
): Passage[] => {
  const { registers, memory, others, trail, before, linear } = divergence;
  const rows = [
    ...registers.map(({ name, values }) => [name, values] as const),
    ...memory.map((difference) => [describeMemory(difference), difference.values] as const),
    ...others.map(({ name, values }) => [name, values] as const),
  ];
  const path = trail.flatMap(({ linear: start, code: lines }, i) => {
    const name = symbols.at(start);
    const listing = lines.map(formatCodeLine).map(indent);
    return [...(i === 0 ? [] : ['']), ...(name === undefined ? [] : [indent(`${name}:`)]), ...listing];
  });
  return [
    { heading: headline(divergence, names), lines: code(divergence.code, symbols.at(linear)) },
    { heading: 'What differs', lines: table(names, rows) },
    { heading: 'How both came there, the latest last', lines: path },
    { heading: 'Before it, in both', lines: before.map(indent) },
    { heading: 'After it', lines: bothStates(divergence, names) },
  ];
};

/** The first passage is what it comes to. */
export const describeLockstep = (result: LockstepResult, symbols: SymbolTable): Passage[] => {
  const { names, instructions, ending, divergence, milliseconds } = result;
  const [a, b] = milliseconds.machines;
  const passages = divergence
    ? passagesOf(divergence, names, symbols)
    : [
        {
          heading: `${names[0]} and ${names[1]} do not differ in ${count(instructions)} instructions`,
          lines: ending ? [describeEnding(ending)] : [],
        },
      ];
  const said = result.console.trimEnd().split(/\r?\n/).slice(-CONSOLE_LINES);
  if (result.console !== '') passages.push({ heading: 'The console so far', lines: said.map(indent) });
  const time = `${seconds(milliseconds.all)}, of which ${names[0]} ran ${seconds(a)} and ${names[1]} ${seconds(b)}`;
  passages.push({ heading: 'Host time', lines: [indent(time)] });
  return passages;
};

export const formatLockstep = (result: LockstepResult, symbols: SymbolTable): string =>
  describeLockstep(result, symbols)
    .map(({ heading, lines }) => [heading, ...lines, ''].join('\n'))
    .join('\n');
