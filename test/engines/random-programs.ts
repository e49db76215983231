/** Random programs: valid instructions mostly, on operands that mostly can be reached. */
import type { Decoder } from '../../src/decoder/instruction.ts';
import { Arena, type DuelMode, modes, type Program } from './duel.ts';

/** Marsaglia's xorshift, 32 bits: the same numbers from the same seed everywhere. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  }
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }
  below(limit: number): number {
    return this.next() % limit;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const PREFIXES = [0x66, 0x66, 0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0];
/** What compilers emit most. */
const COMMON: readonly (readonly number[])[] = [
  ...[
    0x89, 0x8b, 0x01, 0x03, 0x29, 0x31, 0x83, 0x81, 0x8d, 0xc1, 0x50, 0x58, 0xb8, 0x39, 0x3b, 0x80, 0x84,
    0x85,
  ].map((b) => [b]),
  ...[0x48, 0x74, 0x75, 0x72, 0x7c, 0xeb, 0xe8, 0xc3, 0xf6, 0x11, 0xa8, 0xa4, 0xa5, 0xaa, 0xab].map((b) => [
    b,
  ]),
  ...[0xb6, 0xb7, 0xaf].map((b) => [0x0f, b]),
];
const INTERESTING = [
  0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
];
const PAGE_ENDS = [0x0ffc, 0x0ffe, 0x0fff, 0x1ffd, 0x5ffe, 0x7fff, 0x8ffe];

const is16 = (mode: DuelMode): boolean => mode === '16-bit' || mode === 'real' || mode === 'virtual-8086';

/** An address in the arena as the mode's segments want it; often at the end of a page, or in the code. */
const address = (random: Random, mode: DuelMode): number => {
  const offset = random.chance(20)
    ? random.pick(PAGE_ENDS)
    : random.chance(10)
      ? Arena.CODE - Arena.START + random.below(64)
      : random.below(Arena.END - Arena.START);
  return is16(mode) || mode === 'segmented' ? offset : Arena.START + offset;
};
const value = (random: Random, mode: DuelMode): number => {
  if (random.chance(60)) return address(random, mode);
  return random.chance(60) ? random.pick(INTERESTING) : random.next();
};

const pushWord = (bytes: number[], word: number): void => {
  bytes.push(word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24);
};
const instruction = (random: Random, mode: DuelMode): number[] => {
  const bytes: number[] = [];
  while (random.chance(15)) bytes.push(random.pick(PREFIXES));
  if (random.chance(35)) bytes.push(...random.pick(COMMON));
  else if (random.chance(25)) bytes.push(0x0f, random.below(256));
  else bytes.push(random.below(256));
  // ModRM: registers half of the time; the bytes behind it serve as SIB, displacement and immediate.
  bytes.push(random.chance(50) ? 0xc0 | random.below(64) : random.below(256));
  if (random.chance(30)) bytes.push(random.below(256));
  pushWord(bytes, random.chance(50) ? address(random, mode) : random.below(16));
  pushWord(bytes, value(random, mode));
  return bytes;
};

/** A program of a number of instructions; a few of them may be no instructions at all. */
export const randomProgram = (random: Random, decoder: Decoder, length: number, only?: DuelMode): Program => {
  const mode = only ?? random.pick(modes);
  const bits = is16(mode) ? 16 : 32;
  const code: number[] = [];
  const starts: number[] = [];
  for (let n = 0; n < length; ) {
    const bytes = Uint8Array.from(instruction(random, mode));
    const decoded = decoder.decode(bytes, 0, bytes.length, 0, bits);
    if (decoded.kind !== 'instruction' && !random.chance(2)) continue;
    starts.push(code.length);
    code.push(...bytes.subarray(0, decoded.kind === 'instruction' ? decoded.instruction.length : 4));
    n++;
  }
  // And again from the start: blocks that were executed before are linked then.
  const back = -(code.length + (bits === 16 ? 3 : 5));
  starts.push(code.length);
  code.push(0xe9, back & 0xff, (back >> 8) & 0xff, ...(bits === 16 ? [] : [0xff, 0xff]));
  const words = Int32Array.from({ length: (Arena.END - Arena.START) / 4 }, () => random.next());
  const fill = new Uint8Array(words.buffer);
  const registers = Array.from({ length: 8 }, () => value(random, mode));
  // A stack, and most of the time something to reach by EBX, ESI and EDI.
  registers[4] = address(random, mode) & ~3;
  if (random.chance(70)) for (const register of [3, 6, 7]) registers[register] = address(random, mode);
  // Counts that end soon.
  if (random.chance(50)) registers[1] = random.below(40);
  return {
    mode,
    code: Uint8Array.from(code),
    starts,
    fill,
    registers,
    eflags: (random.next() & 0x244ed5) | 2,
  };
};
