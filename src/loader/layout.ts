import { Attribute } from '../x86/descriptors.ts';
import { type GuestMemory, hex, LoadError, type MemoryRange, RAM, viewOf } from './image.ts';
import { RangeSet } from './ranges.ts';

/**
 * Where the loader's own structures go. They share the top of conventional memory:
 *
 *     00000-00FFF  interrupt vectors and BIOS data area: never touched
 *     01000-8FFFF  left to the kernel; old bzImages decompress through a buffer from 2000h up to the
 *                  boot parameters, which must therefore be the lowest structure
 *     90000-90FFF  Linux boot parameters
 *     91000-9101F  descriptor table
 *     92000-9EFFF  Linux command line, or the Multiboot information with everything it points to
 *     9F000-       the extended BIOS data area begins at 9FC00 at the latest
 *
 * A Multiboot kernel may load itself over these; its structures then move to the nearest free place.
 */
export const Layout = {
  CONVENTIONAL: 0x1000,
  BOOT_PARAMETERS: 0x90000,
  DESCRIPTOR_TABLE: 0x91000,
  INFORMATION: 0x92000,
  INFORMATION_END: 0x9f000,
  EXTENDED: 0x100000,
} as const;

export const PAGE = 0x1000;

/** Selectors of the flat segments: Linux prescribes them, Multiboot leaves them to the loader. */
export const FLAT_CODE = 0x10;
export const FLAT_DATA = 0x18;
export const DESCRIPTOR_TABLE_SIZE = 0x20;

/** Base 0, limit 4 GiB in pages (SDM vol. 3, section 3.4.5); accessed, so that loading it writes nothing. */
const FLAT_LIMIT_LOW = 0x0000ffff;
const FLAT_ATTRIBUTES =
  0x000f0000 |
  Attribute.ACCESSED |
  Attribute.SEGMENT |
  Attribute.PRESENT |
  Attribute.DEFAULT_32 |
  Attribute.GRANULARITY;

/** The machine's RAM, and what of it the loader has not used yet. */
export class Placement {
  readonly #ram = new RangeSet();
  readonly #free: RangeSet;

  /** RAM from 4 GiB up is left out: nothing that a 32-bit kernel is handed may lie there. */
  constructor(e820: readonly MemoryRange[], memory: GuestMemory) {
    const top = Math.min(memory.size, 2 ** 32);
    for (const { base, size, type } of e820) {
      if (type === RAM) this.#ram.add(base, Math.min(base + size, top));
    }
    for (const { base, size, type } of e820) {
      if (type !== RAM) this.#ram.remove(base, base + size);
    }
    this.#free = this.#ram.copy();
  }

  /** Bytes of RAM from `address` up to the first hole. */
  ramFrom(address: number): number {
    return this.#ram.endOf(address) - address;
  }

  /**
   * Marks a range as used; it may overlap what is used already, as segments of one kernel may.
   * @param what the subject of the error, for example `kernel.elf: segment 1`
   * @throws LoadError when part of the range is not RAM
   */
  claim(start: number, size: number, what: string): void {
    if (!this.#ram.contains(start, start + size)) {
      throw new LoadError(
        `${what} needs ${size} bytes of memory at ${hex(start)}, where the machine has ${this.ramFrom(start)}`,
      );
    }
    this.#free.remove(start, start + size);
  }

  /** Takes the lowest free place from `from` on, or if there is none the lowest above the vectors. */
  takeLowest(size: number, alignment: number, from: number): number | undefined {
    const place =
      this.#free.lowest(size, alignment, from) ?? this.#free.lowest(size, alignment, Layout.CONVENTIONAL);
    if (place !== undefined) this.#free.remove(place, place + size);
    return place;
  }

  /** Takes the highest free place above conventional memory whose last byte is below `to`. */
  takeHighest(size: number, alignment: number, to: number): number | undefined {
    const place = this.#free.highest(size, alignment, Layout.EXTENDED, to);
    if (place !== undefined) this.#free.remove(place, place + size);
    return place;
  }

  /** Lowest place from `from` on, free or not, where RAM of this size begins. */
  lowestRam(size: number, alignment: number, from: number): number | undefined {
    return this.#ram.lowest(size, alignment, from);
  }

  /** The most bytes that `takeHighest` could place. */
  largestFree(alignment: number, to: number): number {
    return this.#free.largest(alignment, Layout.EXTENDED, to);
  }
}

/** Writes the table with the two flat segments. @returns base address and limit for GDTR */
export const writeDescriptorTable = (memory: GuestMemory, base: number): { base: number; limit: number } => {
  const table = new Uint8Array(DESCRIPTOR_TABLE_SIZE);
  const view = viewOf(table);
  for (const [selector, kind] of [
    [FLAT_CODE, Attribute.CODE | Attribute.READABLE],
    [FLAT_DATA, Attribute.WRITABLE],
  ]) {
    view.setUint32(selector, FLAT_LIMIT_LOW, true);
    view.setUint32(selector + 4, FLAT_ATTRIBUTES | kind, true);
  }
  memory.write(base, table);
  return { base, limit: DESCRIPTOR_TABLE_SIZE - 1 };
};
