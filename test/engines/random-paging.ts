/**
 * Random kernels about paging: tables with random entries (also in holes, in ROM, in themselves), and slots of
 * code that read, write, execute and change them in ring 0 and 3. Whatever faults is logged, and the next slot
 * runs, behind a CR3 load: nothing depends on what a TLB keeps.
 */
import { writeElf } from '../../guests/elf.ts';
import { Random } from '../fuzz/random.ts';

export const Layout = {
  ORIGIN: 0x100000,
  SLOTS: 0x104000,
  GDT: 0x108000,
  IDT: 0x109000,
  STUBS: 0x10a000,
  /** Where the log goes on, and the number of the next slot. */
  VARIABLES: 0x10d000,
  TSS: 0x10e000,
  KERNEL_STACK: 0x10f000,
  INTERRUPT_STACK: 0x10f800,
  USER_STACK: 0x111000,
  LOG: 0x180000,
  /** Sixteen pages: two roots that map the first 4 MiB as they are, one of each format, and random ones. */
  TABLES: 0x200000,
  FRAMES: 0x300000,
} as const;
const SLOT_SIZE = 64;
/** A power of two; all are run in turn, several times, so that tables change under translations in use. */
const SLOTS = 64;
const ROUNDS = 3;
const CODE0 = 0x08;
const DATA0 = 0x10;
const CODE3 = 0x1b;
const DATA3 = 0x23;
const TSS = 0x28;
const NEXT = 0x30;
const EXIT_PORT = 0xf4;
const ROOT32 = Layout.TABLES;
const ROOT64 = Layout.TABLES + 0x2000;
const HOLES = [0xa0000, 0xf0000, 0x8000000, 0xe0000000, 0xf0000000, 0xf0001000, 0xfffff000];
const WITH_ERROR = [8, 10, 11, 12, 13, 14, 17];

const le32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const le16 = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];

/** Bytes by physical address, from ORIGIN to the end of the frames. */
class Image {
  readonly bytes = new Uint8Array(Layout.FRAMES + 0x10000 - Layout.ORIGIN);
  put(at: number, ...bytes: number[]): number {
    this.bytes.set(bytes, at - Layout.ORIGIN);
    return at + bytes.length;
  }
  word(at: number, value: number): void {
    this.put(at, ...le32(value));
  }
}

const frame = (random: Random): number => {
  if (random.chance(65)) return Layout.FRAMES + random.below(16) * 4096;
  return random.chance(65) ? Layout.TABLES + random.below(16) * 4096 : random.pick(HOLES);
};
/** Low doubleword of an entry: mostly present. */
const entry = (random: Random): number => {
  let bits = random.next() & 0x27;
  if (random.chance(80)) bits |= 1;
  if (random.chance(10)) bits |= 0x80;
  if (random.chance(10)) bits |= 0x100;
  const address = random.chance(5) ? random.next() & 0xfffff000 : frame(random);
  return address | bits;
};
const highEntry = (random: Random): number => {
  if (random.chance(70)) return 0;
  if (random.chance(60)) return 0x80000000;
  return random.pick([1, 0xf, 0x10, 0x40000000, 0x8000000f]);
};

const fillTables = (image: Image, random: Random): void => {
  for (let page = 0; page < 16; page++) {
    const table = Layout.TABLES + page * 4096;
    const wide = page >= 2 && page < 10;
    for (let i = 0; i < 1024; i++)
      image.word(table + i * 4, wide && i % 2 === 1 ? highEntry(random) : entry(random));
  }
  image.word(ROOT32, (Layout.TABLES + 0x1000) | 7);
  for (let i = 0; i < 1024; i++) image.word(Layout.TABLES + 0x1000 + i * 4, (i << 12) | 7);
  for (let i = 0; i < 4; i++) {
    image.word(
      ROOT64 + i * 8,
      i === 0 || random.chance(70) ? (Layout.TABLES + (i === 0 ? 3 : 3 + random.below(6)) * 4096) | 1 : 0,
    );
    image.word(ROOT64 + i * 8 + 4, 0);
  }
  for (let i = 0; i < 2; i++) {
    image.word(Layout.TABLES + 0x3000 + i * 8, (Layout.TABLES + 0x4000 + i * 0x1000) | 7);
    image.word(Layout.TABLES + 0x3000 + i * 8 + 4, 0);
  }
  for (let i = 0; i < 1024; i++) {
    image.word(Layout.TABLES + 0x4000 + i * 8, (i << 12) | 7);
    image.word(Layout.TABLES + 0x4000 + i * 8 + 4, 0);
  }
  for (let i = 0; i < 0x10000; i += 4)
    image.word(Layout.FRAMES + i, random.chance(50) ? 0xc3c3c3c3 : random.next());
};

