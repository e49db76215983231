/** The page walk against SDM vol. 3, sections 4.3 (32-bit paging), 4.6 (rights), 4.7 (error codes), 4.8 (A and D). */
import { beforeEach, describe, expect, test } from 'vitest';
import { a20Mask, Entry, Translation, walk } from '../../src/memory/paging.ts';
import { PhysicalMemory } from '../../src/memory/physical.ts';
import { CR0, CR4 } from '../../src/x86/registers.ts';
import { DIRECTORY, entryAt, map, pagingMode, USER } from './support.ts';

const P = 1;
const W = 2;
const U = 4;
const RSVD = 8;
const LINEAR = 0x0080_3123;
const PAGE = 0x0020_5000;

let memory: PhysicalMemory;
const out = new Translation();
const read = (user: boolean, mode = pagingMode()) => walk(memory, mode, LINEAR, user ? U : 0, out);
const write = (user: boolean, mode = pagingMode()) => walk(memory, mode, LINEAR, user ? W | U : W, out);
const entry = () => memory.read(entryAt(memory, LINEAR), 4);
const directoryEntry = () => memory.read(DIRECTORY + (LINEAR >>> 22) * 4, 4);

beforeEach(() => {
  memory = new PhysicalMemory(8 << 20, 0, 0x10000);
});

describe('translation', () => {
  test('without paging linear is physical', () => {
    expect(walk(memory, { ...pagingMode(), cr0: CR0.PE }, 0xfedcba98, W | U, out)).toBe(-1);
    expect(out.physical).toBe(0xfedcba98);
  });
  test('directory, table, offset', () => {
    map(memory, LINEAR, PAGE);
    expect(read(false)).toBe(-1);
    expect(out.physical).toBe(PAGE + 0x123);
  });
  test('PCD and PWT in CR3 are no part of the directory address', () => {
    map(memory, LINEAR, PAGE);
    expect(read(false, { ...pagingMode(), cr3: DIRECTORY | 0x18 })).toBe(-1);
  });
  test('addresses above 2 GiB are unsigned', () => {
    map(memory, LINEAR, 0xfee00000 | 0);
    expect(read(false)).toBe(-1);
    expect(out.physical).toBe(0xfee00123);
  });
  test('a masked A20 clears bit 20 of data and of tables', () => {
    memory.write(DIRECTORY + (LINEAR >>> 22) * 4, 4, 0x300000 | USER);
    memory.write(0x200000 + ((LINEAR >>> 12) & 1023) * 4, 4, 0x500000 | USER);
    expect(walk(memory, { ...pagingMode(), addressMask: a20Mask(false) }, LINEAR, 0, out)).toBe(-1);
    expect(out.physical).toBe(0x400123);
  });
});

describe('rights', () => {
  const bits: readonly (readonly [string, number, number])[] = [
    ['user writable', USER, USER],
    ['user read-only by the table', USER, Entry.P | Entry.US],
    ['user read-only by the directory', Entry.P | Entry.US, USER],
    ['supervisor by the table', USER, Entry.P | Entry.RW],
    ['supervisor by the directory', Entry.P | Entry.RW, USER],
  ];
  const set = (directoryBits: number, tableBits: number) =>
    memory.write(entryAt(memory, LINEAR, directoryBits), 4, PAGE | tableBits);
  test.each(bits)('%s', (name, directoryBits, tableBits) => {
    set(directoryBits, tableBits);
    const readOnly = name.includes('read-only');
    const supervisor = name.startsWith('supervisor');
    expect(read(false)).toBe(-1);
    expect(read(true)).toBe(supervisor ? P | U : -1);
    expect(write(true)).toBe(supervisor || readOnly ? P | U | W : -1);
    expect(write(false)).toBe(-1);
    expect(write(false, pagingMode(CR0.WP))).toBe(readOnly ? P | W : -1);
  });
  test('absent entries', () => {
    expect(read(false)).toBe(0);
    expect(write(true)).toBe(W | U);
    entryAt(memory, LINEAR);
    expect(read(true)).toBe(U);
    expect(write(false)).toBe(W);
  });
});

