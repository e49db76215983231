/**
 * Page walks over physical memory: 32-bit paging with 4 MiB pages and PSE-36 (SDM vol. 3, section 4.3), and
 * PAE paging with execute-disable (section 4.4).
 */
import { type CpuModel, Feature, modelHas, modelPhysicalBits } from '../x86/cpu-models.ts';
import { PageFault } from '../x86/exceptions.ts';
import { CR0, CR4, EFER } from '../x86/registers.ts';
import { type CpuState, System } from '../x86/state.ts';

/** Bits of paging-structure entries, in the low doubleword (SDM vol. 3, tables 4-4 to 4-11). */
export const Entry = {
  P: 1 << 0,
  RW: 1 << 1,
  US: 1 << 2,
  PWT: 1 << 3,
  PCD: 1 << 4,
  A: 1 << 5,
  D: 1 << 6,
  PS: 1 << 7,
  /** In a page-table entry; a large page has it in bit 12. */
  PAT: 1 << 7,
  G: 1 << 8,
  /** The first of three bits that are for software. */
  AVAILABLE: 1 << 9,
  LARGE_PAT: 1 << 12,
} as const;
/** Execute-disable: bit 63 of a PAE entry, here in the high doubleword. */
export const XD = 1 << 31;

/** Where page tables lie: doublewords by physical address. */
export interface TableMemory {
  /** @returns the doubleword; all ones in a hole */
  read(physical: number, size: 4): number;
  /** Sets accessed and dirty bits; lost in a hole. */
  write(physical: number, size: 4, value: number): void;
}

/** Which bits of entries a processor reserves. */
export interface PagingModel {
  /** Bits of a 32-bit directory entry that maps 4 MiB. */
  readonly large: number;
  /** Bits of a page-table entry, and of a PAE entry that maps 2 MiB. */
  readonly small: number;
  readonly large64: number;
  /** High doubleword of a PAE entry, without XD. */
  readonly high64: number;
  /** A bit for software by which a monitor marks the pages it made of a large one; else 0. */
  readonly partOfLarge: number;
}

/**
 * The reserved bits of SDM vol. 3, sections 4.3 and 4.4.2.
 * @param physicalBits MAXPHYADDR, 32 to 40 @param pse36 4 MiB pages above 4 GiB @param pat the PAT exists
 */
export const pagingModel = (physicalBits: number, pse36: boolean, pat: boolean): PagingModel => {
  // Bits 13 to 20 of a 4 MiB page's entry hold address bits 32-39; bit 21 never holds anything.
  const firstReserved = pse36 ? physicalBits - 19 : 13;
  return {
    large: ((1 << 22) - (1 << firstReserved)) | (pat ? 0 : Entry.LARGE_PAT),
    small: pat ? 0 : Entry.PAT,
    large64: ((1 << 21) - (1 << 13)) | (pat ? 0 : Entry.LARGE_PAT),
    high64: 0x7fffffff & ~((1 << (physicalBits - 32)) - 1),
    partOfLarge: 0,
  };
};

export const pagingModelOf = (model: CpuModel): PagingModel =>
  pagingModel(modelPhysicalBits(model), modelHas(model, Feature.PSE36), modelHas(model, Feature.PAT));

/** What decides how addresses are translated. */
export interface PagingMode {
  cr0: number;
  cr3: number;
  cr4: number;
  /** IA32_EFER, of which NXE counts. */
  efer: number;
  /** The PDPTE registers of PAE paging: low and high doublewords in turn. */
  pdptes: ArrayLike<number>;
  /** ANDed to every physical address; see `a20Mask`. */
  addressMask: number;
  model: PagingModel;
}

/** PDPTE registers of a system state, without a copy. */
export const pdptesOf = (state: CpuState): Int32Array => {
  const first = (state.system + System.PDPTES) >> 2;
  return state.words.subarray(first, first + 8);
};
export const newPagingMode = (state: CpuState): PagingMode => ({
  cr0: 0,
  cr3: 0,
  cr4: 0,
  efer: 0,
  pdptes: pdptesOf(state),
  addressMask: a20Mask(true),
  model: pagingModel(36, true, true),
});
/** Takes the control registers over from the state `newPagingMode` was given. */
export const takeControlRegisters = (mode: PagingMode, state: CpuState): void => {
  mode.cr0 = state.sys(System.CR0);
  mode.cr3 = state.sys(System.CR3);
  mode.cr4 = state.sys(System.CR4);
  mode.efer = state.sys(System.EFER);
};

