/**
 * Keeps the translation look-aside buffer coherent with the page tables. Which stale translations a processor
 * still uses is open (SDM vol. 3, section 4.10.2), and depends on how code was cut into blocks; with this,
 * every run of a case must end alike. Accessed and dirty bits that appear change no translation.
 */

import type { Processor } from '../../src/interpreter/processor.ts';
import { PAGE_SIZE, RAM_BASE } from '../../src/memory/layout.ts';
import { Entry } from '../../src/memory/paging.ts';
import { CR0, CR4 } from '../../src/x86/registers.ts';
import { type CpuState, System } from '../../src/x86/state.ts';

/** A watch bit beside those of Watch. */
const OBSERVE = 128;
const MARKS = Entry.A | Entry.D;
const WORDS = 1024;

export class CoherentTables {
  readonly #processor: Processor;
  readonly #guest: CpuState;
  readonly #flush: () => void;
  /** What the tables' pages hold, by physical page address. */
  readonly #pages = new Map<number, Int32Array>();
  #active = false;

  /** @param guest whose paging this is @param flush forgets every translation */
  constructor(processor: Processor, guest: CpuState, flush: () => void) {
    this.#processor = processor;
    this.#guest = guest;
    this.#flush = flush;
    const { mmu } = processor;
    const { onWatchedWrite } = mmu.hooks;
    mmu.hooks.onWatchedWrite = (physical, size, watch) => {
      onWatchedWrite(physical, size, watch);
      if (this.#active && watch & OBSERVE) this.#written(physical, size);
    };
    const { tlb } = mmu;
    const flushTlb = tlb.flush.bind(tlb);
    tlb.flush = (global) => {
      flushTlb(global);
      if (this.#active) this.#collect();
    };
  }

  start(): void {
    this.#active = true;
    this.#collect();
  }
  stop(): void {
    this.#active = false;
    for (const page of this.#pages.keys()) this.#processor.mmu.unwatch(page, OBSERVE);
    this.#pages.clear();
  }

  #collect(): void {
    const { mmu } = this.#processor;
    for (const page of this.#pages.keys()) mmu.unwatch(page, OBSERVE);
    this.#pages.clear();
    const cr4 = this.#guest.sys(System.CR4);
    if ((this.#guest.sys(System.CR0) & CR0.PG) === 0) return;
    const top = this.#guest.sys(System.CR3) >>> 0;
    if (cr4 & CR4.PAE) {
      for (let i = 0; i < 4; i++) {
        const pointer = this.#guest.sys(System.PDPTES + i * 8);
        const directory = pointer & Entry.P ? this.#add(pointer) : undefined;
        if (directory) this.#addTables(directory, 2, true);
      }
    } else {
      const directory = this.#add(top);
      if (directory) this.#addTables(directory, 1, (cr4 & CR4.PSE) !== 0);
    }
  }
  #addTables(directory: Int32Array, step: 1 | 2, large: boolean): void {
    for (let i = 0; i < WORDS; i += step) {
      const entry = directory[i]!;
      if ((entry & Entry.P) !== 0 && !(large && entry & Entry.PS)) this.#add(entry);
    }
  }
  /** @returns the words of the page an entry points to, undefined outside RAM */
  #add(entry: number): Int32Array | undefined {
    const { memory, mmu } = this.#processor;
    const page = (entry & 0xfffff000 & mmu.addressMask) >>> 0;
    if (page >= memory.size) return undefined;
    const known = this.#pages.get(page);
    if (known) return known;
    const at = (RAM_BASE + page) >>> 2;
    const copy = memory.words.slice(at, at + WORDS);
    this.#pages.set(page, copy);
    mmu.watch(page, OBSERVE);
    return copy;
  }
  #written(physical: number, size: number): void {
    const page = (physical & -4096) >>> 0;
    const copy = this.#pages.get(page);
    if (!copy) return;
    const { words } = this.#processor.memory;
    const at = (RAM_BASE + page) >>> 2;
    for (let i = (physical & 4095) >>> 2; i <= (physical + size - 1 - page) >>> 2; i++) {
      const before = copy[i]!;
      const now = words[at + i]!;
      if (((before ^ now) & ~MARKS) !== 0 || (before & ~now) !== 0) {
        // The running block, too, may go on only where it still may be fetched.
        const { cache, memory } = this.#processor;
        for (let code = 0; code < memory.size; code += PAGE_SIZE) cache.written(code, PAGE_SIZE);
        this.#flush();
        return;
      }
      copy[i] = now;
    }
  }
}
