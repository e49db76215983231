/** The cost model: every happening is priced once, by data files that are what they say. */
import { expect, test } from 'vitest';
import {
  CostError,
  type Costs,
  costEvents,
  costedEvents,
  knownCosts,
  modelledCycles,
  parseCosts,
} from '../../src/laboratory/costs.ts';
import { runGuestFor } from './experiments.ts';

const costs: Costs = {
  name: 'ones',
  processor: 'a processor of round numbers',
  megahertz: 1,
  events: Object.fromEntries(
    Object.keys(costEvents).map((event) => [event, { cycles: 1, source: 'chosen' }]),
  ),
};

test.each(Object.entries(knownCosts))('the costs of %s are in order, and have sources', (name, known) => {
  expect(parseCosts(JSON.stringify(known))).toEqual(known);
  expect(known.name).toBe(name);
  for (const { source } of Object.values(known.events))
    expect(source).toMatch(
      /^(estimate: .|as the form above|(derived from )?(Adams|Agesen).*(nanobenchmark|table|RDTSC|divzero|pgfault|syscall|call\/ret))/,
    );
});

test("Adams and Agesen's figures", () => {
  const { events } = knownCosts['pentium-4'];
  const ways = [events['emulated trap'], events.callout, events['in cache:rdtsc']];
  expect(ways.map(({ cycles }) => cycles)).toEqual([2030, 1254, 216]);
  const exits = Object.values(knownCosts).map(({ events: { exit } }) => exit.cycles);
  expect(exits).toEqual([3963, 1579, 1266, 1009, 761, 784]);
});

test.each(['native', 'trap', 'bt', 'hw'])('the parts of %s sum up to the total', async (technique) => {
  const { statistics } = await runGuestFor('sensitive/pushf', technique);
  const events = costedEvents(statistics!);
  const { total, instructions, parts, unpriced } = modelledCycles(statistics!, costs);
  expect(unpriced).toEqual([]);
  expect(total).toBe(events.reduce((sum, { count }) => sum + count, 0));
  expect(total).toBe(parts.reduce((sum, { cycles }) => sum + cycles, 0));
  expect(instructions).toBe(statistics!.instructions);
  expect(parts.map(({ cycles }) => cycles)).toEqual(parts.map(({ cycles }) => cycles).sort((a, b) => b - a));
});

test('a detail has its own price where there is one, and an event without one is named', async () => {
  const { statistics } = await runGuestFor('sensitive/pushf', 'bt');
  const { instruction, callout } = costs.events;
  const few = {
    ...costs,
    events: { instruction: instruction!, callout: callout!, 'callout:lgdt': { cycles: 7, source: '' } },
  };
  const { parts, unpriced } = modelledCycles(statistics!, few);
  expect(parts.find(({ event }) => event === 'callout:lgdt')).toEqual({
    event: 'callout:lgdt',
    count: statistics!.callouts.lgdt,
    cycles: 7 * statistics!.callouts.lgdt!,
  });
  expect(unpriced).toContainEqual({
    event: 'hidden page fault',
    count: statistics!.monitor!.hiddenPageFaults,
  });
});

const good = { name: 'n', processor: 'p', megahertz: 1, events: { instruction: { cycles: 1, source: 's' } } };
const withEvent = (name: string, cost: unknown) => ({ ...good, events: { ...good.events, [name]: cost } });
test.each([
  ['{', 'is not JSON'],
  ['[]', 'must be an object'],
  [{ ...good, name: 1 }, 'name must be a text'],
  [{ ...good, megahertz: 0 }, 'megahertz must be a positive number'],
  [{ ...good, events: [] }, 'events must be an object'],
  [{ ...good, events: {} }, '"instruction" must have a cost'],
  [withEvent('coffee', { cycles: 1, source: '' }), 'there is no event "coffee": there are instruction, '],
  [withEvent('toString', { cycles: 1, source: '' }), 'there is no event "toString"'],
  [withEvent('instruction:add', { cycles: 1, source: '' }), 'instruction has one cost only'],
  [withEvent('callout:dance', { cycles: 1, source: '' }), 'there is no callout of that name'],
  [withEvent('callout', { cycles: 'many', source: '' }), 'the cycles of "callout" must be a number'],
  [withEvent('callout', { cycles: -1, source: '' }), 'the cycles of "callout" must be a number'],
  [withEvent('callout', 12), 'the cycles of "callout" must be a number'],
  [withEvent('callout', { cycles: 1 }), 'the source of "callout" must be a text'],
])('costs %j are refused', (file, message) => {
  const text = typeof file === 'string' ? file : JSON.stringify(file);
  expect(() => parseCosts(text)).toThrow(CostError);
  expect(() => parseCosts(text)).toThrow(message);
});