/** The A20 gate as an address mask: bit 20 of every physical address is clear while the gate is closed. */
export const a20Mask = (enabled: boolean): number => (enabled ? 0xffffffff : 0xffefffff);
/** A physical address behind the gate, unsigned; it may be wider than 32 bits. */
export const maskAddress = (physical: number, mask: number): number => physical - ((physical & ~mask) >>> 0);

/** What a successful walk found. One instance is reused: read it before the next walk. */
export class Translation {
  /** Physical address of the byte asked for, unsigned, up to 40 bits. */
  physical = 0;
  /** Whether further writes need no walk: writable for this privilege and dirty already. */
  writable = false;
  user = false;
  /** The tables say read-only, whatever CR0.WP allows a supervisor. */
  readOnly = false;
  /** Execute-disable is set and counts. */
  noExecute = false;
  global = false;
  large = false;
  /** Table entries read on the way, also to a fault; the PDPTE registers are no memory. */
  entries = 0;
  /** The directory entry used, as it was before the walk marked it. */
  directory = 0;
  directoryHigh = 0;
  /** The entry that maps the page, of a large one the directory entry, as it is now. */
  entry = 0;
  entryHigh = 0;
}

/** Whether rights forbid an access. @param rights RW and US, set only where all levels have them set */
const forbids = (rights: number, access: number, cr0: number): boolean => {
  const user = (access & PageFault.U) !== 0;
  if (user && (rights & Entry.US) === 0) return true;
  return (access & PageFault.W) !== 0 && (rights & Entry.RW) === 0 && (user || (cr0 & CR0.WP) !== 0);
};

/**
 * Walks the tables for one access and sets accessed and dirty bits as the processor does: those of every
 * entry used, and only when the access is allowed.
 * @param linear address @param access PageFault.W, U and I as they describe the access
 * @param out receives the translation
 * @returns -1, or the error code of the page fault (SDM vol. 3, section 4.7)
 */
export const walk = (
  memory: TableMemory,
  mode: PagingMode,
  linear: number,
  access: number,
  out: Translation,
): number => {
  if ((mode.cr0 & CR0.PG) === 0) {
    out.physical = maskAddress(linear >>> 0, mode.addressMask);
    out.writable = true;
    out.user = true;
    out.readOnly = false;
    out.noExecute = false;
    out.global = false;
    out.large = false;
    out.entries = 0;
    return -1;
  }
  return (mode.cr4 & CR4.PAE) === 0
    ? walk32(memory, mode, linear, access, out)
    : walkPae(memory, mode, linear, access, out);
};

/** Sets A in the directory entry, A and D in the last one. @returns the last one as it is now */
const mark = (
  memory: TableMemory,
  access: number,
  large: boolean,
  directoryAddress: number,
  directory: number,
  entryAddress: number,
  entry: number,
): number => {
  if (!large && (directory & Entry.A) === 0) memory.write(directoryAddress, 4, directory | Entry.A);
  const marks = access & PageFault.W ? Entry.A | Entry.D : Entry.A;
  if ((entry & marks) === marks) return entry;
  memory.write(entryAddress, 4, entry | marks);
  return entry | marks;
};
const fillIn = (
  out: Translation,
  mode: PagingMode,
  access: number,
  physical: number,
  rights: number,
  entry: number,
  large: boolean,
): void => {
  const writable = !forbids(rights, access | PageFault.W, mode.cr0);
  out.physical = maskAddress(physical, mode.addressMask);
  out.writable = writable && (entry & Entry.D) !== 0;
  out.user = (rights & Entry.US) !== 0;
  out.readOnly = (rights & Entry.RW) === 0;
  out.global = (entry & Entry.G) !== 0 && (mode.cr4 & CR4.PGE) !== 0;
  out.large = large || (entry & mode.model.partOfLarge) !== 0;
  out.entry = entry;
};

