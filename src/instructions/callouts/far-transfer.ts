/** Far JMP and CALL (SDM vol. 2, JMP, CALL; vol. 3, section 5.8). */
import {
  Attribute,
  descriptorDpl,
  descriptorType,
  isCode,
  isConformingCode,
  SystemType,
} from '../../x86/descriptors.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Gpr, Seg, type Size } from '../../x86/registers.ts';
import { SegmentField } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { enterPrivilegeStack, fetchPrivilegeStack } from './privilege-stack.ts';
import {
  checkInstructionPointer,
  type Descriptor,
  fetchDescriptor,
  installCode,
  installRealSegment,
  isNull,
  markAccessed,
  requireMemory,
  selectorError,
  usesDescriptors,
  wrapOffset,
} from './protection.ts';
import { moveStackPointer, peek, probeReturnAddress, writeReturnAddress } from './stack.ts';
import { fetchAvailableTss, type SwitchCause, switchTask } from './task-switch.ts';

/** A checked code segment and the instruction pointer in it. */
interface Target {
  readonly selector: number;
  readonly descriptor: Descriptor;
  readonly eip: number;
}

/** Goes to a target at the current privilege level. */
const enter = (cpu: Cpu, { selector, descriptor, eip }: Target): void => {
  installCode(cpu, selector, descriptor);
  cpu.state.eip = eip;
  cpu.modeChanged();
};

/** Real and virtual-8086 mode. @throws Fault #GP(0) for an offset beyond the limit that CS keeps */
export const checkRealOffset = (cpu: Cpu, offset: number): void => {
  if (offset >>> 0 > cpu.state.segment(Seg.CS, SegmentField.LIMIT) >>> 0) throw new Fault(Vector.GP);
};

/** The second half of a transfer in real or virtual-8086 mode, after `checkRealOffset`. */
export const enterReal = (cpu: Cpu, selector: number, offset: number): void => {
  installRealSegment(cpu, Seg.CS, selector);
  cpu.state.eip = offset;
  cpu.modeChanged();
};

/** A code segment named by the instruction itself: no change of privilege is possible. */
const directTarget = (cpu: Cpu, selector: number, descriptor: Descriptor, eip: number): Target => {
  const { high } = descriptor;
  const { cpl } = cpu.state;
  const dpl = descriptorDpl(high);
  const allowed = isConformingCode(high) ? dpl <= cpl : (selector & 3) <= cpl && dpl === cpl;
  if (!isCode(high) || !allowed) throw new Fault(Vector.GP, selectorError(selector, 0));
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, selectorError(selector, 0));
  return { selector, descriptor, eip };
};

/** DPL and presence of a gate or TSS. @throws Fault #GP(selector), #NP(selector) */
const checkSystemDescriptor = (cpu: Cpu, selector: number, high: number): void => {
  const dpl = descriptorDpl(high);
  if (dpl < cpu.state.cpl || dpl < (selector & 3)) throw new Fault(Vector.GP, selectorError(selector, 0));
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, selectorError(selector, 0));
};

/** The code segment that a call gate names. @param jump a JMP cannot raise privilege through the gate */
const gateTarget = (cpu: Cpu, { low, high }: Descriptor, jump: boolean): Target => {
  const selector = low >>> 16;
  if (isNull(selector)) throw new Fault(Vector.GP);
  const descriptor = fetchDescriptor(cpu, selector, Vector.GP);
  const dpl = descriptorDpl(descriptor.high);
  const { cpl } = cpu.state;
  const allowed = jump && !isConformingCode(descriptor.high) ? dpl === cpl : dpl <= cpl;
  if (!isCode(descriptor.high) || !allowed) throw new Fault(Vector.GP, selectorError(selector, 0));
  if ((descriptor.high & Attribute.PRESENT) === 0) {
    throw new Fault(Vector.NP, selectorError(selector, 0));
  }
  const wide = descriptorType(high) === SystemType.CALL_GATE32;
  const eip = wide ? (high & 0xffff0000) | (low & 0xffff) : low & 0xffff;
  return { selector, descriptor, eip };
};

/**
 * What a far pointer does that names a system descriptor: a task switch happens here.
 * @returns whether the descriptor is a call gate, which is the caller's business @throws Fault #GP, #NP, #TS
 */
const isCallGate = (cpu: Cpu, selector: number, descriptor: Descriptor, cause: SwitchCause): boolean => {
  const { eflags } = cpu.state;
  switch (descriptorType(descriptor.high)) {
    case SystemType.CALL_GATE16:
    case SystemType.CALL_GATE32:
      checkSystemDescriptor(cpu, selector, descriptor.high);
      return true;
    case SystemType.TASK_GATE: {
      checkSystemDescriptor(cpu, selector, descriptor.high);
      const tss = descriptor.low >>> 16;
      switchTask(cpu, tss, fetchAvailableTss(cpu, tss, 0), cause, eflags);
      return false;
    }
    case SystemType.TSS16:
    case SystemType.TSS32:
      checkSystemDescriptor(cpu, selector, descriptor.high);
      if (selector & 4) throw new Fault(Vector.GP, selectorError(selector, 0));
      switchTask(cpu, selector, descriptor, cause, eflags);
      return false;
    default:
      throw new Fault(Vector.GP, selectorError(selector, 0));
  }
};

