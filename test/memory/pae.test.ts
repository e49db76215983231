/** PAE paging and execute-disable against SDM vol. 3, sections 4.4 to 4.8; PSE-36 of section 4.3. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  a20Mask,
  Entry,
  type PagingMode,
  pagingModel,
  Translation,
  walk,
  XD,
} from '../../src/memory/paging.ts';
import { PhysicalMemory } from '../../src/memory/physical.ts';
import { CR0, CR4, EFER } from '../../src/x86/registers.ts';
import { DIRECTORY, pagingMode, USER } from './support.ts';

const P = 1;
const W = 2;
const U = 4;
const RSVD = 8;
const I = 16;
const LINEAR = 0xc060_3123;
const TABLE = 0x3000;
const PAGE = 0x0020_5000;
/** The PDE and PTE of LINEAR. */
const PDE = DIRECTORY + 3 * 8;
const PTE = TABLE + 3 * 8;

let memory: PhysicalMemory;
let mode: PagingMode;
const out = new Translation();
const put = (at: number, low: number, high = 0) => {
  memory.write(at, 4, low);
  memory.write(at + 4, 4, high);
};
const go = (access: number, linear = LINEAR) => walk(memory, mode, linear, access, out);

beforeEach(() => {
  memory = new PhysicalMemory(8 << 20, 0, 0x10000);
  mode = {
    ...pagingMode(CR0.WP, CR4.PAE | CR4.PGE),
    efer: EFER.NXE,
    pdptes: [0, 0, 0, 0, 0, 0, DIRECTORY | P, 0],
    model: pagingModel(36, true, true),
  };
  put(PDE, TABLE | USER);
  put(PTE, PAGE | USER);
});

describe('translation', () => {
  test('pointer, directory, table, offset', () => {
    expect(go(0)).toBe(-1);
    expect(out).toMatchObject({ physical: PAGE + 0x123, user: true, readOnly: false, noExecute: false });
  });
  test('2 MiB pages, whatever CR4.PSE says', () => {
    put(PDE, 0x600000 | USER | Entry.PS | Entry.G);
    expect(go(W)).toBe(-1);
    expect(out).toMatchObject({ physical: 0x603123, large: true, global: true, writable: true });
  });
  test('addresses have 36 bits', () => {
    put(PTE, PAGE | USER, 0xf);
    expect(go(0)).toBe(-1);
    expect(out.physical).toBe(0xf_0020_5123);
    put(PDE, 0x600000 | USER | Entry.PS, 0x8);
    expect(go(0)).toBe(-1);
    expect(out.physical).toBe(0x8_0060_3123);
  });
  test('a table above 4 GiB is a hole, where all bits are set', () => {
    put(PDE, TABLE | USER, 1);
    expect(go(U)).toBe(U | P | RSVD);
  });
  test('a masked A20 clears bit 20 at every level', () => {
    mode.addressMask = a20Mask(false);
    mode.pdptes = [0, 0, 0, 0, 0, 0, (DIRECTORY + 0x100000) | P, 0];
    put(PDE, (TABLE + 0x100000) | USER);
    put(PTE, (PAGE + 0x100000) | USER, 1);
    expect(go(0)).toBe(-1);
    expect(out.physical).toBe(0x1_0020_5123);
  });
});

describe('rights', () => {
  test.each([
    ['user by the directory', PDE, TABLE],
    ['user by the table', PTE, PAGE],
  ])('supervisor pages are closed to the %s', (_name, at, address) => {
    put(at, address | Entry.P | Entry.RW);
    expect(go(U)).toBe(P | U);
    expect(go(U | I)).toBe(P | U | I);
    expect(go(W)).toBe(-1);
  });
  test.each([
    ['directory', PDE, TABLE],
    ['table', PTE, PAGE],
  ])('read-only by the %s, with CR0.WP for the supervisor too', (_name, at, address) => {
    put(at, address | Entry.P | Entry.US);
    expect(go(W | U)).toBe(P | W | U);
    expect(go(W)).toBe(P | W);
    mode.cr0 &= ~CR0.WP;
    expect(go(W)).toBe(-1);
    expect(out).toMatchObject({ readOnly: true, writable: true });
  });
  test.each([
    ['directory', PDE, TABLE | USER],
    ['table', PTE, PAGE | USER],
    ['large page', PDE, 0x600000 | USER | Entry.PS],
  ])('execute-disable in the %s', (_name, at, low) => {
    put(at, low, XD);
    expect(go(I)).toBe(P | I);
    expect(go(I | U)).toBe(P | I | U);
    expect(go(W | U)).toBe(-1);
    expect(out.noExecute).toBe(true);
  });
  test('a PDPTE has no rights', () => {
    mode.pdptes = [0, 0, 0, 0, 0, 0, DIRECTORY | P | Entry.PWT | Entry.PCD | 0xe00, 0];
    expect(go(W | U)).toBe(-1);
  });
});

