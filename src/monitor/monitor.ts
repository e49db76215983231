/**
 * The monitor: owns the processor and keeps a virtual CPU for the guest. It receives every exception and
 * interrupt, executes what the technique rewrote to callouts, and installs what the processor really uses:
 * compressed rings and shadow page tables.
 */
import type { Instruction } from '../decoder/instruction.ts';
import { deliverEvent, deliverException } from '../instructions/callouts/index.ts';
import { CpuAccess, type Platform } from '../interpreter/cpu-access.ts';
import type { Control, ControlledCpu, Processor } from '../interpreter/processor.ts';
import { bt } from '../techniques/bt.ts';
import type { Technique } from '../techniques/technique.ts';
import type { Treatment } from '../translator/encode.ts';
import { Mode, segmentMode } from '../translator/mode.ts';
import { Vector } from '../x86/exceptions.ts';
import { Flag, IOPL_SHIFT } from '../x86/flags.ts';
import { CR0, CR4, Seg, SystemSegment } from '../x86/registers.ts';
import { CpuState, SegmentField, System, SystemBase } from '../x86/state.ts';
import { compressAttributes, compressRing, compressSelector } from './compression.ts';
import { DeprivilegedCpu } from './deprivileged-cpu.ts';
import { SHADOW_MEMORY, ShadowPaging } from './shadow-paging.ts';

/** Bytes of machine memory the monitor keeps for itself. */
export const MONITOR_MEMORY = SHADOW_MEMORY;

/** CR0 bits of the guest that the processor acts on as they are. */
const SHARED_CR0 = CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.ET | CR0.NE | CR0.AM;
/** Where the monitor's own tables would lie: what SGDT, SIDT, SLDT and STR show a guest that asks the processor. */
const OWN_TABLES = { gdt: 0xffc00000, gdtLimit: 0xffff, idt: 0xffc10000, idtLimit: 0x7ff, tr: 0x4000, ldtr: 0x4008 } as const;

export interface MonitorCounters {
  /** Page faults the guest never saw, and those it did. */
  hiddenPageFaults: number;
  truePageFaults: number;
  /** Instructions that trapped and were emulated. */
  emulatedTraps: number;
}

export class Monitor implements Control {
  readonly counters: MonitorCounters = { hiddenPageFaults: 0, truePageFaults: 0, emulatedTraps: 0 };
  /** The virtual CPU. */
  readonly guestState: CpuState;
  readonly #processor: Processor;
  readonly #technique: Technique;
  readonly #kernelRing: number;
  readonly #guest: CpuAccess;
  readonly #physical: CpuAccess;
  readonly #shadow: ShadowPaging;
  /** Set while one trapped instruction is executed the way a rewriting technique would. */
  #emulating = false;

