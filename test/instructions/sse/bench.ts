/** Runs a single computation. */
import { computationNumber, computations } from '../../../src/instructions/sse/computations.ts';
import { SimdUnit } from '../../../src/instructions/sse/unit.ts';
import { Fpu, SseScratch } from '../../../src/x86/fpu.ts';

export const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');

/** Operands, four words each; missing words are zero. */
export interface Request {
  readonly first?: readonly number[];
  readonly second?: readonly number[];
  readonly predicate?: number;
  readonly mxcsr: number;
}

export interface Outcome {
  readonly vector: number;
  readonly result: number[];
  readonly mxcsr: number;
}

export class ComputationBench {
  readonly #unit = new SimdUnit(new ArrayBuffer(0x1000));

  run(name: string, { first = [], second = [], predicate = 0, mxcsr }: Request): Outcome {
    const { words } = this.#unit;
    for (let i = 0; i < 4; i++) {
      words[(SseScratch.FIRST >> 2) + i] = first[i] ?? 0;
      words[(SseScratch.SECOND >> 2) + i] = second[i] ?? 0;
    }
    words[SseScratch.PREDICATE >> 2] = predicate;
    words[Fpu.MXCSR >> 2] = mxcsr;
    const vector = computations[computationNumber(name)].run(this.#unit);
    const result = SseScratch.RESULT >> 2;
    return { vector, result: Array.from(words.subarray(result, result + 4)), mxcsr: words[Fpu.MXCSR >> 2] };
  }
}
