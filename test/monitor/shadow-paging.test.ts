/** Shadow page tables must behave as the guest's own tables and a TLB would. */
import { beforeEach, describe, expect, test } from 'vitest';
import { TLB_WRITE_OFFSET } from '../../src/memory/layout.ts';
import { Mmu } from '../../src/memory/mmu.ts';
import { a20Mask, Entry, type PagingMode } from '../../src/memory/paging.ts';
import { MONITOR_PHYSICAL, PhysicalMemory } from '../../src/memory/physical.ts';
import { createShadowPaging } from '../../src/monitor/shadow.ts';
import {
  GuestTables,
  SHADOW_MEMORY,
  type ShadowPaging,
  shadowModel,
} from '../../src/monitor/shadow-paging.ts';
import { CR0, CR4 } from '../../src/x86/registers.ts';
import { CpuState, System, SystemBase } from '../../src/x86/state.ts';
import { DIRECTORY, entryAt, map, pagingMode, RAM, USER } from '../memory/support.ts';

const LINEAR = 0x0040_2000;
const A = 0x0030_0000;
const B = 0x0031_0000;

let memory: PhysicalMemory;
let mmu: Mmu;
let shadow: ShadowPaging;
let guest: PagingMode;
/** Error codes of page faults that are the guest's own, and how many were not. */
let reported: number[];
let hidden: number;

const start = (technique: Parameters<typeof createShadowPaging>[2]) => {
  memory = new PhysicalMemory(RAM, SHADOW_MEMORY, 0x10000);
  const state = new CpuState(memory.memory.buffer, SystemBase.PHYSICAL);
  mmu = new Mmu(memory, state);
  mmu.model = shadowModel;
  const tables = new GuestTables(mmu);
  shadow = createShadowPaging(mmu, tables, technique);
  guest = pagingMode(CR0.WP, CR4.PSE | CR4.PGE);
  reported = [];
  hidden = 0;
  state.setSys(System.CR0, CR0.PE | CR0.PG | CR0.WP);
  shadow.install(state);
  state.setSys(System.CR4, CR4.PAE | CR4.PGE);
  mmu.hooks.onPageFault = (linear, access) => {
    const fault = shadow.fill(guest, linear, access);
    if (fault >= 0) reported.push(fault);
    else hidden++;
    return fault;
  };
  mmu.hooks.onWatchedWrite = (physical, size) => shadow.tableWritten(physical, size);
  shadow.pagingChanged(guest, true);
  memory.write(A, 1, 1);
  memory.write(B, 1, 2);
  map(memory, LINEAR, A);
};

const read = (user = false) => mmu.read(LINEAR, 1, user);
const write = (value: number, user = false) => mmu.write(LINEAR, 1, value, user);
const flush = (global: boolean) => {
  shadow.pagingChanged(guest, global);
  mmu.tlb.flush(global);
};
const invalidate = (linear: number) => {
  shadow.invalidate(linear);
  mmu.tlb.invalidate(linear);
};
/** As `map` and memory.write, by an access of the guest: the monitor may see it. */
const remap = (linear: number, physical: number, bits: number = USER) =>
  mmu.writePhysical(entryAt(memory, linear), 4, physical | bits);
const entry = () => memory.read(entryAt(memory, LINEAR), 4);

