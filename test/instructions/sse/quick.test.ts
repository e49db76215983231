/** The fast paths claim a result only where the exact computation gives the same and leaves MXCSR alone. */
import { describe, expect, test } from 'vitest';
import { RecordOffset } from '../../../src/instructions/record.ts';
import { computations } from '../../../src/instructions/sse/computations.ts';
import { quickComputations } from '../../../src/instructions/sse/quick.ts';
import { SimdUnit } from '../../../src/instructions/sse/unit.ts';
import type { EngineHost } from '../../../src/interpreter/engine.ts';
import { ReferenceVectorBuilder } from '../../../src/interpreter/reference-vector-builder.ts';
import { PhysicalMemory } from '../../../src/memory/physical.ts';
import { Fpu, SseScratch } from '../../../src/x86/fpu.ts';

const memory = new PhysicalMemory(1 << 20, 0, 1 << 20);
const unit = new SimdUnit(memory.memory.buffer);
const builder = new ReferenceVectorBuilder(memory, {} as EngineHost);
builder.record = 0x3000;

/** A reproducible stream of 32-bit numbers. */
const stream = (seed: number) => {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
};

/** Where formats have their edges: exponent 0, 1, of one, near the integers' end, near overflow, all ones. */
const EDGES_32 = [0, 0, 1, 2, 63, 64, 65, 100, 126, 127, 128, 150, 157, 158, 191, 192, 253, 254, 255];
const EDGES_64 = [
  0, 0, 1, 2, 52, 511, 512, 513, 897, 1022, 1023, 1024, 1053, 1054, 1075, 1150, 1535, 2046, 2047,
];
const pick = (from: readonly number[], n: number): number => from[(n >>> 0) % from.length]!;

/** Few bits, so that sums cancel, products are exact and halves are met; or any. */
const fraction = (next: () => number, bits: number): number => {
  const some = next();
  switch ((next() >>> 3) & 3) {
    case 0:
      return 0;
    case 1:
      return (some >>> (32 - 3)) << (bits - 3);
    case 2:
      return some & 1 ? 2 ** bits - 1 : 1;
    default:
      return some >>> (32 - bits);
  }
};
/** Numbers from one to sixteen in eighths of their power of two: what is computed from them is mostly exact. */
const simpleExponent = (next: () => number, one: number): number => one + ((next() >>> 5) & 3);
const writeSingle = (next: () => number, word: number, simple: boolean): void => {
  if (simple) {
    memory.words[word] = (simpleExponent(next, 127) << 23) | ((next() >>> 29) << 20);
    return;
  }
  const exponent = next() & 1 ? pick(EDGES_32, next()) : 110 + ((next() >>> 5) & 31);
  memory.words[word] = (next() & 0x80000000) | (exponent << 23) | fraction(next, 23);
};
const writeDouble = (next: () => number, word: number, simple: boolean): void => {
  if (simple) {
    memory.words[word] = 0;
    memory.words[word + 1] = (simpleExponent(next, 1023) << 20) | ((next() >>> 29) << 17);
    return;
  }
  const exponent = next() & 1 ? pick(EDGES_64, next()) : 1008 + ((next() >>> 5) & 31);
  memory.words[word] = next() & 2 ? 0 : next() & 2 ? -1 : next();
  memory.words[word + 1] = (next() & 0x80000000) | (exponent << 20) | fraction(next, 20);
};
const fill = (next: () => number, name: string, address: number, simple: boolean): void => {
  const source = name.replace(/2(pd|sd)$/, '');
  const kind = /(dq|si|pi)2|cvt(dq|si|pi)$/.test(name)
    ? 'integer'
    : /pd|sd/.test(source)
      ? 'double'
      : 'single';
  for (let i = 0; i < 4; i++) {
    const word = (address >> 2) + i;
    if (kind === 'integer') memory.words[word] = next() >> (next() & 31);
    else if (kind === 'single') writeSingle(next, word, simple);
    else if ((i & 1) === 0) writeDouble(next, word, simple);
  }
};

/** 32-bit words of the result that an instruction gives: scalar ones, comparisons and integers the lowest lane. */
const resultWords = (name: string): number => {
  if (/^u?comis|(add|sub|mul|div|min|max|sqrt|cmp)ss$|2ss$|2si$/.test(name)) return 1;
  return /(add|sub|mul|div|min|max|sqrt|cmp)sd$|2sd$/.test(name) ? 2 : 4;
};

const RUNS = 1000;

