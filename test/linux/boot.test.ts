/**
 * Debian's kernel, unmodified, boots to a shell, works and powers off: under `native` and `bt`, twice each in
 * virtual time, which must not differ in a byte or a count, nor from guest mode; and under `trap` it must go wrong.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BANNER, COMMAND_LINE } from '../../guests/debian/initramfs.ts';
import type { TechniqueName } from '../../src/machine/machine.ts';
import { debianFile, type Run, runLinux } from './linux-run.ts';
import type { Exchange } from './shell-session.ts';

const folder = new URL('../../.guests/debian/', import.meta.url);
const present = ['vmlinuz', 'initrd.gz', 'busybox'].every((name) => existsSync(new URL(name, folder)));
const required = Boolean(process.env.RINGDOWN_REQUIRE_DEBIAN);
const MISSING = 'the Linux boot needs .guests/debian: npm run guest:debian fetches it';

/** A boot takes seconds on an idle machine; this one may have much else to do. */
const TIMEOUT = 600_000;
const command = {
  identity: 'uname -a',
  processor: 'cat /proc/cpuinfo',
  remainder: 'echo $((123456789 * 37 % 1000003))',
  quotient: 'echo $((0x7fffffffffffffff / 12345))',
  floating: `awk 'BEGIN { printf "%.17g %.17g", 10 / 3, 1e22 / 7 }'`,
  hash: 'sha256sum /bin/busybox',
  pipe: 'seq 1000 | sort -rn | head -n 1',
  date: 'date -u +%Y-%m-%dT%H:%M',
  files: 'ls -1 /',
  processes: 'ps',
  messages: 'dmesg | grep -c "Linux version"',
  sleep: '(sleep 1; echo awake) & sleep 100',
  status: 'echo status $?',
} as const;
const exchanges: readonly Exchange[] = [
  ...Object.values(command).map((type) =>
    type === command.sleep ? { type, during: { output: '\r\nawake\r\n', type: '\x03' } } : { type },
  ),
  // The shell is what /init waits for.
  { type: 'exit' },
];

const runs = new Map<string, Promise<Run>>();
/** The first or second run of a technique, made when it is first asked for. */
const boot = (technique: TechniqueName, which: 'first' | 'second' = 'first'): Promise<Run> => {
  const key = `${technique} ${which}`;
  let made = runs.get(key);
  if (!made)
    runs.set(
      key,
      (made = runLinux(technique, { exchanges, figures: technique === 'bt' && which === 'first' })),
    );
  return made;
};

if (required)
  it('has the files of the Debian guest', () => {
    expect(present, MISSING).toBe(true);
  });
else if (!present) {
  console.warn(`SKIPPED: ${MISSING}`);
  it.skip(MISSING, () => {});
}

describe.skipIf(!present).each(['native', 'bt'] as const)(
  'Linux under %s',
  { timeout: TIMEOUT },
  (technique) => {
    const answer = async (line: string): Promise<string> => {
      const text = (await boot(technique)).answers.get(line);
      expect(text, `no answer to ${line}`).toBeDefined();
      return text!;
    };

    it('reaches the shell', async () => {
      const { boot: text, prompted } = await boot(technique);
      expect(prompted, text.slice(-2000)).toBe(true);
      expect(text).toContain(`Kernel command line: ${COMMAND_LINE}\n`);
      expect(text).toMatch(new RegExp(`^${BANNER}\\d+\\.\\d+\\.\\S+\\. Leave`, 'm'));
      expect(text).not.toMatch(/\bBUG\b|\bOops\b|WARNING: CPU|Call Trace|invalid opcode|segfault/);
    });
    it('tells what it is', async () => {
      expect(await answer(command.identity)).toMatch(/^Linux \S+ \d+\.\d+\.\S+ .* i686 GNU\/Linux$/m);
      const processor = await answer(command.processor);
      expect(processor).toMatch(/^vendor_id\s*: \S+$/m);
      expect(processor).toMatch(/^flags\s*: .*\bfpu\b.*\bpse\b.*\btsc\b/m);
      expect(processor.match(/^processor\s*:/gm)).toHaveLength(1);
    });
    it('calculates', async () => {
      expect(await answer(command.remainder)).toBe(`${(123456789 * 37) % 1000003}\n`);
      expect(await answer(command.quotient)).toBe(`${0x7fffffffffffffffn / 12345n}\n`);
      expect(await answer(command.floating)).toBe([10 / 3, 1e22 / 7].map((x) => x.toPrecision(17)).join(' '));
      const hash = createHash('sha256').update(debianFile('busybox')).digest('hex');
      expect(await answer(command.hash)).toBe(`${hash}  /bin/busybox\n`);
      expect(await answer(command.pipe)).toBe('1000\n');
    });
    it('knows the time of day', async () => {
      expect(await answer(command.date)).toMatch(/^2024-01-01T12:0[0-2]\n$/);
    });
    it('lists files, processes and messages', async () => {
      expect((await answer(command.files)).trim().split('\n')).toEqual([
        'bin',
        'dev',
        'init',
        'proc',
        'root',
        'sys',
        'tmp',
      ]);
      const processes = await answer(command.processes);
      expect(processes).toMatch(/^ +1 0 .*\binit\b/m);
      expect(processes).toMatch(/^ +\d+ 0 .*\bps\b/m);
      expect(await answer(command.messages)).toBe('1\n');
    });
    it('gives Ctrl-C to the program in the foreground', async () => {
      const { statistics } = await boot(technique);
      expect(await answer(command.sleep)).toContain('^C');
      // 128 + SIGINT
      expect(await answer(command.status)).toBe('status 130\n');
      expect(statistics.guestMilliseconds).toBeLessThan(100_000);
    });
    it('powers off by itself', async () => {
      const { outcome, console: text } = await boot(technique);
      expect(outcome).toEqual({ kind: 'power-off' });
      expect(text).toContain('reboot: Power down');
    });
    it('is the same in every run', async () => {
      const [first, second] = [await boot(technique), await boot(technique, 'second')];
      expect(second.console).toBe(first.console);
      expect(second.statistics).toEqual(first.statistics);
    });
  },
);

describe.skipIf(!present)('Linux', { timeout: TIMEOUT }, () => {
  it.each(['bt', 'hw', 'hw+nested'] as const)('cannot tell %s from native', async (technique) => {
    const [native, other] = [await boot('native'), await boot(technique)];
    expect(other.console).toBe(native.console);
    expect(other.statistics.instructions).toBe(native.statistics.instructions);
    expect(other.statistics.guestMilliseconds).toBe(native.statistics.guestMilliseconds);
    expect(other.state).toEqual(native.state);
  });

  // PUSHF at ring 1 shows the IF the processor runs with, always set, and POPF drops the IF it is given. The kernel
  // finds its interrupts enabled where it has disabled them, and says so; later it stops getting on.
  it('goes wrong under trap', async () => {
    const native = await boot('native');
    const trap = await runLinux('trap', { exchanges, limit: native.statistics.instructions });
    expect(trap.prompted).toBe(false);
    expect(trap.outcome).toEqual({ kind: 'stopped' });
    expect(trap.console).toContain('Interrupts were enabled *very* early');
    expect(native.console).not.toContain('Interrupts were enabled');
  });
});
