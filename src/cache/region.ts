/**
 * The region of linear memory that holds records, and which blocks make room in it. It is filled front to back and
 * over again; policies differ in how much goes at a time, and in what is spared.
 */
import { RECORD_SIZE } from '../instructions/record.ts';
import type { Block } from './block.ts';

export interface EvictionPolicy {
  /** For help texts and reports. */
  readonly description: string;
  /** The region goes in so many equal parts, all blocks of one at once; null: block by block. */
  readonly units: number | null;
  /** Blocks that are looked up again after their links were taken away are spared. */
  readonly sparesUsed: boolean;
}

/**
 * The granularities of Hazelwood and Smith, "Exploring Code Cache Eviction Granularities in Dynamic Optimization
 * Systems" (CGO 2004), from the finest to the coarsest, and an approximation of least recently used: the clock with
 * two hands of virtual memory, for which unlinking a block is what clearing a reference bit is for a page.
 */
export const evictionPolicies = {
  fifo: { description: 'the oldest blocks, as many as are in the way', units: null, sparesUsed: false },
  units: { description: 'the oldest eighth of the cache', units: 8, sparesUsed: false },
  flush: { description: 'all blocks', units: 1, sparesUsed: false },
  clock: { description: 'the oldest blocks not used lately', units: null, sparesUsed: true },
} as const satisfies Record<string, EvictionPolicy>;

export type EvictionName = keyof typeof evictionPolicies;

/** What a region asks of the cache. */
export interface RegionHost {
  /** The block's place is needed, or it was invalid already: it is gone. */
  evict(block: Block): void;
  /** Nothing may lead to the block any more but a lookup, which marks it as used. */
  unlink(block: Block): void;
}

export class Region {
  readonly #start: number;
  readonly #end: number;
  readonly #policy: EvictionPolicy;
  readonly #host: RegionHost;
  /** Bytes of a unit. */
  readonly #unit: number;
  #cursor: number;
  /** End of the unit that is being filled. */
  #limit: number;
  /** Blocks in the order in which the cursor will meet them; `#oldest` is the index of the first. */
  #queue: Block[] = [];
  #oldest = 0;
  /** The clock's other hand: index of the first block that has not been unlinked. */
  #front = 0;

  /** @param start,end addresses of records */
  constructor(start: number, end: number, policy: EvictionPolicy, host: RegionHost) {
    this.#start = start;
    this.#end = end;
    this.#policy = policy;
    this.#host = host;
    const units = policy.units ?? 1;
    this.#unit = Math.floor((end - start) / units / RECORD_SIZE) * RECORD_SIZE;
    this.#cursor = start;
    this.#limit = policy.units === null ? end : start + this.#unit;
  }

  /** Makes room. @returns the address of the first record */
  reserve(recordCount: number): number {
    const bytes = recordCount * RECORD_SIZE;
    if (this.#policy.units === null) this.#makeWay(bytes);
    else if (this.#cursor + bytes > this.#limit) this.#nextUnit();
    const record = this.#cursor;
    this.#cursor += bytes;
    return record;
  }
  /** A block has been written where there was room for it. */
  add(block: Block): void {
    this.#queue.push(block);
  }
  /** The blocks whose places are taken, those that are not valid any more too. */
  blocks(): readonly Block[] {
    return this.#queue.slice(this.#oldest);
  }
  /** All blocks are gone. */
  clear(): void {
    this.#queue = [];
    this.#oldest = 0;
    this.#front = 0;
    this.#cursor = this.#start;
    this.#limit = this.#policy.units === null ? this.#end : this.#start + this.#unit;
  }

  /** Moves the cursor to where this many bytes are free, and frees them. */
  #makeWay(bytes: number): void {
    for (;;) {
      if (this.#cursor + bytes > this.#end) {
        // What lies between here and the end of the region is older than anything at its start.
        while (this.#meets(this.#cursor, this.#end)) this.#pass();
        this.#cursor = this.#start;
      }
      let free = true;
      while (free && this.#meets(this.#cursor, this.#cursor + bytes)) free = this.#pass();
      if (free) return;
    }
  }
  #nextUnit(): void {
    const last = this.#limit + this.#unit > this.#end;
    this.#cursor = last ? this.#start : this.#limit;
    this.#limit = this.#cursor + this.#unit;
    while (this.#meets(this.#cursor, this.#limit)) this.#pass();
  }
  /** Whether the next block lies in these bytes. */
  #meets(from: number, to: number): boolean {
    const block = this.#queue[this.#oldest];
    return block !== undefined && block.record >= from && block.record < to;
  }
  /** Evicts the next block, or spares it and goes behind it. @returns whether its place is free */
  #pass(): boolean {
    const { sparesUsed } = this.#policy;
    if (sparesUsed) this.#moveFront();
    const block = this.#queue[this.#oldest++]!;
    const spared = sparesUsed && block.valid && block.used;
    if (spared) {
      this.#queue.push(block);
      this.#cursor = block.record + block.recordCount * RECORD_SIZE;
    } else this.#host.evict(block);
    if (this.#oldest > 4096 && this.#oldest * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#oldest);
      this.#front -= this.#oldest;
      this.#oldest = 0;
    }
    return !spared;
  }
  /** Keeps half of the blocks between the hands: as long as one has to be used again. */
  #moveFront(): void {
    const goal = this.#oldest + ((this.#queue.length - this.#oldest + 1) >> 1);
    for (; this.#front < goal; this.#front++) {
      const block = this.#queue[this.#front]!;
      block.used = false;
      if (block.valid) this.#host.unlink(block);
    }
  }
}
