/** The transcripts in the documentation: commands, and what they print. */

export interface Transcript {
  /** Line of the command in the file, from 1. */
  readonly line: number;
  /** What is typed, without the prompt. */
  readonly command: string;
  /** What is printed: runs of lines, with anything between one run and the next. */
  readonly runs: readonly (readonly string[])[];
}

const FENCE = '```console';
const ELLIPSIS = '[...]';

/** All transcripts of a Markdown file: blocks marked `console`, in which `$ ` begins a command. */
export const transcriptsIn = (markdown: string): readonly Transcript[] => {
  const transcripts: { line: number; command: string; runs: string[][] }[] = [];
  let inside = false;
  for (const [i, line] of markdown.split('\n').entries()) {
    if (line.startsWith('```')) inside = line === FENCE;
    else if (inside && line.startsWith('$ '))
      transcripts.push({ line: i + 1, command: line.slice(2).trim(), runs: [[]] });
    else if (inside) {
      const { runs } = transcripts.at(-1)!;
      if (line.trim() === ELLIPSIS) runs.push([]);
      else runs.at(-1)!.push(line.trimEnd());
    }
  }
  return transcripts;
};

const startsWith = (lines: readonly string[], run: readonly string[], at: number): boolean =>
  run.every((line, i) => lines[at + i] === line);

/** The first line of a transcript that is not what was printed; undefined when all are. */
export const firstDifference = ({ runs }: Transcript, printed: string): string | undefined => {
  const lines = printed
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.trimEnd());
  let at = 0;
  for (const [i, run] of runs.entries()) {
    const last = i === runs.length - 1;
    let found = at;
    // The first run is at the beginning, the last one at the end; what is between may be anywhere.
    if (last && i > 0) found = lines.length - run.length;
    else if (i > 0) while (found < lines.length && !startsWith(lines, run, found)) found++;
    const wrong = run.findIndex((line, n) => lines[found + n] !== line);
    if (found < at || wrong >= 0) return run[Math.max(0, wrong)] ?? '(nothing)';
    at = found + run.length;
  }
  if (at < lines.length && runs.length === 1) return lines[at];
  return undefined;
};

/** The arguments of `npx ringdown …`, with quotes taken off; undefined for another command. */
export const argumentsOf = (command: string): readonly string[] | undefined => {
  const [npx, name, ...args] = command.match(/"[^"]*"|\S+/g) ?? [];
  if (npx !== 'npx' || name !== 'ringdown') return undefined;
  return args.map((argument) => argument.replace(/^"(.*)"$/, '$1'));
};
