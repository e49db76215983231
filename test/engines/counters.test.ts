/** Nothing is counted twice or forgotten: what goes in comes out. */
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { findGuest } from '../../guests/index.ts';
import { createMachine } from '../../src/index.ts';
import { collectTotals, total } from '../../src/machine/statistics.ts';
import { engine, runGuest } from './support.ts';

/** A slow engine takes guests and parts of guests that are short. */
const slow = engine === 'reference';
const UNTIL: Readonly<Record<string, string>> = {
  hello: 'Paging is on: 4096 pages of 4096 bytes.',
};
const guests = ['hello', 'smc', 'sensitive/pushf', ...(slow ? [] : ['paging', 'preempt', 'debug'])];
const cases = guests.flatMap((name) =>
  (['native', 'trap', 'bt', 'bt-adaptive', 'hw', 'hw+nested'] as const).map((technique) => ({
    name,
    technique,
  })),
);

describe.each(cases)('$name under $technique', ({ name, technique }) => {
  test('counts are conserved', { timeout: 120_000 }, async () => {
    const until = UNTIL[name];
    const { machine } = await runGuest(findGuest(name), technique, {
      until,
      machine: { cacheSize: 64 << 10 },
    });
    const s = machine.statistics();
    const { cache } = s;
    expect(cache.lookups).toBe(cache.hits + cache.misses);
    expect(cache.misses).toBe(cache.translations + cache.passing + cache.fetchFaults);
    expect(cache.translations).toBe(cache.live + cache.evictions + cache.invalidations + cache.flushed);
    expect(cache.jumpCacheHits).toBeLessThanOrEqual(cache.hits);
    expect(cache.retranslations).toBeLessThan(cache.translations);
    expect(cache.chained).toBeGreaterThan(0);
    expect(s.blocks).toBe(cache.chained + cache.hits + cache.translations + cache.passing);
    expect(collectTotals(machine)).toEqual({
      callouts: total(s.callouts),
      directCallouts: total(s.directCallouts),
      inCache: total(s.inCache),
      traps: total(s.traps),
      emulatedTraps: total(s.emulatedTraps),
      hiddenPageFaults: s.monitor?.hiddenPageFaults ?? 0,
      exits: total(s.exits),
      interventions: s.interventions,
    });
    if (s.shadow) {
      const { hiddenForTable, hiddenForPage, hiddenForRight } = s.shadow;
      expect(s.monitor!.hiddenPageFaults).toBe(hiddenForTable + hiddenForPage + hiddenForRight);
    }
    if (!technique.startsWith('bt')) expect(s.rewritten).toBeNull();
    if (technique === 'native') expect(s.interventions).toBe(0);
    else if (technique.startsWith('hw'))
      expect(s.interventions).toBe(total(s.exits) + s.guestMode!.emulatedInstructions);
    else {
      expect(total(s.traps)).toBe(total(s.emulatedTraps) + total(s.reflectedTraps));
      expect(Object.values(s.reflectedTraps).every((n) => n > 0)).toBe(true);
      const events = [s.callouts, s.directCallouts, s.emulatedTraps, s.reflectedTraps].map(total);
      const others = s.interrupts + s.monitor!.hiddenPageFaults + s.shadow!.tracedTableWrites;
      const { hiddenForTable, hiddenForPage, hiddenForRight } = s.shadow!;
      expect(s.monitor!.hiddenPageFaults).toBe(hiddenForTable + hiddenForPage + hiddenForRight);
      expect(s.interventions).toBe(events.reduce((a, b) => a + b, others));
    }
    if (technique.startsWith('bt')) {
      expect(s.emulatedTraps).toEqual({});
      expect(s.rewritten!.instructions).toBeLessThanOrEqual(s.instructions);
      expect(s.rewritten!.hits + s.rewritten!.misses).toBeLessThanOrEqual(cache.lookups);
    }
    if (technique === 'trap') expect(s.inCache).toEqual({});
  });
});

const few = cases.filter(
  ({ name, technique }) => name !== 'preempt' && ['native', 'trap', 'bt'].includes(technique),
);
test.each(few)(
  '$name under $technique: where nothing is linked every block is looked up',
  { timeout: 120_000 },
  async ({ name, technique }) => {
    const { machine } = await runGuest(findGuest(name), technique, {
      until: name === 'hello' ? UNTIL.hello : undefined,
      instructions: slow ? 100_000 : 1e6,
      machine: { chaining: false },
    });
    const { blocks, cache } = machine.statistics();
    expect(cache.links).toBe(0);
    expect(cache.chained).toBe(0);
    expect(blocks).toBe(cache.lookups - cache.fetchFaults);
  },
);

test('a block that is not kept and changes itself is no invalidation', async () => {
  const { image } = await buildGuest(
    'itself',
    () => `
.long 0x1badb002
.long 0
.long 0xe4524ffe
_start:
  mov $20, %ecx
itself:
  movb $0xc6, itself
  loop itself
  cli
  hlt
`,
  );
  const machine = await createMachine({ memory: 2 << 20, engine, technique: 'native' });
  machine.load({ name: 'itself', kernel: image });
  while (machine.outcome === undefined) machine.advance(1);
  const { cache, instructions } = machine.statistics();
  expect(instructions).toBe(43);
  expect(cache.passing).toBeGreaterThan(40);
  expect(cache.misses).toBe(cache.translations + cache.passing + cache.fetchFaults);
  expect(cache.translations).toBe(cache.live + cache.evictions + cache.invalidations + cache.flushed);
});

test('an exception that a rewritten instruction finds is no trap, not even one in the new task', async () => {
  const [bare, rewritten] = await Promise.all(
    (['native', 'bt'] as const).map(async (technique) => {
      const { machine } = await runGuest(findGuest('tasks'), technique);
      return machine.statistics().traps;
    }),
  );
  const found = ['#TS', '#NP', '#SS', '#GP'];
  expect(found.filter((name) => bare![name] === undefined)).toEqual([]);
  expect(found.filter((name) => rewritten![name] !== undefined)).toEqual([]);
});
