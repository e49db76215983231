/** Vector arithmetic on typed arrays: what the reference engine computes for each operation of packed.ts. */
import type {
  PackedBinaryOp,
  PackedShiftOp,
  PackedTestOp,
  PackedUnaryOp,
  SplatOp,
} from '../instructions/packed.ts';

/** 128 bits, seen as lanes of every width. */
export class Vector128 {
  readonly u8 = new Uint8Array(16);
  readonly i8 = new Int8Array(this.u8.buffer);
  readonly u16 = new Uint16Array(this.u8.buffer);
  readonly i16 = new Int16Array(this.u8.buffer);
  readonly u32 = new Uint32Array(this.u8.buffer);
  readonly i32 = new Int32Array(this.u8.buffer);
  readonly u64 = new BigUint64Array(this.u8.buffer);
  readonly i64 = new BigInt64Array(this.u8.buffer);
  readonly f32 = new Float32Array(this.u8.buffer);
  readonly f64 = new Float64Array(this.u8.buffer);
}

/** More than the vectors of one instruction; no value outlives its instruction. */
const RING_LENGTH = 1024;
const ring = Array.from({ length: RING_LENGTH }, () => new Vector128());
let next = 0;
/** A vector of zeros, one of those made long ago: nothing is allocated. */
export const freshVector = (): Vector128 => {
  const r = ring[next]!;
  next = (next + 1) & (RING_LENGTH - 1);
  for (let i = 0; i < 4; i++) r.i32[i] = 0;
  return r;
};

type NumberLanes = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64';
type BigLanes = 'u64' | 'i64';
type Unary = (a: Vector128) => Vector128;
type Binary = (a: Vector128, b: Vector128) => Vector128;

const made = (fill: (r: Vector128) => void): Vector128 => {
  const r = freshVector();
  fill(r);
  return r;
};
/** Lane by lane; the result wraps to the lane's width. */
const lanes =
  (kind: NumberLanes, compute: (x: number, y: number) => number): Binary =>
  (a, b) =>
    made((r) => {
      for (let i = 0; i < r[kind].length; i++) r[kind][i] = compute(a[kind][i]!, b[kind][i]!);
    });
const bigLanes =
  (kind: BigLanes, compute: (x: bigint, y: bigint) => bigint): Binary =>
  (a, b) =>
    made((r) => {
      for (let i = 0; i < 2; i++) r[kind][i] = compute(a[kind][i]!, b[kind][i]!);
    });
const tests =
  (kind: NumberLanes, mask: 'i8' | 'i16' | 'i32' | 'i64', test: (x: number, y: number) => boolean): Binary =>
  (a, b) =>
    made((r) => {
      for (let i = 0; i < r[kind].length; i++) {
        const holds = test(a[kind][i]!, b[kind][i]!);
        if (mask === 'i64') r.i64[i] = holds ? -1n : 0n;
        else r[mask][i] = holds ? -1 : 0;
      }
    });
const bigTests =
  (test: (x: bigint, y: bigint) => boolean): Binary =>
  (a, b) =>
    bigLanes('i64', (x, y) => (test(x, y) ? -1n : 0n))(a, b);
const clamp =
  (low: number, high: number) =>
  (x: number): number =>
    Math.min(high, Math.max(low, x));
const sByte = clamp(-0x80, 0x7f);
const uByte = clamp(0, 0xff);
const sWord = clamp(-0x8000, 0x7fff);
const uWord = clamp(0, 0xffff);

/** Converts the lanes of `a`, then those of `b`, to lanes of half the width. */
const narrow =
  (from: 'i16' | 'i32', to: 'i8' | 'u8' | 'i16', saturate: (x: number) => number): Binary =>
  (a, b) =>
    made((r) => {
      const half = a[from].length;
      for (let i = 0; i < half; i++) {
        r[to][i] = saturate(a[from][i]!);
        r[to][half + i] = saturate(b[from][i]!);
      }
    });
/** Products of the low or high half of the 16-bit lanes, of full width. */
const extendMultiply =
  (kind: 'i16' | 'u16', first: 0 | 4): Binary =>
  (a, b) =>
    made((r) => {
      for (let i = 0; i < 4; i++) r.u32[i] = a[kind][first + i]! * b[kind][first + i]!;
    });
/** A float's pseudo-minimum and -maximum: `b` where the comparison holds. */
const pseudo =
  (kind: 'f32' | 'f64', takesB: (x: number, y: number) => boolean): Binary =>
  (a, b) =>
    made((r) => {
      const width = kind === 'f32' ? 4 : 8;
      for (let i = 0; i < 16; i++) {
        const lane = Math.floor(i / width);
        r.u8[i] = (takesB(a[kind][lane]!, b[kind][lane]!) ? b : a).u8[i]!;
      }
    });
const add = (x: number, y: number) => x + y;
const subtract = (x: number, y: number) => x - y;
const multiply = (x: number, y: number) => x * y;
const divide = (x: number, y: number) => x / y;
const average = (x: number, y: number) => (x + y + 1) >> 1;
const equal = (x: number, y: number) => x === y;
const greater = (x: number, y: number) => x > y;
const different = (x: number, y: number) => x !== y;
const less = (x: number, y: number) => x < y;
const lessOrEqual = (x: number, y: number) => x <= y;

