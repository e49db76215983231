/**
 * Shadow paging without memory: the shadow holds what walks of the guest's tables found since the last flush, as a
 * TLB would, and INVLPG and CR3 loads empty it accordingly. Nothing of the guest's is traced.
 */
import { PAGE_SIZE } from '../memory/layout.ts';
import type { Mmu } from '../memory/mmu.ts';
import { Entry, type PagingMode, Translation } from '../memory/paging.ts';
import { MONITOR_PHYSICAL, type PhysicalMemory } from '../memory/physical.ts';
import { PageFault } from '../x86/exceptions.ts';
import type { CpuState } from '../x86/state.ts';
import { mapPage, roleOf, type ShadowEntry, type ShadowRole } from './shadow-entry.ts';
import {
  type GuestTables,
  installPae,
  newShadowCounters,
  type ShadowPaging,
  setPdpte,
} from './shadow-paging.ts';

/** Each maps 2 MiB. */
const TABLES = 2048;
const DIRECTORIES = 4;
const ENTRY_SIZE = 8;
const FIRST_DIRECTORY = MONITOR_PHYSICAL;
const FIRST_TABLE = FIRST_DIRECTORY + DIRECTORIES * PAGE_SIZE;

export class VirtualTlb implements ShadowPaging {
  readonly counters = newShadowCounters();
  readonly #memory: PhysicalMemory;
  readonly #tables: GuestTables;
  readonly #translation = new Translation();
  readonly #entry: ShadowEntry = { low: 0, high: 0 };
  #role: ShadowRole | undefined;
  #cr3 = 0;
  /** Tables in use, and whether each holds entries that a CR3 load must drop. */
  readonly #used = new Uint8Array(TABLES);
  readonly #local = new Uint8Array(TABLES);
  /** Whether parts of a large page were mapped, also if the table is gone. */
  readonly #large = new Uint8Array(TABLES);
  /** The tables that a flush must look at: all in use, and perhaps some no longer so. */
  readonly #list = new Uint16Array(TABLES);
  readonly #listed = new Uint8Array(TABLES);
  #listLength = 0;

  constructor(mmu: Mmu, tables: GuestTables) {
    this.#memory = mmu.memory;
    this.#tables = tables;
  }

  install(processor: CpuState): void {
    installPae(processor);
    this.#flush(true);
    for (let i = 0; i < DIRECTORIES; i++) setPdpte(processor, i, FIRST_DIRECTORY + i * PAGE_SIZE);
  }

  pagingChanged(guest: PagingMode, global: boolean): void {
    if (guest.cr3 !== this.#cr3) this.counters.switchesAnew++;
    this.#cr3 = guest.cr3;
    this.#role = roleOf(guest);
    this.#flush(global);
  }

  fill(guest: PagingMode, linear: number, access: number): number {
    const t = this.#translation;
    const fault = this.#tables.walk(guest, linear, access, t);
    if (fault >= 0) return fault;
    const role = (this.#role ??= roleOf(guest));
    const index = linear >>> 21;
    const table = FIRST_TABLE + index * PAGE_SIZE;
    const at = table + ((linear >>> 12) & 511) * ENTRY_SIZE;
    if (this.#used[index] === 0) {
      this.counters.hiddenForTable++;
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
    } else if (this.#memory.read(at, 4) === 0) this.counters.hiddenForPage++;
    else this.counters.hiddenForRight++;
    if (!t.global) this.#local[index] = 1;
    if (t.large) this.#large[index] = 1;
    const rights = (t.readOnly ? 0 : Entry.RW) | (t.user ? Entry.US : 0);
    const marks = role.paged ? t.entry : Entry.D;
    const supervisorWrites = (access & (PageFault.W | PageFault.U)) === PageFault.W;
    const e = this.#entry;
    mapPage(
      e,
      role,
      t.physical - (t.physical & (PAGE_SIZE - 1)),
      rights,
      marks,
      t.noExecute,
      supervisorWrites,
    );
    this.#memory.write(at, 4, t.large ? e.low | Entry.AVAILABLE : e.low);
    this.#memory.write(at + 4, 4, e.high);
    return -1;
  }

  /** Drops one page, or all 4 MiB around it where a large page was mapped. */
  invalidate(linear: number): void {
    const index = linear >>> 21;
    // A 4 MiB page fills two tables.
    const pair = [index & ~1, index | 1] as const;
    if (pair.some((i) => this.#large[i] !== 0)) for (const i of pair) this.#drop(i);
    else if (this.#used[index] !== 0)
      this.#memory.write(FIRST_TABLE + index * PAGE_SIZE + ((linear >>> 12) & 511) * ENTRY_SIZE, 4, 0);
  }
  /** Drops everything, or what is not global. Tables that mix both go as a whole. */
  #flush(global: boolean): void {
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
  tableWritten(): boolean {
    return false;
  }
}
