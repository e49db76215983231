/**
 * The standard memory image every case starts from: descriptor tables with one of each kind of descriptor, task
 * state segments, page tables, exception handlers that go on behind the instruction, an arena to work in.
 */
import { hasErrorCode } from '../../src/x86/exceptions.ts';
import type { Case } from './case.ts';

export const SMALL_RAM = 0x20000;
export const WIDE_RAM = 0x200000;

/** Physical addresses, and linear ones too: the first 4 MiB are mapped as they are. */
export const Area = {
  /** CR3's page: a directory, or a page-directory-pointer table. */
  TOP: 0x1000,
  /** Page directories of PAE paging for the lowest and the highest GiB. */
  LOW_DIRECTORY: 0x2000,
  HIGH_DIRECTORY: 0x3000,
  /** Page tables of the lowest 4 MiB (2 MiB with PAE), of the alias of it, and of the highest. */
  TABLE: 0x4000,
  ALIAS_TABLE: 0x5000,
  HIGH_TABLE: 0x6000,
  /** Another page for CR3 with the same content. */
  OTHER_TOP: 0x7000,
  GDT: 0x8000,
  LDT: 0x8800,
  IDT: 0x9000,
  TSS: 0x9800,
  TASK: 0x9a00,
  TASK16: 0x9b00,
  OTHER_TASK: 0x9c00,
  HANDLERS: 0xa000,
  /** For each byte of the program, the offset in it of the next instruction behind it, 16 bits. */
  NEXT: 0xb000,
  /** Tops of the stacks of rings 0, 1 and 2, and of the other tasks. */
  STACK0: 0xd000,
  STACK1: 0xcc00,
  STACK2: 0xc800,
  TASK_STACK: 0xc600,
  /** Where programs work. */
  ARENA: 0x10000,
  ARENA_END: 0x20000,
} as const;

/** Linear address of the alias of the lowest RAM, mapped by tables of its own. */
export const ALIAS = 0x400000;
/** Linear address where large pages map physical memory from 0, with 32-bit paging and PSE or PAE. */
export const LARGE = 0x800000;
/** The highest page with a mapping: to physical page ARENA, so that addresses wrap at 4 GiB. */
export const HIGHEST = 0xfffff000;

export const GDT_LIMIT = 0x1ff;
export const LDT_LIMIT = 0x5f;
export const IDT_LIMIT = 0x7ff;
export const TSS_LIMIT = 0xe7;
/** Longest program in bytes that the table at NEXT has room for. */
export const MOST_CODE = 0x600;

export type DescriptorFields = readonly [base: number, limit: number, attributes: number];

const ring = (dpl: number) => dpl << 13;
const flat = (attributes: number, dpl: number): DescriptorFields => [0, 0xfffff, attributes | ring(dpl)];
const small = (attributes: number, dpl: number): DescriptorFields => [
  Area.ARENA,
  0xffff,
  attributes | ring(dpl),
];
const gate = (selector: number, offset: number, attributes: number): readonly [number, number] => [
  (selector << 16) | (offset & 0xffff),
  (offset & 0xffff0000) | attributes,
];

/** Descriptors of code and data, from index 1 on. The order is that of `Selector`. */
const SEGMENTS: readonly DescriptorFields[] = [
  ...[0, 1, 2, 3].flatMap((dpl) => [flat(0xc09b00, dpl), flat(0xc09300, dpl)]),
  ...[0, 1, 2, 3].flatMap((dpl) => [small(0x009b00, dpl), small(0x009300, dpl)]),
  flat(0xc09f00, 0),
  small(0x009f00, 2),
  [Area.ARENA, 0x8000, 0x40f700],
  [Area.ARENA, 0x8000, 0x00f700],
  [Area.ARENA, 0x6fff, 0x40f100],
  flat(0xc0f900, 0),
  flat(0xc07300, 0),
  flat(0xc07b00, 0),
  [Area.LDT, LDT_LIMIT, 0x008200],
  [Area.TSS, TSS_LIMIT, 0x008b00],
  [Area.TASK, 0x67, 0x008900],
  [Area.TASK16, 0x2b, 0x008100],
  [Area.OTHER_TASK, 0x67, 0x00e900],
];

