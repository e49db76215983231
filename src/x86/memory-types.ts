/**
 * Memory types: the MTRRs and the PAT (SDM vol. 3, section 11.11 and 11.12). Nothing is cached here, so that
 * they are only kept; what firmware has set before a guest is loaded stands in them.
 */
import { State } from './state.ts';

/** Memory type encodings (SDM vol. 3, tables 11-8 and 11-10). */
export const MemoryType = { UC: 0, WC: 1, WT: 4, WP: 5, WB: 6, UNCACHED: 7 } as const;

/** Registers by MSR number, in the order in which they are stored. */
export const Mtrr = { CAP: 0xfe, BASE0: 0x200, FIX64K: 0x250, DEF_TYPE: 0x2ff, PAT: 0x277 } as const;
const VARIABLE = 8;
export const variableMtrrs: readonly number[] = Array.from(
  { length: 2 * VARIABLE },
  (_, i) => Mtrr.BASE0 + i,
);
/** One of 8 times 64 KBytes, two of 16 KBytes, eight of 4 KBytes: the first MByte. */
export const fixedMtrrs: readonly number[] = [
  Mtrr.FIX64K,
  0x258,
  0x259,
  0x268,
  0x269,
  0x26a,
  0x26b,
  0x26c,
  0x26d,
  0x26e,
  0x26f,
];
/** MSR numbers of all that are kept, in the order in which they lie in the state. */
export const memoryTypeMsrs: readonly number[] = [Mtrr.PAT, Mtrr.DEF_TYPE, ...fixedMtrrs, ...variableMtrrs];

/** IA32_MTRRCAP: eight variable ranges, fixed ranges, write-combining. */
export const MTRR_CAPABILITIES = 0x500 | VARIABLE;
/** IA32_MTRR_DEF_TYPE: fixed ranges enabled, MTRRs enabled. */
export const DefaultType = { FE: 1 << 10, E: 1 << 11 } as const;

/** Address of the register's low half in the state. @param msr one of the numbers above but CAP */
export const memoryTypeRegister = (msr: number): number =>
  State.MEMORY_TYPES + memoryTypeMsrs.indexOf(msr) * 8;

/** PA0 to PA7 as a reset leaves them: WB WT UC- UC, twice. */
const PAT_RESET = 0x00070406;
const RANGE_VALID = 1 << 11;

/**
 * What firmware leaves: memory is write-back, video memory uncached, ROM write-protected, and uncached what
 * lies above `deviceBase`.
 * @param words the machine's memory @param deviceBase physical address below 4 GiB, of a power of two to there
 */
export const presetMemoryTypes = (words: Int32Array, deviceBase: number): void => {
  const set = (msr: number, low: number, high: number) => {
    words[memoryTypeRegister(msr) >> 2] = low;
    words[(memoryTypeRegister(msr) >> 2) + 1] = high;
  };
  for (const msr of memoryTypeMsrs) set(msr, 0, 0);
  set(Mtrr.PAT, PAT_RESET, PAT_RESET);
  set(Mtrr.DEF_TYPE, DefaultType.E | DefaultType.FE | MemoryType.WB, 0);
  const all = (type: number) => type * 0x01010101;
  for (const msr of fixedMtrrs) {
    const type = msr === 0x259 ? MemoryType.UC : msr >= 0x268 ? MemoryType.WP : MemoryType.WB;
    set(msr, all(type), all(type));
  }
  set(Mtrr.BASE0, deviceBase | MemoryType.UC, 0);
  set(Mtrr.BASE0 + 1, deviceBase | RANGE_VALID, 0xf);
};
