/**
 * Floating-point instructions by the engine's own arithmetic, where that provably gives the same bits and the
 * same MXCSR. It rounds to nearest, knows no exceptions and no denormals-are-zeros; so a result counts if
 *
 * - no operand is a NaN or denormal,
 * - the result is normal and not the smallest such number, which may have been tiny before rounding, or it is
 *   a zero that was not rounded to,
 * - and MXCSR says: round to nearest, precision masked and already flagged. The flag is sticky, so nothing is
 *   lost by not knowing whether this result is inexact. A result that is exact needs no flag.
 */
import { Flag } from '../../x86/flags.ts';
import { Fpu } from '../../x86/fpu.ts';
import type { Builder, Value } from '../builder.ts';
import type { Packed, PackedBinaryOp, PackedUnaryOp } from '../packed.ts';
import { zero } from './operands.ts';

/** A result, and a number that is zero unless the result is proven to be right. */
export interface Attempt {
  readonly result: Packed;
  readonly proven: Value;
  /** Where not: a further, longer proof, that the result is exact, for as long as MXCSR has nothing flagged. */
  readonly exact?: () => Value;
}
/** @param x the destination operand @param y the source */
export type Quick = (b: Builder, x: Packed, y: Packed) => Attempt;

/** A number format; constants fill all lanes. */
interface Format {
  readonly lanes: 'f32x4' | 'f64x2';
  readonly magnitude: readonly [number, number, number, number];
  readonly smallestNormal: readonly [number, number, number, number];
  readonly infinity: readonly [number, number, number, number];
  /** 2^31. */
  readonly integerLimit: readonly [number, number, number, number];
  /** The lower half of a fraction: where both factors have zeros, the product is exact. */
  readonly lowerFraction: readonly [number, number, number, number];
  /** Bytes of lane 0, for every lane. */
  readonly first: readonly number[];
}
const everywhere = (low: number, high: number) => [low, high, low, high] as const;
const single: Format = {
  lanes: 'f32x4',
  magnitude: everywhere(0x7fffffff, 0x7fffffff),
  smallestNormal: everywhere(0x00800000, 0x00800000),
  infinity: everywhere(0x7f800000, 0x7f800000),
  integerLimit: everywhere(0x4f000000, 0x4f000000),
  lowerFraction: everywhere(0x00000fff, 0x00000fff),
  first: Array.from({ length: 16 }, (_, i) => i & 3),
};
const double: Format = {
  lanes: 'f64x2',
  magnitude: everywhere(-1, 0x7fffffff),
  smallestNormal: everywhere(0, 0x00100000),
  infinity: everywhere(0, 0x7ff00000),
  integerLimit: everywhere(0, 0x41e00000),
  lowerFraction: everywhere(0x07ffffff, 0),
  first: Array.from({ length: 16 }, (_, i) => i & 7),
};

const and = (b: Builder, x: Packed, y: Packed): Packed => b.packedBinary('v128.and', x, y);
const or = (b: Builder, x: Packed, y: Packed): Packed => b.packedBinary('v128.or', x, y);
const floating = (
  b: Builder,
  { lanes }: Format,
  op: 'eq' | 'ne' | 'lt' | 'le' | 'add' | 'sub' | 'mul' | 'div' | 'pmin' | 'pmax',
  x: Packed,
  y: Packed,
): Packed => b.packedBinary(`${lanes}.${op}` satisfies PackedBinaryOp, x, y);
const magnitudeOf = (b: Builder, f: Format, x: Packed): Packed => and(b, x, b.packedConstant(...f.magnitude));

const isZero = (b: Builder, f: Format, x: Packed): Packed => floating(b, f, 'eq', x, zero(b));
/** Lanes that are neither NaN nor denormal. */
const isOrdinary = (b: Builder, f: Format, x: Packed): Packed =>
  or(b, isZero(b, f, x), floating(b, f, 'le', b.packedConstant(...f.smallestNormal), magnitudeOf(b, f, x)));
/** Lanes that are normal and not the smallest normal number. */
const isSafe = (b: Builder, f: Format, x: Packed): Packed => {
  const magnitude = magnitudeOf(b, f, x);
  return and(
    b,
    floating(b, f, 'lt', b.packedConstant(...f.smallestNormal), magnitude),
    floating(b, f, 'lt', magnitude, b.packedConstant(...f.infinity)),
  );
};
/** Whether all bits are ones. */
const all = (b: Builder, mask: Packed): Value => b.eq(b.packedTest('i8x16.bitmask', mask), 0xffff);

const PRECISION_FLAG = 1 << 5;
const PRECISION_MASK = 1 << 12;
const ROUNDING = 3 << 13;
/** Whether an inexact result rounded to nearest changes nothing in MXCSR. */
const mayRound = (b: Builder): Value =>
  b.eq(
    b.and(b.loadState(Fpu.MXCSR), ROUNDING | PRECISION_MASK | PRECISION_FLAG),
    PRECISION_MASK | PRECISION_FLAG,
  );
