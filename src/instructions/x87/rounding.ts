/** Rounding, and the exceptions that follow from it (SDM vol. 1, sections 4.8.4 and 4.9.1, 8.5.4 to 8.5.6). */
import { FPU_EXCEPTIONS, FpuControl, FpuStatus } from '../../x86/fpu.ts';
import { BIAS, type Float80, Kind, normalize, setInfinity, setZero, shiftRightSticky } from './float80.ts';

/** Rounding control values. */
export const Rounding = { NEAREST: 0, DOWN: 1, UP: 2, ZERO: 3 } as const;

export type Precision = 24 | 53 | 64;

/** Precision control values; 01 is reserved and acts as full precision. */
const PRECISIONS: readonly Precision[] = [24, 64, 53, 64];

/**
 * Unmasked overflow and underflow move the exponent by this (SDM vol. 1, sections 8.5.4, 8.5.5). A result of
 * FSCALE that is then still out of range becomes infinity or zero.
 */
const EXPONENT_ADJUSTMENT = 0x6000;

/** What the control word asks of an operation, and what the operation reports. */
export class Context {
  rounding = 0;
  precision: Precision = 64;
  /** Exceptions that are not masked. */
  unmasked = 0;
  /** Exceptions met so far; bits of the status word. */
  flags = 0;
  /** C1 of an inexact result: its magnitude was rounded up. */
  roundedUp = false;

  /** Starts an operation. @param control the control word */
  begin(control: number): void {
    this.rounding = (control >> FpuControl.ROUNDING_SHIFT) & 3;
    this.precision = PRECISIONS[(control >> FpuControl.PRECISION_SHIFT) & 3];
    this.unmasked = ~control & FPU_EXCEPTIONS;
    this.flags = 0;
    this.roundedUp = false;
  }

  /** Reports exceptions. @returns whether the operation goes on, because they are all masked */
  raise(flags: number): boolean {
    this.flags |= flags;
    return (flags & this.unmasked) === 0;
  }

  /** Reports a denormal operand. @returns whether the operation goes on */
  checkDenormal(a: Float80, b: Float80): boolean {
    if (a.kind !== Kind.DENORMAL && b.kind !== Kind.DENORMAL) return true;
    return this.raise(FpuStatus.DE);
  }
}

/** Whether rounding to `precision` bits changes the significand. */
export const isInexact = (x: Float80, precision: Precision): boolean => {
  if (precision === 64) return x.extra !== 0;
  if (precision === 53) return ((x.low & 0x7ff) | x.extra) !== 0;
  return ((x.high & 0xff) | x.low | x.extra) !== 0;
};

/** Whether an inexact significand is rounded away from zero. */
const roundsUp = (context: Context, x: Float80, precision: Precision): boolean => {
  if (context.rounding !== Rounding.NEAREST) {
    return context.rounding === (x.sign ? Rounding.DOWN : Rounding.UP);
  }
  let half: number;
  let beyond: number;
  let odd: number;
  if (precision === 64) {
    half = x.extra >>> 31;
    beyond = x.extra << 1;
    odd = x.low & 1;
  } else if (precision === 53) {
    half = x.low & 0x400;
    beyond = (x.low & 0x3ff) | x.extra;
    odd = x.low & 0x800;
  } else {
    half = x.high & 0x80;
    beyond = (x.high & 0x7f) | x.low | x.extra;
    odd = x.high & 0x100;
  }
  return half !== 0 && (beyond | odd) !== 0;
};

/**
 * Rounds a significand, denormal ones included, to the leftmost `precision` of its 64 bits, by
 * `context.rounding`. @returns whether it was inexact; `context.roundedUp` tells the direction
 */
export const roundSignificand = (context: Context, x: Float80, precision: Precision): boolean => {
  if (!isInexact(x, precision)) return false;
  const up = roundsUp(context, x, precision);
  context.roundedUp = up;
  x.extra = 0;
  if (precision === 53) x.low &= ~0x7ff;
  if (precision === 24) {
    x.low = 0;
    x.high &= ~0xff;
  }
  if (!up) return true;
  let carry = precision === 24;
  if (!carry) {
    x.low = (x.low + (precision === 64 ? 1 : 0x800)) | 0;
    carry = x.low === 0;
  }
  if (carry) {
    x.high = (x.high + (precision === 24 ? 0x100 : 1)) | 0;
    if (x.high === 0) {
      x.high = 1 << 31;
      x.exponent++;
    }
  }
  return true;
};

