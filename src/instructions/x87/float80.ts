/**
 * The double extended-precision format (SDM vol. 1, sections 4.2.2 and 8.2): numbers taken apart so that
 * all arithmetic is on 32-bit integers, which engines keep in registers.
 */

/** Exponent of 1.0, and of infinities and NaNs. */
export const BIAS = 0x3fff;
export const MAX_EXPONENT = 0x7fff;

/** What a bit pattern stands for. The order matters: everything from INFINITY on needs special care. */
export const Kind = {
  ZERO: 0,
  NORMAL: 1,
  /** Also pseudo-denormals; also what was a denormal in the narrower format it came from. */
  DENORMAL: 2,
  INFINITY: 3,
  QNAN: 4,
  SNAN: 5,
  /** Unnormals, pseudo-infinities and pseudo-NaNs, invalid since the 80387 (SDM vol. 1, table 8-3). */
  UNSUPPORTED: 6,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** A number, or one under construction. Words are signed 32-bit integers. */
export class Float80 {
  sign = 0;
  /** Biased; leaves the 15 bits of the format while an operation is under way. */
  exponent = 0;
  /** Significand: bits 63-32 (bit 63 is the integer bit) and 31-0. */
  high = 0;
  low = 0;
  /** 32 more bits below, for rounding; the lowest also stands for everything beneath it (sticky). */
  extra = 0;
  kind: Kind = Kind.ZERO;
}

const classify = (x: Float80): Kind => {
  if (x.exponent === 0) return (x.high | x.low) === 0 ? Kind.ZERO : Kind.DENORMAL;
  if (x.high >= 0) return Kind.UNSUPPORTED;
  if (x.exponent !== MAX_EXPONENT) return Kind.NORMAL;
  if (((x.high << 1) | x.low) === 0) return Kind.INFINITY;
  return x.high & 0x40000000 ? Kind.QNAN : Kind.SNAN;
};

/** Takes a number apart. @param high,low significand words @param top sign and exponent, 16 bits */
export const unpack = (x: Float80, low: number, high: number, top: number): void => {
  x.sign = (top >> 15) & 1;
  x.exponent = top & MAX_EXPONENT;
  x.high = high | 0;
  x.low = low | 0;
  x.extra = 0;
  x.kind = classify(x);
};

/** Sign and exponent as the format holds them, 16 bits. */
export const packTop = (x: Float80): number => (x.sign << 15) | x.exponent;

export const assign = (x: Float80, from: Float80): void => {
  x.sign = from.sign;
  x.exponent = from.exponent;
  x.high = from.high;
  x.low = from.low;
  x.extra = from.extra;
  x.kind = from.kind;
};

export const setZero = (x: Float80, sign: number): void => unpack(x, 0, 0, sign << 15);
export const setInfinity = (x: Float80, sign: number): void =>
  unpack(x, 0, 1 << 31, (sign << 15) | MAX_EXPONENT);
/** The QNaN floating-point indefinite: the masked response to invalid operations. */
export const setIndefinite = (x: Float80): void => unpack(x, 0, 0xc0000000, 0xffff);

/** Shifts the significand and its extra bits right; what falls out stays visible in the lowest bit. */
export const shiftRightSticky = (x: Float80, count: number): void => {
  let { high, low, extra } = x;
  let lost = 0;
  let left = Math.min(count, 128);
  for (; left >= 32; left -= 32) {
    lost |= extra;
    extra = low;
    low = high;
    high = 0;
  }
  if (left !== 0) {
    const up = 32 - left;
    lost |= extra << up;
    extra = (extra >>> left) | (low << up);
    low = (low >>> left) | (high << up);
    high >>>= left;
  }
  x.high = high | 0;
  x.low = low | 0;
  x.extra = extra | (lost === 0 ? 0 : 1);
};

/** Shifts the significand and its extra bits left until the integer bit is set, and adjusts the exponent. */
export const normalize = (x: Float80): void => {
  if (x.high < 0) return;
  let { high, low, extra, exponent } = x;
  if ((high | low | extra) === 0) return;
  for (; high === 0; exponent -= 32) {
    high = low;
    low = extra;
    extra = 0;
  }
  const left = Math.clz32(high);
  if (left !== 0) {
    const down = 32 - left;
    high = (high << left) | (low >>> down);
    low = (low << left) | (extra >>> down);
    extra <<= left;
  }
  x.high = high;
  x.low = low;
  x.extra = extra;
  x.exponent = exponent - left;
};

/** Gives a finite number that is not zero an integer bit; a denormal's exponent field of 0 stands for 1. */
export const normalizeOperand = (x: Float80): void => {
  if (x.exponent === 0) x.exponent = 1;
  normalize(x);
};

/** Gives a pseudo-denormal the exponent that its value has (SDM vol. 1, section 8.2.2). */
export const settlePseudoDenormal = (x: Float80): void => {
  if (x.exponent === 0 && x.high < 0) x.exponent = 1;
};

/** Compares significands. @returns negative, 0, positive */
export const compareSignificands = (a: Float80, b: Float80): number =>
  a.high !== b.high ? (a.high >>> 0) - (b.high >>> 0) : (a.low >>> 0) - (b.low >>> 0);
