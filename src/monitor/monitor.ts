/**
 * The monitor: owns the processor and keeps a virtual CPU for the guest. It receives every exception and
 * interrupt, executes what the technique rewrote to callouts, and installs what the processor really uses:
 * compressed rings and shadow page tables.
 */
import type { Instruction } from '../decoder/instruction.ts';
import { deliverEvent, deliverException, isVirtualInterruptPending } from '../instructions/callouts/index.ts';
import { DATA_SEGMENTS, rememberSegment } from '../instructions/segment-lookaside.ts';
import type { Control, ControlledCpu } from '../interpreter/control.ts';
import { CpuAccess, type Platform } from '../interpreter/cpu-access.ts';
import type { Processor } from '../interpreter/processor.ts';
import { PAGE_SIZE } from '../memory/layout.ts';
import {
  a20Mask,
  newPagingMode,
  type PagingMode,
  pagingModelOf,
  takeControlRegisters,
} from '../memory/paging.ts';
import { MONITOR_PHYSICAL } from '../memory/physical.ts';
import { bt } from '../techniques/bt.ts';
import type { Technique } from '../techniques/technique.ts';
import type { Treatment } from '../translator/encode.ts';
import { Mode, segmentMode } from '../translator/mode.ts';
import { Attribute, descriptorDpl, isConformingCode } from '../x86/descriptors.ts';
import { Vector } from '../x86/exceptions.ts';
import { Flag } from '../x86/flags.ts';
import { CR0, CR4, Seg, SystemSegment } from '../x86/registers.ts';
import { CpuState, SegmentField, State, System, SystemBase } from '../x86/state.ts';
import { Adaptation, type AdaptationCounters, COUNTER_MEMORY } from './adaptation.ts';
import { compressAttributes, compressRing, compressSelector } from './compression.ts';
import { DeprivilegedCpu, OwnTables } from './deprivileged-cpu.ts';
import { type Locate, mayRunDirectly } from './direct-execution.ts';
import { createShadowPaging } from './shadow.ts';
import {
  GuestTables,
  SHADOW_MEMORY,
  type ShadowCounters,
  type ShadowPaging,
  shadowModel,
} from './shadow-paging.ts';
import { LeakWitness } from './witness.ts';

/** Bytes of machine memory the monitor keeps for itself. */
export const MONITOR_MEMORY = SHADOW_MEMORY + COUNTER_MEMORY;

/** CR0 bits of the guest that the processor acts on as they are. */
const SHARED_CR0 = CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.ET | CR0.NE | CR0.AM;
/** The same of CR4. */
const SHARED_CR4 = CR4.TSD | CR4.DE | CR4.OSFXSR | CR4.OSXMMEXCPT;

const DESCRIPTOR_SIZE = 8;
/** Segment registers of which the RPL is the CPL, so that it must be compressed. */
const SHOWING_RING = (1 << Seg.CS) | (1 << Seg.SS);
const showsRing = (segment: number): boolean => (SHOWING_RING & (1 << segment)) !== 0;

export interface MonitorCounters {
  /** Page faults the guest never saw, and those it did. */
  hiddenPageFaults: number;
  truePageFaults: number;
  /** Instructions that trapped and were emulated, by name, and their traps by vector. */
  readonly emulatedTraps: Record<string, number>;
  readonly emulatedVectors: Float64Array;
  readonly shadow: Readonly<ShadowCounters>;
  /** Null where nothing is adapted. */
  readonly adaptation: AdaptationCounters | null;
}

export class Monitor implements Control {
  readonly counters: MonitorCounters;
  /** The virtual CPU. */
  readonly guestState: CpuState;
  readonly #processor: Processor;
  readonly #platform: Platform;
  readonly #technique: Technique;
  readonly #kernelRing: number;
  /** Bits of CR4 that the processor has set whatever the guest wants. */
  readonly #ownCr4: number;
  readonly #guest: CpuAccess;
  readonly #physical: CpuAccess;
  readonly #tables: GuestTables;
  readonly #shadow: ShadowPaging;
  /** Retranslates what keeps trapping, where the technique wants it. */
  readonly adaptation?: Adaptation;
  readonly #paging: PagingMode;
  readonly #locate: Locate;
  /** Whether the segments installed last are of protected mode, so that CS and SS show a compressed ring. */
  #compressed = false;
  /** Sees what is silently wrong, where nothing is rewritten. */
  readonly witness?: LeakWitness;
  /** Set while one trapped instruction is executed the way a rewriting technique would. */
  #emulating = false;

