/** The data transfer instructions: loads, stores, FXCH, FCMOVcc and the constants. */
import { Flag } from '../../x86/flags.ts';
import { FpuStatus } from '../../x86/fpu.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { BIAS, type Float80, setIndefinite, setZero } from './float80.ts';
import {
  loadConverted,
  type TenBytes,
  toBcd,
  toDouble,
  toInteger,
  toIntegerTruncated,
  toSingle,
  toTenBytes,
} from './formats.ts';
import {
  type Load,
  loadBcd,
  loadDouble,
  loadExtended,
  loadInteger16,
  loadInteger32,
  loadInteger64,
  loadSingle,
  store16,
  store32,
  store64,
  store80,
} from './memory.ts';
import { type Context, roundSignificand } from './rounding.ts';
import {
  begin,
  clearC1,
  commit,
  context,
  enter,
  left,
  loadRegister,
  note,
  prepare,
  push,
  type Run,
  result,
  right,
  roomToPush,
  stackUnderflow,
  stored,
  storeRegister,
  underflowInto,
} from './unit.ts';

/** Pushes what memory holds. @param convert of a narrower format: NaNs and denormals are looked at */
const loadMemory =
  (load: Load, convert: boolean): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    load(cpu, operands, left);
    begin(cpu, operands, fpu);
    if (!roomToPush(fpu)) return;
    if (!convert) {
      push(fpu, left);
      return;
    }
    const delivered = loadConverted(context, left, result);
    commit(fpu);
    if (delivered) push(fpu, result);
  };

/** FLD ST(i). */
const loadFromRegister: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  begin(cpu, operands, fpu);
  // An empty source comes before a full stack.
  if (fpu.isEmpty(operands.rm)) {
    if (!stackUnderflow(fpu)) return;
    setIndefinite(result);
  } else {
    if (!roomToPush(fpu)) return;
    loadRegister(fpu, operands.rm, result);
  }
  push(fpu, result);
};

/** Converts a number for a store. @returns whether there is a result to deliver */
type Convert = (context: Context, x: Float80, out: TenBytes) => boolean;
type Store = (cpu: Cpu, operands: Operands, value: TenBytes) => void;

/** Stores ST(0) in memory. */
const storeMemory =
  (convert: Convert, store: Store, pops: boolean): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    prepare(fpu);
    const empty = fpu.isEmpty(0);
    if (empty) setIndefinite(left);
    else loadRegister(fpu, 0, left);
    let delivered = convert(context, left, stored);
    if (empty) delivered = (context.unmasked & FpuStatus.IE) === 0;
    if (delivered) store(cpu, operands, stored);
    note(cpu, operands, fpu);
    clearC1(fpu);
    if (empty) stackUnderflow(fpu);
    else commit(fpu);
    if (pops && delivered) fpu.pop();
  };

const storeExtended: Convert = (_context, x, out) => {
  toTenBytes(x, out);
  return true;
};

/** FST and FSTP ST(i). */
const storeToRegister =
  (pops: boolean): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    begin(cpu, operands, fpu);
    if (fpu.isEmpty(0)) {
      if (!underflowInto(fpu, operands.rm)) return;
    } else {
      loadRegister(fpu, 0, left);
      storeRegister(fpu, operands.rm, left);
    }
    if (pops) fpu.pop();
  };

/**
 * The FSTP of opcode D9 D8, an old alias: unlike the others it takes an empty register as it is, and just
 * pops it.
 */
const storeUnchecked: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  begin(cpu, operands, fpu);
  if (!fpu.isEmpty(0)) {
    loadRegister(fpu, 0, left);
    storeRegister(fpu, operands.rm, left);
  }
  fpu.pop();
};

const rounded =
  (bits: number): Convert =>
  (ctx, x, out) =>
    toInteger(ctx, x, bits, out);
const truncated =
  (bits: number): Convert =>
  (ctx, x, out) =>
    toIntegerTruncated(ctx, x, bits, out);

