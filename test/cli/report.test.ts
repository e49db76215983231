/** `--report`: the page is written, whatever way the run ends. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CHATTER, kernelWith, ringdown } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'ringdown-'));
const fileNamed = (name: string) => join(folder, name);

test('of a run that ends', async () => {
  const file = fileNamed('hello.html');
  const { exitCode, stdout } = await ringdown(['hello', '--report', file]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('Goodbye');
  const html = readFileSync(file, 'utf8');
  expect(html).toContain('<title>hello under bt</title>');
  expect(html.match(/<figure class="plot">/g)!.length).toBeGreaterThanOrEqual(7);
  expect(html).toContain('Goodbye');
});

test('of a run that is ended from outside', async () => {
  const file = fileNamed('chatter.html');
  const kernel = await kernelWith('chatter', CHATTER);
  const { exitCode } = await ringdown(
    [kernel, '--technique', 'native', '--debugcon', 'stdio', '--serial', 'null', '--report', file],
    {
      onOutput: (text, _, kill) => text.length > 100 && kill('SIGTERM'),
    },
  );
  expect(exitCode).toBe(128 + 15);
  expect(readFileSync(file, 'utf8')).toContain('<dd>stopped</dd>');
});