/** Selectors of the standard GDT; `code32(n)` and the like have RPL n. */
export const Selector = {
  code32: (dpl: number) => 8 + dpl * 16 + dpl,
  data32: (dpl: number) => 16 + dpl * 16 + dpl,
  code16: (dpl: number) => 0x48 + dpl * 16 + dpl,
  data16: (dpl: number) => 0x50 + dpl * 16 + dpl,
  CONFORMING32: 0x88,
  CONFORMING16: 0x90,
  DOWN32: 0x9b,
  DOWN16: 0xa3,
  READ_ONLY: 0xab,
  EXECUTE_ONLY: 0xb3,
  ABSENT_DATA: 0xb8,
  ABSENT_CODE: 0xc0,
  LDT: 0xc8,
  TSS: 0xd0,
  TASK: 0xd8,
  TASK16: 0xe0,
  OTHER_TASK: 0xe8,
  CALL32: 0xf3,
  CALL16: 0xfb,
  CALL_CONFORMING: 0x103,
  TASK_GATE: 0x10b,
  TASK_GATE16: 0x113,
  CALL_RING1: 0x11b,
  SHORT: 0x123,
  HANDLER16: 0x128,
  STACK16: 0x130,
} as const;

/** Everything a segment register may be loaded with to some effect. */
export const selectors: readonly number[] = [
  ...Array.from({ length: 66 }, (_, i) => i * 8),
  ...Array.from({ length: 12 }, (_, i) => i * 8 + 4),
].flatMap((s) => [s, s | 3, s | ((s >> 3) & 3)]);

/** What a segment register holds after loading a code or data selector of the standard GDT. */
export const segmentOf = (selector: number): readonly [number, number, number, number] => {
  const [base, limit, attributes] = SEGMENTS[(selector >> 3) - 1]!;
  return [selector, base, attributes & 0x800000 ? 0xffffffff : limit, attributes];
};

class Image {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }
  words(at: number, ...values: readonly number[]): void {
    for (const [i, value] of values.entries()) this.#view.setInt32(at + 4 * i, value, true);
  }
  half(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }
  descriptor(at: number, [base, limit, attributes]: DescriptorFields): void {
    this.words(at, (base << 16) | (limit & 0xffff));
    this.words(at + 4, (base & 0xff000000) | ((base >>> 16) & 0xff) | (limit & 0xf0000) | attributes);
  }
}

const writeTables = (image: Image): void => {
  for (const [i, fields] of SEGMENTS.entries()) image.descriptor(Area.GDT + 8 + i * 8, fields);
  const gdt = (selector: number, pair: readonly [number, number]) =>
    image.words(Area.GDT + (selector & ~7), ...pair);
  gdt(Selector.CALL32, gate(Selector.code32(0), Area.HANDLERS + 0xc0, 0xec02));
  gdt(Selector.CALL16, gate(Selector.code16(0), 0x3000, 0xe401));
  gdt(Selector.CALL_CONFORMING, gate(Selector.CONFORMING32, Area.HANDLERS + 0xc0, 0xec00));
  gdt(Selector.TASK_GATE, gate(Selector.TASK, 0, 0xe500));
  gdt(Selector.TASK_GATE16, gate(Selector.TASK16, 0, 0xe500));
  gdt(Selector.CALL_RING1, gate(Selector.code32(1), Area.HANDLERS + 0xc0, 0xec03));
  image.descriptor(Area.GDT + (Selector.SHORT & ~7), [Area.ARENA, 0x4321, 0x40f300]);
  image.descriptor(Area.GDT + Selector.HANDLER16, [Area.HANDLERS, 0xffff, 0x009b00]);
  image.descriptor(Area.GDT + Selector.STACK16, [0, 0xffff, 0x009300]);
  for (const [i, n] of [6, 7, 14, 15, 0, 1, 18, 20].entries())
    image.descriptor(Area.LDT + i * 8, SEGMENTS[n]!);
  image.words(Area.LDT + 64, ...gate(Selector.code32(0), Area.HANDLERS + 0xc0, 0xec01));
  image.words(Area.LDT + 72, ...gate(Selector.OTHER_TASK, 0, 0xe500));
};