const jump = (cpu: Cpu, selector: number, offset: number): void => {
  if (!usesDescriptors(cpu)) {
    checkRealOffset(cpu, offset);
    enterReal(cpu, selector, offset);
    return;
  }
  if (isNull(selector)) throw new Fault(Vector.GP);
  const descriptor = fetchDescriptor(cpu, selector, Vector.GP);
  const direct = (descriptor.high & Attribute.SEGMENT) !== 0;
  if (!direct && !isCallGate(cpu, selector, descriptor, 'jump')) return;
  const target = direct ? directTarget(cpu, selector, descriptor, offset) : gateTarget(cpu, descriptor, true);
  checkInstructionPointer(target.descriptor, target.eip);
  markAccessed(cpu, target.selector, target.descriptor);
  enter(cpu, target);
};

/**
 * CALL that stays at its privilege level. Processors write the return address, below ESP, before they check
 * the new EIP: a #GP(0) leaves it there. @param size of the items pushed
 */
const callSameLevel = (cpu: Cpu, target: Target, size: Size): void => {
  probeReturnAddress(cpu, size);
  markAccessed(cpu, target.selector, target.descriptor);
  writeReturnAddress(cpu, size);
  checkInstructionPointer(target.descriptor, target.eip);
  moveStackPointer(cpu, -2 * size);
  enter(cpu, target);
};

/** CALL through a gate to a lower privilege number, with a new stack and the gate's parameters copied. */
const callInnerLevel = (cpu: Cpu, target: Target, size: Size, count: number): void => {
  const { state } = cpu;
  const inner = fetchPrivilegeStack(cpu, descriptorDpl(target.descriptor.high), 0);
  const { stack } = inner;
  stack.reserve(4 + count, size);
  const parameters: number[] = [];
  for (let i = 0; i < count; i++) parameters.push(peek(cpu, i * size, size));
  checkInstructionPointer(target.descriptor, target.eip);
  markAccessed(cpu, target.selector, target.descriptor);

  stack.push(state.selector(Seg.SS), size);
  stack.push(state.gpr(Gpr.ESP), size);
  for (const parameter of parameters.reverse()) stack.push(parameter, size);
  stack.push(state.selector(Seg.CS), size);
  stack.push(state.eip, size);
  enterPrivilegeStack(cpu, inner);
  enter(cpu, target);
};

const call = (cpu: Cpu, selector: number, offset: number, size: Size): void => {
  if (!usesDescriptors(cpu)) {
    probeReturnAddress(cpu, size);
    checkRealOffset(cpu, offset);
    writeReturnAddress(cpu, size);
    moveStackPointer(cpu, -2 * size);
    enterReal(cpu, selector, offset);
    return;
  }
  if (isNull(selector)) throw new Fault(Vector.GP);
  const descriptor = fetchDescriptor(cpu, selector, Vector.GP);
  if (descriptor.high & Attribute.SEGMENT) {
    callSameLevel(cpu, directTarget(cpu, selector, descriptor, offset), size);
    return;
  }
  if (!isCallGate(cpu, selector, descriptor, 'nest')) return;
  const target = gateTarget(cpu, descriptor, false);
  const gateSize = descriptorType(descriptor.high) === SystemType.CALL_GATE32 ? 4 : 2;
  const { high } = target.descriptor;
  const inner = !isConformingCode(high) && descriptorDpl(high) < cpu.state.cpl;
  if (inner) callInnerLevel(cpu, target, gateSize, descriptor.high & 31);
  else callSameLevel(cpu, target, gateSize);
};

const truncate = (offset: number, size: number): number => (size === 2 ? offset & 0xffff : offset >>> 0);

/** JMP ptr16:16, ptr16:32. */
export const farJump = (cpu: Cpu, { immediate, immediate2, size }: Operands): void =>
  jump(cpu, immediate2 & 0xffff, truncate(immediate, size));

/** CALL ptr16:16, ptr16:32. */
export const farCall = (cpu: Cpu, { immediate, immediate2, size }: Operands): void =>
  call(cpu, immediate2 & 0xffff, truncate(immediate, size), size);

const readPointer = (cpu: Cpu, operands: Operands): { selector: number; offset: number } => {
  requireMemory(operands);
  const { segment, offset, size, addressSize } = operands;
  return {
    offset: cpu.read(segment, offset, size) >>> 0,
    selector: cpu.read(segment, wrapOffset(offset + size, addressSize), 2),
  };
};

/** JMP m16:16, m16:32. */
export const farJumpMemory = (cpu: Cpu, operands: Operands): void => {
  const { selector, offset } = readPointer(cpu, operands);
  jump(cpu, selector, offset);
};

/** CALL m16:16, m16:32. */
export const farCallMemory = (cpu: Cpu, operands: Operands): void => {
  const { selector, offset } = readPointer(cpu, operands);
  call(cpu, selector, offset, operands.size);
};