export const binaryOps: Record<PackedBinaryOp, Binary> = {
  'i8x16.swizzle': (a, b) =>
    made((r) => {
      for (let i = 0; i < 16; i++) r.u8[i] = b.u8[i]! < 16 ? a.u8[b.u8[i]!]! : 0;
    }),
  'v128.and': lanes('i32', (x, y) => x & y),
  'v128.andnot': lanes('i32', (x, y) => x & ~y),
  'v128.or': lanes('i32', (x, y) => x | y),
  'v128.xor': lanes('i32', (x, y) => x ^ y),
  'i8x16.eq': tests('i8', 'i8', equal),
  'i8x16.gt_s': tests('i8', 'i8', greater),
  'i16x8.eq': tests('i16', 'i16', equal),
  'i16x8.gt_s': tests('i16', 'i16', greater),
  'i32x4.eq': tests('i32', 'i32', equal),
  'i32x4.gt_s': tests('i32', 'i32', greater),
  'i32x4.gt_u': tests('u32', 'i32', greater),
  'i64x2.eq': bigTests((x, y) => x === y),
  'i64x2.gt_s': bigTests((x, y) => x > y),
  'i8x16.narrow_i16x8_s': narrow('i16', 'i8', sByte),
  'i8x16.narrow_i16x8_u': narrow('i16', 'u8', uByte),
  'i16x8.narrow_i32x4_s': narrow('i32', 'i16', sWord),
  'i8x16.add': lanes('i8', add),
  'i8x16.add_sat_s': lanes('i8', (x, y) => sByte(x + y)),
  'i8x16.add_sat_u': lanes('u8', (x, y) => uByte(x + y)),
  'i8x16.sub': lanes('i8', subtract),
  'i8x16.sub_sat_s': lanes('i8', (x, y) => sByte(x - y)),
  'i8x16.sub_sat_u': lanes('u8', (x, y) => uByte(x - y)),
  'i8x16.min_u': lanes('u8', Math.min),
  'i8x16.max_u': lanes('u8', Math.max),
  'i8x16.avgr_u': lanes('u8', average),
  'i16x8.add': lanes('i16', add),
  'i16x8.add_sat_s': lanes('i16', (x, y) => sWord(x + y)),
  'i16x8.add_sat_u': lanes('u16', (x, y) => uWord(x + y)),
  'i16x8.sub': lanes('i16', subtract),
  'i16x8.sub_sat_s': lanes('i16', (x, y) => sWord(x - y)),
  'i16x8.sub_sat_u': lanes('u16', (x, y) => uWord(x - y)),
  'i16x8.mul': lanes('i16', multiply),
  'i16x8.min_s': lanes('i16', Math.min),
  'i16x8.max_s': lanes('i16', Math.max),
  'i16x8.avgr_u': lanes('u16', average),
  'i32x4.add': lanes('i32', add),
  'i32x4.sub': lanes('i32', subtract),
  'i32x4.mul': lanes('i32', Math.imul),
  'i32x4.dot_i16x8_s': (a, b) =>
    made((r) => {
      for (let i = 0; i < 4; i++)
        r.i32[i] = a.i16[2 * i]! * b.i16[2 * i]! + a.i16[2 * i + 1]! * b.i16[2 * i + 1]!;
    }),
  'i32x4.extmul_low_i16x8_s': extendMultiply('i16', 0),
  'i32x4.extmul_high_i16x8_s': extendMultiply('i16', 4),
  'i32x4.extmul_low_i16x8_u': extendMultiply('u16', 0),
  'i32x4.extmul_high_i16x8_u': extendMultiply('u16', 4),
  'i64x2.add': bigLanes('i64', (x, y) => x + y),
  'i64x2.sub': bigLanes('i64', (x, y) => x - y),
  'i64x2.extmul_low_i32x4_u': (a, b) =>
    made((r) => {
      for (let i = 0; i < 2; i++) r.u64[i] = BigInt(a.u32[i]!) * BigInt(b.u32[i]!);
    }),
  'f32x4.eq': tests('f32', 'i32', equal),
  'f32x4.ne': tests('f32', 'i32', different),
  'f32x4.lt': tests('f32', 'i32', less),
  'f32x4.le': tests('f32', 'i32', lessOrEqual),
  // A double's sum, difference, product or quotient of singles, rounded again, is the single's.
  'f32x4.add': lanes('f32', add),
  'f32x4.sub': lanes('f32', subtract),
  'f32x4.mul': lanes('f32', multiply),
  'f32x4.div': lanes('f32', divide),
  'f32x4.pmin': pseudo('f32', (x, y) => y < x),
  'f32x4.pmax': pseudo('f32', (x, y) => x < y),
  'f64x2.eq': tests('f64', 'i64', equal),
  'f64x2.ne': tests('f64', 'i64', different),
  'f64x2.lt': tests('f64', 'i64', less),
  'f64x2.le': tests('f64', 'i64', lessOrEqual),
  'f64x2.add': lanes('f64', add),
  'f64x2.sub': lanes('f64', subtract),
  'f64x2.mul': lanes('f64', multiply),
  'f64x2.div': lanes('f64', divide),
  'f64x2.pmin': pseudo('f64', (x, y) => y < x),
  'f64x2.pmax': pseudo('f64', (x, y) => x < y),
};