const writeTasks = (image: Image, cr3: number): void => {
  image.words(Area.TSS, 0, Area.STACK0, Selector.data32(0), Area.STACK1, Selector.data32(1));
  image.words(Area.TSS + 0x14, Area.STACK2, Selector.data32(2));
  image.words(Area.TSS + 0x1c, cr3);
  // The I/O map allows every second group of eight ports among the first 512.
  image.words(Area.TSS + 0x64, 0x880000);
  // Redirection of software interrupts (SDM vol. 3, section 20.3): every fourth goes to the program's table.
  for (let i = 0; i < 8; i++) image.words(Area.TSS + 0x68 + i * 4, 0x77777777);
  for (let i = 0; i < 16; i++) image.words(Area.TSS + 0x88 + i * 4, 0x00ff00ff);
  image.words(Area.TSS + 0xc8, -1, -1, -1, -1, -1, -1, -1, -1);
  for (const at of [Area.TASK, Area.OTHER_TASK]) {
    image.words(at, 0, Area.STACK0, Selector.data32(0), Area.STACK1, Selector.data32(1));
    image.words(at + 0x14, Area.STACK2, Selector.data32(2), cr3, Area.HANDLERS + 0xe0, 0x2);
    image.words(at + 0x28, 1, 2, 3, 4, Area.TASK_STACK, 5, Area.ARENA, Area.ARENA + 0x100);
    const data = Selector.data32(0);
    image.words(at + 0x48, data, Selector.code32(0), data, data, data, data, 0, 0x680000);
  }
  const halves = [0, 0xd000, 0x130, 0xcc00, 0x61, 0xc800, 0x72, 0xe4, 2, 1, 2, 3, 4, 0xc600, 5, 6, 7];
  halves.push(0x50, Selector.HANDLER16, Selector.STACK16, 0x50, 0);
  for (const [i, value] of halves.entries()) image.half(Area.TASK16 + i * 2, value);
};

const P = 1;
const RW = 2;
const US = 4;
const LARGE_PAGE = 0x80;

const writeLegacyTables = (image: Image, size: number): void => {
  for (const top of [Area.TOP, Area.OTHER_TOP]) {
    image.words(top, Area.TABLE | P | RW | US, Area.ALIAS_TABLE | P | RW | US, P | RW | US | LARGE_PAGE);
    image.words(top + 0x300 * 4, Area.TABLE | P | RW);
    image.words(top + 0x3ff * 4, Area.HIGH_TABLE | P | RW | US);
  }
  for (let page = 0; page < size; page += 4096) {
    image.words(Area.TABLE + (page >>> 10), page | P | RW | US);
    image.words(Area.ALIAS_TABLE + (page >>> 10), page | P | RW | US);
  }
  image.words(Area.HIGH_TABLE + 0xffc, Area.ARENA | P | RW | US);
};

const writePaeTables = (image: Image, size: number): void => {
  for (const top of [Area.TOP, Area.OTHER_TOP]) {
    image.words(top, Area.LOW_DIRECTORY | P, 0, 0, 0, 0, 0, Area.HIGH_DIRECTORY | P, 0);
  }
  const low = Area.LOW_DIRECTORY;
  image.words(low, Area.TABLE | P | RW | US);
  image.words(low + 2 * 8, Area.ALIAS_TABLE | P | RW | US);
  image.words(low + 4 * 8, P | RW | US | LARGE_PAGE);
  image.words(Area.HIGH_DIRECTORY, Area.TABLE | P | RW);
  image.words(Area.HIGH_DIRECTORY + 511 * 8, Area.HIGH_TABLE | P | RW | US);
  for (let page = 0; page < size; page += 4096) {
    image.words(Area.TABLE + (page >>> 9), page | P | RW | US);
    image.words(Area.ALIAS_TABLE + (page >>> 9), page | P | RW | US);
  }
  image.words(Area.HIGH_TABLE + 0xff8, Area.ARENA | P | RW | US);
};

