/** Addition, multiplication and division of ordinary numbers, rounded to nearest with 64 bits. */
import { FpuStatus } from '../../../x86/fpu.ts';
import type { Builder, Value, Wide } from '../../builder.ts';
import type { InstructionSpec } from '../../spec.ts';
import {
  address,
  changeStack,
  holds,
  isOrdinary,
  leave,
  memoryForm,
  note,
  operandIndex,
  readStack,
  registerForm,
  type Stack,
} from './entry.ts';
import {
  isExponent,
  isNormalOrZero,
  isZero,
  isZeroWide,
  type Load,
  leadingZeros,
  loads,
  type Number80,
  readRegister,
  shiftLeft,
  shiftRight,
  writeRegister,
} from './number.ts';

/** A result before it is delivered. */
export interface Outcome {
  readonly number: Number80;
  /** Whether it is normal or zero, so that nothing but precision was lost. */
  readonly ordinary: Value;
  readonly inexact: Value;
  readonly up: Value;
}
type Operation = (b: Builder, x: Number80, y: Number80) => Outcome;

const BIAS = 16383;

/**
 * Rounds a significand of 128 bits to its upper half. @param high its integer bit is set, unless all is zero
 * @param exponent biased, of the integer bit @param zero whether the result is zero
 */
const deliver = (b: Builder, high: Wide, low: Wide, exponent: Value, sign: Value, zero: Value): Outcome => {
  const half = b.shrU(b.high(low), 31);
  const rest = b.eqz(isZeroWide(b, shiftLeft(b, low, 1)));
  const up = b.and(half, b.or(rest, b.and(b.narrow(high), 1)));
  return finish(b, high, up, b.or(half, rest), exponent, sign, zero);
};
/** @param significand rounded up when `up` is 1 */
export const finish = (
  b: Builder,
  significand: Wide,
  up: Value,
  inexact: Value,
  exponent: Value,
  sign: Value,
  zero: Value,
): Outcome => {
  const sum = b.wideAdd(significand, b.widen(up, false));
  const carried = b.and(up, isZeroWide(b, sum));
  const biased = b.add(exponent, carried);
  return {
    number: {
      significand: b.wideOr(sum, shiftLeft(b, b.widen(carried, false), 63)),
      exponent: b.select(zero, 0, biased),
      sign,
    },
    ordinary: b.or(zero, isExponent(b, biased)),
    inexact,
    up,
  };
};

const add: Operation = (b, a, c) => {
  const lower = b.ltU(a.exponent, c.exponent);
  const same = b.eq(a.exponent, c.exponent);
  const swap = b.or(lower, b.and(same, b.wideLtU(a.significand, c.significand)));
  const pick = (p: Number80, q: Number80): Number80 => ({
    significand: b.wideSelect(swap, q.significand, p.significand),
    exponent: b.select(swap, q.exponent, p.exponent),
    sign: b.select(swap, q.sign, p.sign),
  });
  const x = pick(a, c);
  const y = pick(c, a);
  const subtract = b.xor(x.sign, y.sign);
  // The smaller one in 128 bits; a zero need not be aligned.
  const distance = b.select(isZero(b, y), 0, b.sub(x.exponent, y.exponent));
  const near = b.ltU(distance, 64);
  const alignedHigh = shiftRight(b, y.significand, distance);
  const alignedLow = shiftLeft(b, shiftLeft(b, y.significand, 1), b.sub(63, distance));
  // Added or subtracted, as its two's complement.
  const one = b.widen(subtract, false);
  const inverted = b.widen(b.sub(0, subtract), true);
  const borrowed = b.widen(b.and(subtract, isZeroWide(b, alignedLow)), false);
  const low = b.wideAdd(b.wideXor(alignedLow, inverted), one);
  const high = b.wideAdd(x.significand, b.wideAdd(b.wideXor(alignedHigh, inverted), borrowed));
  const carry = b.and(b.eqz(subtract), b.wideLtU(high, x.significand));
  const c64 = b.widen(carry, false);
  const carriedLow = b.wideOr(
    b.wideOr(b.wideShrU(low, c64), b.wideAnd(low, c64)),
    shiftLeft(b, b.wideAnd(high, c64), 63),
  );
  const carriedHigh = b.wideOr(b.wideShrU(high, c64), shiftLeft(b, c64, 63));
  // Normalised. Only a subtraction leaves leading zeros.
  const count = b.and(leadingZeros(b, carriedHigh), 63);
  const normalHigh = b.wideOr(
    shiftLeft(b, carriedHigh, count),
    shiftRight(b, shiftRight(b, carriedLow, 1), b.sub(63, count)),
  );
  const normalLow = shiftLeft(b, carriedLow, count);
  const nothing = isZeroWide(b, carriedHigh);
  const zero = b.and(nothing, isZeroWide(b, carriedLow));
  const sign = b.select(b.and(zero, subtract), 0, x.sign);
  const exponent = b.sub(b.add(x.exponent, carry), count);
  const outcome = deliver(b, normalHigh, normalLow, exponent, sign, zero);
  const ordinary = b.and(b.and(outcome.ordinary, near), b.or(zero, b.eqz(nothing)));
  return { ...outcome, ordinary };
};