/** A linear address: mostly behind the first 4 MiB, often at the end of a page. */
const linear = (random: Random): number => {
  if (random.chance(5)) return random.next();
  const base = random.pick([0x400000, 0x600000, 0x800000, 0xa00000, 0xc0000000, 0x40000000, 0xffc00000]);
  const page = base + random.below(12) * 4096;
  return (page + (random.chance(40) ? 0xff8 + random.below(8) : random.below(0x1000))) >>> 0;
};

type Op = (random: Random) => number[];
const at =
  (...bytes: number[]): Op =>
  (random) => [...bytes, ...le32(linear(random))];
/** Instructions of any ring. */
const ACCESSES: readonly Op[] = [
  at(0xa1),
  at(0xa3),
  at(0xff, 0x05),
  at(0x87, 0x05),
  at(0xff, 0x35),
  at(0x8f, 0x05),
  at(0xdb, 0x2d),
  at(0xdb, 0x3d),
  at(0xdd, 0x05),
  at(0xdd, 0x35),
  at(0x0f, 0xab, 0x05),
  at(0xf0, 0x0f, 0xc7, 0x0d),
  at(0x8e, 0x05),
  at(0xc4, 0x05),
  (random) => [0xb8, ...le32(linear(random)), 0xff, 0xd0],
  (random) => [0xb8, ...le32(linear(random)), 0xff, 0xe0],
  (random) => [0xbc, ...le32(linear(random)), 0x50],
  (random) => [0xbe, ...le32(linear(random)), 0xbf, ...le32(linear(random)), 0xb9, ...le32(4), 0xf3, 0xa5],
  (random) => [0xbf, ...le32(linear(random)), 0xb9, ...le32(4), 0xf3, random.pick([0xaa, 0xab])],
];
const toggle = (register: number, bits: number): number[] => [
  0x0f,
  0x20,
  0xc0 | (register << 3),
  0x35,
  ...le32(bits),
  0x0f,
  0x22,
  0xc0 | (register << 3),
];
/** Offsets of the entries that `linear` leads to: in page tables of both formats, in directories of 32 and 64 bits. */
const usedOffset = (random: Random): number => {
  if (random.chance(60)) return random.pick([4, 8]) * random.below(12) + random.pick([0, 0, 2048]);
  return random.chance(50)
    ? 4 * random.pick([1, 2, 0x300, 0x100, 0x3ff])
    : 8 * random.pick([2, 3, 4, 5, 0, 510]);
};
/** Address of an entry, sometimes the middle of one, that is not of the tables the kernel itself needs. */
const entryAddress = (random: Random): number => {
  const middle = random.chance(20) ? random.below(4) : 0;
  if (random.chance(25)) return ROOT32 + 4 * random.pick([1, 2, 0x300, 0x100, 0x3ff]) + middle;
  if (random.chance(15)) return Layout.TABLES + 0x3000 + 8 * random.pick([2, 3, 4, 5, 510]) + middle;
  return Layout.TABLES + 0x6000 + random.below(10) * 4096 + usedOffset(random) + middle;
};
/** Changes of tables by what an operating system does, and does not. */
const TABLE_WRITES: readonly Op[] = [
  // A and D are cleared, or all but P.
  (random) => [
    0x81,
    0x25,
    ...le32(entryAddress(random) & ~3),
    ...le32(random.pick([~0x60, ~0x20, ~0x40, ~0x66])),
  ],
  (random) => [0xa1, ...le32(entryAddress(random) & ~3), 0xa3, ...le32(entryAddress(random) & ~3)],
  (random) => [0x80, 0x35, ...le32(entryAddress(random)), random.next() & 0x67],
  (random) => [0x66, 0xc7, 0x05, ...le32(entryAddress(random)), ...le16(random.next() & 0xf067)],
  // An entry of a table that leads to the table itself.
  (random) => {
    const address = entryAddress(random) & ~7;
    return [0xc7, 0x05, ...le32(address), ...le32((address & -4096) | 0x27)];
  },
  // Tables are filled, as a page that was freed is.
  (random) => [
    0xbf,
    ...le32(entryAddress(random) & ~3),
    0xb9,
    ...le32(40),
    0xb8,
    ...le32(entry(random)),
    0xf3,
    0xab,
  ],
];
/** Instructions of ring 0. */
const PRIVILEGED: readonly Op[] = [
  ...TABLE_WRITES,
  at(0x0f, 0x01, 0x3d),
  (random) => [
    0xc7,
    0x05,
    ...le32(Layout.TABLES + 0x3010 + (random.below(0xc000) & ~3)),
    ...le32(entry(random)),
  ],
  (random) => [0xc7, 0x05, ...le32(ROOT32 + 4 + random.below(32) * 4), ...le32(entry(random))],
  (random) => [0xc7, 0x05, ...le32(ROOT64 + random.below(4) * 8 + 4), ...le32(random.chance(95) ? 0 : 0x10)],
  () => toggle(0, 0x10000),
  (random) => toggle(4, random.pick([0x10, 0x80, 0x10, 0x80, 0x20])),
  () => [0xb9, ...le32(0xc0000080), 0x0f, 0x32, 0x35, ...le32(0x800), 0x0f, 0x30],
  (random) => {
    const sane = random.chance(70)
      ? random.chance(50)
        ? ROOT32
        : ROOT64
      : frame(random) | (random.below(128) * 32);
    return [0xb8, ...le32(sane), 0x0f, 0x22, 0xd8];
  },
];
/** What a kernel rarely survives. */
const HOSTILE: readonly Op[] = [
  at(0x0f, 0x01, 0x15),
  at(0x0f, 0x01, 0x1d),
  at(0x0f, 0x01, 0x05),
  () => [0xe4, 0x92, 0x34, 0x02, 0xe6, 0x92],
  () => toggle(0, 0x80000000),
  (random) => [0xb8, ...le32(random.pick(HOLES)), 0x0f, 0x22, 0xd8],
  (random) => [0xb8, ...le32(random.next() & 0xfff8), 0x0f, 0x00, 0xd8],
  (random) => [
    0xc7,
    0x05,
    ...le32(Layout.GDT + 0x2c),
    ...le32(0x8900 | (random.next() & 0xff0f00ff)),
    0xb8,
    ...le32(TSS),
    0x0f,
    0x00,
    0xd8,
  ],
  (random) => [0xbc, ...le32(random.pick([0, 4, 0xfffffffc])), 0x50],
];

