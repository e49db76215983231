/**
 * memtest86+ tests all the memory of a small machine once and finds no error. Its screen goes to the first serial
 * port with `console=ttyS0`.
 */
import { describe, expect, it } from 'vitest';
import { type KernelResult, present, runKernel } from './kernel-run.ts';
import { ESCAPE, Screen } from './screen.ts';

const FILE = 'memtest86+.bin';

/** Where things are on its screen: rows from 0. */
const Row = { TEST: 3, COUNTS: 8 } as const;

interface Pass extends KernelResult {
  readonly screen: Screen;
  /** Numbers of the tests that ran. */
  readonly tests: ReadonlySet<number>;
}

const runs = new Map<string, Promise<Pass>>();
const onePass = async (technique: 'native' | 'bt'): Promise<Pass> => {
  const screen = new Screen();
  const tests = new Set<number>();
  const result = await runKernel({
    file: FILE,
    append: 'console=ttyS0,115200 nopause',
    technique,
    memory: 5 << 20,
    // The last test waits three minutes, by looking at the time-stamp counter, for memory to fade.
    nanosecondsPerInstruction: 500,
    limit: 20e9,
    onConsole: (byte) => {
      screen.receive(byte);
      // What is painted is whole when the next control sequence begins.
      if (byte !== ESCAPE) return false;
      const number = /#(\d+)/.exec(screen.line(Row.TEST));
      if (number) tests.add(Number(number[1]));
      return /Pass:\s+[1-9]/.test(screen.line(Row.COUNTS));
    },
  });
  return { ...result, screen, tests };
};
const run = (technique: 'native' | 'bt'): Promise<Pass> => {
  let made = runs.get(technique);
  if (!made) runs.set(technique, (made = onePass(technique)));
  return made;
};

describe.skipIf(!present(FILE))('memtest86+', { timeout: 600_000 }, () => {
  it.each(['native', 'bt'] as const)('passes once without an error under %s', async (technique) => {
    const { screen, tests, outcome, warnings } = await run(technique);
    expect(outcome, screen.text).toEqual({ kind: 'stopped' });
    expect(screen.line(Row.COUNTS)).toMatch(/Pass: +1 +Errors: 0 *$/);
    // Those before take so little time that they may not be painted.
    expect([...tests].filter((number) => number > 2)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    expect(warnings).toEqual([]);
  });

  it('cannot tell bt from native', async () => {
    const [native, bt] = [await run('native'), await run('bt')];
    expect(bt.console).toBe(native.console);
    expect(bt.statistics.instructions).toBe(native.statistics.instructions);
  });
});