/** Whether a normalised significand would grow past its integer bit when rounded. */
export const carriesOut = (context: Context, x: Float80, precision: Precision): boolean => {
  const ones =
    precision === 24
      ? x.high >> 8 === -1
      : x.high === -1 && (precision === 64 ? x.low === -1 : x.low >> 11 === -1);
  return ones && isInexact(x, precision) && roundsUp(context, x, precision);
};

/**
 * Overflow's masked response (SDM vol. 1, table 4-10): infinity or the greatest finite number.
 * @param maxExponent greatest exponent of the destination's format
 */
export const overflow = (context: Context, x: Float80, precision: Precision, maxExponent: number): void => {
  context.flags |= FpuStatus.PE;
  const { rounding } = context;
  const toInfinity = rounding === Rounding.NEAREST || rounding === (x.sign ? Rounding.DOWN : Rounding.UP);
  context.roundedUp = toInfinity;
  if (toInfinity) {
    setInfinity(x, x.sign);
    x.exponent = maxExponent + 1;
    return;
  }
  x.exponent = maxExponent;
  x.high = precision === 24 ? ~0xff : -1;
  x.low = precision === 24 ? 0 : precision === 53 ? ~0x7ff : -1;
};

/** Where an operation's result goes: it decides the unmasked responses to overflow and underflow. */
export interface Destination {
  /** Greatest exponent of a finite number, biased. */
  readonly maxExponent: number;
  /** A register receives a result with adjusted exponent; memory is not written at all. */
  readonly register: boolean;
}
export const REGISTER: Destination = { maxExponent: 0x7ffe, register: true };
export const SINGLE: Destination = { maxExponent: 0xfe, register: false };
export const DOUBLE: Destination = { maxExponent: 0x7fe, register: false };

/**
 * Rounds a result that is not zero to `precision` bits and brings it into the destination's range.
 * Its significand is normalised; its exponent, biased as in the destination's format, is unbounded.
 * Reports OE, UE and PE. @returns whether there is a result to deliver
 */
export const round = (
  context: Context,
  x: Float80,
  precision: Precision,
  destination: Destination = REGISTER,
): boolean => {
  if (x.exponent < 1) {
    // Tininess is detected after rounding, as if the exponent were unbounded (SDM vol. 1, section 4.9.1.5).
    const tiny = x.exponent < 0 || !carriesOut(context, x, precision);
    if (tiny && context.unmasked & FpuStatus.UE) {
      context.flags |= FpuStatus.UE;
      if (!destination.register) return false;
      x.exponent += EXPONENT_ADJUSTMENT;
      if (roundSignificand(context, x, precision)) context.flags |= FpuStatus.PE;
      if (x.exponent < 1) {
        context.flags |= FpuStatus.PE;
        context.roundedUp = false;
        setZero(x, x.sign);
      }
      return true;
    }
    shiftRightSticky(x, 1 - x.exponent);
    x.exponent = 0;
    if (roundSignificand(context, x, precision)) {
      context.flags |= tiny ? FpuStatus.UE | FpuStatus.PE : FpuStatus.PE;
    }
    if (x.high < 0) x.exponent = 1;
    return true;
  }
  const inexact = roundSignificand(context, x, precision);
  if (x.exponent > destination.maxExponent) {
    context.flags |= FpuStatus.OE;
    if ((context.unmasked & FpuStatus.OE) === 0) {
      overflow(context, x, precision, destination.maxExponent);
      return true;
    }
    if (!destination.register) {
      context.roundedUp = false;
      return false;
    }
    x.exponent -= EXPONENT_ADJUSTMENT;
    if (x.exponent > destination.maxExponent) {
      context.flags |= FpuStatus.PE;
      context.roundedUp = true;
      setInfinity(x, x.sign);
    }
  }
  if (inexact) context.flags |= FpuStatus.PE;
  return true;
};

/**
 * Rounds a number's significand to an integer, held in its low bits. @param exponent unbiased
 * @returns whether it was inexact
 */
export const roundToInteger = (context: Context, x: Float80, exponent: number): boolean => {
  shiftRightSticky(x, 63 - exponent);
  return roundSignificand(context, x, 64);
};

/** Turns an integer held in the significand's 64 bits back into a number; its exponent is set. */
export const integerToFloat = (x: Float80): void => {
  if ((x.high | x.low) === 0) {
    setZero(x, x.sign);
    return;
  }
  x.exponent = BIAS + 63;
  normalize(x);
  x.kind = Kind.NORMAL;
};
