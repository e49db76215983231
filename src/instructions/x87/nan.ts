/** Operands that are not numbers, and invalid operations (SDM vol. 1, sections 4.8.3.5 and 8.5.1.2). */
import { FpuStatus } from '../../x86/fpu.ts';
import { assign, compareSignificands, type Float80, Kind, setIndefinite } from './float80.ts';
import type { Context } from './rounding.ts';

/** The quiet bit: the significand's second. */
const QUIET = 1 << 30;

/** Delivers the masked response to an invalid operation. @returns whether there is a result to deliver */
export const invalid = (context: Context, out: Float80): boolean => {
  setIndefinite(out);
  return context.raise(FpuStatus.IE);
};

/** Which of two NaNs survives (SDM vol. 1, table 4-7). */
const survivor = (a: Float80, b: Float80): Float80 => {
  if (a.kind !== b.kind) {
    if (a.kind < Kind.QNAN) return b;
    if (b.kind < Kind.QNAN) return a;
    return a.kind === Kind.QNAN ? a : b;
  }
  const order = compareSignificands(a, b);
  if (order !== 0) return order > 0 ? a : b;
  return a.sign <= b.sign ? a : b;
};

/**
 * The result of an operation of which an operand is a NaN or in an unsupported format. `a` and `b` may be
 * the same for an operation with one operand. @returns whether there is a result to deliver
 */
export const propagateNaN = (context: Context, a: Float80, b: Float80, out: Float80): boolean => {
  if (a.kind === Kind.UNSUPPORTED || b.kind === Kind.UNSUPPORTED) return invalid(context, out);
  const signaling = a.kind === Kind.SNAN || b.kind === Kind.SNAN;
  assign(out, survivor(a, b));
  out.high |= QUIET;
  out.kind = Kind.QNAN;
  return !signaling || context.raise(FpuStatus.IE);
};
