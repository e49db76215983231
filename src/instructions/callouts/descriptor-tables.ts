/** Descriptor-table and task registers: LGDT LIDT SGDT SIDT LLDT LTR SLDT STR (SDM vol. 2). */
import {
  ATTRIBUTES_MASK,
  Attribute,
  descriptorBase,
  descriptorLimit,
  descriptorType,
  SystemType,
} from '../../x86/descriptors.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { CR4, SystemSegment } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import {
  type Descriptor,
  fetchDescriptor,
  isNull,
  readWordOperand,
  requireDescriptors,
  requireMemory,
  requirePrivilege,
  selectorError,
  wrapOffset,
} from './protection.ts';

/** @throws Fault #GP(0) when user-mode instruction prevention hides system registers from CPL 1-3. */
export const requireSystemRegisterAccess = (cpu: Cpu): void => {
  if (cpu.state.cpl !== 0 && (cpu.state.sys(System.CR4) & CR4.UMIP) !== 0) throw new Fault(Vector.GP);
};

/**
 * Writes a 16-bit system register (selector or machine status word): memory gets 16 bits, a register as many
 * as the operand size says.
 */
export const storeWordOperand = (cpu: Cpu, operands: Operands, value: number): void => {
  if (operands.memory) cpu.write(operands.segment, operands.offset, 2, value & 0xffff);
  else cpu.state.setReg(operands.rm, operands.size, value);
};

const loadTable =
  (baseField: number, limitField: number) =>
  (cpu: Cpu, operands: Operands): void => {
    requireMemory(operands);
    requirePrivilege(cpu);
    const { segment, offset, addressSize, size } = operands;
    const limit = cpu.read(segment, offset, 2);
    const base = cpu.read(segment, wrapOffset(offset + 2, addressSize), 4);
    cpu.state.setSys(limitField, limit);
    // The 16-bit form is the 80286's, whose base had 24 bits.
    cpu.state.setSys(baseField, size === 2 ? base & 0xffffff : base);
  };

/** Every processor since the 386 stores all 32 base bits in both operand sizes. */
const storeTable =
  (baseField: number, limitField: number) =>
  (cpu: Cpu, operands: Operands): void => {
    requireMemory(operands);
    requireSystemRegisterAccess(cpu);
    const { segment, offset, addressSize } = operands;
    const second = wrapOffset(offset + 2, addressSize);
    cpu.probeWrite(segment, offset, 2);
    cpu.write(segment, second, 4, cpu.state.sys(baseField));
    cpu.write(segment, offset, 2, cpu.state.sys(limitField) & 0xffff);
  };

export const lgdt = loadTable(System.GDTR_BASE, System.GDTR_LIMIT);
export const lidt = loadTable(System.IDTR_BASE, System.IDTR_LIMIT);
export const sgdt = storeTable(System.GDTR_BASE, System.GDTR_LIMIT);
export const sidt = storeTable(System.IDTR_BASE, System.IDTR_LIMIT);

/** Reads a descriptor that must lie in the GDT. @throws Fault #GP(selector) */
const fetchGlobal = (cpu: Cpu, selector: number): Descriptor => {
  if (selector & 4) throw new Fault(Vector.GP, selectorError(selector, 0));
  return fetchDescriptor(cpu, selector, Vector.GP);
};

const installSystem = (cpu: Cpu, register: number, selector: number, { low, high }: Descriptor): void =>
  cpu.state.setSegment(
    register,
    selector,
    descriptorBase(low, high),
    descriptorLimit(low, high),
    high & ATTRIBUTES_MASK,
  );

export const lldt = (cpu: Cpu, operands: Operands): void => {
  requireDescriptors(cpu);
  requirePrivilege(cpu);
  const selector = readWordOperand(cpu, operands);
  if (isNull(selector)) {
    cpu.state.setSegment(SystemSegment.LDTR, selector, 0, 0, 0);
    return;
  }
  const descriptor = fetchGlobal(cpu, selector);
  const { high } = descriptor;
  if ((high & Attribute.SEGMENT) !== 0 || descriptorType(high) !== SystemType.LDT) {
    throw new Fault(Vector.GP, selectorError(selector, 0));
  }
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, selectorError(selector, 0));
  installSystem(cpu, SystemSegment.LDTR, selector, descriptor);
};

/** Bit 1 of a TSS descriptor's type tells busy from available. */
const BUSY = 1 << 9;

export const ltr = (cpu: Cpu, operands: Operands): void => {
  requireDescriptors(cpu);
  requirePrivilege(cpu);
  const selector = readWordOperand(cpu, operands);
  if (isNull(selector)) throw new Fault(Vector.GP);
  const { low, high } = fetchGlobal(cpu, selector);
  const type = descriptorType(high);
  if ((high & Attribute.SEGMENT) !== 0 || (type !== SystemType.TSS16 && type !== SystemType.TSS32)) {
    throw new Fault(Vector.GP, selectorError(selector, 0));
  }
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, selectorError(selector, 0));
  cpu.writeDescriptorHigh(selector, high | BUSY);
  installSystem(cpu, SystemSegment.TR, selector, { low, high: high | BUSY });
};

const storeSelector =
  (register: number) =>
  (cpu: Cpu, operands: Operands): void => {
    requireDescriptors(cpu);
    requireSystemRegisterAccess(cpu);
    storeWordOperand(cpu, operands, cpu.state.selector(register));
  };

export const sldt = storeSelector(SystemSegment.LDTR);
export const str = storeSelector(SystemSegment.TR);
