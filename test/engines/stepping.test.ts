/** Guests come to the same end when the processor executes every instruction, and every REP element, on its own. */
import { expect, test } from 'vitest';
import { readExpected } from '../../guests/files.ts';
import { guests } from '../../guests/index.ts';
import type { Breakpoints } from '../../src/interpreter/breakpoints.ts';
import { runGuest } from './support.ts';

const SUBJECTS = ['paging', 'smc', 'real', 'cached-segments', 'debug', 'watchpoints'];

/** As if a breakpoint that is never met lay in every page: none may be in the TLB, all code is stepped through. */
const watchEverything = (breakpoints: Breakpoints): void => {
  Object.defineProperty(breakpoints, 'code', { value: true });
  Object.defineProperty(breakpoints, 'covers', { value: () => true });
};

test.each(SUBJECTS)('%s', { timeout: 120_000 }, async (name) => {
  const guest = guests.find((g) => g.name === name)!;
  for (const technique of ['native', 'bt', 'hw', 'hw+nested'] as const) {
    const run = await runGuest(guest, technique, {
      prepare: (machine) => watchEverything(machine.processor.breakpoints),
    });
    expect(run.text).toBe(await readExpected(name));
  }
});
