/** The page walk of 32-bit two-level paging (SDM vol. 3, section 4.3) over physical memory. */
import { PageFault } from '../x86/exceptions.ts';
import { CR0, CR4 } from '../x86/registers.ts';

/** Page-directory and page-table entry bits (SDM vol. 3, tables 4-4 to 4-6). */
export const Entry = {
  P: 1 << 0,
  RW: 1 << 1,
  US: 1 << 2,
  PWT: 1 << 3,
  PCD: 1 << 4,
  A: 1 << 5,
  D: 1 << 6,
  PS: 1 << 7,
  G: 1 << 8,
} as const;

/** Where page tables lie: doublewords by physical address. */
export interface TableMemory {
  /** @returns the doubleword; all ones in a hole */
  read(physical: number, size: 4): number;
  /** Sets accessed and dirty bits; lost in a hole. */
  write(physical: number, size: 4, value: number): void;
}

export interface PagingMode {
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  /** ANDed to every physical address; see `a20Mask`. */
  readonly addressMask: number;
}

/** The A20 gate as an address mask: bit 20 of every physical address is clear while the gate is closed. */
export const a20Mask = (enabled: boolean): number => (enabled ? 0xffffffff : 0xffefffff);

/** What a successful walk found. One instance is reused: read it before the next walk. */
export class Translation {
  /** Physical address of the byte asked for, unsigned. */
  physical = 0;
  /** Whether further writes need no walk: writable for this privilege and dirty already. */
  writable = false;
  user = false;
  /** The tables say read-only, whatever CR0.WP allows a supervisor. */
  readOnly = false;
  global = false;
  large = false;
}

/** Bits 13-21 of a 4 MiB page's entry hold address bits 32-39 with PSE-36; without it they are reserved. */
const LARGE_RESERVED = 0x003fe000;

/**
 * Walks the tables for one access and sets accessed and dirty bits as the processor does.
 * @param linear address @param write,user kind of access @param out receives the translation
 * @returns -1, or the error code of the page fault (SDM vol. 3, section 4.7)
 */
export const walk = (
  memory: TableMemory,
  mode: PagingMode,
  linear: number,
  write: boolean,
  user: boolean,
  out: Translation,
): number => {
  const mask = mode.addressMask;
  if ((mode.cr0 & CR0.PG) === 0) {
    out.physical = (linear & mask) >>> 0;
    out.writable = true;
    out.user = true;
    out.readOnly = false;
    out.global = false;
    out.large = false;
    return -1;
  }
  const code = (write ? PageFault.W : 0) | (user ? PageFault.U : 0);
  const directoryAddress = (((mode.cr3 & 0xfffff000) | ((linear >>> 20) & 0xffc)) & mask) >>> 0;
  const directory = memory.read(directoryAddress, 4);
  if ((directory & Entry.P) === 0) return code;
  const large = (directory & Entry.PS) !== 0 && (mode.cr4 & CR4.PSE) !== 0;
  if (large && directory & LARGE_RESERVED) return code | PageFault.P | PageFault.RSVD;
  let rights = directory;
  let entryAddress = directoryAddress;
  let entry = directory;
  if (!large) {
    entryAddress = (((directory & 0xfffff000) | ((linear >>> 10) & 0xffc)) & mask) >>> 0;
    entry = memory.read(entryAddress, 4);
    if ((entry & Entry.P) === 0) return code;
    rights &= entry;
  }
  if (user && (rights & Entry.US) === 0) return code | PageFault.P;
  const writable = (rights & Entry.RW) !== 0 || (!user && (mode.cr0 & CR0.WP) === 0);
  if (write && !writable) return code | PageFault.P;
  if (!large && (directory & Entry.A) === 0) memory.write(directoryAddress, 4, directory | Entry.A);
  const marks = write ? Entry.A | Entry.D : Entry.A;
  if ((entry & marks) !== marks) {
    entry |= marks;
    memory.write(entryAddress, 4, entry);
  }
  const physical = large
    ? (entry & 0xffc00000) | (linear & 0x003fffff)
    : (entry & 0xfffff000) | (linear & 0xfff);
  out.physical = (physical & mask) >>> 0;
  out.writable = writable && (entry & Entry.D) !== 0;
  out.user = (rights & Entry.US) !== 0;
  out.readOnly = (rights & Entry.RW) === 0;
  out.global = (entry & Entry.G) !== 0 && (mode.cr4 & CR4.PGE) !== 0;
  out.large = large;
  return -1;
};
