/**
 * Status flags, kept lazily as a result, a sum and an addend (State.FLAG_RESULT, FLAG_SUM, FLAG_ADDEND). No kind
 * of the last operation has to be remembered, so reading a condition never branches; and a 32-bit addition or
 * subtraction stores what it has at hand.
 */
import { type ConditionCode, Flag, STATUS_FLAGS } from '../x86/flags.ts';
import type { Size } from '../x86/registers.ts';
import { State } from '../x86/state.ts';
import type { Builder, Input, Value } from './builder.ts';

const RESULT_HIGH = State.FLAG_RESULT + 4;
const AUXILIARY = 8;
const TOP_TWO = 3 << 30;

/** ZF, SF and PF from a result of `size` bytes. */
export const setResult = (b: Builder, result: Input, size: Size): void => {
  b.storeStateWide(State.FLAG_RESULT, b.widen(b.signExtend(result, size), true));
};

/** Sets CF, OF and AF from carries at bits 31, 30 and 3. */
const setCarries = (b: Builder, carries: Value): void => {
  b.storeState(State.FLAG_SUM, b.shl(carries, 1));
  b.storeState(State.FLAG_ADDEND, carries);
};
/** The carries at bits 31, 30 and 3; other bits are meaningless. */
const carries = (b: Builder): Value => {
  const sum = b.loadState(State.FLAG_SUM);
  const addend = b.loadState(State.FLAG_ADDEND);
  return addCarries(b, addend, b.sub(sum, addend), sum);
};

/** The carry out of every bit of r = x + y (+ carry), and the borrow of r = x - y (- borrow). */
const addCarries = (b: Builder, x: Value, y: Value, r: Value): Value =>
  b.or(b.and(x, y), b.and(b.or(x, y), b.not(r)));
const subCarries = (b: Builder, x: Value, y: Value, r: Value): Value =>
  b.or(b.and(b.not(x), y), b.and(b.not(b.xor(x, y)), r));

/** Moves a narrow operation's top carries to bits 31 and 30. */
const align = (b: Builder, vector: Value, size: Size): Value =>
  size === 4 ? vector : b.or(b.shl(vector, size === 2 ? 16 : 24), b.and(vector, AUXILIARY));

/** All six flags of r = x + y + carry. */
export const flagsAddCarry = (b: Builder, x: Value, y: Value, r: Value, size: Size): void => {
  setCarries(b, align(b, addCarries(b, x, y, r), size));
  setResult(b, r, size);
};
/** All six flags of r = x - y - borrow. */
export const flagsSubBorrow = (b: Builder, x: Value, y: Value, r: Value, size: Size): void => {
  setCarries(b, align(b, subCarries(b, x, y, r), size));
  setResult(b, r, size);
};
/** All six flags of r = x + y. */
export const flagsAdd = (b: Builder, x: Value, y: Value, r: Value, size: Size): void => {
  if (size !== 4) {
    flagsAddCarry(b, x, y, r, size);
    return;
  }
  b.storeState(State.FLAG_SUM, r);
  b.storeState(State.FLAG_ADDEND, x);
  setResult(b, r, size);
};
/** All six flags of r = x - y. */
export const flagsSub = (b: Builder, x: Value, y: Value, r: Value, size: Size): void => {
  if (size !== 4) {
    flagsSubBorrow(b, x, y, r, size);
    return;
  }
  b.storeState(State.FLAG_SUM, x);
  b.storeState(State.FLAG_ADDEND, r);
  setResult(b, r, size);
};
/** Flags of AND, OR, XOR, TEST: CF, OF and AF clear. */
export const flagsLogic = (b: Builder, r: Value, size: Size): void => {
  b.storeStateWide(State.FLAG_SUM, b.wideConstant(0n));
  setResult(b, r, size);
};

/** Carries whose CF is replaced (by 0 or 1) and whose OF and AF stay. */
const withCarry = (b: Builder, vector: Value, newCarry: Value): Value => {
  // OF is the xor of the two top bits, so flipping both keeps it.
  const differ = b.shrS(b.xor(vector, b.shl(newCarry, 31)), 31);
  return b.xor(vector, b.and(differ, TOP_TWO));
};

/** INC and DEC: as addition and subtraction of one, but CF stays. */
export const flagsKeepCarry = (
  b: Builder,
  x: Value,
  y: Value,
  r: Value,
  size: Size,
  subtract: boolean,
): void => {
  const vector = align(b, subtract ? subCarries(b, x, y, r) : addCarries(b, x, y, r), size);
  setCarries(b, withCarry(b, vector, carry(b)));
  setResult(b, r, size);
};

