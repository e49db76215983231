/** The cost files that come with Ringdown. */
import { describe, expect, test } from 'vitest';
import { knownCosts, parseCosts } from '../../src/laboratory/costs.ts';

describe.each(Object.entries(knownCosts))('%s', (name, costs) => {
  test('is a valid cost file of its own name, each cost with a source', () => {
    expect(parseCosts(JSON.stringify(costs))).toEqual(costs);
    expect(costs.name).toBe(name);
    for (const { source } of Object.values(costs.events)) expect(source.length).toBeGreaterThan(10);
  });
});
