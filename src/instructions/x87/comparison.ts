/** Comparison (SDM vol. 2, table 3-21). */
import { FpuStatus } from '../../x86/fpu.ts';
import { compareSignificands, type Float80, Kind, normalizeOperand } from './float80.ts';
import type { Context } from './rounding.ts';

/** What a comparison finds. */
export const Order = { LESS: -1, EQUAL: 0, GREATER: 1, UNORDERED: 2 } as const;
export type Order = (typeof Order)[keyof typeof Order];

/** Compares two numbers that are no NaNs; they may be normalised in place. */
export const compareNumbers = (a: Float80, b: Float80): Order => {
  if (a.kind === Kind.ZERO && b.kind === Kind.ZERO) return Order.EQUAL;
  const signA = a.kind === Kind.ZERO ? b.sign ^ 1 : a.sign;
  if (a.kind === Kind.ZERO || b.kind === Kind.ZERO || a.sign !== b.sign) {
    return signA ? Order.LESS : Order.GREATER;
  }
  if (a.kind !== Kind.INFINITY) normalizeOperand(a);
  if (b.kind !== Kind.INFINITY) normalizeOperand(b);
  const order = a.exponent - b.exponent || compareSignificands(a, b);
  if (order === 0) return Order.EQUAL;
  return order > 0 === (a.sign === 0) ? Order.GREATER : Order.LESS;
};

/**
 * Compares two numbers. @param quiet whether a quiet NaN is no invalid operation (the FUCOM family)
 * `context.flags` tells what was met.
 */
export const compare = (context: Context, a: Float80, b: Float80, quiet: boolean): Order => {
  if (a.kind > Kind.INFINITY || b.kind > Kind.INFINITY) {
    const bad = quiet ? Kind.SNAN : Kind.QNAN;
    if (a.kind >= bad || b.kind >= bad) context.flags |= FpuStatus.IE;
    return Order.UNORDERED;
  }
  context.checkDenormal(a, b);
  return compareNumbers(a, b);
};
