/**
 * Loads of data segment registers as kernels make them all the time: of descriptors that were loaded before.
 *
 * What a descriptor makes of a segment register depends on its 64 bits alone. The lookaside keeps, for one
 * selector of each kind, the bits and what they gave; a load whose descriptor is still the same in the guest's
 * table copies that. Everything else, above all what may fault or change how code is translated, is left to the
 * callout of the record, before anything has changed.
 */
import {
  ATTRIBUTES_MASK,
  Attribute,
  descriptorDpl,
  descriptorLimit,
  isConformingCode,
  isReadable,
} from '../x86/descriptors.ts';
import { Flag } from '../x86/flags.ts';
import { CR0, Seg } from '../x86/registers.ts';
import {
  type CpuState,
  SEGMENT_LOOKASIDE,
  SEGMENT_SIZE,
  SegmentField,
  State,
  System,
  SystemBase,
} from '../x86/state.ts';
import type { Builder, Value } from './builder.ts';
import { CalloutDetail } from './operands.ts';
import { type InstructionSpec, leaveToCallout } from './spec.ts';
import { peek, release } from './stack.ts';

/** By index and table of the selector, as many as fit a small GDT. */
const ENTRIES = 64;
const ENTRY_SHIFT = 6;
/** Offsets (bytes) in an entry. */
const Entry = {
  /** The selector without its RPL, and VALID. */
  KEY: 0x00,
  /** The highest ring that may load it. */
  RING: 0x04,
  /** Its bit of System.FLAT. */
  FLAT: 0x08,
  /** What the processor's own register gets where a monitor keeps another for the guest. */
  PHYSICAL_ATTRIBUTES: 0x0c,
  /** The descriptor, with its accessed bit set; zeros for a null selector. */
  LOW: 0x10,
  HIGH: 0x14,
  /** The segment register; its selector is another one each time. */
  REGISTER: 0x20,
} as const;
const VALID = 1 << 16;
const LDT = 1 << 2;

/** The registers whose loads neither end a block nor hold events off. */
export const DATA_SEGMENTS = (1 << Seg.ES) | (1 << Seg.DS) | (1 << Seg.FS) | (1 << Seg.GS);

const entryAddress = (selector: number): number =>
  SEGMENT_LOOKASIDE + (((selector >> 2) & (ENTRIES - 1)) << ENTRY_SHIFT);

/**
 * Notes what a data segment register holds for loads to come. Nothing is noted that is no descriptor's: the
 * segments of real and virtual-8086 mode, or those that were changed there.
 * @param state with the register @param physicalAttributes its attributes as the processor has them
 */
export const rememberSegment = (state: CpuState, segment: number, physicalAttributes: number): void => {
  if ((state.sys(System.CR0) & CR0.PE) === 0 || state.sys(System.FLAGS) & Flag.VM) return;
  const selector = state.selector(segment);
  const attributes = state.segment(segment, SegmentField.ATTRIBUTES);
  const base = state.segment(segment, SegmentField.BASE);
  const limit = state.segment(segment, SegmentField.LIMIT) >>> 0;
  const isNull = (selector & 0xfffc) === 0;
  const raw = attributes & Attribute.GRANULARITY ? limit >>> 12 : limit;
  const low = (raw & 0xffff) | (base << 16);
  const high = attributes | (raw & 0xf0000) | ((base >>> 16) & 0xff) | (base & 0xff000000);
  if (isNull) {
    if (attributes !== 0 || base !== 0 || limit !== 0) return;
  } else {
    const usable = Attribute.PRESENT | Attribute.ACCESSED;
    if ((attributes & usable) !== usable || !isReadable(attributes) || selector & LDT) return;
    if ((high & ATTRIBUTES_MASK) !== attributes || descriptorLimit(low, high) !== limit) return;
  }
  const { words } = state;
  const at = entryAddress(selector) >> 2;
  words[at + (Entry.KEY >> 2)] = (selector & 0xfffc) | VALID;
  words[at + (Entry.RING >> 2)] = isNull || isConformingCode(attributes) ? 3 : descriptorDpl(attributes);
  words[at + (Entry.FLAT >> 2)] = (state.sys(System.FLAT) >> segment) & 1;
  words[at + (Entry.PHYSICAL_ATTRIBUTES >> 2)] = physicalAttributes;
  words[at + (Entry.LOW >> 2)] = low;
  words[at + (Entry.HIGH >> 2)] = high;
  const register = (state.system + System.SEGMENTS + segment * SEGMENT_SIZE) >> 2;
  words.copyWithin(at + (Entry.REGISTER >> 2), register, register + SEGMENT_SIZE / 4);
};

