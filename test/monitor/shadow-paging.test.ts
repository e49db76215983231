/** Shadow page tables must behave as the guest's own tables and a TLB would. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Mmu } from '../../src/memory/mmu.ts';
import { a20Mask, Entry, type PagingMode } from '../../src/memory/paging.ts';
import { MONITOR_PHYSICAL, PhysicalMemory } from '../../src/memory/physical.ts';
import { SHADOW_MEMORY, ShadowPaging } from '../../src/monitor/shadow-paging.ts';
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
/** Error codes of page faults that are the guest's own. */
let reported: number[];

beforeEach(() => {
  memory = new PhysicalMemory(RAM, SHADOW_MEMORY, 0x10000);
  const state = new CpuState(memory.memory.buffer, SystemBase.PHYSICAL);
  mmu = new Mmu(memory, state);
  shadow = new ShadowPaging(mmu);
  guest = pagingMode(CR0.WP, CR4.PSE | CR4.PGE);
  reported = [];
  state.setSys(System.CR0, CR0.PE | CR0.PG | CR0.WP);
  shadow.install(state);
  state.setSys(System.CR4, CR4.PAE | CR4.PGE);
  mmu.hooks.onPageFault = (linear, access) => {
    const fault = shadow.fill(guest, linear, access);
    if (fault >= 0) reported.push(fault);
    return fault;
  };
  memory.write(A, 1, 1);
  memory.write(B, 1, 2);
  map(memory, LINEAR, A);
});

const read = (user = false) => mmu.read(LINEAR, 1, user);
const write = (value: number, user = false) => mmu.write(LINEAR, 1, value, user);
const flush = (global: boolean) => {
  shadow.flush(global);
  mmu.tlb.flush(global);
};
const invalidate = (linear: number) => {
  mmu.tlb.invalidate(linear, shadow.invalidate(linear));
};

describe('what the tables say', () => {
  test('is followed, with A and D set in the tables of the guest only', () => {
    expect(read()).toBe(1);
    expect(memory.read(entryAt(memory, LINEAR), 4) & (Entry.A | Entry.D)).toBe(Entry.A);
    write(5);
    expect(memory.read(entryAt(memory, LINEAR), 4) & (Entry.A | Entry.D)).toBe(Entry.A | Entry.D);
    expect(memory.read(A, 1)).toBe(5);
    expect(reported).toEqual([]);
  });
  test('faults are reported with the codes of the guest', () => {
    map(memory, LINEAR, A, Entry.P);
    read(true);
    write(0);
    map(memory, LINEAR, A, 0);
    invalidate(LINEAR);
    read();
    expect(reported).toEqual([5, 3, 0]);
  });
  test('without paging linear is physical', () => {
    guest.cr0 = CR0.PE;
    expect(mmu.read(B, 1, false)).toBe(2);
  });
  test('4 MiB pages, of which INVLPG drops all', () => {
    memory.write(DIRECTORY + (LINEAR >>> 22) * 4, 4, 0x400000 | USER | Entry.PS);
    memory.write(0x402000, 1, 7);
    expect(read()).toBe(7);
    memory.write(DIRECTORY + (LINEAR >>> 22) * 4, 4, USER | Entry.PS);
    expect(read()).toBe(7);
    invalidate(LINEAR + 0x100000);
    expect(read()).toBe(memory.read(0x2000, 1));
  });
});

describe('CR0.WP clear', () => {
  beforeEach(() => {
    guest.cr0 = CR0.PE | CR0.PG;
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
    map(memory, LINEAR, B);
    expect(read()).toBe(2);
    expect(reported).toEqual([0]);
  });
  test('read-only to writable needs none either', () => {
    map(memory, LINEAR, A, Entry.P | Entry.US);
    write(5);
    expect(reported).toEqual([3]);
    map(memory, LINEAR, A);
    write(5);
    expect(memory.read(A, 1)).toBe(5);
  });
  test('another page is seen after INVLPG, or after CR3 was loaded', () => {
    read();
    map(memory, LINEAR, B);
    expect(read()).toBe(1);
    invalidate(LINEAR);
    expect(read()).toBe(2);
    map(memory, LINEAR, A);
    flush(false);
    expect(read()).toBe(1);
  });
  test('global pages stay when CR3 is loaded', () => {
    map(memory, LINEAR, A, USER | Entry.G);
    read();
    map(memory, LINEAR, B);
    flush(false);
    expect(read()).toBe(1);
    flush(true);
    expect(read()).toBe(2);
  });
  test('a cleared A bit is set again after INVLPG', () => {
    read();
    map(memory, LINEAR, A);
    invalidate(LINEAR);
    read();
    expect(memory.read(entryAt(memory, LINEAR), 4) & Entry.A).toBe(Entry.A);
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
    read();
    const before = ownPages();
    // All ones are read (with PSE a large page whose reserved bits are set), no accessed bit is written.
    guest.cr3 = MONITOR_PHYSICAL | 0;
    expect(shadow.fill(guest, 0x12345000, 0)).toBe(9);
    expect(shadow.fill({ ...guest, cr4: 0 }, 0x12345000, 0)).toBe(-1);
    guest.cr3 = DIRECTORY;
    memory.write(DIRECTORY + 8, 4, (MONITOR_PHYSICAL + 0x1000) | USER);
    expect(shadow.fill(guest, 0x00812000, 2)).toBe(-1);
    // What changed are the shadow entries of these two pages only.
    const after = ownPages();
    const page = (pages: Buffer, i: number) => pages.subarray(i * 4096, (i + 1) * 4096);
    const count = SHADOW_MEMORY / 4096;
    const all = Array.from({ length: count }, (_, i) => i);
    const changed = all.filter((i) => !page(before, i).equals(page(after, i)));
    const pages = [0x12345000, 0x00812000].flatMap((linear) => [1 + (linear >>> 30), 5 + (linear >>> 21)]);
    expect(new Set(changed)).toEqual(new Set(pages));
  });
  test('are reached through a masked A20', () => {
    // Tables of addresses from 3FC00000h on lie where bit 20 is set.
    guest.addressMask = a20Mask(false);
    memory.write(DIRECTORY + 0xc00, 4, 0x200000 | USER);
    memory.write(0x200000, 4, B | USER);
    memory.write(B & ~0x100000, 1, 9);
    expect(mmu.read(0xc0000000, 1, false)).toBe(9);
    expect(reported).toEqual([]);
  });
});
