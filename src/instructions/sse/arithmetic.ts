/**
 * Addition, subtraction, multiplication, division and square root (SDM vol. 2).
 *
 * The host rounds to nearest with 53 bits. What it rounded away follows exactly from further host operations
 * (T. J. Dekker, "A floating-point technique for extending the available precision", 1971; D. E. Knuth, "The
 * Art of Computer Programming", vol. 2, section 4.2.2), because significands are scaled away from overflow and
 * underflow. The host's result with the sign of that residual is enough to round in any way to any format.
 */
import { FpuStatus } from '../../x86/fpu.ts';
import { Kind } from '../x87/float80.ts';
import { Rounding } from '../x87/rounding.ts';
import { deliver, type Format, type Operand, storeInfinity, storeInvalid, storeZero } from './format.ts';
import type { SimdUnit } from './unit.ts';

/** An operation on one lane: writes the result at a word index. Reports the exceptions it meets. */
export type LaneOperation = (unit: SimdUnit, format: Format, at: number, a: Operand, b: Operand) => void;

/** The result when an operand is a NaN: the first one, made quiet (SDM vol. 1, table 4-7). */
const propagateNaN: LaneOperation = (unit, format, at, a, b) => {
  if (a.kind === Kind.SNAN || b.kind === Kind.SNAN) unit.before |= FpuStatus.IE;
  format.storeQuiet(unit, at, a.kind >= Kind.QNAN ? a : b);
};

/** Reports denormal operands. */
export const checkDenormal = (unit: SimdUnit, a: Operand, b: Operand): void => {
  if (a.kind === Kind.DENORMAL || b.kind === Kind.DENORMAL) unit.before |= FpuStatus.DE;
};

/** Powers of two that align a smaller addend; beyond the last it only matters that it is there. */
const MAX_ALIGNMENT = 200;
const NEGATIVE_POWERS = Float64Array.from({ length: MAX_ALIGNMENT + 1 }, (_, i) => 2 ** -i);
const alignment = (difference: number): number => NEGATIVE_POWERS[Math.min(difference, MAX_ALIGNMENT)];

/** @param flip 1 subtracts */
const addSigned = (
  unit: SimdUnit,
  format: Format,
  at: number,
  a: Operand,
  b: Operand,
  flip: number,
): void => {
  if (a.kind >= Kind.QNAN || b.kind >= Kind.QNAN) {
    propagateNaN(unit, format, at, a, b);
    return;
  }
  const signB = b.sign ^ flip;
  if (a.kind === Kind.INFINITY && b.kind === Kind.INFINITY && a.sign !== signB) {
    storeInvalid(unit, format, at);
    return;
  }
  checkDenormal(unit, a, b);
  if (a.kind === Kind.INFINITY || b.kind === Kind.INFINITY) {
    storeInfinity(unit, format, at, a.kind === Kind.INFINITY ? a.sign : signB);
    return;
  }
  const x = a.significand;
  const y = flip ? -b.significand : b.significand;
  if (b.kind === Kind.ZERO) {
    if (a.kind !== Kind.ZERO) deliver(unit, format, at, x, 0, a.exponent);
    else {
      const negative = a.sign === signB ? a.sign : unit.context.rounding === Rounding.DOWN ? 1 : 0;
      storeZero(unit, format, at, negative);
    }
    return;
  }
  if (a.kind === Kind.ZERO) {
    deliver(unit, format, at, y, 0, b.exponent);
    return;
  }
  const difference = a.exponent - b.exponent;
  const addend = difference < 0 ? x * alignment(-difference) : x;
  const other = difference > 0 ? y * alignment(difference) : y;
  const sum = addend + other;
  if (sum === 0) {
    storeZero(unit, format, at, unit.context.rounding === Rounding.DOWN ? 1 : 0);
    return;
  }
  const part = sum - addend;
  const residual = addend - (sum - part) + (other - part);
  deliver(unit, format, at, sum, residual, difference < 0 ? b.exponent : a.exponent);
};