/** Carries with the given CF and OF (each 0 or 1), AF clear. */
const carryOverflow = (b: Builder, newCarry: Value, newOverflow: Input): Value =>
  b.or(b.shl(newCarry, 31), b.shl(b.xor(newCarry, newOverflow), 30));

/** CF and OF as given, AF clear or as given. */
export const setCarryOverflow = (
  b: Builder,
  newCarry: Value,
  newOverflow: Input,
  newAuxiliary: Input = 0,
): void => setCarries(b, b.or(carryOverflow(b, newCarry, newOverflow), b.shl(newAuxiliary, 3)));

/** CF and OF as given; AF, ZF, SF and PF stay (rotates). */
export const changeCarryOverflow = (b: Builder, newCarry: Value, newOverflow: Input): void =>
  setCarries(b, b.or(carryOverflow(b, newCarry, newOverflow), b.and(carries(b), AUXILIARY)));

/** CF as given (0 or 1); all other flags stay. */
export const changeCarry = (b: Builder, newCarry: Value): void =>
  setCarries(b, withCarry(b, carries(b), newCarry));

/** CF as 0 or 1: a sum is below its addend when the addition carried. */
export const carry = (b: Builder): Value =>
  b.ltU(b.loadState(State.FLAG_SUM), b.loadState(State.FLAG_ADDEND));
/** OF as 0 or 1. */
export const overflow = (b: Builder): Value => {
  const vector = carries(b);
  return b.shrU(b.xor(vector, b.shl(vector, 1)), 31);
};
const zero = (b: Builder): Value => b.eqz(b.loadState(State.FLAG_RESULT));
const sign = (b: Builder): Value => b.shrU(b.loadState(RESULT_HIGH), 31);
const parity = (b: Builder): Value => {
  const byte = b.and(b.xor(b.loadState(State.FLAG_RESULT), b.loadState(RESULT_HIGH)), 0xff);
  return b.and(b.not(b.popcnt(byte)), 1);
};
/** AF as 0 or 1. */
export const auxiliary = (b: Builder): Value => b.and(b.shrU(carries(b), 3), 1);

/** SF differs from OF. */
const less = (b: Builder): Value => {
  const vector = carries(b);
  return b.shrU(b.xor(b.loadState(RESULT_HIGH), b.xor(vector, b.shl(vector, 1))), 31);
};

/** A condition code as 0 or 1 (SDM vol. 1, appendix B). */
export const condition = (b: Builder, code: ConditionCode): Value => {
  const positive = (): Value => {
    switch (code >> 1) {
      case 0:
        return overflow(b);
      case 1:
        return carry(b);
      case 2:
        return zero(b);
      case 3:
        return b.or(carry(b), zero(b));
      case 4:
        return sign(b);
      case 5:
        return parity(b);
      case 6:
        return less(b);
      default:
        return b.or(less(b), zero(b));
    }
  };
  return code & 1 ? b.eqz(positive()) : positive();
};

/** The six flags at their EFLAGS positions. */
export const statusFlags = (b: Builder): Value => {
  const bit = (value: Value, mask: number) => b.shl(value, 31 - Math.clz32(mask));
  return b.or(
    b.or(b.or(carry(b), bit(parity(b), Flag.PF)), b.or(bit(auxiliary(b), Flag.AF), bit(zero(b), Flag.ZF))),
    b.or(bit(sign(b), Flag.SF), bit(overflow(b), Flag.OF)),
  );
};

/** Sets the six flags from an EFLAGS image. */
export const setStatusFlags = (b: Builder, image: Value): void => {
  const bit = (mask: number) => b.and(b.shrU(image, 31 - Math.clz32(mask)), 1);
  const low = b.xor(bit(Flag.ZF), 1);
  // A low word of 0 has even parity and of 1 odd; bit 32 corrects it to what PF asks for.
  const fix = b.xor(b.xor(bit(Flag.PF), 1), low);
  const high = b.or(b.shl(bit(Flag.SF), 31), fix);
  b.storeState(State.FLAG_RESULT, low);
  b.storeState(RESULT_HIGH, high);
  setCarryOverflow(b, bit(Flag.CF), bit(Flag.OF), bit(Flag.AF));
};

/** ZF as given (0 or 1); all other flags stay. */
export const changeZero = (b: Builder, isZero: Value): void => {
  const others = b.and(statusFlags(b), STATUS_FLAGS & ~Flag.ZF);
  setStatusFlags(b, b.or(others, b.shl(isZero, 6)));
};
