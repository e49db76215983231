/**
 * The single and the double format (SDM vol. 1, section 4.2.2): operands taken apart, results put together.
 * A number is computed with as a double, which holds every single as it is and the significand of every double;
 * its distance from the host's rounded result is known exactly, see arithmetic.ts.
 */
import { FpuStatus } from '../../x86/fpu.ts';
import { Float80, Kind, shiftRightSticky } from '../x87/float80.ts';
import {
  carriesOut,
  type Destination,
  DOUBLE,
  isInexact,
  overflow,
  type Precision,
  roundSignificand,
  SINGLE,
} from '../x87/rounding.ts';
import type { SimdUnit } from './unit.ts';

/** An operand taken apart. */
export class Operand {
  kind: Kind = Kind.ZERO;
  /** The format's bits; `high` is 0 for a single. */
  low = 0;
  high = 0;
  sign = 0;
  /** The number; exact, infinities too. Of a NaN it means nothing. */
  value = 0;
  /** A finite number is significand * 2^exponent. The exponent of a single is 0. */
  significand = 0;
  exponent = 0;
}

export interface Format {
  /** 32-bit words of a lane, and lanes of a register. */
  readonly words: 1 | 2;
  readonly lanes: 4 | 2;
  readonly precision: Precision;
  readonly bias: number;
  readonly destination: Destination;
  /** Takes the lane at a word index apart; MXCSR.DAZ makes a denormal a zero. */
  load(unit: SimdUnit, at: number, x: Operand): void;
  /** Writes a lane: sign 0 or 1, biased exponent, significand whose leftmost bit is the integer bit. */
  store(unit: SimdUnit, at: number, sign: number, exponent: number, high: number, low: number): void;
  /** Writes an operand's bits, NaNs made quiet. */
  storeQuiet(unit: SimdUnit, at: number, x: Operand): void;
}

const double = new Float64Array(1);
const single = new Float32Array(double.buffer);
const words = new Int32Array(double.buffer);

/** The quiet bits of NaNs. */
const SINGLE_QUIET = 1 << 22;
const DOUBLE_QUIET = 1 << 19;

/** Scale that makes a denormal double normal. */
const SCALE_EXPONENT = 64;
const SCALE = 2 ** SCALE_EXPONENT;

export const single32: Format = {
  words: 1,
  lanes: 4,
  precision: 24,
  bias: 127,
  destination: SINGLE,
  load(unit, at, x) {
    let bits = unit.words[at];
    const exponent = (bits >>> 23) & 0xff;
    const fraction = bits & 0x7fffff;
    x.kind = Kind.NORMAL;
    if (exponent === 0xff) {
      x.kind = fraction === 0 ? Kind.INFINITY : bits & SINGLE_QUIET ? Kind.QNAN : Kind.SNAN;
    } else if (exponent === 0) {
      x.kind = fraction === 0 ? Kind.ZERO : Kind.DENORMAL;
      if (fraction !== 0 && unit.denormalsAreZeros) {
        x.kind = Kind.ZERO;
        bits &= 1 << 31;
      }
    }
    x.low = bits;
    x.high = 0;
    x.sign = bits >>> 31;
    words[0] = bits;
    x.value = single[0];
    x.significand = x.value;
    x.exponent = 0;
  },
  store(unit, at, sign, exponent, high) {
    unit.words[at] = (sign << 31) | (exponent << 23) | ((high >>> 8) & 0x7fffff);
  },
  storeQuiet(unit, at, x) {
    unit.words[at] = x.kind >= Kind.QNAN ? x.low | SINGLE_QUIET : x.low;
  },
};

