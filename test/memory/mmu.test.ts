/** Linear accesses: page ends, faults, holes, watches; and that the TLB is as stale as a processor's, not more. */
import { describe, expect, test } from 'vitest';
import {
  BOUNCE_BUFFER,
  POINTER_BIAS,
  RAM_BASE,
  TLB_READ_OFFSET,
  TLB_WRITE_OFFSET,
} from '../../src/memory/layout.ts';
import { Watch } from '../../src/memory/mmu.ts';
import { a20Mask, Entry, pagingModel, XD } from '../../src/memory/paging.ts';
import { CR4, EFER } from '../../src/x86/registers.ts';
import { System } from '../../src/x86/state.ts';
import { DIRECTORY, entryAt, map, newMmu, USER } from './support.ts';

const FIRST = 0x0040_0000;
const SECOND = FIRST + 0x1000;
const A = 0x0030_0000;
const B = 0x0031_0000;

describe('accesses across two pages', () => {
  test('take their parts from both', () => {
    const { memory, mmu } = newMmu();
    map(memory, FIRST, A);
    map(memory, SECOND, B);
    mmu.write(SECOND - 1, 4, 0x44332211, false);
    expect(memory.read(A + 0xfff, 1)).toBe(0x11);
    expect(memory.read(B, 2)).toBe(0x3322);
    expect(memory.read(B + 2, 1)).toBe(0x44);
    expect(mmu.read(SECOND - 1, 4, false)).toBe(0x44332211);
  });
  test.each([
    ['absent', 0, 2],
    ['read-only', Entry.P | Entry.US, 3],
  ])('write nothing when the second is %s', (_name, bits, code) => {
    const { memory, mmu, error, cr2 } = newMmu();
    map(memory, FIRST, A);
    map(memory, SECOND, B, bits);
    mmu.write(SECOND - 2, 4, -1, false);
    expect(mmu.faulted).toBe(true);
    expect([error(), cr2()]).toEqual([code, SECOND]);
    expect(memory.read(A + 0xffe, 2)).toBe(0);
    expect(mmu.slowUpdate(SECOND - 2, 4)).toBe(0);
    expect(mmu.slowWrite(SECOND - 2, 4, -1)).toBe(0);
    expect(memory.read(A + 0xffe, 2)).toBe(0);
    mmu.probeWrite(SECOND - 4, 108, false);
    expect(mmu.faulted).toBe(true);
    expect([error(), cr2()]).toEqual([code, SECOND]);
  });
  test('name the first page when both fault', () => {
    const { mmu, cr2, error } = newMmu();
    mmu.read(SECOND - 2, 4, true);
    expect([error(), cr2()]).toEqual([4, SECOND - 2]);
  });
  test('wrap at 4 GiB', () => {
    const { memory, mmu } = newMmu();
    map(memory, 0xfffff000, A);
    map(memory, 0, B);
    mmu.write(0xfffffffe, 4, 0x44332211, false);
    expect(memory.read(A + 0xffe, 2)).toBe(0x2211);
    expect(memory.read(B, 2)).toBe(0x4433);
    expect(mmu.read(0xfffffffe, 4, false)).toBe(0x44332211);
    const pointer = mmu.slowRead(0xfffffffe, 4);
    expect(memory.view.getUint32(pointer + POINTER_BIAS, true)).toBe(0x44332211);
  });
  test('commit to where they were found, even if they change their own mapping', () => {
    const { memory, mmu } = newMmu();
    // The first page is the page table that maps the second.
    const entry = entryAt(memory, SECOND);
    map(memory, FIRST, entry & ~0xfff);
    map(memory, SECOND, B);
    map(memory, FIRST + 0x3ff000, A);
    mmu.watch(B, Watch.PAGE_TABLE);
    expect(mmu.slowUpdate(SECOND - 2, 4)).toBe(BOUNCE_BUFFER - POINTER_BIAS);
    memory.write(entry, 4, 0);
    mmu.tlb.flush(true);
    memory.view.setUint32(BOUNCE_BUFFER, 0x44332211, true);
    mmu.slowCommit(SECOND - 2, 4);
    expect(memory.read(B, 2)).toBe(0x4433);
  });
});

describe('pointers of the engines', () => {
  test('lead into RAM, or to the bounce buffer for holes', () => {
    const { memory, mmu } = newMmu();
    map(memory, FIRST, A);
    map(memory, SECOND, 0xa0000);
    expect(mmu.slowRead(FIRST + 8, 4)).toBe(RAM_BASE + A + 8 - POINTER_BIAS);
    expect(mmu.slowRead(SECOND, 4)).toBe(BOUNCE_BUFFER - POINTER_BIAS);
    expect(memory.view.getUint32(BOUNCE_BUFFER, true)).toBe(0xffffffff);
    expect(mmu.tlb.word(SECOND, TLB_READ_OFFSET, false)).toBe(0);
  });
  test('ROM is read directly and never written', () => {
    const { memory, mmu } = newMmu();
    memory.load(0xf0000, Uint8Array.of(1, 2, 3, 4));
    map(memory, FIRST, 0xf0000);
    expect(mmu.slowUpdate(FIRST, 4)).toBe(BOUNCE_BUFFER - POINTER_BIAS);
    memory.view.setUint32(BOUNCE_BUFFER, 0, true);
    mmu.slowCommit(FIRST, 4);
    expect(memory.read(0xf0000, 4)).toBe(0x04030201);
    expect(mmu.tlb.word(FIRST, TLB_WRITE_OFFSET, false)).toBe(0);
    expect(mmu.tlb.word(FIRST, TLB_READ_OFFSET, false)).not.toBe(0);
  });
});

