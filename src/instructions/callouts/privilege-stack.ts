/** The stack that the TSS holds for a more privileged level (SDM vol. 3, sections 5.8.5 and 7.2). */
import {
  Attribute,
  descriptorDpl,
  descriptorType,
  isWritableData,
  SystemType,
} from '../../x86/descriptors.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Seg, SystemSegment } from '../../x86/registers.ts';
import { SegmentField } from '../../x86/state.ts';
import type { Cpu } from '../cpu.ts';
import {
  type Descriptor,
  fetchDescriptor,
  installSegment,
  isNull,
  markAccessed,
  selectorError,
} from './protection.ts';
import { innerStack, type Stack } from './stack.ts';

export interface PrivilegeStack {
  readonly selector: number;
  readonly descriptor: Descriptor;
  readonly stack: Stack;
}

/** Bit 3 of a TSS descriptor's type tells the 32-bit from the 16-bit format. */
const isTss32 = (attributes: number): boolean => (descriptorType(attributes) & 8) !== 0;

/** Whether TR holds a 32-bit TSS, the only one with an I/O permission map. */
export const hasTss32 = (cpu: Cpu): boolean => {
  const attributes = cpu.state.segment(SystemSegment.TR, SegmentField.ATTRIBUTES);
  return (attributes & Attribute.PRESENT) !== 0 && descriptorType(attributes) === SystemType.TSS32_BUSY;
};

/**
 * Reads and checks SS:ESP for `cpl` from the current TSS; nothing is changed but the accessed bit.
 * @param cpl the new, numerically lower privilege level @param ext EXT bit of the error codes
 * @throws Fault #TS(TR), #TS(SS), #SS(SS), #PF
 */
export const fetchPrivilegeStack = (cpu: Cpu, cpl: number, ext: number): PrivilegeStack => {
  const { state } = cpu;
  const wide = isTss32(state.segment(SystemSegment.TR, SegmentField.ATTRIBUTES));
  const limit = state.segment(SystemSegment.TR, SegmentField.LIMIT) >>> 0;
  const at = wide ? cpl * 8 + 4 : cpl * 4 + 2;
  const length = wide ? 6 : 4;
  if (at + length - 1 > limit) {
    throw new Fault(Vector.TS, selectorError(state.selector(SystemSegment.TR), ext));
  }
  const base = state.segment(SystemSegment.TR, SegmentField.BASE);
  const pointer = cpu.readLinear((base + at) >>> 0, wide ? 4 : 2, false);
  const selector = cpu.readLinear((base + at + length - 2) >>> 0, 2, false);

  const error = selectorError(selector, ext);
  if (isNull(selector)) throw new Fault(Vector.TS, error);
  const descriptor = fetchDescriptor(cpu, selector, Vector.TS, ext);
  const { high } = descriptor;
  if ((selector & 3) !== cpl || descriptorDpl(high) !== cpl || !isWritableData(high)) {
    throw new Fault(Vector.TS, error);
  }
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.SS, error);
  markAccessed(cpu, selector, descriptor);
  return { selector, descriptor, stack: innerStack(cpu, selector, descriptor, pointer, cpl, ext) };
};

/** Makes a fetched stack the current one, at the privilege level it belongs to. */
export const enterPrivilegeStack = (cpu: Cpu, { selector, descriptor, stack }: PrivilegeStack): void => {
  cpu.state.cpl = selector & 3;
  installSegment(cpu, Seg.SS, selector, descriptor);
  stack.commit();
};
