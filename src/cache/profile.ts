/**
 * A profile: how often each instruction was executed. Every record has a counter beside the cache, to which an
 * engine adds one when it enters a block there, and from which one is taken where a block is left early: the
 * instructions from that record on were not executed. An instruction's executions are then the sum of its block's
 * counters up to those of its last record. Sums are kept when a block's records make room for others.
 */
import { PROFILE_COUNTER_SIZE, RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { PAGE_SIZE } from '../memory/layout.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import type { Block, BlockOrigin } from './block.ts';

/** Distinct blocks that are told apart, and variants of one, as code that is rewritten has; the rest is counted together. */
const MOST_BLOCKS = 1 << 18;
const MOST_VARIANTS = 64;
/** More than a mode word can be. */
const MODES = 64;

/** One block of guest code, by its place, mode and bytes, and what was executed of it. */
export interface BlockProfile extends BlockOrigin {
  /** The guest's code as it was translated. */
  readonly bytes: Uint8Array;
  /** Length of each instruction in bytes. */
  readonly lengths: Uint8Array;
  /** Executions of each instruction; one execution of a repeated instruction is one. */
  readonly executions: Float64Array;
}

/** What the counters of a block's records mean. */
interface Counted {
  readonly profile: BlockProfile | undefined;
  /** By record: the instruction whose last record it is, else -1. */
  readonly ends: Int8Array;
}

export class Profile {
  readonly #memory: PhysicalMemory;
  /** By physical address and mode. */
  readonly #blocks = new Map<number, BlockProfile[]>();
  #count = 0;
  /** Blocks whose records and counters are still there. */
  readonly #present = new Map<Block, Counted>();
  #elsewhere = 0;

  /** @param memory one with room for a profile */
  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }
  /** Bytes of counters for a translation cache of so many bytes. */
  static sizeFor(cacheSize: number): number {
    const counters = (cacheSize / RECORD_SIZE) * PROFILE_COUNTER_SIZE;
    return Math.ceil(counters / PAGE_SIZE) * PAGE_SIZE;
  }
  /** What State.PROFILE must be. */
  get bias(): number {
    return this.#memory.profileBase - this.#memory.cacheBase / 4;
  }
  /** Index of a record's counter, 64 bits and signed, in the words of memory. */
  #counter(record: number): number {
    const { profileBase, cacheBase } = this.#memory;
    return (profileBase + (record - cacheBase) / 4) >> 2;
  }

  /** A block's records have been written. */
  entered(block: Block): void {
    const { bytes } = this.#memory;
    const lengths = new Uint8Array(bytes[block.record + RecordOffset.REMAINING]!);
    const ends = new Int8Array(block.recordCount).fill(-1);
    const lastRecords = new Uint8Array(lengths.length);
    for (let i = 0; i < block.recordCount; i++) {
      const record = block.record + i * RECORD_SIZE;
      const length = bytes[record + RecordOffset.LENGTH]!;
      // A guard has no length, and neither has what continues a block behind its last instruction.
      if (length === 0) continue;
      const instruction = lengths.length - bytes[record + RecordOffset.REMAINING]!;
      lengths[instruction] = length;
      lastRecords[instruction] = i;
    }
    for (const [instruction, i] of lastRecords.entries()) ends[i] = instruction;
    this.#present.set(block, { profile: this.#profileOf(block, lengths), ends });
  }
  #profileOf(block: Block, lengths: Uint8Array): BlockProfile | undefined {
    const { physical, linear, cpl, mode } = block;
    const key = physical * MODES + mode;
    const bytes = this.#code(block);
    const known = this.#blocks.get(key) ?? [];
    const same = known.find((p) => p.cpl === cpl && equal(p.bytes, bytes) && equal(p.lengths, lengths));
    if (same || this.#count >= MOST_BLOCKS || known.length >= MOST_VARIANTS) return same;
    const executions = new Float64Array(lengths.length);
    const made = { physical, linear, cpl, mode, bytes, lengths, executions };
    known.push(made);
    this.#blocks.set(key, known);
    this.#count++;
    return made;
  }
  #code({ physical, length, secondPage }: Block): Uint8Array {
    const inFirst = PAGE_SIZE - (physical & (PAGE_SIZE - 1));
    const address = (i: number) => (i < inFirst || secondPage < 0 ? physical + i : secondPage + i - inFirst);
    return Uint8Array.from({ length }, (_, i) => this.#memory.read(address(i), 1));
  }

  /** A block's records are about to be used for others. */
  left(block: Block): void {
    this.#settle(block);
    this.#present.delete(block);
  }
  #settle(block: Block): void {
    const counted = this.#present.get(block);
    if (!counted) return;
    const { profile, ends } = counted;
    const { words } = this.#memory;
    let executions = 0;
    for (let i = 0; i < block.recordCount; i++) {
      const at = this.#counter(block.record + i * RECORD_SIZE);
      executions += words[at + 1]! * 2 ** 32 + (words[at]! >>> 0);
      words[at] = 0;
      words[at + 1] = 0;
      const instruction = ends[i]!;
      if (instruction < 0) continue;
      if (profile) profile.executions[instruction]! += executions;
      else this.#elsewhere += executions;
    }
  }

  /** Takes back the executions of the instructions from a record on. */
  refund(record: number): void {
    const { words } = this.#memory;
    const at = this.#counter(record);
    words[at] = (words[at]! - 1) | 0;
    if (words[at] === -1) words[at + 1]!--;
  }

  /** Everything counted so far. Not to be called while an engine executes. */
  blocks(): BlockProfile[] {
    for (const block of this.#present.keys()) this.#settle(block);
    return [...this.#blocks.values()].flat();
  }
  /** Instructions executed in blocks beyond those that are told apart. */
  get elsewhere(): number {
    return this.#elsewhere;
  }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
