/** Every transcript of the lesson is what the commands in it print. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { type Ended, program, start } from '../cli/program.ts';
import { argumentsOf, firstDifference, type Transcript, transcriptsIn } from './transcripts.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = ['guests/LESSON.md'];

const folder = mkdtempSync(join(tmpdir(), 'ringdown-lesson-'));
/** Runs a built program there, with what it says on standard error between the rest. */
const run = (path: string, args: readonly string[]): Promise<Ended> =>
  start('sh', ['-c', 'cd "$1" && shift && exec "$@" 2>&1', 'sh', folder, process.execPath, path, ...args]);
beforeAll(async () => {
  const { exitCode, stdout } = await run(join(inject('dist'), 'guests.js'), []);
  expect(exitCode, stdout).toBe(0);
});

describe.each(pages)('%s', (page) => {
  const transcripts = transcriptsIn(readFileSync(root + page, 'utf8'));

  test('has transcripts', () => {
    expect(transcripts.length).toBeGreaterThan(10);
  });
  test.each(transcripts.map((t) => [t.line, t.command, t] as const))(
    'line %i: %s',
    async (_line, command, transcript) => {
      const args = argumentsOf(command);
      expect(args, 'only commands of ringdown can be checked').toBeDefined();
      const { stdout } = await run(program, args!);
      const printed = Buffer.from(stdout, 'latin1').toString();
      expect(firstDifference(transcript, printed), printed).toBeUndefined();
    },
  );
});

describe('a transcript', () => {
  const of = (...lines: string[]): Transcript =>
    transcriptsIn(['```console', '$ x', ...lines, '```'].join('\n'))[0]!;

  test('is compared line by line', () => {
    expect(firstDifference(of('a', 'b'), 'a\nb\n')).toBeUndefined();
    expect(firstDifference(of('a', 'b'), 'a\nc\n')).toBe('b');
    expect(firstDifference(of('a'), 'a\nb\n')).toBe('b');
    expect(firstDifference(of('a', 'b'), 'a\n')).toBe('b');
  });
  test('may leave lines out', () => {
    expect(firstDifference(of('a', '[...]', 'd'), 'a\nb\nc\nd')).toBeUndefined();
    expect(firstDifference(of('[...]', 'c', '[...]'), 'a\nb\nc\nd')).toBeUndefined();
    expect(firstDifference(of('a', '[...]', 'd'), 'a\nb\nd\ne')).toBe('d');
    expect(firstDifference(of('[...]', 'x', '[...]'), 'a\nb')).toBe('x');
    expect(firstDifference(of('a', '[...]', 'a'), 'a')).toBe('a');
  });
});
