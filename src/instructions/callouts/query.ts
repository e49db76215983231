/** Asking about selectors without loading them: LAR LSL VERR VERW ARPL (SDM vol. 2). */
import {
  Attribute,
  descriptorDpl,
  descriptorLimit,
  descriptorType,
  isConformingCode,
  isReadable,
  isWritableData,
  SystemType,
} from '../../x86/descriptors.ts';
import { Flag } from '../../x86/flags.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { type Descriptor, isNull, readWordOperand, requireDescriptors } from './protection.ts';

const setZero = (cpu: Cpu, zero: boolean): void => {
  const others = cpu.state.statusFlags() & ~Flag.ZF;
  cpu.state.setStatusFlags(zero ? others | Flag.ZF : others);
};

const typeSet = (...types: number[]): number => types.reduce((set, type) => set | (1 << type), 0);

const LIMIT_TYPES = typeSet(
  SystemType.TSS16,
  SystemType.LDT,
  SystemType.TSS16_BUSY,
  SystemType.TSS32,
  SystemType.TSS32_BUSY,
);
const ACCESS_TYPES =
  LIMIT_TYPES | typeSet(SystemType.CALL_GATE16, SystemType.TASK_GATE, SystemType.CALL_GATE32);

/** The descriptor of a selector that could be loaded at CPL and RPL; null for every reason not to. */
const visibleDescriptor = (cpu: Cpu, selector: number): Descriptor | null => {
  if (isNull(selector)) return null;
  const descriptor = cpu.readDescriptor(selector);
  if (descriptor === null) return null;
  const { high } = descriptor;
  const privilege = Math.max(selector & 3, cpu.state.cpl);
  return isConformingCode(high) || privilege <= descriptorDpl(high) ? descriptor : null;
};

/** LAR and LSL: the destination is written, and ZF set, only for a visible descriptor of a type in the set. */
const loadAttribute =
  (systemTypes: number, value: (descriptor: Descriptor) => number) =>
  (cpu: Cpu, operands: Operands): void => {
    requireDescriptors(cpu);
    const descriptor = visibleDescriptor(cpu, readWordOperand(cpu, operands));
    const known =
      descriptor !== null &&
      ((descriptor.high & Attribute.SEGMENT) !== 0 ||
        ((systemTypes >> descriptorType(descriptor.high)) & 1) !== 0);
    setZero(cpu, known);
    if (known) cpu.state.setReg(operands.reg, operands.size, value(descriptor));
  };

/** Limit bits 16-19 come along undefined by the manual; processors leave them as they are. */
export const lar = loadAttribute(ACCESS_TYPES, ({ high }) => high & 0x00ffff00);
export const lsl = loadAttribute(LIMIT_TYPES, ({ low, high }) => descriptorLimit(low, high));

const verify =
  (allowed: (attributes: number) => boolean) =>
  (cpu: Cpu, operands: Operands): void => {
    requireDescriptors(cpu);
    const descriptor = visibleDescriptor(cpu, readWordOperand(cpu, operands));
    setZero(cpu, descriptor !== null && allowed(descriptor.high));
  };

export const verr = verify(isReadable);
export const verw = verify(isWritableData);

/** ARPL: raises the RPL of the r/m selector to that of the register. */
export const arpl = (cpu: Cpu, operands: Operands): void => {
  requireDescriptors(cpu);
  if (operands.memory) cpu.probeWrite(operands.segment, operands.offset, 2);
  const selector = readWordOperand(cpu, operands);
  const rpl = cpu.state.gpr(operands.reg) & 3;
  const raise = (selector & 3) < rpl;
  if (raise) {
    const raised = (selector & ~3) | rpl;
    if (operands.memory) cpu.write(operands.segment, operands.offset, 2, raised);
    else cpu.state.setReg(operands.rm, 2, raised);
  }
  setZero(cpu, raise);
};
