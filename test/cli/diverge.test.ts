/** `ringdown diverge`: what it prints, and its exit codes. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fileWith, guestFile, kernelWith, ringdown } from './program.ts';

test('the instruction that lies, on standard output and as JSON', async () => {
  const json = fileWith('divergence.json', '');
  const guest = await guestFile('sensitive/pushf');
  const { exitCode, stdout, stderr } = await ringdown([
    'diverge',
    guest,
    '--between',
    'native,trap',
    '--json',
    json,
  ]);
  expect(stderr).toBe('');
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(
    /^native and trap part at instruction 2,\d{3}:\n> 00100[0-9a-f]{3} {2}9c {23}pushfd {4}<main\+0x6>\n/,
  );
  expect(stdout).toMatch(/\n {2}memory [0-9a-f]{8} {2}02 00 00 00 {2}02 02 00 00\n/);
  expect(stdout).toContain('\nBefore it, in both\n');
  const result = JSON.parse(readFileSync(json, 'utf8'));
  expect(result).toMatchObject({
    names: ['native', 'trap'],
    ending: null,
    divergence: { cause: 'instruction', registers: [], memory: [{ values: ['02 00 00 00', '02 02 00 00'] }] },
  });
});

test('no difference, to the end and to a limit', async () => {
  const guest = await guestFile('sensitive/pushf');
  const whole = await ringdown(['diverge', '--kernel', guest, '--between', 'native,bt']);
  expect(whole).toMatchObject({ exitCode: 0, stderr: '' });
  expect(whole.stdout).toMatch(/^native and bt do not differ in [\d,]+ instructions\nboth exited with 1\n/);
  const part = await ringdown(['diverge', guest, '--engines', 'core,reference', '--max-instructions', '3k']);
  expect(part.exitCode).toBe(0);
  expect(part.stdout).toMatch(
    /^core and reference do not differ in 3,000 instructions\nthe limit of instructions /,
  );
});

test('a guest that never ends', async () => {
  const guest = await kernelWith('forever', '1: jmp 1b\n');
  const { exitCode, stdout } = await ringdown([
    'diverge',
    guest,
    '--between',
    'native,bt',
    '--timeout',
    '0.2',
  ]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('\nthe time is up\n');
});

const refused = [
  [['--between', 'native'], /between.*Give two names/],
  [['--between', 'native,quick'], /there is no technique quick/],
  [['--engines', 'core,fast'], /There are the engines core, reference/],
  [[], /^ringdown: --between or --engines must say what to compare$/m],
  [['--between', 'native,bt', '--technique', 'bt'], /one too many/],
  [['--between', 'native,bt', '--clock', 'wall'], /virtual time/],
  [['--between', 'native,bt', '--chunk', '0'], /1 or more/],
  [['--between', 'native,bt', '--json', '/nowhere/at-all'], /^ringdown: \/nowhere\/at-all: no such file$/m],
] as const;
test.each(refused)('refused: %j', async (args, message) => {
  const guest = await kernelWith('forever', '1: jmp 1b\n');
  const { exitCode, stdout, stderr } = await ringdown(['diverge', guest, ...args]);
  expect([exitCode, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});
