/**
 * FSQRT of ordinary numbers, in integers: each step doubles the digits of a root with one division (Zimmermann,
 * Karatsuba Square Root, INRIA research report 3805).
 */
import type { Builder, Value, Wide } from '../../builder.ts';
import type { InstructionSpec } from '../../spec.ts';
import { conclude, finish, type Outcome } from './arithmetic.ts';
import { address, holds, isOrdinary, leave, readStack, registerForm } from './entry.ts';
import {
  isNormalOrZero,
  isZero,
  isZeroWide,
  type Number80,
  readRegister,
  shiftLeft,
  shiftRight,
} from './number.ts';

/** A root, and what is left of the number below it. */
interface Root<T> {
  readonly root: T;
  readonly rest: T;
}

/** Of a number of 16 bits, digit by digit. */
const rootOf16 = (b: Builder, n: Value): Root<Value> => {
  let root: Value = b.constant(0);
  let rest: Value = b.constant(0);
  for (let shift = 14; shift >= 0; shift -= 2) {
    const next = b.or(b.shl(rest, 2), b.and(b.shrU(n, shift), 3));
    const trial = b.or(b.shl(root, 2), 1);
    const fits = b.geU(next, trial);
    rest = b.sub(next, b.select(fits, trial, 0));
    root = b.or(b.shl(root, 1), fits);
  }
  return { root, rest };
};

/** Of a number of 32 bits, of which one of the upper two is set. */
const rootOf32 = (b: Builder, n: Value): Root<Value> => {
  const upper = rootOf16(b, b.shrU(n, 16));
  const dividend = b.or(b.shl(upper.rest, 8), b.and(b.shrU(n, 8), 0xff));
  const divisor = b.shl(upper.root, 1);
  const quotient = b.divU(dividend, divisor);
  const left = b.sub(dividend, b.mul(quotient, divisor));
  const root = b.add(b.shl(upper.root, 8), quotient);
  const rest = b.sub(b.or(b.shl(left, 8), b.and(n, 0xff)), b.mul(quotient, quotient));
  const negative = b.shrU(rest, 31);
  return {
    root: b.sub(root, negative),
    rest: b.add(rest, b.select(negative, b.sub(b.shl(root, 1), 1), 0)),
  };
};

/** Of a number of 64 bits, of which one of the upper two is set. */
const rootOf64 = (b: Builder, n: Wide): Root<Wide> => {
  const small = rootOf32(b, b.high(n));
  const [upperRoot, upperRest] = [b.widen(small.root, false), b.widen(small.rest, false)];
  const mask = b.wideConstant(0xffffn);
  const dividend = b.wideOr(shiftLeft(b, upperRest, 16), b.wideAnd(shiftRight(b, n, 16), mask));
  const divisor = shiftLeft(b, upperRoot, 1);
  const quotient = b.wideDivU(dividend, divisor);
  const left = b.wideSub(dividend, b.wideMul(quotient, divisor));
  const root = b.wideAdd(shiftLeft(b, upperRoot, 16), quotient);
  const rest = b.wideSub(b.wideOr(shiftLeft(b, left, 16), b.wideAnd(n, mask)), b.wideMul(quotient, quotient));
  const negative = shiftRight(b, rest, 63);
  const twice = b.wideSub(shiftLeft(b, root, 1), b.wideConstant(1n));
  return {
    root: b.wideSub(root, negative),
    rest: b.wideAdd(rest, b.wideSelect(b.narrow(negative), twice, b.wideConstant(0n))),
  };
};

const squareRoot = (b: Builder, x: Number80): Outcome => {
  // 128 bits, one of the upper two set, that are an even power of two away from the number.
  const odd = b.and(x.exponent, 1);
  const high = shiftRight(b, x.significand, odd);
  const low = shiftLeft(b, b.wideAnd(x.significand, b.widen(odd, false)), 63);
  const upper = rootOf64(b, high);
  // The remainder has 33 bits: it is halved, and the divisor with it, to stay within 64.
  const dividend = b.wideOr(shiftLeft(b, upper.rest, 31), shiftRight(b, low, 33));
  const quotient = b.wideDivU(dividend, upper.root);
  const left = b.wideSub(dividend, b.wideMul(quotient, upper.root));
  const root = b.wideAdd(shiftLeft(b, upper.root, 32), quotient);
  // The rest of the last step in 65 bits and a sign.
  const whole = shiftLeft(b, left, 33);
  const square = b.wideMul(quotient, quotient);
  const rest = b.wideSub(whole, square);
  const top = b.sub(b.narrow(shiftRight(b, left, 31)), b.add(b.high(quotient), b.wideLtU(whole, square)));
  const negative = b.shrU(top, 31);
  const exactRoot = b.wideSub(root, b.widen(negative, false));
  // Round up if the rest is larger than the root. A negative one stands for 2 root + 1 more.
  const missing = b.wideSub(b.wideConstant(0n), rest);
  const upNegative = b.and(b.eqz(isZeroWide(b, missing)), b.eqz(b.wideLtU(exactRoot, missing)));
  const upPositive = b.or(b.ne(top, 0), b.wideLtU(exactRoot, rest));
  const up = b.select(negative, upNegative, upPositive);
  const inexact = b.or(b.ne(top, 0), b.eqz(isZeroWide(b, rest)));
  const exponent = b.add(b.add(b.shrU(x.exponent, 1), 8191), odd);
  return finish(b, exactRoot, up, inexact, exponent, b.constant(0), b.constant(0));
};

export const roots: readonly InstructionSpec[] = [
  registerForm('fsqrt', (b) => {
    const stack = readStack(b);
    const x = readRegister(b, address(b, stack, 0));
    const positive = b.eqz(b.or(x.sign, isZero(b, x)));
    b.if(
      b.and(b.and(isOrdinary(b), holds(b, stack, 0)), b.and(positive, isNormalOrZero(b, x))),
      () => conclude(b, stack, squareRoot(b, x), b.constant(0), false),
      () => leave(b),
    );
  }),
];