describe('accessed and dirty', () => {
  test('a read sets A in both entries, a write also D in the last', () => {
    map(memory, LINEAR, PAGE);
    read(false);
    expect(directoryEntry() & (Entry.A | Entry.D)).toBe(Entry.A);
    expect(entry() & (Entry.A | Entry.D)).toBe(Entry.A);
    expect(out.writable).toBe(false);
    write(false);
    expect(entry() & (Entry.A | Entry.D)).toBe(Entry.A | Entry.D);
    expect(directoryEntry() & Entry.D).toBe(0);
    expect(out.writable).toBe(true);
  });
  test('an access that faults sets neither', () => {
    map(memory, LINEAR, PAGE, Entry.P | Entry.US);
    write(true);
    expect(entry() & (Entry.A | Entry.D)).toBe(0);
  });
});

describe('4 MiB pages', () => {
  const large = (bits: number) => memory.write(DIRECTORY + (LINEAR >>> 22) * 4, 4, bits);
  test('need CR4.PSE', () => {
    large(0x400000 | USER | Entry.PS);
    expect(read(false, pagingMode(0, CR4.PSE))).toBe(-1);
    expect(out).toMatchObject({ physical: 0x403123, large: true });
    // Without it the entry points to a table, which holds zeros.
    expect(read(false)).toBe(0);
  });
  test('have A and D in the directory entry', () => {
    large(0x400000 | USER | Entry.PS);
    write(true, pagingMode(0, CR4.PSE));
    expect(directoryEntry() & (Entry.A | Entry.D)).toBe(Entry.A | Entry.D);
  });
  test('have reserved bits 13 to 21', () => {
    large((0x400000 | USER | Entry.PS | (1 << 13)) >>> 0);
    expect(read(true, pagingMode(0, CR4.PSE))).toBe(P | U | RSVD);
    expect(write(false, pagingMode(0, CR4.PSE))).toBe(P | W | RSVD);
  });
});

test('G counts only with CR4.PGE', () => {
  map(memory, LINEAR, PAGE, USER | Entry.G);
  read(false);
  expect(out.global).toBe(false);
  read(false, pagingMode(0, CR4.PGE));
  expect(out.global).toBe(true);
});

test('tables in a hole read as all ones, and their accessed bits are lost', () => {
  // Entries of FFFFFFFFh: present and writable for users, in the last page of the address space.
  expect(read(true, { ...pagingMode(), cr3: 0xe0000000 | 0 })).toBe(-1);
  expect(out.physical).toBe(0xfffff123);
});

describe('tables in strange places', () => {
  test('a directory that is its own table: A and D are set where they are read', () => {
    const at = DIRECTORY + 1023 * 4;
    memory.write(at, 4, DIRECTORY | USER);
    expect(walk(memory, pagingMode(), 0xffffffff, 0, out)).toBe(-1);
    expect(out.physical).toBe(DIRECTORY + 0xfff);
    expect(memory.read(at, 4)).toBe(DIRECTORY | USER | Entry.A);
    expect(walk(memory, pagingMode(), 0xfffff000, W, out)).toBe(-1);
    expect(memory.read(at, 4)).toBe(DIRECTORY | USER | Entry.A | Entry.D);
  });
  test('in ROM bits are never set, and translate all the same', () => {
    memory.load(0xf0000 + ((LINEAR >>> 12) & 1023) * 4, Uint8Array.of(0x07, 0x50, 0x20, 0));
    memory.write(DIRECTORY + (LINEAR >>> 22) * 4, 4, 0xf0000 | USER);
    expect(write(true)).toBe(-1);
    expect(out).toMatchObject({ physical: PAGE + 0x123, writable: true });
    expect(memory.read(0xf0000 + ((LINEAR >>> 12) & 1023) * 4, 4)).toBe(PAGE | USER);
  });
  test('in a hole every bit is set', () => {
    memory.write(DIRECTORY + (LINEAR >>> 22) * 4, 4, 0xa0000 | USER);
    expect(write(true)).toBe(-1);
    expect(out).toMatchObject({ physical: 0xfffff123, user: true, writable: true });
    const none = { ...pagingMode(0, CR4.PSE), cr3: 0xfffff000 };
    expect(read(false, none)).toBe(P | RSVD);
  });
});