/** Sums of neighbouring lanes, of twice the width. */
const addPairs =
  (from: 'u8' | 'u16', to: 'u16' | 'u32'): Unary =>
  (a) =>
    made((r) => {
      for (let i = 0; i < r[to].length; i++) r[to][i] = a[from][2 * i]! + a[from][2 * i + 1]!;
    });
const convert =
  (from: NumberLanes, to: NumberLanes, count: number, compute: (x: number) => number): Unary =>
  (a) =>
    made((r) => {
      for (let i = 0; i < count; i++) r[to][i] = compute(a[from][i]!);
    });
/** Truncation to a 32-bit integer, saturating; NaN becomes zero. */
const truncate = (x: number): number => clamp(-(2 ** 31), 2 ** 31 - 1)(Math.trunc(x) || 0);
const same = (x: number) => x;
/** To the nearest integer, ties to even; zeros keep their sign. */
const nearest = (x: number): number => {
  if (!(Math.abs(x) < 2 ** 52)) return x;
  const magic = x < 0 || Object.is(x, -0) ? -(2 ** 52) : 2 ** 52;
  const rounded = x + magic - magic;
  return rounded === 0 ? magic * 0 : rounded;
};

export const unaryOps: Record<PackedUnaryOp, Unary> = {
  'v128.not': (a) => lanes('i32', (x) => ~x)(a, a),
  'i16x8.extadd_pairwise_i8x16_u': addPairs('u8', 'u16'),
  'i32x4.extadd_pairwise_i16x8_u': addPairs('u16', 'u32'),
  'f32x4.sqrt': convert('f32', 'f32', 4, Math.sqrt),
  'f64x2.sqrt': convert('f64', 'f64', 2, Math.sqrt),
  'f32x4.nearest': convert('f32', 'f32', 4, nearest),
  'f64x2.nearest': convert('f64', 'f64', 2, nearest),
  'f32x4.convert_i32x4_s': convert('i32', 'f32', 4, same),
  'f64x2.convert_low_i32x4_s': convert('i32', 'f64', 2, same),
  'f32x4.demote_f64x2_zero': convert('f64', 'f32', 2, same),
  'f64x2.promote_low_f32x4': convert('f32', 'f64', 2, same),
  'i32x4.trunc_sat_f32x4_s': convert('f32', 'i32', 4, truncate),
  'i32x4.trunc_sat_f64x2_s_zero': convert('f64', 'i32', 2, truncate),
};

type Shift = (a: Vector128, count: number) => Vector128;
const shift =
  (kind: 'i16' | 'u16' | 'i32' | 'u32', compute: (x: number, n: number) => number): Shift =>
  (a, count) =>
    lanes(kind, (x) => compute(x, count & (128 / a[kind].length - 1)))(a, a);
const bigShift =
  (kind: BigLanes, compute: (x: bigint, n: bigint) => bigint): Shift =>
  (a, count) =>
    bigLanes(kind, (x) => compute(x, BigInt(count & 63)))(a, a);

export const shiftOps: Record<PackedShiftOp, Shift> = {
  'i16x8.shl': shift('i16', (x, n) => x << n),
  'i16x8.shr_s': shift('i16', (x, n) => x >> n),
  'i16x8.shr_u': shift('u16', (x, n) => x >>> n),
  'i32x4.shl': shift('i32', (x, n) => x << n),
  'i32x4.shr_s': shift('i32', (x, n) => x >> n),
  'i32x4.shr_u': shift('u32', (x, n) => x >>> n),
  'i64x2.shl': bigShift('u64', (x, n) => x << n),
  'i64x2.shr_s': bigShift('i64', (x, n) => x >> n),
  'i64x2.shr_u': bigShift('u64', (x, n) => x >> n),
};

const bitmask =
  (kind: 'i8' | 'i32' | 'i64') =>
  (a: Vector128): number =>
    Array.from(a[kind] as ArrayLike<number | bigint>).reduce<number>(
      (mask, lane, i) => (lane < 0 ? mask | (1 << i) : mask),
      0,
    );
export const testOps: Record<PackedTestOp, (a: Vector128) => number> = {
  'i8x16.bitmask': bitmask('i8'),
  'i32x4.bitmask': bitmask('i32'),
  'i64x2.bitmask': bitmask('i64'),
  'v128.any_true': (a) => (a.u32.some((word) => word !== 0) ? 1 : 0),
};

export const splatOps: Record<SplatOp, (value: number) => Vector128> = {
  'i8x16.splat': (value) => made((r) => r.i8.fill(value)),
  'i16x8.splat': (value) => made((r) => r.i16.fill(value)),
  'i32x4.splat': (value) => made((r) => r.i32.fill(value)),
};