const fxch: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  begin(cpu, operands, fpu);
  const { rm } = operands;
  const emptyTop = fpu.isEmpty(0);
  const emptyOther = fpu.isEmpty(rm);
  if ((emptyTop || emptyOther) && !stackUnderflow(fpu)) return;
  loadRegister(fpu, 0, left);
  loadRegister(fpu, rm, right);
  if (emptyTop) setIndefinite(left);
  if (emptyOther) setIndefinite(right);
  storeRegister(fpu, 0, right);
  storeRegister(fpu, rm, left);
};

/** @param mask status flags of which one must be set (or, negated, none) */
const conditionalMove =
  (mask: number, negated: boolean): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    note(cpu, operands, fpu);
    prepare(fpu);
    if (fpu.isEmpty(0) || fpu.isEmpty(operands.rm)) {
      underflowInto(fpu, 0);
      return;
    }
    if (cpu.state.flag(mask) === negated) return;
    loadRegister(fpu, operands.rm, left);
    storeRegister(fpu, 0, left);
  };

/** A constant with 96 bits of significand, rounded as RC says (SDM vol. 2, FLD1 and others). */
const constant =
  (exponent: number, high: number, low: number, extra: number): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    begin(cpu, operands, fpu);
    if (!roomToPush(fpu)) return;
    setZero(result, 0);
    result.exponent = exponent;
    result.high = high | 0;
    result.low = low | 0;
    result.extra = extra | 0;
    roundSignificand(context, result, 64);
    push(fpu, result);
  };

export const transfer: Readonly<Record<string, Run>> = {
  'fld st(i)': loadFromRegister,
  'fld m32': loadMemory(loadSingle, true),
  'fld m64': loadMemory(loadDouble, true),
  'fld m80': loadMemory(loadExtended, false),
  'fild m16': loadMemory(loadInteger16, false),
  'fild m32': loadMemory(loadInteger32, false),
  'fild m64': loadMemory(loadInteger64, false),
  fbld: loadMemory(loadBcd, false),
  'fst st(i)': storeToRegister(false),
  'fstp st(i)': storeToRegister(true),
  fstpnce: storeUnchecked,
  'fst m32': storeMemory(toSingle, store32, false),
  'fst m64': storeMemory(toDouble, store64, false),
  'fstp m32': storeMemory(toSingle, store32, true),
  'fstp m64': storeMemory(toDouble, store64, true),
  'fstp m80': storeMemory(storeExtended, store80, true),
  'fist m16': storeMemory(rounded(16), store16, false),
  'fist m32': storeMemory(rounded(32), store32, false),
  'fistp m16': storeMemory(rounded(16), store16, true),
  'fistp m32': storeMemory(rounded(32), store32, true),
  'fistp m64': storeMemory(rounded(64), store64, true),
  'fisttp m16': storeMemory(truncated(16), store16, true),
  'fisttp m32': storeMemory(truncated(32), store32, true),
  'fisttp m64': storeMemory(truncated(64), store64, true),
  fbstp: storeMemory(toBcd, store80, true),
  fxch,
  fcmovb: conditionalMove(Flag.CF, false),
  fcmove: conditionalMove(Flag.ZF, false),
  fcmovbe: conditionalMove(Flag.CF | Flag.ZF, false),
  fcmovu: conditionalMove(Flag.PF, false),
  fcmovnb: conditionalMove(Flag.CF, true),
  fcmovne: conditionalMove(Flag.ZF, true),
  fcmovnbe: conditionalMove(Flag.CF | Flag.ZF, true),
  fcmovnu: conditionalMove(Flag.PF, true),
  fldz: constant(0, 0, 0, 0),
  fld1: constant(BIAS, 0x80000000, 0, 0),
  fldpi: constant(0x4000, 0xc90fdaa2, 0x2168c234, 0xc4c6628b),
  fldl2t: constant(0x4000, 0xd49a784b, 0xcd1b8afe, 0x492bf6ff),
  fldl2e: constant(BIAS, 0xb8aa3b29, 0x5c17f0bb, 0xbe87fed0),
  fldlg2: constant(0x3ffd, 0x9a209a84, 0xfbcff798, 0x8f8959ac),
  fldln2: constant(0x3ffe, 0xb17217f7, 0xd1cf79ab, 0xc9e3b398),
};