/** The same of a truncated one, whatever the rounding. */
const mayTruncate = (b: Builder): Value =>
  b.eq(b.and(b.loadState(Fpu.MXCSR), PRECISION_MASK | PRECISION_FLAG), PRECISION_MASK | PRECISION_FLAG);
const roundsToNearest = (b: Builder): Value => b.eqz(b.and(b.loadState(Fpu.MXCSR), ROUNDING));
/** All lanes, as a mask, of a condition that is 1 or 0. */
const everyLane = (b: Builder, condition: Value): Packed => b.splat('i32x4.splat', b.sub(0, condition));

type Test = (b: Builder, x: Packed, y: Packed, r: Packed) => Packed;

/** @param zeroes where a zero result is the rules' own: lanes, given operands and result */
const arithmetic =
  (f: Format, op: 'add' | 'sub' | 'mul' | 'div', zeroes: Test, isExact?: Test): Quick =>
  (b, x, y) => {
    const result = floating(b, f, op, x, y);
    const operands = and(b, isOrdinary(b, f, x), isOrdinary(b, f, y));
    const results = or(b, isSafe(b, f, result), zeroes(b, x, y, result));
    const ordinary = all(b, and(b, operands, results));
    const attempt = { result, proven: b.and(mayRound(b), ordinary) };
    if (!isExact) return attempt;
    const exact = () => b.and(b.and(ordinary, roundsToNearest(b)), all(b, isExact(b, x, y, result)));
    return { ...attempt, exact };
  };

/** What rounding x + y to r left over, which a sum can hold, is zero (Knuth's two-sum). */
const isExactSum =
  (f: Format, op: 'add' | 'sub'): Test =>
  (b, x, y, r) => {
    const second = floating(b, f, 'sub', r, x);
    const first = floating(b, f, 'sub', r, second);
    // Of a difference the second part is that of -y.
    const lost = floating(b, f, 'sub', x, first);
    const other = op === 'add' ? floating(b, f, 'sub', second, y) : floating(b, f, 'add', second, y);
    // Near the largest numbers both may be infinite, and then say nothing: their difference is a NaN.
    return isZero(b, f, floating(b, f, 'sub', lost, other));
  };
const isExactProduct =
  (f: Format): Test =>
  (b, x, y) =>
    b.packedBinary('i32x4.eq', and(b, or(b, x, y), b.packedConstant(...f.lowerFraction)), zero(b));

/** A sum of normal numbers is zero only if they cancel out. */
const sumIsZero =
  (f: Format): Test =>
  (b, _x, _y, r) =>
    isZero(b, f, r);
const productIsZero =
  (f: Format): Test =>
  (b, x, y, r) =>
    and(b, isZero(b, f, r), or(b, isZero(b, f, x), isZero(b, f, y)));
const quotientIsZero =
  (f: Format): Test =>
  (b, x, _y, r) =>
    and(b, isZero(b, f, r), isZero(b, f, x));

const squareRoot =
  (f: Format): Quick =>
  (b, _x, y) => {
    const result = b.packedUnary(`${f.lanes}.sqrt` satisfies PackedUnaryOp, y);
    const results = or(b, isSafe(b, f, result), isZero(b, f, y));
    return { result, proven: b.and(mayRound(b), all(b, and(b, isOrdinary(b, f, y), results))) };
  };

const ordinaryOperands = (b: Builder, f: Format, x: Packed, y: Packed): Value =>
  all(b, and(b, isOrdinary(b, f, x), isOrdinary(b, f, y)));

/** MINPS takes the source unless the destination is really less; so does MAXPS (SDM vol. 2). */
const extreme =
  (f: Format, op: 'pmin' | 'pmax'): Quick =>
  (b, x, y) => ({ result: floating(b, f, op, y, x), proven: ordinaryOperands(b, f, x, y) });

/** CMPPS: predicates 0-3 are EQ, LT, LE and (never, of ordinary operands) UNORD; bit 2 negates. */
const comparison =
  (f: Format): Quick =>
  (b, x, y) => {
    const predicate = b.immediate();
    const kind = b.and(predicate, 3);
    const equal = and(b, floating(b, f, 'eq', x, y), everyLane(b, b.eqz(b.and(kind, 1))));
    const less = and(b, floating(b, f, 'lt', x, y), everyLane(b, b.ltU(b.sub(kind, 1), 2)));
    const negated = everyLane(b, b.and(b.shrU(predicate, 2), 1));
    const result = b.packedBinary('v128.xor', or(b, equal, less), negated);
    return { result, proven: ordinaryOperands(b, f, x, y) };
  };

/** COMISS and UCOMISS: an image of the flags in lane 0. */
const flagsComparison =
  (f: Format): Quick =>
  (b, x, y) => {
    const equal = and(b, floating(b, f, 'eq', x, y), b.packedConstant(Flag.ZF, 0, 0, 0));
    const less = and(b, floating(b, f, 'lt', x, y), b.packedConstant(Flag.CF, 0, 0, 0));
    return { result: or(b, equal, less), proven: ordinaryOperands(b, f, x, y) };
  };

/** Single to double is exact. */
const widening: Quick = (b, _x, y) => ({
  result: b.packedUnary('f64x2.promote_low_f32x4', y),
  proven: all(b, isOrdinary(b, single, y)),
});