const walk32 = (
  memory: TableMemory,
  mode: PagingMode,
  linear: number,
  access: number,
  out: Translation,
): number => {
  const { addressMask: mask, model } = mode;
  const code = access & (PageFault.W | PageFault.U);
  // Without PSE no bit of an entry is reserved.
  const checks = (mode.cr4 & CR4.PSE) !== 0;
  const directoryAddress = (((mode.cr3 & 0xfffff000) | ((linear >>> 20) & 0xffc)) & mask) >>> 0;
  const directory = memory.read(directoryAddress, 4);
  out.entries = 1;
  if ((directory & Entry.P) === 0) return code;
  const large = checks && (directory & Entry.PS) !== 0;
  if (large && directory & model.large) return code | PageFault.P | PageFault.RSVD;
  let rights = directory;
  let entryAddress = directoryAddress;
  let entry = directory;
  if (!large) {
    entryAddress = (((directory & 0xfffff000) | ((linear >>> 10) & 0xffc)) & mask) >>> 0;
    entry = memory.read(entryAddress, 4);
    out.entries = 2;
    if ((entry & Entry.P) === 0) return code;
    if (checks && entry & model.small) return code | PageFault.P | PageFault.RSVD;
    rights &= entry;
  }
  if (forbids(rights, access, mode.cr0)) return code | PageFault.P;
  entry = mark(memory, access, large, directoryAddress, directory, entryAddress, entry);
  const physical = large
    ? (((entry & 0xffc00000) | (linear & 0x003fffff)) >>> 0) + ((entry >>> 13) & 0xff) * 2 ** 32
    : ((entry & 0xfffff000) | (linear & 0xfff)) >>> 0;
  out.noExecute = false;
  out.directory = directory;
  out.directoryHigh = 0;
  out.entryHigh = 0;
  fillIn(out, mode, access, physical, rights, entry, large);
  return -1;
};

/** The address in a PAE entry, of which the reserved bits have been checked. */
export const address64 = (low: number, high: number, lowMask: number): number =>
  ((low & lowMask) >>> 0) + (high & 0xff) * 2 ** 32;

const walkPae = (
  memory: TableMemory,
  mode: PagingMode,
  linear: number,
  access: number,
  out: Translation,
): number => {
  const { addressMask: mask, model, pdptes } = mode;
  const nx = (mode.efer & EFER.NXE) !== 0;
  const reservedHigh = model.high64 | (nx ? 0 : XD);
  // A fetch is told apart only where it may fault for being one.
  const code = nx ? access : access & (PageFault.W | PageFault.U);
  const pointer = pdptes[(linear >>> 30) * 2]!;
  out.entries = 0;
  if ((pointer & Entry.P) === 0) return code;
  const directoryAddress = maskAddress(
    address64(pointer, pdptes[(linear >>> 30) * 2 + 1]!, 0xfffff000) + ((linear >>> 18) & 0xff8),
    mask,
  );
  const directory = memory.read(directoryAddress, 4);
  out.entries = 1;
  if ((directory & Entry.P) === 0) return code;
  const large = (directory & Entry.PS) !== 0;
  const directoryHigh = memory.read(directoryAddress + 4, 4);
  if (directoryHigh & reservedHigh || (large && directory & model.large64))
    return code | PageFault.P | PageFault.RSVD;
  let rights = directory;
  let entryAddress = directoryAddress;
  let entry = directory;
  let high = directoryHigh;
  let disabled = directoryHigh & XD;
  if (!large) {
    entryAddress = maskAddress(
      address64(directory, directoryHigh, 0xfffff000) + ((linear >>> 9) & 0xff8),
      mask,
    );
    entry = memory.read(entryAddress, 4);
    out.entries = 2;
    if ((entry & Entry.P) === 0) return code;
    high = memory.read(entryAddress + 4, 4);
    if (high & reservedHigh || entry & model.small) return code | PageFault.P | PageFault.RSVD;
    rights &= entry;
    disabled |= high & XD;
  }
  if (disabled !== 0 && (access & PageFault.I) !== 0) return code | PageFault.P;
  if (forbids(rights, access, mode.cr0)) return code | PageFault.P;
  entry = mark(memory, access, large, directoryAddress, directory, entryAddress, entry);
  const physical = large
    ? address64(entry, high, 0xffe00000) + (linear & 0x001fffff)
    : address64(entry, high, 0xfffff000) + (linear & 0xfff);
  out.noExecute = disabled !== 0;
  out.directory = directory;
  out.directoryHigh = directoryHigh;
  out.entryHigh = high;
  fillIn(out, mode, access, physical, rights, entry, large);
  return -1;
};