const le32 = (n: number): number[] => [n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24];
const le16 = (n: number): number[] => [n & 0xff, (n >>> 8) & 0xff];

/** A 32-bit handler that returns behind the interrupted instruction, or to the start from outside the program. */
const handler32 = (start: number, length: number): number[] => [
  ...[0x50, 0x8b, 0x44, 0x24, 0x04], // push eax; mov eax, [esp+4]
  ...[0x2d, ...le32(start), 0x3d, ...le32(length)], // sub eax, start; cmp eax, length
  ...[0x73, 0x0b], // jae outside
  ...[0x2e, 0x0f, 0xb7, 0x04, 0x45, ...le32(Area.NEXT)], // movzx eax, word cs:[NEXT + 2 * eax]
  ...[0xeb, 0x02, 0x31, 0xc0], // jmp over; outside: xor eax, eax
  ...[0x05, ...le32(start), 0x89, 0x44, 0x24, 0x04], // over: add eax, start; mov [esp+4], eax
  ...[0x58, 0xcf], // pop eax; iretd
];
/** The same in 16 bits, with CS at HANDLERS. */
const handler16 = (start: number, length: number): number[] => [
  ...[0x50, 0x55, 0x89, 0xe5, 0x8b, 0x46, 0x04], // push ax; push bp; mov bp, sp; mov ax, [bp+4]
  ...[0x2d, ...le16(start), 0x3d, ...le16(length)], // sub ax, start; cmp ax, length
  ...[0x73, 0x0d], // jae outside
  ...[0x53, 0x89, 0xc3, 0x01, 0xdb], // push bx; mov bx, ax; add bx, bx
  ...[0x2e, 0x8b, 0x87, ...le16(Area.NEXT - Area.HANDLERS)], // mov ax, cs:[bx + NEXT]
  ...[0x5b, 0xeb, 0x02, 0x31, 0xc0], // pop bx; jmp over; outside: xor ax, ax
  ...[0x05, ...le16(start), 0x89, 0x46, 0x04], // over: add ax, start; mov [bp+4], ax
  ...[0x5d, 0x58, 0xcf], // pop bp; pop ax; iret
];

/** Offsets of the handlers from HANDLERS: with and without an error code, and one that only returns. */
export const Handler = { ERROR: 0x00, PLAIN: 0x03, RETURN: 0x2f, ERROR16: 0x40, PLAIN16: 0x43 } as const;
const RETURN16 = 0x72;

const isTrap = (vector: number): boolean =>
  vector === 1 || vector === 2 || vector === 3 || vector === 4 || vector >= 0x20;

const writeInterruptTables = (image: Image): void => {
  for (let v = 0; v < 256; v++) {
    const at = Area.IDT + v * 8;
    const offset = isTrap(v) ? Handler.RETURN : hasErrorCode(v) ? Handler.ERROR : Handler.PLAIN;
    const dpl = isTrap(v) && v % 8 !== 7 ? 3 : 0;
    const type = v % 16 === 5 ? 0x8f00 : 0x8e00;
    image.words(at, ...gate(Selector.code32(0), Area.HANDLERS + offset, type | ring(dpl)));
    image.words(v * 4, ((Area.HANDLERS >> 4) << 16) | (isTrap(v) ? RETURN16 : Handler.PLAIN16));
  }
  const special = (v: number, pair: readonly [number, number]) => image.words(Area.IDT + v * 8, ...pair);
  special(0x30, gate(Selector.HANDLER16, RETURN16, 0xe600));
  special(0x31, gate(Selector.TASK, 0, 0xe500));
  special(0x32, gate(Selector.CONFORMING32, Area.HANDLERS + Handler.RETURN, 0xee00));
  special(0x33, gate(Selector.code32(1), Area.HANDLERS + Handler.RETURN, 0xee00));
  special(0x34, gate(Selector.OTHER_TASK, 0, 0xe500));
  special(0x35, gate(Selector.HANDLER16, RETURN16, 0xe700));
};

