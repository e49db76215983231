/** Values and addresses that are worth trying, and how to encode what refers to them. */
import type { Case } from './case.ts';
import { ALIAS, Area, HIGHEST, isSmallCode, LARGE, selectors } from './layout.ts';
import type { Random } from './random.ts';

const INTERESTING = [
  0, 1, 2, 7, 8, 0x1f, 0x20, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
  0xfffffffe, 0xffffffff,
];
const PAGE_ENDS = [0x0ff1, 0x0ffc, 0x0ffe, 0x0fff, 0x1ff9, 0x1ffd, 0x5ffe, 0x7fff, 0x8ffe, 0x9000];
const TABLES = [Area.GDT, Area.LDT, Area.IDT, Area.TSS, Area.TASK, Area.TASK16, Area.HANDLERS];
/** Segment limits of the standard descriptors end near these offsets. */
const LIMITS = [0x4320, 0x6ffe, 0x8000, 0xfffc, 0xfffe, 0xffff];
/** Beyond RAM: video memory, ROM, the end of RAM, devices, the last bytes. */
const OUTSIDE = [0x9fffe, 0xa0000, 0xbfffd, 0xc0000, 0xffffe, 0x100000, 0x1ffffe, 0xf0000000, 0xfffffffd];

/** An offset in the arena; often at the end of a page or in the program. */
const arenaOffset = (random: Random, c: Case): number => {
  if (random.chance(20)) return random.pick(PAGE_ENDS);
  if (random.chance(10)) return c.at - Area.ARENA + random.below(64);
  if (random.chance(5)) return random.pick(LIMITS);
  return random.below(Area.ARENA_END - Area.ARENA);
};

/** An address as the segments of the case's mode want it. */
export const address = (random: Random, c: Case): number => {
  const offset = arenaOffset(random, c);
  if (isSmallCode(c) || c.mode === 'segmented') return offset;
  if (random.chance(82)) return Area.ARENA + offset;
  switch (random.below(6)) {
    case 0:
      return ALIAS + Area.ARENA + offset;
    case 1:
      return LARGE + Area.ARENA + offset;
    case 2:
      return (HIGHEST + random.below(0x1010)) >>> 0;
    case 3:
      return 0xc0000000 + Area.ARENA + offset;
    case 4:
      return random.pick(TABLES) + random.below(0x200);
    default:
      return c.wide || random.chance(20) ? random.pick(OUTSIDE) : Area.ARENA + offset;
  }
};

/** A value for a register or an immediate. */
export const value = (random: Random, c: Case): number => {
  if (random.chance(50)) return address(random, c);
  if (random.chance(10)) return random.pick(selectors);
  return random.chance(60) ? random.pick(INTERESTING) : random.next();
};

export const le32 = (n: number): number[] => [n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24];
export const le16 = (n: number): number[] => [n & 0xff, (n >>> 8) & 0xff];

/** Encodes for a code segment's default size. */
export class Encoder {
  readonly wide: boolean;
  constructor(wide: boolean) {
    this.wide = wide;
  }
  /** An immediate of the default operand size. */
  word(n: number): number[] {
    return this.wide ? le32(n) : le16(n);
  }
  /** ModRM and displacement of a memory operand at a fixed offset. */
  at(reg: number, offset: number): number[] {
    return this.wide ? [5 | (reg << 3), ...le32(offset)] : [6 | (reg << 3), ...le16(offset)];
  }
  /** MOV of a constant to a register. */
  load(reg: number, n: number): number[] {
    return [0xb8 | reg, ...this.word(n)];
  }
  /** MOV of 32 bits to a register, whatever the default size. */
  load32(reg: number, n: number): number[] {
    return [...(this.wide ? [] : [0x66]), 0xb8 | reg, ...le32(n)];
  }
  push(n: number): number[] {
    return [0x68, ...this.word(n)];
  }
  /** MOV of a constant to memory. */
  store(offset: number, n: number): number[] {
    return [0xc7, ...this.at(0, offset), ...this.word(n)];
  }
}