const negated = (b: Builder, x: Number80): Number80 => ({ ...x, sign: b.xor(x.sign, 1) });
const subtract: Operation = (b, x, y) => add(b, x, negated(b, y));

const multiply: Operation = (b, x, y) => {
  const mask = b.wideConstant(0xffffffffn);
  const half = b.wideConstant(32n);
  const [xl, yl] = [b.wideAnd(x.significand, mask), b.wideAnd(y.significand, mask)];
  const [xh, yh] = [b.wideShrU(x.significand, half), b.wideShrU(y.significand, half)];
  const bottom = b.wideMul(xl, yl);
  const [left, right] = [b.wideMul(xl, yh), b.wideMul(xh, yl)];
  const middle = b.wideAdd(
    b.wideShrU(bottom, half),
    b.wideAdd(b.wideAnd(left, mask), b.wideAnd(right, mask)),
  );
  const low = b.wideOr(b.wideShl(middle, half), b.wideAnd(bottom, mask));
  const high = b.wideAdd(
    b.wideAdd(b.wideMul(xh, yh), b.wideShrU(middle, half)),
    b.wideAdd(b.wideShrU(left, half), b.wideShrU(right, half)),
  );
  const zero = b.or(isZero(b, x), isZero(b, y));
  const short = b.sub(1, b.shrU(b.high(high), 31));
  const normalHigh = b.wideOr(
    shiftLeft(b, high, short),
    shiftRight(b, shiftRight(b, low, 1), b.sub(63, short)),
  );
  const exponent = b.sub(b.add(x.exponent, y.exponent), b.add(short, BIAS - 1));
  const sign = b.xor(x.sign, y.sign);
  return deliver(b, normalHigh, shiftLeft(b, low, short), exponent, sign, zero);
};

/**
 * One 32-bit digit of a quotient (Knuth, The Art of Computer Programming, vol. 2, section 4.3.1, step D3).
 * @param high what is left of the dividend @param next its next digit @param upper,lower digits of the divisor
 */
const digit = (b: Builder, high: Wide, next: Wide, upper: Wide, lower: Wide): Wide => {
  let quotient = b.wideDivU(high, upper);
  let remainder = b.wideSub(high, b.wideMul(quotient, upper));
  for (let correction = 0; correction < 2; correction++) {
    const bound = b.wideOr(shiftLeft(b, remainder, 32), next);
    const excess = b.or(b.ne(b.high(quotient), 0), b.wideLtU(bound, b.wideMul(quotient, lower)));
    const wrong = b.and(excess, b.eqz(b.high(remainder)));
    quotient = b.wideSub(quotient, b.widen(wrong, false));
    remainder = b.wideAdd(remainder, b.wideSelect(wrong, upper, b.wideConstant(0n)));
  }
  return quotient;
};

