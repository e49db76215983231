/**
 * Physical memory: guest RAM and, above it, the pages that belong to the monitor alone, both in the machine's
 * linear memory. What is neither is a hole: reads give all ones, writes are lost, as on a PC's bus.
 */
import { PAGE_SIZE, POINTER_BIAS, RAM_BASE } from './layout.ts';

/** The part of the first megabyte that is not RAM: video memory. */
const HOLE = { start: 0xa0000, end: 0xc0000 } as const;
/** Option ROMs, ACPI tables and the BIOS: reads as filled by the firmware, writes are lost. */
const ROM = { start: 0xc0000, end: 0x100000 } as const;

/** First physical address of the monitor's own pages: no guest-physical address reaches it. */
export const MONITOR_PHYSICAL = 0xf000_0000;

export class PhysicalMemory {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** Guest RAM in bytes, a multiple of the page size. */
  readonly size: number;
  /** Bytes reserved for the monitor, a multiple of the page size. */
  readonly monitorSize: number;
  /** Address in linear memory where the translation cache starts, and its size in bytes. */
  readonly cacheBase: number;
  readonly cacheSize: number;
  /** Address in linear memory of the profile's counters, behind the cache; 0 when nothing is profiled. */
  readonly profileBase: number;

  /**
   * @param profileSize bytes of the profile's counters, a multiple of the page size
   * @throws RangeError when the host cannot provide the memory
   */
  constructor(size: number, monitorSize: number, cacheSize: number, profileSize = 0) {
    this.size = size;
    this.monitorSize = monitorSize;
    this.cacheBase = RAM_BASE + size + monitorSize;
    this.cacheSize = cacheSize;
    this.profileBase = profileSize > 0 ? this.cacheBase + cacheSize : 0;
    const pages = Math.ceil((this.cacheBase + cacheSize + profileSize) / 65536);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.words = new Int32Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
  }

  /** Address in linear memory of a readable physical address, or -1 for a hole. */
  hostAddress(physical: number): number {
    if (physical < this.size) return physical < HOLE.start || physical >= HOLE.end ? RAM_BASE + physical : -1;
    const offset = physical - MONITOR_PHYSICAL;
    return offset >= 0 && offset < this.monitorSize ? RAM_BASE + this.size + offset : -1;
  }
  /** The physical address of an address in linear memory that `hostAddress` gave. */
  physicalAddress(host: number): number {
    const offset = (host >>> 0) - RAM_BASE;
    return offset < this.size ? offset : offset - this.size + MONITOR_PHYSICAL;
  }
  /** Whether a physical address that `hostAddress` accepts may be written by the guest. */
  isWritable(physical: number): boolean {
    return physical < ROM.start || physical >= ROM.end;
  }

  /** Reads 1, 2 or 4 bytes, zero-extended, not crossing a page. A hole reads as all ones. */
  read(physical: number, size: number): number {
    const at = this.hostAddress(physical);
    if (at < 0) return size === 4 ? 0xffffffff : (1 << (size * 8)) - 1;
    return this.readHost(at, size);
  }
  /** As `read`, at an address in linear memory. */
  readHost(at: number, size: number): number {
    if (size === 4) return this.view.getUint32(at, true);
    return size === 2 ? this.view.getUint16(at, true) : this.bytes[at]!;
  }
  write(physical: number, size: number, value: number): void {
    if (!this.isWritable(physical)) return;
    const at = this.hostAddress(physical);
    if (at < 0) return;
    this.writeHost(at, size, value);
  }
  /** Writes 1, 2 or 4 bytes at an address in linear memory. */
  writeHost(at: number, size: number, value: number): void {
    if (size === 4) this.view.setInt32(at, value, true);
    else if (size === 2) this.view.setInt16(at, value, true);
    else this.bytes[at] = value;
  }

  /** Places bytes at a guest-physical address as a loader or the firmware does: ROM included. @throws RangeError outside RAM */
  load(physical: number, bytes: Uint8Array): void {
    if (physical + bytes.length > this.size) throw new RangeError('load beyond the end of RAM');
    this.bytes.set(bytes, RAM_BASE + physical);
  }
  /** Bytes of guest RAM, for loaders, listings and tests; a view, not a copy. */
  ram(): Uint8Array {
    return this.bytes.subarray(RAM_BASE, RAM_BASE + this.size);
  }
}

/** The biased pointer generated code uses for an address in linear memory. */
export const biased = (host: number): number => (host - POINTER_BIAS) | 0;
export const pageOf = (address: number): number => (address & -PAGE_SIZE) >>> 0;
