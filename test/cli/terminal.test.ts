/** The program on a real terminal, which util-linux's `script` provides. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { type Ended, kernelWith, PROMPT_AND_ECHO, program, type StartOptions, start } from './program.ts';

const hasScript = spawnSync('script', ['--version']).status === 0;

/** Runs a shell command on a terminal and shows its settings before and after. */
const onTerminal = (command: string, onOutput: StartOptions['onOutput']): Promise<Ended> =>
  start('script', ['-qec', `stty -g; ${command}; echo "code $?"; stty -g`, '/dev/null'], {
    keepOpen: true,
    ...(onOutput && { onOutput }),
  });

const run = (kernel: string, options = '') => `'${process.execPath}' '${program}' '${kernel}' ${options}`;

const expectRestored = ({ stdout }: Ended, code: number): void => {
  const lines = stdout.trim().split(/\r?\n/);
  expect(lines.at(-2)).toMatch(new RegExp(`code ${code}$`));
  expect(lines.at(-1)).toBe(lines[0]);
};

/** Sends each input once, when the output ends with what it waits for. */
const dialogue = (steps: readonly (readonly [wait: string, input: string])[]): StartOptions['onOutput'] => {
  let step = 0;
  return (text, send) => {
    while (step < steps.length && text.endsWith(steps[step][0])) send(steps[step++][1]);
  };
};

describe.skipIf(!hasScript)('on a terminal', () => {
  const echo = () => kernelWith('ready', PROMPT_AND_ECHO);

  test('keys go to the guest one by one, Ctrl-C too, and nothing else echoes them', async () => {
    const steps = [
      ['>', 'a'],
      ['>a', '\x03'],
      ['>a\x03', '\x1a'],
      ['>a\x03\x1a', '\x01\x01'],
      ['>a\x03\x1a\x01', 'q'],
    ] as const;
    const ended = await onTerminal(run(await echo()), dialogue(steps));
    expect(ended.stdout).toContain('>a\x03\x1a\x01q');
    expectRestored(ended, 11);
  });

  test('Ctrl-A x leaves', async () => {
    const ended = await onTerminal(
      run(await echo()),
      dialogue([
        ['>', '\x01h'],
        ['send Ctrl-A\r\n', '\x01x'],
      ]),
    );
    expect(ended.stdout).toContain('Ctrl-A x       leave\r\n');
    expectRestored(ended, 0);
  });

  test.each([
    ['TERM', 143],
    ['HUP', 129],
  ])('SIG%s leaves the terminal as it was', async (signal, code) => {
    const command = `timeout --foreground --preserve-status -s ${signal} 2 ${run(await echo())}`;
    expectRestored(await onTerminal(command, undefined), code);
  });

  test('a file that is refused leaves it as it was', async () => {
    const ended = await onTerminal(run('/nonexistent'), undefined);
    expect(ended.stdout).toContain('ringdown: /nonexistent: no such file\r\n');
    expectRestored(ended, 2);
  });

  test('a silent guest that works shows progress, which goes away', async () => {
    const kernel = await kernelWith('busy', 'stop: jmp stop\n');
    let left = false;
    const ended = await onTerminal(run(kernel), (text, send) => {
      if (!left && /no output for 1 s, [\d,]+ million instructions/.test(text)) {
        left = true;
        send('\x01x');
      }
    });
    expect(left).toBe(true);
    // The line is erased and the cursor shown again before anything else is written.
    expect(ended.stdout).toContain('\x1b[?25h\x1b[1G\x1b[0Kcode 0');
    expectRestored(ended, 0);
  });

  test('a guest that waits behind a prompt shows none', async () => {
    const ended = await onTerminal(
      run(await echo()),
      (() => {
        let asked = false;
        return (text, send) => {
          if (asked || !text.endsWith('>')) return;
          asked = true;
          setTimeout(() => send('q'), 1600);
        };
      })(),
    );
    expect(ended.stdout).toContain('>q');
    expect(ended.stdout).not.toContain('no output');
  });
});
