/** Finds the block at State.EIP: in the cache, or by a translation, and links it to the exit that led to it. */
import type { Block } from '../cache/block.ts';
import type { TranslationCache } from '../cache/translation-cache.ts';
import { Special } from '../instructions/handlers.ts';
import { RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { PAGE_SIZE } from '../memory/layout.ts';
import type { Mmu } from '../memory/mmu.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { Mode } from '../translator/mode.ts';
import type { CodePlace, Translator } from '../translator/translator.ts';
import { Vector } from '../x86/exceptions.ts';
import { Seg } from '../x86/registers.ts';
import { type CpuState, SegmentField, State } from '../x86/state.ts';

export interface BlockFinderOptions {
  readonly memory: PhysicalMemory;
  /** The state the processor executes with. */
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly cache: TranslationCache;
  readonly translator: Translator;
  readonly maximumBlockLength: number;
  /** Privilege level of the guest's code as the guest believes it to be. */
  guestCpl(): number;
}

export class BlockFinder {
  readonly #memory: PhysicalMemory;
  readonly #words: Int32Array;
  readonly #state: CpuState;
  readonly #mmu: Mmu;
  readonly #cache: TranslationCache;
  readonly #translator: Translator;
  readonly #maximum: number;
  readonly #guestCpl: () => number;
  /** The block whose direct exit was followed, to be linked to the block entered next unless an event comes first. */
  #linkSource: Block | undefined;
  #linkSlot: 0 | 1 = 0;

  constructor(options: BlockFinderOptions) {
    this.#memory = options.memory;
    this.#words = options.memory.words;
    this.#state = options.state;
    this.#mmu = options.mmu;
    this.#cache = options.cache;
    this.#translator = options.translator;
    this.#maximum = options.maximumBlockLength;
    this.#guestCpl = options.guestCpl;
  }

  /** Linear address of the next instruction, unsigned. */
  get linearEip(): number {
    return (this.#words[State.EIP >> 2]! + this.#state.segment(Seg.CS, SegmentField.BASE)) >>> 0;
  }

  /**
   * Prepares to run the block at State.EIP. @param maximum instructions
   * @returns its first record, or minus the vector of its fetch fault, with State.FAULT_ERROR
   */
  enter(maximum: number): number {
    const block = this.#find(maximum, false);
    if (typeof block === 'number') return -block;
    if (this.#linkSource) this.#link(this.#linkSource, block);
    this.#linkSource = undefined;
    return this.#start(block);
  }
  /** Translates the one instruction at State.EIP, whatever the cache has. @returns as `enter` */
  enterAnew(): number {
    const block = this.#find(1, true);
    return typeof block === 'number' ? -block : this.#start(block);
  }
  #start(block: Block): number {
    this.#words[State.EIP_PAGE >> 2] = this.#words[State.EIP >> 2]! - (this.linearEip & (PAGE_SIZE - 1));
    // The second page was looked at when the block was found. The guard would look in the TLB, where a page with a
    // breakpoint or without memory never is.
    const handler = this.#memory.view.getUint16(block.record + RecordOffset.HANDLER, true);
    return handler === Special.GUARD ? block.record + RECORD_SIZE : block.record;
  }

  /** Follows a direct exit that is not linked. @param record the exit's */
  follow(record: number): void {
    const words = this.#words;
    this.#linkSlot = words[State.LINK_SLOT >> 2] as 0 | 1;
    const target = this.#linkSlot === 0 ? RecordOffset.TARGET0 : RecordOffset.TARGET1;
    words[State.EIP >> 2] = words[State.EIP_PAGE >> 2]! + this.#memory.view.getInt32(record + target, true);
    if (this.#cache.chaining) this.#linkSource = this.#cache.findByExit(record);
  }
  /** Something comes between the exit that was followed and the next block. */
  forgetExit(): void {
    this.#linkSource = undefined;
  }
  /** Links the exit that was followed to the block it led to. */
  #link(source: Block, block: Block): void {
    if (!block.kept || !source.valid) return;
    const eip = this.#words[State.EIP >> 2]!;
    const target = (eip - this.#words[State.EIP_PAGE >> 2]!) | 0;
    const samePage = target >= 0 && target < PAGE_SIZE;
    const proof = samePage ? 0 : this.#mmu.tlb.codeAddress(eip, this.#mmu.user);
    if (samePage || proof !== 0) this.#cache.link(source, this.#linkSlot, block, proof);
  }

  /**
   * @param anew translate even if the cache has it, without counting a lookup
   * @returns the block at State.EIP, of at most `maximum` instructions, or the vector of its fetch fault
   */
  #find(maximum: number, anew: boolean): Block | number {
    const cache = this.#cache;
    const { counters } = cache;
    const mode = this.#words[State.MODE >> 2]!;
    const { linearEip: linear } = this;
    const limit = this.#bytesToLimit(mode);
    if (limit <= 0) return this.#generalProtection();
    const physical = this.#mmu.translateFetch(linear, this.#mmu.user);
    if (physical < 0) return Vector.PF;
    const nextPage = ((linear | (PAGE_SIZE - 1)) + 1) >>> 0;
    const secondPage = () => this.#mmu.translateFetch(nextPage, this.#mmu.user);
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
      if (this.#memory.bytes[block.record + RecordOffset.REMAINING]! <= maximum) {
        cache.publish(block);
        return block;
      }
      // The cache has it, and the next event comes within it: what is executed before is translated for this one time.
      counters.cut++;
    }
    const place: CodePlace = {
      physical,
      linear,
      cpl: this.#guestCpl(),
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
  /** Bytes from EIP to the end of the code segment, infinite where that is far away. */
  #bytesToLimit(mode: number): number {
    if ((mode & Mode.FLAT) !== 0) return Number.POSITIVE_INFINITY;
    const left = (this.#state.segment(Seg.CS, SegmentField.LIMIT) >>> 0) - this.#state.eip + 1;
    return left > 2 * PAGE_SIZE ? Number.POSITIVE_INFINITY : left;
  }
  /** Counts a lookup without success. @param made the block that it led to, undefined for a fetch fault */
  #missed(made: Block | undefined): void {
    const { counters } = this.#cache;
    counters.misses++;
    if (made === undefined) counters.fetchFaults++;
    else if (!made.kept) counters.passing++;
  }
  #generalProtection(): number {
    this.#words[State.FAULT_ERROR >> 2] = 0;
    return Vector.GP;
  }
}
