/**
 * The memory management unit: linear accesses of the processor, slow paths of the engines, and the software
 * TLB they fill. A monitor may see page faults first and mend the tables (`onPageFault`).
 */
import { PageFault, Vector } from '../x86/exceptions.ts';
import { CR0 } from '../x86/registers.ts';
import { type CpuState, State, System } from '../x86/state.ts';
import {
  BOUNCE_BUFFER,
  PAGE_SIZE,
  POINTER_BIAS,
  TLB_EXECUTE_OFFSET,
  TLB_READ_OFFSET,
  TLB_SUPERVISOR,
  TLB_USER,
  TLB_WRITE_OFFSET,
} from './layout.ts';
import {
  maskAddress,
  newPagingMode,
  type PagingModel,
  pdptesOf,
  type TableMemory,
  Translation,
  takeControlRegisters,
  walk,
} from './paging.ts';
import type { PhysicalMemory } from './physical.ts';
import { Tlb } from './tlb.ts';

/** Why a physical page may not be written without being told. */
export const Watch = { CODE: 1, PAGE_TABLE: 2, JOURNAL: 4 } as const;

export interface MmuHooks {
  /**
   * A page fault on the processor's tables.
   * @param access PageFault.W, U and I as they describe the access
   * @returns -1 when they were mended and the walk may be repeated, else the error code to report
   */
  onPageFault?(linear: number, access: number): number;
  /** A write of `size` bytes to a watched page is about to be, or has just been, made. */
  onWatchedWrite(physical: number, size: number, watch: number): void;
  /** A walk uses a physical address: an entry of a table, or what it led to. @param write the latter, for a write */
  onPhysicalAccess?(physical: number, write: boolean): void;
  /** Whether a page may not be in the TLB, so that every access to it is seen. @param linear unsigned */
  isUncached?(linear: number): boolean;
}

export class Mmu {
  readonly memory: PhysicalMemory;
  readonly tlb: Tlb;
  readonly #state: CpuState;
  readonly #words: Int32Array;
  /** Accessed and dirty bits are writes like any other to those who watch the page. */
  readonly #tables: TableMemory;
  readonly #translation = new Translation();
  /** Watch bits by physical page. */
  readonly #watched: Uint8Array;
  hooks: MmuHooks = { onWatchedWrite: () => {} };
  readonly #mode;
  #registers: CpuState;
  /** Page walks made because the TLB had no word, those of them that led somewhere, and table entries they read. */
  misses = 0;
  completedWalks = 0;
  tableEntriesRead = 0;

