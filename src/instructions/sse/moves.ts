/** Moves of vector registers, and MXCSR's. Instructions that differ only in the data's type are one. */
import { Vector } from '../../x86/exceptions.ts';
import { Fpu, MXCSR_MASK } from '../../x86/fpu.ts';
import type { Builder } from '../builder.ts';
import type { Packed, PackedSize } from '../packed.ts';
import type { InstructionSpec } from '../spec.ts';
import {
  either,
  enterMmxState,
  generalSource,
  memoryOnly,
  memoryOperand,
  mergeLow,
  registerOnly,
  regRegister,
  reportPending,
  requireMmx,
  requireSse,
  requireWidth,
  rmRegister,
  setReg,
  setRm,
  source,
  unalignedOperand,
  unalignedSource,
  vectorSpec,
  type Width,
  zero,
} from './operands.ts';

/** Loads a register from the r/m operand. */
const load = (name: string, body: (b: Builder) => Packed, shapes = either): InstructionSpec =>
  vectorSpec(name, shapes, (b) => {
    requireSse(b);
    setReg(b, 16, body(b));
  });

/** Stores the low bytes of a register in memory. */
const store = (name: string, width: Width, size: PackedSize, part = regRegister): InstructionSpec =>
  vectorSpec(name, memoryOnly, (b) => {
    requireWidth(b, width);
    b.storePacked(memoryOperand(b, size, 'write'), size, part(b, width));
    if (width === 8) enterMmxState(b);
  });

const upperHalf = (b: Builder, width: PackedSize): Packed => {
  const x = regRegister(b, width);
  return b.shuffle(x, x, UPPER_TO_LOWER);
};
const UPPER_TO_LOWER = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const JOIN_LOWER = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

/** MOVD between a vector register and a general register or memory. */
const doubleword = (width: Width): InstructionSpec[] => {
  const suffix = width === 8 ? 'mmx' : 'xmm';
  return [
    vectorSpec(`movd.load.${suffix}`, either, (b) => {
      requireWidth(b, width);
      setReg(b, width, b.withLane32(zero(b), 0, generalSource(b, 4)));
    }),
    vectorSpec(`movd.store.${suffix}`, either, (b) => {
      requireWidth(b, width);
      const low = b.lane32(regRegister(b, width), 0);
      if (b.form.operands[0] === 'mem') b.store(b.operandLinear(4, 'write'), 4, low);
      else b.setRegOperand(1, low, 4);
      if (width === 8) enterMmxState(b);
    }),
  ];
};

/** MASKMOVQ and MASKMOVDQU: the bytes whose mask has the sign bit set. */
const maskedStore = (name: string, width: Width): InstructionSpec =>
  vectorSpec(name, memoryOnly, (b) => {
    requireWidth(b, width);
    const mask = b.packedBinary('i8x16.gt_s', zero(b), rmRegister(b, width));
    const data = regRegister(b, width);
    const location = b.locate(b.operandLinear(width, 'write'), width);
    for (let lane = 0; lane < width / 4; lane++) {
      const at = lane as 0 | 1 | 2 | 3;
      const chosen = b.lane32(mask, at);
      const old = b.and(b.loadLocation(location, 4, lane * 4), b.not(chosen));
      b.storeLocation(location, 4, b.or(old, b.and(b.lane32(data, at), chosen)), lane * 4);
    }
    b.commitLocation(location);
    if (width === 8) enterMmxState(b);
  });