describe.each([
  ['tables that are kept', {}],
  ['with hardly any room', { shadowPages: 8 }],
  ['a virtual TLB', { mmu: 'vtlb' }],
] as const)('%s', (_name, technique) => {
  beforeEach(() => start(technique));
  describe('what the tables say', () => {
    test('is followed, with A and D set in the tables of the guest only', () => {
      expect(read()).toBe(1);
      expect(entry() & (Entry.A | Entry.D)).toBe(Entry.A);
      write(5);
      expect(entry() & (Entry.A | Entry.D)).toBe(Entry.A | Entry.D);
      expect(memory.read(A, 1)).toBe(5);
      expect(reported).toEqual([]);
    });
    test('faults are reported with the codes of the guest', () => {
      map(memory, LINEAR, A, Entry.P);
      read(true);
      write(0);
      remap(LINEAR, A, 0);
      invalidate(LINEAR);
      read();
      expect(reported).toEqual([5, 3, 0]);
    });
    test('without paging linear is physical', () => {
      guest.cr0 = CR0.PE;
      flush(true);
      expect(mmu.read(B, 1, false)).toBe(2);
    });
    test('4 MiB pages, of which INVLPG drops all', () => {
      memory.write(DIRECTORY + (LINEAR >>> 22) * 4, 4, 0x400000 | USER | Entry.PS);
      memory.write(0x402000, 1, 7);
      expect(read()).toBe(7);
      mmu.writePhysical(DIRECTORY + (LINEAR >>> 22) * 4, 4, USER | Entry.PS);
      expect(read()).toBe(7);
      invalidate(LINEAR + 0x100000);
      expect(read()).toBe(memory.read(0x2000, 1));
    });
  });

  describe('CR0.WP clear', () => {
    beforeEach(() => {
      guest.cr0 = CR0.PE | CR0.PG;
      flush(true);
      map(memory, LINEAR, A, Entry.P | Entry.US);
    });
    test('lets the supervisor write to a read-only page and the user not', () => {
      write(5);
      expect(memory.read(A, 1)).toBe(5);
      expect(reported).toEqual([]);
      expect(read(true)).toBe(5);
      write(6, true);
      expect(reported).toEqual([7]);
      write(7);
      expect(memory.read(A, 1)).toBe(7);
    });
    test('and set again, neither', () => {
      write(5);
      guest.cr0 |= CR0.WP;
      flush(true);
      write(6);
      expect(reported).toEqual([3]);
      expect(memory.read(A, 1)).toBe(5);
    });
  });

  describe('changes of the tables', () => {
    test('absent to present needs no INVLPG', () => {
      map(memory, LINEAR, A, 0);
      read();
      expect(reported).toEqual([0]);
      remap(LINEAR, B);
      expect(read()).toBe(2);
      expect(reported).toEqual([0]);
    });
    test('read-only to writable needs none either', () => {
      map(memory, LINEAR, A, Entry.P | Entry.US);
      write(5);
      expect(reported).toEqual([3]);
      remap(LINEAR, A);
      write(5);
      expect(memory.read(A, 1)).toBe(5);
    });
    test('another page is seen after INVLPG, or after CR3 was loaded', () => {
      read();
      remap(LINEAR, B);
      expect(read()).toBe(1);
      invalidate(LINEAR);
      expect(read()).toBe(2);
      remap(LINEAR, A);
      flush(false);
      expect(read()).toBe(1);
    });
    test('global pages stay when CR3 is loaded', () => {
      map(memory, LINEAR, A, USER | Entry.G);
      read();
      remap(LINEAR, B);
      flush(false);
      expect(read()).toBe(1);
      flush(true);
      expect(read()).toBe(2);
    });
    test('a cleared A bit is set again after INVLPG', () => {
      read();
      remap(LINEAR, A);
      invalidate(LINEAR);
      read();
      expect(entry() & Entry.A).toBe(Entry.A);
    });
  });

  describe('the pages of the monitor', () => {
    const host = () => memory.hostAddress(MONITOR_PHYSICAL);
    const ownPages = () => Buffer.from(memory.bytes.subarray(host(), host() + SHADOW_MEMORY));

    test.each([MONITOR_PHYSICAL, MONITOR_PHYSICAL + 0x1000, 0xfffff000])('are a hole at %i', (physical) => {
      map(memory, LINEAR, physical | 0);
      read();
      mmu.write(LINEAR + 4, 4, 0x12345678, false);
      expect(mmu.read(LINEAR + 4, 4, false)).toBe(0xffffffff);
      expect(ownPages().includes(Buffer.from([0x78, 0x56, 0x34, 0x12]))).toBe(false);
    });
    test('are no page tables for the guest', () => {
      const marks = () => [0x120, 0x1048].map((offset) => memory.read(MONITOR_PHYSICAL + offset, 4));
      const before = marks();
      const fill = (linear: number, access: number) => {
        shadow.pagingChanged(guest, true);
        return shadow.fill(guest, linear, access);
      };
      // All ones are read (with PSE a large page whose reserved bits are set), no accessed bit is written.
      guest.cr3 = MONITOR_PHYSICAL | 0;
      expect(fill(0x12345000, 0)).toBe(9);
      guest.cr4 = 0;
      expect(fill(0x12345000, 0)).toBe(-1);
      guest.cr3 = DIRECTORY;
      memory.write(DIRECTORY + 8, 4, (MONITOR_PHYSICAL + 0x1000) | USER);
      expect(fill(0x00812000, 2)).toBe(-1);
      expect(marks()).toEqual(before);
    });
    test('are reached through a masked A20', () => {
      // Tables of addresses from 3FC00000h on lie where bit 20 is set.
      guest.addressMask = a20Mask(false);
      flush(true);
      memory.write(DIRECTORY + 0xc00, 4, 0x200000 | USER);
      memory.write(0x200000, 4, B | USER);
      memory.write(B & ~0x100000, 1, 9);
      expect(mmu.read(0xc0000000, 1, false)).toBe(9);
      expect(reported).toEqual([]);
    });
  });
});

