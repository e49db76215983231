/** In virtual time a run repeats: the same bytes on the console, the same counts of everything. */
import { describe, expect, test } from 'vitest';
import { findGuest } from '../../guests/index.ts';
import { countersOf, engine, runGuest } from './support.ts';

/** A slow engine takes guests and parts of guests that are short. */
const slow = engine === 'reference';
const UNTIL: Readonly<Record<string, string>> = {
  hello: 'Paging is on: 4096 pages of 4096 bytes.',
  timer: 'after the EOI it is taken: ok',
};
const cases = ['hello', slow ? 'paging' : 'preempt', 'timer'].flatMap((name) =>
  (['native', 'trap', 'bt', 'hw', 'hw+nested'] as const).map((technique) => ({ name, technique })),
);

describe('twice the same', () => {
  test.each(cases)('$name under $technique', { timeout: 120_000 }, async ({ name, technique }) => {
    const guest = findGuest(name);
    const until = slow ? UNTIL[name] : undefined;
    const first = await runGuest(guest, technique, { until });
    const second = await runGuest(guest, technique, { until });
    expect(second.text).toBe(first.text);
    expect(second.outcome).toEqual(first.outcome);
    expect(countersOf(second)).toEqual(countersOf(first));
    expect(countersOf(first).instructions).toBeGreaterThan(1000);
  });
});
