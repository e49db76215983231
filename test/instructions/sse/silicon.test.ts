/**
 * What a processor did, exceptions masked and unmasked. A line of silicon.txt.gz: mnemonic, destination and source
 * operand (words, the lowest first), predicate, MXCSR before, result (of COMISS its status flags) or `#XM`, MXCSR
 * after.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { computations } from '../../../src/instructions/sse/computations.ts';
import { Vector } from '../../../src/x86/exceptions.ts';
import { ComputationBench, hex } from './bench.ts';

const lines = gunzipSync(readFileSync(new URL('silicon.txt.gz', import.meta.url)))
  .toString()
  .trim()
  .split('\n');

const wordsOf = (text: string): number[] => text.split(',').map((word) => parseInt(word, 16));
const bench = new ComputationBench();

/** Computations whose bits differ between processors. */
const MODEL_SPECIFIC = /^r/;

describe('silicon', () => {
  const names = computations.map(({ name }) => name).filter((name) => !MODEL_SPECIFIC.test(name));

  test.each(names)('%s', (name) => {
    const cases = lines.filter((line) => line.startsWith(`${name} `));
    expect(cases.length).toBeGreaterThan(0);
    for (const line of cases) {
      const [, first, second, predicate, before, result, after] = line.split(' ');
      const mxcsr = parseInt(before, 16);
      const outcome = bench.run(name, {
        first: wordsOf(first),
        second: wordsOf(second),
        predicate: Number(predicate),
        mxcsr,
      });
      const got =
        outcome.vector === Vector.XM
          ? '#XM'
          : outcome.result.slice(0, result.split(',').length).map(hex).join(',');
      expect(`${got} ${outcome.mxcsr.toString(16)}`, line).toBe(`${result} ${after}`);
    }
  });
});