describe('tables that are kept', () => {
  const OTHER = 0x2000;
  const counters = () => shadow.counters;
  const enter = (directory: number) => {
    guest.cr3 = directory;
    flush(false);
  };
  /** Hidden page faults in the course of something. */
  const cost = (action: () => void) => {
    const before = hidden;
    action();
    return hidden - before;
  };
  beforeEach(() => {
    start({});
    for (const page of [0, 1, 2, 3]) map(memory, LINEAR + page * 4096, A + page * 4096);
    // An address space of its own that has the same table.
    memory.write(OTHER + (LINEAR >>> 22) * 4, 4, (entryAt(memory, LINEAR) & -4096) | USER);
  });

  test('are there again when an address space is', () => {
    expect(cost(() => read())).toBe(1);
    enter(OTHER);
    enter(DIRECTORY);
    expect(cost(() => read())).toBe(0);
    expect(counters()).toMatchObject({ switchesAnew: 2, switchesKept: 1 });
  });
  test('are shared where the guest shares its own', () => {
    for (const page of [0, 1, 2, 3]) mmu.read(LINEAR + page * 4096, 1, false);
    enter(OTHER);
    const readAll = () => {
      for (const page of [0, 1, 2, 3]) mmu.read(LINEAR + page * 4096, 1, false);
    };
    expect(cost(readAll)).toBe(1);
  });
  test('follow what the guest writes to its own', () => {
    read();
    remap(LINEAR, B, USER | Entry.A | Entry.D);
    flush(false);
    expect(cost(() => expect(read()).toBe(2))).toBe(0);
    expect(cost(() => write(3))).toBe(0);
    expect(memory.read(B, 1)).toBe(3);
    expect(counters().tracedTableWrites).toBe(1);
  });
  test('set A and D again that the guest has cleared', () => {
    write(5);
    remap(LINEAR, A, USER | Entry.A);
    flush(false);
    expect(cost(() => read())).toBe(0);
    expect(cost(() => write(6))).toBe(1);
    expect(entry() & Entry.D).toBe(Entry.D);
    remap(LINEAR, A, USER | Entry.D);
    flush(false);
    expect(cost(() => read())).toBe(1);
    expect(entry() & Entry.A).toBe(Entry.A);
  });
  test('follow directory entries, and leave translations of the TLB alone', () => {
    read();
    const directoryEntry = DIRECTORY + (LINEAR >>> 22) * 4;
    mmu.writePhysical(directoryEntry, 4, 0);
    expect(read()).toBe(1);
    expect(reported).toEqual([]);
    flush(false);
    read();
    expect(reported).toEqual([0]);
  });
  test('are followed by writes to part of an entry, and across entries', () => {
    read();
    mmu.writePhysical(entryAt(memory, LINEAR) + 2, 1, B >>> 16);
    invalidate(LINEAR);
    expect(read()).toBe(2);
    // The upper half of this entry is cleared, and the lower half of the next.
    mmu.writePhysical(entryAt(memory, LINEAR) + 2, 4, 0);
    invalidate(LINEAR);
    expect(read()).toBe(memory.read(0, 1));
  });
  test('of a directory that is its own table', () => {
    const own = 1023;
    memory.write(DIRECTORY + own * 4, 4, DIRECTORY | USER);
    const entryAddress = (0xffc00000 + (LINEAR >>> 12) * 4) >>> 0;
    read();
    expect(mmu.read(entryAddress, 4, false) & -4096).toBe(A);
    mmu.write(entryAddress, 4, B | USER, false);
    invalidate(LINEAR);
    expect(read()).toBe(2);
    // The directory unmaps itself by itself.
    mmu.write(0xfffffffc, 4, 0, false);
    flush(true);
    mmu.read(entryAddress, 4, false);
    expect(reported).toEqual([0]);
  });
  test('lose the trace on a table that no directory leads to', () => {
    const table = entryAt(memory, LINEAR) & -4096;
    map(memory, 0x00800000, table);
    read();
    mmu.write(0x00800000, 4, 0, false);
    expect(mmu.tlb.word(0x00800000, TLB_WRITE_OFFSET, false)).toBe(0);
    mmu.writePhysical(DIRECTORY + (LINEAR >>> 22) * 4, 4, 0);
    mmu.write(0x00800000, 4, 0, false);
    expect(mmu.tlb.word(0x00800000, TLB_WRITE_OFFSET, false)).not.toBe(0);
    expect(counters().tracedTableWrites).toBe(2);
  });
  test('are given up when they are written often and not used', () => {
    read();
    enter(OTHER);
    for (let i = 0; i < 200; i++) mmu.writePhysical(DIRECTORY + 0xff0, 4, i << 12);
    expect(counters()).toMatchObject({ tracedTableWrites: 8, tablesGivenUp: 1 });
    enter(DIRECTORY);
    expect(cost(() => read())).toBe(1);
    mmu.writePhysical(DIRECTORY + 0xff0, 4, 0);
    expect(counters().tracedTableWrites).toBe(9);
  });
  test('are kept, however often they are written, while they are used', () => {
    for (let i = 0; i < 200; i++) {
      flush(true);
      read();
      remap(LINEAR + 0x1000, A);
    }
    expect(counters()).toMatchObject({ tracedTableWrites: 200, tablesGivenUp: 0 });
    expect(hidden).toBe(1);
  });
});
