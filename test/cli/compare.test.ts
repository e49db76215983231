/** `ringdown compare`, as a user starts it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Comparison } from '../../src/laboratory/comparison.ts';
import { total } from '../../src/machine/statistics.ts';
import { fileWith, guestFile, HALT, kernelWith, program, ringdown } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'ringdown-'));
const good = await kernelWith('good', HALT);
const forever = await kernelWith('forever', 'again: jmp again\n');

test('a table, and the same as JSON', { timeout: 120_000 }, async () => {
  const json = join(folder, 'pushf.json');
  const guest = await guestFile('sensitive/pushf');
  const args = ['compare', guest, '-m', '16M', '--techniques', 'native,trap,bt', '--json', json];
  const { exitCode, stdout, stderr } = await ringdown(args);
  expect(exitCode).toBe(0);
  expect(stderr.split('\n')).toHaveLength(4);
  const { runs, reference } = JSON.parse(readFileSync(json, 'utf8')) as Comparison;
  expect(reference).toBe('native');
  expect(runs.map(({ technique, verdict }) => [technique, verdict.kind])).toEqual([
    ['native', 'reference'],
    ['trap', 'wrong'],
    ['bt', 'same'],
  ]);
  for (const title of ['counted: the monitor', 'measured: this host', 'modelled, not measured'])
    expect(stdout).toContain(title);
  expect(stdout).toMatch(/^trap +wrong, exited with 3/m);
  const { callouts, directCallouts } = runs[2]!.statistics!;
  const sum = total(callouts) + total(directCallouts);
  expect(stdout).toMatch(new RegExp(`^bt +[\\d,]+ +\\d+ +${sum.toLocaleString('en')} `, 'm'));
});

test('a technique that cannot run the guest does not stop the others', { timeout: 120_000 }, async () => {
  const guest = await guestFile('real');
  const { exitCode, stdout } = await ringdown([
    'compare',
    guest,
    '-m',
    '16M',
    '--techniques',
    'trap,bt,native',
  ]);
  expect(stdout).toMatch(/^trap +crashed/m);
  expect(stdout).toMatch(/trap: crashed: .*real mode/);
  expect(stdout).toMatch(/^bt +as the reference/m);
  expect(exitCode).toBe(0);
});

test('a guest that never ends: the limit, and what is known by then', { timeout: 120_000 }, async () => {
  const args = ['compare', forever, '--techniques', 'native,bt', '--max-instructions', '2M'];
  const { exitCode, stdout } = await ringdown(args);
  expect(stdout).toMatch(/^native +unfinished/m);
  expect(stdout).toMatch(/^bt +2,000,000 /m);
  expect(exitCode).toBe(4);
});

test('the time limit leaves what is known', { timeout: 120_000 }, async () => {
  const late = await ringdown(['compare', forever, '--techniques', 'native', '--timeout', '1']);
  expect(late.stdout).toMatch(/^native +unfinished/m);
  expect(late.exitCode).toBe(4);
});

test('Ctrl-C leaves what is known, of runs that had not begun too', { timeout: 120_000 }, async () => {
  const json = join(folder, 'interrupted.json');
  const args = ['compare', forever, '--techniques', 'native,bt', '--threads', '1', '--json', json];
  const child = spawn(process.execPath, [program, ...args]);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  setTimeout(() => child.kill('SIGINT'), 3000);
  const [exitCode] = (await once(child, 'close')) as [number];
  expect(exitCode).toBe(130);
  expect(stdout).toMatch(/^native +unfinished, interrupted/m);
  expect(stdout).toMatch(/^bt +unfinished, interrupted/m);
  const { interrupted, runs } = JSON.parse(readFileSync(json, 'utf8')) as Comparison;
  expect(interrupted).toBe(true);
  expect(runs[0]!.statistics!.instructions).toBeGreaterThan(1e6);
  expect(runs[1]!.statistics).toBeNull();
});

test('a cost file of a user', { timeout: 120_000 }, async () => {
  const costs = {
    name: 'mine',
    processor: 'a processor of mine',
    megahertz: 1000,
    events: { instruction: { cycles: 2, source: 'chosen' } },
  };
  const file = fileWith('mine.json', JSON.stringify(costs));
  const { exitCode, stdout } = await ringdown([
    'compare',
    good,
    '--techniques',
    'native,bt',
    '--costs',
    file,
  ]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('cycles of a processor of mine (mine)');
  expect(stdout).toMatch(/^native +(\d+) +1\.000 +instruction 100\.00 %$/m);
  expect(stdout).toMatch(/^not in it, for want of a cost: .*translation/m);
});

const files: Readonly<Record<string, string>> = {
  GOOD: good,
  MISSING: join(folder, 'missing'),
  FOLDER: folder,
  TEXT: fileWith('text', 'Dear reader,\n'),
  UNKNOWN: fileWith(
    'unknown.json',
    JSON.stringify({
      name: 'mine',
      processor: 'mine',
      megahertz: 1000,
      events: { instruction: { cycles: 1, source: '' }, coffee: { cycles: 1, source: '' } },
    }),
  ),
};
const expand = (text: string): string => text.replace(/\b[A-Z]+\b/g, (word) => files[word] ?? word);

test.each([
  ['', 'no kernel is given'],
  ['MISSING', 'MISSING: no such file'],
  ['GOOD --techniques native,magic', 'there is no technique magic: there are native, '],
  ['GOOD --techniques native,native', 'One technique is named twice'],
  ['GOOD --techniques native,bt+steam', 'the technique bt has no variant steam'],
  ['GOOD --techniques', 'argument missing'],
  ['GOOD --technique bt', "unknown option '--technique'"],
  ['GOOD --costs MISSING', 'MISSING: no such file'],
  ['GOOD --costs TEXT', 'TEXT: is not JSON'],
  ['GOOD --costs UNKNOWN', 'UNKNOWN: there is no event "coffee": there are instruction, '],
  ['GOOD --report MISSING/out.html', 'MISSING/out.html: no such file'],
  ['GOOD --report FOLDER', 'FOLDER: is a directory'],
  ['GOOD --json MISSING/out.json', 'MISSING/out.json: no such file'],
  ['GOOD --threads 0', 'Give a number from 1 to 64'],
  ['GOOD --input-after x', 'nothing to type'],
])('compare %s', async (args, message) => {
  const words = args.split(' ').filter(Boolean).map(expand);
  const { exitCode, stdout, stderr } = await ringdown(['compare', ...words]);
  expect(stderr).toContain(expand(message));
  expect(stderr).toMatch(/^ringdown: [^\n]+\n$/);
  expect(stdout).toBe('');
  expect(exitCode).toBe(2);
});
