/** Control without a monitor: events go through the guest's own tables, as on a bare machine. */
import type { Instruction } from '../decoder/instruction.ts';
import { deliverEvent, deliverException } from '../instructions/callouts/index.ts';
import { rememberLoads } from '../instructions/segment-lookaside.ts';
import { a20Mask, pagingModelOf } from '../memory/paging.ts';
import { Treatment } from '../translator/encode.ts';
import { segmentMode } from '../translator/mode.ts';
import { Flag } from '../x86/flags.ts';
import { type CpuState, System } from '../x86/state.ts';
import type { Control, ControlledCpu } from './control.ts';
import { CpuAccess, type Platform } from './cpu-access.ts';
import type { Processor } from './processor.ts';

export class BareControl implements Control {
  readonly #processor: Processor;
  readonly #cpu: CpuAccess;

  constructor(processor: Processor, platform: Platform) {
    this.#processor = processor;
    const { mmu, state } = processor;
    mmu.model = pagingModelOf(platform.model);
    this.#cpu = new CpuAccess(state, mmu, platform, {
      pagingChanged: (flushGlobal) => mmu.tlb.flush(flushGlobal),
      invalidatePage: (linear) => mmu.tlb.invalidate(linear),
      readPhysical: (address) => mmu.readPhysical(address),
      modeChanged: () => this.modeChanged(),
      breakpoints: processor.breakpoints,
      leave: () => processor.interrupt(),
    });
  }

  get guestState(): CpuState {
    return this.#processor.state;
  }
  entered(): void {
    this.modeChanged();
  }
  /** Takes over what the segment registers and CPL say now. */
  modeChanged(): void {
    const { state, mmu } = this.#processor;
    rememberLoads(state);
    mmu.user = state.cpl === 3;
    this.#processor.mode = segmentMode(state);
  }
  setA20(enabled: boolean): void {
    const { mmu } = this.#processor;
    mmu.addressMask = a20Mask(enabled);
    mmu.tlb.flush(true);
    // The code that runs may be elsewhere now, too.
    this.#processor.interrupt();
  }
  cpu(): ControlledCpu {
    return this.#cpu;
  }
  onFault(vector: number, error: number): void {
    this.#cpu.instructionEip = this.#cpu.state.eip;
    deliverException(this.#cpu, vector, error);
  }
  interruptsEnabled(): boolean {
    return (this.#processor.state.sys(System.FLAGS) & Flag.IF) !== 0;
  }
  onInterrupt(vector: number): void {
    deliverEvent(this.#cpu, vector, 'external');
  }
  treatment(_instruction: Instruction): Treatment {
    return Treatment.IDENT;
  }
}
