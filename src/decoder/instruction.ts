/** A decoded instruction, as the rest of the pipeline sees it: plain data, no Capstone. */
import type { Size } from '../x86/registers.ts';

export type Operand =
  | { readonly kind: 'reg'; readonly class: RegisterClass; readonly index: number; readonly size: number }
  | {
      readonly kind: 'imm';
      /**
       * Of an operand-size immediate, signed: a shorter encoding is sign-extended (`mov al, 0xff` has -1, size 1).
       * Unsigned are shift counts, ports, vectors, RET's and ENTER's numbers, selectors and code addresses.
       */
      readonly value: number;
      /** Bytes: the operand size where sign-extended, else the encoded size. */
      readonly size: number;
    }
  | {
      readonly kind: 'mem';
      /** Segment register number, override and defaults (SS for EBP and ESP bases) applied. */
      readonly segment: number;
      /** General register number, or -1. */
      readonly base: number;
      readonly index: number;
      /** log2 of the scale factor. */
      readonly scale: number;
      /** Signed displacement, 32 bits (for a 16-bit address size sign-extended from 16). */
      readonly disp: number;
      /** Access size in bytes; 0 where the instruction defines none (LEA, INVLPG). */
      readonly size: number;
    };

export type RegisterClass = 'gpr' | 'segment' | 'control' | 'debug' | 'st' | 'mmx' | 'xmm';

export interface Instruction {
  /** Capstone's base mnemonic (cs_insn_name), lower case, e.g. `add`, `lcall`, `movsd`. */
  readonly mnemonic: string;
  /** Length in bytes, 1 to 15. */
  readonly length: number;
  /** Effective operand size in bytes: 2 or 4 from mode and 66h prefix; 1 for byte forms. */
  readonly operandSize: Size;
  /** Effective address size in bytes. */
  readonly addressSize: 2 | 4;
  /** Opcode without prefixes, e.g. 0x89, 0x0fb6, 0x0f38f0. */
  readonly opcode: number;
  /** ModRM byte, or -1. */
  readonly modrm: number;
  readonly lock: boolean;
  /** 0 none, 1 F3 (REP/REPE), 2 F2 (REPNE); the last one given counts. */
  readonly rep: 0 | 1 | 2;
  /** 66 given. */
  readonly operandPrefix: boolean;
  /** Segment override given by a prefix, or -1. */
  readonly segmentOverride: number;
  /**
   * Explicit operands in Intel order. String instructions have their memory operands, XLAT has none; a far
   * pointer is two immediates, selector and offset; an x87 register operand is always written out, as in
   * `fadd st(0), st(1)`. Operands may be shared between instructions.
   */
  readonly operands: readonly Operand[];
}

/**
 * What the bytes at an address turned out to be.
 * `undefined`: an opcode that does not exist, or a LOCK that is not allowed: #UD. `length` is what was looked at.
 * `too-long`: more than 15 bytes: #GP(0).
 * `truncated`: more bytes are needed than were given.
 */
export type Decoded =
  | { readonly kind: 'instruction'; readonly instruction: Instruction }
  | { readonly kind: 'undefined'; readonly length: number }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'truncated' };

export interface Decoder {
  /**
   * Decodes one instruction at the start of `bytes`.
   * @param bytes up to 15 bytes that are known to be readable; the array may be longer
   * @param offset where the instruction starts in `bytes`
   * @param available how many bytes from `offset` on may be looked at
   * @param address value of EIP at the instruction: branch operands are absolute targets in `imm.value`,
   *   wrapped to the operand size
   * @param bits 16 or 32, the code segment's default size
   */
  decode(bytes: Uint8Array, offset: number, available: number, address: number, bits: 16 | 32): Decoded;
}
