/**
 * The processor: finds blocks, lets an engine run them, and hands every exception and interrupt to whoever
 * is in control: the guest's own tables (`native`) or a monitor.
 */
import type { Block } from '../cache/block.ts';
import { TranslationCache } from '../cache/translation-cache.ts';
import type { Decoder, Instruction } from '../decoder/instruction.ts';
import type { Cpu } from '../instructions/cpu.ts';
import { findHandler, handlerOf } from '../instructions/handlers.ts';
import { CalloutDetail, numberedCallouts, RecordOperands } from '../instructions/operands.ts';
import { RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { PAGE_SIZE } from '../memory/layout.ts';
import { Mmu, Watch } from '../memory/mmu.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import type { Treatment } from '../translator/encode.ts';
import { Mode } from '../translator/mode.ts';
import { type CodePlace, Translator } from '../translator/translator.ts';
import { Fault, Frozen, TaskFault, Vector } from '../x86/exceptions.ts';
import { Seg } from '../x86/registers.ts';
import {
  CpuState,
  HISTORY_LENGTH,
  HISTORY_STEP,
  SegmentField,
  State,
  System,
  SystemBase,
} from '../x86/state.ts';
import type { Engine, EngineHost } from './engine.ts';
import { Exit } from './exits.ts';

/** Who is in control of the processor: receives every event and decides what instructions run on. */
export interface Control {
  /** The processor as the guest believes it to be. */
  readonly guestState: CpuState;
  /** The guest state was set from outside, by a loader. */
  entered(): void;
  /** The A20 gate: physical addresses pass unchanged while it is enabled, else with bit 20 clear. */
  setA20(enabled: boolean): void;
  /** The state and memory a callout runs on. @param virtual the record asks for the guest's virtual state */
  cpu(virtual: boolean): ControlledCpu;
  /** An exception of the instruction at State.EIP. */
  onFault(vector: number, error: number): void;
  /** Whether an external interrupt may be taken now. */
  interruptsEnabled(): boolean;
  /** An external interrupt is taken. */
  onInterrupt(vector: number): void;
  treatment(instruction: Instruction, mode: number): Treatment;
  /** A watched page was written (Watch.TRACE). */
  onTracedWrite?(physical: number, size: number): void;
}

/** A Cpu whose current instruction the processor can set. */
export interface ControlledCpu extends Cpu {
  instructionEip: number;
}

export interface ProcessorOptions {
  readonly memory: PhysicalMemory;
  readonly decoder: Decoder;
  readonly maximumBlockLength: number;
  createEngine(memory: PhysicalMemory, host: EngineHost): Engine;
  notBuilt(bytes: Uint8Array, physical: number): void;
}

const calloutHandler = findHandler('callout', {})!.number;
const lastCalloutHandler = findHandler('callout.end', {})!.number;

export class Processor {
  readonly memory: PhysicalMemory;
  /** The state the processor executes with. */
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly cache: TranslationCache;
  readonly engine: Engine;
  readonly #translator: Translator;
  readonly #operands: RecordOperands;
  readonly #words: Int32Array;
  #control!: Control;
  #maximum: number;
  /** Instructions retired before the current call of `run`. */
  #retired = 0;
  #granted = 0;
  #stopRequested = false;
  /** Callouts executed on a guest's virtual state, by number. */
  readonly virtualCallouts = new Float64Array(numberedCallouts.length);
  /** Exceptions by vector, before any delivery. */
  readonly faultCounts = new Float64Array(256);
  blocksEntered = 0;
  #blocksCounted = 0;
  inCacheCount = 0;
  interruptsTaken = 0;
  /** Vector of the next external interrupt, from the interrupt controller. */
  acknowledgeInterrupt: () => number = () => 0;

  constructor(options: ProcessorOptions) {
    const { memory } = options;
    this.memory = memory;
    this.#words = memory.words;
    this.#maximum = options.maximumBlockLength;
    this.state = new CpuState(memory.memory.buffer, SystemBase.PHYSICAL);
    this.mmu = new Mmu(memory, this.state);
    this.mmu.user = false;
    this.cache = new TranslationCache(memory, this.mmu);
    this.mmu.hooks.onWatchedWrite = (physical, size, watch) => {
      if (watch & Watch.CODE) this.cache.written(physical, size);
      if (watch & Watch.TRACE) this.#control.onTracedWrite?.(physical, size);
    };
    this.#operands = new RecordOperands(memory.memory.buffer);
    this.#translator = new Translator(memory, this.cache, options.decoder, {
      treatment: (instruction, mode) => this.#control.treatment(instruction, mode),
      notBuilt: options.notBuilt,
    });
    const { mmu } = this;
    this.engine = options.createEngine(memory, {
      read: (linear, size) => mmu.slowRead(linear, size),
      update: (linear, size) => mmu.slowUpdate(linear, size),
      write: (linear, size, value) => mmu.slowWrite(linear, size, value),
      commit: (linear, size) => {
        mmu.slowCommit(linear, size);
        return 0;
      },
      callout: () => this.#callout(),
    });
    this.#words[State.SHADOW >> 2] = -1;
  }

  set control(control: Control) {
    this.#control = control;
  }

  /** Instructions retired since the machine was made, exact also inside callouts. */
  get retired(): number {
    return this.#retired + this.#granted - this.#left();
  }
  /** Instructions that may still be executed in this call of `run`. */
  #left(): number {
    const { words } = this.memory;
    if (!this.#running) return words[State.BUDGET >> 2]!;
    const record = words[State.RECORD >> 2]!;
    return words[State.BUDGET >> 2]! + this.memory.bytes[record + RecordOffset.REMAINING]!;
  }
  #running = false;

  /** Leaves the engine behind the current instruction and, with `left`, grants only so many more. */
  interrupt(left?: number): void {
    this.#words[State.LEAVE >> 2] = 1;
    if (left === undefined) return;
    const excess = this.#left() - left;
    if (excess <= 0) return;
    this.#words[State.BUDGET >> 2]! -= excess;
    this.#granted -= excess;
  }
  /** Makes `run` return at the next instruction boundary. */
  stop(): void {
    this.#stopRequested = true;
    this.#words[State.LEAVE >> 2] = 1;
  }
  /** Level of the interrupt controller's output. */
  set interruptRequest(level: boolean) {
    this.#words[State.INTERRUPT >> 2] = level ? 1 : 0;
    if (level) this.#words[State.LEAVE >> 2] = 1;
  }
  get interruptRequest(): boolean {
    return this.#words[State.INTERRUPT >> 2] !== 0;
  }
  set mode(mode: number) {
    this.#words[State.MODE >> 2] = mode;
  }
  get mode(): number {
    return this.#words[State.MODE >> 2]!;
  }

  /** Executes at most `budget` instructions, fewer when `stop` is called. @returns how many were executed */
  run(budget: number): number {
    const words = this.#words;
    const shadowed = words[State.SHADOW >> 2] === words[State.BUDGET >> 2];
    words[State.BUDGET >> 2] = budget;
    words[State.SHADOW >> 2] = shadowed ? budget : -1;
    this.#granted = budget;
    this.#stopRequested = false;
    while (!this.#stopRequested) {
      const left = words[State.BUDGET >> 2]!;
      let maximum = left;
      if (words[State.INTERRUPT >> 2] !== 0 && this.#control.interruptsEnabled()) {
        if (words[State.SHADOW >> 2] !== left) {
          this.interruptsTaken++;
          this.#control.onInterrupt(this.acknowledgeInterrupt());
          continue;
        }
        maximum = Math.min(left, 1);
      }
      if (left <= 0) break;
      const record = this.#enter(maximum);
      if (record === 0) continue;
      this.#execute(record);
    }
    const executed = this.#granted - words[State.BUDGET >> 2]!;
    this.#retired += executed;
    this.#granted = words[State.BUDGET >> 2]!;
    this.collectCounters();
    return executed;
  }

  /**
   * Executes the one instruction at State.EIP as the control now treats it, in the middle of handling a
   * fault of that very instruction. @returns false, with nothing done, when it was treated as it is
   */
  executeOnce(): boolean {
    const block = this.#find(1, true);
    if (typeof block === 'number') return false;
    const { bytes, view } = this.memory;
    // The guard of a second page may be skipped: the page has just been looked at.
    const record = block.secondPage < 0 ? block.record : block.record + RECORD_SIZE;
    const handler = view.getUint16(record + RecordOffset.HANDLER, true);
    const isCallout = handler === calloutHandler || handler === lastCalloutHandler;
    const virtual = isCallout && (bytes[record + RecordOffset.DETAIL]! & CalloutDetail.VIRTUAL) !== 0;
    if (!virtual && handlerOf(handler)?.form.system !== SystemBase.VIRTUAL) return false;
    this.#setEipPage();
    this.#execute(record, 1);
    return true;
  }

  /** @param leave 1 to leave behind the first callout */
  #execute(record: number, leave: 0 | 1 = 0): void {
    const words = this.#words;
    words[State.LEAVE >> 2] = leave;
    this.#running = true;
    const exit = this.engine.run(record);
    this.#running = false;
    const at = words[State.RECORD >> 2]!;
    const { bytes, view } = this.memory;
    const offset = words[State.EIP_PAGE >> 2]! + view.getUint16(at + RecordOffset.PAGE_OFFSET, true);
    switch (exit) {
      case Exit.LINK:
        this.#link(at);
        return;
      case Exit.MISS:
        return;
      case Exit.LEAVE:
        words[State.EIP >> 2] = offset + bytes[at + RecordOffset.LENGTH]!;
        words[State.BUDGET >> 2]! += bytes[at + RecordOffset.REMAINING]! - 1;
        return;
      case Exit.LEAVE_AT:
        words[State.BUDGET >> 2]! += bytes[at + RecordOffset.REMAINING]! - 1;
        return;
      default:
        words[State.EIP >> 2] = offset;
        words[State.BUDGET >> 2]! += bytes[at + RecordOffset.REMAINING]!;
        if (exit !== Exit.FAULT) return;
        this.fault(words[State.FAULT_VECTOR >> 2]!, words[State.FAULT_ERROR >> 2]!);
    }
  }
  /** Counts an exception and gives it to whoever is in control. */
  fault(vector: number, error: number): void {
    this.faultCounts[vector]!++;
    this.#control.onFault(vector, error);
  }

  /** Follows a direct exit for the first time: finds its target and links it. */
  #link(record: number): void {
    const words = this.#words;
    const { view } = this.memory;
    const slot = words[State.LINK_SLOT >> 2] as 0 | 1;
    const target = view.getInt32(record + (slot === 0 ? RecordOffset.TARGET0 : RecordOffset.TARGET1), true);
    words[State.EIP >> 2] = words[State.EIP_PAGE >> 2]! + target;
    const source = this.cache.findByExit(record);
    // Without budget the target could not even be translated: it is linked the next time.
    if (!source || words[State.BUDGET >> 2]! <= 0) return;
    const block = this.#find(words[State.BUDGET >> 2]!);
    if (typeof block === 'number' || !block.kept || !source.valid) return;
    const samePage = target >= 0 && target < PAGE_SIZE;
    const proof = samePage ? 0 : this.mmu.tlb.codeAddress(words[State.EIP >> 2]!, this.mmu.user);
    if (samePage || proof !== 0) this.cache.link(source, slot, block, proof);
  }

  /** Prepares to run the block at State.EIP. @returns its first record, or 0 when its fetch faulted */
  #enter(maximum: number): number {
    const block = this.#find(maximum);
    if (typeof block === 'number') {
      this.fault(block === Vector.PF ? Vector.PF : Vector.GP, this.#words[State.FAULT_ERROR >> 2]!);
      return 0;
    }
    this.#setEipPage();
    return block.record;
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
    counters.lookups++;
    let block = limit === Number.POSITIVE_INFINITY ? cache.find(physical, mode) : undefined;
    if (block !== undefined && block.secondPage >= 0) {
      const second = secondPage();
      if (second < 0) return Vector.PF;
      if (second !== block.secondPage) {
        cache.invalidate(block);
        block = undefined;
      }
    }
    if (
      block !== undefined &&
      !anew &&
      this.memory.bytes[block.record + RecordOffset.REMAINING]! <= maximum
    ) {
      counters.hits++;
      cache.publish(block);
      return block;
    }
    const place: CodePlace = {
      physical,
      secondPage,
      limit,
      mode,
      maximum: Math.min(maximum, this.#maximum),
    };
    // Short grants and code at a segment's end are translated for this one time.
    const keep = !anew && maximum >= this.#maximum && limit === Number.POSITIVE_INFINITY;
    const made = this.#translator.translate(place, keep);
    if (made === 'second-page') return Vector.PF;
    if (made === 'limit') return this.#generalProtection();
    if (keep && this.memory.hostAddress(physical) >= 0) cache.publish(made);
    return made;
  }
  #generalProtection(): number {
    this.#words[State.FAULT_ERROR >> 2] = 0;
    return Vector.GP;
  }

  /** Runs the callout of the current record. */
  #callout(): number {
    const words = this.#words;
    const { view, bytes } = this.memory;
    const record = words[State.RECORD >> 2]!;
    const operands = this.#operands.at(record);
    const number = view.getUint16(record + RecordOffset.CALLOUT, true);
    const callout = numberedCallouts[number]!;
    const { virtual } = operands;
    if (virtual) this.virtualCallouts[number]!++;
    const cpu = this.#control.cpu(virtual);
    const eip = words[State.EIP_PAGE >> 2]! + view.getUint16(record + RecordOffset.PAGE_OFFSET, true);
    cpu.instructionEip = eip >>> 0;
    words[State.EIP >> 2] = eip + bytes[record + RecordOffset.LENGTH]!;
    try {
      callout.run(cpu, operands);
    } catch (thrown) {
      if (thrown instanceof Frozen) {
        words[State.EIP >> 2] = eip;
        return Exit.STALE;
      }
      if (!(thrown instanceof Fault)) throw thrown;
      if (thrown instanceof TaskFault) {
        this.fault(thrown.vector, thrown.error);
        return Exit.LEAVE_AT;
      }
      words[State.EIP >> 2] = eip;
      words[State.FAULT_VECTOR >> 2] = thrown.vector;
      words[State.FAULT_ERROR >> 2] = thrown.error;
      return Exit.FAULT;
    }
    const { state } = cpu;
    if (state.sys(System.SHADOW) !== 0) {
      state.setSys(System.SHADOW, 0);
      words[State.SHADOW >> 2] = words[State.BUDGET >> 2]! + bytes[record + RecordOffset.REMAINING]! - 1;
    }
    if (words[State.LEAVE >> 2] !== 0) return callout.endsBlock ? Exit.LEAVE_AT : Exit.LEAVE;
    return callout.endsBlock ? Exit.ENTER : Exit.NEXT;
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
    this.inCacheCount += words[State.IN_CACHE >> 2]! >>> 0;
    words[State.IN_CACHE >> 2] = 0;
    words[State.LOOKUP_HITS >> 2] = 0;
  }
}