describe('staleness', () => {
  /** Reads one byte; pages hold 1 at A and 2 at B. */
  const prepare = (bits = USER) => {
    const machine = newMmu();
    machine.memory.write(A, 1, 1);
    machine.memory.write(B, 1, 2);
    map(machine.memory, FIRST, A, bits);
    return { ...machine, look: () => machine.mmu.read(FIRST, 1, false) };
  };
  test('a changed entry counts after INVLPG', () => {
    const { memory, mmu, look } = prepare();
    expect(look()).toBe(1);
    map(memory, FIRST, B);
    expect(look()).toBe(1);
    mmu.tlb.invalidate(FIRST + 5);
    expect(look()).toBe(2);
  });
  test('absent entries are never kept', () => {
    const { memory, mmu, look } = prepare(0);
    look();
    expect(mmu.faulted).toBe(true);
    map(memory, FIRST, B);
    expect(look()).toBe(2);
  });
  test('a CR3 load spares global pages', () => {
    const { memory, mmu, look } = prepare(USER | Entry.G);
    look();
    map(memory, FIRST, B);
    mmu.tlb.flush(false);
    expect(look()).toBe(1);
    mmu.tlb.flush(true);
    expect(look()).toBe(2);
  });
  test('a page that is walked again as a local one goes with the next CR3 load', () => {
    const { memory, mmu, look } = prepare(USER | Entry.G);
    look();
    // Not global any more and moved: the write walks the tables, whose answer replaces the old one.
    map(memory, FIRST, B);
    mmu.write(FIRST, 1, 2, false);
    expect(look()).toBe(2);
    map(memory, FIRST, A);
    mmu.tlb.flush(false);
    expect(look()).toBe(1);
  });
  test('INVLPG anywhere in a 4 MiB page drops all of it', () => {
    const { memory, mmu, look } = prepare();
    memory.write(DIRECTORY + (FIRST >>> 22) * 4, 4, 0x400000 | USER | Entry.PS);
    memory.write(0x400000, 1, 7);
    expect(look()).toBe(7);
    memory.write(DIRECTORY + (FIRST >>> 22) * 4, 4, 0);
    expect(look()).toBe(7);
    mmu.tlb.invalidate(FIRST + 0x3ff000);
    look();
    expect(mmu.faulted).toBe(true);
  });
  test('a first write behind reads sets D', () => {
    const { memory, mmu, look } = prepare();
    look();
    expect(memory.read(entryAt(memory, FIRST), 4) & Entry.D).toBe(0);
    mmu.write(FIRST, 1, 3, false);
    expect(memory.read(entryAt(memory, FIRST), 4) & Entry.D).toBe(Entry.D);
  });
  test('user and supervisor are kept apart', () => {
    const { mmu, look } = prepare(Entry.P | Entry.RW);
    expect(look()).toBe(1);
    mmu.read(FIRST, 1, true);
    expect(mmu.faulted).toBe(true);
  });
  test('many pages: nothing stale is left when the lists of filled words overflow', () => {
    const { memory, mmu, look } = prepare();
    look();
    for (let i = 0; i < 70_000; i++) {
      mmu.tlb.invalidate(SECOND);
      mmu.tlb.fill(SECOND, RAM_BASE + A, TLB_READ_OFFSET, false, false, false);
    }
    map(memory, FIRST, B);
    mmu.tlb.flush(false);
    expect(look()).toBe(2);
    expect(mmu.tlb.word(SECOND, TLB_READ_OFFSET, false)).toBe(0);
  });
});

