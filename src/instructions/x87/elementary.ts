/**
 * The elementary functions behind the transcendental instructions, in fixed-point arithmetic on big integers
 * with far more bits than a result has, so that results are correctly rounded (SDM vol. 1, section 8.3.10 asks
 * for an error below one unit in the last place).
 */
import { BIAS, type Float80, Kind } from './float80.ts';

/** Bits of fraction of a fixed-point number. */
const FRACTION = 192;
const SHIFT = BigInt(FRACTION);
const ONE = 1n << SHIFT;
const HALF = ONE >> 1n;

/** Pi and the natural logarithm of 2, with FRACTION bits of fraction. */
const PI = 0x3243f6a8885a308d313198a2e03707344a4093822299f31d0n;
const LN2 = 0xb17217f7d1cf79abc9e3b39803f2f6af40f343267298b62dn;

/**
 * The pi that arguments are reduced with: 66 bits of it (SDM vol. 1, section 8.3.8), and the bits of fraction
 * of a half of it.
 */
const REDUCTION_PI = 0xc90fdaa22168c234cn;
const HALF_PI_FRACTION = 67;

/** A number `mantissa` * 2^`exponent`, truncated unless `exact`. */
export interface Scaled {
  readonly mantissa: bigint;
  readonly exponent: number;
  readonly exact: boolean;
}

const bitLength = (x: bigint): number => {
  const digits = (x < 0n ? -x : x).toString(16);
  return (digits.length - 1) * 4 + 32 - Math.clz32(Number.parseInt(digits[0], 16));
};

/** The significand of a normalised number and the weight of its lowest bit. Signed. */
export const scaledOf = (x: Float80): Scaled => {
  const magnitude = (BigInt(x.high >>> 0) << 32n) | BigInt(x.low >>> 0);
  return { mantissa: x.sign ? -magnitude : magnitude, exponent: x.exponent - BIAS - 63, exact: true };
};

/** Puts a number that is not zero into `out`, ready to be rounded. */
export const settle = (out: Float80, x: Scaled): void => {
  const magnitude = x.mantissa < 0n ? -x.mantissa : x.mantissa;
  const bits = bitLength(magnitude);
  const excess = bits - 96;
  const top = excess > 0 ? magnitude >> BigInt(excess) : magnitude << BigInt(-excess);
  const lost = !x.exact || (excess > 0 && magnitude !== top << BigInt(excess));
  out.sign = x.mantissa < 0n ? 1 : 0;
  out.exponent = x.exponent + bits - 1 + BIAS;
  out.high = Number(top >> 64n) | 0;
  out.low = Number((top >> 32n) & 0xffffffffn) | 0;
  out.extra = Number(top & 0xffffffffn) | (lost ? 1 : 0);
  out.kind = Kind.NORMAL;
};

/** Fixed-point value of a scaled number, truncated. */
const toFixed = (x: Scaled): bigint => {
  const left = x.exponent + FRACTION;
  return left >= 0 ? x.mantissa << BigInt(left) : x.mantissa >> BigInt(-left);
};

/** A scaled number times a fixed-point one. */
const timesFixed = (x: Scaled, factor: bigint): Scaled => ({
  mantissa: x.mantissa * factor,
  exponent: x.exponent - FRACTION,
  exact: false,
});

/** A quotient with more significant bits than a fixed-point number has bits of fraction. */
export const quotientOf = (a: Scaled, b: Scaled): Scaled => {
  const left = FRACTION + 8 + Math.max(0, bitLength(b.mantissa) - bitLength(a.mantissa));
  const dividend = a.mantissa << BigInt(left);
  const mantissa = dividend / b.mantissa;
  return {
    mantissa,
    exponent: a.exponent - left - b.exponent,
    exact: a.exact && b.exact && mantissa * b.mantissa === dividend,
  };
};

export const product = (a: Scaled, b: Scaled): Scaled => ({
  mantissa: a.mantissa * b.mantissa,
  exponent: a.exponent + b.exponent,
  exact: a.exact && b.exact,
});

/**
 * 1 - x/a1 + x^2/(a1 a2) - ... in fixed point. Where the sum is not distinguishable from 1 the result lies on
 * the right side of it all the same, so that directed rounding is right.
 */
