/** The processor itself, in a compressed ring, as instructions that are not rewritten see it. */
import { CpuAccess, type Platform, type StateHooks } from '../interpreter/cpu-access.ts';
import type { Mmu } from '../memory/mmu.ts';
import type { Size } from '../x86/registers.ts';
import type { CpuState } from '../x86/state.ts';
import { shadowDescriptor } from './compression.ts';

/** What the processor's own instructions get to see of the guest. */
export interface GuestView {
  /** An entry of the guest's descriptor tables; see Cpu.readDescriptor. */
  readDescriptor(selector: number): { low: number; high: number } | null;
  /** The ring of the guest's kernel. */
  readonly kernelRing: number;
  /** Whether the guest's code runs as its user, whatever ring its kernel has. */
  readonly user: boolean;
}

/** Where the monitor's own tables lie: what SGDT, SIDT, SLDT and STR show a guest that asks the processor. */
export const OwnTables = {
  GDT: 0xffc00000,
  GDT_LIMIT: 0xffff,
  IDT: 0xffc10000,
  IDT_LIMIT: 0x7ff,
  TSS: 0xffc20000,
  TSS_LIMIT: 0x67,
  TR: 0x4000,
  LDTR: 0x4008,
} as const;

/** Segments come from the monitor's shadow of the guest's tables, TSS and I/O permissions from its own. */
export class DeprivilegedCpu extends CpuAccess {
  readonly #guest: GuestView;

  constructor(state: CpuState, mmu: Mmu, platform: Platform, hooks: StateHooks, guest: GuestView) {
    super(state, mmu, platform, hooks);
    this.#guest = guest;
  }
  override readDescriptor(selector: number): { low: number; high: number } | null {
    const { kernelRing } = this.#guest;
    const descriptor = this.#guest.readDescriptor(selector);
    return descriptor && { low: descriptor.low, high: shadowDescriptor(descriptor.high, kernelRing) };
  }
  /** The guest's tables are not touched: the monitor's shadow has the accessed bit set already. */
  override writeDescriptorHigh(): void {}
  /**
   * Where the guest's kernel has ring 3 all pages are user pages to it: the monitor gives it shadow page tables of
   * its own, and others, with the rights that the guest wants, to the guest's users.
   */
  protected override get user(): boolean {
    return this.#guest.user;
  }
  override writeLinear(linear: number, size: Size, value: number, user: boolean): void {
    super.writeLinear(linear, size, value, user && this.#guest.user);
  }
  override probeLinearWrite(linear: number, size: number, user: boolean): void {
    super.probeLinearWrite(linear, size, user && this.#guest.user);
  }
  /** Every field of the monitor's TSS is all ones: its I/O map lies beyond the limit, no task is linked. */
  override readLinear(linear: number, size: Size, user: boolean): number {
    if (!user && linear >= OwnTables.TSS && linear <= OwnTables.TSS + OwnTables.TSS_LIMIT)
      return (2 ** (8 * size) - 1) >>> 0;
    return super.readLinear(linear, size, user && this.#guest.user);
  }
}
