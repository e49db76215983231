/** Conversions between the extended format and the others: single, double, integers, packed BCD. */
import { FpuStatus } from '../../x86/fpu.ts';
import {
  assign,
  BIAS,
  type Float80,
  Kind,
  MAX_EXPONENT,
  normalize,
  normalizeOperand,
  packTop,
  setZero,
  unpack,
} from './float80.ts';
import { propagateNaN } from './nan.ts';
import { type Context, DOUBLE, integerToFloat, Rounding, round, roundToInteger, SINGLE } from './rounding.ts';

const SINGLE_BIAS = 127;
const DOUBLE_BIAS = 1023;

/** Widens what is not an ordinary number. @param exponent,maxExponent of the narrower format */
const finishWidening = (x: Float80, exponent: number, maxExponent: number, rebias: number): void => {
  if (exponent === maxExponent) {
    unpack(x, x.low, x.high | (1 << 31), (x.sign << 15) | MAX_EXPONENT);
  } else if (exponent !== 0) {
    x.exponent = exponent + rebias;
    x.high |= 1 << 31;
    x.kind = Kind.NORMAL;
  } else if ((x.high | x.low) === 0) {
    setZero(x, x.sign);
  } else {
    x.exponent = 1 + rebias;
    normalize(x);
    x.kind = Kind.DENORMAL;
  }
};

/** Widens a single; a denormal keeps that kind, and a signaling NaN stays one. @param bits 32 */
export const fromSingle = (x: Float80, bits: number): void => {
  x.sign = bits >>> 31;
  x.high = (bits << 8) & 0x7fffffff;
  x.low = 0;
  x.extra = 0;
  finishWidening(x, (bits >>> 23) & 0xff, 0xff, BIAS - SINGLE_BIAS);
};

/** Widens a double. @param low,high bits 31-0 and 63-32 */
export const fromDouble = (x: Float80, low: number, high: number): void => {
  x.sign = high >>> 31;
  x.high = ((high << 11) & 0x7fffffff) | (low >>> 21);
  x.low = low << 11;
  x.extra = 0;
  finishWidening(x, (high >>> 20) & 0x7ff, 0x7ff, BIAS - DOUBLE_BIAS);
};

/** Converts a signed 64-bit integer. @param low,high bits 31-0 and 63-32 */
export const fromInteger = (x: Float80, low: number, high: number): void => {
  x.sign = high >>> 31;
  x.low = x.sign ? -low | 0 : low | 0;
  x.high = x.sign ? (~high + (low === 0 ? 1 : 0)) | 0 : high | 0;
  x.extra = 0;
  integerToFloat(x);
};

/** Rounds `x` to a narrower format, in place; its exponent is then the narrower format's. */
const narrow = (context: Context, x: Float80, single: boolean): boolean => {
  if (x.kind === Kind.ZERO) return true;
  const destination = single ? SINGLE : DOUBLE;
  if (x.kind >= Kind.INFINITY) {
    const deliver = x.kind === Kind.INFINITY || propagateNaN(context, x, x, x);
    x.exponent = destination.maxExponent + 1;
    return deliver;
  }
  normalizeOperand(x);
  x.exponent += (single ? SINGLE_BIAS : DOUBLE_BIAS) - BIAS;
  return round(context, x, single ? 24 : 53, destination);
};

/** A narrower number's bits, low word first. */
export class Words {
  low = 0;
  high = 0;
}

/** Rounds to single in `out.low`; destroys `x`. @returns whether there is a result to deliver */
export const toSingle = (context: Context, x: Float80, out: Words): boolean => {
  const deliver = narrow(context, x, true);
  out.low = (x.sign << 31) | (x.exponent << 23) | ((x.high >>> 8) & 0x7fffff);
  return deliver;
};

/** Rounds to double; destroys `x`. @returns whether there is a result to deliver */
export const toDouble = (context: Context, x: Float80, out: Words): boolean => {
  const deliver = narrow(context, x, false);
  out.low = (x.low >>> 11) | (x.high << 21);
  out.high = (x.sign << 31) | (x.exponent << 20) | ((x.high >>> 11) & 0xfffff);
  return deliver;
};

