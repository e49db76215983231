/**
 * Shadow page tables: what the processor really walks while the guest believes in its own tables. They are
 * filled on demand by hidden page faults and hold only what the guest's tables said at that time, as a TLB
 * would; INVLPG and CR3 loads empty them accordingly.
 *
 * Whatever paging the guest uses, or none, the shadow has PAE format with execute-disable on: its entries can
 * say everything that any of the guest's formats can.
 */
import { PAGE_SIZE } from '../memory/layout.ts';
import type { Mmu } from '../memory/mmu.ts';
import {
  Entry,
  maskAddress,
  type PagingMode,
  type TableMemory,
  Translation,
  walk,
  XD,
} from '../memory/paging.ts';
import { MONITOR_PHYSICAL, type PhysicalMemory } from '../memory/physical.ts';
import { CR0, EFER } from '../x86/registers.ts';
import { type CpuState, System } from '../x86/state.ts';

/** Each maps 2 MiB. */
const TABLES = 2048;
const DIRECTORIES = 4;
const ENTRY_SIZE = 8;
/** The PDPT, four directories, and a table for each of their entries. */
export const SHADOW_MEMORY = (1 + DIRECTORIES + TABLES) * PAGE_SIZE;
const PDPT = MONITOR_PHYSICAL;
const FIRST_DIRECTORY = PDPT + PAGE_SIZE;
const FIRST_TABLE = FIRST_DIRECTORY + DIRECTORIES * PAGE_SIZE;
/** Physical addresses that reach neither guest RAM nor the monitor's: for guest mappings of nothing. */
const NOWHERE = 0xe0000000;

/** The memory the guest's tables may lie in: for the guest the monitor's pages are a hole. */
const guestTables = (mmu: Mmu): TableMemory => ({
  read: (physical, size) => (physical < MONITOR_PHYSICAL ? mmu.memory.read(physical, size) : 0xffffffff),
  write(physical, size, value) {
    if (physical < MONITOR_PHYSICAL) mmu.writePhysical(physical, size, value);
  },
});

export class ShadowPaging {
  readonly #memory: PhysicalMemory;
  readonly #guestTables: TableMemory;
  readonly #translation = new Translation();
  /** Tables in use, and whether each holds entries that a CR3 load must drop. */
  readonly #used = new Uint8Array(TABLES);
  readonly #local = new Uint8Array(TABLES);
  /**
   * Whether parts of a large page were mapped, also if the table is gone: the processor may know them still,
   * for a flush that spares global pages leaves it more than is kept here.
   */
  readonly #large = new Uint8Array(TABLES);
  /** The tables that a flush must look at: all in use, and perhaps some no longer so. */
  readonly #list = new Uint16Array(TABLES);
  readonly #listed = new Uint8Array(TABLES);
  #listLength = 0;

  constructor(mmu: Mmu) {
    this.#memory = mmu.memory;
    this.#guestTables = guestTables(mmu);
  }

  /** Makes the processor walk these tables once its CR0 and CR4 have PAE paging on. */
  install(processor: CpuState): void {
    processor.setSys(System.CR3, PDPT | 0);
    processor.setSys(System.EFER, EFER.NXE);
    for (let i = 0; i < DIRECTORIES; i++) {
      const directory = FIRST_DIRECTORY + i * PAGE_SIZE;
      this.#memory.write(PDPT + i * ENTRY_SIZE, 4, directory | Entry.P);
      processor.setSys(System.PDPTES + i * ENTRY_SIZE, directory | Entry.P);
      processor.setSys(System.PDPTES + i * ENTRY_SIZE + 4, 0);
    }
  }

  /** A doubleword of the guest's physical memory. */
  readGuest(physical: number, guest: PagingMode): number {
    return this.#guestTables.read(maskAddress(physical, guest.addressMask), 4);
  }

  /**
   * Mends the shadow tables after a page fault on them.
   * @param access PageFault.W, U and I as they describe the processor's access
   * @returns -1 when the access may be repeated, else the error code of the guest's own page fault
   */
  fill(guest: PagingMode, linear: number, access: number): number {
    const t = this.#translation;
    const fault = walk(this.#guestTables, guest, linear, access, t);
    if (fault >= 0) return fault;
    const index = linear >>> 21;
    const table = FIRST_TABLE + index * PAGE_SIZE;
    if (this.#used[index] === 0) {
      const host = this.#memory.hostAddress(table);
      this.#memory.bytes.fill(0, host, host + PAGE_SIZE);
      const entry = table | Entry.P | Entry.RW | Entry.US | Entry.A;
      this.#memory.write(FIRST_DIRECTORY + index * ENTRY_SIZE, 4, entry);
      this.#used[index] = 1;
      if (this.#listed[index] === 0) {
        this.#listed[index] = 1;
        this.#list[this.#listLength++] = index;
      }
      this.#local[index] = 0;
    }
    if (!t.global) this.#local[index] = 1;
    if (t.large) this.#large[index] = 1;
    let page = t.physical - (t.physical & (PAGE_SIZE - 1));
    if (page >= MONITOR_PHYSICAL) page = NOWHERE;
    let entry = page | Entry.P | Entry.A;
    if (t.global) entry |= Entry.G;
    if (t.writable) entry |= Entry.RW | Entry.D;
    // With CR0.WP clear a supervisor writes to read-only pages: while that is allowed, users are kept out.
    const supervisorOnly = t.writable && t.readOnly && (guest.cr0 & CR0.WP) === 0;
    if (t.user && !supervisorOnly) entry |= Entry.US;
    const at = table + ((linear >>> 12) & 511) * ENTRY_SIZE;
    this.#memory.write(at, 4, entry);
    this.#memory.write(at + 4, 4, t.noExecute ? XD : 0);
    return -1;
  }

  /**
   * Reads a doubleword within a page as the guest's supervisor would, without setting accessed bits.
   * @returns unsigned, or -1 where nothing is mapped
   */
  peek(guest: PagingMode, linear: number): number {
    if ((linear & (PAGE_SIZE - 1)) > PAGE_SIZE - 4) return -1;
    const tables = { read: this.#guestTables.read, write: () => {} };
    if (walk(tables, guest, linear, 0, this.#translation) >= 0) return -1;
    return this.#guestTables.read(this.#translation.physical, 4);
  }

  /** Drops one page, or all 4 MiB around it where a large page was mapped. @returns whether it was the latter */
  invalidate(linear: number): boolean {
    const index = linear >>> 21;
    // A 4 MiB page fills two tables.
    const pair = [index & ~1, index | 1] as const;
    const large = pair.some((i) => this.#large[i] !== 0);
    if (large) for (const i of pair) this.#drop(i);
    else if (this.#used[index] !== 0)
      this.#memory.write(FIRST_TABLE + index * PAGE_SIZE + ((linear >>> 12) & 511) * ENTRY_SIZE, 4, 0);
    return large;
  }
  /** Drops everything, or what is not global. Tables that mix both go as a whole. */
  flush(global: boolean): void {
    if (global) this.#large.fill(0);
    let kept = 0;
    for (let i = 0; i < this.#listLength; i++) {
      const index = this.#list[i]!;
      if (this.#used[index] !== 0 && (global || this.#local[index] !== 0)) this.#drop(index);
      if (this.#used[index] !== 0) this.#list[kept++] = index;
      else this.#listed[index] = 0;
    }
    this.#listLength = kept;
  }
  #drop(index: number): void {
    this.#used[index] = 0;
    this.#memory.write(FIRST_DIRECTORY + index * ENTRY_SIZE, 4, 0);
  }
}
