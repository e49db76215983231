/** The processor itself, in a compressed ring, as instructions that are not rewritten see it. */
import { CpuAccess, type Platform, type StateHooks } from '../interpreter/cpu-access.ts';
import type { Mmu } from '../memory/mmu.ts';
import { Attribute } from '../x86/descriptors.ts';
import type { CpuState } from '../x86/state.ts';
import { compressAttributes } from './compression.ts';

type ReadGuestDescriptor = (selector: number) => { low: number; high: number } | null;

/**
 * Descriptors come from the monitor's shadow of the guest's tables: code and data with compressed DPL; gates
 * and other system descriptors not present, so that using them traps.
 */
export class DeprivilegedCpu extends CpuAccess {
  readonly #guestDescriptor: ReadGuestDescriptor;
  readonly #kernelRing: number;

  constructor(
    state: CpuState, mmu: Mmu, platform: Platform, hooks: StateHooks, guestDescriptor: ReadGuestDescriptor,
    kernelRing: number,
  ) {
    super(state, mmu, platform, hooks);
    this.#guestDescriptor = guestDescriptor;
    this.#kernelRing = kernelRing;
  }
  override readDescriptor(selector: number): { low: number; high: number } | null {
    const descriptor = this.#guestDescriptor(selector);
    if (descriptor === null) return null;
    const { low, high } = descriptor;
    if ((high & Attribute.SEGMENT) === 0) return { low, high: high & ~Attribute.PRESENT };
    return { low, high: compressAttributes(high, this.#kernelRing) };
  }
  /** The guest's tables are not touched: the monitor's shadow has the accessed bit set already. */
  override writeDescriptorHigh(): void {}
}
