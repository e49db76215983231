import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readExpected } from '../../guests/files.ts';
import {
  CHATTER,
  ECHO,
  fileWith,
  guestFile,
  HALT,
  kernelWith,
  PROMPT_AND_ECHO,
  program,
  RESET,
  ringdown,
  start,
} from './program.ts';

const DEBUG = ['-serial', 'null', '-debugcon', 'stdio'];

describe('hello', () => {
  test('shows its console and a short table, and ends well', async () => {
    const { exitCode, stdout, stderr } = await ringdown(['hello']);
    expect(stdout).toBe(await readExpected('hello'));
    expect(exitCode).toBe(0);
    for (const row of [
      'instructions',
      'blocks',
      'hit rate',
      'callouts',
      'traps',
      'without the monitor',
      'host time',
    ])
      expect(stderr).toMatch(new RegExp(`^${row} `, 'm'));
  });

  test('is what an empty `npm start` runs', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(manifest.scripts.start).toBe('node dist/cli.js hello');
    expect(manifest.bin.ringdown).toBe('dist/cli.js');
  });
});

describe('exit codes', () => {
  test('of the debug exit device are those of QEMU', async () => {
    const { exitCode, stdout } = await ringdown([await kernelWith('echo', ECHO)], { input: 'q' });
    expect(stdout).toBe('q');
    expect(exitCode).toBe((5 << 1) | 1);
  });

  test('a debug exit device elsewhere leaves the usual port empty', async () => {
    const kernel = await kernelWith(
      'moved',
      `${ECHO.split('movl $5')[0]} movl $9, %eax\n mov $0x501, %dx\n outb %al, %dx\nhere: jmp here`,
    );
    const { exitCode } = await ringdown([kernel, '-device', 'isa-debug-exit'], { input: 'q' });
    expect(exitCode).toBe((9 << 1) | 1);
  });

  test('a triple fault ends with 3 and tells the state', async () => {
    const { exitCode, stdout, stderr } = await ringdown(['run', await guestFile('triple')]);
    expect(exitCode).toBe(3);
    expect(stdout).toContain('about to triple-fault\n');
    expect(stderr).toMatch(/^ringdown: triple fault/);
    expect(stderr).toMatch(/^EAX [0-9a-f]{8} {2}EBX/m);
    expect(stderr).toMatch(/^IDT {6}00000000 00000000$/m);
    expect(stderr).toMatch(/^[0-9a-f]{8} {2}0f 0b +ud2$/m);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test('a guest that halts for good ends with 0', async () => {
    const { exitCode, stdout, stderr } = await ringdown([await kernelWith('halt', HALT), ...DEBUG]);
    expect(stdout).toBe('H');
    expect(stderr).toBe('ringdown: the guest halted with interrupts disabled: nothing can wake it\n');
    expect(exitCode).toBe(0);
  });

  test('a reset ends the run with -no-reboot, and boots again without', async () => {
    const kernel = await kernelWith('reset', RESET);
    expect(await ringdown([kernel, ...DEBUG, '-no-reboot'])).toEqual({
      exitCode: 0,
      stdout: 'R',
      stderr: '',
    });
    const { exitCode, stdout } = await ringdown([kernel, ...DEBUG], {
      onOutput: (text, _send, kill) => {
        if (text.length >= 3) kill('SIGTERM');
      },
    });
    expect(stdout).toMatch(/^RRR/);
    expect(exitCode).toBe(143);
  });
});

describe('input and output', () => {
  test('piped input arrives whole, and its end is not the end of the guest', async () => {
    const text = Array.from({ length: 5000 }, (_, i) => String.fromCharCode(0x21 + (i % 60)))
      .join('')
      .replaceAll('q', '-');
    const { stdout, exitCode } = await ringdown([await kernelWith('echo', ECHO)], { input: `${text}q` });
    expect(stdout).toBe(`${text}q`);
    expect(exitCode).toBe(11);
  });

  test('Ctrl-A from a pipe is a byte like any other', async () => {
    const { stdout } = await ringdown([await kernelWith('echo', ECHO)], { input: '\x01x\x00\xffq' });
    expect(Buffer.from(stdout, 'latin1')).toEqual(Buffer.from('\x01x\x00\xc3\xbfq', 'latin1'));
  });

  test('a run ends where it is told to', async () => {
    const kernel = await kernelWith('prompt', PROMPT_AND_ECHO);
    const counted = await ringdown([kernel, '--max-instructions', '4k', '--stats', 'json'], {
      keepOpen: true,
    });
    expect(counted.exitCode).toBe(4);
    expect(counted.stderr).toMatch(/^ringdown: the guest was stopped behind 4,000 instructions\n\{/);
    const timed = await ringdown([kernel, '--timeout', '0.1'], { keepOpen: true });
    expect(timed.exitCode).toBe(4);
    expect(timed.stderr).toBe('ringdown: the guest was stopped when its time was up\n');
    const awaited = await ringdown([kernel, '--until', '>'], { keepOpen: true });
    expect(awaited).toEqual({ exitCode: 0, stdout: '>', stderr: '' });
  });

  test('output appears while the guest runs', async () => {
    let steps = 0;
    const { stdout } = await ringdown([await kernelWith('echo', ECHO)], {
      input: 'a',
      keepOpen: true,
      onOutput: (text, send) => {
        if (text === 'a' && steps++ === 0) send('b');
        if (text === 'ab' && steps++ === 1) send('q');
      },
    });
    expect(stdout).toBe('abq');
  });

  test('a reader that goes away ends the run quietly', async () => {
    const kernel = await kernelWith('chatter', CHATTER);
    const command = `'${process.execPath}' '${program}' '${kernel}' ${DEBUG.join(' ')} | head -c 100000 | wc -c; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await start('bash', ['-c', command]);
    expect(stdout.trim().split(/\s+/)).toEqual(['100000', '141']);
    expect(stderr).toBe('');
  });

  test('a serial port can go to a file, which gets everything', async () => {
    const [serial, debug] = [fileWith('serial', 'old'), fileWith('debug', 'old')];
    const { stdout, exitCode } = await ringdown([
      await guestFile('triple'),
      '-serial',
      `file:${serial}`,
      '-debugcon',
      `file:${debug}`,
    ]);
    expect(stdout).toBe('');
    expect(exitCode).toBe(3);
    expect(readFileSync(serial, 'latin1')).toContain('about to triple-fault\n');
    expect(readFileSync(debug, 'latin1')).toBe('');
  });

  test('SIGTERM, SIGHUP and SIGINT end the run in order', async () => {
    const kernel = await kernelWith('chatter', CHATTER);
    for (const [signal, status] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
      ['SIGINT', 130],
    ] as const) {
      const { exitCode, stderr } = await ringdown([kernel, ...DEBUG, '--stats', 'text'], {
        onOutput: (_text, _send, kill) => void kill(signal),
      });
      expect(exitCode).toBe(status);
      expect(stderr).toMatch(/^instructions /m);
    }
  });
});

describe('statistics', () => {
  test('as JSON are one line on standard error', async () => {
    const { stderr } = await ringdown(
      [await kernelWith('echo', ECHO), '--stats', 'json', '--technique', 'trap'],
      { input: 'q' },
    );
    expect(stderr.split('\n')).toHaveLength(2);
    const statistics = JSON.parse(stderr);
    expect(statistics).toMatchObject({ technique: 'trap', engine: 'core' });
    expect(statistics.instructions).toBeGreaterThan(10);
    expect(statistics.cache.hitRate).toBeGreaterThan(0);
  });

  test('the same run gives the same counters', async () => {
    const args = [await guestFile('triple'), '--stats', 'json', '--engine', 'reference'];
    const [a, b] = await Promise.all([ringdown(args), ringdown(args)]);
    const parse = (text: string) => ({ ...JSON.parse(text.trim().split('\n').at(-1)!), hostMilliseconds: 0 });
    expect(parse(a.stderr)).toEqual(parse(b.stderr));
  });

  test('can go to a file', async () => {
    const file = fileWith('statistics', `${'older and longer '.repeat(1000)}\n`);
    const { stderr } = await ringdown([await kernelWith('halt', HALT), '--stats-file', file]);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ technique: 'bt' });
  });
  test('leave a file as it is when there are none', async () => {
    const [statistics, report] = [fileWith('statistics', 'older'), fileWith('report', 'older')];
    const { exitCode } = await ringdown(['missing', '--stats-file', statistics, '--report', report]);
    expect(exitCode).toBe(2);
    expect([statistics, report].map((file) => readFileSync(file, 'utf8'))).toEqual(['older', 'older']);
  });
  test.runIf(existsSync('/dev/full'))('do not fit on a full device', async () => {
    const { exitCode, stderr } = await ringdown([
      await kernelWith('halt', HALT),
      '--stats-file',
      '/dev/full',
    ]);
    expect(stderr).toMatch(/\nringdown: \/dev\/full: [^\n]+\n$/);
    expect(exitCode).toBe(2);
  });
});

test('log messages come from rooms, and only when asked for', async () => {
  const kernel = await kernelWith('halt', HALT);
  const { stderr } = await ringdown([kernel, '-serial', 'null', '--log-level', 'info']);
  const messages = stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  expect(messages.map(({ room }) => room)).toEqual(['loader', 'machine']);
  expect(messages[1]).toMatchObject({ kind: 'halted' });
});

test('help names every option and exit code', async () => {
  const { stdout, exitCode } = await ringdown(['--help']);
  expect(exitCode).toBe(0);
  for (const text of [
    '--initrd',
    '--technique',
    '--cache-size',
    '--stats',
    '-no-reboot',
    'Ctrl-A x',
    'Exit codes:',
  ])
    expect(stdout).toContain(text);
  expect(existsSync(program)).toBe(true);
});