const alternating = (x: bigint, divisor: (term: number) => number): bigint => {
  let sum = ONE;
  let term = ONE;
  for (let n = 1; ; n++) {
    term = (term * x) >> SHIFT;
    term /= BigInt(divisor(n));
    if (term === 0n) break;
    sum += n & 1 ? -term : term;
  }
  return sum === ONE ? ONE - 1n : sum;
};

/** 1 + s/3 + s^2/5 + ..., the series of atanh(z)/z in s = z^2; that of atan(z)/z has s = -z^2. */
const oddReciprocals = (s: bigint): bigint => {
  let sum = ONE;
  let power = ONE;
  for (let n = 3n; ; n += 2n) {
    power = (power * s) / ONE;
    if (power === 0n) break;
    sum += power / n;
  }
  if (sum !== ONE) return sum;
  return s < 0n ? ONE - 1n : ONE + 1n;
};

const square = (x: Scaled): bigint => {
  const fixed = toFixed(x);
  return (fixed * fixed) >> SHIFT;
};

/** An angle less a multiple of pi/2. */
export interface Reduced {
  /** In [-pi/4, pi/4]. */
  readonly angle: Scaled;
  /** The multiple, modulo 4. */
  readonly quadrant: number;
}

/** Reduces an angle below 2^63. @param x normalised, not zero */
export const reduceAngle = (x: Float80): Reduced => {
  const { mantissa, exponent } = scaledOf(x);
  // Arguments below a half need no reduction, however long their fraction is.
  if (x.exponent < BIAS - 1) return { angle: { mantissa, exponent, exact: true }, quadrant: 0 };
  const fraction = Math.max(HALF_PI_FRACTION, -exponent);
  const angle = mantissa << BigInt(exponent + fraction);
  const halfPi = REDUCTION_PI << BigInt(fraction - HALF_PI_FRACTION);
  const magnitude = angle < 0n ? -angle : angle;
  const multiple = (magnitude + halfPi / 2n) / halfPi;
  const rest = magnitude - multiple * halfPi;
  const quadrant = Number(multiple & 3n);
  return {
    angle: { mantissa: angle < 0n ? -rest : rest, exponent: -fraction, exact: true },
    quadrant: angle < 0n ? (4 - quadrant) & 3 : quadrant,
  };
};

const sineOfReduced = (x: Scaled): Scaled =>
  timesFixed(
    x,
    alternating(square(x), (n) => 2 * n * (2 * n + 1)),
  );

const cosineOfReduced = (x: Scaled): Scaled => ({
  mantissa: alternating(square(x), (n) => (2 * n - 1) * 2 * n),
  exponent: -FRACTION,
  exact: false,
});

const negate = (x: Scaled): Scaled => ({ ...x, mantissa: -x.mantissa });

export const sine = ({ angle, quadrant }: Reduced): Scaled => {
  const value = quadrant & 1 ? cosineOfReduced(angle) : sineOfReduced(angle);
  return quadrant & 2 ? negate(value) : value;
};

export const cosine = ({ angle, quadrant }: Reduced): Scaled => sine({ angle, quadrant: (quadrant + 1) & 3 });

export const tangent = (x: Reduced): Scaled => quotientOf(sine(x), cosine(x));

/** atan(z) for |z| up to 1/32. */
const arctangentSeries = (z: Scaled): Scaled => timesFixed(z, oddReciprocals(-square(z)));

const STEPS = 32n;

/** atan(i/32) for i from 0 to 32, each from the one before by the addition theorem. */
let arctangents: bigint[] | undefined;
const arctangentTable = (): bigint[] => {
  if (arctangents) return arctangents;
  arctangents = [0n];
  for (let i = 1n; i <= STEPS; i++) {
    const step = quotientOf(
      { mantissa: STEPS, exponent: 0, exact: true },
      { mantissa: STEPS * STEPS + i * (i - 1n), exponent: 0, exact: true },
    );
    arctangents.push(arctangents[Number(i) - 1] + toFixed(arctangentSeries(step)));
  }
  return arctangents;
};