const writeHandlers = (ram: Uint8Array, start: number, length: number): void => {
  const put = (offset: number, code: readonly number[]) => ram.set(code, Area.HANDLERS + offset);
  const wide = handler32(start, length);
  put(Handler.ERROR, [0x83, 0xc4, 0x04, ...wide]);
  put(Handler.RETURN, [0xcf]);
  put(Handler.ERROR16, [0x83, 0xc4, 0x02, ...handler16(start, length)]);
  put(RETURN16, [0xcf]);
  put(0xc0, [0xcb, 0xeb, 0xfd]); // where call gates lead: retf; jmp back
  put(0xe0, [0xcf, 0xeb, 0xfd]); // where tasks start: iretd; jmp back
  put(0xe4, [0xcf, 0xeb, 0xfd]);
};

const standard = new Map<string, Uint8Array>();

/** The image without what depends on the program: one for each size of RAM and kind of paging. */
const standardImage = ({ wide, paging, mode }: Case): Uint8Array => {
  const key = `${wide} ${paging} ${mode === 'real' || mode === 'unreal'}`;
  const known = standard.get(key);
  if (known) return known;
  const image = new Image(wide ? WIDE_RAM : SMALL_RAM);
  writeTables(image);
  writeTasks(image, paging === 'off' ? 0 : Area.TOP);
  if (paging === 'pae') writePaeTables(image, image.bytes.length);
  else writeLegacyTables(image, image.bytes.length);
  writeInterruptTables(image);
  standard.set(key, image.bytes);
  return image.bytes;
};

const noise = new Uint32Array(0x8000);
{
  let x = 0x12345678;
  for (let i = 0; i < noise.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    noise[i] = x;
  }
}
const noiseBytes = new Uint8Array(noise.buffer);
/** `length` bytes that look random. @param which 0 gives zeros */
export const noiseOf = (which: number, length: number): Uint8Array =>
  which === 0 ? new Uint8Array(length) : noiseBytes.subarray(which & 0xfff8, (which & 0xfff8) + length);

/** Whether the program's first instruction lies at its linear address minus the arena's start. */
export const isSmallCode = (c: Case): boolean => c.mode !== 'p32' && c.mode !== 'segmented';

/** Offset of the program in its code segment. */
export const codeOffset = (c: Case): number => (isSmallCode(c) ? c.at - Area.ARENA : c.at);

/** Offsets of the instructions from the program's start, and its length as the last. */
export const startsOf = (c: Case): number[] => {
  const starts = [0];
  for (const bytes of c.code) starts.push(starts.at(-1)! + bytes.length);
  return starts;
};

/** Fills RAM for a case. @param ram as long as the case asks for */
export const writeImage = (c: Case, ram: Uint8Array): void => {
  ram.set(standardImage(c));
  if (c.fill !== 0) ram.set(noiseOf(c.fill, Area.ARENA_END - Area.ARENA), Area.ARENA);
  const starts = startsOf(c);
  const length = Math.min(starts.at(-1)!, MOST_CODE);
  writeHandlers(ram, codeOffset(c), length);
  for (let offset = 0, i = 1; offset < length; offset++) {
    while (starts[i]! <= offset) i++;
    // Behind the last instruction comes the first.
    const next = starts[i]! >= length ? 0 : starts[i]!;
    ram[Area.NEXT + 2 * offset] = next & 0xff;
    ram[Area.NEXT + 2 * offset + 1] = next >> 8;
  }
  let at = c.at;
  for (const bytes of c.code) for (const byte of bytes) if (at < ram.length) ram[at++] = byte;
  for (const [address, bytes] of c.memory)
    for (let i = 0; i < bytes.length; i++) if (address + i < ram.length) ram[address + i] = bytes[i]!;
};