/** Takes note of the data segment registers of a processor without a monitor that were loaded since the last time. */
export const rememberLoads = (state: CpuState): void => {
  const loaded = state.sys(System.LOADED) & DATA_SEGMENTS;
  state.setSys(System.LOADED, 0);
  if (loaded === 0) return;
  for (let segment = Seg.ES as number; segment <= Seg.GS; segment++)
    if (loaded & (1 << segment))
      rememberSegment(state, segment, state.segment(segment, SegmentField.ATTRIBUTES));
};

/** Makes every load a callout again. */
export const forgetSegments = (state: CpuState): void => {
  state.words.fill(0, SEGMENT_LOOKASIDE >> 2, (SEGMENT_LOOKASIDE + (ENTRIES << ENTRY_SHIFT)) >> 2);
};

/** Copies the register of an entry to a system state. @param attributes those of the entry if left out */
const copyRegister = (
  b: Builder,
  entry: Value,
  system: SystemBase,
  segment: Value,
  selector: Value,
  attributes?: Value,
): void => {
  const half = SEGMENT_SIZE / 2;
  const to = b.add(b.mul(segment, SEGMENT_SIZE), system + System.SEGMENTS);
  const seen = b.withLane32(b.loadAtPacked(b.add(entry, Entry.REGISTER), 16), 0, selector);
  const hidden = attributes === undefined ? seen : b.withLane32(seen, 3, attributes);
  b.storeAtPacked(to, hidden, 16);
  b.storeAtPacked(b.add(to, half), b.loadAtPacked(b.add(entry, Entry.REGISTER + half), 16), 16);
};

/**
 * Loads the register that the record names, if it is one of data.
 * @param name the instruction's @param read the selector, 16 bits @param done what else the instruction does
 */
const load = (b: Builder, name: string, read: () => Value, done: () => void = () => {}): void => {
  const segment = b.and(b.field('REG0'), 7);
  b.if(
    b.and(b.shrU(DATA_SEGMENTS, segment), 1),
    () => loadData(b, name, segment, read(), done),
    () => leaveToCallout(b, name),
  );
};
const loadData = (b: Builder, name: string, segment: Value, selector: Value, done: () => void): void => {
  const { system } = b.form;
  const word = (address: Value, offset: number) => b.loadAt(b.add(address, offset), 4);
  const index = b.and(b.shrU(selector, 2), ENTRIES - 1);
  const entry = b.add(b.shl(index, ENTRY_SHIFT), SEGMENT_LOOKASIDE);
  const key = b.and(selector, 0xfffc);
  const offset = b.and(selector, 0xfff8);
  const inTable = b.leU(b.add(offset, 7), b.system(System.GDTR_LIMIT));
  const inGuest = b.supervisorAddress(b.add(b.system(System.GDTR_BASE), offset), 8);
  const descriptor = b.select(b.eqz(key), b.add(entry, Entry.LOW), inGuest);
  const ring = word(entry, Entry.RING);
  const conditions = [
    b.eq(word(entry, Entry.KEY), b.or(key, VALID)),
    b.and(b.system(System.CR0), CR0.PE),
    b.eqz(b.and(b.system(System.FLAGS), Flag.VM)),
    b.and(inTable, b.ne(descriptor, 0)),
    b.eq(b.loadAt(descriptor, 4), word(entry, Entry.LOW)),
    b.eq(word(descriptor, 4), word(entry, Entry.HIGH)),
    b.and(b.leU(b.and(selector, 3), ring), b.leU(b.cpl(), ring)),
    b.eq(b.and(b.shrU(b.system(System.FLAT), segment), 1), word(entry, Entry.FLAT)),
  ];
  b.if(
    conditions.reduce((all, one) => b.and(all, one)),
    () => {
      copyRegister(b, entry, system, segment, selector);
      if (system === SystemBase.VIRTUAL) {
        const attributes = word(entry, Entry.PHYSICAL_ATTRIBUTES);
        copyRegister(b, entry, SystemBase.PHYSICAL, segment, selector, attributes);
      }
      done();
    },
    () => leaveToCallout(b, name),
  );
};

export const segmentLoads: readonly InstructionSpec[] = [
  {
    name: 'mov_to_sreg',
    sizes: [4],
    shapes: [[], ['mem']],
    operands: [{ use: 'none' }],
    variants: { virtual: true, indexed: true },
    body(b) {
      const isMemory = b.form.operands.length > 0;
      const register = () => b.add(b.shl(b.shrU(b.field('REG0'), 8), 2), State.GPR);
      load(b, 'mov_to_sreg', () =>
        isMemory ? b.load(b.operandLinear(2, 'read'), 2) : b.loadAt(register(), 2),
      );
    },
  },
  {
    name: 'pop_sreg',
    sizes: [4],
    shapes: [[]],
    operands: [],
    variants: { virtual: true, flat: true },
    body(b) {
      const size = b.shrU(b.field('SCALE'), CalloutDetail.SIZE_SHIFT);
      load(
        b,
        'pop_sreg',
        () => peek(b, 2),
        () => release(b, size),
      );
    },
  },
];
