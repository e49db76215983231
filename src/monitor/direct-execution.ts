/**
 * Which guest code may run directly, on the processor's own state, instead of being translated as kernel code
 * is: user code whose every look at the machine shows what it would show without a monitor.
 */
import { PAGE_SIZE } from '../memory/layout.ts';
import {
  ATTRIBUTES_MASK,
  Attribute,
  descriptorBase,
  descriptorLimit,
  descriptorType,
  SystemType,
} from '../x86/descriptors.ts';
import { Flag, IOPL_SHIFT } from '../x86/flags.ts';
import { CR4, Seg, SystemSegment } from '../x86/registers.ts';
import { type CpuState, SegmentField, System } from '../x86/state.ts';

/**
 * Finds the descriptor that the guest's supervisor would read at a linear address, leaving no trace: no accessed
 * bits, no faults. @returns its address in linear memory, or -1 where none is mapped, or not as a whole in a page
 */
export type Locate = (linear: number) => number;

/** Linear address of a selector's descriptor, or -1 where the tables have none. */
const descriptorAddress = (guest: CpuState, selector: number): number => {
  const offset = selector & 0xfff8;
  if ((selector & 4) === 0) {
    if (offset + 7 > guest.sys(System.GDTR_LIMIT) >>> 0) return -1;
    return (guest.sys(System.GDTR_BASE) + offset) >>> 0;
  }
  const ldt = SystemSegment.LDTR;
  if (descriptorType(guest.segment(ldt, SegmentField.ATTRIBUTES)) !== SystemType.LDT) return -1;
  if (offset + 7 > guest.segment(ldt, SegmentField.LIMIT) >>> 0) return -1;
  return (guest.segment(ldt, SegmentField.BASE) + offset) >>> 0;
};

/** Whether a segment register is what the descriptor at an address in linear memory would make it. */
const matches = (guest: CpuState, segment: number, view: DataView, descriptor: number): boolean => {
  const low = view.getInt32(descriptor, true);
  const high = view.getInt32(descriptor + 4, true);
  return (
    guest.segment(segment, SegmentField.ATTRIBUTES) === ((high & ATTRIBUTES_MASK) | Attribute.ACCESSED) &&
    guest.segment(segment, SegmentField.BASE) === (descriptorBase(low, high) | 0) &&
    guest.segment(segment, SegmentField.LIMIT) === (descriptorLimit(low, high) | 0)
  );
};

/** Whether a segment register would be the same if it were loaded again now. */
export const isReversible = (guest: CpuState, segment: number, view: DataView, locate: Locate): boolean => {
  const selector = guest.selector(segment);
  if ((selector & 0xfffc) === 0)
    return (guest.segment(segment, SegmentField.ATTRIBUTES) & Attribute.PRESENT) === 0;
  const at = descriptorAddress(guest, selector);
  if (at < 0) return false;
  const descriptor = locate(at);
  return descriptor >= 0 && matches(guest, segment, view, descriptor);
};

/**
 * Direct execution: CPL 3, IOPL below it, IF set, so that what an instruction may and may not do with the
 * interrupt flag is what the processor does; and every segment register reversible, or virtual-8086 mode,
 * where selectors say all. With virtual interrupts (VME, PVI) CLI and STI act on flags that are the guest's.
 */
export const mayRunDirectly = (guest: CpuState, view: DataView, locate: Locate): boolean => {
  if (guest.cpl !== 3) return false;
  const flags = guest.sys(System.FLAGS);
  if ((flags & Flag.IF) === 0 || (flags & Flag.IOPL) >> IOPL_SHIFT === 3) return false;
  if (flags & (Flag.VIF | Flag.VIP)) return false;
  const cr4 = guest.sys(System.CR4);
  if (flags & Flag.VM) return (cr4 & CR4.VME) === 0;
  if (cr4 & CR4.PVI) return false;
  // A page holds most tables as a whole: it is looked up once.
  const limit = guest.sys(System.GDTR_LIMIT) >>> 0;
  const base = guest.sys(System.GDTR_BASE);
  const table = (base & (PAGE_SIZE - 1)) + limit < PAGE_SIZE ? locate(base >>> 0) : -1;
  for (let segment = Seg.ES as number; segment <= Seg.GS; segment++) {
    const selector = guest.selector(segment);
    const offset = selector & 0xfff8;
    const known = table >= 0 && offset !== 0 && (selector & 4) === 0 && offset + 7 <= limit;
    const same = known
      ? matches(guest, segment, view, table + offset)
      : isReversible(guest, segment, view, locate);
    if (!same) return false;
  }
  return true;
};