const divide: Operation = (b, x, y) => {
  const mask = b.wideConstant(0xffffffffn);
  const byZero = isZero(b, y);
  // The dividend, in 128 bits, such that the quotient has 64.
  const less = b.wideLtU(x.significand, y.significand);
  const shift = b.sub(1, less);
  const high = shiftRight(b, x.significand, shift);
  const low = shiftLeft(b, b.wideAnd(x.significand, b.widen(shift, false)), 63);
  const upper = b.wideOr(shiftRight(b, y.significand, 32), b.widen(byZero, false));
  const lower = b.wideAnd(y.significand, mask);
  const append = (w: Wide, next: Wide) => b.wideOr(shiftLeft(b, w, 32), next);
  const first = shiftRight(b, low, 32);
  const quotientHigh = digit(b, high, first, upper, lower);
  const between = b.wideSub(append(high, first), b.wideMul(quotientHigh, y.significand));
  const second = b.wideAnd(low, mask);
  const quotientLow = digit(b, between, second, upper, lower);
  const rest = b.wideSub(append(between, second), b.wideMul(quotientLow, y.significand));
  const quotient = append(quotientHigh, quotientLow);
  const missing = b.wideSub(y.significand, rest);
  const tie = b.and(b.wideEq(rest, missing), b.and(b.narrow(quotient), 1));
  const up = b.or(b.wideLtU(missing, rest), tie);
  const exponent = b.sub(b.add(b.sub(x.exponent, y.exponent), BIAS), less);
  const sign = b.xor(x.sign, y.sign);
  const zero = isZero(b, x);
  const outcome = finish(
    b,
    quotient,
    b.and(up, b.eqz(zero)),
    b.eqz(isZeroWide(b, rest)),
    exponent,
    sign,
    zero,
  );
  return { ...outcome, ordinary: b.and(outcome.ordinary, b.eqz(byZero)) };
};

const reversed =
  (operation: Operation): Operation =>
  (b, x, y) =>
    operation(b, y, x);

/** Delivers an outcome to ST(destination), or leaves when it is not ordinary. */
export const conclude = (
  b: Builder,
  stack: Stack,
  outcome: Outcome,
  destination: Value,
  pops: boolean,
  offset?: Value,
): void =>
  b.if(
    outcome.ordinary,
    () => {
      note(b, offset);
      writeRegister(b, address(b, stack, destination), outcome.number);
      const precision = b.or(
        b.shl(outcome.inexact, Math.log2(FpuStatus.PE)),
        b.shl(outcome.up, Math.log2(FpuStatus.C1)),
      );
      changeStack(b, stack, { push: pops ? -1 : 0, bits: precision });
    },
    () => leave(b),
  );

/** ST(destination) = ST(destination) op ST(source), one of them the top. */
const withRegister = (name: string, operation: Operation, toTop: boolean, pops: boolean): InstructionSpec =>
  registerForm(name, (b) => {
    const stack = readStack(b);
    const other = operandIndex(b);
    const ready = b.and(isOrdinary(b), b.and(holds(b, stack, 0), holds(b, stack, other)));
    const top = readRegister(b, address(b, stack, 0));
    const second = readRegister(b, address(b, stack, other));
    b.if(
      b.and(ready, b.and(isNormalOrZero(b, top), isNormalOrZero(b, second))),
      () => {
        const outcome = toTop ? operation(b, top, second) : operation(b, second, top);
        conclude(b, stack, outcome, toTop ? b.constant(0) : other, pops);
      },
      () => leave(b),
    );
  });

/** ST(0) = ST(0) op memory. */
const withMemory = (name: string, operation: Operation, load: Load): InstructionSpec =>
  memoryForm(name, (b) => {
    const stack = readStack(b);
    const size = name.endsWith('m32') ? 4 : 8;
    b.if(
      b.and(isOrdinary(b), holds(b, stack, 0)),
      () => {
        const operand = load(b, b.operandLinear(size, 'read'));
        const top = readRegister(b, address(b, stack, 0));
        b.if(
          b.and(operand.finite, isNormalOrZero(b, top)),
          () =>
            conclude(b, stack, operation(b, top, operand.number), b.constant(0), false, b.effectiveAddress()),
          () => leave(b),
        );
      },
      () => leave(b),
    );
  });

const forms = (name: string, operation: Operation): InstructionSpec[] => [
  withRegister(`f${name}`, operation, true, false),
  withRegister(`f${name} st(i)`, operation, false, false),
  withRegister(`f${name}p`, operation, false, true),
  withMemory(`f${name} m32`, operation, loads.m32),
  withMemory(`f${name} m64`, operation, loads.m64),
];

export const arithmetic: readonly InstructionSpec[] = [
  ...forms('add', add),
  ...forms('mul', multiply),
  ...forms('sub', subtract),
  ...forms('subr', reversed(subtract)),
  ...forms('div', divide),
  ...forms('divr', reversed(divide)),
];
