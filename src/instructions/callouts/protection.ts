/**
 * What most callouts need: which mode the processor is in, descriptors by selector with the right fault, and
 * segment registers loaded from them.
 */
import { ATTRIBUTES_MASK, Attribute, descriptorBase, descriptorLimit } from '../../x86/descriptors.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Flag, IOPL_SHIFT } from '../../x86/flags.ts';
import { CR0, Seg } from '../../x86/registers.ts';
import { SegmentField, System } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';

/** Two doublewords of a descriptor table entry. */
export interface Descriptor {
  readonly low: number;
  readonly high: number;
}

/** CR0.PE, also true in virtual-8086 mode. */
export const isProtected = (cpu: Cpu): boolean => (cpu.state.sys(System.CR0) & CR0.PE) !== 0;

export const isVirtual8086 = (cpu: Cpu): boolean => (cpu.state.sys(System.FLAGS) & Flag.VM) !== 0;

/** Whether selectors name descriptors: protected mode outside virtual-8086 mode. */
export const usesDescriptors = (cpu: Cpu): boolean => isProtected(cpu) && !isVirtual8086(cpu);

export const ioPrivilege = (cpu: Cpu): number => (cpu.state.sys(System.FLAGS) >> IOPL_SHIFT) & 3;

/** @throws Fault #GP(0) unless CPL is 0; real mode has CPL 0, virtual-8086 mode CPL 3. */
export const requirePrivilege = (cpu: Cpu): void => {
  if (cpu.state.cpl !== 0) throw new Fault(Vector.GP);
};

/** @throws Fault #UD in real and virtual-8086 mode, where instructions about selectors do not exist. */
export const requireDescriptors = (cpu: Cpu): void => {
  if (!usesDescriptors(cpu)) throw new Fault(Vector.UD);
};

/** @throws Fault #UD when an operand that must be memory is a register. */
export const requireMemory = (operands: Operands): void => {
  if (!operands.memory) throw new Fault(Vector.UD);
};

/** Reads the 16-bit r/m operand that holds a selector or machine status word. */
export const readWordOperand = (cpu: Cpu, operands: Operands): number =>
  operands.memory ? cpu.read(operands.segment, operands.offset, 2) : cpu.state.reg(operands.rm, 2);

/** Wraps an offset to the address size, as for the second part of a two-part memory operand. */
export const wrapOffset = (offset: number, addressSize: number): number =>
  addressSize === 2 ? offset & 0xffff : offset >>> 0;

/** Whether a selector is one of the four null selectors, 0 to 3. */
export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;

/** Error code that names a selector (SDM vol. 3, section 6.13). @param ext 1 for the EXT bit */
export const selectorError = (selector: number, ext: number): number => (selector & 0xfffc) | ext;

/** Reads the descriptor of a selector that is not null. @throws Fault `vector`(selector) beyond the table */
export const fetchDescriptor = (cpu: Cpu, selector: number, vector: number, ext = 0): Descriptor => {
  const descriptor = cpu.readDescriptor(selector);
  if (descriptor === null) throw new Fault(vector, selectorError(selector, ext));
  return descriptor;
};

/** Sets the accessed bit in the table if it is clear; the last step that may fault. @throws Fault #PF */
export const markAccessed = (cpu: Cpu, selector: number, { high }: Descriptor): void => {
  if ((high & Attribute.ACCESSED) === 0) cpu.writeDescriptorHigh(selector, high | Attribute.ACCESSED);
};

/** Loads a code or data segment register from a checked descriptor. */
export const installSegment = (cpu: Cpu, segment: number, selector: number, descriptor: Descriptor): void => {
  const { low, high } = descriptor;
  cpu.state.setSegment(
    segment,
    selector,
    descriptorBase(low, high),
    descriptorLimit(low, high),
    (high & ATTRIBUTES_MASK) | Attribute.ACCESSED,
  );
};

/** Leaves a data segment register with a null selector: every access through it faults. */
export const installNull = (cpu: Cpu, segment: number, selector: number): void =>
  cpu.state.setSegment(segment, selector, 0, 0, 0);

/** Loads CS for the current CPL, which its selector's RPL always shows. */
export const installCode = (cpu: Cpu, selector: number, descriptor: Descriptor): void =>
  installSegment(cpu, Seg.CS, (selector & 0xfffc) | cpu.state.cpl, descriptor);

/** @throws Fault #GP(ext) when a new instruction pointer lies beyond the limit of a new code segment. */
export const checkInstructionPointer = (descriptor: Descriptor, eip: number, ext = 0): void => {
  if (eip >>> 0 > descriptorLimit(descriptor.low, descriptor.high)) throw new Fault(Vector.GP, ext);
};

const REAL_DATA = Attribute.PRESENT | Attribute.SEGMENT | Attribute.WRITABLE | Attribute.ACCESSED;
const VIRTUAL_8086 = REAL_DATA | Attribute.DPL;

/**
 * Loads a segment register as in real or virtual-8086 mode: the base is 16 times the selector.
 *
 * Virtual-8086 mode fixes limit and attributes. Real mode keeps the hidden limit, so that a 4-GByte limit
 * loaded in protected mode survives; CS becomes writable. A register that protected mode left null gets the
 * values of reset: nothing could be accessed through it otherwise.
 */
export const installRealSegment = (cpu: Cpu, segment: number, selector: number): void => {
  const { state } = cpu;
  const base = (selector & 0xffff) << 4;
  if (isVirtual8086(cpu)) {
    state.setSegment(segment, selector, base, 0xffff, VIRTUAL_8086);
    return;
  }
  const attributes = state.segment(segment, SegmentField.ATTRIBUTES);
  if ((attributes & Attribute.PRESENT) === 0) {
    state.setSegment(segment, selector, base, 0xffff, REAL_DATA);
    return;
  }
  const limit = state.segment(segment, SegmentField.LIMIT);
  const sizes = attributes & (Attribute.DEFAULT_32 | Attribute.GRANULARITY);
  state.setSegment(segment, selector, base, limit, segment === Seg.CS ? sizes | REAL_DATA : attributes);
};
