/** Ring compression: how a guest's segments look to the processor when its kernel does not have ring 0. */
import {
  Attribute,
  descriptorDpl,
  descriptorType,
  isConformingCode,
  SystemType,
} from '../x86/descriptors.ts';

/** The physical ring for a virtual one. */
export const compressRing = (ring: number, kernelRing: number): number =>
  ring > kernelRing ? ring : kernelRing;

/** A selector with its RPL compressed; null selectors stay. */
export const compressSelector = (selector: number, kernelRing: number): number =>
  (selector & 0xfffc) === 0 ? selector : (selector & ~3) | compressRing(selector & 3, kernelRing);

/** Attributes of code or data with the DPL compressed. Conforming code can be entered from any ring as it is. */
export const compressAttributes = (attributes: number, kernelRing: number): number => {
  if ((attributes & Attribute.SEGMENT) === 0 || isConformingCode(attributes)) return attributes;
  const dpl = compressRing(descriptorDpl(attributes), kernelRing);
  return (attributes & ~Attribute.DPL) | (dpl << Attribute.DPL_SHIFT);
};

/**
 * Second doubleword of a descriptor as the monitor's shadow tables have it. Whatever the processor would act
 * on by itself, gates and task state segments, is not present there, so that using it traps.
 */
export const shadowDescriptor = (high: number, kernelRing: number): number => {
  if (high & Attribute.SEGMENT) return compressAttributes(high, kernelRing) | Attribute.ACCESSED;
  const dpl = compressRing(descriptorDpl(high), kernelRing);
  const compressed = (high & ~Attribute.DPL) | (dpl << Attribute.DPL_SHIFT);
  return descriptorType(high) === SystemType.LDT ? compressed : compressed & ~Attribute.PRESENT;
};
