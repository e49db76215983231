/** Rules of the manual, one by one. */
import { describe, expect, test } from 'vitest';
import { computationNumber } from '../../../src/instructions/sse/computations.ts';
import { Vector } from '../../../src/x86/exceptions.ts';
import { FpuStatus, MXCSR_INITIAL, Mxcsr } from '../../../src/x86/fpu.ts';
import { ComputationBench } from './bench.ts';

const { IE, DE, ZE, OE, UE, PE } = FpuStatus;
const bench = new ComputationBench();
const unmask = (flags: number): number => MXCSR_INITIAL & ~(flags << Mxcsr.MASKS_SHIFT);
const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);
const bitsOf = (value: number): number => {
  single[0] = value;
  return singleBits[0];
};
const numberOf = (bits: number): number => {
  singleBits[0] = bits;
  return single[0];
};

const ONE = bitsOf(1);
const INFINITY = 0x7f800000;
const QUIET = 0x7fc00111;
const SIGNALING = 0x7f800222;
const INDEFINITE = 0xffc00000 | 0;
const GREATEST = 0x7f7fffff;
const LEAST_NORMAL = 0x00800000;

/** Runs on the lowest lane. */
const scalar = (name: string, first: number, second: number, mxcsr = MXCSR_INITIAL, predicate = 0) => {
  const {
    vector,
    result,
    mxcsr: after,
  } = bench.run(name, { first: [first], second: [second], mxcsr, predicate });
  return { vector, bits: result[0], flags: after & 0x3f };
};

describe('NaNs (SDM vol. 1, table 4-7)', () => {
  test('the first operand survives, whatever the kind of the second', () => {
    expect(scalar('addss', QUIET, SIGNALING)).toEqual({ vector: 0, bits: QUIET, flags: IE });
    expect(scalar('addss', SIGNALING, QUIET)).toEqual({ vector: 0, bits: 0x7fc00222, flags: IE });
    expect(scalar('addss', ONE, QUIET)).toEqual({ vector: 0, bits: QUIET, flags: 0 });
  });
  test('a conversion keeps as much of the payload as it can', () => {
    const wide = bench.run('cvtss2sd', { second: [0xffbfffff], mxcsr: MXCSR_INITIAL });
    expect(wide.result.slice(0, 2)).toEqual([0xe0000000 | 0, 0xffffffff | 0]);
    expect(wide.mxcsr & 0x3f).toBe(IE);
    const narrow = bench.run('cvtsd2ss', { second: [0x20000000, 0x7ff80001], mxcsr: MXCSR_INITIAL });
    expect(narrow.result[0]).toBe(0x7fc00009);
    expect(narrow.mxcsr & 0x3f).toBe(0);
  });
  test('an invalid operation gives the indefinite', () => {
    expect(scalar('subss', INFINITY, INFINITY)).toEqual({ vector: 0, bits: INDEFINITE, flags: IE });
    expect(scalar('mulss', 0, INFINITY)).toEqual({ vector: 0, bits: INDEFINITE, flags: IE });
    expect(scalar('sqrtss', 0, bitsOf(-1))).toEqual({ vector: 0, bits: INDEFINITE, flags: IE });
    expect(scalar('divss', 0, 0)).toEqual({ vector: 0, bits: INDEFINITE, flags: IE });
  });
});

describe('MINSS and MAXSS', () => {
  test('return the second operand of two zeros and of a NaN and a number, unchanged', () => {
    const minusZero = 1 << 31;
    expect(scalar('minss', minusZero, 0)).toEqual({ vector: 0, bits: 0, flags: 0 });
    expect(scalar('maxss', 0, minusZero)).toEqual({ vector: 0, bits: minusZero, flags: 0 });
    expect(scalar('minss', QUIET, ONE)).toEqual({ vector: 0, bits: ONE, flags: IE });
    expect(scalar('maxss', ONE, SIGNALING)).toEqual({ vector: 0, bits: SIGNALING, flags: IE });
  });
});

describe('comparisons', () => {
  test('only ordering predicates report a quiet NaN', () => {
    const flags = [0, 1, 2, 3, 4, 5, 6, 7].map(
      (predicate) => scalar('cmpss', ONE, QUIET, MXCSR_INITIAL, predicate).flags,
    );
    expect(flags).toEqual([0, IE, IE, 0, 0, IE, IE, 0]);
    expect(scalar('ucomiss', ONE, QUIET)).toEqual({ vector: 0, bits: 0x45, flags: 0 });
    expect(scalar('comiss', ONE, QUIET)).toEqual({ vector: 0, bits: 0x45, flags: IE });
  });
});

