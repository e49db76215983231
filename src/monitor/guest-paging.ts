/** Guest-physical memory in guest mode: under shadow page tables, or a second level of paging. */
import { PAGE_SIZE } from '../memory/layout.ts';
import type { Mmu } from '../memory/mmu.ts';
import {
  a20Mask,
  newPagingMode,
  type PagingMode,
  type PagingModel,
  takeControlRegisters,
} from '../memory/paging.ts';
import type { Technique } from '../techniques/technique.ts';
import { CR0, CR4 } from '../x86/registers.ts';
import { CpuState, System, SystemBase } from '../x86/state.ts';
import { createShadowPaging } from './shadow.ts';
import { GuestTables, type ShadowCounters, type ShadowPaging, shadowModel } from './shadow-paging.ts';

export interface GuestPaging {
  /** Bits of CR0 and CR4 whose change by the guest exits: the guest/host masks (SDM vol. 3, section 24.6.6). */
  readonly cr0Mask: number;
  readonly cr4Mask: number;
  /** The guest was given its first state. */
  entered(): void;
  changed(flushGlobal: boolean): void;
  invalidate(linear: number): void;
  setA20(enabled: boolean): void;
  /** A doubleword of guest-physical memory. */
  readPhysical(address: number): number;
  /** Guest memory watched for Watch.PAGE_TABLE was written. */
  tableWritten?(physical: number, size: number): void;
}

/** What guest mode makes of an access that needs the monitor. @returns false while the monitor runs already */
export type OnExit = () => boolean;

/**
 * The processor walks shadow page tables with control registers of its own, and every page fault exits. The guest
 * reads and writes its control registers as it believes them to be: the processor has those in the read shadows
 * of its VMCS; here they are the processor's state, and what it really translates by is kept beside it.
 */
export class ShadowedPaging implements GuestPaging {
  /** Paging must be on in guest mode, and the monitor decides on how the processor does it. */
  readonly cr0Mask = CR0.PE | CR0.PG | CR0.WP | CR0.NE | CR0.NW | CR0.CD;
  readonly cr4Mask = CR4.PSE | CR4.PAE | CR4.PGE;
  /** Page faults that the guest never saw, its own, and those of its writes to page tables that are traced. */
  hiddenPageFaults = 0;
  truePageFaults = 0;
  tracedWrites = 0;
  readonly #mmu: Mmu;
  readonly #tables: GuestTables;
  readonly #shadow: ShadowPaging;
  readonly #guest: CpuState;
  readonly #paging: PagingMode;
  readonly #registers: CpuState;
  readonly #onPageFault: OnExit;

  constructor(mmu: Mmu, guest: CpuState, model: PagingModel, technique: Technique, onPageFault: OnExit) {
    this.#mmu = mmu;
    mmu.model = shadowModel;
    this.#tables = new GuestTables(mmu);
    this.#shadow = createShadowPaging(mmu, this.#tables, technique);
    this.#onPageFault = onPageFault;
    this.#guest = guest;
    this.#paging = { ...newPagingMode(guest), model };
    this.#registers = new CpuState(mmu.memory.memory.buffer, SystemBase.VIRTUAL);
    mmu.registers = this.#registers;
    mmu.hooks.onPageFault = (linear, access) => {
      takeControlRegisters(this.#paging, guest);
      const fault = this.#shadow.fill(this.#paging, linear, access);
      if (onPageFault()) {
        if (fault < 0) this.hiddenPageFaults++;
        else this.truePageFaults++;
      }
      return fault;
    };
  }
  get shadowCounters(): Readonly<ShadowCounters> {
    return this.#shadow.counters;
  }
  entered(): void {
    this.#registers.setSys(System.CR0, CR0.PG | CR0.WP | CR0.PE);
    this.#registers.setSys(System.CR4, CR4.PAE | CR4.PGE);
    this.#shadow.install(this.#registers);
    this.changed(true);
  }
  changed(flushGlobal: boolean): void {
    takeControlRegisters(this.#paging, this.#guest);
    this.#shadow.pagingChanged(this.#paging, flushGlobal);
    this.#mmu.tlb.flush(flushGlobal);
  }
  invalidate(linear: number): void {
    this.#shadow.invalidate(linear);
    this.#mmu.tlb.invalidate(linear);
  }
  setA20(enabled: boolean): void {
    this.#paging.addressMask = a20Mask(enabled);
    this.changed(true);
  }
  readPhysical(address: number): number {
    return this.#tables.read(address, this.#paging);
  }
  tableWritten(physical: number, size: number): void {
    const { counters } = this.#shadow;
    const before = counters.tracedTableWrites;
    this.#shadow.tableWritten(physical, size);
    if (counters.tracedTableWrites > before && this.#onPageFault()) this.tracedWrites++;
  }
}

/** Levels of a walk of extended page tables (SDM vol. 3, section 28.2.2). */
const EPT_LEVELS = 4;

/**
 * The processor walks the guest's own tables, and translates every address it meets there, and the one it finds,
 * by extended page tables. These map 4 KiB at a time, when a page is first used.
 */
export class NestedPaging implements GuestPaging {
  /** Bits that VMX operation fixes, less those that unrestricted guests may change. */
  readonly cr0Mask = CR0.NE | CR0.NW | CR0.CD;
  readonly cr4Mask = 0;
  /** First uses of a page, and uses of what is no memory, or may not be written. */
  mappedPages = 0;
  deviceAccesses = 0;
  readonly #mmu: Mmu;

  constructor(mmu: Mmu, model: PagingModel, onViolation: OnExit) {
    this.#mmu = mmu;
    mmu.model = model;
    const { memory } = mmu;
    const mapped = new Uint8Array(memory.size / PAGE_SIZE);
    mmu.hooks.onPhysicalAccess = (physical, write) => {
      if (memory.hostAddress(physical) < 0 || (write && !memory.isWritable(physical))) {
        if (onViolation()) this.deviceAccesses++;
        return;
      }
      const page = physical >>> 12;
      if (mapped[page] !== 0) return;
      mapped[page] = 1;
      this.mappedPages++;
      onViolation();
    };
  }
  /**
   * Entries of the extended page tables read by all walks: m levels for each entry of the guest's tables and for the
   * page, which with the n entries themselves makes (n + 1)(m + 1) - 1; less for walks that end in a page fault.
   */
  get entriesRead(): number {
    const { tableEntriesRead, completedWalks } = this.#mmu;
    return (tableEntriesRead + completedWalks) * EPT_LEVELS;
  }
  entered(): void {
    this.changed(true);
  }
  changed(flushGlobal: boolean): void {
    this.#mmu.tlb.flush(flushGlobal);
  }
  invalidate(linear: number): void {
    this.#mmu.tlb.invalidate(linear);
  }
  setA20(enabled: boolean): void {
    this.#mmu.addressMask = a20Mask(enabled);
    this.changed(true);
  }
  readPhysical(address: number): number {
    return this.#mmu.readPhysical(address);
  }
}