describe('faults', () => {
  test('absent at each level; a fetch is told with NXE only', () => {
    put(PTE, PAGE | (USER & ~P), -1);
    expect(go(U | I)).toBe(U | I);
    expect(go(W)).toBe(W);
    put(PDE, -1 & ~P, -1);
    expect(go(U | I)).toBe(U | I);
    mode.pdptes = [0, 0, 0, 0, 0, 0, DIRECTORY, 0];
    expect(go(U | I)).toBe(U | I);
    mode.efer = 0;
    expect(go(U | I)).toBe(U);
  });
  const large = 0x600000 | USER | Entry.PS;
  test.each([
    ['bit 36 of a PTE', PTE, PAGE | USER, 1 << 4],
    ['bit 62 of a PTE', PTE, PAGE | USER, 1 << 30],
    ['bit 40 of a PDE', PDE, TABLE | USER, 1 << 8],
    ['bit 13 of a large PDE', PDE, large | (1 << 13), 0],
    ['bit 20 of a large PDE', PDE, large | (1 << 20), 0],
    ['bit 36 of a large PDE', PDE, large, 1 << 4],
  ])('%s is reserved', (_name, at, low, high) => {
    put(at, low, high);
    expect(go(0)).toBe(P | RSVD);
    expect(go(U | I)).toBe(P | RSVD | U | I);
    expect(memory.read(at, 4) & Entry.A).toBe(0);
  });
  test.each([
    ['PDE', PDE, TABLE | USER],
    ['PTE', PTE, PAGE | USER],
  ])('without NXE bit 63 of a %s is reserved', (_name, at, low) => {
    put(at, low, XD);
    mode.efer = 0;
    expect(go(0)).toBe(P | RSVD);
    expect(go(I)).toBe(P | RSVD);
  });
  test('PAT bits are reserved where there is no PAT', () => {
    put(PTE, PAGE | USER | Entry.PAT);
    expect(go(0)).toBe(-1);
    mode.model = pagingModel(36, false, false);
    expect(go(0)).toBe(P | RSVD);
    put(PDE, 0x600000 | USER | Entry.PS | Entry.LARGE_PAT);
    expect(go(0)).toBe(P | RSVD);
  });
});

describe('accessed and dirty bits', () => {
  const flags = (at: number) => memory.read(at, 4) & (Entry.A | Entry.D);
  test('are set in what was used, high halves kept', () => {
    put(PTE, PAGE | USER, 0xf);
    go(0);
    expect([flags(PDE), flags(PTE), memory.read(PTE + 4, 4)]).toEqual([Entry.A, Entry.A, 0xf]);
    go(W);
    expect([flags(PDE), flags(PTE)]).toEqual([Entry.A, Entry.A | Entry.D]);
  });
  test('are not set by an access that faults', () => {
    put(PTE, PAGE | USER, XD);
    expect(go(I)).toBe(P | I);
    expect([flags(PDE), flags(PTE)]).toEqual([0, 0]);
  });
});

describe('32-bit paging', () => {
  const large = 0x0080_0000 | USER | Entry.PS;
  const at = DIRECTORY + (LINEAR >>> 22) * 4;
  const use = (model: PagingMode['model'], entry: number) => {
    mode = { ...pagingMode(0, CR4.PSE), model };
    memory.write(at, 4, entry);
    return go(0);
  };
  test('PSE-36 takes bits 32-35 of the address from bits 13-16', () => {
    expect(use(pagingModel(36, true, true), large | (0xa << 13))).toBe(-1);
    expect(out.physical).toBe(0xa_0080_0000 + (LINEAR & 0x3fffff));
  });
  test.each([13, 14, 15, 16, 17, 18, 19, 20, 21])('bit %i is reserved or not', (bit) => {
    expect(use(pagingModel(36, true, true), large | (1 << bit))).toBe(bit < 17 ? -1 : P | RSVD);
    expect(use(pagingModel(40, true, true), large | (1 << bit))).toBe(bit < 21 ? -1 : P | RSVD);
    expect(use(pagingModel(36, false, true), large | (1 << bit))).toBe(P | RSVD);
  });
  test('the PAT bits are reserved without PAT, but never while PSE is off', () => {
    const none = pagingModel(32, false, false);
    expect(use(none, large | Entry.LARGE_PAT)).toBe(P | RSVD);
    memory.write(TABLE + ((LINEAR >>> 12) & 1023) * 4, 4, PAGE | USER | Entry.PAT);
    expect(use(none, TABLE | USER)).toBe(P | RSVD);
    mode.cr4 = 0;
    expect(go(0)).toBe(-1);
  });
  test('a fetch is never told apart, and bit 63 does not exist', () => {
    mode = { ...pagingMode(), efer: EFER.NXE };
    memory.write(at, 4, 0);
    expect(go(U | I)).toBe(U);
  });
});