export const double64: Format = {
  words: 2,
  lanes: 2,
  precision: 53,
  bias: 1023,
  destination: DOUBLE,
  load(unit, at, x) {
    let low = unit.words[at];
    let high = unit.words[at + 1];
    const exponent = (high >>> 20) & 0x7ff;
    const isPower = ((high & 0xfffff) | low) === 0;
    x.kind = Kind.NORMAL;
    if (exponent === 0x7ff) {
      x.kind = isPower ? Kind.INFINITY : high & DOUBLE_QUIET ? Kind.QNAN : Kind.SNAN;
    } else if (exponent === 0) {
      x.kind = isPower ? Kind.ZERO : Kind.DENORMAL;
      if (unit.denormalsAreZeros) {
        x.kind = Kind.ZERO;
        low = 0;
        high &= 1 << 31;
      }
    }
    x.low = low;
    x.high = high;
    x.sign = high >>> 31;
    words[0] = low;
    words[1] = high;
    x.value = double[0];
    if (x.kind === Kind.DENORMAL) {
      double[0] *= SCALE;
      x.exponent = ((words[1] >>> 20) & 0x7ff) - 1023 - SCALE_EXPONENT;
    } else {
      x.exponent = exponent - 1023;
    }
    words[1] = (words[1] & 0x800fffff) | 0x3ff00000;
    x.significand = double[0];
  },
  store(unit, at, sign, exponent, high, low) {
    unit.words[at] = (low >>> 11) | (high << 21);
    unit.words[at + 1] = (sign << 31) | (exponent << 20) | ((high >>> 11) & 0xfffff);
  },
  storeQuiet(unit, at, x) {
    unit.words[at] = x.low;
    unit.words[at + 1] = x.kind >= Kind.QNAN ? x.high | DOUBLE_QUIET : x.high;
  },
};

export const storeZero = (unit: SimdUnit, format: Format, at: number, sign: number): void =>
  format.store(unit, at, sign, 0, 0, 0);
export const storeInfinity = (unit: SimdUnit, format: Format, at: number, sign: number): void =>
  format.store(unit, at, sign, format.destination.maxExponent + 1, 0, 0);
/** Writes the QNaN floating-point indefinite and reports an invalid operation. */
export const storeInvalid = (unit: SimdUnit, format: Format, at: number): void => {
  unit.before |= FpuStatus.IE;
  format.store(unit, at, 1, format.destination.maxExponent + 1, 0xc0000000, 0);
};

const rounded = new Float80();

/** Takes a number apart for rounding. @see deliver */
const expand = (significand: number, residual: number, exponent: number): void => {
  const x = rounded;
  double[0] = significand;
  x.sign = words[1] >>> 31;
  x.exponent = ((words[1] >>> 20) & 0x7ff) - 1023 + exponent;
  x.high = (1 << 31) | ((words[1] << 11) & 0x7fffffff) | (words[0] >>> 21);
  x.low = words[0] << 11;
  x.extra = 0;
  if (residual === 0) return;
  if (residual > 0 === (x.sign === 0)) {
    x.low |= 1;
    return;
  }
  if (x.low === 0) x.high = (x.high - 1) | 0;
  x.low = (x.low - 1) | 0;
  if (x.high >= 0) {
    x.high = -1;
    x.low = -2;
    x.exponent--;
  }
};

/**
 * Rounds a number that is not zero to a format, reports OE, UE and PE, and writes the result.
 * The number is (significand + residual) * 2^exponent. Of the residual, less than the significand's last place,
 * only the sign counts.
 */
export const deliver = (
  unit: SimdUnit,
  format: Format,
  at: number,
  significand: number,
  residual: number,
  exponent: number,
): void => {
  const { context } = unit;
  const { precision, destination } = format;
  const x = rounded;
  expand(significand, residual, exponent);
  x.exponent += format.bias;
  if (x.exponent < 1) {
    // Tininess is detected after rounding, as if the exponent were unbounded (SDM vol. 1, section 4.9.1.5).
    const tiny = x.exponent < 0 || !carriesOut(context, x, precision);
    if (tiny) {
      if (context.unmasked & FpuStatus.UE) {
        context.flags |= isInexact(x, precision) ? FpuStatus.UE | FpuStatus.PE : FpuStatus.UE;
        return;
      }
      if (unit.flushToZero) {
        context.flags |= FpuStatus.UE | FpuStatus.PE;
        storeZero(unit, format, at, x.sign);
        return;
      }
    }
    shiftRightSticky(x, 1 - x.exponent);
    x.exponent = 0;
    if (roundSignificand(context, x, precision)) {
      context.flags |= tiny ? FpuStatus.UE | FpuStatus.PE : FpuStatus.PE;
    }
    if (x.high < 0) x.exponent = 1;
  } else {
    if (roundSignificand(context, x, precision)) context.flags |= FpuStatus.PE;
    if (x.exponent > destination.maxExponent) {
      context.flags |= FpuStatus.OE;
      if (context.unmasked & FpuStatus.OE) return;
      overflow(context, x, precision, destination.maxExponent);
    }
  }
  format.store(unit, at, x.sign, x.exponent, x.high, x.low);
};