describe('watches', () => {
  test('see every write, through every mapping, until they are taken away', () => {
    const { memory, mmu } = newMmu();
    const seen: number[][] = [];
    mmu.hooks.onWatchedWrite = (physical, size, watch) => seen.push([physical, size, watch]);
    map(memory, FIRST, A);
    map(memory, SECOND, A);
    mmu.write(FIRST, 4, 1, false);
    mmu.write(SECOND, 4, 1, false);
    expect(mmu.tlb.word(FIRST, TLB_WRITE_OFFSET, false)).not.toBe(0);
    mmu.watch(A, Watch.CODE);
    expect(mmu.tlb.word(FIRST, TLB_WRITE_OFFSET, false)).toBe(0);
    expect(mmu.tlb.word(SECOND, TLB_WRITE_OFFSET, false)).toBe(0);
    expect(mmu.tlb.word(FIRST, TLB_READ_OFFSET, false)).not.toBe(0);
    mmu.write(FIRST + 4, 4, 2, false);
    mmu.slowWrite(SECOND + 8, 2, 3);
    expect(mmu.tlb.word(FIRST, TLB_WRITE_OFFSET, false)).toBe(0);
    mmu.watch(A, Watch.PAGE_TABLE);
    mmu.unwatch(A, Watch.CODE);
    mmu.write(FIRST + 12, 1, 4, false);
    mmu.unwatch(A, Watch.PAGE_TABLE);
    mmu.write(FIRST + 16, 1, 5, false);
    expect(seen).toEqual([
      [A + 4, 4, 1],
      [A + 8, 2, 1],
      [A + 12, 1, 2],
    ]);
  });
});

test('accessed and dirty bits are seen by those who watch the page of the table', () => {
  const { memory, mmu } = newMmu();
  const seen: number[] = [];
  map(memory, FIRST, A);
  mmu.hooks.onWatchedWrite = (physical) => seen.push(physical);
  mmu.watch(entryAt(memory, FIRST), Watch.CODE);
  mmu.read(FIRST, 1, false);
  mmu.write(FIRST, 1, 0, false);
  expect(seen).toEqual([entryAt(memory, FIRST), entryAt(memory, FIRST)]);
});

test('without A20 the second megabyte is the first', () => {
  const { memory, mmu } = newMmu();
  map(memory, FIRST, 0x100000);
  map(memory, SECOND, 0x300000);
  mmu.addressMask = a20Mask(false);
  // The table at 101000h is out of reach: the directory at 1000h serves as the table.
  memory.write(DIRECTORY + ((FIRST >>> 12) & 1023) * 4, 4, 0x500000 | USER);
  memory.write(0x400000, 1, 9);
  expect(mmu.read(FIRST, 1, false)).toBe(9);
});

describe('fetches', () => {
  /** The same page at FIRST and, executable, at SECOND, with PAE and execute-disable. */
  const prepare = () => {
    const machine = newMmu();
    const { memory, state } = machine;
    state.setSys(System.CR4, CR4.PAE | CR4.PGE);
    state.setSys(System.EFER, EFER.NXE);
    state.setSys(System.PDPTES, DIRECTORY | Entry.P);
    memory.write(DIRECTORY + (FIRST >>> 21) * 8, 4, 0x2000 | USER);
    const entry = 0x2000 + ((FIRST >>> 12) & 511) * 8;
    memory.write(entry, 4, A | USER);
    memory.write(entry + 4, 4, XD);
    memory.write(entry + 8, 4, A | USER);
    return { ...machine, entry };
  };
  test('a page that may be read need not be executable', () => {
    const { mmu, cr2, error } = prepare();
    expect(mmu.translate(FIRST + 4, false, true)).toBe(A + 4);
    expect(mmu.tlb.codeAddress(FIRST, true)).toBe(0);
    expect(mmu.translateFetch(FIRST + 5, true)).toBe(-1);
    expect([error(), cr2()]).toEqual([0x15, FIRST + 5]);
    expect(mmu.translateFetch(SECOND, true)).toBe(A);
    expect(mmu.tlb.codeAddress(SECOND + 9, true)).toBe(RAM_BASE + A + 9 - POINTER_BIAS);
  });
  test('a page that is executable no more is known to be so after INVLPG, though it may be read', () => {
    const { memory, mmu, entry } = prepare();
    mmu.translateFetch(SECOND, false);
    mmu.translate(SECOND, false, false);
    memory.write(entry + 12, 4, XD);
    mmu.tlb.invalidate(SECOND);
    mmu.translate(SECOND, false, false);
    expect(mmu.tlb.codeAddress(SECOND, false)).toBe(0);
    expect(mmu.translateFetch(SECOND, false)).toBe(-1);
  });
});

test('accesses above 4 GiB reach nothing, and no page below', () => {
  const { memory, mmu, state } = newMmu();
  mmu.model = pagingModel(36, true, true);
  memory.write(DIRECTORY + (FIRST >>> 22) * 4, 4, USER | Entry.PS | (1 << 13));
  const seen: number[] = [];
  mmu.hooks.onWatchedWrite = (physical) => seen.push(physical);
  mmu.watch(0, Watch.CODE);
  memory.write(8, 4, 0x1234);
  mmu.write(FIRST + 8, 4, 5, false);
  mmu.write(FIRST + 0xffe, 4, 5, false);
  expect(mmu.read(FIRST + 8, 4, false)).toBe(0xffffffff);
  expect(mmu.slowRead(FIRST + 8, 4)).toBe(BOUNCE_BUFFER - POINTER_BIAS);
  expect(mmu.translate(FIRST + 8, false, false)).toBe(0x1_0000_0008);
  expect([seen, memory.read(8, 4), state.sys(System.CR2)]).toEqual([[], 0x1234, 0]);
});
