/** Shifts of packed integers, by a vector register's low half or by an immediate. */
import type { Builder, Value } from '../builder.ts';
import type { Packed, PackedShiftOp } from '../packed.ts';
import type { InstructionSpec } from '../spec.ts';
import {
  either,
  registerOnly,
  regRegister,
  requireSse,
  requireWidth,
  rmRegister,
  setReg,
  setRm,
  source,
  vectorSpec,
  type Width,
  zero,
} from './operands.ts';

/** Shifts by a count that may be too large: then nothing is left, or the sign alone. @param bits of a lane */
const shifted = (
  b: Builder,
  op: PackedShiftOp,
  bits: number,
  x: Packed,
  count: Value,
  tooLarge: Value,
): Packed => {
  if (op.endsWith('shr_s')) return b.packedShift(op, x, b.select(tooLarge, bits - 1, count));
  return b.packedSelect(tooLarge, zero(b), b.packedShift(op, x, count));
};

const instructions = (name: string, op: PackedShiftOp, bits: number): InstructionSpec[] =>
  ([8, 16] as const).flatMap((width: Width) => {
    const suffix = width === 8 ? 'mmx' : 'xmm';
    return [
      vectorSpec(`${name}.${suffix}`, either, (b) => {
        requireWidth(b, width);
        const counts = source(b, width);
        const count = b.lane32(counts, 0);
        const tooLarge = b.or(b.lane32(counts, 1), b.gtU(count, bits - 1));
        setReg(b, width, shifted(b, op, bits, regRegister(b, width), count, tooLarge));
      }),
      vectorSpec(`${name}.immediate.${suffix}`, registerOnly, (b) => {
        requireWidth(b, width);
        const count = b.immediate();
        const tooLarge = b.gtU(count, bits - 1);
        setRm(b, width, shifted(b, op, bits, rmRegister(b, width), count, tooLarge));
      }),
    ];
  });

const IOTA = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c] as const;

/** PSLLDQ and PSRLDQ: the bytes move as a choice of bytes, of which those beyond the register are zero. */
const byteShift = (name: string, op: 'i8x16.add' | 'i8x16.sub'): InstructionSpec =>
  vectorSpec(name, registerOnly, (b) => {
    requireSse(b);
    const count = b.immediate();
    const limited = b.select(b.gtU(count, 16), 16, count);
    const control = b.packedBinary(op, b.packedConstant(...IOTA), b.splat('i8x16.splat', limited));
    setRm(b, 16, b.packedBinary('i8x16.swizzle', rmRegister(b, 16), control));
  });

export const packedShifts: readonly InstructionSpec[] = [
  ...instructions('psrlw', 'i16x8.shr_u', 16),
  ...instructions('psrld', 'i32x4.shr_u', 32),
  ...instructions('psrlq', 'i64x2.shr_u', 64),
  ...instructions('psraw', 'i16x8.shr_s', 16),
  ...instructions('psrad', 'i32x4.shr_s', 32),
  ...instructions('psllw', 'i16x8.shl', 16),
  ...instructions('pslld', 'i32x4.shl', 32),
  ...instructions('psllq', 'i64x2.shl', 64),
  byteShift('psrldq', 'i8x16.add'),
  byteShift('pslldq', 'i8x16.sub'),
];