export const add: LaneOperation = (unit, format, at, a, b) => addSigned(unit, format, at, a, b, 0);
export const subtract: LaneOperation = (unit, format, at, a, b) => addSigned(unit, format, at, a, b, 1);

/** 2^27 + 1 parts a 53-bit significand into two whose products are exact. */
const SPLITTER = 134217729;

/** What rounding a * b to `product` left over. */
const productResidual = (a: number, b: number, product: number): number => {
  const scaledA = SPLITTER * a;
  const highA = scaledA - (scaledA - a);
  const lowA = a - highA;
  const scaledB = SPLITTER * b;
  const highB = scaledB - (scaledB - b);
  const lowB = b - highB;
  return highA * highB - product + highA * lowB + lowA * highB + lowA * lowB;
};

export const multiply: LaneOperation = (unit, format, at, a, b) => {
  if (a.kind >= Kind.QNAN || b.kind >= Kind.QNAN) {
    propagateNaN(unit, format, at, a, b);
    return;
  }
  const sign = a.sign ^ b.sign;
  const zero = a.kind === Kind.ZERO || b.kind === Kind.ZERO;
  const infinity = a.kind === Kind.INFINITY || b.kind === Kind.INFINITY;
  if (zero && infinity) {
    storeInvalid(unit, format, at);
    return;
  }
  checkDenormal(unit, a, b);
  if (infinity) storeInfinity(unit, format, at, sign);
  else if (zero) storeZero(unit, format, at, sign);
  else {
    const product = a.significand * b.significand;
    const residual = productResidual(a.significand, b.significand, product);
    deliver(unit, format, at, product, residual, a.exponent + b.exponent);
  }
};

export const divide: LaneOperation = (unit, format, at, a, b) => {
  if (a.kind >= Kind.QNAN || b.kind >= Kind.QNAN) {
    propagateNaN(unit, format, at, a, b);
    return;
  }
  const sign = a.sign ^ b.sign;
  if (a.kind === b.kind && (a.kind === Kind.ZERO || a.kind === Kind.INFINITY)) {
    storeInvalid(unit, format, at);
    return;
  }
  if (b.kind === Kind.ZERO && a.kind !== Kind.INFINITY) {
    unit.before |= FpuStatus.ZE;
    storeInfinity(unit, format, at, sign);
    return;
  }
  checkDenormal(unit, a, b);
  if (a.kind === Kind.INFINITY) storeInfinity(unit, format, at, sign);
  else if (a.kind === Kind.ZERO || b.kind === Kind.INFINITY) storeZero(unit, format, at, sign);
  else {
    const divisor = b.significand;
    const quotient = a.significand / divisor;
    const product = quotient * divisor;
    const remainder = a.significand - product - productResidual(quotient, divisor, product);
    deliver(unit, format, at, quotient, b.sign ? -remainder : remainder, a.exponent - b.exponent);
  }
};

/** The square root of `b`, the source operand. */
export const squareRoot: LaneOperation = (unit, format, at, _first, b) => {
  if (b.kind >= Kind.QNAN) {
    propagateNaN(unit, format, at, b, b);
    return;
  }
  if (b.kind === Kind.ZERO) {
    storeZero(unit, format, at, b.sign);
    return;
  }
  if (b.sign) {
    storeInvalid(unit, format, at);
    return;
  }
  checkDenormal(unit, b, b);
  if (b.kind === Kind.INFINITY) {
    storeInfinity(unit, format, at, 0);
    return;
  }
  const odd = b.exponent & 1;
  const radicand = odd ? b.significand * 2 : b.significand;
  const root = Math.sqrt(radicand);
  const square = root * root;
  const remainder = radicand - square - productResidual(root, root, square);
  deliver(unit, format, at, root, remainder, (b.exponent - odd) / 2);
};
