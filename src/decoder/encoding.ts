/**
 * The parts of an instruction's encoding: prefixes, opcode, ModRM, SIB, displacement, immediate (SDM vol. 2,
 * chapter 2). This fixes the length, and so tells exactly when bytes are missing.
 */
import { Gpr, Seg } from '../x86/registers.ts';
import {
  IMMEDIATE_MASK,
  Immediate,
  MODRM,
  OpcodeMap,
  opcodeLayouts,
  PREFIX,
  REGISTERS_ONLY,
} from './opcodes.ts';

/** The architecture's limit; a longer instruction raises #GP(0) (SDM vol. 3, section 6.15, interrupt 13). */
export const MAX_LENGTH = 15;

/** What the bytes allowed. */
export const Extent = { COMPLETE: 0, TRUNCATED: 1, TOO_LONG: 2 } as const;
export type Extent = (typeof Extent)[keyof typeof Extent];

/** Base and index of the eight 16-bit addressing forms (SDM vol. 2, table 2-1). */
const BASE_16 = [Gpr.EBX, Gpr.EBX, Gpr.EBP, Gpr.EBP, Gpr.ESI, Gpr.EDI, Gpr.EBP, Gpr.EBX];
const INDEX_16 = [Gpr.ESI, Gpr.EDI, Gpr.ESI, Gpr.EDI, -1, -1, -1, -1];

/** One parsed encoding; reused from instruction to instruction. */
export class Encoding {
  /** Bytes. */
  length = 0;
  /** 66 given. */
  operandPrefix = false;
  lock = false;
  /** 0 none, 1 F3, 2 F2: the last one. */
  rep: 0 | 1 | 2 = 0;
  /** Segment register number of the last override, or -1. */
  segmentOverride = -1;
  /** Bytes, from mode and prefix. */
  operandSize: 2 | 4 = 4;
  addressSize: 2 | 4 = 4;
  /** One of OpcodeMap, and the opcode's last byte. */
  map = 0;
  opcodeByte = 0;
  /** The layout of the opcode, see opcodes.ts. */
  layout = 0;
  /** ModRM byte, or -1. */
  modrm = -1;
  /** Whether the ModRM byte names memory; then the fields below hold the address. */
  memory = false;
  base = -1;
  index = -1;
  scale = 0;
  /** Signed; also the offset of Immediate.MEMORY_OFFSET. */
  disp = 0;
  /** Encoded width in bytes and value of the immediate, sign-extended to 32 bits; 0 when there is none. */
  immediateSize = 0;
  immediate = 0;
  /** The selector of a far pointer, the nesting level of ENTER; unsigned. */
  secondImmediate = 0;

  /** Opcode without prefixes: 0x89, 0x0fb6, 0x0f38f0. */
  get opcode(): number {
    return opcodeBase[this.map] | this.opcodeByte;
  }

