/** The transcendental instructions (SDM vol. 1, section 8.3.7): special values, exceptions and the stack. */
import { FpuStatus } from '../../x86/fpu.ts';
import type { Operation, UnaryOperation } from './arithmetic.ts';
import { unary } from './computing.ts';
import {
  arctangent,
  cosine,
  exponentialMinusOne,
  logarithm,
  logarithmPlusOne,
  piTimes,
  product,
  type Reduced,
  reduceAngle,
  type Scaled,
  scaledOf,
  settle,
  sine,
  tangent,
} from './elementary.ts';
import {
  assign,
  BIAS,
  type Float80,
  Kind,
  normalizeOperand,
  setInfinity,
  setZero,
  unpack,
} from './float80.ts';
import { invalid, propagateNaN } from './nan.ts';
import { type Context, round } from './rounding.ts';
import {
  begin,
  commit,
  context,
  deliver,
  enter,
  left,
  loadRegister,
  push,
  type Run,
  result,
  right,
  roomToReplaceAndPush,
  storeRegister,
  underflowInto,
} from './unit.ts';

/**
 * Rounds a function's value; as on silicon it counts as inexact even where it happens not to be.
 * @returns whether there is a result to deliver
 */
const conclude = (ctx: Context, value: Scaled, out: Float80): boolean => {
  settle(out, value);
  ctx.flags |= FpuStatus.PE;
  return round(ctx, out, 64);
};

const setOne = (x: Float80): void => unpack(x, 0, 1 << 31, BIAS);

/** Whether a number's magnitude is 1. */
const isOne = (x: Float80): boolean => x.exponent === BIAS && x.high === 1 << 31 && x.low === 0;

/** F2XM1: 2^x - 1. */
const exponential: UnaryOperation = (ctx, x, out) => {
  if (x.kind > Kind.INFINITY) return propagateNaN(ctx, x, x, out);
  assign(out, x);
  if (x.kind === Kind.ZERO) return true;
  if (x.kind === Kind.INFINITY) {
    if (x.sign) unpack(out, 0, 1 << 31, BIAS | 0x8000);
    return true;
  }
  if (!ctx.checkDenormal(x, x)) return false;
  normalizeOperand(x);
  if (x.exponent >= BIAS) {
    // 2 - 1 and 1/2 - 1; beyond [-1, 1] the result is undefined, and silicon returns the operand.
    if (x.sign && isOne(x)) out.exponent = BIAS - 1;
    ctx.flags |= FpuStatus.PE;
    return true;
  }
  return conclude(ctx, exponentialMinusOne(scaledOf(x)), out);
};

/** y times log2(x), or of x + 1. */
type Logarithm = (ctx: Context, x: Float80, y: Float80, out: Float80) => boolean;

const yTimesLogarithm: Logarithm = (ctx, x, y, out) => {
  if (x.kind > Kind.INFINITY || y.kind > Kind.INFINITY) return propagateNaN(ctx, x, y, out);
  if (x.sign && x.kind !== Kind.ZERO) return invalid(ctx, out);
  if (x.kind === Kind.INFINITY) {
    if (y.kind === Kind.ZERO) return invalid(ctx, out);
    setInfinity(out, y.sign);
    return ctx.checkDenormal(x, y);
  }
  if (x.kind === Kind.ZERO) {
    if (y.kind === Kind.ZERO) return invalid(ctx, out);
    setInfinity(out, y.sign ^ 1);
    return y.kind === Kind.INFINITY || ctx.raise(FpuStatus.ZE);
  }
  const below = x.exponent < BIAS;
  if (y.kind === Kind.INFINITY) {
    if (isOne(x)) return invalid(ctx, out);
    setInfinity(out, y.sign ^ (below ? 1 : 0));
    return ctx.checkDenormal(x, y);
  }
  if (!ctx.checkDenormal(x, y)) return false;
  if (y.kind === Kind.ZERO || isOne(x)) {
    setZero(out, y.sign ^ (below ? 1 : 0));
    return true;
  }
  normalizeOperand(x);
  normalizeOperand(y);
  const { mantissa, exponent } = scaledOf(x);
  return conclude(ctx, product(logarithm(mantissa, exponent)!, scaledOf(y)), out);
};

const yTimesLogarithmPlusOne: Logarithm = (ctx, x, y, out) => {
  if (x.kind > Kind.INFINITY || y.kind > Kind.INFINITY) return propagateNaN(ctx, x, y, out);
  const sign = x.sign ^ y.sign;
  if (x.kind === Kind.INFINITY) {
    if (x.sign || y.kind === Kind.ZERO) return invalid(ctx, out);
    setInfinity(out, sign);
    return ctx.checkDenormal(x, y);
  }
  if (y.kind === Kind.INFINITY) {
    if (x.kind === Kind.ZERO) return invalid(ctx, out);
    setInfinity(out, sign);
    return ctx.checkDenormal(x, y);
  }
  if (!ctx.checkDenormal(x, y)) return false;
  if (x.kind === Kind.ZERO || y.kind === Kind.ZERO) {
    setZero(out, sign);
    return true;
  }
  normalizeOperand(x);
  normalizeOperand(y);
  if (x.sign && x.exponent >= BIAS) {
    // Undefined by the manual; silicon returns the operand.
    assign(out, x);
    ctx.flags |= FpuStatus.PE;
    return true;
  }
  return conclude(ctx, product(logarithmPlusOne(scaledOf(x)), scaledOf(y)), out);
};

