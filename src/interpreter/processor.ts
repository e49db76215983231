/**
 * The processor: finds blocks, lets an engine run them, and hands every exception and interrupt to whoever
 * is in control: the guest's own tables (`native`) or a monitor.
 */
import type { Block } from '../cache/block.ts';
import { Profile } from '../cache/profile.ts';
import { type CacheOptions, TranslationCache } from '../cache/translation-cache.ts';
import type { Decoder } from '../decoder/instruction.ts';
import { findHandler, handlerOf, Special } from '../instructions/handlers.ts';
import { inCacheInstructions } from '../instructions/in-cache.ts';
import {
  CalloutDetail,
  calloutNumber,
  numberedCallouts,
  RecordOperands,
  WITNESSED,
} from '../instructions/operands.ts';
import { RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { computations } from '../instructions/sse/computations.ts';
import { SimdUnit } from '../instructions/sse/unit.ts';
import { fpuOf, reportPending } from '../instructions/x87/unit.ts';
import { PAGE_SIZE, POINTER_BIAS, TLB_EXECUTE_OFFSET } from '../memory/layout.ts';
import { Mmu, Watch } from '../memory/mmu.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { Mode } from '../translator/mode.ts';
import { type CodePlace, Translator } from '../translator/translator.ts';
import { DR6, recordDebugException } from '../x86/debug.ts';
import { Fault, Frozen, LateFault, Vector } from '../x86/exceptions.ts';
import { Flag } from '../x86/flags.ts';
import { CR4, Seg } from '../x86/registers.ts';
import {
  CpuState,
  HISTORY_LENGTH,
  HISTORY_STEP,
  Nmi,
  SegmentField,
  Shadow,
  STATE_END,
  State,
  System,
  SystemBase,
} from '../x86/state.ts';
import { Boundary } from './boundary.ts';
import { Breakpoints, EXECUTE_SINGLY } from './breakpoints.ts';
import type { Control } from './control.ts';
import { checksAlignment } from './cpu-access.ts';
import type { Engine, EngineHost } from './engine.ts';
import { Exit } from './exits.ts';
import type { Observer } from './observer.ts';
import { RewrittenCounter } from './rewritten-counts.ts';
import { Stepper } from './stepper.ts';

export interface ProcessorOptions {
  readonly memory: PhysicalMemory;
  readonly decoder: Decoder;
  readonly maximumBlockLength: number;
  readonly cache?: CacheOptions;
  createEngine(memory: PhysicalMemory, host: EngineHost): Engine;
  notBuilt(bytes: Uint8Array, physical: number): void;
}

const calloutHandler = findHandler('callout', {})!.number;
const lastCalloutHandler = findHandler('callout.end', {})!.number;
/** INS and OUTS, which repeat themselves by staying where they are. */
const repeating = new Set([calloutNumber('ins'), calloutNumber('outs')]);
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
  /** Executions of every instruction, where memory has room for a profile. */
  readonly profile: Profile | undefined;
  readonly #translator: Translator;
  readonly #stepper: Stepper;
  readonly #operands: RecordOperands;
  readonly #simd: SimdUnit;
  readonly #words: Int32Array;
  readonly #boundary: Boundary;
  #control!: Control;
  #maximum: number;
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
  /** The block whose direct exit was followed, to be linked to the block entered next unless an event comes first. */
  #linkSource: Block | undefined;
  #linkSlot: 0 | 1 = 0;
  /** Callouts executed on a guest's virtual state, by number: from rewritten code, and from code that runs directly. */
  readonly virtualCallouts = new Float64Array(numberedCallouts.length);
  readonly directCallouts = new Float64Array(numberedCallouts.length);
  /** Callouts that the processor itself executes, on its own state, by number: its long instructions. */
  readonly longInstructions = new Float64Array(numberedCallouts.length);
  /** Exceptions by vector, before any delivery, and of these the ones found while an instruction was emulated. */
  readonly faultCounts = new Float64Array(256);
  readonly emulatedFaultCounts = new Float64Array(256);
  /** Who looks on. */
  observer: Observer | undefined;
  blocksEntered = 0;
  #blocksCounted = 0;
  /** Executions in the cache, by the index of `inCacheInstructions`. */
  readonly inCacheCounts = new Float64Array(inCacheInstructions.length);
  interruptsTaken = 0;
  /** Set while one instruction is executed as the control treats it, which counts it. */
  #emulating = false;
  readonly rewritten = new RewrittenCounter((to, sign) => {
    const { counters } = this.cache;
    to.instructions += sign * this.retired;
    // What the engine has counted is not collected yet.
    to.hits += sign * (counters.hits + (this.#words[State.LOOKUP_HITS >> 2]! >>> 0));
    to.misses += sign * counters.misses;
    to.translatedInstructions += sign * counters.translatedInstructions;
  });
  /** Vector of the next external interrupt, from the interrupt controller. */
  acknowledgeInterrupt: () => number = () => 0;

  constructor(options: ProcessorOptions) {
    const { memory } = options;
    this.memory = memory;
    this.#words = memory.words;
    this.#boundary = new Boundary(memory);
    this.#maximum = options.maximumBlockLength;
    this.state = new CpuState(memory.memory.buffer, SystemBase.PHYSICAL);
    this.mmu = new Mmu(memory, this.state);
    this.mmu.user = false;
    this.profile = memory.profileBase === 0 ? undefined : new Profile(memory);
    this.#words[State.PROFILE >> 2] = this.profile?.bias ?? 0;
    this.cache = new TranslationCache(memory, this.mmu, options.cache, this.profile);
    this.mmu.hooks.onWatchedWrite = (physical, size, watch) => {
      if (watch & Watch.CODE) this.cache.written(physical, size);
      if (watch & Watch.PAGE_TABLE) this.#control.onTracedWrite?.(physical, size);
      if (watch & Watch.JOURNAL) this.observer?.wrote(physical, size);
    };
    this.breakpoints = new Breakpoints(memory.words, this.mmu.tlb);
    const { breakpoints } = this;
    this.mmu.hooks.isUncached = (linear) => breakpoints.covers(linear);
    this.#operands = new RecordOperands(memory.memory.buffer);
    this.#simd = new SimdUnit(memory.memory.buffer);
    this.#translator = new Translator(memory, this.cache, options.decoder, {
      treatment: (instruction, mode) => this.#control.treatment(instruction, mode),
      counter: (physical) => this.#control.counter?.(physical) ?? 0,
      model: () => this.#control.cpu(false).model,
      notBuilt: options.notBuilt,
    });
    const { mmu } = this;
    const host: EngineHost = {
      read: (linear, size) => (this.#refuses(linear, size, false) ? 0 : mmu.slowRead(linear, size)),
      update: (linear, size) => (this.#refuses(linear, size, true) ? 0 : mmu.slowUpdate(linear, size)),
      write: (linear, size, value) =>
        this.#refuses(linear, size, true) ? 0 : mmu.slowWrite(linear, size, value),
      commit: (linear, size) => {
        mmu.slowCommit(linear, size);
        return 0;
      },
      writeBounced: (linear, size) =>
        this.#refuses(linear, size, true) ? 0 : mmu.slowWriteBounced(linear, size),
      compute: (number) => this.#compute(number),
      floatingPointError: () => this.#floatingPointError(),
      callout: () => this.#callout(),
    };
    this.engine = options.createEngine(memory, host);
    this.#stepper = new Stepper(memory, host);
  }

  /**
   * Whether an access of a slow path must not be made: it is misaligned where that faults, or a breakpoint
   * defers it. 16 bytes are aligned by #GP, or need not be. The reason is left in State.FAULT_VECTOR.
   */
  #refuses(linear: number, size: number, write: boolean): boolean {
    if ((linear & (size - 1)) !== 0 && size <= 8 && checksAlignment(this.state)) {
      this.#words[State.FAULT_VECTOR >> 2] = Vector.AC;
      this.#words[State.FAULT_ERROR >> 2] = 0;
      return true;
    }
    return this.breakpoints.data && this.breakpoints.defers(linear, size, write);
  }

  set control(control: Control) {
    this.#control = control;
  }

  /**
   * All registers zero, nothing translated or looked up before, no interrupt requested: what a new processor
   * starts with. Memory, counters and what is in control stay. Not to be called while `run` executes.
   */
  reset(): void {
    const words = this.#words;
    this.collectCounters();
    this.cache.flush();
    this.mmu.tlb.flush(true);
    words.fill(0, State.GPR >> 2, STATE_END >> 2);
    words[State.PROFILE >> 2] = this.profile?.bias ?? 0;
    this.#boundary.clear();
    this.#blocksCounted = 0;
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
    if (handler === calloutHandler || handler === lastCalloutHandler) return -1;
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
    if (level && this.#words[State.INTERRUPT >> 2] === 0) this.#control.onRequest?.('interrupt');
    this.#words[State.INTERRUPT >> 2] = level ? 1 : 0;
    if (level) this.#words[State.LEAVE >> 2] = 1;
  }
  /** Level of the NMI pin: a rising edge asks for one NMI, of which at most one waits. */
  set nonMaskableInterrupt(level: boolean) {
    const words = this.#words;
    if (level && !this.#nmiLevel) {
      this.#control.onRequest?.('nmi');
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
      if (mode & Mode.REWRITE) this.rewritten.entered();
      else this.rewritten.left();
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
    return words[State.INTERRUPT >> 2] !== 0 && this.#control.interruptsEnabled();
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
    this.#linkSource = undefined;
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
    this.collectCounters();
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
      this.interruptsTaken++;
      this.#deliver(Vector.NMI, this.#boundary.isMarked(State.RESUME), () =>
        this.#control.onInterrupt(Vector.NMI),
      );
      return true;
    }
    if (
      words[State.INTERRUPT >> 2] !== 0 &&
      !held &&
      !this.#boundary.isMarked(State.SHADOW) &&
      this.#control.interruptsEnabled()
    ) {
      this.interruptsTaken++;
      const vector = this.acknowledgeInterrupt();
      this.#deliver(vector, this.#boundary.isMarked(State.RESUME), () => this.#control.onInterrupt(vector));
      return true;
    }
    if (this.breakpoints.code && !held && !this.#boundary.isMarked(State.RESUME)) {
      const hit = this.breakpoints.onExecution(this.#linearEip());
      if (hit !== 0) this.#debugException(hit);
      return hit !== 0;
    }
    return false;
  }
  #linearEip(): number {
    return (this.#words[State.EIP >> 2]! + this.state.segment(Seg.CS, SegmentField.BASE)) >>> 0;
  }
  /** #DB between two instructions. @param bits of DR6 that tell why */
  #debugException(bits: number): void {
    recordDebugException(this.#control.guestState, bits);
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
    this.faultCounts[vector]!++;
    this.#words[State.DEBUG_TRAP >> 2] = 0;
    this.#deliver(vector, resume, () => this.#control.onFault(vector, error));
  }
  /** Delivers an event, after which nothing is held off. @param resume RF as the event finds it */
  #deliver(vector: number, resume: boolean, event: () => void): void {
    const words = this.#words;
    this.#countEvent();
    this.#linkSource = undefined;
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
    if (words[State.INTERRUPT >> 2] !== 0 && this.#control.interruptsEnabled()) return true;
    return this.breakpoints.code && this.breakpoints.covers(this.#linearEip());
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
   * The second page of a block was looked at when the block was found. The guard would look in the TLB, where a page
   * with a breakpoint or without memory never is.
   */
  #skipGuard(record: number): number {
    const handler = this.memory.view.getUint16(record + RecordOffset.HANDLER, true);
    return handler === Special.GUARD ? record + RECORD_SIZE : record;
  }

  /**
   * Executes the one instruction at State.EIP as the control now treats it, in the middle of handling a
   * fault of that very instruction. It counts as no block, lookup, callout or instruction in the cache.
   * @returns the instruction's name; undefined, with nothing done, when it was treated as it is
   */
  executeOnce(): string | undefined {
    const block = this.#find(1, true);
    if (typeof block === 'number') return undefined;
    const { bytes, view } = this.memory;
    const record = this.#skipGuard(block.record);
    const handler = view.getUint16(record + RecordOffset.HANDLER, true);
    const isCallout = handler === calloutHandler || handler === lastCalloutHandler;
    const virtual = isCallout && (bytes[record + RecordOffset.DETAIL]! & CalloutDetail.VIRTUAL) !== 0;
    const inCache = handlerOf(handler)?.form.system === SystemBase.VIRTUAL;
    if (!virtual && !inCache) return undefined;
    const name = virtual
      ? numberedCallouts[view.getUint16(record + RecordOffset.CALLOUT, true)]!.name
      : handlerOf(handler)!.spec.name;
    this.#setEipPage();
    const words = this.#words;
    this.collectCounters();
    this.#emulating = true;
    this.#execute(record, 1);
    this.#emulating = false;
    words[State.BLOCKS >> 2]! -= HISTORY_STEP;
    words.fill(0, State.IN_CACHE >> 2, (State.IN_CACHE >> 2) + inCacheInstructions.length);
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
        this.#follow(at);
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
          if (this.#emulating) this.emulatedFaultCounts[words[State.FAULT_VECTOR >> 2]!]!++;
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

  /** Follows a direct exit that is not linked. */
  #follow(record: number): void {
    const words = this.#words;
    this.#linkSlot = words[State.LINK_SLOT >> 2] as 0 | 1;
    const target = this.#linkSlot === 0 ? RecordOffset.TARGET0 : RecordOffset.TARGET1;
    words[State.EIP >> 2] = words[State.EIP_PAGE >> 2]! + this.memory.view.getInt32(record + target, true);
    if (this.cache.chaining) this.#linkSource = this.cache.findByExit(record);
  }
  /** Links the exit that was followed to the block it led to. */
  #link(source: Block, block: Block): void {
    if (!block.kept || !source.valid) return;
    const eip = this.#words[State.EIP >> 2]!;
    const target = (eip - this.#words[State.EIP_PAGE >> 2]!) | 0;
    const samePage = target >= 0 && target < PAGE_SIZE;
    const proof = samePage ? 0 : this.mmu.tlb.codeAddress(eip, this.mmu.user);
    if (samePage || proof !== 0) this.cache.link(source, this.#linkSlot, block, proof);
  }

  /** Prepares to run the block at State.EIP. @returns its first record, or 0 when its fetch faulted */
  #enter(maximum: number): number {
    const block = this.#find(maximum);
    if (typeof block === 'number') {
      this.fault(block === Vector.PF ? Vector.PF : Vector.GP, this.#words[State.FAULT_ERROR >> 2]!);
      return 0;
    }
    if (this.#linkSource) this.#link(this.#linkSource, block);
    this.#linkSource = undefined;
    this.#setEipPage();
    return this.#skipGuard(block.record);
  }
  #setEipPage(): void {
    const eip = this.#words[State.EIP >> 2]!;
    const linear = eip + this.state.segment(Seg.CS, SegmentField.BASE);
    this.#words[State.EIP_PAGE >> 2] = eip - (linear & (PAGE_SIZE - 1));
  }

  /** @returns the block at State.EIP, of at most `maximum` instructions, or the vector of its fetch fault. @param anew translate even if kept */
  #find(maximum: number, anew = false): Block | number {
    const { cache, mmu, mode, state } = this;
    const { counters } = cache;
    const { user } = mmu;
    const eip = state.eip;
    const linear = (eip + state.segment(Seg.CS, SegmentField.BASE)) >>> 0;
    let limit = Number.POSITIVE_INFINITY;
    if ((mode & Mode.FLAT) === 0) {
      limit = (state.segment(Seg.CS, SegmentField.LIMIT) >>> 0) - eip + 1;
      if (limit <= 0) return this.#generalProtection();
      if (limit > 2 * PAGE_SIZE) limit = Number.POSITIVE_INFINITY;
    }
    const physical = mmu.translateFetch(linear, user);
    if (physical < 0) return Vector.PF;
    const nextPage = ((linear | (PAGE_SIZE - 1)) + 1) >>> 0;
    const secondPage = () => mmu.translateFetch(nextPage, user);
    if (!anew) counters.lookups++;
    let block = limit === Number.POSITIVE_INFINITY ? cache.find(physical, mode) : undefined;
    if (block !== undefined && block.secondPage >= 0) {
      const second = secondPage();
      if (second < 0) {
        if (!anew) this.#missed(undefined);
        return Vector.PF;
      }
      if (second !== block.secondPage) {
        cache.invalidate(block);
        block = undefined;
      }
    }
    if (block !== undefined && !anew) {
      counters.hits++;
      if (this.memory.bytes[block.record + RecordOffset.REMAINING]! <= maximum) {
        cache.publish(block);
        return block;
      }
      // The cache has it, and the next event comes within it: what is executed before is translated for this one time.
      counters.cut++;
    }
    const place: CodePlace = {
      physical,
      linear,
      cpl: this.#control.guestState.cpl,
      secondPage,
      limit,
      mode,
      maximum: Math.min(maximum, this.#maximum),
    };
    // Short grants and code at a segment's end are not kept.
    const keep = !anew && maximum >= this.#maximum && limit === Number.POSITIVE_INFINITY;
    const made = this.#translator.translate(place, keep);
    if (!anew && !block) this.#missed(typeof made === 'string' ? undefined : made);
    if (made === 'second-page') return Vector.PF;
    if (made === 'limit') return this.#generalProtection();
    if (keep) cache.publish(made);
    return made;
  }
  /** Counts a lookup without success. @param made the block that it led to, undefined for a fetch fault */
  #missed(made: Block | undefined): void {
    const { counters } = this.cache;
    counters.misses++;
    if (made === undefined) counters.fetchFaults++;
    else if (!made.kept) counters.passing++;
  }
  #generalProtection(): number {
    this.#words[State.FAULT_ERROR >> 2] = 0;
    return Vector.GP;
  }

  /** Runs an SSE computation. @returns 0, or the vector to raise (SDM vol. 1, section 11.5.1) */
  #compute(number: number): number {
    const vector = computations[number]!.run(this.#simd);
    if (vector === 0) return 0;
    return this.state.sys(System.CR4) & CR4.OSXMMEXCPT ? vector : Vector.UD;
  }

  /** A vector instruction that touches MMX registers finds an x87 exception pending. */
  #floatingPointError(): number {
    const cpu = this.#control.cpu(false);
    try {
      reportPending(cpu, fpuOf(cpu.state));
    } catch (thrown) {
      if (thrown instanceof Frozen) return Exit.STALE;
      if (!(thrown instanceof Fault)) throw thrown;
      this.#words[State.FAULT_VECTOR >> 2] = thrown.vector;
      return Exit.FAULT;
    }
    return Exit.NEXT;
  }

  /** Runs the callout of the current record. */
  #callout(): number {
    const words = this.#words;
    const { view, bytes } = this.memory;
    const record = words[State.RECORD >> 2]!;
    const number = view.getUint16(record + RecordOffset.CALLOUT, true);
    if (number === WITNESSED) return this.#witnessed(record);
    const operands = this.#operands.at(record);
    const callout = numberedCallouts[number]!;
    const { virtual } = operands;
    const control = this.#control;
    if (virtual && !this.#emulating) {
      const direct = (words[State.MODE >> 2]! & Mode.DIRECT) !== 0;
      (direct ? this.directCallouts : this.virtualCallouts)[number]!++;
    }
    const cpu = control.cpu(virtual);
    const eip = words[State.EIP_PAGE >> 2]! + view.getUint16(record + RecordOffset.PAGE_OFFSET, true);
    cpu.instructionEip = eip >>> 0;
    words[State.EIP >> 2] = eip + bytes[record + RecordOffset.LENGTH]!;
    const { mode } = this;
    try {
      if (virtual && control.execute) control.execute(number, operands);
      else callout.run(cpu, operands);
    } catch (thrown) {
      if (thrown instanceof Frozen) {
        words[State.EIP >> 2] = eip;
        return Exit.STALE;
      }
      if (!(thrown instanceof Fault)) throw thrown;
      if (thrown instanceof LateFault) {
        if (virtual) this.emulatedFaultCounts[thrown.vector]!++;
        this.fault(thrown.vector, thrown.error);
        return Exit.LEAVE_AT;
      }
      words[State.EIP >> 2] = eip;
      words[State.FAULT_VECTOR >> 2] = thrown.vector;
      words[State.FAULT_ERROR >> 2] = thrown.error;
      if (virtual && !this.#emulating) this.emulatedFaultCounts[thrown.vector]!++;
      return Exit.FAULT;
    }
    // One that faulted has not been executed.
    if (!virtual) this.longInstructions[number]!++;
    const { state } = cpu;
    const shadow = state.sys(System.SHADOW);
    if (shadow !== Shadow.NONE) {
      state.setSys(System.SHADOW, Shadow.NONE);
      this.#boundary.holdOff(shadow);
    }
    if (words[State.FLAGS >> 2]! & (Flag.TF | Flag.RF)) {
      this.#boundary.takeResumeFlag();
      if (words[State.FLAGS >> 2]! & Flag.TF) words[State.LEAVE >> 2] = 1;
    }
    // An interrupt between two elements finds RF set (SDM vol. 3, section 17.3.1.1).
    if (words[State.EIP >> 2] === eip && repeating.has(number))
      words[State.RESUME >> 2] = this.#boundary.next;
    // The rest of the block was translated for another mode.
    if (!callout.endsBlock && this.mode !== mode) return Exit.LEAVE;
    if (words[State.LEAVE >> 2] !== 0) return callout.endsBlock ? Exit.LEAVE_AT : Exit.LEAVE;
    return callout.endsBlock ? Exit.ENTER : Exit.NEXT;
  }

  /** Executes a witnessed instruction; `witnessed` in translator/encode.ts says what lies where. */
  #witnessed(record: number): Exit {
    const words = this.#words;
    const real = record + RECORD_SIZE;
    this.#control.witness!.foresee(real + RECORD_SIZE);
    words[State.RECORD >> 2] = real;
    const handler = this.memory.view.getUint16(real + RecordOffset.HANDLER, true);
    const isCallout = handler === calloutHandler || handler === lastCalloutHandler;
    let exit = isCallout ? (this.#callout() as Exit) : this.#stepper.step(real, handlerOf(handler)!);
    words[State.RECORD >> 2] = record;
    if (exit === Exit.NEXT || exit === Exit.LEAVE) {
      const { bytes, view } = this.memory;
      const offset = view.getUint16(record + RecordOffset.PAGE_OFFSET, true);
      words[State.EIP >> 2] = words[State.EIP_PAGE >> 2]! + offset + bytes[record + RecordOffset.LENGTH]!;
      exit = exit === Exit.NEXT ? Exit.ENTER : Exit.LEAVE_AT;
    }
    this.#control.witness!.judge(exit);
    return exit;
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

  /** Adds what the engine counted to the totals. */
  collectCounters(): void {
    const words = this.#words;
    const { counters } = this.cache;
    const hits = words[State.LOOKUP_HITS >> 2]! >>> 0;
    this.blocksEntered += ((words[State.BLOCKS >> 2]! - this.#blocksCounted) >>> 0) / HISTORY_STEP;
    this.#blocksCounted = words[State.BLOCKS >> 2]!;
    counters.lookups += hits;
    counters.hits += hits;
    counters.jumpCacheHits += hits;
    for (let i = 0; i < inCacheInstructions.length; i++) {
      const at = (State.IN_CACHE >> 2) + i;
      this.inCacheCounts[i]! += words[at]! >>> 0;
      words[at] = 0;
    }
    words[State.LOOKUP_HITS >> 2] = 0;
  }
}
