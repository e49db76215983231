import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RangeSet } from '../../src/loader/ranges.ts';

const LIMIT = 48;
const steps = fc.array(
  fc.record({
    add: fc.boolean(),
    start: fc.integer({ min: 0, max: LIMIT }),
    size: fc.integer({ min: 0, max: 12 }),
  }),
  { maxLength: 12 },
);

/** Applies the steps to a range set and to a plain list of booleans. */
const build = (list: { add: boolean; start: number; size: number }[]) => {
  const set = new RangeSet();
  const model = new Array<boolean>(LIMIT + 12).fill(false);
  for (const { add, start, size } of list) {
    if (add) set.add(start, start + size);
    else set.remove(start, start + size);
    model.fill(add, start, start + size);
  }
  const holds = (start: number, end: number) => model.slice(start, end).every(Boolean) && end <= model.length;
  return { set, holds, model };
};

it('agrees with a list of single addresses', () => {
  fc.assert(
    fc.property(
      steps,
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom(1, 2, 4),
      fc.integer({ min: 0, max: LIMIT }),
      fc.integer({ min: 0, max: LIMIT }),
      (list, size, alignment, from, to) => {
        const { set, holds, model } = build(list);
        const all = model.map((_, i) => i);
        const places = all.filter((i) => i % alignment === 0 && i >= from && holds(i, i + size));
        expect(set.lowest(size, alignment, from)).toBe(places[0]);
        expect(set.highest(size, alignment, from, to)).toBe(places.filter((i) => i + size <= to).at(-1));
        expect(set.contains(from, from + size)).toBe(holds(from, from + size));
        const hole = model.indexOf(false, from);
        expect(set.endOf(from)).toBe(hole);
        const sizes = all
          .filter((i) => i % alignment === 0 && i >= from)
          .map((i) => Math.min(model.indexOf(false, i), to) - i);
        expect(set.largest(alignment, from, to)).toBe(Math.max(0, ...sizes));
      },
    ),
  );
});

it('copies by value', () => {
  const set = new RangeSet();
  set.add(0, 10);
  const copy = set.copy();
  copy.remove(2, 3);
  expect(set.contains(0, 10)).toBe(true);
  expect(copy.contains(0, 10)).toBe(false);
});
