/** FRNDINT, FSCALE and FXTRACT: operations on the exponent. */
import { FpuStatus } from '../../x86/fpu.ts';
import type { Operation, UnaryOperation } from './arithmetic.ts';
import {
  assign,
  BIAS,
  type Float80,
  Kind,
  normalizeOperand,
  setInfinity,
  settlePseudoDenormal,
  setZero,
} from './float80.ts';
import { invalid, propagateNaN } from './nan.ts';
import { type Context, integerToFloat, round, roundToInteger } from './rounding.ts';

export const roundToIntegral: UnaryOperation = (context, x, out) => {
  if (x.kind > Kind.INFINITY) return propagateNaN(context, x, x, out);
  assign(out, x);
  if (x.kind === Kind.ZERO || x.kind === Kind.INFINITY) return true;
  if (!context.checkDenormal(x, x)) return false;
  normalizeOperand(out);
  const exponent = out.exponent - BIAS;
  if (exponent >= 63) return true;
  if (roundToInteger(context, out, exponent)) context.flags |= FpuStatus.PE;
  integerToFloat(out);
  return true;
};

/** Beyond this every scaling of a finite number overflows or underflows, adjusted exponents included. */
const GREATEST_SCALE = 0x10000;

/** A finite number's integer part, clamped to what makes a difference to FSCALE. */
const scaleOf = (x: Float80): number => {
  if (x.kind === Kind.ZERO) return 0;
  const exponent = x.exponent - BIAS;
  if (exponent < 0) return 0;
  const magnitude = exponent > 16 ? GREATEST_SCALE : Math.min(x.high >>> (31 - exponent), GREATEST_SCALE);
  return x.sign ? -magnitude : magnitude;
};

/** `left` times two to the integer part of `right`. */
export const scale: Operation = (context, left, right, out) => {
  if (left.kind > Kind.INFINITY || right.kind > Kind.INFINITY) {
    return propagateNaN(context, left, right, out);
  }
  if (right.kind === Kind.INFINITY) {
    if (left.kind === (right.sign ? Kind.INFINITY : Kind.ZERO)) return invalid(context, out);
    if (right.sign) setZero(out, left.sign);
    else setInfinity(out, left.sign);
    return context.checkDenormal(left, right);
  }
  if (!context.checkDenormal(left, right)) return false;
  assign(out, left);
  if (left.kind === Kind.ZERO || left.kind === Kind.INFINITY) return true;
  if (right.kind === Kind.ZERO) {
    settlePseudoDenormal(out);
    return true;
  }
  normalizeOperand(out);
  out.exponent += scaleOf(right);
  return round(context, out, 64);
};

/** Splits a number: `out` receives its exponent, `significand` its significand. */
export const extract = (context: Context, x: Float80, out: Float80, significand: Float80): boolean => {
  if (x.kind > Kind.INFINITY) {
    const deliver = propagateNaN(context, x, x, out);
    assign(significand, out);
    return deliver;
  }
  assign(significand, x);
  if (x.kind === Kind.ZERO) {
    setInfinity(out, 1);
    return context.raise(FpuStatus.ZE);
  }
  if (x.kind === Kind.INFINITY) {
    setInfinity(out, 0);
    return true;
  }
  if (!context.checkDenormal(x, x)) return false;
  normalizeOperand(significand);
  const exponent = significand.exponent - BIAS;
  significand.exponent = BIAS;
  out.sign = exponent < 0 ? 1 : 0;
  out.high = 0;
  out.low = Math.abs(exponent);
  out.extra = 0;
  integerToFloat(out);
  return true;
};
