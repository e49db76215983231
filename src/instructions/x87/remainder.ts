/** FPREM and FPREM1 (SDM vol. 2): exact remainders, in several executions when the quotient is long. */
import {
  assign,
  compareSignificands,
  type Float80,
  Kind,
  normalize,
  normalizeOperand,
  settlePseudoDenormal,
  setZero,
} from './float80.ts';
import { invalid, propagateNaN } from './nan.ts';
import { type Context, round } from './rounding.ts';

/** How a remainder was found: the low bits of the quotient, or that only part of the reduction was done. */
export class Quotient {
  /** Modulo 8; zero after a partial reduction. */
  bits = 0;
  partial = false;
}

/** Exponent differences up to this are reduced in one go (SDM vol. 2, FPREM). */
const COMPLETE = 63;

/**
 * Subtracts `divisor` times the truncated quotient from `out`, for `steps` + 1 bits of quotient.
 * Both are normalised; on return out's exponent is that of the divisor, scaled as the steps left it.
 */
const reduce = (out: Float80, divisor: Float80, steps: number, quotient: Quotient): void => {
  const divisorHigh = divisor.high >>> 0;
  const divisorLow = divisor.low >>> 0;
  let high = out.high >>> 0;
  let low = out.low >>> 0;
  let bits = 0;
  let overflowed = false;
  for (let step = 0; ; step++) {
    bits = (bits << 1) & 7;
    if (overflowed || high > divisorHigh || (high === divisorHigh && low >= divisorLow)) {
      high = (high - divisorHigh - (low < divisorLow ? 1 : 0)) >>> 0;
      low = (low - divisorLow) >>> 0;
      bits |= 1;
    }
    if (step === steps) break;
    overflowed = high > 0x7fffffff;
    high = ((high << 1) | (low >>> 31)) >>> 0;
    low = (low << 1) >>> 0;
  }
  out.high = high | 0;
  out.low = low | 0;
  out.exponent -= steps;
  quotient.bits = bits;
};

/** Whether twice the remainder exceeds the divisor (1), equals it (0) or is below it (-1). */
const compareWithHalf = (x: Float80, divisor: Float80): number => {
  const difference = x.exponent - (divisor.exponent - 1);
  return difference !== 0 ? difference : compareSignificands(x, divisor);
};

/** Turns a remainder in [0, divisor) into the one of the nearest quotient, the even one of two. */
const toNearest = (x: Float80, divisor: Float80, quotient: Quotient): void => {
  const order = compareWithHalf(x, divisor);
  if (order < 0 || (order === 0 && (quotient.bits & 1) === 0)) return;
  // divisor - x: both scaled to the divisor's exponent, x being less and at least half of it.
  const shift = divisor.exponent - x.exponent;
  const xHigh = shift ? x.high >>> 1 : x.high >>> 0;
  const xLow = shift ? ((x.high << 31) | (x.low >>> 1)) >>> 0 : x.low >>> 0;
  const lost = shift ? x.low & 1 : 0;
  const low = (divisor.low >>> 0) - xLow - lost;
  x.high = (divisor.high - xHigh - (low < 0 ? 1 : 0)) | 0;
  x.low = low | 0;
  x.extra = lost ? 1 << 31 : 0;
  x.exponent = divisor.exponent;
  x.sign ^= 1;
  quotient.bits = (quotient.bits + 1) & 7;
};

/** FPREM, or with `nearest` FPREM1 (the IEEE remainder): `out` = left modulo right. */
export const remainder = (
  context: Context,
  left: Float80,
  right: Float80,
  nearest: boolean,
  out: Float80,
  quotient: Quotient,
): boolean => {
  quotient.bits = 0;
  quotient.partial = false;
  if (left.kind > Kind.INFINITY || right.kind > Kind.INFINITY) {
    return propagateNaN(context, left, right, out);
  }
  if (left.kind === Kind.INFINITY || right.kind === Kind.ZERO) return invalid(context, out);
  if (!context.checkDenormal(left, right)) return false;
  assign(out, left);
  if (left.kind === Kind.ZERO) return true;
  if (right.kind === Kind.INFINITY) {
    settlePseudoDenormal(out);
    return true;
  }
  normalizeOperand(out);
  normalizeOperand(right);
  const difference = out.exponent - right.exponent;
  if (difference > COMPLETE) {
    // Part of the reduction, by 32 to 63 bits of the quotient, chosen to leave a multiple of 32 to do.
    quotient.partial = true;
    reduce(out, right, (difference & 31) | 32, quotient);
    quotient.bits = 0;
  } else if (difference >= 0) {
    reduce(out, right, difference, quotient);
  }
  if ((out.high | out.low) === 0) {
    setZero(out, left.sign);
    return true;
  }
  normalize(out);
  if (nearest && !quotient.partial) toNearest(out, right, quotient);
  if ((out.high | out.low | out.extra) === 0) {
    setZero(out, left.sign);
    return true;
  }
  normalize(out);
  return round(context, out, 64);
};