  constructor(processor: Processor, platform: Platform, technique: Technique) {
    const { memory, mmu, state } = processor;
    this.#processor = processor;
    this.#technique = technique;
    this.#kernelRing = technique.kernelRing ?? 0;
    this.guestState = new CpuState(memory.memory.buffer, SystemBase.VIRTUAL);
    this.#shadow = new ShadowPaging(memory);
    const leave = () => processor.interrupt();
    this.#guest = new CpuAccess(this.guestState, mmu, platform, {
      pagingChanged: (flushGlobal) => this.#pagingChanged(flushGlobal),
      invalidatePage: (linear) => {
        this.#shadow.invalidate(linear);
        mmu.tlb.invalidate(linear);
      },
      modeChanged: () => this.#install(),
      leave,
    });
    this.#physical = new DeprivilegedCpu(
      state, mmu, platform,
      { pagingChanged: () => {}, invalidatePage: () => {}, modeChanged: () => this.#adopt(), leave },
      (selector) => this.#guest.readDescriptor(selector),
      this.#kernelRing,
    );
    mmu.hooks.onPageFault = (linear, error) => this.#pageFault(linear, error);
  }

  entered(): void {
    const { state } = this.#processor;
    state.setSys(System.CR3, this.#shadow.root);
    state.setSys(System.CR4, CR4.PGE);
    state.setSys(System.GDTR_BASE, OWN_TABLES.gdt);
    state.setSys(System.GDTR_LIMIT, OWN_TABLES.gdtLimit);
    state.setSys(System.IDTR_BASE, OWN_TABLES.idt);
    state.setSys(System.IDTR_LIMIT, OWN_TABLES.idtLimit);
    state.setSegment(SystemSegment.TR, OWN_TABLES.tr, OWN_TABLES.gdt, 0x67, 0x8b00);
    state.setSegment(SystemSegment.LDTR, OWN_TABLES.ldtr, 0, 0, 0);
    this.#pagingChanged(true);
    this.#install();
  }

  cpu(virtual: boolean): ControlledCpu {
    return virtual ? this.#guest : this.#physical;
  }

  // ---- what the processor really uses -----------------------------------------------------------------

  /** Derives the processor's state from the virtual CPU. */
  #install(): void {
    const { state, mmu } = this.#processor;
    const guest = this.guestState;
    const ring = compressRing(guest.cpl, this.#kernelRing);
    const protectedMode = (guest.sys(System.CR0) & CR0.PE) !== 0 && !guest.flag(Flag.VM);
    for (let segment = Seg.ES as number; segment <= Seg.GS; segment++) {
      const selector = guest.selector(segment);
      const attributes = guest.segment(segment, SegmentField.ATTRIBUTES);
      state.setSegment(
        segment,
        protectedMode ? compressSelector(selector, this.#kernelRing) : selector,
        guest.segment(segment, SegmentField.BASE),
        guest.segment(segment, SegmentField.LIMIT),
        compressAttributes(attributes, this.#kernelRing),
      );
    }
    state.cpl = ring;
    const flags = guest.sys(System.FLAGS);
    state.setSys(System.FLAGS, Flag.IF | (flags & Flag.VM) | (guest.cpl === 3 ? flags & Flag.IOPL : 0));
    state.setSys(System.CR0, (guest.sys(System.CR0) & SHARED_CR0) | CR0.PG | CR0.WP);
    mmu.user = ring === 3;
    this.#processor.mode = segmentMode(state) | (this.#runsDirectly() ? Mode.DIRECT : Mode.REWRITE);
  }
  /** Direct execution: protected mode, CPL 3, IOPL below CPL, IF set. */
  #runsDirectly(): boolean {
    const guest = this.guestState;
    const flags = guest.sys(System.FLAGS);
    return guest.cpl === 3 && (flags & Flag.IOPL) >> IOPL_SHIFT < 3 && (flags & Flag.IF) !== 0;
  }
  /** Takes over segments and CPL that the processor has changed without the monitor. */
  #adopt(): void {
    const { state, mmu } = this.#processor;
    const guest = this.guestState;
    guest.cpl = state.cpl === this.#kernelRing ? 0 : state.cpl;
    for (let segment = Seg.ES as number; segment <= Seg.GS; segment++) {
      const selector = state.selector(segment);
      if (selector === compressSelector(guest.selector(segment), this.#kernelRing)) continue;
      guest.setSegment(
        segment, selector,
        state.segment(segment, SegmentField.BASE),
        state.segment(segment, SegmentField.LIMIT),
        state.segment(segment, SegmentField.ATTRIBUTES),
      );
    }
    mmu.user = state.cpl === 3;
    this.#processor.mode = segmentMode(state) | (this.#runsDirectly() ? Mode.DIRECT : Mode.REWRITE);
  }
  #pagingChanged(flushGlobal: boolean): void {
    this.#shadow.flush(flushGlobal);
    this.#processor.mmu.tlb.flush(flushGlobal);
    const { state } = this.#processor;
    state.setSys(System.CR0, (this.guestState.sys(System.CR0) & SHARED_CR0) | CR0.PG | CR0.WP);
  }

  // ---- events -----------------------------------------------------------------------------------------

  #pageFault(linear: number, error: number): number {
    const guest = this.guestState;
    const mode = { cr0: guest.sys(System.CR0), cr3: guest.sys(System.CR3), cr4: guest.sys(System.CR4) };
    const fault = this.#shadow.fill(mode, linear, error);
    if (fault < 0) {
      this.counters.hiddenPageFaults++;
      return -1;
    }
    guest.setSys(System.CR2, linear);
    this.counters.truePageFaults++;
    return fault;
  }

  onFault(vector: number, error: number): void {
    if (vector === Vector.GP && this.#emulate()) return;
    this.#guest.instructionEip = this.guestState.eip;
    deliverException(this.#guest, vector, error);
  }
  /** Executes a privileged instruction that trapped because the guest kernel is deprivileged. */
  #emulate(): boolean {
    if (this.#technique.rewrites || this.#emulating || this.guestState.cpl === 3) return false;
    this.#emulating = true;
    const emulated = this.#processor.executeOnce();
    this.#emulating = false;
    if (emulated) this.counters.emulatedTraps++;
    return emulated;
  }
  interruptsEnabled(): boolean {
    return (this.guestState.sys(System.FLAGS) & Flag.IF) !== 0;
  }
  onInterrupt(vector: number): void {
    deliverEvent(this.#guest, vector, 'external');
  }
  treatment(instruction: Instruction, mode: number): Treatment {
    const kernel = (mode & Mode.REWRITE) !== 0;
    return this.#emulating ? bt.treatment(instruction, true) : this.#technique.treatment(instruction, kernel);
  }
}