describe('MXCSR', () => {
  test('flush-to-zero acts only while underflow is masked', () => {
    const half = bitsOf(0.5);
    const flush = MXCSR_INITIAL | Mxcsr.FTZ;
    expect(scalar('mulss', LEAST_NORMAL, half)).toEqual({ vector: 0, bits: 0x400000, flags: 0 });
    expect(scalar('mulss', LEAST_NORMAL, half, flush)).toEqual({ vector: 0, bits: 0, flags: UE | PE });
    const unmasked = scalar('mulss', LEAST_NORMAL, half, unmask(UE) | Mxcsr.FTZ);
    expect(unmasked).toMatchObject({ vector: Vector.XM, flags: UE });
  });
  test('denormals-are-zeros hides denormals', () => {
    expect(scalar('divss', ONE, 1).flags).toBe(DE | OE | PE);
    expect(scalar('divss', ONE, 1, MXCSR_INITIAL | Mxcsr.DAZ).flags).toBe(ZE);
  });
  test('tininess is detected after rounding to an unbounded exponent', () => {
    const half = bitsOf(0.5);
    const nearlyOne = 0x3f7ffffe;
    expect(scalar('mulss', 0x00ffffff, half)).toEqual({ vector: 0, bits: LEAST_NORMAL, flags: UE | PE });
    expect(scalar('mulss', 0x00800001, nearlyOne)).toEqual({ vector: 0, bits: LEAST_NORMAL, flags: PE });
  });
  test('overflow follows the rounding mode', () => {
    const results = [0, 1, 2, 3].map(
      (mode) => scalar('addss', GREATEST, GREATEST, MXCSR_INITIAL | (mode << Mxcsr.ROUNDING_SHIFT)).bits,
    );
    expect(results).toEqual([INFINITY, GREATEST, INFINITY, GREATEST]);
  });
});

describe('exceptions of several lanes (SDM vol. 1, section 11.5.3)', () => {
  // Lane 0 overflows, lane 1 divides by zero.
  const operands = { first: [GREATEST, ONE, ONE, ONE], second: [LEAST_NORMAL, 0, ONE, ONE] };

  test('all flags are set when all are masked', () => {
    expect(bench.run('divps', { ...operands, mxcsr: MXCSR_INITIAL }).mxcsr & 0x3f).toBe(ZE | OE | PE);
  });
  test('an unmasked one before computing hides those after', () => {
    const { vector, mxcsr } = bench.run('divps', { ...operands, mxcsr: unmask(ZE | OE) });
    expect([vector, mxcsr & 0x3f]).toEqual([Vector.XM, ZE]);
  });
  test('an unmasked one after computing hides none before', () => {
    const { vector, mxcsr } = bench.run('divps', { ...operands, mxcsr: unmask(OE) });
    expect([vector, mxcsr & 0x3f]).toEqual([Vector.XM, ZE | OE]);
  });
  test('flags already set do not raise', () => {
    expect(scalar('addss', ONE, ONE, unmask(IE) | IE).vector).toBe(0);
  });
});

describe('approximations', () => {
  test('are within 1.5 * 2^-12', () => {
    for (let bits = LEAST_NORMAL; bits < 0x7e000000; bits += 0x123457) {
      const value = numberOf(bits);
      expect(Math.abs(numberOf(scalar('rcpss', 0, bits).bits) * value - 1)).toBeLessThanOrEqual(
        1.5 * 2 ** -12,
      );
      const root = numberOf(scalar('rsqrtss', 0, bits).bits);
      expect(Math.abs(root * Math.sqrt(value) - 1)).toBeLessThanOrEqual(1.5 * 2 ** -12);
    }
  });
  test('report nothing and treat denormals as zeros', () => {
    const all = unmask(IE | DE | ZE | OE | UE | PE);
    expect(scalar('rcpss', 0, 0x80000001, all)).toEqual({ vector: 0, bits: 0xff800000 | 0, flags: 0 });
    expect(scalar('rsqrtss', 0, 0x80000001, all)).toEqual({ vector: 0, bits: 0xff800000 | 0, flags: 0 });
    expect(scalar('rsqrtss', 0, bitsOf(-1), all)).toEqual({ vector: 0, bits: INDEFINITE, flags: 0 });
    expect(scalar('rcpss', 0, SIGNALING, all)).toEqual({ vector: 0, bits: 0x7fc00222, flags: 0 });
    expect(scalar('rcpss', 0, GREATEST, all)).toEqual({ vector: 0, bits: 0, flags: 0 });
  });
});

test('an unknown computation has no number', () => {
  expect(() => computationNumber('addqq')).toThrow(RangeError);
});