const slot = (random: Random, start: number): number[] => {
  const user = random.chance(50);
  const body: number[] = user
    ? [
        0x6a,
        DATA3,
        0x68,
        ...le32(Layout.USER_STACK),
        0x6a,
        0x02,
        0x6a,
        CODE3,
        0x68,
        ...le32(start + 17),
        0xcf,
      ]
    : [];
  const ops = 1 + random.below(2);
  for (let i = 0; i < ops; i++) {
    const kind = user || random.chance(50) ? ACCESSES : random.chance(97) ? PRIVILEGED : HOSTILE;
    const op = random.pick(kind)(random);
    if (body.length + op.length + 2 <= SLOT_SIZE) body.push(...op);
  }
  return [...body, 0xcd, NEXT];
};

/** Enters descriptor tables, stubs and the code that logs and goes on. */
const writeKernel = (image: Image, random: Random): void => {
  const descriptor = (selector: number, low: number, high: number) => {
    image.word(Layout.GDT + (selector & ~7), low);
    image.word(Layout.GDT + (selector & ~7) + 4, high);
  };
  descriptor(CODE0, 0xffff, 0x00cf9b00);
  descriptor(DATA0, 0xffff, 0x00cf9300);
  descriptor(CODE3, 0xffff, 0x00cffb00);
  descriptor(DATA3, 0xffff, 0x00cff300);
  descriptor(TSS, ((Layout.TSS & 0xffff) << 16) | 0x67, 0x8900 | (Layout.TSS >>> 16));
  image.word(Layout.TSS + 4, Layout.INTERRUPT_STACK);
  image.word(Layout.TSS + 8, DATA0);
  const common = Layout.STUBS + 256 * 16;
  for (let vector = 0; vector < 256; vector++) {
    const stub = Layout.STUBS + vector * 16;
    image.word(Layout.IDT + vector * 8, (CODE0 << 16) | (stub & 0xffff));
    image.word(Layout.IDT + vector * 8 + 4, (stub & 0xffff0000) | (vector === NEXT ? 0xee00 : 0x8e00));
    const end = image.put(stub, ...(WITH_ERROR.includes(vector) ? [] : [0x6a, 0]), 0x68, ...le32(vector));
    image.put(end, 0xe9, ...le32(common - end - 5));
  }
  const logged = [32, 36, 40, 48, 28].flatMap((offset) => [0x8b, 0x44, 0x24, offset, 0xab]);
  const next = image.put(
    common,
    ...[0x60, 0xb8, ...le32(DATA3), 0x8e, 0xd8, 0x8e, 0xc0, 0xfc, 0x8b, 0x3d, ...le32(Layout.VARIABLES)],
    ...logged,
    ...[0x0f, 0x20, 0xd0, 0xab, 0x0f, 0x20, 0xd8, 0xab, 0x89, 0x3d, ...le32(Layout.VARIABLES)],
  );
  const exit = [0xb8, ...le32(0), 0xba, ...le32(EXIT_PORT), 0xef, 0xf4];
  image.put(
    next,
    ...[0xbc, ...le32(Layout.KERNEL_STACK), 0xa1, ...le32(Layout.VARIABLES + 4)],
    ...[0xff, 0x05, ...le32(Layout.VARIABLES + 4), 0x3d, ...le32(SLOTS * ROUNDS), 0x72, exit.length, ...exit],
    ...[
      0x83,
      0xe0,
      SLOTS - 1,
      0xc1,
      0xe0,
      6,
      0x05,
      ...le32(Layout.SLOTS),
      0x0f,
      0x20,
      0xd9,
      0x0f,
      0x22,
      0xd9,
      0xff,
      0xe0,
    ],
  );
  image.word(Layout.VARIABLES, Layout.LOG);
  const pae = random.chance(60);
  const cr4 = (pae ? 0x20 : 0) | (random.chance(60) ? 0x10 : 0);
  const cr0 = 0x80000011 | (random.chance(50) ? 0x10000 : 0);
  const pointers = Layout.ORIGIN + 0x200;
  image.put(pointers, ...le16(0xff), ...le32(Layout.GDT), 0, 0, ...le16(0x7ff), ...le32(Layout.IDT));
  const far = Layout.ORIGIN + 0x100;
  image.put(Layout.ORIGIN, ...le32(0x1badb002), ...le32(0), ...le32(-0x1badb002));
  image.put(
    Layout.ORIGIN + 12,
    ...[0x0f, 0x01, 0x15, ...le32(pointers), 0x0f, 0x01, 0x1d, ...le32(pointers + 8)],
    ...[0xea, ...le32(far), ...le16(CODE0)],
  );
  const end = image.put(
    far,
    ...[
      0xb8,
      ...le32(DATA0),
      0x8e,
      0xd0,
      0xb8,
      ...le32(DATA3),
      0x8e,
      0xd8,
      0x8e,
      0xc0,
      0x8e,
      0xe0,
      0x8e,
      0xe8,
    ],
    ...[0xb8, ...le32(TSS), 0x0f, 0x00, 0xd8, 0xdb, 0xe3],
    ...(random.chance(70) ? [0xb9, ...le32(0xc0000080), 0xb8, ...le32(0x800), 0x31, 0xd2, 0x0f, 0x30] : []),
    ...[0xb8, ...le32(cr4), 0x0f, 0x22, 0xe0, 0xb8, ...le32(pae ? ROOT64 : ROOT32), 0x0f, 0x22, 0xd8],
    ...[0xb8, ...le32(cr0), 0x0f, 0x22, 0xc0],
  );
  image.put(end, 0xe9, ...le32(next - end - 5));
};

/** The kernel of a seed, as an ELF file for Multiboot. */
export const randomPagingKernel = (seed: number): Uint8Array => {
  const random = new Random(seed);
  const image = new Image();
  writeKernel(image, random);
  fillTables(image, random);
  for (let i = 0; i < SLOTS; i++) {
    const start = Layout.SLOTS + i * SLOT_SIZE;
    image.put(start, ...slot(random, start));
  }
  return writeElf({
    code: image.bytes,
    origin: Layout.ORIGIN,
    entry: Layout.ORIGIN + 12,
    memorySize: image.bytes.length,
    symbols: new Map(),
  });
};
