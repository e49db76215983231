/**
 * Addition, subtraction, multiplication, division and square root (SDM vol. 2, tables 3-18 to 3-25). Every
 * operation takes a rounding context and puts its result in `out`, which is none of its operands; it returns
 * whether there is a result to deliver, that is, whether no unmasked exception forbids it.
 * Operands may be normalised in place.
 */
import { FpuStatus } from '../../x86/fpu.ts';
import {
  assign,
  BIAS,
  compareSignificands,
  type Float80,
  Kind,
  normalize,
  normalizeOperand,
  setInfinity,
  setZero,
  shiftRightSticky,
} from './float80.ts';
import { invalid, propagateNaN } from './nan.ts';
import { type Context, Rounding, round } from './rounding.ts';
import { divideSignificands, multiplySignificands, squareRootSignificand } from './significand.ts';

/** An operation on two operands: `out` = left op right. */
export type Operation = (context: Context, left: Float80, right: Float80, out: Float80) => boolean;

/** Adds the significands of two numbers of which `a` has the greater or the same exponent. */
const addMagnitudes = (a: Float80, b: Float80, out: Float80): void => {
  assign(out, b);
  shiftRightSticky(out, a.exponent - b.exponent);
  out.exponent = a.exponent;
  const low = (out.low + a.low) | 0;
  const carryLow = low >>> 0 < a.low >>> 0 ? 1 : 0;
  const sum = (out.high >>> 0) + (a.high >>> 0) + carryLow;
  out.low = low;
  out.high = sum | 0;
  if (sum > 0xffffffff) {
    shiftRightSticky(out, 1);
    out.high |= 1 << 31;
    out.exponent++;
  }
};

/** Subtracts the significand of `b` from that of `a`, which is not the smaller number. */
const subtractMagnitudes = (a: Float80, b: Float80, out: Float80): void => {
  assign(out, b);
  shiftRightSticky(out, a.exponent - b.exponent);
  out.exponent = a.exponent;
  const borrowExtra = out.extra === 0 ? 0 : 1;
  const low = (a.low >>> 0) - (out.low >>> 0) - borrowExtra;
  out.extra = -out.extra | 0;
  out.high = (a.high - out.high - (low < 0 ? 1 : 0)) | 0;
  out.low = low | 0;
  normalize(out);
};

/** @param flip 1 subtracts */
const addSigned = (context: Context, a: Float80, b: Float80, flip: number, out: Float80): boolean => {
  if (a.kind > Kind.INFINITY || b.kind > Kind.INFINITY) return propagateNaN(context, a, b, out);
  const signB = b.sign ^ flip;
  if (a.kind === Kind.INFINITY || b.kind === Kind.INFINITY) {
    if (a.kind === b.kind && a.sign !== signB) return invalid(context, out);
    setInfinity(out, a.kind === Kind.INFINITY ? a.sign : signB);
    return context.checkDenormal(a, b);
  }
  if (!context.checkDenormal(a, b)) return false;
  if (a.kind === Kind.ZERO && b.kind === Kind.ZERO) {
    setZero(out, a.sign === signB ? a.sign : context.rounding === Rounding.DOWN ? 1 : 0);
    return true;
  }
  normalizeOperand(a);
  normalizeOperand(b);
  if (a.kind === Kind.ZERO || b.kind === Kind.ZERO) {
    const sign = a.kind === Kind.ZERO ? signB : a.sign;
    assign(out, a.kind === Kind.ZERO ? b : a);
    out.sign = sign;
  } else {
    const order = a.exponent - b.exponent || compareSignificands(a, b);
    const sign = order >= 0 ? a.sign : signB;
    if (a.sign === signB) {
      if (order >= 0) addMagnitudes(a, b, out);
      else addMagnitudes(b, a, out);
    } else {
      if (order === 0) {
        setZero(out, context.rounding === Rounding.DOWN ? 1 : 0);
        return true;
      }
      if (order > 0) subtractMagnitudes(a, b, out);
      else subtractMagnitudes(b, a, out);
    }
    out.sign = sign;
  }
  return round(context, out, context.precision);
};

export const add: Operation = (context, left, right, out) => addSigned(context, left, right, 0, out);
export const subtract: Operation = (context, left, right, out) => addSigned(context, left, right, 1, out);

export const multiply: Operation = (context, left, right, out) => {
  if (left.kind > Kind.INFINITY || right.kind > Kind.INFINITY) {
    return propagateNaN(context, left, right, out);
  }
  const sign = left.sign ^ right.sign;
  if (left.kind === Kind.INFINITY || right.kind === Kind.INFINITY) {
    if (left.kind === Kind.ZERO || right.kind === Kind.ZERO) return invalid(context, out);
    setInfinity(out, sign);
    return context.checkDenormal(left, right);
  }
  if (!context.checkDenormal(left, right)) return false;
  if (left.kind === Kind.ZERO || right.kind === Kind.ZERO) {
    setZero(out, sign);
    return true;
  }
  normalizeOperand(left);
  normalizeOperand(right);
  out.sign = sign;
  out.kind = Kind.NORMAL;
  out.exponent = left.exponent + right.exponent - BIAS + 1;
  multiplySignificands(left, right, out);
  normalize(out);
  return round(context, out, context.precision);
};

export const divide: Operation = (context, left, right, out) => {
  if (left.kind > Kind.INFINITY || right.kind > Kind.INFINITY) {
    return propagateNaN(context, left, right, out);
  }
  const sign = left.sign ^ right.sign;
  if (left.kind === Kind.INFINITY) {
    if (right.kind === Kind.INFINITY) return invalid(context, out);
    setInfinity(out, sign);
    return context.checkDenormal(left, right);
  }
  if (right.kind === Kind.INFINITY) {
    setZero(out, sign);
    return context.checkDenormal(left, right);
  }
  if (right.kind === Kind.ZERO) {
    if (left.kind === Kind.ZERO) return invalid(context, out);
    setInfinity(out, sign);
    return context.raise(FpuStatus.ZE);
  }
  if (!context.checkDenormal(left, right)) return false;
  if (left.kind === Kind.ZERO) {
    setZero(out, sign);
    return true;
  }
  normalizeOperand(left);
  normalizeOperand(right);
  out.sign = sign;
  out.kind = Kind.NORMAL;
  out.exponent = left.exponent - right.exponent + BIAS;
  divideSignificands(left, right, out);
  normalize(out);
  return round(context, out, context.precision);
};

export const subtractReversed: Operation = (context, left, right, out) =>
  addSigned(context, right, left, 1, out);
export const divideReversed: Operation = (context, left, right, out) => divide(context, right, left, out);

/** An operation on ST(0) alone. */
export type UnaryOperation = (context: Context, x: Float80, out: Float80) => boolean;

export const squareRoot: UnaryOperation = (context, x, out) => {
  if (x.kind > Kind.INFINITY) return propagateNaN(context, x, x, out);
  if (x.kind === Kind.ZERO) {
    setZero(out, x.sign);
    return true;
  }
  if (x.sign) return invalid(context, out);
  if (x.kind === Kind.INFINITY) {
    setInfinity(out, 0);
    return true;
  }
  if (!context.checkDenormal(x, x)) return false;
  normalizeOperand(x);
  out.sign = 0;
  out.kind = Kind.NORMAL;
  const odd = (x.exponent - BIAS) & 1;
  out.exponent = (x.exponent - odd + BIAS) >> 1;
  squareRootSignificand(x, odd, out);
  return round(context, out, context.precision);
};
