/** Loading data segment registers: MOV, POP, LDS and its relatives (SDM vol. 2, MOV, POP, LDS/LES/LFS/LGS/LSS). */
import {
  Attribute,
  descriptorDpl,
  isConformingCode,
  isReadable,
  isWritableData,
} from '../../x86/descriptors.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Gpr, Seg } from '../../x86/registers.ts';
import { Shadow, System } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import {
  fetchDescriptor,
  installNull,
  installRealSegment,
  installSegment,
  isNull,
  markAccessed,
  readWordOperand,
  requireMemory,
  selectorError,
  usesDescriptors,
  wrapOffset,
} from './protection.ts';
import { peek, stackWidth } from './stack.ts';

const loadStackSegment = (cpu: Cpu, selector: number): void => {
  if (isNull(selector)) throw new Fault(Vector.GP);
  const error = selectorError(selector, 0);
  const descriptor = fetchDescriptor(cpu, selector, Vector.GP);
  const { high } = descriptor;
  const { cpl } = cpu.state;
  if ((selector & 3) !== cpl || !isWritableData(high) || descriptorDpl(high) !== cpl) {
    throw new Fault(Vector.GP, error);
  }
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.SS, error);
  markAccessed(cpu, selector, descriptor);
  installSegment(cpu, Seg.SS, selector, descriptor);
};

const loadDataSegment = (cpu: Cpu, segment: number, selector: number): void => {
  if (isNull(selector)) {
    installNull(cpu, segment, selector);
    return;
  }
  const error = selectorError(selector, 0);
  const descriptor = fetchDescriptor(cpu, selector, Vector.GP);
  const { high } = descriptor;
  if (!isReadable(high)) throw new Fault(Vector.GP, error);
  const privilege = Math.max(selector & 3, cpu.state.cpl);
  if (!isConformingCode(high) && privilege > descriptorDpl(high)) throw new Fault(Vector.GP, error);
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, error);
  markAccessed(cpu, selector, descriptor);
  installSegment(cpu, segment, selector, descriptor);
};

/**
 * Loads ES, SS, DS, FS or GS in any mode. @param segment register number, not CS @param selector 16 bits
 * @throws Fault #GP, #NP or #SS, each with the selector or 0; #PF
 */
export const loadSegment = (cpu: Cpu, segment: number, selector: number): void => {
  if (!usesDescriptors(cpu)) installRealSegment(cpu, segment, selector);
  else if (segment === Seg.SS) loadStackSegment(cpu, selector);
  else loadDataSegment(cpu, segment, selector);
  cpu.modeChanged();
};

/** The instruction behind a load of SS still belongs to it: it usually loads ESP (SDM vol. 3, section 6.8.3). */
const holdEvents = (cpu: Cpu, segment: number): void => {
  if (segment === Seg.SS) cpu.state.setSys(System.SHADOW, Shadow.STACK);
};

export const movToSegment = (cpu: Cpu, operands: Operands): void => {
  const segment = operands.reg;
  if (segment === Seg.CS || segment > Seg.GS) throw new Fault(Vector.UD);
  loadSegment(cpu, segment, readWordOperand(cpu, operands));
  holdEvents(cpu, segment);
};

export const popSegment = (cpu: Cpu, { reg: segment, size }: Operands): void => {
  const { state } = cpu;
  // POP SS: the width of the old stack decides which part of ESP moves.
  const width = stackWidth(cpu);
  const selector = peek(cpu, 0, 2);
  loadSegment(cpu, segment, selector);
  state.setReg(Gpr.ESP, width, state.gpr(Gpr.ESP) + size);
  holdEvents(cpu, segment);
};

const loadFarPointer =
  (segment: number) =>
  (cpu: Cpu, operands: Operands): void => {
    requireMemory(operands);
    const { size } = operands;
    const offset = cpu.read(operands.segment, operands.offset, size);
    const second = wrapOffset(operands.offset + size, operands.addressSize);
    loadSegment(cpu, segment, cpu.read(operands.segment, second, 2));
    cpu.state.setReg(operands.reg, size, offset);
  };

export const les = loadFarPointer(Seg.ES);
export const lss = loadFarPointer(Seg.SS);
export const lds = loadFarPointer(Seg.DS);
export const lfs = loadFarPointer(Seg.FS);
export const lgs = loadFarPointer(Seg.GS);
