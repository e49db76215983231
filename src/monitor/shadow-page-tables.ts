/**
 * Shadow page tables that are kept across address-space switches. Each is made from one page of the guest's tables
 * and found again by it, so that address spaces share what the guest shares. Write traces on those pages hold them
 * true: whatever the guest changes is changed here before the next access.
 *
 * An entry exists only where the guest's has its accessed bit set, and is writable only where it is dirty, so that
 * the processor comes to the monitor for every walk of the guest's tables that would leave a mark.
 */
import { PAGE_SIZE } from '../memory/layout.ts';
import { type Mmu, Watch } from '../memory/mmu.ts';
import { address64, Entry, maskAddress, type PagingMode, Translation, XD } from '../memory/paging.ts';
import { PageFault } from '../x86/exceptions.ts';
import type { CpuState } from '../x86/state.ts';
import {
  mapLarge,
  mapPage,
  mapSmall,
  roleNumber,
  roleOf,
  type ShadowEntry,
  type ShadowRole,
} from './shadow-entry.ts';
import {
  type GuestTables,
  installPae,
  newShadowCounters,
  type ShadowPaging,
  setPdpte,
} from './shadow-paging.ts';
import { Kind, pageKey, type ShadowPage, ShadowPool } from './shadow-pool.ts';

/** Address spaces remembered. */
const MOST_SPACES = 256;
/**
 * Writes to a page of the guest's tables after which its shadow is given up, unless the processor has used it in
 * between: a table that the guest freed and uses for data now would be slow to write for ever. Directories of address
 * spaces that are not entered are hardly written while they live.
 */
const MOST_WRITES = { directory: 8, table: 64 } as const;
const ENTRIES = 512;
const LARGE_SIZE = 2 << 20;

/** A page of the guest's tables, and the shadow pages made from it. */
interface Source {
  readonly pages: ShadowPage[];
  /** Writes since the shadow was last seen in use. */
  writes: number;
}
/** What a value of CR3 and a role lead to. */
interface Space {
  readonly directories: (ShadowPage | undefined)[];
  /** When it was entered last. */
  entered: number;
}

/** The key of what a directory entry of the guest leads to, -1 if nothing may be kept of it. @param half of 4 MiB */
const targetKey = (role: ShadowRole, low: number, high: number, half: number): number => {
  const { pae, model } = role;
  const needed = Entry.P | Entry.A;
  if ((low & needed) !== needed) return -1;
  if (pae && high & (model.high64 | (role.noExecute ? 0 : XD))) return -1;
  const disabled = high & XD ? 1 : 0;
  if (low & Entry.PS && (pae || role.largePages)) {
    if (low & (pae ? model.large64 : model.large)) return -1;
    return pageKey(Kind.LARGE, role, (((high & 0xff) * 2 + disabled) * 2 ** 32 + (low >>> 0)) * 2 + half);
  }
  const rights = ((low & (Entry.RW | Entry.US)) >> 1) | (disabled << 2);
  return pageKey(Kind.TABLE, role, (tablePage(role, low, high) * 8 + rights) * 2 + half);
};
/** Number of the guest's page that a directory entry leads to. */
const tablePage = (role: ShadowRole, low: number, high: number): number => {
  const address = role.pae ? address64(low, high, 0xfffff000) : (low & 0xfffff000) >>> 0;
  return Math.floor(maskAddress(address, role.addressMask) / PAGE_SIZE);
};

export class ShadowPageTables implements ShadowPaging {
  readonly counters = newShadowCounters();
  readonly #mmu: Mmu;
  readonly #words: Int32Array;
  readonly #tables: GuestTables;
  readonly #pool: ShadowPool;
  readonly #translation = new Translation();
  readonly #entry: ShadowEntry = { low: 0, high: 0 };
  readonly #roles = new Map<number, ShadowRole>();
  readonly #sources = new Map<number, Source>();
  readonly #spaces = new Map<number, Space>();
  #processor: CpuState | undefined;
  #role!: ShadowRole;
  #space: Space = { directories: [], entered: 0 };
  #now = 0;

  /** @param pages of the monitor's memory that may be used, at least 8 */
  constructor(mmu: Mmu, tables: GuestTables, pages: number) {
    this.#mmu = mmu;
    this.#words = mmu.memory.words;
    this.#tables = tables;
    this.#pool = new ShadowPool(mmu.memory, pages);
  }

