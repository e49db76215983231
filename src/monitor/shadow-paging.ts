/**
 * Shadow paging: what the processor really walks while the guest believes in its own tables. Whatever paging the
 * guest uses, or none, the shadow has PAE format with execute-disable on: its entries can say everything that any
 * of the guest's formats can.
 *
 * The processor's TLB is flushed when a bare processor's would be. What lies behind it is a choice: shadow page
 * tables that are kept and held true (`shadow-page-tables.ts`), or a larger TLB (`virtual-tlb.ts`).
 */
import { PAGE_SIZE } from '../memory/layout.ts';
import type { Mmu } from '../memory/mmu.ts';
import {
  Entry,
  maskAddress,
  type PagingMode,
  type PagingModel,
  pagingModel,
  type TableMemory,
  Translation,
  walk,
} from '../memory/paging.ts';
import { MONITOR_PHYSICAL } from '../memory/physical.ts';
import { EFER } from '../x86/registers.ts';
import { type CpuState, System } from '../x86/state.ts';

/** Memory of the monitor: a PDPT, four directories and a table for each of their entries would fill it. */
export const SHADOW_PAGES = 1 + 4 + 2048;
/** The same in bytes. */
export const SHADOW_MEMORY = SHADOW_PAGES * PAGE_SIZE;

/** The processor under a monitor: pages of the shadow that are parts of a guest's large page are marked. */
export const shadowModel: PagingModel = { ...pagingModel(36, true, true), partOfLarge: Entry.AVAILABLE };

/** What shadow paging counts; plain numbers of events since the machine was made. */
export interface ShadowCounters {
  /** Hidden page faults for want of a table, of an entry in it, and of a right that the entry did not give yet. */
  hiddenForTable: number;
  hiddenForPage: number;
  hiddenForRight: number;
  /** Writes to guest page tables that the shadow holds, and tables given up because they were written so often. */
  tracedTableWrites: number;
  tablesGivenUp: number;
  /** Changes to another address space whose shadow was there already, and those to one that had none. */
  switchesKept: number;
  switchesAnew: number;
  /** Times that all room was used up. */
  shadowEvictions: number;
}
export const newShadowCounters = (): ShadowCounters => ({
  hiddenForTable: 0,
  hiddenForPage: 0,
  hiddenForRight: 0,
  tracedTableWrites: 0,
  tablesGivenUp: 0,
  switchesKept: 0,
  switchesAnew: 0,
  shadowEvictions: 0,
});

/** The guest's memory as far as it concerns its paging: for the guest the monitor's pages are a hole. */
export class GuestTables {
  /** Set while a walk sets accessed and dirty bits: they make no translation untrue. */
  marking = false;
  readonly memory: TableMemory;
  readonly #readOnly: TableMemory;
  readonly #translation = new Translation();

  constructor(mmu: Mmu) {
    const { memory } = mmu;
    this.memory = {
      read: (physical, size) => (physical < MONITOR_PHYSICAL ? memory.read(physical, size) : 0xffffffff),
      write(physical, size, value) {
        if (physical < MONITOR_PHYSICAL) mmu.writePhysical(physical, size, value);
      },
    };
    this.#readOnly = { read: this.memory.read, write: () => {} };
  }

  /** As `walk` of paging.ts, on the guest's tables. */
  walk(guest: PagingMode, linear: number, access: number, out: Translation): number {
    this.marking = true;
    const fault = walk(this.memory, guest, linear, access, out);
    this.marking = false;
    return fault;
  }
  /** A doubleword of the guest's physical memory. */
  read(physical: number, guest: PagingMode): number {
    return this.memory.read(maskAddress(physical, guest.addressMask), 4);
  }
  /** Where the guest's supervisor reads, without setting accessed bits. @returns physical, or -1 where nothing is mapped */
  locate(guest: PagingMode, linear: number): number {
    return walk(this.#readOnly, guest, linear, 0, this.#translation) >= 0 ? -1 : this.#translation.physical;
  }
}

export interface ShadowPaging {
  readonly counters: ShadowCounters;
  /** Forgets everything and makes the processor walk these tables once its CR0 and CR4 have PAE paging on. */
  install(processor: CpuState): void;
  /** The guest loaded CR3 or changed how addresses are translated. @param global whether global pages go, too */
  pagingChanged(guest: PagingMode, global: boolean): void;
  /** INVLPG of a linear address. */
  invalidate(linear: number): void;
  /**
   * Mends the shadow after a page fault on it.
   * @param access PageFault.W, U and I as they describe the processor's access
   * @returns -1 when the access may be repeated, else the error code of the guest's own page fault
   */
  fill(guest: PagingMode, linear: number, access: number): number;
  /** Guest memory watched for Watch.PAGE_TABLE was written. @returns whether that was a traced write */
  tableWritten(physical: number, size: number): boolean;
}

/** How the processor finds the shadow: PDPTE registers are set as directories come and go. */
export const installPae = (processor: CpuState): void => {
  processor.setSys(System.CR3, MONITOR_PHYSICAL | 0);
  processor.setSys(System.EFER, EFER.NXE);
};
/** @param directory physical address, 0 for none */
export const setPdpte = (processor: CpuState, index: number, directory: number): void => {
  processor.setSys(System.PDPTES + index * 8, directory === 0 ? 0 : directory | Entry.P);
  processor.setSys(System.PDPTES + index * 8 + 4, 0);
};
