/**
 * The builder's vector operations, named as WebAssembly names them and with its meaning (core specification
 * 2.0, section 4.3): lane i holds the bytes from i times its width on, lane 0 comes first in memory.
 */

declare const value128: unique symbol;
/** 128 bits of the running guest: a vector register, or eight bytes of one below zeros. */
export interface Packed {
  readonly [value128]: true;
}

/** A packed value that changes within a body: across `if`. */
export interface PackedVariable {
  get(): Packed;
  set(value: Packed): void;
}

export type PackedUnaryOp =
  | 'v128.not'
  | 'i16x8.extadd_pairwise_i8x16_u'
  | 'i32x4.extadd_pairwise_i16x8_u'
  | 'f32x4.sqrt'
  | 'f64x2.sqrt'
  | 'f32x4.nearest'
  | 'f64x2.nearest'
  | 'f32x4.convert_i32x4_s'
  | 'f64x2.convert_low_i32x4_s'
  | 'f32x4.demote_f64x2_zero'
  | 'f64x2.promote_low_f32x4'
  | 'i32x4.trunc_sat_f32x4_s'
  | 'i32x4.trunc_sat_f64x2_s_zero';

export type PackedBinaryOp =
  | 'i8x16.swizzle'
  | 'v128.and'
  | 'v128.andnot'
  | 'v128.or'
  | 'v128.xor'
  | 'i8x16.eq'
  | 'i8x16.gt_s'
  | 'i16x8.eq'
  | 'i16x8.gt_s'
  | 'i32x4.eq'
  | 'i32x4.gt_s'
  | 'i32x4.gt_u'
  | 'i64x2.eq'
  | 'i64x2.gt_s'
  | 'i8x16.narrow_i16x8_s'
  | 'i8x16.narrow_i16x8_u'
  | 'i16x8.narrow_i32x4_s'
  | 'i8x16.add'
  | 'i8x16.add_sat_s'
  | 'i8x16.add_sat_u'
  | 'i8x16.sub'
  | 'i8x16.sub_sat_s'
  | 'i8x16.sub_sat_u'
  | 'i8x16.min_u'
  | 'i8x16.max_u'
  | 'i8x16.avgr_u'
  | 'i16x8.add'
  | 'i16x8.add_sat_s'
  | 'i16x8.add_sat_u'
  | 'i16x8.sub'
  | 'i16x8.sub_sat_s'
  | 'i16x8.sub_sat_u'
  | 'i16x8.mul'
  | 'i16x8.min_s'
  | 'i16x8.max_s'
  | 'i16x8.avgr_u'
  | 'i32x4.add'
  | 'i32x4.sub'
  | 'i32x4.mul'
  | 'i32x4.dot_i16x8_s'
  | 'i32x4.extmul_low_i16x8_s'
  | 'i32x4.extmul_high_i16x8_s'
  | 'i32x4.extmul_low_i16x8_u'
  | 'i32x4.extmul_high_i16x8_u'
  | 'i64x2.add'
  | 'i64x2.sub'
  | 'i64x2.extmul_low_i32x4_u'
  | 'f32x4.eq'
  | 'f32x4.ne'
  | 'f32x4.lt'
  | 'f32x4.le'
  | 'f32x4.add'
  | 'f32x4.sub'
  | 'f32x4.mul'
  | 'f32x4.div'
  | 'f32x4.pmin'
  | 'f32x4.pmax'
  | 'f64x2.eq'
  | 'f64x2.ne'
  | 'f64x2.lt'
  | 'f64x2.le'
  | 'f64x2.add'
  | 'f64x2.sub'
  | 'f64x2.mul'
  | 'f64x2.div'
  | 'f64x2.pmin'
  | 'f64x2.pmax';

/** Shifts of every lane by one count, taken modulo the lane's width. */
export type PackedShiftOp =
  | 'i16x8.shl'
  | 'i16x8.shr_s'
  | 'i16x8.shr_u'
  | 'i32x4.shl'
  | 'i32x4.shr_s'
  | 'i32x4.shr_u'
  | 'i64x2.shl'
  | 'i64x2.shr_s'
  | 'i64x2.shr_u';

/** All lanes alike; 8- and 16-bit lanes take the value's low part. */
export type SplatOp = 'i8x16.splat' | 'i16x8.splat' | 'i32x4.splat';

/** A number made of a vector: the lanes' sign bits, or whether any bit is set. */
export type PackedTestOp = 'i8x16.bitmask' | 'i32x4.bitmask' | 'i64x2.bitmask' | 'v128.any_true';

/** Bytes of a packed guest memory access. */
export type PackedSize = 4 | 8 | 16;
