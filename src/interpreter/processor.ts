/**
 * The processor: finds blocks, lets an engine run them, and hands every exception and interrupt to whoever
 * is in control: the guest's own tables (`native`) or a monitor.
 */
import { Profile } from '../cache/profile.ts';
import { type CacheOptions, TranslationCache } from '../cache/translation-cache.ts';
import type { Decoder } from '../decoder/instruction.ts';
import { handlerOf, isCalloutHandler } from '../instructions/handlers.ts';
import { CalloutDetail, numberedCallouts } from '../instructions/operands.ts';
import { RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { POINTER_BIAS, TLB_EXECUTE_OFFSET } from '../memory/layout.ts';
import { Mmu, Watch } from '../memory/mmu.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { Mode } from '../translator/mode.ts';
import { Translator } from '../translator/translator.ts';
import { DR6, recordDebugException } from '../x86/debug.ts';
import { Vector } from '../x86/exceptions.ts';
import { Flag } from '../x86/flags.ts';
import { Seg } from '../x86/registers.ts';
import {
  CpuState,
  HISTORY_LENGTH,
  HISTORY_STEP,
  Nmi,
  SegmentField,
  STATE_END,
  State,
  SystemBase,
} from '../x86/state.ts';
import { BlockFinder } from './block-finder.ts';
import { Boundary } from './boundary.ts';
import { Breakpoints, EXECUTE_SINGLY } from './breakpoints.ts';
import type { Control } from './control.ts';
import type { Engine, EngineHost } from './engine.ts';
import { ProcessorHost } from './engine-host.ts';
import { Exit } from './exits.ts';
import type { Observer } from './observer.ts';
import { ProcessorCounters } from './processor-counters.ts';

export interface ProcessorOptions {
  readonly memory: PhysicalMemory;
  readonly decoder: Decoder;
  readonly maximumBlockLength: number;
  readonly cache?: CacheOptions;
  createEngine(memory: PhysicalMemory, host: EngineHost): Engine;
  notBuilt(bytes: Uint8Array, physical: number): void;
}

/**
 * Events without an instruction between them, behind which `run` returns: a guest whose handlers cannot be entered,
 * or whose first instructions fault, may never execute an instruction again.
 */
const MOST_EVENTS_IN_ROW = 1000;

export class Processor {
  readonly memory: PhysicalMemory;
  /** The state the processor executes with. */
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly cache: TranslationCache;
  readonly engine: Engine;
  readonly breakpoints: Breakpoints;
  readonly counters: ProcessorCounters;
  /** Executions of every instruction, where memory has room for a profile. */
  readonly profile: Profile | undefined;
  readonly #words: Int32Array;
  readonly #boundary: Boundary;
  readonly #host: ProcessorHost;
  readonly #blocks: BlockFinder;
  #ticksPerInstruction = 0;
  #ticksSkipped = 0;
  /** Instructions retired before the current call of `run`. */
  #retired = 0;
  #granted = 0;
  /** Instructions granted that the engine does not know of while it executes a single one. */
  #withheld = 0;
  /** The next instruction is to be executed singly, because an access of it meets a breakpoint. */
  #singly = false;
  #stopRequested = false;
  /** Who is in control; to be set before the first `run`. */
  control!: Control;
  /** Who looks on. */
  observer: Observer | undefined;
  /** Vector of the next external interrupt, from the interrupt controller. */
  acknowledgeInterrupt: () => number = () => 0;

  constructor(options: ProcessorOptions) {
    const { memory } = options;
    this.memory = memory;
    this.#words = memory.words;
    this.#boundary = new Boundary(memory);
    this.state = new CpuState(memory.memory.buffer, SystemBase.PHYSICAL);
    this.mmu = new Mmu(memory, this.state);
    this.mmu.user = false;
    this.profile = memory.profileBase === 0 ? undefined : new Profile(memory);
    this.#words[State.PROFILE >> 2] = this.profile?.bias ?? 0;
    this.cache = new TranslationCache(memory, this.mmu, options.cache, this.profile);
    this.mmu.hooks.onWatchedWrite = (physical, size, watch) => {
      if (watch & Watch.CODE) this.cache.written(physical, size);
      if (watch & Watch.PAGE_TABLE) this.control.onTracedWrite?.(physical, size);
      if (watch & Watch.JOURNAL) this.observer?.wrote(physical, size);
    };
    this.breakpoints = new Breakpoints(memory.words, this.mmu.tlb);
    const { breakpoints } = this;
    this.mmu.hooks.isUncached = (linear) => breakpoints.covers(linear);
    const translator = new Translator(memory, this.cache, options.decoder, {
      treatment: (instruction, mode) => this.control.treatment(instruction, mode),
      counter: (physical) => this.control.counter?.(physical) ?? 0,
      model: () => this.control.cpu(false).model,
      notBuilt: options.notBuilt,
    });
    this.#blocks = new BlockFinder({
      memory,
      state: this.state,
      mmu: this.mmu,
      cache: this.cache,
      translator,
      maximumBlockLength: options.maximumBlockLength,
      guestCpl: () => this.control.guestState.cpl,
    });
    this.counters = new ProcessorCounters(memory.words, this.cache, () => this.retired);
    this.#host = new ProcessorHost(this, this.#boundary);
    this.engine = options.createEngine(memory, this.#host);
  }

  /**
   * All registers zero, nothing translated or looked up before, no interrupt requested: what a new processor
   * starts with. Memory, counters and what is in control stay. Not to be called while `run` executes.
   */
  reset(): void {
    const words = this.#words;
    this.counters.collect();
    this.cache.flush();
    this.mmu.tlb.flush(true);
    words.fill(0, State.GPR >> 2, STATE_END >> 2);
    words[State.PROFILE >> 2] = this.profile?.bias ?? 0;
    this.#boundary.clear();
    this.counters.engineReset();
    this.#granted = 0;
    this.#withheld = 0;
    this.#singly = false;
    this.#nmiLevel = false;
    this.breakpoints.update(this.state);
    this.mmu.user = false;
  }

  /** Instructions retired since the machine was made, exact also inside callouts. */
  get retired(): number {
    return this.#retired + this.#granted - this.#left();
  }
  /** As `retired`, counting the instruction that is executing. */
  get retiring(): number {
    return this.#retired + this.#granted - this.#boundary.next;
  }
  /** Instructions that may still be executed in this call of `run`. */
  #left(): number {
    const { words } = this.memory;
    if (!this.#boundary.executing) return words[State.BUDGET >> 2]!;
    const record = words[State.RECORD >> 2]!;
    return words[State.BUDGET >> 2]! + this.memory.bytes[record + RecordOffset.REMAINING]!;
  }

  /**
   * How the time-stamp counter gets on from the next call of `run`.
   * @param perInstruction ticks, 0 where time does not go by instructions @param skipped ticks without any
   */
  setTimebase(perInstruction: number, skipped: number): void {
    this.#ticksPerInstruction = perInstruction;
    this.#ticksSkipped = skipped;
    this.#words[State.TICKS_PER_INSTRUCTION >> 2] = perInstruction;
  }
  #grant(instructions: number): void {
    this.#granted = instructions;
    const ticks = (this.#retired + instructions) * this.#ticksPerInstruction + this.#ticksSkipped;
    this.#words[State.TICKS >> 2] = ticks;
    this.#words[(State.TICKS >> 2) + 1] = Math.floor(ticks / 2 ** 32);
  }

  /** Guest-physical address of the instruction that an engine executes itself at this moment; -1 when none does. */
  get executingAt(): number {
    if (!this.#boundary.executing) return -1;
    const { memory, mmu } = this;
    const record = this.#words[State.RECORD >> 2]!;
    const handler = memory.view.getUint16(record + RecordOffset.HANDLER, true);
    if (isCalloutHandler(handler)) return -1;
    const offset = memory.view.getUint16(record + RecordOffset.PAGE_OFFSET, true);
    const base = this.state.segment(Seg.CS, SegmentField.BASE);
    const linear = (this.#words[State.EIP_PAGE >> 2]! + offset + base) >>> 0;
    const word = mmu.tlb.word(linear, TLB_EXECUTE_OFFSET, mmu.user);
    return word === 0 ? -1 : memory.physicalAddress((word + linear + POINTER_BIAS) | 0);
  }

  /** Leaves the engine behind the current instruction and, with `left`, grants only so many more. */
  interrupt(left?: number): void {
    this.#words[State.LEAVE >> 2] = 1;
    if (left === undefined) return;
    const excess = this.#left() + this.#withheld - left;
    if (excess <= 0) return;
    const unknown = Math.min(excess, this.#withheld);
    this.#withheld -= unknown;
    this.#words[State.BUDGET >> 2]! -= excess - unknown;
    this.#grant(this.#granted - (excess - unknown));
  }
  /** Makes `run` return at the next instruction boundary. */
  stop(): void {
    this.#stopRequested = true;
    this.#words[State.LEAVE >> 2] = 1;
  }
  /** Level of the interrupt controller's output. */
  set interruptRequest(level: boolean) {
    if (level && this.#words[State.INTERRUPT >> 2] === 0) this.control.onRequest?.('interrupt');
    this.#words[State.INTERRUPT >> 2] = level ? 1 : 0;
    if (level) this.#words[State.LEAVE >> 2] = 1;
  }
  /** Level of the NMI pin: a rising edge asks for one NMI, of which at most one waits. */
  set nonMaskableInterrupt(level: boolean) {
    const words = this.#words;
    if (level && !this.#nmiLevel) {
      this.control.onRequest?.('nmi');
      words[State.NMI >> 2]! |= Nmi.PENDING;
      words[State.LEAVE >> 2] = 1;
    }
    this.#nmiLevel = level;
  }
  #nmiLevel = false;
  get interruptRequest(): boolean {
    return this.#words[State.INTERRUPT >> 2] !== 0;
  }
  set mode(mode: number) {
    const words = this.#words;
    if ((words[State.MODE >> 2]! ^ mode) & Mode.REWRITE) {
      if (mode & Mode.REWRITE) this.counters.rewritten.entered();
      else this.counters.rewritten.left();
    }
    words[State.MODE >> 2] = mode;
  }
  get mode(): number {
    return this.#words[State.MODE >> 2]!;
  }

  /** Whether something is due that ends HLT. */
  get wakes(): boolean {
    const words = this.#words;
    if (words[State.DEBUG_TRAP >> 2] !== 0 || words[State.NMI >> 2] === Nmi.PENDING) return true;
    return words[State.INTERRUPT >> 2] !== 0 && this.control.interruptsEnabled();
  }

  /**
   * Executes at most `budget` instructions, fewer when `stop` is called, or when nothing
   * but exceptions happens. @returns how many were executed
   */
  run(budget: number): number {
    const words = this.#words;
    this.#boundary.setBudget(budget);
    this.#grant(budget);
    this.#stopRequested = false;
    this.#blocks.forgetExit();
    this.#eventsInRow = 0;
    while (!this.#stopRequested) {
      if (this.#takeEvent()) continue;
      const left = words[State.BUDGET >> 2]!;
      if (left <= 0) break;
      if (this.#mustStep()) {
        this.#step(left);
        continue;
      }
      const record = this.#enter(left);
      if (record !== 0) this.#execute(record);
    }
    const executed = this.#granted - words[State.BUDGET >> 2]!;
    this.#retired += executed;
    this.#granted = words[State.BUDGET >> 2]!;
    this.counters.collect();
    return executed;
  }
  /**
   * Takes the event that comes first at this instruction boundary (SDM vol. 3, table 6-2): traps of the previous
   * instruction, interrupts, then the breakpoint on the next instruction. @returns false when there is none
   */
  #takeEvent(): boolean {
    const words = this.#words;
    const held = this.#boundary.isMarked(State.HOLD);
    const trap = words[State.DEBUG_TRAP >> 2]!;
    if (trap !== 0 && !held) {
      this.#debugException(trap);
      return true;
    }
    if (words[State.NMI >> 2] === Nmi.PENDING && !held) {
      words[State.NMI >> 2] = Nmi.BLOCKED;
      this.counters.interruptsTaken++;
      this.#deliver(Vector.NMI, this.#boundary.isMarked(State.RESUME), () =>
        this.control.onInterrupt(Vector.NMI),
      );
      return true;
    }
    if (
      words[State.INTERRUPT >> 2] !== 0 &&
      !held &&
      !this.#boundary.isMarked(State.SHADOW) &&
      this.control.interruptsEnabled()
    ) {
      this.counters.interruptsTaken++;
      const vector = this.acknowledgeInterrupt();
      this.#deliver(vector, this.#boundary.isMarked(State.RESUME), () => this.control.onInterrupt(vector));
      return true;
    }
    if (this.breakpoints.code && !held && !this.#boundary.isMarked(State.RESUME)) {
      const hit = this.breakpoints.onExecution(this.#blocks.linearEip);
      if (hit !== 0) this.#debugException(hit);
      return hit !== 0;
    }
    return false;
  }
  /** #DB between two instructions. @param bits of DR6 that tell why */
  #debugException(bits: number): void {
    recordDebugException(this.control.guestState, bits);
    this.#deliverException(Vector.DB, 0, this.#boundary.isMarked(State.RESUME));
    // A breakpoint that delivery itself met could never be handled.
    this.#words[State.DEBUG_TRAP >> 2]! &= ~DR6.B;
  }
  /** Counts an exception and gives it to whoever is in control. */
  fault(vector: number, error: number): void {
    // Of debug exceptions only general detection is a fault of an instruction that executes.
    this.#deliverException(vector, error, vector === Vector.DB);
  }
  #deliverException(vector: number, error: number, resume: boolean): void {
    this.counters.faults[vector]!++;
    this.#words[State.DEBUG_TRAP >> 2] = 0;
    this.#deliver(vector, resume, () => this.control.onFault(vector, error));
  }
  /** Delivers an event, after which nothing is held off. @param resume RF as the event finds it */
  #deliver(vector: number, resume: boolean, event: () => void): void {
    const words = this.#words;
    this.#countEvent();
    this.#blocks.forgetExit();
    this.#boundary.clear();
    this.observer?.delivering(vector);
    if (resume) words[State.FLAGS >> 2]! |= Flag.RF;
    event();
    this.#boundary.takeResumeFlag();
    this.observer?.delivered(vector);
  }
  #countEvent(): void {
    const left = this.#words[State.BUDGET >> 2]! + this.#withheld;
    if (left !== this.#leftAtEvent) this.#eventsInRow = 0;
    this.#leftAtEvent = left;
    if (++this.#eventsInRow >= MOST_EVENTS_IN_ROW) this.stop();
  }
  #leftAtEvent = 0;
  #eventsInRow = 0;
  /** Whether the next instruction must be executed on its own. */
  #mustStep(): boolean {
    const words = this.#words;
    if (words[State.FLAGS >> 2]! & Flag.TF || this.#singly) return true;
    if (words[State.DEBUG_TRAP >> 2] !== 0 || words[State.NMI >> 2] === Nmi.PENDING) return true;
    if (words[State.INTERRUPT >> 2] !== 0 && this.control.interruptsEnabled()) return true;
    return this.breakpoints.code && this.breakpoints.covers(this.#blocks.linearEip);
  }
  /** Executes one instruction, or one element of a repeated one, and notes the trap that TF asks for. */
  #step(left: number): void {
    const words = this.#words;
    this.#singly = false;
    this.#withheld = left - 1;
    this.#grant(this.#granted - this.#withheld);
    this.#boundary.setBudget(1);
    words[State.SINGLE >> 2] = 1;
    words[State.STEP >> 2] = words[State.FLAGS >> 2]! & Flag.TF;
    const record = this.#enter(1);
    if (record !== 0) this.#execute(record);
    const executed = words[State.BUDGET >> 2]! < 1;
    if (executed && words[State.STEP >> 2] !== 0 && !this.#boundary.isMarked(State.HOLD))
      words[State.DEBUG_TRAP >> 2]! |= DR6.BS;
    words[State.SINGLE >> 2] = 0;
    words[State.STEP >> 2] = 0;
    this.#grant(this.#granted + this.#withheld);
    this.#boundary.setBudget(words[State.BUDGET >> 2]! + this.#withheld);
    this.#withheld = 0;
  }
  /**
   * Executes the one instruction at State.EIP as the control now treats it, in the middle of handling a
   * fault of that very instruction. It counts as no block, lookup, callout or instruction in the cache.
   * @returns the instruction's name; undefined, with nothing done, when it was treated as it is
   */
  executeOnce(): string | undefined {
    const record = this.#blocks.enterAnew();
    if (record < 0) return undefined;
    const { bytes, view } = this.memory;
    const handler = view.getUint16(record + RecordOffset.HANDLER, true);
    const virtual =
      isCalloutHandler(handler) && (bytes[record + RecordOffset.DETAIL]! & CalloutDetail.VIRTUAL) !== 0;
    const inCache = handlerOf(handler)?.form.system === SystemBase.VIRTUAL;
    if (!virtual && !inCache) return undefined;
    const name = virtual
      ? numberedCallouts[view.getUint16(record + RecordOffset.CALLOUT, true)]!.name
      : handlerOf(handler)!.spec.name;
    this.counters.collect();
    this.#host.emulating = true;
    this.#execute(record, 1);
    this.#host.emulating = false;
    this.counters.takeBackBlock();
    return name;
  }

  /** @param leave 1 to leave behind the first callout */
  #execute(record: number, leave: 0 | 1 = 0): void {
    const words = this.#words;
    words[State.LEAVE >> 2] = leave;
    this.#boundary.executing = true;
    const exit = this.engine.run(record);
    this.#boundary.executing = false;
    const at = words[State.RECORD >> 2]!;
    const { bytes, view } = this.memory;
    const offset = words[State.EIP_PAGE >> 2]! + view.getUint16(at + RecordOffset.PAGE_OFFSET, true);
    switch (exit) {
      case Exit.LINK:
        this.#blocks.follow(at);
        return;
      case Exit.MISS:
        return;
      case Exit.LEAVE:
        words[State.EIP >> 2] = offset + bytes[at + RecordOffset.LENGTH]!;
        this.#refund(at, 1);
        return;
      case Exit.LEAVE_AT:
        this.#refund(at, 1);
        return;
      default:
        words[State.EIP >> 2] = offset;
        this.#refund(at, 0);
        if (exit === Exit.REPEAT) words[State.RESUME >> 2] = words[State.BUDGET >> 2]!;
        if (exit !== Exit.FAULT) return;
        if (words[State.FAULT_VECTOR >> 2] === EXECUTE_SINGLY) this.#singly = true;
        else {
          if (this.#host.emulating) this.counters.emulatedFaults[words[State.FAULT_VECTOR >> 2]!]!++;
          this.fault(words[State.FAULT_VECTOR >> 2]!, words[State.FAULT_ERROR >> 2]!);
        }
    }
  }

  /** Takes back what a block was paid for, from a record on. @param executed whether the record's instruction was */
  #refund(record: number, executed: 0 | 1): void {
    const left = this.memory.bytes[record + RecordOffset.REMAINING]! - executed;
    this.#words[State.BUDGET >> 2]! += left;
    if (left > 0) this.profile?.refund(record + executed * RECORD_SIZE);
  }

  /** Prepares to run the block at State.EIP. @returns its first record, or 0 when its fetch faulted */
  #enter(maximum: number): number {
    const record = this.#blocks.enter(maximum);
    if (record > 0) return record;
    this.fault(-record, this.#words[State.FAULT_ERROR >> 2]!);
    return 0;
  }

  /** Guest-physical addresses of the blocks entered last, the latest first; those no longer kept are left out. */
  lastBlocks(): { readonly physical: number; readonly length: number }[] {
    const words = this.#words;
    const latest = words[State.BLOCKS >> 2]! / HISTORY_STEP;
    return Array.from({ length: HISTORY_LENGTH }, (_, i) => {
      const at = (latest - i) & (HISTORY_LENGTH - 1);
      return this.cache.findByEntry(words[(State.HISTORY >> 2) + at]!);
    }).filter((block) => block !== undefined);
  }
}
