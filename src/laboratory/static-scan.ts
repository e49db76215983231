/**
 * Which instructions a range of code holds, as far as can be known without running it: those that can be followed
 * from entry points, and those that a sweep from the first byte to the last comes by.
 */
import type { Decoder, Instruction } from '../decoder/instruction.ts';
import type { CodeRange } from './code-ranges.ts';

export interface Scanned {
  readonly instruction: Instruction;
  /** Bytes from the range's start. */
  readonly offset: number;
  /**
   * Direct transfers lead here from an entry point. Without that, data may have been read as code, or code from the
   * middle of an instruction.
   */
  readonly followed: boolean;
}

const LONGEST = 15;

/** What is subtracted from a target to get an offset in the range: 16-bit code has one segment, the range. */
const originOf = ({ bits, linear }: CodeRange): number => (bits === 16 ? 0 : linear);

const decodeAt = (decoder: Decoder, range: CodeRange, at: number): Instruction | undefined => {
  const { bytes, bits } = range;
  const available = Math.min(LONGEST, bytes.length - at);
  const decoded = decoder.decode(bytes, at, available, originOf(range) + at, bits);
  return decoded.kind === 'instruction' ? decoded.instruction : undefined;
};

/** Short and near jumps, conditional jumps, loops, and calls. */
const hasDirectTarget = ({ opcode }: Instruction): boolean =>
  opcode === 0xe8 ||
  opcode === 0xe9 ||
  opcode === 0xeb ||
  (opcode >= 0x70 && opcode <= 0x7f) ||
  (opcode >= 0x0f80 && opcode <= 0x0f8f) ||
  (opcode >= 0xe0 && opcode <= 0xe3);

/** JMP, RET, far ones, IRET, SYSEXIT, UD. */
const ENDS = new Set([0xe9, 0xeb, 0xc2, 0xc3, 0xca, 0xcb, 0xcf, 0xea, 0x0f0b, 0x0f34, 0x0f35]);
const goesOn = ({ opcode, modrm }: Instruction): boolean =>
  !ENDS.has(opcode) && !(opcode === 0xff && (((modrm >> 3) & 7) === 4 || ((modrm >> 3) & 7) === 5));

/** @param starts linear addresses of entry points, those outside the range among them */
export const scanCode = (decoder: Decoder, range: CodeRange, starts: readonly number[]): Scanned[] => {
  const { bytes, linear } = range;
  const found = new Map<number, Scanned>();
  const work = starts.map((start) => start - linear);
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    while (at >= 0 && at < bytes.length && !found.has(at)) {
      const instruction = decodeAt(decoder, range, at);
      if (!instruction) break;
      found.set(at, { instruction, offset: at, followed: true });
      const target = instruction.operands[0];
      if (hasDirectTarget(instruction) && target?.kind === 'imm') work.push(target.value - originOf(range));
      if (!goesOn(instruction)) break;
      at += instruction.length;
    }
  }
  const boundaries = new Set(starts.map((start) => start - linear));
  for (let at = 0; at < bytes.length; ) {
    const known = found.get(at);
    const instruction = known?.instruction ?? decodeAt(decoder, range, at);
    if (instruction && !known) found.set(at, { instruction, offset: at, followed: false });
    const next = at + (instruction?.length ?? 1);
    // What is known to begin inside is believed.
    at = firstWithin(at + 1, next, (i) => boundaries.has(i) || found.get(i)?.followed === true) ?? next;
  }
  return [...found.values()].sort((a, b) => a.offset - b.offset);
};

const firstWithin = (from: number, to: number, holds: (i: number) => boolean): number | undefined => {
  for (let i = from; i < to; i++) if (holds(i)) return i;
  return undefined;
};