  /**
   * Parses one instruction.
   * @param available bytes that may be looked at from `offset` on
   * @param bits the code segment's default size
   */
  parse(bytes: Uint8Array, offset: number, available: number, bits: 16 | 32): Extent {
    const limit = Math.min(available, MAX_LENGTH);
    const end = offset + limit;
    const short = available < MAX_LENGTH ? Extent.TRUNCATED : Extent.TOO_LONG;
    let at = offset;
    let opcode = 0;
    let layout = 0;
    let operandPrefix = false;
    let addressPrefix = false;
    this.lock = false;
    this.rep = 0;
    this.segmentOverride = -1;
    this.map = OpcodeMap.ONE_BYTE;
    for (;;) {
      if (at >= end) return short;
      opcode = bytes[at++];
      layout = opcodeLayouts[0][opcode];
      if ((layout & PREFIX) === 0 || opcode === 0x0f) break;
      if (opcode === 0x66) operandPrefix = true;
      else if (opcode === 0x67) addressPrefix = true;
      else this.prefix(opcode);
    }
    if (opcode === 0x0f) {
      if (at >= end) return short;
      opcode = bytes[at++];
      this.map = OpcodeMap.TWO_BYTE;
      if (opcode === 0x38 || opcode === 0x3a) {
        this.map = opcode === 0x38 ? OpcodeMap.THREE_BYTE_38 : OpcodeMap.THREE_BYTE_3A;
        if (at >= end) return short;
        opcode = bytes[at++];
      }
      layout = opcodeLayouts[this.map][opcode];
    }
    const size = bits >> 3;
    const operandSize = (operandPrefix ? size ^ 6 : size) as 2 | 4;
    const addressSize = (addressPrefix ? size ^ 6 : size) as 2 | 4;
    this.operandPrefix = operandPrefix;
    this.operandSize = operandSize;
    this.addressSize = addressSize;
    this.opcodeByte = opcode;
    this.layout = layout;
    this.modrm = -1;
    this.memory = false;
    this.disp = 0;

    let dispSize = 0;
    if (layout & MODRM) {
      if (at >= end) return short;
      const modrm = bytes[at++];
      this.modrm = modrm;
      if (modrm < 0xc0 && (layout & REGISTERS_ONLY) === 0) {
        this.memory = true;
        if (addressSize === 2) dispSize = this.address16(modrm);
        else {
          const sib = (modrm & 7) === Gpr.ESP;
          if (sib && at >= end) return short;
          dispSize = this.address32(modrm, sib ? bytes[at++] : -1);
        }
      }
    }

    let kind = layout & IMMEDIATE_MASK;
    if (kind >= Immediate.GROUP3_BYTE) {
      if ((this.modrm & 0x30) !== 0) kind = Immediate.NONE;
      else kind = kind === Immediate.GROUP3_BYTE ? Immediate.BYTE : Immediate.FULL;
    }
    let immediateSize = 0;
    let secondSize = 0;
    switch (kind) {
      case Immediate.BYTE:
        immediateSize = 1;
        break;
      case Immediate.WORD:
        immediateSize = 2;
        break;
      case Immediate.FULL:
        immediateSize = operandSize;
        break;
      case Immediate.FAR:
        immediateSize = operandSize;
        secondSize = 2;
        break;
      case Immediate.MEMORY_OFFSET:
        dispSize = addressSize;
        this.base = -1;
        this.index = -1;
        this.scale = 0;
        break;
      case Immediate.ENTER:
        immediateSize = 2;
        secondSize = 1;
        break;
      default:
    }
    this.immediateSize = immediateSize;
    const length = at - offset + dispSize + immediateSize + secondSize;
    if (length > limit) return short;
    this.length = length;
    if (dispSize !== 0) this.disp = readSigned(bytes, at, dispSize);
    at += dispSize;
    this.immediate = immediateSize === 0 ? 0 : readSigned(bytes, at, immediateSize);
    at += immediateSize;
    this.secondImmediate =
      secondSize === 0 ? 0 : secondSize === 1 ? bytes[at] : bytes[at] | (bytes[at + 1] << 8);
    return Extent.COMPLETE;
  }

  private prefix(byte: number): void {
    switch (byte) {
      case 0xf0:
        this.lock = true;
        break;
      case 0xf2:
        this.rep = 2;
        break;
      case 0xf3:
        this.rep = 1;
        break;
      case 0x64:
        this.segmentOverride = Seg.FS;
        break;
      case 0x65:
        this.segmentOverride = Seg.GS;
        break;
      default:
        // 26, 2E, 36, 3E: the register number is in bits 3 and 4.
        this.segmentOverride = (byte >> 3) & 3;
    }
  }

  /** SDM vol. 2, table 2-1. Returns the displacement's size. */
  private address16(modrm: number): number {
    const mod = modrm >> 6;
    const rm = modrm & 7;
    this.scale = 0;
    if (mod === 0 && rm === 6) {
      this.base = -1;
      this.index = -1;
      return 2;
    }
    this.base = BASE_16[rm];
    this.index = INDEX_16[rm];
    return mod;
  }

  /** SDM vol. 2, tables 2-2 and 2-3. @param sib -1 when there is none. Returns the displacement's size. */
  private address32(modrm: number, sib: number): number {
    const mod = modrm >> 6;
    let base = modrm & 7;
    let index = -1;
    let scale = 0;
    if (sib >= 0) {
      base = sib & 7;
      if ((sib & 0x38) !== 0x20) {
        index = (sib >> 3) & 7;
        scale = sib >> 6;
      }
    }
    this.index = index;
    this.scale = scale;
    if (mod === 0 && base === Gpr.EBP) {
      this.base = -1;
      return 4;
    }
    this.base = base;
    return mod === 2 ? 4 : mod;
  }
}

const opcodeBase = [0, 0x0f00, 0x0f3800, 0x0f3a00];

const readSigned = (bytes: Uint8Array, at: number, size: number): number => {
  if (size === 1) return (bytes[at] << 24) >> 24;
  const word = bytes[at] | (bytes[at + 1] << 8);
  if (size === 2) return (word << 16) >> 16;
  return word | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
};
