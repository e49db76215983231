import { describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { formatCase, parseCase } from './case.ts';
import { cases } from './cases.ts';
import { Contest, pairName } from './contest.ts';
import { randomCase } from './generate.ts';
import { minimise } from './minimise.ts';

const decoder = await createDecoder();
const contest = new Contest(decoder);

describe('cases that were found once', () => {
  test.each(cases)('$name', ({ text }) => {
    const found = contest.check(parseCase(text));
    expect(found && `${pairName(found.pair)}: ${found.difference}`).toBeUndefined();
  });
});

describe('the fuzzer itself', () => {
  test('makes the same case of the same seed, and reads what it writes', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const c = randomCase(seed, decoder);
      expect(randomCase(seed, decoder)).toEqual(c);
      expect(formatCase(parseCase(formatCase(c)))).toEqual(formatCase(c));
    }
  });

  test('refuses what is no case', () => {
    for (const text of ['mode', 'mode=x', 'code=1', 'cpl=x', 'xyz=1'])
      expect(() => parseCase(text)).toThrow();
  });

  test('makes a case as small as it can be', () => {
    const big = randomCase(7, decoder, { length: 20 });
    const wanted = big.code[3]!;
    const small = minimise(big, (c) => c.budget > 3 && c.code.some((bytes) => bytes === wanted));
    expect(small.code).toEqual([wanted]);
    expect(small.budget).toBe(4);
    expect(small.registers).toEqual({});
    expect(small.memory).toEqual([]);
  });
});
