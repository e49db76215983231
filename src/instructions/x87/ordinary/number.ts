/** Normal numbers and zeros in the double extended format, taken apart; and their conversion from and to others. */
import type { Builder, Input, Value, Wide } from '../../builder.ts';

export interface Number80 {
  /** With its integer bit; zero for zero. */
  readonly significand: Wide;
  /** Biased; zero for zero. */
  readonly exponent: Value;
  /** 0 or 1. */
  readonly sign: Value;
}

const BIAS = 16383;
const LARGEST_EXPONENT = 0x7ffe;

export const readRegister = (b: Builder, address: Value): Number80 => {
  const top = b.loadAt(b.add(address, 8), 2);
  return {
    significand: b.loadAtWide(address),
    exponent: b.and(top, 0x7fff),
    sign: b.shrU(top, 15),
  };
};
export const writeRegister = (
  b: Builder,
  address: Value,
  { significand, exponent, sign }: Number80,
): void => {
  b.storeAtWide(address, significand);
  b.storeAt(b.add(address, 8), b.or(exponent, b.shl(sign, 15)), 4);
};

export const isZeroWide = (b: Builder, w: Wide): Value => b.eqz(b.or(b.narrow(w), b.high(w)));
export const isZero = (b: Builder, x: Number80): Value => isZeroWide(b, x.significand);
export const isExponent = (b: Builder, exponent: Value): Value => b.ltU(b.sub(exponent, 1), LARGEST_EXPONENT);
/** Whether it is a normal number or zero: no infinity, NaN, denormal or unsupported encoding. */
export const isNormalOrZero = (b: Builder, x: Number80): Value => {
  const normal = b.and(isExponent(b, x.exponent), b.shrU(b.high(x.significand), 31));
  return b.or(normal, b.eqz(b.or(x.exponent, b.or(b.narrow(x.significand), b.high(x.significand)))));
};

/** Two 32-bit halves as one. */
export const join = (b: Builder, low: Value, high: Value): Wide =>
  b.wideOr(b.widen(low, false), b.wideShl(b.widen(high, false), b.wideConstant(32n)));
export const leadingZeros = (b: Builder, w: Wide): Value => {
  const high = b.high(w);
  return b.select(high, b.clz(high), b.add(b.clz(b.narrow(w)), 32));
};
export const shiftLeft = (b: Builder, w: Wide, count: Input): Wide => b.wideShl(w, b.widen(count, false));
export const shiftRight = (b: Builder, w: Wide, count: Input): Wide => b.wideShrU(w, b.widen(count, false));

/** A number read from memory, and whether it is normal or zero. */
export interface Operand {
  readonly number: Number80;
  readonly finite: Value;
}

/** @param bits of a single */
const fromSingle = (b: Builder, bits: Value): Operand => {
  const exponent = b.and(b.shrU(bits, 23), 0xff);
  const zero = b.eqz(b.shl(bits, 1));
  const significand = b.select(zero, 0, b.or(b.and(bits, 0x7fffff), 0x800000));
  return {
    number: {
      significand: b.wideShl(b.widen(significand, false), b.wideConstant(40n)),
      exponent: b.select(zero, 0, b.add(exponent, BIAS - 127)),
      sign: b.shrU(bits, 31),
    },
    finite: b.or(zero, b.ltU(b.sub(exponent, 1), 0xfe)),
  };
};
/** @param low,high halves of a double */
const fromDouble = (b: Builder, low: Value, high: Value): Operand => {
  const exponent = b.and(b.shrU(high, 20), 0x7ff);
  const zero = b.eqz(b.or(low, b.shl(high, 1)));
  const top = b.select(zero, 0, b.or(b.and(high, 0xfffff), 0x100000));
  return {
    number: {
      significand: b.wideShl(join(b, low, top), b.wideConstant(11n)),
      exponent: b.select(zero, 0, b.add(exponent, BIAS - 1023)),
      sign: b.shrU(high, 31),
    },
    finite: b.or(zero, b.ltU(b.sub(exponent, 1), 0x7fe)),
  };
};
/** @param negative 0 or 1 @param magnitude unsigned */
const fromInteger = (b: Builder, negative: Value, magnitude: Wide): Operand => {
  const zero = isZeroWide(b, magnitude);
  const shift = b.and(leadingZeros(b, magnitude), 63);
  return {
    number: {
      significand: shiftLeft(b, magnitude, shift),
      exponent: b.select(zero, 0, b.sub(BIAS + 63, shift)),
      sign: negative,
    },
    finite: b.constant(1),
  };
};
const fromSigned = (b: Builder, value: Value): Operand => {
  const negative = b.shrU(value, 31);
  return fromInteger(b, negative, b.widen(b.select(negative, b.sub(0, value), value), false));
};