export const vectorMoves: readonly InstructionSpec[] = [
  load('movaps.load', (b) => source(b, 16)),
  load('movups.load', unalignedSource),
  load('movq.load', (b) =>
    b.form.operands[0] === 'mem' ? b.loadPacked(b.operandLinear(8, 'read'), 8) : rmRegister(b, 8),
  ),
  load('movss.load', (b) => b.loadPacked(b.operandLinear(4, 'read'), 4), memoryOnly),
  load('movss.move', (b) => mergeLow(b, rmRegister(b, 16), regRegister(b, 16), 4), registerOnly),
  // MOVLPS, MOVLPD; of registers MOVSD.
  load('movlps.load', (b) => mergeLow(b, source(b, 16, 8), regRegister(b, 16), 8)),
  load(
    'movhlps',
    (b) => {
      const x = rmRegister(b, 16);
      return mergeLow(b, b.shuffle(x, x, UPPER_TO_LOWER), regRegister(b, 16), 8);
    },
    registerOnly,
  ),
  // MOVHPS, MOVHPD; of registers MOVLHPS.
  load('movhps.load', (b) => {
    const high = source(b, 16, 8);
    return b.shuffle(regRegister(b, 16), high, JOIN_LOWER);
  }),
  store('movaps.store', 16, 16),
  store('movq.store', 16, 8),
  store('movss.store', 16, 4),
  store('movhps.store', 16, 8, upperHalf),
  store('movq.store.mmx', 8, 8),
  vectorSpec('movups.store', memoryOnly, (b) => {
    requireSse(b);
    b.storePacked(unalignedOperand(b, 16, 'write'), 16, regRegister(b, 16));
  }),
  // The register forms of stores.
  vectorSpec('movaps.copy', registerOnly, (b) => {
    requireSse(b);
    setRm(b, 16, regRegister(b, 16));
  }),
  vectorSpec('movq.copy', registerOnly, (b) => {
    requireSse(b);
    setRm(b, 16, regRegister(b, 8));
  }),
  vectorSpec('movss.copy', registerOnly, (b) => {
    requireSse(b);
    setRm(b, 16, mergeLow(b, regRegister(b, 16), rmRegister(b, 16), 4));
  }),
  vectorSpec('movsd.copy', registerOnly, (b) => {
    requireSse(b);
    setRm(b, 16, mergeLow(b, regRegister(b, 16), rmRegister(b, 16), 8));
  }),
  vectorSpec('movq.load.mmx', either, (b) => {
    requireMmx(b);
    setReg(b, 8, source(b, 8));
  }),
  vectorSpec('movq.copy.mmx', registerOnly, (b) => {
    requireMmx(b);
    setRm(b, 8, regRegister(b, 8));
  }),
  vectorSpec('movq2dq', registerOnly, (b) => {
    requireSse(b);
    reportPending(b);
    setReg(b, 16, rmRegister(b, 8));
    enterMmxState(b);
  }),
  vectorSpec('movdq2q', registerOnly, (b) => {
    requireSse(b);
    reportPending(b);
    setReg(b, 8, rmRegister(b, 8));
  }),
  ...doubleword(8),
  ...doubleword(16),
  maskedStore('maskmovq', 8),
  maskedStore('maskmovdqu', 16),
  vectorSpec('movnti', memoryOnly, (b) => b.store(b.operandLinear(4, 'write'), 4, b.regOperand(0, 4))),
  vectorSpec('ldmxcsr', memoryOnly, (b) => {
    requireSse(b);
    const value = b.load(b.operandLinear(4, 'read'), 4);
    b.if(b.and(value, ~MXCSR_MASK), () => b.raise(Vector.GP, 0));
    b.storeState(Fpu.MXCSR, value);
  }),
  vectorSpec('stmxcsr', memoryOnly, (b) => {
    requireSse(b);
    b.store(b.operandLinear(4, 'write'), 4, b.loadState(Fpu.MXCSR));
  }),
  vectorSpec('emms', [[]], (b) => {
    requireMmx(b);
    enterMmxState(b);
    b.storeState(Fpu.OCCUPIED, 0);
  }),
  // A cache line is checked like a byte that is read (SDM vol. 2, CLFLUSH).
  vectorSpec('clflush', memoryOnly, (b) => {
    b.load(b.operandLinear(1, 'read'), 1);
  }),
];