/** atan(z) for z from 0 to 1, not 0. */
const arctangentUpToOne = (z: Scaled): Scaled => {
  const fixed = toFixed(z);
  const step = (fixed * STEPS + HALF) >> SHIFT;
  if (step === 0n) return arctangentSeries(z);
  const difference = fixed * STEPS - (step << SHIFT);
  const rest = quotientOf(
    { mantissa: difference, exponent: 0, exact: true },
    { mantissa: (STEPS << SHIFT) + step * fixed, exponent: 0, exact: true },
  );
  const tail = difference === 0n ? 0n : toFixed(arctangentSeries(rest));
  return { mantissa: arctangentTable()[Number(step)] + tail, exponent: -FRACTION, exact: false };
};

/** The angle of the point (x, y) with x and y not zero. */
export const arctangent = (y: Scaled, x: Scaled): Scaled => {
  const absoluteY = y.mantissa < 0n ? negate(y) : y;
  const absoluteX = x.mantissa < 0n ? negate(x) : x;
  const ratio = quotientOf(absoluteY, absoluteX);
  const steep = bitLength(ratio.mantissa) + ratio.exponent > 0;
  let value = arctangentUpToOne(steep ? quotientOf(absoluteX, absoluteY) : ratio);
  if (steep) value = differenceFrom(PI >> 1n, value);
  if (x.mantissa < 0n) value = differenceFrom(PI, value);
  return y.mantissa < 0n ? negate(value) : value;
};

/** A fixed-point constant less a smaller number; a tiny one still counts. */
const differenceFrom = (constant: bigint, x: Scaled): Scaled => ({
  mantissa: constant - toFixed(x) - 1n,
  exponent: -FRACTION,
  exact: false,
});

/** A multiple of pi as the result of an arctangent. */
export const piTimes = (numerator: bigint, denominator: bigint): Scaled => ({
  mantissa: (PI * numerator) / denominator,
  exponent: -FRACTION,
  exact: false,
});

/** ln(1 + n/d) / ln(2), where n is small beside d. */
const logarithmOfRatio = (numerator: Scaled, denominator: Scaled): Scaled => {
  const z = quotientOf(numerator, denominator);
  const natural = timesFixed(z, 2n * oddReciprocals(square(z)));
  return quotientOf(natural, { mantissa: LN2, exponent: -FRACTION, exact: false });
};

/** log2(x). @param mantissa positive @returns null when it is zero */
export const logarithm = (mantissa: bigint, exponent: number): Scaled | null => {
  const bits = bitLength(mantissa);
  let whole = exponent + bits - 1;
  let one = 1n << BigInt(bits - 1);
  // The fraction part is kept between about -1/2 and 1/2.
  if (mantissa * mantissa > 2n * one * one) {
    one <<= 1n;
    whole++;
  }
  const difference = mantissa - one;
  if (difference === 0n) {
    return whole === 0 ? null : { mantissa: BigInt(whole), exponent: 0, exact: true };
  }
  const fraction = logarithmOfRatio(
    { mantissa: difference, exponent: 0, exact: true },
    { mantissa: mantissa + one, exponent: 0, exact: true },
  );
  if (whole === 0) return fraction;
  return { mantissa: (BigInt(whole) << SHIFT) + toFixed(fraction), exponent: -FRACTION, exact: false };
};

/** log2(1 + x) for x above -1, not zero. */
export const logarithmPlusOne = (x: Scaled): Scaled => {
  const bits = bitLength(x.mantissa) + x.exponent;
  if (bits < -2 * FRACTION) {
    return quotientOf(timesFixed(x, ONE), { mantissa: LN2, exponent: -FRACTION, exact: false });
  }
  const fraction = Math.max(0, -x.exponent);
  const one = 1n << BigInt(fraction);
  const mantissa = x.mantissa << BigInt(x.exponent + fraction);
  if (bits > -3) return logarithm(one + mantissa, -fraction)!;
  return logarithmOfRatio(
    { mantissa, exponent: 0, exact: true },
    { mantissa: 2n * one + mantissa, exponent: 0, exact: true },
  );
};

/** 2^x - 1 for |x| below 1, not zero. */
export const exponentialMinusOne = (x: Scaled): Scaled => {
  const y = timesFixed(x, LN2);
  const fixed = toFixed(y);
  let sum = ONE;
  let term = ONE;
  for (let n = 2n; ; n++) {
    term = (term * fixed) / ONE / n;
    if (term === 0n) break;
    sum += term;
  }
  return timesFixed(y, sum);
};