/** Whether the magnitude held in the significand is an integer of the destination's width. */
const fits = (x: Float80, bits: number): boolean => {
  if (bits === 64) return x.high >= 0 || (x.sign === 1 && x.high === 1 << 31 && x.low === 0);
  const greatest = 2 ** (bits - 1) - (x.sign ? 0 : 1);
  return x.high === 0 && x.low >>> 0 <= greatest;
};

/** Rounds to an integer, its magnitude left in the significand. @returns false when it is out of range */
const toMagnitude = (context: Context, x: Float80, bits: number): boolean => {
  if (x.kind >= Kind.INFINITY) return false;
  if (x.kind === Kind.ZERO) return true;
  normalizeOperand(x);
  const exponent = x.exponent - BIAS;
  if (exponent > 63) return false;
  const inexact = roundToInteger(context, x, exponent);
  if (!fits(x, bits)) {
    context.roundedUp = false;
    return false;
  }
  if (inexact) context.flags |= FpuStatus.PE;
  return true;
};

/**
 * Rounds to a signed integer of 16, 32 or 64 bits; destroys `x`. What does not fit becomes the integer
 * indefinite. @returns whether there is a result to deliver
 */
export const toInteger = (context: Context, x: Float80, bits: number, out: Words): boolean => {
  if (!toMagnitude(context, x, bits)) {
    out.low = bits === 64 ? 0 : -(2 ** (bits - 1));
    out.high = bits === 64 ? 1 << 31 : -1;
    return context.raise(FpuStatus.IE);
  }
  out.low = x.sign ? -x.low | 0 : x.low;
  out.high = x.sign ? (~x.high + (x.low === 0 ? 1 : 0)) | 0 : x.high;
  return true;
};

/** The same, always toward zero: FISTTP. */
export const toIntegerTruncated = (context: Context, x: Float80, bits: number, out: Words): boolean => {
  context.rounding = Rounding.ZERO;
  return toInteger(context, x, bits, out);
};

/** Ten bytes: `low`, `high` and a 16-bit `top`. */
export class TenBytes extends Words {
  top = 0;
}

const GREATEST_BCD = 999_999_999_999_999_999n;

/** Rounds to 18 packed BCD digits; destroys `x`. @returns whether there is a result to deliver */
export const toBcd = (context: Context, x: Float80, out: TenBytes): boolean => {
  let magnitude = GREATEST_BCD + 1n;
  const saved = context.flags;
  if (toMagnitude(context, x, 64)) magnitude = (BigInt(x.high >>> 0) << 32n) | BigInt(x.low >>> 0);
  if (magnitude > GREATEST_BCD) {
    context.flags = saved;
    context.roundedUp = false;
    out.low = 0;
    out.high = 0xc0000000 | 0;
    out.top = 0xffff;
    return context.raise(FpuStatus.IE);
  }
  const packed = BigInt(`0x${magnitude}`);
  out.low = Number(packed & 0xffffffffn) | 0;
  out.high = Number((packed >> 32n) & 0xffffffffn) | 0;
  out.top = Number(packed >> 64n) | (x.sign << 15);
  return true;
};

/** Converts packed BCD. Digits above nine count with their weight (undefined by the manual). */
export const fromBcd = (x: Float80, bytes: TenBytes): void => {
  let magnitude = 0n;
  for (let digit = 17; digit >= 0; digit--) {
    const word = digit >= 16 ? bytes.top : digit >= 8 ? bytes.high : bytes.low;
    magnitude = magnitude * 10n + BigInt((word >>> ((digit & 7) * 4)) & 15);
  }
  x.sign = (bytes.top >> 15) & 1;
  x.low = Number(magnitude & 0xffffffffn) | 0;
  x.high = Number(magnitude >> 32n) | 0;
  x.extra = 0;
  integerToFloat(x);
};

/** Stores the ten bytes of a number as they are. */
export const toTenBytes = (x: Float80, out: TenBytes): void => {
  out.low = x.low;
  out.high = x.high;
  out.top = packTop(x);
};

/**
 * FLD of a single or double: quiets a signaling NaN and reports a denormal, which silicon loads even when
 * that exception is not masked.
 */
export const loadConverted = (context: Context, x: Float80, out: Float80): boolean => {
  if (x.kind > Kind.INFINITY) return propagateNaN(context, x, x, out);
  assign(out, x);
  context.checkDenormal(x, x);
  return true;
};