  constructor(memory: PhysicalMemory, state: CpuState) {
    this.memory = memory;
    this.tlb = new Tlb(memory.words, memory.size / PAGE_SIZE);
    this.#tables = {
      read: (physical, size) => {
        this.hooks.onPhysicalAccess?.(physical, false);
        return memory.read(physical, size);
      },
      write: (physical, size, value) => this.writePhysical(physical, size, value),
    };
    this.#state = state;
    this.#registers = state;
    this.#mode = newPagingMode(state);
    this.#words = memory.words;
    this.#watched = new Uint8Array(memory.size / PAGE_SIZE);
  }

  /** Whether accesses are made with user privilege now. */
  get user(): boolean {
    return this.#words[State.TLB >> 2] === TLB_USER;
  }
  /** Selects the TLB tables by privilege. */
  set user(value: boolean) {
    this.#words[State.TLB >> 2] = value ? TLB_USER : TLB_SUPERVISOR;
  }

  /** ANDed to every physical address of the processor; the TLB must be flushed after a change. */
  get addressMask(): number {
    return this.#mode.addressMask;
  }
  set addressMask(mask: number) {
    this.#mode.addressMask = mask;
  }
  /** The state whose control registers decide how addresses are translated; faults are reported in the processor's. */
  set registers(state: CpuState) {
    this.#registers = state;
    this.#mode.pdptes = pdptesOf(state);
  }
  /** Which bits of page-table entries the processor reserves. */
  set model(model: PagingModel) {
    this.#mode.model = model;
  }

  /**
   * Translates one address for an access to data within its page, filling the TLB where it may.
   * @returns the physical address (unsigned), or -1 with State.FAULT_* and CR2 set to a #PF
   */
  translate(linear: number, write: boolean, user: boolean): number {
    const word = this.tlb.word(linear, write ? TLB_WRITE_OFFSET : TLB_READ_OFFSET, user);
    if (word !== 0) return this.#physicalOf(word, linear);
    const watched = write ? this.tlb.watchedWord(linear, user) : 0;
    if (watched !== 0) {
      const known = this.#physicalOf(watched, linear);
      if (this.#watchOf(known) === 0) this.tlb.unwatched(linear, user);
      return known;
    }
    const physical = this.#walk(linear, (write ? PageFault.W : 0) | (user ? PageFault.U : 0));
    if (physical < 0) return -1;
    const t = this.#translation;
    const host = this.memory.hostAddress(physical);
    if (host >= 0 && !this.hooks.isUncached?.(linear >>> 0)) {
      const page = host & -PAGE_SIZE;
      this.tlb.fill(linear, page, TLB_READ_OFFSET, user, t.global, t.large);
      if (write && t.writable && this.memory.isWritable(physical)) {
        if (this.#watchOf(physical) === 0)
          this.tlb.fill(linear, page, TLB_WRITE_OFFSET, user, t.global, t.large);
        else this.tlb.fillWatched(linear, page, user, t.global);
      }
    }
    return physical;
  }
  /** As `translate`, for an instruction fetch. */
  translateFetch(linear: number, user: boolean): number {
    const word = this.tlb.word(linear, TLB_EXECUTE_OFFSET, user);
    if (word !== 0) return this.#physicalOf(word, linear);
    const physical = this.#walk(linear, PageFault.I | (user ? PageFault.U : 0));
    if (physical < 0) return -1;
    const t = this.#translation;
    const host = this.memory.hostAddress(physical);
    if (host >= 0 && !this.hooks.isUncached?.(linear >>> 0))
      this.tlb.fill(linear, host & -PAGE_SIZE, TLB_EXECUTE_OFFSET, user, t.global, t.large);
    return physical;
  }
  /** Walks the tables, leaving what was found in #translation. @returns as `translate` */
  #walk(linear: number, access: number): number {
    this.misses++;
    const t = this.#translation;
    const state = this.#state;
    const mode = this.#mode;
    for (;;) {
      takeControlRegisters(mode, this.#registers);
      const error = walk(this.#tables, mode, linear, access, t);
      this.tableEntriesRead += t.entries;
      if (error < 0) {
        this.completedWalks++;
        this.hooks.onPhysicalAccess?.(t.physical, (access & PageFault.W) !== 0);
        return t.physical;
      }
      const reported = this.hooks.onPageFault ? this.hooks.onPageFault(linear, access) : error;
      if (reported < 0) continue;
      state.setSys(System.CR2, linear);
      this.#words[State.FAULT_VECTOR >> 2] = Vector.PF;
      this.#words[State.FAULT_ERROR >> 2] = reported;
      return -1;
    }
  }
  #physicalOf(word: number, linear: number): number {
    return this.memory.physicalAddress((word + linear + POINTER_BIAS) | 0);
  }
  #watchOf(physical: number): number {
    return physical < this.memory.size ? this.#watched[physical >>> 12]! : 0;
  }

  /** Watches a physical page for writes. @param reason one of Watch */
  watch(physical: number, reason: number): void {
    if (physical >= this.memory.size) return;
    const page = physical >>> 12;
    if (this.#watched[page]! & reason) return;
    const before = this.#watched[page]!;
    this.#watched[page] = before | reason;
    if (before === 0) {
      const host = this.memory.hostAddress(physical & -PAGE_SIZE);
      if (host >= 0) this.tlb.protect(host);
    }
  }
  /** Watches all of RAM: afterwards no page of it is written unseen. @param reason one of Watch */
  watchAll(reason: number): void {
    const watched = this.#watched;
    for (let page = 0; page < watched.length; page++) watched[page]! |= reason;
    this.tlb.protectAll();
  }
  unwatch(physical: number, reason: number): void {
    if (physical >= this.memory.size) return;
    const page = physical >>> 12;
    this.#watched[page] = this.#watched[page]! & ~reason;
  }

  /** Reads 1-4 bytes at a linear address; may cross a page. @returns zero-extended; 0 with `faulted` set */
  read(linear: number, size: number, user: boolean): number {
    this.faulted = false;
    if ((linear & (PAGE_SIZE - 1)) + size <= PAGE_SIZE) {
      const word = this.tlb.word(linear, TLB_READ_OFFSET, user);
      if (word !== 0) return this.memory.readHost((word + linear + POINTER_BIAS) >>> 0, size);
      const physical = this.translate(linear, false, user);
      if (physical < 0) return this.#fault();
      return this.memory.read(physical, size);
    }
    const inPage = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
    const first = this.translate(linear, false, user);
    if (first < 0) return this.#fault();
    const second = this.translate((linear + inPage) >>> 0, false, user);
    if (second < 0) return this.#fault();
    let value = 0;
    for (let i = 0; i < size; i++) {
      const physical = i < inPage ? first + i : second + i - inPage;
      value += this.memory.read(physical, 1) * 2 ** (8 * i);
    }
    return value;
  }
  /** Whether the last read, write or probe faulted. */
  faulted = false;
  #fault(): number {
    this.faulted = true;
    return 0;
  }

  /** Writes 1-4 bytes at a linear address; nothing is written when any part of it faults. */
  write(linear: number, size: number, value: number, user: boolean): void {
    this.faulted = false;
    const word = this.tlb.word(linear, TLB_WRITE_OFFSET, user);
    if (word !== 0 && (linear & (PAGE_SIZE - 1)) + size <= PAGE_SIZE) {
      this.memory.writeHost((word + linear + POINTER_BIAS) >>> 0, size, value);
      return;
    }
    const first = this.translate(linear, true, user);
    if (first < 0) {
      this.#fault();
      return;
    }
    const inPage = Math.min(size, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
    if (inPage === size) {
      this.writePhysical(first, size, value);
      return;
    }
    const second = this.translate((linear + inPage) >>> 0, true, user);
    if (second < 0) {
      this.#fault();
      return;
    }
    for (let i = 0; i < size; i++) {
      const physical = i < inPage ? first + i : second + i - inPage;
      this.writePhysical(physical, 1, (value >>> (8 * i)) & 0xff);
    }
  }
  /** Checks that `size` bytes, at most a page, could be written; sets `faulted`. */
  probeWrite(linear: number, size: number, user: boolean): void {
    this.faulted = false;
    if (this.tlb.word(linear, TLB_WRITE_OFFSET, user) === 0 && this.translate(linear, true, user) < 0)
      this.#fault();
    else if ((linear & (PAGE_SIZE - 1)) + size > PAGE_SIZE) {
      // What faults is the first byte of the second page.
      const last = ((linear + size - 1) & -PAGE_SIZE) >>> 0;
      if (this.translate(last, true, user) < 0) this.#fault();
    }
  }
  /** Writes guest-physical memory, telling those who watch the page. Must not cross a page. */
  writePhysical(physical: number, size: number, value: number): void {
    this.memory.write(physical, size, value);
    const watch = this.#watchOf(physical);
    if (watch !== 0) this.hooks.onWatchedWrite(physical, size, watch);
  }

  /** Address in linear memory of what a supervisor reads at a linear address, as the TLB has it; else -1. */
  knownAddress(linear: number): number {
    const word = this.tlb.word(linear, TLB_READ_OFFSET, false);
    return word === 0 ? -1 : (word + linear + POINTER_BIAS) >>> 0;
  }
  /** Reads a doubleword of guest-physical memory as the processor's own accesses do: through the A20 gate. */
  readPhysical(physical: number): number {
    return this.memory.read(maskAddress(physical, this.addressMask), 4);
  }

  // ---- slow paths of the engines: biased pointers, 0 for a fault --------------------------------------

  /** A pointer from which `size` (1-16) bytes at a linear address can be read. */
  slowRead(linear: number, size: number): number {
    const { user } = this;
    if ((linear & (PAGE_SIZE - 1)) + size <= PAGE_SIZE) {
      const physical = this.translate(linear, false, user);
      if (physical < 0) return 0;
      const host = this.memory.hostAddress(physical);
      if (host >= 0) return host - POINTER_BIAS;
      this.#bounceIn(physical, -1, size, size);
    } else {
      const inPage = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
      const first = this.translate(linear, false, user);
      if (first < 0) return 0;
      const second = this.translate((linear + inPage) >>> 0, false, user);
      if (second < 0) return 0;
      this.#bounceIn(first, second, inPage, size);
    }
    return BOUNCE_BUFFER - POINTER_BIAS;
  }
  #bounceIn(first: number, second: number, inPage: number, size: number): void {
    for (let i = 0; i < size; i++) {
      const physical = i < inPage ? first + i : second + i - inPage;
      this.memory.bytes[BOUNCE_BUFFER + i] = this.memory.read(physical, 1);
    }
  }
  /** Where the bounce buffer of the last slowUpdate goes: physical addresses in its first and second page. */
  #firstPage = 0;
  #secondPage = 0;
  /** A pointer through which `size` (1-16) bytes can be read and written; the bounce buffer needs slowCommit. */
  slowUpdate(linear: number, size: number): number {
    const { user } = this;
    const first = this.translate(linear, true, user);
    if (first < 0) return 0;
    const inPage = Math.min(size, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
    let second = -1;
    if (inPage < size) {
      second = this.translate((linear + inPage) >>> 0, true, user);
      if (second < 0) return 0;
    } else {
      const word = this.tlb.word(linear, TLB_WRITE_OFFSET, user);
      if (word !== 0) return (word + linear) | 0;
    }
    this.#bounceIn(first, second, inPage, size);
    this.#firstPage = first;
    this.#secondPage = second;
    return BOUNCE_BUFFER - POINTER_BIAS;
  }
  /** Writes the bounce buffer back to where slowUpdate found its bytes. */
  slowCommit(linear: number, size: number): void {
    const { bytes, view } = this.memory;
    const inPage = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
    if (size <= inPage && size !== 10) {
      if (size >= 4) this.#writeDoublewords(this.#firstPage, size);
      else
        this.writePhysical(
          this.#firstPage,
          size,
          size === 2 ? view.getUint16(BOUNCE_BUFFER, true) : bytes[BOUNCE_BUFFER]!,
        );
      return;
    }
    for (let i = 0; i < size; i++) {
      const physical = i < inPage ? this.#firstPage + i : this.#secondPage + i - inPage;
      this.writePhysical(physical, 1, bytes[BOUNCE_BUFFER + i]!);
    }
  }
  /** Writes 4, 8 or 16 bytes from the bounce buffer within a page, and tells of them once. */
  #writeDoublewords(physical: number, size: number): void {
    for (let i = 0; i < size; i += 4)
      this.memory.write(physical + i, 4, this.memory.view.getInt32(BOUNCE_BUFFER + i, true));
    const watch = this.#watchOf(physical);
    if (watch !== 0) this.hooks.onWatchedWrite(physical, size, watch);
  }
  /** @returns 1, or 0 for a fault */
  slowWrite(linear: number, size: number, value: number): number {
    this.write(linear, size, value, this.user);
    return this.faulted ? 0 : 1;
  }

  /** Writes 4, 8 or 16 bytes from the bounce buffer, as few words as possible. @returns 1, or 0 for a fault */
  slowWriteBounced(linear: number, size: number): number {
    const { user } = this;
    const first = this.translate(linear, true, user);
    if (first < 0) return 0;
    const inPage = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
    if (size <= inPage) {
      this.#writeDoublewords(first, size);
      return 1;
    }
    const second = this.translate((linear + inPage) >>> 0, true, user);
    if (second < 0) return 0;
    this.#firstPage = first;
    this.#secondPage = second;
    this.slowCommit(linear, size);
    return 1;
  }

  /** Whether paging is on. */
  get paged(): boolean {
    return (this.#registers.sys(System.CR0) & CR0.PG) !== 0;
  }
}
