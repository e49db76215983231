/**
 * The software TLB: six flat tables of one word for every page of linear space (layout.ts). What was filled
 * is listed, so that a flush costs what was used, not the size of the tables.
 */
import {
  PAGE_SIZE,
  POINTER_BIAS,
  RAM_BASE,
  TLB_EXECUTE_OFFSET,
  TLB_READ_OFFSET,
  TLB_SIZE,
  TLB_SUPERVISOR,
  TLB_TABLE_SIZE,
  TLB_USER,
  TLB_WRITE_OFFSET,
} from './layout.ts';

const LIST_CAPACITY = 1 << 16;
/** Watched translations kept; with more of them all are forgotten. */
const MOST_WATCHED = 1 << 16;
/** In `#writers`: more than one word may allow writes to the page. */
const SEVERAL = -1;
const TABLES = [TLB_SUPERVISOR, TLB_USER].flatMap((base) =>
  [TLB_READ_OFFSET, TLB_WRITE_OFFSET, TLB_EXECUTE_OFFSET].map((offset) => base + offset),
);

/** The tables whose words allow writes. */
const WRITE_TABLES = [TLB_SUPERVISOR, TLB_USER].map((base) => base + TLB_WRITE_OFFSET);
/** Whether a word of the tables, by its index, allows writes. */
const isWriteWord = (index: number): boolean => {
  const at = (index << 2) - TLB_SUPERVISOR;
  return (at - (at % TLB_TABLE_SIZE)) % (TLB_USER - TLB_SUPERVISOR) === TLB_WRITE_OFFSET;
};

/** Which table of a privilege: TLB_READ_OFFSET, TLB_WRITE_OFFSET or TLB_EXECUTE_OFFSET. */
export type TlbKind = number;

/** A list of word indices; past its capacity it only knows that there are more. */
class FillList {
  readonly entries = new Uint32Array(LIST_CAPACITY);
  length = 0;
  overflow = false;
  add(index: number): void {
    if (this.length < LIST_CAPACITY) this.entries[this.length++] = index;
    else this.overflow = true;
  }
  clear(): void {
    this.length = 0;
    this.overflow = false;
  }
}

/** Where in its table a word's page lies: its linear address. */
const linearOf = (index: number): number => (((index << 2) - TLB_SUPERVISOR) % TLB_TABLE_SIZE) << 10;
const writeIndex = (linear: number, user: boolean): number =>
  (((user ? TLB_USER : TLB_SUPERVISOR) + TLB_WRITE_OFFSET) >>> 2) + (linear >>> 12);

export class Tlb {
  readonly #words: Int32Array;
  readonly #local = new FillList();
  readonly #global = new FillList();
  /** For each 4 MiB of linear space, whether a large page was filled from it. */
  readonly #large = new Uint8Array(1024);
  /**
   * Write translations of watched pages, by the index of the word that stays zero for them: what would be known
   * if nobody watched is known, for as long, and no sooner forgotten.
   */
  readonly #watchedLocal = new Map<number, number>();
  readonly #watchedGlobal = new Map<number, number>();
  /** For each page of RAM, twice the index of the word that allows writes to it, plus 1 if global; or SEVERAL. */
  readonly #writers: Int32Array;
  flushes = 0;

  /** @param pages of RAM */
  constructor(words: Int32Array, pages: number) {
    this.#words = words;
    this.#writers = new Int32Array(pages);
  }

  /**
   * Enters a page.
   * @param linear any linear address in it @param host address in linear memory of the page's first byte
   * @param global survives a CR3 load @param large part of a page of 2 or 4 MiB
   */
  fill(linear: number, host: number, kind: TlbKind, user: boolean, global: boolean, large: boolean): void {
    const table = (user ? TLB_USER : TLB_SUPERVISOR) + kind;
    const index = (table >>> 2) + (linear >>> 12);
    const word = (host - (linear & -PAGE_SIZE) - POINTER_BIAS) | 0;
    if (kind === TLB_WRITE_OFFSET) this.#noteWriter(host, index, global);
    if (this.#words[index] !== word) (global ? this.#global : this.#local).add(index);
    this.#words[index] = word;
    if (large) this.#large[linear >>> 22] = 1;
  }
  #noteWriter(host: number, index: number, global: boolean): void {
    const page = (host - RAM_BASE) >>> 12;
    const known = this.#writers[page];
    if (known === undefined || known === SEVERAL) return;
    const other = known !== 0 && known >>> 1 !== index && this.#leadsTo(known >>> 1, host);
    this.#writers[page] = other ? SEVERAL : index * 2 + (global ? 1 : 0);
  }
  /** Whether a word translates to a host page. */
  #leadsTo(index: number, host: number): boolean {
    return ((this.#words[index]! + linearOf(index) + POINTER_BIAS) | 0) === (host | 0);
  }

  /** The word of a page, zero when there is none. */
  word(linear: number, kind: TlbKind, user: boolean): number {
    const table = (user ? TLB_USER : TLB_SUPERVISOR) + kind;
    return this.#words[(table >>> 2) + (linear >>> 12)]!;
  }

  /** Enters a page for writes that are to be seen; parameters as of `fill`. */
  fillWatched(linear: number, host: number, user: boolean, global: boolean): void {
    this.#watch(writeIndex(linear, user), (host - (linear & -PAGE_SIZE) - POINTER_BIAS) | 0, global);
  }
  #watch(index: number, word: number, global: boolean): void {
    const map = global ? this.#watchedGlobal : this.#watchedLocal;
    if (map.size >= MOST_WATCHED) map.clear();
    map.set(index, word);
  }
  /** The word for writes of a page that is watched, or was when it was entered; zero when there is none. */
  watchedWord(linear: number, user: boolean): number {
    const index = writeIndex(linear, user);
    return this.#watchedLocal.get(index) ?? this.#watchedGlobal.get(index) ?? 0;
  }
  /** Writes to a page that `watchedWord` knows need not be seen any more. */
  unwatched(linear: number, user: boolean): void {
    const index = writeIndex(linear, user);
    const local = this.#watchedLocal.get(index);
    const word = local ?? this.#watchedGlobal.get(index) ?? 0;
    this.#watchedLocal.delete(index);
    this.#watchedGlobal.delete(index);
    const host = (word + (linear & -PAGE_SIZE) + POINTER_BIAS) | 0;
    if (word !== 0) this.fill(linear, host, TLB_WRITE_OFFSET, user, local === undefined, false);
  }

