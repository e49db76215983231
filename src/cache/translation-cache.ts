/**
 * The translation cache: records in one bounded region, where blocks make room for new ones as the eviction policy
 * says. Blocks are found by guest-physical address and mode.
 */

import { Special } from '../instructions/handlers.ts';
import { RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { jumpCacheEntry } from '../memory/jump-cache.ts';
import { JumpCacheField, PAGE_SIZE } from '../memory/layout.ts';
import { type Mmu, Watch } from '../memory/mmu.ts';
import { biased, type PhysicalMemory } from '../memory/physical.ts';
import type { Block } from './block.ts';
import { CodePage } from './code-page.ts';
import { newCacheCounters } from './counters.ts';
import type { Profile } from './profile.ts';
import { type EvictionName, evictionPolicies, Region } from './region.ts';

/** Room for one block that is run once and not kept, at the start of the region. */
const SCRATCH_RECORDS = 128;
/** Addresses that are remembered; with more of them, those without a block are forgotten. */
const MOST_KNOWN = 1 << 20;
const MODES = 64;

export interface CacheOptions {
  /** Which blocks make room for new ones; default `fifo`. */
  readonly eviction?: EvictionName;
  /** Whether direct exits are linked to their targets; default true. */
  readonly chaining?: boolean;
}

const lastRecord = (block: Block): number => block.record + (block.recordCount - 1) * RECORD_SIZE;

export class TranslationCache {
  readonly counters = newCacheCounters();
  readonly #memory: PhysicalMemory;
  readonly #mmu: Mmu;
  readonly #profile: Profile | undefined;
  readonly #region: Region;
  #scratchBlock: Block | undefined;
  /**
   * Blocks by address and mode; null where there was one. Entries are not deleted one by one: a map that one key
   * leaves and enters again and again, as self-modifying code makes it, gets slower with every time.
   */
  #blocks = new Map<number, Block | null>();
  #blockCount = 0;
  /** Pages that have or had blocks. */
  readonly #pages = new Map<number, CodePage>();
  /** Blocks by the address of their last record, which is where direct exits leave from. */
  readonly #byLast = new Map<number, Block>();

  /** Whether direct exits lead from block to block; without it each of them is a lookup. */
  readonly chaining: boolean;

  constructor(memory: PhysicalMemory, mmu: Mmu, options: CacheOptions = {}, profile?: Profile) {
    this.#memory = memory;
    this.#mmu = mmu;
    this.#profile = profile;
    this.chaining = options.chaining ?? true;
    this.#region = new Region(
      memory.cacheBase + SCRATCH_RECORDS * RECORD_SIZE,
      memory.cacheBase + memory.cacheSize - RECORD_SIZE,
      evictionPolicies[options.eviction ?? 'fifo'],
      { evict: (block) => this.#evict(block), unlink: (block) => this.#unlink(block) },
    );
  }

  /** Where a block that is not kept is written. */
  get scratch(): number {
    return this.#memory.cacheBase;
  }
  isScratch(record: number): boolean {
    return record < this.#memory.cacheBase + SCRATCH_RECORDS * RECORD_SIZE;
  }
  get blockCount(): number {
    return this.#blockCount;
  }

  #key(physical: number, mode: number): number {
    return physical * MODES + mode;
  }

  /** The block for an address and mode, which thereby counts as used. */
  find(physical: number, mode: number): Block | undefined {
    const block = this.#blocks.get(this.#key(physical, mode)) ?? undefined;
    if (block) block.used = true;
    return block;
  }

  /** The blocks that are kept, in no particular order. */
  *blocks(): IterableIterator<Block> {
    for (const block of this.#blocks.values()) if (block) yield block;
  }

  /** The block whose direct exit is at a record; undefined when it is gone or was never kept. */
  findByExit(record: number): Block | undefined {
    return this.#byLast.get(record);
  }

  /** The block that starts at a record; a search, for reports. */
  findByEntry(record: number): Block | undefined {
    for (const block of this.blocks()) {
      // A block that crosses a page is also entered behind the guard it starts with.
      const start = block.secondPage >= 0 ? block.record + RECORD_SIZE : block.record;
      if (record === start || record === block.record) return block;
    }
    return undefined;
  }

  /** Makes room for a block; others may have to go. @returns the address of its first record */
  reserve(recordCount: number): number {
    return this.#region.reserve(recordCount);
  }
  #evict(block: Block): void {
    this.#profile?.left(block);
    if (!block.valid) return;
    this.#remove(block);
    this.counters.evictions++;
  }

  /** Enters a block whose records have been written. */
  insert(block: Block): void {
    const key = this.#key(block.physical, block.mode);
    const known = this.#blocks.has(key);
    if (known) this.counters.retranslations++;
    else if (this.#blocks.size >= MOST_KNOWN) this.#forgetFormer();
    this.#blocks.set(key, block);
    this.#blockCount++;
    this.#region.add(block);
    this.#byLast.set(lastRecord(block), block);
    this.counters.translations++;
    this.#joinPages(block);
    this.#profile?.entered(block);
  }
  #forgetFormer(): void {
    this.#blocks = new Map([...this.#blocks].filter(([, block]) => block !== null));
  }
  /** Watches the code of the block that is now in the scratch area, so that it notices when it changes itself. */
  insertScratch(block: Block): void {
    this.#leaveScratch();
    this.#scratchBlock = block;
    this.#joinPages(block);
    this.#profile?.entered(block);
  }
  #leaveScratch(): void {
    const block = this.#scratchBlock;
    if (!block) return;
    this.#profile?.left(block);
    if (block.valid) this.#remove(block);
  }
  #joinPages(block: Block): void {
    const first = block.physical & (PAGE_SIZE - 1);
    const last = Math.min(first + block.length, PAGE_SIZE) - 1;
    this.#page(block.physical).add(block, first, last);
    if (block.secondPage >= 0)
      this.#page(block.secondPage).add(block, 0, first + block.length - PAGE_SIZE - 1);
  }
  #page(physical: number): CodePage {
    const number = Math.floor(physical / PAGE_SIZE);
    let page = this.#pages.get(number);
    if (!page) {
      page = new CodePage();
      this.#pages.set(number, page);
    }
    if (!page.watched) {
      page.watched = true;
      this.#mmu.watch(physical, Watch.CODE);
    }
    return page;
  }

  /**
   * Links a direct exit to a block.
   * @param proof biased address of the target's code, to which the TLB must still lead; 0 within a page
   */
  link(source: Block, slot: 0 | 1, target: Block, proof: number): void {
    const record = lastRecord(source);
    const address = record + (slot === 0 ? RecordOffset.LINK0 : RecordOffset.LINK1);
    const previous = source.outgoing[slot];
    if (previous !== target) {
      if (previous) this.#forget(previous, address);
      source.outgoing[slot] = target;
      target.incoming.push(address);
    }
    this.#memory.view.setUint32(address, target.record, true);
    this.#memory.view.setInt32(address + 4, proof, true);
    this.counters.links++;
  }
  #forget(target: Block, slot: number): void {
    const at = target.incoming.indexOf(slot);
    if (at >= 0) {
      target.incoming[at] = target.incoming[target.incoming.length - 1]!;
      target.incoming.pop();
    }
  }

  /** The guest has written to a page with code: blocks made from these bytes are gone. */
  written(physical: number, size: number): void {
    const page = this.#pages.get(Math.floor(physical / PAGE_SIZE));
    if (!page) return;
    if (page.blocks.length === 0) {
      // Its last block went with an earlier write: what comes now is data.
      page.watched = false;
      this.#mmu.unwatch(physical, Watch.CODE);
      return;
    }
    const first = physical & (PAGE_SIZE - 1);
    const last = first + size - 1;
    if (!page.mayContain(first, last)) return;
    const pageStart = physical - first;
    for (let i = page.blocks.length - 1; i >= 0; i--) {
      const block = page.blocks[i];
      if (block === undefined) continue;
      // One page may be both of a block's, where two linear pages lead to it.
      const start = block.physical & (PAGE_SIZE - 1);
      const end = start + block.length;
      const inFirst = block.physical - start === pageStart && start <= last && first < end;
      if (inFirst || (block.secondPage === pageStart && first < end - PAGE_SIZE)) this.invalidate(block);
    }
  }

  /** Removes a block and makes it harmless even where it is running: its records lead out of the engine. */
  invalidate(block: Block): void {
    if (!block.valid) return;
    const { view } = this.#memory;
    for (let i = 0; i < block.recordCount; i++)
      view.setUint16(block.record + i * RECORD_SIZE + RecordOffset.HANDLER, Special.STALE, true);
    this.#remove(block);
    if (block.kept) this.counters.invalidations++;
  }
  #remove(block: Block): void {
    block.valid = false;
    const key = this.#key(block.physical, block.mode);
    if (this.#blocks.get(key) === block) {
      this.#blocks.set(key, null);
      this.#blockCount--;
    }
    this.#unlink(block);
    const last = lastRecord(block);
    this.#byLast.delete(last);
    for (const slot of [0, 1] as const) {
      const target = block.outgoing[slot];
      if (target) this.#forget(target, last + (slot === 0 ? RecordOffset.LINK0 : RecordOffset.LINK1));
    }
    block.outgoing.fill(undefined);
    this.#leavePage(block, block.physical);
    if (block.secondPage >= 0) this.#leavePage(block, block.secondPage);
  }
  /** Takes away what leads to a block without a lookup. Who was linked to it stays on record. */
  #unlink(block: Block): void {
    const { view, words } = this.#memory;
    for (const slot of block.incoming) view.setUint32(slot, 0, true);
    const entry = jumpCacheEntry(biased(this.#memory.hostAddress(block.physical)));
    if (words[(entry + JumpCacheField.RECORD) >> 2] === block.record)
      words[(entry + JumpCacheField.ADDRESS) >> 2] = 0;
  }
  #leavePage(block: Block, physical: number): void {
    this.#pages.get(Math.floor(physical / PAGE_SIZE))?.remove(block);
  }

  /** Enters a block into the jump cache; one outside RAM cannot be found there. */
  publish(block: Block): void {
    const host = this.#memory.hostAddress(block.physical);
    if (host < 0) return;
    const address = biased(host);
    const at = jumpCacheEntry(address) >> 2;
    const { words } = this.#memory;
    words[at + (JumpCacheField.ADDRESS >> 2)] = address;
    words[at + (JumpCacheField.MODE >> 2)] = block.mode;
    words[at + (JumpCacheField.RECORD >> 2)] = block.record;
  }

  /** Empties the cache; not to be called while the engine runs. */
  flush(): void {
    if (this.#profile) for (const block of this.#region.blocks()) this.#profile.left(block);
    this.counters.flushed += this.#blockCount;
    for (const block of [...this.blocks()]) this.#remove(block);
    this.#leaveScratch();
    this.#region.clear();
  }
}