  constructor(processor: Processor, platform: Platform, technique: Technique) {
    const { memory, mmu, state } = processor;
    this.#processor = processor;
    this.#platform = platform;
    this.#technique = technique;
    this.#kernelRing = technique.kernelRing ?? 0;
    this.#ownCr4 = CR4.PAE | CR4.PGE | (technique.processorCr4 ?? 0);
    this.guestState = new CpuState(memory.memory.buffer, SystemBase.VIRTUAL);
    this.#paging = { ...newPagingMode(this.guestState), model: pagingModelOf(platform.model) };
    mmu.model = shadowModel;
    this.#tables = new GuestTables(mmu);
    this.#shadow = createShadowPaging(mmu, this.#tables, technique);
    if (technique.adaptation)
      this.adaptation = new Adaptation(processor, technique.adaptation, MONITOR_PHYSICAL + SHADOW_MEMORY);
    const { adaptation } = this;
    this.counters = {
      hiddenPageFaults: 0,
      truePageFaults: 0,
      emulatedTraps: {},
      emulatedVectors: new Float64Array(256),
      shadow: this.#shadow.counters,
      get adaptation() {
        return adaptation?.counters ?? null;
      },
    };
    this.#locate = (linear) => {
      if ((linear & (PAGE_SIZE - 1)) > PAGE_SIZE - DESCRIPTOR_SIZE) return -1;
      const known = mmu.knownAddress(linear);
      if (known >= 0) return known;
      const physical = this.#tables.locate(this.#guestPaging(), linear);
      return physical >= 0 && physical < MONITOR_PHYSICAL ? memory.hostAddress(physical) : -1;
    };
    const leave = () => processor.interrupt();
    const { breakpoints } = processor;
    this.#guest = new CpuAccess(this.guestState, mmu, platform, {
      pagingChanged: (flushGlobal) => this.#pagingChanged(flushGlobal),
      invalidatePage: (linear) => {
        this.#shadow.invalidate(linear);
        mmu.tlb.invalidate(linear);
      },
      readPhysical: (address) => this.#tables.read(address, this.#paging),
      modeChanged: () => this.#install(),
      breakpoints,
      leave,
    });
    this.#physical = new DeprivilegedCpu(
      state,
      mmu,
      platform,
      {
        pagingChanged: () => {},
        invalidatePage: () => {},
        readPhysical: (address) => mmu.readPhysical(address),
        modeChanged: () => this.#adopt(),
        breakpoints,
        leave,
      },
      {
        readDescriptor: (selector) => this.#guest.readDescriptor(selector),
        kernelRing: this.#kernelRing,
        get user() {
          return mmu.user;
        },
      },
    );
    if (!technique.rewrites)
      this.witness = new LeakWitness(processor, this.guestState, platform, () => this.#guestPaging());
    mmu.hooks.onPageFault = (linear, access) => this.#pageFault(linear, access);
  }

  entered(): void {
    const { state } = this.#processor;
    this.#shadow.install(state);
    this.adaptation?.reset();
    const distance = this.#technique.rewrites ? SystemBase.VIRTUAL - SystemBase.PHYSICAL : 0;
    state.words[State.VISIBLE >> 2] = distance;
    state.setSys(System.GDTR_BASE, OwnTables.GDT);
    state.setSys(System.GDTR_LIMIT, OwnTables.GDT_LIMIT);
    state.setSys(System.IDTR_BASE, OwnTables.IDT);
    state.setSys(System.IDTR_LIMIT, OwnTables.IDT_LIMIT);
    state.setSegment(SystemSegment.TR, OwnTables.TR, OwnTables.TSS, OwnTables.TSS_LIMIT, 0x8b00);
    state.setSegment(SystemSegment.LDTR, OwnTables.LDTR, 0, 0, 0);
    this.#pagingChanged(true);
    this.guestState.setSys(System.LOADED, -1);
    this.#install();
  }

  setA20(enabled: boolean): void {
    this.#paging.addressMask = a20Mask(enabled);
    this.#pagingChanged(true);
    this.#processor.interrupt();
  }
  cpu(virtual: boolean): ControlledCpu {
    return virtual ? this.#guest : this.#physical;
  }

  // ---- what the processor really uses -----------------------------------------------------------------

  /** Derives the processor's state from the virtual CPU; of its segments those that were loaded since. */
  #install(): void {
    const { state, mmu } = this.#processor;
    const guest = this.guestState;
    const ring = compressRing(guest.cpl, this.#kernelRing);
    const flags = guest.sys(System.FLAGS);
    const protectedMode = (guest.sys(System.CR0) & CR0.PE) !== 0;
    if (!protectedMode && !this.#technique.rewrites)
      this.#platform.shutdown(
        `the guest went to real mode, which the technique ${this.#technique.name} cannot run`,
      );
    const compressed = protectedMode && (flags & Flag.VM) === 0;
    let loaded = guest.sys(System.LOADED);
    guest.setSys(System.LOADED, 0);
    if (compressed !== this.#compressed) loaded |= SHOWING_RING;
    this.#compressed = compressed;
    for (let segment = Seg.ES as number; segment <= Seg.GS; segment++)
      if (loaded & (1 << segment)) this.#installSegment(segment, compressed);
    state.setSys(System.LOADED, 0);
    state.cpl = ring;
    // User code that runs directly may see its IOPL; where nothing is rewritten IOPL has to make it trap.
    const visible = guest.cpl === 3 && this.#technique.rewrites ? Flag.VM | Flag.IOPL : Flag.VM;
    state.setSys(System.FLAGS, Flag.IF | (flags & visible));
    state.setSys(System.CR0, (guest.sys(System.CR0) & SHARED_CR0) | CR0.PG | CR0.WP);
    state.setSys(System.CR4, (guest.sys(System.CR4) & SHARED_CR4) | this.#ownCr4);
    mmu.user = guest.cpl === 3;
    this.#processor.mode = segmentMode(state) | (this.#runsDirectly() ? Mode.DIRECT : Mode.REWRITE);
  }
  #installSegment(segment: number, compressed: boolean): void {
    const guest = this.guestState;
    const selector = guest.selector(segment);
    const attributes = compressAttributes(guest.segment(segment, SegmentField.ATTRIBUTES), this.#kernelRing);
    const shown = compressed && showsRing(segment) ? compressSelector(selector, this.#kernelRing) : selector;
    this.#processor.state.copySegment(guest, segment, shown, attributes);
    // Where nothing is rewritten loads are the processor's, from tables that are not the guest's.
    if (this.#technique.rewrites && DATA_SEGMENTS & (1 << segment))
      rememberSegment(guest, segment, attributes);
  }
  #runsDirectly(): boolean {
    if (!this.#technique.rewrites) return this.guestState.cpl === 3;
    return mayRunDirectly(this.guestState, this.#processor.memory.view, this.#locate);
  }
  /** Takes over segments and CPL that the processor has changed without the monitor. */
  #adopt(): void {
    const { state, mmu } = this.#processor;
    const guest = this.guestState;
    guest.cpl = this.#adoptedRing();
    const loaded = state.sys(System.LOADED);
    state.setSys(System.LOADED, 0);
    const virtual8086 = (guest.sys(System.FLAGS) & Flag.VM) !== 0;
    for (let segment = Seg.ES as number; segment <= Seg.GS; segment++) {
      const isLoaded = (loaded & (1 << segment)) !== 0;
      const showsCpl = showsRing(segment) && !virtual8086;
      if (!isLoaded && !showsCpl) continue;
      const selector = state.selector(segment);
      guest.setSegment(
        segment,
        showsCpl ? (selector & 0xfffc) | guest.cpl : selector,
        state.segment(segment, SegmentField.BASE),
        state.segment(segment, SegmentField.LIMIT),
        isLoaded
          ? this.#adoptedAttributes(segment, virtual8086)
          : guest.segment(segment, SegmentField.ATTRIBUTES),
      );
    }
    mmu.user = guest.cpl === 3;
    this.#processor.mode = segmentMode(state) | (this.#runsDirectly() ? Mode.DIRECT : Mode.REWRITE);
  }
  /** Attributes of a segment just loaded, with the DPL that the guest's table has. */
  #adoptedAttributes(segment: number, virtual8086: boolean): number {
    const { state } = this.#processor;
    const attributes = state.segment(segment, SegmentField.ATTRIBUTES);
    if (virtual8086 || (attributes & Attribute.SEGMENT) === 0) return attributes;
    const descriptor = this.#guest.readDescriptor(state.selector(segment));
    if (descriptor === null) return attributes;
    return (attributes & ~Attribute.DPL) | (descriptor.high & Attribute.DPL);
  }
  /** The guest's CPL where the processor's does not tell: the DPL of its code segment, unless that is conforming. */
  #adoptedRing(): number {
    const { state } = this.#processor;
    const guest = this.guestState;
    if (state.cpl !== this.#kernelRing) return state.cpl;
    const selector = state.selector(Seg.CS);
    if (guest.cpl !== 3 && (selector & 0xfffc) === (guest.selector(Seg.CS) & 0xfffc)) return guest.cpl;
    const descriptor = this.#guest.readDescriptor(selector);
    return descriptor === null || isConformingCode(descriptor.high)
      ? guest.cpl
      : descriptorDpl(descriptor.high);
  }
  #pagingChanged(flushGlobal: boolean): void {
    this.#shadow.pagingChanged(this.#guestPaging(), flushGlobal);
    this.#processor.mmu.tlb.flush(flushGlobal);
    const { state } = this.#processor;
    state.setSys(System.CR0, (this.guestState.sys(System.CR0) & SHARED_CR0) | CR0.PG | CR0.WP);
  }

  // ---- events -----------------------------------------------------------------------------------------

  /** How the guest believes addresses to be translated. */
  #guestPaging(): PagingMode {
    takeControlRegisters(this.#paging, this.guestState);
    return this.#paging;
  }
  #pageFault(linear: number, access: number): number {
    const guest = this.guestState;
    const fault = this.#shadow.fill(this.#guestPaging(), linear, access);
    if (fault < 0) {
      this.counters.hiddenPageFaults++;
      return -1;
    }
    guest.setSys(System.CR2, linear);
    this.counters.truePageFaults++;
    return fault;
  }

  onFault(vector: number, error: number): void {
    if ((vector === Vector.GP || vector === Vector.NP) && this.#emulate(vector)) return;
    this.#guest.instructionEip = this.guestState.eip;
    deliverException(this.#guest, vector, error);
  }
  /** Executes an instruction that trapped because the guest is deprivileged, on the virtual CPU. */
  #emulate(vector: number): boolean {
    if (this.#technique.rewrites || this.#emulating) return false;
    // A #GP that is about a pending virtual interrupt is the guest's, whatever the instruction.
    if (isVirtualInterruptPending(this.#guest)) return false;
    this.#emulating = true;
    const name = this.#processor.executeOnce();
    this.#emulating = false;
    if (name === undefined) return false;
    const { emulatedTraps, emulatedVectors } = this.counters;
    emulatedTraps[name] = (emulatedTraps[name] ?? 0) + 1;
    emulatedVectors[vector]!++;
    return true;
  }
  interruptsEnabled(): boolean {
    return (this.guestState.sys(System.FLAGS) & Flag.IF) !== 0;
  }
  onInterrupt(vector: number): void {
    deliverEvent(this.#guest, vector, 'external');
  }
  onTracedWrite(physical: number, size: number): void {
    if (this.#shadow.tableWritten(physical, size)) this.adaptation?.met();
  }
  counter(physical: number): number {
    return this.adaptation?.counter(physical) ?? 0;
  }
  treatment(instruction: Instruction, mode: number): Treatment {
    const kernel = (mode & Mode.REWRITE) !== 0;
    return this.#emulating ? bt.treatment(instruction, true) : this.#technique.treatment(instruction, kernel);
  }
}