/** Reads an operand of a memory format. @param linear address */
export type Load = (b: Builder, linear: Value) => Operand;
export const loads: Readonly<Record<'m32' | 'm64', Load>> = {
  m32: (b, linear) => fromSingle(b, b.load(linear, 4)),
  m64: (b, linear) => {
    const bits = b.loadPacked(linear, 8);
    return fromDouble(b, b.lane32(bits, 0), b.lane32(bits, 1));
  },
};
export const integerLoads: Readonly<Record<'m16' | 'm32' | 'm64', Load>> = {
  m16: (b, linear) => fromSigned(b, b.signExtend(b.load(linear, 2), 2)),
  m32: (b, linear) => fromSigned(b, b.load(linear, 4)),
  m64: (b, linear) => {
    const bits = b.loadPacked(linear, 8);
    const value = join(b, b.lane32(bits, 0), b.lane32(bits, 1));
    const negative = b.shrU(b.lane32(bits, 1), 31);
    const zero = b.wideConstant(0n);
    return fromInteger(b, negative, b.wideSelect(negative, b.wideSub(zero, value), value));
  },
};

/** A significand cut to fewer bits, rounded to nearest. */
export interface Rounded {
  /** Rounded; one more than fits where it was carried over. */
  readonly value: Wide;
  /** 0 or 1 each. */
  readonly inexact: Value;
  readonly up: Value;
}
/** Rounds away the low `bits` (1-63) to nearest, ties to even. */
const roundAway = (b: Builder, significand: Wide, bits: number): Rounded => {
  const kept = shiftRight(b, significand, bits);
  const lost = shiftLeft(b, significand, 64 - bits);
  const half = b.shrU(b.high(lost), 31);
  const rest = b.eqz(isZeroWide(b, shiftLeft(b, lost, 1)));
  const up = b.and(half, b.or(rest, b.and(b.narrow(kept), 1)));
  return { value: b.wideAdd(kept, b.widen(up, false)), inexact: b.or(half, rest), up };
};

export interface Narrowed extends Pick<Rounded, 'inexact' | 'up'> {
  /** The value's bits; of a single the low 32. */
  readonly bits: Wide;
  /** Whether it is normal, or zero, in the narrower format too. */
  readonly fits: Value;
}
/** @param fraction bits of the format's fraction @param exponent bits of its exponent */
const narrowTo = (b: Builder, x: Number80, fraction: number, exponent: number): Narrowed => {
  const bias = 2 ** (exponent - 1) - 1;
  const zero = isZero(b, x);
  const rounded = roundAway(b, x.significand, 63 - fraction);
  // The integer bit adds one to the exponent, a carry another one: the highest exponent is left out.
  const field = b.sub(x.exponent, BIAS - bias);
  const fits = b.or(zero, b.ltU(b.sub(field, 1), 2 ** exponent - 3));
  const magnitude = b.wideAdd(
    rounded.value,
    shiftLeft(b, b.widen(b.select(zero, 0, b.sub(field, 1)), false), fraction),
  );
  const sign = shiftLeft(b, b.widen(x.sign, false), fraction + exponent);
  return { bits: b.wideOr(magnitude, sign), fits, inexact: rounded.inexact, up: rounded.up };
};
export const toSingle = (b: Builder, x: Number80): Narrowed => narrowTo(b, x, 23, 8);
export const toDouble = (b: Builder, x: Number80): Narrowed => narrowTo(b, x, 52, 11);

/**
 * Rounds to an integer, to nearest or towards zero. @param truncate 0 or 1 @param size bytes of the integer
 */
export const toInteger = (b: Builder, x: Number80, truncate: Value, size: 2 | 4 | 8): Narrowed => {
  const power = b.sub(x.exponent, BIAS);
  const below = b.ltS(power, 0);
  const zero = isZero(b, x);
  const none = b.wideConstant(0n);
  const whole = b.wideSelect(below, none, shiftRight(b, x.significand, b.sub(63, power)));
  // Of a number below one half the fraction's first bit is clear and some other one set.
  const belowHalf = b.ltS(power, -1);
  const lost = b.wideSelect(below, x.significand, shiftLeft(b, x.significand, b.add(power, 1)));
  const half = b.and(b.shrU(b.high(lost), 31), b.eqz(belowHalf));
  const rest = b.or(belowHalf, b.eqz(isZeroWide(b, shiftLeft(b, lost, 1))));
  const inexact = b.and(b.or(half, rest), b.eqz(zero));
  const odd = b.and(b.narrow(whole), 1);
  const up = b.and(b.and(b.eqz(truncate), half), b.or(rest, odd));
  const magnitude = b.wideAdd(whole, b.widen(up, false));
  return {
    bits: b.wideSelect(x.sign, b.wideSub(none, magnitude), magnitude),
    fits: b.ltS(power, size * 8 - 2),
    inexact,
    up,
  };
};
