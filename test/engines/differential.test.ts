/**
 * Random programs in random states leave the same whichever way they run: a short run of the fuzzer (test/fuzz),
 * with each engine in turn as the one that others are compared with. `npm run fuzz` does this at length.
 */
import { describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { modes } from '../fuzz/case.ts';
import { asTest, Session } from '../fuzz/session.ts';
import { engine } from './support.ts';

const CASES = 40;

const decoder = await createDecoder();
const session = new Session(decoder, engine === 'core' ? {} : { engines: ['reference'] });

describe('random cases', () => {
  test.each(modes)('%s', (mode) => {
    const found: string[] = [];
    for (let seed = 1; seed <= CASES; seed++) {
      const wrong = session.play(seed, mode);
      if (wrong) found.push(asTest(wrong));
    }
    expect(found).toEqual([]);
  });

  test('execute instructions, and touch nothing but guest RAM', () => {
    expect(session.tally.executed).toBeGreaterThan(100 * CASES);
    expect(session.audit()).toBeUndefined();
  });
});
