/**
 * What the bodies of all vector instructions share: whether they may run, and how they reach operands. A
 * record's REG0 is the register that ModRM's reg field names, REG1 that of its rm field, both as addresses of
 * state; an MMX register is the significand of the x87 register of its number (SDM vol. 1, section 9.2.1).
 */
import { Vector } from '../../x86/exceptions.ts';
import { Fpu, FpuStatus } from '../../x86/fpu.ts';
import { CR0, CR4 } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import type { Access, Builder, Input, Value } from '../builder.ts';
import type { OperandKind } from '../form.ts';
import type { Packed, PackedSize } from '../packed.ts';
import { RecordField } from '../record.ts';
import type { InstructionSpec } from '../spec.ts';

/** Bytes of an MMX or an XMM register. */
export type Width = 8 | 16;

/** The r/m operand may be a register or memory, or only one of them. */
export const either: readonly (readonly OperandKind[])[] = [['reg'], ['mem']];
export const memoryOnly: readonly (readonly OperandKind[])[] = [['mem']];
export const registerOnly: readonly (readonly OperandKind[])[] = [['reg']];

/** An instruction whose body reaches all its operands by itself. */
export const vectorSpec = (
  name: string,
  shapes: readonly (readonly OperandKind[])[],
  body: (b: Builder) => void,
): InstructionSpec => ({ name, sizes: [4], shapes, operands: [], variants: { indexed: true }, body });

/** Raises #UD or #NM where SSE is not to be used (SDM vol. 3, table 13-1). */
export const requireSse = (b: Builder): void => {
  const cr0 = b.system(System.CR0);
  const disabled = b.and(b.not(b.system(System.CR4)), CR4.OSFXSR);
  b.if(b.or(b.and(cr0, CR0.EM | CR0.TS), disabled), () => {
    b.if(b.or(b.and(cr0, CR0.EM), disabled), () => b.raise(Vector.UD));
    b.raise(Vector.NM);
  });
};

/** Reports a pending x87 exception, as every instruction that touches MMX registers does. */
export const reportPending = (b: Builder): void =>
  b.if(b.and(b.loadState(Fpu.STATUS), FpuStatus.ES), () => b.reportFloatingPointError());

/** Raises #UD, #NM or #MF where MMX is not to be used (SDM vol. 3, table 12-1). */
export const requireMmx = (b: Builder): void => {
  const cr0 = b.system(System.CR0);
  b.if(b.and(cr0, CR0.EM | CR0.TS), () => {
    b.if(b.and(cr0, CR0.EM), () => b.raise(Vector.UD));
    b.raise(Vector.NM);
  });
  reportPending(b);
};

export const requireWidth = (b: Builder, width: Width): void => (width === 8 ? requireMmx(b) : requireSse(b));

/** What every MMX instruction but EMMS does to the x87 state (SDM vol. 3, section 12.2): TOP 0, all valid. */
export const enterMmxState = (b: Builder): void => {
  b.storeState(Fpu.STATUS, b.and(b.loadState(Fpu.STATUS), ~FpuStatus.TOP));
  b.storeState(Fpu.OCCUPIED, 0xff);
};

/** Linear address of the memory operand, as it is. */
export const unalignedOperand = (b: Builder, size: PackedSize, access: Access): Value =>
  b.operandLinear(size, access);

/** Linear address of a memory operand, of which 16 bytes must be aligned. */
export const memoryOperand = (b: Builder, size: PackedSize, access: Access): Value => {
  const linear = b.operandLinear(size, access);
  if (size === 16) b.if(b.and(linear, 15), () => b.raise(Vector.GP, 0));
  return linear;
};

const isMemory = (b: Builder): boolean => b.form.operands[0] === 'mem';

/** The r/m operand: bytes of a vector register, or memory. @param size of a memory operand */
export const source = (b: Builder, width: Width, size: PackedSize = width): Packed =>
  isMemory(b) ? b.loadPacked(memoryOperand(b, size, 'read'), size) : rmRegister(b, width);
/** As `source`, without the requirement to be aligned. */
export const unalignedSource = (b: Builder): Packed =>
  isMemory(b) ? b.loadPacked(unalignedOperand(b, 16, 'read'), 16) : rmRegister(b, 16);

export const rmRegister = (b: Builder, size: PackedSize): Packed =>
  b.loadAtPacked(b.field(RecordField.REG1), size);
export const regRegister = (b: Builder, size: PackedSize): Packed =>
  b.loadAtPacked(b.field(RecordField.REG0), size);

/** Writes a vector register. Bits 64-79 of the x87 register under an MMX register become ones. */
const setRegister = (b: Builder, field: RecordField, width: Width, value: Packed): void => {
  const address = b.field(field);
  b.storeAtPacked(address, value, width);
  if (width === 16) return;
  b.storeAt(b.add(address, 8), 0xffff, 2);
  enterMmxState(b);
};
export const setReg = (b: Builder, width: Width, value: Packed): void =>
  setRegister(b, RecordField.REG0, width, value);
export const setRm = (b: Builder, width: Width, value: Packed): void =>
  setRegister(b, RecordField.REG1, width, value);

/** Writes the general register of the reg field. */
export const setGpr = (b: Builder, value: Input): void => b.setRegOperand(0, value, 4);

/** The general register or memory word of the r/m field. @param size bytes in memory */
export const generalSource = (b: Builder, size: 2 | 4): Value =>
  isMemory(b) ? b.load(b.operandLinear(size, 'read'), size) : b.regOperand(1, size);

export const zero = (b: Builder): Packed => b.packedConstant(0, 0, 0, 0);

/** The low `bytes` of `low`, above them those of `high`. */
export const mergeLow = (b: Builder, low: Packed, high: Packed, bytes: 4 | 8): Packed =>
  b.shuffle(
    low,
    high,
    Array.from({ length: 16 }, (_, i) => (i < bytes ? i : 16 + i)),
  );
