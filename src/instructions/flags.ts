/**
 * Status flags, kept lazily as a result and a carry word (State.FLAG_RESULT, State.FLAG_CARRY). No kind of
 * the last operation has to be remembered, so reading a condition never branches.
 */
import { type ConditionCode, Flag, STATUS_FLAGS } from '../x86/flags.ts';
import type { Size } from '../x86/registers.ts';
import { State } from '../x86/state.ts';
import type { Builder, Input, Value } from './builder.ts';

const RESULT_HIGH = State.FLAG_RESULT + 4;
const AUXILIARY = 8;

/** ZF, SF and PF from a result of `size` bytes. */
export const setResult = (b: Builder, result: Input, size: Size): void => {
  b.storeStateWide(State.FLAG_RESULT, b.widen(b.signExtend(result, size), true));
};

/** Moves a carry vector's top bits of a narrow operation to bits 31 and 30. */
const carryWord = (b: Builder, vector: Value, size: Size): Value =>
  size === 4 ? vector : b.or(b.shl(vector, size === 2 ? 16 : 24), b.and(vector, AUXILIARY));

const addVector = (b: Builder, x: Value, y: Value, r: Value): Value =>
  b.or(b.and(x, y), b.and(b.or(x, y), b.not(r)));
const subVector = (b: Builder, x: Value, y: Value, r: Value): Value =>
  b.or(b.and(b.not(x), y), b.and(b.not(b.xor(x, y)), r));

/** All six flags of r = x + y (+ carry). */
export const flagsAdd = (b: Builder, x: Value, y: Value, r: Value, size: Size): void => {
  b.storeState(State.FLAG_CARRY, carryWord(b, addVector(b, x, y, r), size));
  setResult(b, r, size);
};
/** All six flags of r = x - y (- borrow). */
export const flagsSub = (b: Builder, x: Value, y: Value, r: Value, size: Size): void => {
  b.storeState(State.FLAG_CARRY, carryWord(b, subVector(b, x, y, r), size));
  setResult(b, r, size);
};
/** Flags of AND, OR, XOR, TEST: CF, OF and AF clear. */
export const flagsLogic = (b: Builder, r: Value, size: Size): void => {
  b.storeState(State.FLAG_CARRY, 0);
  setResult(b, r, size);
};

/** INC and DEC: as addition and subtraction of one, but CF stays. */
export const flagsKeepCarry = (
  b: Builder, x: Value, y: Value, r: Value, size: Size, subtract: boolean,
): void => {
  const vector = carryWord(b, subtract ? subVector(b, x, y, r) : addVector(b, x, y, r), size);
  // OF is the xor of the two top bits, so flipping both keeps it and replaces CF.
  const differ = b.shrS(b.xor(vector, b.loadState(State.FLAG_CARRY)), 31);
  b.storeState(State.FLAG_CARRY, b.xor(vector, b.and(differ, 3 << 30)));
  setResult(b, r, size);
};

/** A carry word with the given CF and OF (each 0 or 1). */
const carryOverflow = (b: Builder, carry: Value, overflow: Input): Value =>
  b.or(b.shl(carry, 31), b.shl(b.xor(carry, overflow), 30));

/** CF and OF as given, AF clear. */
export const setCarryOverflow = (b: Builder, carry: Value, overflow: Input): void =>
  b.storeState(State.FLAG_CARRY, carryOverflow(b, carry, overflow));

/** CF and OF as given; AF, ZF, SF and PF stay (rotates). */
export const changeCarryOverflow = (b: Builder, carry: Value, overflow: Input): void => {
  const auxiliary = b.and(b.loadState(State.FLAG_CARRY), AUXILIARY);
  b.storeState(State.FLAG_CARRY, b.or(carryOverflow(b, carry, overflow), auxiliary));
};

/** CF as given (0 or 1); all other flags stay. */
export const changeCarry = (b: Builder, carry: Value): void => {
  const old = b.loadState(State.FLAG_CARRY);
  const differ = b.shrS(b.xor(old, b.shl(carry, 31)), 31);
  b.storeState(State.FLAG_CARRY, b.xor(old, b.and(differ, 3 << 30)));
};

/** CF as 0 or 1. */
export const carry = (b: Builder): Value => b.shrU(b.loadState(State.FLAG_CARRY), 31);
/** OF as 0 or 1. */
export const overflow = (b: Builder): Value => {
  const word = b.loadState(State.FLAG_CARRY);
  return b.shrU(b.xor(word, b.shl(word, 1)), 31);
};
const zero = (b: Builder): Value => b.eqz(b.loadState(State.FLAG_RESULT));
const sign = (b: Builder): Value => b.shrU(b.loadState(RESULT_HIGH), 31);
const parity = (b: Builder): Value => {
  const byte = b.and(b.xor(b.loadState(State.FLAG_RESULT), b.loadState(RESULT_HIGH)), 0xff);
  return b.and(b.not(b.popcnt(byte)), 1);
};
/** AF as 0 or 1. */
export const auxiliary = (b: Builder): Value => b.and(b.shrU(b.loadState(State.FLAG_CARRY), 3), 1);

/** SF differs from OF. */
const less = (b: Builder): Value => {
  const word = b.loadState(State.FLAG_CARRY);
  return b.shrU(b.xor(b.loadState(RESULT_HIGH), b.xor(word, b.shl(word, 1))), 31);
};

/** A condition code as 0 or 1 (SDM vol. 1, appendix B). */
export const condition = (b: Builder, code: ConditionCode): Value => {
  const positive = (): Value => {
    switch (code >> 1) {
      case 0: return overflow(b);
      case 1: return carry(b);
      case 2: return zero(b);
      case 3: return b.or(carry(b), zero(b));
      case 4: return sign(b);
      case 5: return parity(b);
      case 6: return less(b);
      default: return b.or(less(b), zero(b));
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
  const carries = carryOverflow(b, bit(Flag.CF), bit(Flag.OF));
  b.storeState(State.FLAG_CARRY, b.or(carries, b.shl(bit(Flag.AF), 3)));
};

/** ZF as given (0 or 1); all other flags stay. */
export const changeZero = (b: Builder, isZero: Value): void => {
  const others = b.and(statusFlags(b), STATUS_FLAGS & ~Flag.ZF);
  setStatusFlags(b, b.or(others, b.shl(isZero, 6)));
};