  /** The biased address in linear memory of the code at a linear address, zero when it is not here. */
  codeAddress(linear: number, user: boolean): number {
    const word = this.word(linear, TLB_EXECUTE_OFFSET, user);
    return word === 0 ? 0 : (word + linear) | 0;
  }

  /** Forgets everything, or everything but global pages. */
  flush(global: boolean): void {
    this.flushes++;
    this.#clear(this.#local);
    this.#watchedLocal.clear();
    if (global) {
      this.#clear(this.#global);
      this.#watchedGlobal.clear();
      this.#large.fill(0);
    }
  }
  #clear(list: FillList): void {
    const words = this.#words;
    if (list.overflow) {
      // What did not fit in either list is unknown: clear the tables, which is right for both.
      words.fill(0, TLB_SUPERVISOR >>> 2, (TLB_SUPERVISOR + TLB_SIZE) >>> 2);
      this.#local.clear();
      this.#global.clear();
      return;
    }
    const { entries, length } = list;
    for (let i = 0; i < length; i++) words[entries[i]!] = 0;
    list.clear();
  }

  /**
   * Forgets the page of a linear address; all 4 MiB around it when it may have come from a large page.
   * @param large whether that is so; known here for pages that were filled as parts of one
   */
  invalidate(linear: number, large = this.#large[linear >>> 22] !== 0): void {
    const first = large ? (linear >>> 22) << 10 : linear >>> 12;
    const count = large ? 1024 : 1;
    for (const table of TABLES) {
      const at = (table >>> 2) + first;
      this.#words.fill(0, at, at + count);
    }
    for (const map of [this.#watchedLocal, this.#watchedGlobal]) {
      if (map.size === 0) continue;
      for (const user of [false, true]) {
        const at = writeIndex((first << 12) >>> 0, user);
        for (let i = at; i < at + count; i++) map.delete(i);
      }
    }
  }

  /** Takes the write permission of all mappings away, as a processor may do with any entry at any time. */
  protectAll(): void {
    const words = this.#words;
    const overflow = this.#local.overflow || this.#global.overflow;
    if (overflow)
      for (const table of WRITE_TABLES) words.fill(0, table >>> 2, (table + TLB_TABLE_SIZE) >>> 2);
    for (const list of [this.#local, this.#global]) {
      const { entries, length } = list;
      list.length = 0;
      for (let i = 0; i < length; i++) {
        const index = entries[i]!;
        if (isWriteWord(index)) words[index] = 0;
        else entries[list.length++] = index;
      }
    }
  }

  /** Takes the write permission of every mapping of a host page away, so that writes are seen. */
  protect(host: number): void {
    const page = (host - RAM_BASE) >>> 12;
    const writer = this.#writers[page];
    if (writer === undefined || writer === 0) return;
    this.#writers[page] = 0;
    if (writer !== SEVERAL) {
      this.#protectWord(writer >>> 1, host, (writer & 1) !== 0);
      return;
    }
    for (const list of [this.#local, this.#global])
      for (let i = 0; i < list.length; i++) {
        const index = list.entries[i]!;
        if (isWriteWord(index)) this.#protectWord(index, host, list === this.#global);
      }
    if (!this.#local.overflow && !this.#global.overflow) return;
    for (const table of WRITE_TABLES)
      for (let i = 0; i < TLB_TABLE_SIZE >>> 2; i++) this.#protectWord((table >>> 2) + i, host, false);
  }
  #protectWord(index: number, host: number, global: boolean): void {
    const word = this.#words[index]!;
    if (word === 0 || !this.#leadsTo(index, host)) return;
    this.#words[index] = 0;
    this.#watch(index, word, global);
  }
}
