/** Packed integer arithmetic, comparisons and logic: one meaning for MMX and XMM registers. */
import type { Builder } from '../builder.ts';
import type { Packed, PackedBinaryOp } from '../packed.ts';
import type { InstructionSpec } from '../spec.ts';
import { either, regRegister, requireWidth, setReg, source, vectorSpec, type Width } from './operands.ts';

/** Computes the destination from its old value `x` and the source `y`; the upper half is of no account to MMX. */
type Body = (b: Builder, x: Packed, y: Packed, width: Width) => Packed;

const plain =
  (op: PackedBinaryOp): Body =>
  (b, x, y) =>
    b.packedBinary(op, x, y);

/** MMX operands are put together, so that their lanes come out side by side. */
const pack =
  (op: PackedBinaryOp): Body =>
  (b, x, y, width) => {
    if (width === 16) return b.packedBinary(op, x, y);
    const joined = b.shuffle(x, y, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
    return b.packedBinary(op, joined, joined);
  };

/** Interleaves elements of both operands. @param size of an element, bytes @param high the upper halves */
const unpack =
  (size: number, high: boolean): Body =>
  (b, x, y, width) => {
    const start = high ? width / 2 : 0;
    const bytes = Array.from({ length: 16 }, (_, i) => {
      const element = Math.floor(i / size);
      return start + (element >> 1) * size + (i % size) + (element & 1 ? 16 : 0);
    });
    return b.shuffle(x, y, bytes);
  };

const UPPER_WORDS = [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31];
const EVEN_DOUBLEWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];

const multiplyHigh =
  (low: PackedBinaryOp, high: PackedBinaryOp): Body =>
  (b, x, y) =>
    b.shuffle(b.packedBinary(low, x, y), b.packedBinary(high, x, y), UPPER_WORDS);

const multiplyDoublewords: Body = (b, x, y) =>
  b.packedBinary(
    'i64x2.extmul_low_i32x4_u',
    b.shuffle(x, x, EVEN_DOUBLEWORDS),
    b.shuffle(y, y, EVEN_DOUBLEWORDS),
  );

const sumOfDifferences: Body = (b, x, y) => {
  const differences = b.packedBinary(
    'v128.or',
    b.packedBinary('i8x16.sub_sat_u', x, y),
    b.packedBinary('i8x16.sub_sat_u', y, x),
  );
  const words = b.packedUnary('i16x8.extadd_pairwise_i8x16_u', differences);
  const doublewords = b.packedUnary('i32x4.extadd_pairwise_i16x8_u', words);
  const sums = b.packedBinary('i64x2.add', doublewords, b.packedShift('i64x2.shr_u', doublewords, 32));
  return b.packedBinary('v128.and', sums, b.packedConstant(0xffff, 0, 0xffff, 0));
};

const bodies: Readonly<Record<string, Body>> = {
  punpcklbw: unpack(1, false),
  punpcklwd: unpack(2, false),
  punpckldq: unpack(4, false),
  punpckhbw: unpack(1, true),
  punpckhwd: unpack(2, true),
  punpckhdq: unpack(4, true),
  packsswb: pack('i8x16.narrow_i16x8_s'),
  packuswb: pack('i8x16.narrow_i16x8_u'),
  packssdw: pack('i16x8.narrow_i32x4_s'),
  pcmpeqb: plain('i8x16.eq'),
  pcmpeqw: plain('i16x8.eq'),
  pcmpeqd: plain('i32x4.eq'),
  pcmpgtb: plain('i8x16.gt_s'),
  pcmpgtw: plain('i16x8.gt_s'),
  pcmpgtd: plain('i32x4.gt_s'),
  pand: plain('v128.and'),
  pandn: (b, x, y) => b.packedBinary('v128.andnot', y, x),
  por: plain('v128.or'),
  pxor: plain('v128.xor'),
  paddb: plain('i8x16.add'),
  paddw: plain('i16x8.add'),
  paddd: plain('i32x4.add'),
  paddq: plain('i64x2.add'),
  psubb: plain('i8x16.sub'),
  psubw: plain('i16x8.sub'),
  psubd: plain('i32x4.sub'),
  psubq: plain('i64x2.sub'),
  paddsb: plain('i8x16.add_sat_s'),
  paddsw: plain('i16x8.add_sat_s'),
  paddusb: plain('i8x16.add_sat_u'),
  paddusw: plain('i16x8.add_sat_u'),
  psubsb: plain('i8x16.sub_sat_s'),
  psubsw: plain('i16x8.sub_sat_s'),
  psubusb: plain('i8x16.sub_sat_u'),
  psubusw: plain('i16x8.sub_sat_u'),
  pminub: plain('i8x16.min_u'),
  pmaxub: plain('i8x16.max_u'),
  pminsw: plain('i16x8.min_s'),
  pmaxsw: plain('i16x8.max_s'),
  pavgb: plain('i8x16.avgr_u'),
  pavgw: plain('i16x8.avgr_u'),
  pmullw: plain('i16x8.mul'),
  pmulhw: multiplyHigh('i32x4.extmul_low_i16x8_s', 'i32x4.extmul_high_i16x8_s'),
  pmulhuw: multiplyHigh('i32x4.extmul_low_i16x8_u', 'i32x4.extmul_high_i16x8_u'),
  pmuludq: multiplyDoublewords,
  pmaddwd: plain('i32x4.dot_i16x8_s'),
  psadbw: sumOfDifferences,
};

/** Of XMM registers only. */
const wideBodies: Readonly<Record<string, Body>> = {
  punpcklqdq: unpack(8, false),
  punpckhqdq: unpack(8, true),
};

const instruction = (name: string, width: Width, body: Body): InstructionSpec => {
  // PUNPCKL of MMX registers uses, and reads, only the low half of its source.
  const size = width === 8 && name.startsWith('punpckl') ? 4 : width;
  return vectorSpec(`${name}.${width === 8 ? 'mmx' : 'xmm'}`, either, (b) => {
    requireWidth(b, width);
    const y = source(b, width, size);
    setReg(b, width, body(b, regRegister(b, width), y, width));
  });
};

export const integer: readonly InstructionSpec[] = [
  ...Object.entries(bodies).flatMap(([name, body]) => [
    instruction(name, 8, body),
    instruction(name, 16, body),
  ]),
  ...Object.entries(wideBodies).map(([name, body]) => instruction(name, 16, body)),
];
