/** Figures as the benchmarks print them. */
import { expect, test } from 'vitest';
import { mediansOf, show } from '../../bench/figures.ts';

test('decimals are cut, nothing is a dash, and zero has no sign', () => {
  expect([1.2345, -1.2345, -0.004, 0, null].map((value) => show(value, 2))).toEqual([
    '1.23',
    '-1.23',
    '0.00',
    '0.00',
    '-',
  ]);
});

test('one round has no median', () => {
  expect([1, 3].map(mediansOf)).toEqual(['one round', 'medians of 3 rounds']);
});
