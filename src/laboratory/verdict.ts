/** Judges runs by a reference run of the same guest: what the guest's user would have noticed. */
import type { Difference, RunEnd, TechniqueRun, Verdict } from './comparison.ts';
import { linesOf } from './console-record.ts';
import type { RunReport } from './run.ts';
import { describeOutcome } from './words.ts';

/** Ends that the guest brought about, or that were waited for. */
const CONCLUSIONS = new Set<RunEnd['kind']>([
  'power-off',
  'reset',
  'exit',
  'shutdown',
  'halted',
  'reached',
  'waiting',
]);
export const isConcluded = (end: RunEnd): boolean => CONCLUSIONS.has(end.kind);

/** How a run ended, in a few words. */
export const describeEnd = (end: RunEnd): string => {
  switch (end.kind) {
    case 'reached':
      return 'printed the text';
    case 'waiting':
      return 'waits for ever';
    case 'outlasted':
      return 'still running long after the reference had ended';
    case 'interrupted':
      return 'interrupted';
    case 'refused':
    case 'failed':
      return `${end.kind}: ${end.reason}`;
    default:
      return describeOutcome(end);
  }
};

/** What a run came to, in a few words. */
export const describeVerdict = ({ verdict, end }: Pick<TechniqueRun, 'verdict' | 'end'>): string => {
  switch (verdict.kind) {
    case 'reference':
    case 'unjudged':
      return describeEnd(end);
    case 'same':
      return 'as the reference';
    case 'wrong':
      return `wrong, ${describeEnd(end)}`;
    case 'unfinished':
      return `unfinished, ${describeEnd(end)}`;
    default:
      return verdict.kind;
  }
};

/** What tells two ends apart: a reason may name the technique. */
const endKey = (end: RunEnd): string => (end.kind === 'exit' ? `exit ${end.status}` : end.kind);

/** Numbers as a real clock makes them differ. */
const withoutNumbers = (line: string): string => line.replace(/\d+/g, '#');

export interface JudgeOptions {
  /** Time was real: numbers on the console are not compared. */
  readonly ignoreNumbers?: boolean;
}

/**
 * The first line that differs.
 * @param whole whether both consoles are all that there is to come; else a line may go on, and more may follow
 */
const firstDifference = (
  expected: readonly string[],
  seen: readonly string[],
  whole: boolean,
  { ignoreNumbers = false }: JudgeOptions,
): Difference | undefined => {
  const same = (a: string, b: string) =>
    a === b || (ignoreNumbers && withoutNumbers(a) === withoutNumbers(b));
  const common = Math.min(expected.length, seen.length);
  for (let i = 0; i < common; i++) {
    const [a, b] = [expected[i]!, seen[i]!];
    const cut = !whole && i === common - 1;
    if (same(a, b) || (cut && (a.startsWith(b) || b.startsWith(a)))) continue;
    return { kind: 'console', line: i + 1, expected: a, seen: b };
  }
  if (!whole || expected.length === seen.length) return undefined;
  return {
    kind: 'console',
    line: common + 1,
    ...(common < expected.length && { expected: expected[common]! }),
    ...(common < seen.length && { seen: seen[common]! }),
  };
};

/** @param reference the run to judge by, undefined when it was not made */
export const judge = (
  run: RunReport,
  reference: RunReport | undefined,
  options: JudgeOptions = {},
): Verdict => {
  const { end } = run;
  if (end.kind === 'refused' || end.kind === 'failed') return { kind: end.kind, reason: end.reason };
  const concluded = isConcluded(end);
  if (run === reference) return { kind: concluded ? 'reference' : 'unfinished' };
  const crashed = end.kind === 'shutdown' && reference?.end.kind !== 'shutdown';
  if (reference === undefined || reference.statistics === null) {
    if (end.kind === 'shutdown') return { kind: 'crashed', reason: end.reason };
    return { kind: concluded ? 'unjudged' : 'unfinished' };
  }
  const whole = concluded && isConcluded(reference.end) && !crashed;
  const difference = firstDifference(linesOf(reference.console), linesOf(run.console), whole, options);
  if (crashed) return { kind: 'crashed', reason: end.reason, ...(difference && { difference }) };
  if (difference) return { kind: 'wrong', difference };
  if (!isConcluded(reference.end)) return { kind: concluded ? 'unjudged' : 'unfinished' };
  const otherEnd = endKey(end) !== endKey(reference.end);
  if ((concluded && otherEnd) || end.kind === 'outlasted')
    return {
      kind: 'wrong',
      difference: { kind: 'end', expected: describeEnd(reference.end), seen: describeEnd(end) },
    };
  return { kind: concluded ? 'same' : 'unfinished' };
};
