/** Shuffles by an immediate, and words moved into and out of vector registers. */
import type { Builder } from '../builder.ts';
import type { Packed, PackedTestOp } from '../packed.ts';
import type { InstructionSpec } from '../spec.ts';
import {
  either,
  enterMmxState,
  generalSource,
  registerOnly,
  regRegister,
  requireSse,
  requireWidth,
  rmRegister,
  setGpr,
  setReg,
  source,
  vectorSpec,
  type Width,
} from './operands.ts';

type Words = readonly [number, number, number, number];

/**
 * Selects by two-bit fields of the immediate with a byte shuffle. Lane by lane, `weights` move a field to bits
 * 6 and 7, `scale` makes byte numbers of it and `base` says from where they count. @param x what is shuffled
 */
const selectWords = (b: Builder, x: Packed, weights: Words, scale: Words, base: Words): Packed => {
  const immediate = b.splat('i16x8.splat', b.immediate());
  const moved = b.packedBinary('i16x8.mul', immediate, b.packedConstant(...weights));
  const fields = b.packedBinary(
    'v128.and',
    b.packedShift('i16x8.shr_u', moved, 6),
    b.packedConstant(0x00030003, 0x00030003, 0x00030003, 0x00030003),
  );
  const bytes = b.packedBinary('i16x8.mul', fields, b.packedConstant(...scale));
  const control = b.packedBinary('i16x8.add', bytes, b.packedConstant(...base));
  return b.packedBinary('i8x16.swizzle', x, control);
};
/** Fields 0 to 3 for four words, in bits 0-1, 2-3, 4-5 and 6-7: two words a constant. */
const FIELDS_01 = 0x00100040;
const FIELDS_23 = 0x00010004;
/** A word's bytes are twice its number, and that plus one. */
const WORDS = 0x02020202;
const FIRST_WORD = 0x01000100;
const FIFTH_WORD = 0x09080908;

const lowWords = (b: Builder, x: Packed): Packed =>
  selectWords(
    b,
    x,
    [FIELDS_01, FIELDS_23, 0, 0],
    [WORDS, WORDS, 0, 0],
    [FIRST_WORD, FIRST_WORD, 0x0b0a0908, 0x0f0e0d0c],
  );
const highWords = (b: Builder, x: Packed): Packed =>
  selectWords(
    b,
    x,
    [0, 0, FIELDS_01, FIELDS_23],
    [0, 0, WORDS, WORDS],
    [0x03020100, 0x07060504, FIFTH_WORD, FIFTH_WORD],
  );

/** Each doubleword's field, for the two words of which it consists. */
const doublewords = (b: Builder, x: Packed): Packed =>
  selectWords(
    b,
    x,
    [0x00400040, 0x00100010, 0x00040004, 0x00010001],
    [0x04040404, 0x04040404, 0x04040404, 0x04040404],
    [0x03020100, 0x03020100, 0x03020100, 0x03020100],
  );

/** Quadword 0 by bit 0, quadword 1 by bit 1. */
const quadwords = (b: Builder, x: Packed): Packed => {
  const immediate = b.splat('i16x8.splat', b.immediate());
  const moved = b.packedBinary(
    'i16x8.mul',
    immediate,
    b.packedConstant(0x00020002, 0x00020002, 0x00010001, 0x00010001),
  );
  const fields = b.packedBinary(
    'v128.and',
    b.packedShift('i16x8.shr_u', moved, 1),
    b.packedConstant(0x00010001, 0x00010001, 0x00010001, 0x00010001),
  );
  const bytes = b.packedBinary(
    'i16x8.mul',
    fields,
    b.packedConstant(0x08080808, 0x08080808, 0x08080808, 0x08080808),
  );
  const control = b.packedBinary(
    'i16x8.add',
    bytes,
    b.packedConstant(0x03020100, 0x07060504, 0x03020100, 0x07060504),
  );
  return b.packedBinary('i8x16.swizzle', x, control);
};

/** The low half of `low`, the high half of `high`. */
const halves = (b: Builder, low: Packed, high: Packed): Packed =>
  b.shuffle(low, high, [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31]);

/** A shuffle of the source alone. */
const shuffleSource = (
  name: string,
  width: Width,
  select: (b: Builder, x: Packed) => Packed,
): InstructionSpec =>
  vectorSpec(name, either, (b) => {
    requireWidth(b, width);
    setReg(b, width, select(b, source(b, width)));
  });

/** SHUFPS and SHUFPD: the low half comes from the destination, the high half from the source. */
const shuffleBoth = (name: string, select: (b: Builder, x: Packed) => Packed): InstructionSpec =>
  vectorSpec(name, either, (b) => {
    requireSse(b);
    const y = source(b, 16);
    setReg(b, 16, halves(b, select(b, regRegister(b, 16)), select(b, y)));
  });

/** Byte numbers of one word, chosen by the immediate, in every word. */
const wordControl = (b: Builder, width: Width): Packed => {
  const word = b.and(b.immediate(), width / 2 - 1);
  return b.splat('i16x8.splat', b.add(b.mul(word, 0x0202), 0x0100));
};

const extractWord = (name: string, width: Width): InstructionSpec =>
  vectorSpec(name, registerOnly, (b) => {
    requireWidth(b, width);
    const words = b.packedBinary('i8x16.swizzle', rmRegister(b, width), wordControl(b, width));
    setGpr(b, b.and(b.lane32(words, 0), 0xffff));
    if (width === 8) enterMmxState(b);
  });

const insertWord = (name: string, width: Width): InstructionSpec =>
  vectorSpec(name, either, (b) => {
    requireWidth(b, width);
    const word = b.splat('i16x8.splat', generalSource(b, 2));
    const numbers = b.packedConstant(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c);
    const mask = b.packedBinary('i16x8.eq', numbers, wordControl(b, width));
    setReg(b, width, b.bitselect(word, regRegister(b, width), mask));
  });

const signs = (name: string, width: Width, op: PackedTestOp): InstructionSpec =>
  vectorSpec(name, registerOnly, (b) => {
    requireWidth(b, width);
    setGpr(b, b.packedTest(op, rmRegister(b, width)));
    if (width === 8) enterMmxState(b);
  });

/** SSE3's moves that repeat lanes. */
const repeat = (name: string, size: 8 | 16, bytes: readonly number[]): InstructionSpec =>
  vectorSpec(name, either, (b) => {
    requireSse(b);
    const x = source(b, 16, size);
    setReg(b, 16, b.shuffle(x, x, bytes));
  });

export const shuffles: readonly InstructionSpec[] = [
  shuffleSource('pshufw', 8, lowWords),
  shuffleSource('pshuflw', 16, lowWords),
  shuffleSource('pshufhw', 16, highWords),
  shuffleSource('pshufd', 16, doublewords),
  shuffleBoth('shufps', doublewords),
  shuffleBoth('shufpd', quadwords),
  extractWord('pextrw.mmx', 8),
  extractWord('pextrw.xmm', 16),
  insertWord('pinsrw.mmx', 8),
  insertWord('pinsrw.xmm', 16),
  signs('pmovmskb.mmx', 8, 'i8x16.bitmask'),
  signs('pmovmskb.xmm', 16, 'i8x16.bitmask'),
  signs('movmskps', 16, 'i32x4.bitmask'),
  signs('movmskpd', 16, 'i64x2.bitmask'),
  repeat('movddup', 8, [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]),
  repeat('movsldup', 16, [0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11]),
  repeat('movshdup', 16, [4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15]),
];
