/**
 * Memory as the guest would find it, for an instruction that is only tried: addresses are translated by the
 * guest's own tables without leaving a trace in them, and what is written stays here.
 */
import type { LinearMemory } from '../interpreter/cpu-access.ts';
import { PAGE_SIZE, POINTER_BIAS, TLB_READ_OFFSET, TLB_WRITE_OFFSET } from '../memory/layout.ts';
import type { Mmu } from '../memory/mmu.ts';
import { maskAddress, type PagingMode, type TableMemory, Translation, walk } from '../memory/paging.ts';
import { MONITOR_PHYSICAL, type PhysicalMemory } from '../memory/physical.ts';
import { PageFault, Vector } from '../x86/exceptions.ts';
import { State, System, SystemBase } from '../x86/state.ts';

/** One write, as an instruction made it. */
export interface Write {
  readonly linear: number;
  /** 1 to 4 bytes. */
  readonly size: number;
  /** Unsigned. */
  readonly value: number;
  /** The write was the processor's own, of an accessed or busy bit. */
  readonly descriptor: boolean;
}

export class Overlay implements LinearMemory {
  readonly #mmu: Mmu;
  readonly #memory: PhysicalMemory;
  readonly #words: Int32Array;
  readonly #paging: () => PagingMode;
  readonly #tables: TableMemory;
  readonly #translation = new Translation();
  /** Physical addresses of bytes written, and the bytes; later ones count. */
  readonly #addresses: number[] = [];
  readonly #bytes: number[] = [];
  readonly writes: Write[] = [];
  /** Whether the next writes are of descriptors. */
  writesDescriptor = false;
  faulted = false;

  /** @param paging how the guest believes addresses to be translated at that moment */
  constructor(mmu: Mmu, paging: () => PagingMode) {
    this.#mmu = mmu;
    this.#memory = mmu.memory;
    this.#words = mmu.memory.words;
    this.#paging = paging;
    this.#tables = { read: (physical) => this.#physical(physical, 4), write: () => {} };
  }

  /** Forgets what was written. */
  clear(): void {
    this.#addresses.length = 0;
    this.#bytes.length = 0;
    this.writes.length = 0;
  }

  /** A byte to a doubleword within a page. */
  #physical(physical: number, size: number): number {
    let value = physical < MONITOR_PHYSICAL ? this.#memory.read(physical, size) : 2 ** (8 * size) - 1;
    for (let i = 0; i < this.#addresses.length; i++) {
      const at = this.#addresses[i]! - physical;
      if (at >= 0 && at < size) value = (value & ~(0xff << (8 * at))) | (this.#bytes[i]! << (8 * at));
    }
    return value >>> 0;
  }
  /** @returns the physical address, or -1 with State.FAULT_* and the guest's CR2 set */
  #translate(linear: number, write: boolean, user: boolean): number {
    const word = this.#mmu.tlb.word(linear, write ? TLB_WRITE_OFFSET : TLB_READ_OFFSET, user);
    if (word !== 0) return this.#memory.physicalAddress((word + linear + POINTER_BIAS) | 0);
    const access = (write ? PageFault.W : 0) | (user ? PageFault.U : 0);
    const error = walk(this.#tables, this.#paging(), linear, access, this.#translation);
    if (error < 0) return this.#translation.physical;
    this.faulted = true;
    this.#words[(SystemBase.VIRTUAL + System.CR2) >> 2] = linear;
    this.#words[State.FAULT_VECTOR >> 2] = Vector.PF;
    this.#words[State.FAULT_ERROR >> 2] = error;
    return -1;
  }

  read(linear: number, size: number, user: boolean): number {
    this.faulted = false;
    const inPage = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
    const first = this.#translate(linear, false, user);
    if (first < 0) return 0;
    if (size <= inPage) return this.#physical(first, size);
    const second = this.#translate((linear + inPage) >>> 0, false, user);
    if (second < 0) return 0;
    let value = 0;
    for (let i = 0; i < size; i++)
      value |= this.#physical(i < inPage ? first + i : second + i - inPage, 1) << (8 * i);
    return value >>> 0;
  }
  write(linear: number, size: number, value: number, user: boolean): void {
    this.faulted = false;
    const inPage = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
    const first = this.#translate(linear, true, user);
    if (first < 0) return;
    const second = size > inPage ? this.#translate((linear + inPage) >>> 0, true, user) : 0;
    if (second < 0) return;
    for (let i = 0; i < size; i++) {
      this.#addresses.push(i < inPage ? first + i : second + i - inPage);
      this.#bytes.push((value >>> (8 * i)) & 0xff);
    }
    const mask = size === 4 ? -1 : (1 << (8 * size)) - 1;
    const descriptor = this.writesDescriptor;
    this.writes.push({ linear, size, value: (value & mask) >>> 0, descriptor });
  }
  probeWrite(linear: number, size: number, user: boolean): void {
    this.faulted = false;
    if (this.#translate(linear, true, user) < 0) return;
    if ((linear & (PAGE_SIZE - 1)) + size > PAGE_SIZE)
      this.#translate(((linear + size - 1) & -PAGE_SIZE) >>> 0, true, user);
  }

  /** A doubleword of the guest's physical memory, as the processor itself reads it. */
  readPhysical(address: number): number {
    return this.#physical(maskAddress(address, this.#paging().addressMask), 4);
  }

  /** The first of the writes that memory does not show now, with what it shows instead. */
  firstUnlike(): { readonly write: Write; readonly value: number } | undefined {
    let at = 0;
    for (const write of this.writes) {
      let value = 0;
      let unlike = false;
      for (let i = 0; i < write.size; i++, at++) {
        const physical = this.#addresses[at]!;
        const byte = this.#memory.read(physical, 1);
        value += byte * 2 ** (8 * i);
        // What reaches no memory was lost in any case.
        const lost = this.#memory.hostAddress(physical) < 0 || !this.#memory.isWritable(physical);
        if (!lost && byte !== this.#last(physical)) unlike = true;
      }
      if (unlike) return { write, value };
    }
    return undefined;
  }
  #last(physical: number): number {
    return this.#bytes[this.#addresses.lastIndexOf(physical)]!;
  }
}