  install(processor: CpuState): void {
    this.#processor = processor;
    installPae(processor);
    this.#forgetAll();
  }
  #forgetAll(): void {
    for (const page of this.#sources.keys()) this.#mmu.unwatch(page * PAGE_SIZE, Watch.PAGE_TABLE);
    this.#sources.clear();
    this.#spaces.clear();
    this.#pool.clear();
    this.#space.directories.fill(undefined);
    this.#installDirectories();
  }

  // ---- address spaces ---------------------------------------------------------------------------------

  pagingChanged(guest: PagingMode): void {
    const number = roleNumber(guest);
    let role = this.#roles.get(number);
    if (!role) {
      role = roleOf(guest);
      this.#roles.set(number, role);
    }
    this.#role = role;
    const cr3 = role.paged ? (guest.cr3 & (role.pae ? 0xffffffe0 : 0xfffff000)) >>> 0 : 0;
    const key = pageKey(Kind.DIRECTORY, role, cr3);
    let space = this.#spaces.get(key);
    if (!space) {
      this.counters.switchesAnew++;
      if (this.#spaces.size >= MOST_SPACES) this.#leaveSpaces();
      space = { directories: [undefined, undefined, undefined, undefined], entered: 0 };
      this.#spaces.set(key, space);
    } else if (space !== this.#space) this.counters.switchesKept++;
    space.entered = ++this.#now;
    this.#space = space;
    if (role.paged && role.pae) this.#checkPointers(space, guest);
    this.#installDirectories();
  }
  /** Leaves directories that the PDPTE registers do not lead to any more. */
  #checkPointers({ directories }: Space, { pdptes }: PagingMode): void {
    for (let i = 0; i < 4; i++) {
      const directory = directories[i];
      if (!directory) continue;
      const low = pdptes[i * 2]!;
      if (low & Entry.P && tablePage(this.#role, low, pdptes[i * 2 + 1]!) === directory.guestPage) continue;
      directories[i] = undefined;
      this.#unlink(directory);
    }
  }
  #installDirectories(): void {
    if (!this.#processor) return;
    for (let i = 0; i < 4; i++) setPdpte(this.#processor, i, this.#space.directories[i]?.physical ?? 0);
  }
  /** Forgets the half of the address spaces that were entered longest ago, never the current one. */
  #leaveSpaces(): void {
    const others = [...this.#spaces].filter(([, space]) => space !== this.#space);
    others.sort(([, a], [, b]) => a.entered - b.entered);
    for (const [key, { directories }] of others.slice(0, Math.ceil(others.length / 2))) {
      this.#spaces.delete(key);
      for (const directory of directories) if (directory) this.#unlink(directory);
    }
  }
  /** Makes room: by leaving address spaces or, where that is too little, by starting anew. */
  #evict(): void {
    this.counters.shadowEvictions++;
    this.#leaveSpaces();
    if (this.#pool.free < Math.max(2, this.#pool.count >> 3)) {
      const [key] = [...this.#spaces].find(([, space]) => space === this.#space) ?? [];
      this.#forgetAll();
      if (key !== undefined) this.#spaces.set(key, this.#space);
    }
  }

  // ---- pages ------------------------------------------------------------------------------------------

  /** Makes a page's shadow depend on a page of the guest's. @param number of that page */
  #trace(page: ShadowPage, number: number): void {
    page.guestPage = number;
    const source = this.#sources.get(number);
    if (source) {
      source.pages.push(page);
      return;
    }
    this.#sources.set(number, { pages: [page], writes: 0 });
    this.#mmu.watch(number * PAGE_SIZE, Watch.PAGE_TABLE);
  }
  #untrace(page: ShadowPage): void {
    const source = this.#sources.get(page.guestPage);
    if (!source) return;
    source.pages.splice(source.pages.indexOf(page), 1);
    if (source.pages.length > 0) return;
    this.#sources.delete(page.guestPage);
    this.#mmu.unwatch(page.guestPage * PAGE_SIZE, Watch.PAGE_TABLE);
  }
  /** Something does not lead to a page any more. */
  #unlink(page: ShadowPage): void {
    if (--page.links > 0) return;
    if (page.kind === Kind.DIRECTORY) for (let i = 0; i < ENTRIES; i++) this.#clear(page, i);
    this.#untrace(page);
    this.#pool.release(page);
  }
  /** Clears an entry of a directory. */
  #clear(directory: ShadowPage, index: number): void {
    const at = directory.word + index * 2;
    const low = this.#words[at]!;
    if ((low & Entry.P) === 0) return;
    this.#words[at] = 0;
    this.#unlink(this.#pool.pageOf(low));
  }
  #directory(quarter: number, guest: PagingMode): ShadowPage {
    const role = this.#role;
    const { pae, paged } = role;
    let source = quarter;
    let page = -1;
    if (paged) {
      const low = pae ? guest.pdptes[quarter * 2]! : guest.cr3;
      page = tablePage(role, low, pae ? guest.pdptes[quarter * 2 + 1]! : 0);
      source = page * 4 + (pae ? 0 : quarter);
    }
    const key = pageKey(Kind.DIRECTORY, role, source);
    let directory = this.#pool.find(key);
    if (!directory) {
      directory = this.#pool.allocate(Kind.DIRECTORY, key, role);
      directory.part = pae ? 0 : quarter;
      if (paged) this.#trace(directory, page);
    }
    directory.links++;
    this.#space.directories[quarter] = directory;
    if (this.#processor) setPdpte(this.#processor, quarter, directory.physical);
    return directory;
  }
  /** Makes and fills what a directory entry leads to. @param low,high that entry, or without paging the address */
  #make(key: number, linear: number, low: number, high: number): ShadowPage {
    const role = this.#role;
    const large = !role.paged || (low & Entry.PS && (role.pae || role.largePages));
    const page = this.#pool.allocate(large ? Kind.LARGE : Kind.TABLE, key, role);
    page.part = role.pae ? 0 : (linear >>> 21) & 1;
    page.access = (low & (Entry.RW | Entry.US)) | (high & XD);
    if (!large) this.#trace(page, tablePage(role, low, high));
    const e = this.#entry;
    for (let i = 0; i < ENTRIES; i++) {
      if (!large) this.#mapSmall(page, i, false);
      else {
        if (role.paged) mapLarge(e, role, low, high, page.part * LARGE_SIZE + i * PAGE_SIZE, false);
        else {
          const physical = (linear - (linear & (LARGE_SIZE - 1)) + i * PAGE_SIZE) >>> 0;
          mapPage(e, role, physical, Entry.RW | Entry.US, Entry.D, false, false);
        }
        this.#words[page.word + i * 2] = e.low;
        this.#words[page.word + i * 2 + 1] = e.high;
      }
    }
    return page;
  }
  /** Derives an entry of a table anew from the guest's. */
  #mapSmall(table: ShadowPage, index: number, supervisorWrites: boolean): void {
    const { role, guestPage } = table;
    const at = guestPage * PAGE_SIZE + (role.pae ? index * 8 : (table.part * ENTRIES + index) * 4);
    const e = this.#entry;
    const low = this.#tables.memory.read(at, 4);
    const word = table.word + index * 2;
    if ((low & Entry.P) === 0) {
      this.#words[word] = 0;
      return;
    }
    const high = role.pae ? this.#tables.memory.read(at + 4, 4) : 0;
    mapSmall(e, role, low, high, table.access, supervisorWrites);
    this.#words[word] = e.low;
    this.#words[word + 1] = e.high;
  }

  // ---- events -----------------------------------------------------------------------------------------

  fill(guest: PagingMode, linear: number, access: number): number {
    const t = this.#translation;
    const fault = this.#tables.walk(guest, linear, access, t);
    if (fault >= 0) return fault;
    // A directory and a table may have to be made.
    if (this.#pool.free < 2) this.#evict();
    const role = this.#role;
    const directory = this.#space.directories[linear >>> 30] ?? this.#directory(linear >>> 30, guest);
    const half = role.pae ? 0 : (linear >>> 21) & 1;
    // An entry that leads to its own table is found twice: where the entries lie does not tell.
    const { large } = t;
    const low = large ? t.entry : t.directory | Entry.A;
    const key = role.paged
      ? targetKey(role, low, t.directoryHigh, half)
      : pageKey(Kind.LARGE, role, linear >>> 21);
    const link = directory.word + ((linear >>> 21) & (ENTRIES - 1)) * 2;
    const linked = this.#words[link]!;
    let table = linked & Entry.P ? this.#pool.pageOf(linked) : undefined;
    const word = ((linear >>> 12) & (ENTRIES - 1)) * 2;
    if (table?.key === key) {
      if (this.#words[table.word + word] === 0) this.counters.hiddenForPage++;
      else this.counters.hiddenForRight++;
    } else {
      this.counters.hiddenForTable++;
      if (table) this.#clear(directory, (linear >>> 21) & (ENTRIES - 1));
      table = this.#pool.find(key) ?? this.#make(key, linear, low, t.directoryHigh);
      table.links++;
      table.linkedAt = link;
      // Its accessed bit is left to the processor: it tells whether the table is used.
      this.#words[link] = table.physical | Entry.P | Entry.RW | Entry.US;
      this.#words[link + 1] = 0;
    }
    const e = this.#entry;
    const supervisorWrites = (access & (PageFault.W | PageFault.U)) === PageFault.W;
    const offset = linear & (LARGE_SIZE - PAGE_SIZE);
    if (!role.paged)
      mapPage(e, role, (linear & -PAGE_SIZE) >>> 0, Entry.RW | Entry.US, Entry.D, false, false);
    else if (large) mapLarge(e, role, low, t.directoryHigh, half * LARGE_SIZE + offset, supervisorWrites);
    else mapSmall(e, role, t.entry, t.entryHigh, table.access, supervisorWrites);
    this.#words[table.word + word] = e.low;
    this.#words[table.word + word + 1] = e.high;
    return -1;
  }

  /** Nothing: what the guest's tables say is what the shadow says. */
  invalidate(): void {}

  tableWritten(physical: number, size: number): boolean {
    if (this.#tables.marking) return false;
    const source = this.#sources.get(physical >>> 12);
    if (!source) return false;
    this.counters.tracedTableWrites++;
    const first = physical & (PAGE_SIZE - 1);
    const last = first + size - 1;
    for (let i = source.pages.length - 1; i >= 0; i--) {
      const page = source.pages[i];
      // A directory that leads to itself may have gone with the entry.
      if (!page) continue;
      const shift = page.role.pae ? 3 : 2;
      for (let n = first >> shift; n <= last >> shift; n++)
        if (page.kind === Kind.TABLE) this.#tableEntryWritten(page, n);
        else this.#directoryEntryWritten(page, n);
    }
    if (++source.writes >= MOST_WRITES.directory) this.#writtenOften(source);
    return true;
  }
  #tableEntryWritten(table: ShadowPage, n: number): void {
    if (!table.role.pae && n >> 9 !== table.part) return;
    this.#mapSmall(table, n & (ENTRIES - 1), false);
  }
  #directoryEntryWritten(directory: ShadowPage, n: number): void {
    const { role } = directory;
    const { memory } = this.#tables;
    if (!role.pae && n >> 8 !== directory.part) return;
    const at = directory.guestPage * PAGE_SIZE + n * (role.pae ? 8 : 4);
    const low = memory.read(at, 4);
    const high = role.pae ? memory.read(at + 4, 4) : 0;
    for (let half = 0; half < (role.pae ? 1 : 2); half++) {
      const index = role.pae ? n : (n & 255) * 2 + half;
      const linked = this.#words[directory.word + index * 2]!;
      if ((linked & Entry.P) === 0) continue;
      if (this.#pool.pageOf(linked).key !== targetKey(role, low, high, half)) this.#clear(directory, index);
    }
  }
  #writtenOften(source: Source): void {
    const { pages, writes } = source;
    if (writes < MOST_WRITES.table && pages.some(({ kind }) => kind === Kind.TABLE)) return;
    source.writes = 0;
    if (pages.map((page) => this.#wasUsed(page)).includes(true)) return;
    this.counters.tablesGivenUp++;
    for (const page of [...pages]) this.#giveUp(page);
  }
  /** Whether the processor has used a page since this was asked last. */
  #wasUsed(page: ShadowPage): boolean {
    if (page.kind === Kind.DIRECTORY) return this.#space.directories.includes(page);
    const link = this.#words[page.linkedAt]!;
    if ((link & Entry.A) === 0 || (link & Entry.P) === 0 || this.#pool.pageOf(link) !== page) return false;
    this.#words[page.linkedAt] = link & ~Entry.A;
    return true;
  }
  /** Clears everything that leads to a page. */
  #giveUp(page: ShadowPage): void {
    // What led to it may have gone with another page of the same source.
    if (page.links === 0) return;
    // One link more, so that it goes when the last is found, not before.
    if (page.kind === Kind.DIRECTORY) {
      for (const { directories } of this.#spaces.values())
        for (let i = 0; i < 4; i++)
          if (directories[i] === page) {
            directories[i] = undefined;
            this.#unlink(page);
          }
      this.#installDirectories();
      return;
    }
    for (const directory of this.#directories())
      for (let i = 0; i < ENTRIES && page.links > 0; i++) {
        const low = this.#words[directory.word + i * 2]!;
        if (low & Entry.P && this.#pool.pageOf(low) === page) this.#clear(directory, i);
      }
  }
  *#directories(): IterableIterator<ShadowPage> {
    const seen = new Set<ShadowPage>();
    for (const { directories } of this.#spaces.values())
      for (const directory of directories) {
        if (!directory || seen.has(directory)) continue;
        seen.add(directory);
        yield directory;
      }
  }
}