describe('what a fast path claims is what the exact computation gives', () => {
  test.each(Object.keys(quickComputations))('%s', (name) => {
    const quick = quickComputations[name]!;
    const computation = computations.find((c) => c.name === name)!;
    const next = stream(name.length * 7919 + name.charCodeAt(name.length - 1));
    const words = (address: number, count: number) => [
      ...memory.words.subarray(address >> 2, (address >> 2) + count),
    ];
    let proven = 0;
    let exact = 0;
    for (let run = 0; run < RUNS; run++) {
      const simple = (next() & 7) === 0;
      fill(next, name, SseScratch.FIRST, simple);
      fill(next, name, SseScratch.SECOND, simple);
      const masks = next() & 3 ? 0x1f80 : next() & 0x1f80;
      const mxcsr = masks | (next() & 1 ? 0x20 : 0) | (next() & 0x804f) | (next() & 3 ? 0 : next() & 0x6000);
      memory.words[Fpu.MXCSR >> 2] = mxcsr;
      memory.words[SseScratch.PREDICATE >> 2] = run & 7;
      memory.words[(builder.record + RecordOffset.IMMEDIATE) >> 2] = run & 7;
      const first = builder.loadAtPacked(builder.constant(SseScratch.FIRST), 16);
      const second = builder.loadAtPacked(builder.constant(SseScratch.SECOND), 16);
      const attempt = quick(builder, first, second);
      const isProven = (attempt.proven as unknown as number) !== 0;
      if (!isProven && (attempt.exact?.() as unknown as number | undefined) !== 1) continue;
      if (isProven) proven++;
      else exact++;
      const operands = [...words(SseScratch.FIRST, 4), ...words(SseScratch.SECOND, 4)];
      expect(computation.run(unit), `vector of ${operands}`).toBe(0);
      const claimed = Array.from(
        { length: resultWords(name) },
        (_, i) => builder.lane32(attempt.result, i as 0) as unknown as number,
      );
      expect(claimed, `${name} of ${operands}`).toEqual(words(SseScratch.RESULT, claimed.length));
      expect(memory.words[Fpu.MXCSR >> 2], `MXCSR of ${operands}`).toBe(mxcsr);
    }
    expect(proven).toBeGreaterThan(RUNS / 100);
    if (/^(add|sub|mul|cvtpd2ps|cvtsd2ss)/.test(name)) expect(exact).toBeGreaterThan(RUNS / 200);
  });
});

describe('the smallest normal number may have been tiny before it was rounded, and is not claimed', () => {
  test.each([
    ['mulss', [0x3f7fffff, 0], [0x00800000, 0]],
    ['mulsd', [-1, 0x3fefffff], [0, 0x00100000]],
    ['divss', [0x00ffffff, 0], [0x40000000, 0]],
    ['cvtsd2ss', [0, 0], [0xe0000000, 0x380fffff]],
  ] as const)('%s', (name, first, second) => {
    memory.words.fill(0, SseScratch.FIRST >> 2, (SseScratch.SECOND >> 2) + 4);
    memory.words.set(first, SseScratch.FIRST >> 2);
    memory.words.set(second, SseScratch.SECOND >> 2);
    memory.words[Fpu.MXCSR >> 2] = 0x1fa0;
    const x = builder.loadAtPacked(SseScratch.FIRST, 16);
    const y = builder.loadAtPacked(SseScratch.SECOND, 16);
    expect(quickComputations[name]!(builder, x, y).proven).toBe(0);
    computations.find((c) => c.name === name)!.run(unit);
    expect(memory.words[Fpu.MXCSR >> 2]).toBe(0x1fb0);
  });
});

test('a sum near the largest numbers is not claimed as exact', () => {
  memory.words.set([0xfe91cd53, 0, 0, 0, 0x7f7fffff, 0, 0, 0], SseScratch.FIRST >> 2);
  memory.words[Fpu.MXCSR >> 2] = 0x1f80;
  const x = builder.loadAtPacked(SseScratch.FIRST, 16);
  const y = builder.loadAtPacked(SseScratch.SECOND, 16);
  expect(quickComputations.addss!(builder, x, y).exact!()).toBe(0);
});

describe('a product is claimed as exact only if its bits have room', () => {
  test.each([
    ['mulss', [0x3f800800, 0], 0],
    ['mulss', [0x3f801000, 0], 1],
    ['mulsd', [0x04000000, 0x3ff80000], 0],
    ['mulsd', [0x08000000, 0x3ff80000], 1],
  ] as const)('%s of %s with itself: %s', (name, operand, claimed) => {
    memory.words.fill(0, SseScratch.FIRST >> 2, (SseScratch.SECOND >> 2) + 4);
    memory.words.set(operand, SseScratch.FIRST >> 2);
    memory.words.set(operand, SseScratch.SECOND >> 2);
    memory.words[Fpu.MXCSR >> 2] = 0x1f80;
    const x = builder.loadAtPacked(SseScratch.FIRST, 16);
    expect(quickComputations[name]!(builder, x, x).exact!()).toBe(claimed);
    computations.find((c) => c.name === name)!.run(unit);
    expect(memory.words[Fpu.MXCSR >> 2]).toBe(claimed ? 0x1f80 : 0x1fa0);
  });
});
