/** Every guest of the index, on every technique. */
import { describe, expect, test } from 'vitest';
import { readExpected } from '../../guests/files.ts';
import { type GuestEntry, guests } from '../../guests/index.ts';
import { snapshot } from './snapshot.ts';
import { engine, type Run, runGuest } from './support.ts';

/** Instructions after which a guest counts as hanging where the index says that it hangs. */
const PATIENCE = 1e6;

/** Where a slow engine may stop. */
const until = (guest: GuestEntry) => (engine === 'reference' ? guest.shortRun : undefined);

/** The checks a console text shows, and whether each passed. */
const verdicts = (text: string): Map<string, boolean> =>
  new Map([...text.matchAll(/^(.*?): (ok|FAIL)/gm)].map(([, name, verdict]) => [name!, verdict === 'ok']));
const failing = (text: string): string[] => [...verdicts(text)].filter(([, ok]) => !ok).map(([name]) => name);

/** QEMU's isa-debug-exit turns a guest's status into its exit code. */
const expectEnd = ({ outcome }: Run, status: number | 'shutdown'): void => {
  if (status === 'shutdown') expect(outcome).toMatchObject({ kind: 'shutdown' });
  else expect(outcome).toEqual({ kind: 'exit', status: (status << 1) | 1 });
};

const expectGolden = (run: Run, guest: GuestEntry, golden: string): void => {
  const stop = until(guest);
  if (stop !== undefined) {
    expect(run.text).toBe(golden.slice(0, golden.indexOf(stop) + stop.length));
    expect(run.outcome).toEqual({ kind: 'stopped' });
  } else if (guest.notBuilt.length > 0) {
    expect(failing(run.text)).toEqual(guest.notBuilt);
    expect([...verdicts(run.text).keys()]).toEqual([...verdicts(golden).keys()]);
    expectEnd(run, 1);
  } else {
    expect(run.text).toBe(golden);
    expectEnd(run, guest.expectation.exitStatus);
  }
};

/** Techniques under which a guest cannot tell that it has no machine of its own. */
const EQUIVALENT = ['bt', 'hw', 'hw+nested'] as const;

/** What equivalent runs have in common: all but what was done behind the guest's back. */
const whatTheGuestKnows = (run: Run) => ({
  ...snapshot(run.machine),
  outcome: run.outcome,
  retired: run.machine.processor.retired,
  exceptions: [...run.machine.processor.counters.faults],
  interrupts: run.interrupts,
});

describe('native, and bt and hw equivalent to it', () => {
  test.each(guests)('$name', { timeout: 120_000 }, async (guest) => {
    const golden = await readExpected(guest.name);
    const native = await runGuest(guest, 'native', { until: until(guest) });
    expectGolden(native, guest, golden);
    for (const technique of EQUIVALENT) {
      const run = await runGuest(guest, technique, { until: until(guest) });
      expectGolden(run, guest, golden);
      expect(whatTheGuestKnows(run), technique).toEqual(whatTheGuestKnows(native));
    }
  });
});

describe('trap', () => {
  test.each(guests)('$name', { timeout: 120_000 }, async (guest) => {
    const { underTrap } = guest;
    const golden = await readExpected(guest.name);
    const limit = underTrap.hangs ? { instructions: PATIENCE } : {};
    const run = await runGuest(guest, 'trap', { until: until(guest), ...limit });

    const failed = failing(run.text);
    expect(underTrap.failing.filter((name) => !failed.includes(name))).toEqual([]);
    const unexplained = (name: string) =>
      !underTrap.failing.includes(name) && !guest.notBuilt.includes(name) && !underTrap.mayFail?.test(name);
    expect(failed.filter(unexplained)).toEqual([]);

    if (underTrap.refused) {
      expect(run.outcome).toMatchObject({ kind: 'shutdown', reason: expect.stringContaining('real mode') });
      expect(golden.startsWith(run.text)).toBe(true);
    } else if (underTrap.hangs) expect(run.outcome).toEqual({ kind: 'stopped' });
    else if (underTrap.lines) {
      for (const line of until(guest) ? underTrap.lines.slice(0, 2) : underTrap.lines)
        expect(run.text.split('\n')).toContainEqual(expect.stringMatching(line));
    } else if (failed.length > 0) expectEnd(run, 1);
    else expectGolden(run, guest, golden);
  });
});
