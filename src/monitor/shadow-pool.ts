/** The monitor's pages for shadow tables: handed out, found again by what they were made from, counted. */
import { PAGE_SIZE } from '../memory/layout.ts';
import { MONITOR_PHYSICAL, type PhysicalMemory } from '../memory/physical.ts';
import { ROLE_BITS, type ShadowRole } from './shadow-entry.ts';

/** What a page of the shadow stands for. */
export const Kind = {
  /** 1 GiB: a page directory with PAE, a quarter of one without; without paging nothing. */
  DIRECTORY: 0,
  /** 2 MiB: a page table with PAE, half of one without. */
  TABLE: 1,
  /** 2 MiB of a large page; without paging, of addresses that are physical. */
  LARGE: 2,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export class ShadowPage {
  /** Index of its first doubleword in linear memory, and its physical address. */
  readonly word: number;
  readonly physical: number;
  kind: Kind = Kind.DIRECTORY;
  key = 0;
  role!: ShadowRole;
  /** Number of the guest's page it was made from; -1 where that cannot change. */
  guestPage = -1;
  /** Which quarter or half of the guest's page. */
  part = 0;
  /** Of a table: the rights of the directory entry, RW, US and XD. */
  access = 0;
  /** Directory entries, or address spaces, that lead here, and the index of the entry that did so last. */
  links = 0;
  linkedAt = 0;

  constructor(word: number, physical: number) {
    this.word = word;
    this.physical = physical;
  }
}

/** Keys are whole numbers below 2^53: what is made from the same has the same. @param source below 2^42 */
export const pageKey = (kind: Kind, role: ShadowRole, source: number): number =>
  (source * 2 ** ROLE_BITS + role.number) * 4 + kind;

export class ShadowPool {
  readonly #words: Int32Array;
  readonly #pages: readonly ShadowPage[];
  readonly #free: ShadowPage[];
  readonly #byKey = new Map<number, ShadowPage>();

  /** @param count how many of the monitor's pages */
  constructor(memory: PhysicalMemory, count: number) {
    this.#words = memory.words;
    this.#pages = Array.from({ length: count }, (_, i) => {
      const physical = MONITOR_PHYSICAL + i * PAGE_SIZE;
      return new ShadowPage(memory.hostAddress(physical) >>> 2, physical);
    });
    this.#free = [...this.#pages];
  }
  get free(): number {
    return this.#free.length;
  }
  get count(): number {
    return this.#pages.length;
  }
  find(key: number): ShadowPage | undefined {
    return this.#byKey.get(key);
  }
  /** The page that a present entry of a directory leads to. @param low the entry's low doubleword */
  pageOf(low: number): ShadowPage {
    return this.#pages[((low >>> 0) - MONITOR_PHYSICAL) >>> 12]!;
  }
  /** An empty page; there must be a free one. */
  allocate(kind: Kind, key: number, role: ShadowRole): ShadowPage {
    const page = this.#free.pop()!;
    page.kind = kind;
    page.key = key;
    page.role = role;
    page.guestPage = -1;
    page.links = 0;
    this.#words.fill(0, page.word, page.word + PAGE_SIZE / 4);
    this.#byKey.set(key, page);
    return page;
  }
  release(page: ShadowPage): void {
    this.#byKey.delete(page.key);
    this.#free.push(page);
  }
  clear(): void {
    this.#byKey.clear();
    this.#free.length = 0;
    this.#free.push(...this.#pages);
  }
}
