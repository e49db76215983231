/** Products, quotients and roots of 64-bit significands, from 32-bit integers. */
import type { Float80 } from './float80.ts';

/** Bits 63-32 of the product of two unsigned 32-bit integers. */
const multiplyHigh = (a: number, b: number): number => {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const other = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000)) >>> 0;
};

/** The product's upper 96 bits; the significand of 1.5 * 1.5 has its integer bit set, that of 1.0 * 1.0 not. */
export const multiplySignificands = (a: Float80, b: Float80, out: Float80): void => {
  const w0 = Math.imul(a.low, b.low) >>> 0;
  const p01 = Math.imul(a.low, b.high) >>> 0;
  const p10 = Math.imul(a.high, b.low) >>> 0;
  const p11 = Math.imul(a.high, b.high) >>> 0;
  const w1 = multiplyHigh(a.low, b.low) + p01 + p10;
  const w2 = multiplyHigh(a.low, b.high) + multiplyHigh(a.high, b.low) + p11 + Math.floor(w1 / 0x100000000);
  const w3 = multiplyHigh(a.high, b.high) + Math.floor(w2 / 0x100000000);
  out.high = w3 | 0;
  out.low = w2 | 0;
  out.extra = w1 | (w0 === 0 ? 0 : 1);
};

/**
 * The quotient of two normalised significands, 66 bits of it: the integer bit is clear when the dividend is
 * the smaller one. Schoolbook long division, a bit a step.
 */
export const divideSignificands = (dividend: Float80, divisor: Float80, out: Float80): void => {
  const divisorHigh = divisor.high >>> 0;
  const divisorLow = divisor.low >>> 0;
  let high = dividend.high >>> 0;
  let low = dividend.low >>> 0;
  let overflowed = false;
  let word = 0;
  for (let bit = 0; bit < 66; bit++) {
    word <<= 1;
    if (overflowed || high > divisorHigh || (high === divisorHigh && low >= divisorLow)) {
      high = (high - divisorHigh - (low < divisorLow ? 1 : 0)) >>> 0;
      low = (low - divisorLow) >>> 0;
      word |= 1;
    }
    overflowed = high > 0x7fffffff;
    high = ((high << 1) | (low >>> 31)) >>> 0;
    low = (low << 1) >>> 0;
    if (bit === 31) out.high = word;
    else if (bit === 63) out.low = word;
  }
  const sticky = overflowed || (high | low) !== 0 ? 1 : 0;
  out.extra = (word << 30) | sticky;
};

/**
 * The square root of a normalised significand in [1, 2), or of its double when `odd` is 1; 66 bits, digit by
 * digit. With R the root found so far and d the digit on trial, taking d reduces the remainder by
 * (2R + d) * d; the remainder is doubled at each step instead of multiplying by d. All numbers are below 16
 * and have 92 bits of fraction, in three words.
 */
export const squareRootSignificand = (x: Float80, odd: number, out: Float80): void => {
  const down = 3 - odd;
  let top = x.high >>> down;
  let middle = ((x.high << (32 - down)) | (x.low >>> down)) >>> 0;
  let bottom = (x.low << (32 - down)) >>> 0;
  let twiceTop = 0;
  let twiceMiddle = 0;
  let twiceBottom = 0;
  let word = 0;
  for (let bit = 0; bit < 66; bit++) {
    const position = 92 - bit;
    const digit = 1 << (position & 31);
    const trialTop = twiceTop | (position >= 64 ? digit : 0);
    const trialMiddle = (twiceMiddle | (position < 64 && position >= 32 ? digit : 0)) >>> 0;
    const trialBottom = (twiceBottom | (position < 32 ? digit : 0)) >>> 0;
    word <<= 1;
    const fits =
      top !== trialTop
        ? top > trialTop
        : middle !== trialMiddle
          ? middle > trialMiddle
          : bottom >= trialBottom;
    if (fits) {
      word |= 1;
      const borrowBottom = bottom < trialBottom ? 1 : 0;
      const difference = middle - trialMiddle - borrowBottom;
      bottom = (bottom - trialBottom) >>> 0;
      middle = difference >>> 0;
      top -= trialTop + (difference < 0 ? 1 : 0);
      const twice = position + 1;
      const twiceDigit = 1 << (twice & 31);
      if (twice >= 64) twiceTop |= twiceDigit;
      else if (twice >= 32) twiceMiddle |= twiceDigit;
      else twiceBottom |= twiceDigit;
    }
    top = (top << 1) | (middle >>> 31);
    middle = ((middle << 1) | (bottom >>> 31)) >>> 0;
    bottom = (bottom << 1) >>> 0;
    if (bit === 31) out.high = word;
    else if (bit === 63) out.low = word;
  }
  const sticky = (top | middle | bottom) === 0 ? 0 : 1;
  out.extra = (word << 30) | sticky;
};