const LOW_OF_DOUBLES = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
const narrowing: Quick = (b, _x, y) => {
  const result = b.packedUnary('f32x4.demote_f64x2_zero', y);
  const zeroes = isZero(b, double, y);
  const results = or(b, isSafe(b, single, result), b.shuffle(zeroes, zeroes, LOW_OF_DOUBLES));
  const proven = b.eq(b.and(b.packedTest('i8x16.bitmask', results), 0xff), 0xff);
  const exact = () => {
    const back = b.packedUnary('f64x2.promote_low_f32x4', result);
    return b.and(b.and(proven, roundsToNearest(b)), all(b, floating(b, double, 'eq', back, y)));
  };
  return { result, proven: b.and(mayRound(b), proven), exact };
};

/** Integers to double are exact, to single those of 25 bits with the sign. */
const fromIntegers =
  (f: Format): Quick =>
  (b, _x, y) => {
    if (f === double) return { result: b.packedUnary('f64x2.convert_low_i32x4_s', y), proven: b.constant(1) };
    const extended = b.packedShift('i32x4.shr_s', b.packedShift('i32x4.shl', y, 7), 7);
    const exact = b.packedBinary('i32x4.eq', extended, y);
    return {
      result: b.packedUnary('f32x4.convert_i32x4_s', y),
      proven: b.or(mayRound(b), all(b, exact)),
    };
  };

/** To integers in range. A denormal is not reported: it is just inexact. */
const toIntegers =
  (f: Format, truncate: boolean): Quick =>
  (b, _x, y) => {
    const rounded = truncate ? y : b.packedUnary(`${f.lanes}.nearest` satisfies PackedUnaryOp, y);
    const result = b.packedUnary(
      f === single ? 'i32x4.trunc_sat_f32x4_s' : 'i32x4.trunc_sat_f64x2_s_zero',
      rounded,
    );
    const back = b.packedUnary(f === single ? 'f32x4.convert_i32x4_s' : 'f64x2.convert_low_i32x4_s', result);
    const inRange = floating(b, f, 'lt', magnitudeOf(b, f, rounded), b.packedConstant(...f.integerLimit));
    const inexactAllowed = everyLane(b, truncate ? mayTruncate(b) : mayRound(b));
    const harmless = or(b, floating(b, f, 'eq', back, y), inexactAllowed);
    return { result, proven: all(b, and(b, inRange, harmless)) };
  };

/** Makes the lowest lane all lanes, so that the others do not matter. */
const ofLane =
  (f: { readonly first: readonly number[] }, quick: Quick): Quick =>
  (b, x, y) =>
    quick(b, b.shuffle(x, x, f.first), b.shuffle(y, y, f.first));

const lane = (f: Format): Readonly<Record<string, Quick>> => ({
  add: arithmetic(f, 'add', sumIsZero(f), isExactSum(f, 'add')),
  sub: arithmetic(f, 'sub', sumIsZero(f), isExactSum(f, 'sub')),
  mul: arithmetic(f, 'mul', productIsZero(f), isExactProduct(f)),
  div: arithmetic(f, 'div', quotientIsZero(f)),
  sqrt: squareRoot(f),
  min: extreme(f, 'pmin'),
  max: extreme(f, 'pmax'),
  cmp: comparison(f),
});
const laneByLane = (['s', 'd'] as const).flatMap((letter) => {
  const f = letter === 's' ? single : double;
  return Object.entries(lane(f)).flatMap(([name, quick]): [string, Quick][] => [
    [`${name}p${letter}`, quick],
    [`${name}s${letter}`, ofLane(f, quick)],
  ]);
});

/** By mnemonic. What is missing is always computed. */
export const quickComputations: Readonly<Record<string, Quick>> = {
  ...Object.fromEntries(laneByLane),
  comiss: ofLane(single, flagsComparison(single)),
  ucomiss: ofLane(single, flagsComparison(single)),
  comisd: ofLane(double, flagsComparison(double)),
  ucomisd: ofLane(double, flagsComparison(double)),
  cvtps2pd: (b, x, y) => widening(b, x, b.shuffle(y, y, double.first)),
  cvtss2sd: ofLane(single, widening),
  cvtpd2ps: narrowing,
  cvtsd2ss: ofLane(double, narrowing),
  cvtdq2ps: fromIntegers(single),
  cvtsi2ss: ofLane(single, fromIntegers(single)),
  cvtdq2pd: fromIntegers(double),
  cvtsi2sd: fromIntegers(double),
  cvtpi2pd: fromIntegers(double),
  cvtps2dq: toIntegers(single, false),
  cvttps2dq: toIntegers(single, true),
  cvtpd2dq: toIntegers(double, false),
  cvttpd2dq: toIntegers(double, true),
  cvtss2si: ofLane(single, toIntegers(single, false)),
  cvttss2si: ofLane(single, toIntegers(single, true)),
  cvtsd2si: ofLane(double, toIntegers(double, false)),
  cvttsd2si: ofLane(double, toIntegers(double, true)),
};
