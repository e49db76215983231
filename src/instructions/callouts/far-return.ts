/** Far RET, and what IRET shares with it (SDM vol. 2, RET, IRET). */
import { Attribute, descriptorDpl, isCode, isConformingCode, isWritableData } from '../../x86/descriptors.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Seg, type Size } from '../../x86/registers.ts';
import { SegmentField } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { checkRealOffset, enterReal } from './far-transfer.ts';
import {
  checkInstructionPointer,
  type Descriptor,
  fetchDescriptor,
  installCode,
  installNull,
  installSegment,
  isNull,
  markAccessed,
  selectorError,
  usesDescriptors,
} from './protection.ts';
import { moveStackPointer, peek, setStackPointer } from './stack.ts';

/** The code segment a return address names, at the RPL's privilege level. @throws Fault #GP, #NP */
const fetchReturnCode = (cpu: Cpu, selector: number): Descriptor => {
  if (isNull(selector)) throw new Fault(Vector.GP);
  const error = selectorError(selector, 0);
  const descriptor = fetchDescriptor(cpu, selector, Vector.GP);
  const { high } = descriptor;
  const rpl = selector & 3;
  const dpl = descriptorDpl(high);
  const allowed = rpl >= cpu.state.cpl && (isConformingCode(high) ? dpl <= rpl : dpl === rpl);
  if (!isCode(high) || !allowed) throw new Fault(Vector.GP, error);
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, error);
  return descriptor;
};

/** The stack segment of the privilege level returned to. @throws Fault #GP, #SS */
const fetchReturnStack = (cpu: Cpu, selector: number, cpl: number): Descriptor => {
  if (isNull(selector)) throw new Fault(Vector.GP);
  const error = selectorError(selector, 0);
  const descriptor = fetchDescriptor(cpu, selector, Vector.GP);
  const { high } = descriptor;
  if ((selector & 3) !== cpl || !isWritableData(high) || descriptorDpl(high) !== cpl) {
    throw new Fault(Vector.GP, error);
  }
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.SS, error);
  return descriptor;
};

/** Nulls the data segment registers that the new, less privileged CPL may not use. */
const dropPrivilegedSegments = (cpu: Cpu): void => {
  const { state } = cpu;
  for (const segment of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) {
    const attributes = state.segment(segment, SegmentField.ATTRIBUTES);
    if (attributes === 0 && state.selector(segment) === 0) continue;
    if (descriptorDpl(attributes) < state.cpl && !isConformingCode(attributes)) installNull(cpu, segment, 0);
  }
};

/**
 * Returns to the code segment and instruction pointer given, at the same or an outer level, and in that case
 * to the stack found behind them. @param frame bytes from the top of the stack to the outer ESP and SS, or
 * past the frame when the level stays @param release bytes of parameters to skip on the outer stack
 * @param restore called after the last check, before CPL changes
 * @throws Fault #GP, #NP, #SS, #PF
 */
export const returnTo = (
  cpu: Cpu,
  selector: number,
  eip: number,
  size: Size,
  frame: number,
  release: number,
  restore?: () => void,
): void => {
  const { state } = cpu;
  const code = fetchReturnCode(cpu, selector);
  const cpl = selector & 3;
  if (cpl === state.cpl) {
    checkInstructionPointer(code, eip);
    markAccessed(cpu, selector, code);
    restore?.();
    moveStackPointer(cpu, frame);
  } else {
    const pointer = peek(cpu, frame, size);
    const stackSelector = peek(cpu, frame + size, size) & 0xffff;
    const stack = fetchReturnStack(cpu, stackSelector, cpl);
    checkInstructionPointer(code, eip);
    markAccessed(cpu, selector, code);
    markAccessed(cpu, stackSelector, stack);
    restore?.();
    state.cpl = cpl;
    installSegment(cpu, Seg.SS, stackSelector, stack);
    setStackPointer(cpu, pointer + release);
    dropPrivilegedSegments(cpu);
  }
  installCode(cpu, selector, code);
  state.eip = eip;
  cpu.modeChanged();
};

/** RETF, RETF imm16; the immediate counts bytes. */
export const farReturn = (cpu: Cpu, { size, immediate }: Operands): void => {
  const release = immediate & 0xffff;
  const eip = peek(cpu, 0, size) >>> 0;
  const selector = peek(cpu, size, size) & 0xffff;
  const frame = 2 * size + release;
  if (usesDescriptors(cpu)) {
    returnTo(cpu, selector, eip, size, frame, release);
    return;
  }
  checkRealOffset(cpu, eip);
  moveStackPointer(cpu, frame);
  enterReal(cpu, selector, eip);
};
