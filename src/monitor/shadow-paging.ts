/**
 * Shadow page tables: what the processor really walks while the guest believes in its own tables. They are
 * filled on demand by hidden page faults and hold only what the guest's tables said at that time, as a TLB
 * would; INVLPG and CR3 loads empty them accordingly.
 */
import { PAGE_SIZE } from '../memory/layout.ts';
import type { Mmu } from '../memory/mmu.ts';
import { Entry, type PagingMode, type TableMemory, Translation, walk } from '../memory/paging.ts';
import { MONITOR_PHYSICAL, type PhysicalMemory } from '../memory/physical.ts';
import { PageFault } from '../x86/exceptions.ts';
import { CR0 } from '../x86/registers.ts';

const TABLES = 1024;
/** One directory, and one table for each of its entries. */
export const SHADOW_MEMORY = (1 + TABLES) * PAGE_SIZE;
const DIRECTORY = MONITOR_PHYSICAL;
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
  /** What CR3 of the processor holds. */
  readonly root = DIRECTORY;
  readonly #memory: PhysicalMemory;
  readonly #guestTables: TableMemory;
  readonly #translation = new Translation();
  /** Tables in use, and whether each holds entries that a CR3 load must drop, or parts of large pages. */
  readonly #used = new Uint8Array(TABLES);
  readonly #local = new Uint8Array(TABLES);
  readonly #large = new Uint8Array(TABLES);

  constructor(mmu: Mmu) {
    this.#memory = mmu.memory;
    this.#guestTables = guestTables(mmu);
  }

  /**
   * Mends the shadow tables after a page fault on them.
   * @param error code of the processor's fault
   * @returns -1 when the access may be repeated, else the error code of the guest's own page fault
   */
  fill(guest: PagingMode, linear: number, error: number): number {
    const write = (error & PageFault.W) !== 0;
    const user = (error & PageFault.U) !== 0;
    const t = this.#translation;
    const fault = walk(this.#guestTables, guest, linear, write, user, t);
    if (fault >= 0) return fault;
    const index = linear >>> 22;
    const table = DIRECTORY + (1 + index) * PAGE_SIZE;
    if (this.#used[index] === 0) {
      const host = this.#memory.hostAddress(table);
      this.#memory.bytes.fill(0, host, host + PAGE_SIZE);
      this.#memory.write(DIRECTORY + index * 4, 4, table | Entry.P | Entry.RW | Entry.US | Entry.A);
      this.#used[index] = 1;
      this.#local[index] = 0;
      this.#large[index] = 0;
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
    this.#memory.write(table + ((linear >>> 12) & 1023) * 4, 4, entry);
    return -1;
  }

  /** Drops one page, or all 4 MiB around it where a large page was mapped. @returns whether it was the latter */
  invalidate(linear: number): boolean {
    const index = linear >>> 22;
    if (this.#used[index] === 0) return false;
    if (this.#large[index] !== 0) {
      this.#drop(index);
      return true;
    }
    this.#memory.write(DIRECTORY + (1 + index) * PAGE_SIZE + ((linear >>> 12) & 1023) * 4, 4, 0);
    return false;
  }
  /** Drops everything, or what is not global. Tables that mix both go as a whole. */
  flush(global: boolean): void {
    for (let i = 0; i < TABLES; i++)
      if (this.#used[i] !== 0 && (global || this.#local[i] !== 0)) this.#drop(i);
  }
  #drop(index: number): void {
    this.#used[index] = 0;
    this.#memory.write(DIRECTORY + index * 4, 4, 0);
  }
}
