/** What pmx prints on a bare machine against its reference. It is too long for the reference engine. */
import { describe, expect, test } from 'vitest';
import { bySubject, contested, exceptions, readReference } from '../pmx/reference.ts';
import { pmxIsThere, runPmx } from './pmx.ts';
import { engine } from './support.ts';

const snippetOf = (subject: string): string => subject.split(' ')[0]!;
const runs = pmxIsThere && engine === 'core';

describe.skipIf(!runs)('pmx (skipped where RINGDOWN_ORACLE names no folder)', () => {
  test('prints the reference', async () => {
    const { lines, run } = await runPmx('native');
    expect(run.outcome).toEqual({ kind: 'exit', status: 1 });
    const printed = bySubject(lines);
    const reference = readReference();
    const unlike = reference.filter(({ subject, text }) => printed.get(subject) !== text);
    const unexplained = unlike.filter(({ subject }) => !(snippetOf(subject) in exceptions));
    expect(unexplained.map(({ subject, text }) => [text, printed.get(subject)])).toEqual([]);
    expect(new Set(unlike.map(({ subject }) => snippetOf(subject)))).toEqual(
      new Set(Object.keys(exceptions)),
    );
    expect(printed.size).toBe(reference.length);
  });

  test('the reason is known why each contested line is right', () => {
    const names = readReference()
      .filter((line) => line.contested)
      .map(({ subject }) => snippetOf(subject));
    expect(new Set(names)).toEqual(new Set(Object.keys(contested)));
  });
});