/** FPATAN: the angle of the point (x, y). */
const angleOf: Operation = (ctx, y, x, out) => {
  if (x.kind > Kind.INFINITY || y.kind > Kind.INFINITY) return propagateNaN(ctx, y, x, out);
  if (!ctx.checkDenormal(x, y)) return false;
  if (y.kind === Kind.ZERO || (x.kind === Kind.INFINITY && y.kind !== Kind.INFINITY)) {
    setZero(out, y.sign);
    if (!x.sign) return true;
    return withSign(ctx, piTimes(1n, 1n), y.sign, out);
  }
  if (y.kind === Kind.INFINITY || x.kind === Kind.ZERO) {
    const quarters = x.kind !== Kind.INFINITY ? 2n : x.sign ? 3n : 1n;
    return withSign(ctx, piTimes(quarters, 4n), y.sign, out);
  }
  normalizeOperand(x);
  normalizeOperand(y);
  return conclude(ctx, arctangent(scaledOf(y), scaledOf(x)), out);
};

const withSign = (ctx: Context, value: Scaled, sign: number, out: Float80): boolean =>
  conclude(ctx, sign ? { ...value, mantissa: -value.mantissa } : value, out);

/** ST(1) = ST(1) op ST(0), then pop. */
const popping =
  (operation: Operation): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    begin(cpu, operands, fpu);
    let delivered: boolean;
    if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
      delivered = underflowInto(fpu, 1);
    } else {
      loadRegister(fpu, 1, left);
      loadRegister(fpu, 0, right);
      delivered = deliver(fpu, operation(context, left, right, result), 1);
    }
    if (delivered) fpu.pop();
  };

/** Angles from here on are out of range (SDM vol. 2, FSIN). */
const ANGLE_LIMIT = BIAS + 63;

/**
 * A trigonometric function of one angle. FPTAN and FSINCOS push a second result.
 * @param small what a zero angle gives, its sign aside: 0 itself, or 1
 */
interface Trigonometric {
  readonly value: (angle: Reduced) => Scaled;
  readonly small: 0 | 1;
}
const sineFunction: Trigonometric = { value: sine, small: 0 };
const cosineFunction: Trigonometric = { value: cosine, small: 1 };
const tangentFunction: Trigonometric = { value: tangent, small: 0 };

const evaluate = (
  ctx: Context,
  f: Trigonometric,
  x: Float80,
  angle: Reduced | null,
  out: Float80,
): boolean => {
  if (angle) return conclude(ctx, f.value(angle), out);
  if (f.small) setOne(out);
  else setZero(out, x.sign);
  return true;
};

/** Replaces ST(0). @param pushed what is pushed after: the cosine, 1.0 or nothing */
const trigonometric =
  (replaced: Trigonometric, pushed: 'cosine' | 'one' | 'nothing'): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    begin(cpu, operands, fpu);
    fpu.status &= ~FpuStatus.C2;
    if (pushed !== 'nothing') {
      if (!roomToReplaceAndPush(fpu)) return;
    } else if (fpu.isEmpty(0)) {
      underflowInto(fpu, 0);
      return;
    }
    loadRegister(fpu, 0, left);
    if (left.kind >= Kind.INFINITY) {
      const delivered =
        left.kind === Kind.INFINITY ? invalid(context, result) : propagateNaN(context, left, left, result);
      if (deliver(fpu, delivered, 0) && pushed !== 'nothing') push(fpu, result);
      return;
    }
    if (left.exponent >= ANGLE_LIMIT) {
      fpu.status |= FpuStatus.C2;
      return;
    }
    if (!context.checkDenormal(left, left)) {
      commit(fpu);
      return;
    }
    normalizeOperand(left);
    const angle = left.kind === Kind.ZERO ? null : reduceAngle(left);
    evaluate(context, replaced, left, angle, result);
    if (pushed === 'one') setOne(right);
    else if (pushed === 'cosine') evaluate(context, cosineFunction, left, angle, right);
    commit(fpu);
    storeRegister(fpu, 0, result);
    if (pushed !== 'nothing') push(fpu, right);
  };

export const transcendental: Readonly<Record<string, Run>> = {
  f2xm1: unary(exponential),
  fyl2x: popping((ctx, y, x, out) => yTimesLogarithm(ctx, x, y, out)),
  fyl2xp1: popping((ctx, y, x, out) => yTimesLogarithmPlusOne(ctx, x, y, out)),
  fpatan: popping(angleOf),
  fptan: trigonometric(tangentFunction, 'one'),
  fsin: trigonometric(sineFunction, 'nothing'),
  fcos: trigonometric(cosineFunction, 'nothing'),
  fsincos: trigonometric(sineFunction, 'cosine'),
};
