/** `ringdown audit`, as a user calls it. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import type { Audit } from '../../src/laboratory/audit.ts';
import { fileWith, kernelWith, PROMPT_AND_ECHO, ringdown } from './program.ts';

const KERNEL = `
  mov $0x9000, %esp
  mov $4, %ecx
again:
  pushfd
  popl %eax
  sidt 0x8000
  loop again
  mov %cr0, %eax
  cli
forever:
  jmp forever
never:
  str %eax
`;
let kernel = '';
beforeAll(async () => {
  kernel = await kernelWith('audited', KERNEL);
});
const LIMIT = ['--max-instructions', '5k'];
const audit = (...args: readonly string[]) => ringdown(['audit', kernel, ...args]);

test('a table of instructions, and one of addresses', async () => {
  const { exitCode, stdout, stderr } = await audit(...LIMIT);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('run: bt, ended by its instruction limit; 5,000 instructions');
  expect(stdout).toContain('under trap-and-emulate 2 of them trap; 8 do not, and may be wrong');
  expect(stdout).toMatch(/^PUSHF +behaviour +3B\* +1 +0 +1 +4 +4 +0$/m);
  expect(stdout).toMatch(/^STR +behaviour +3C\* +1 +0 +0 +0 +0 +0$/m);
  expect(stdout).toMatch(/^ +4 +0 +001000\w+ +001000\w+ +sidt fword ptr \[0x8000\] +again\+0x2$/m);
  expect(stdout).toMatch(/^ +0 +file +001000\w+ +001000\w+ +str eax +never$/m);
  expect(stdout.split('\n').filter((line) => line.length > 110)).toEqual([]);
});

test('the file alone', async () => {
  const { stdout } = await audit('--static-only');
  expect(stdout).toContain('not run: executions are not known');
  expect(stdout).toMatch(/^SIDT +behaviour +3B\* +1 +0 +0 +0 +0 +0$/m);
});

test('as JSON and as a page', async () => {
  const [json, report] = [fileWith('audit.json', ''), fileWith('audit.html', '')];
  const { exitCode } = await audit(...LIMIT, '--json', json, '--report', report, '--technique', 'trap');
  expect(exitCode).toBe(0);
  const result: Audit = JSON.parse(readFileSync(json, 'utf8'));
  expect(result.run).toMatchObject({
    technique: 'trap',
    instructions: 5000,
    trapping: 2,
    silent: 8,
    unattributed: 0,
  });
  const page = readFileSync(report, 'utf8');
  expect(page).toContain('Sensitive instructions of');
  expect(page).toContain('again+0x2');
  expect(page).toContain('Instructions executed, by page');
});

test.each([
  [['--symbols', 'MISSING'], 'MISSING: no such file'],
  [['--report', '/nowhere/x.html'], '/nowhere/x.html: no such file'],
  [['--top', 'all'], "option '--top <n>' argument 'all' is invalid. Give a whole number, at least 1."],
  [
    ['--max-instructions', 'many'],
    "option '--max-instructions <n>' argument 'many' is invalid. Give a number of instructions, such as 5000, 20M or 6.4G.",
  ],
  [['--timeout', '0'], "option '--timeout <seconds>' argument '0' is invalid. Give seconds, more than none."],
])('%j', async (args, message) => {
  const { exitCode, stdout, stderr } = await audit(...args);
  expect(stderr).toBe(`ringdown: ${message}\n`);
  expect(stdout).toBe('');
  expect(exitCode).toBe(2);
});

test('a guest that never ends is stopped by time', async () => {
  const { exitCode, stdout } = await audit('--timeout', '0.2');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('ended by its time limit');
});

test('until the guest says so', async () => {
  const talker = await kernelWith('talker', PROMPT_AND_ECHO);
  const { exitCode, stdout } = await ringdown(['audit', talker, '--until', '>', '--timeout', '30']);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('run: bt, stopped;');
});
