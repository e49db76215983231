import { Gpr, Seg } from '../x86/registers.ts';
import type { Capstone, CapstoneSource } from './capstone.ts';
import { openCapstone } from './capstone.ts';
import { Encoding, Extent } from './encoding.ts';
import type { Form, OperandPlan } from './form.ts';
import { buildForm, Source } from './form.ts';
import type { Decoded, Decoder, Operand } from './instruction.ts';
import { MANDATORY_PREFIX, MODRM } from './opcodes.ts';

const TRUNCATED: Decoded = { kind: 'truncated' };
const TOO_LONG: Decoded = { kind: 'too-long' };

/** null: the form raises #UD. undefined: not asked for yet. */
type FormSlot = Form | null | undefined;

/**
 * Loads Capstone (once per process) and returns a decoder for 16-bit and 32-bit code.
 * @param source the bytes of `capstone.wasm`, for a host that cannot load the file from beside the package
 */
export async function createDecoder(source?: CapstoneSource): Promise<Decoder> {
  return new FormDecoder(await openCapstone(source));
}

class FormDecoder implements Decoder {
  private readonly capstone: Capstone;
  private readonly encoding = new Encoding();
  /** Forms by sizes, prefixes, map and opcode, then by ModRM byte. */
  private readonly forms: (FormSlot[] | undefined)[] = new Array(1 << 15);

  constructor(capstone: Capstone) {
    this.capstone = capstone;
  }

  decode(bytes: Uint8Array, offset: number, available: number, address: number, bits: 16 | 32): Decoded {
    const encoding = this.encoding;
    const extent = encoding.parse(bytes, offset, available, bits);
    if (extent !== Extent.COMPLETE) return extent === Extent.TRUNCATED ? TRUNCATED : TOO_LONG;

    const { modrm, length, layout } = encoding;
    const mandatory = (layout & MANDATORY_PREFIX) !== 0;
    const rep = mandatory ? encoding.rep : 0;
    const operandPrefix = mandatory && encoding.operandPrefix;
    const row =
      encoding.opcodeByte |
      (encoding.map << 8) |
      (rep << 10) |
      (operandPrefix ? 1 << 12 : 0) |
      ((encoding.operandSize & 2) << 12) |
      ((encoding.addressSize & 2) << 13);
    // Memory forms differ only in the address; mod 3 is the canonical register form.
    const column = modrm < 0 ? 0 : encoding.memory ? modrm & 0x38 : modrm | 0xc0;
    let slots = this.forms[row];
    if (slots === undefined) {
      slots = new Array((layout & MODRM) === 0 ? 1 : 256);
      this.forms[row] = slots;
    }
    let form = slots[column];
    if (form === undefined) {
      const { opcode, operandSize, addressSize } = encoding;
      form = buildForm(this.capstone, {
        opcode,
        modrm: modrm < 0 ? -1 : column,
        operandPrefix,
        rep,
        operandSize,
        addressSize,
      });
      slots[column] = form;
    }
    if (form === null || (encoding.lock && !form.lockable)) return { kind: 'undefined', length };

    let operands = form.fixed;
    if (operands === null) {
      const made: Operand[] = [];
      const plans = form.plans;
      for (let i = 0; i < plans.length; i++) made.push(makeOperand(encoding, plans[i], address));
      operands = made;
    }
    return {
      kind: 'instruction',
      instruction: {
        mnemonic: form.mnemonic,
        length,
        operandSize: form.operandSize,
        addressSize: encoding.addressSize,
        opcode: encoding.opcode,
        modrm,
        lock: encoding.lock,
        rep: encoding.rep,
        operandPrefix: encoding.operandPrefix,
        segmentOverride: encoding.segmentOverride,
        operands,
      },
    };
  }
}

const makeOperand = (encoding: Encoding, plan: OperandPlan, address: number): Operand => {
  const { size } = plan;
  switch (plan.source) {
    case Source.MEMORY: {
      const { base, index, scale, disp, segmentOverride } = encoding;
      let segment = segmentOverride;
      // SDM vol. 1, table 3-5: references based on ESP and EBP go to the stack segment.
      if (segment < 0) segment = base === Gpr.EBP || base === Gpr.ESP ? Seg.SS : Seg.DS;
      return { kind: 'mem', segment, base, index, scale, disp, size };
    }
    case Source.STRING_SOURCE: {
      const { segmentOverride } = encoding;
      const operand = plan.operand as Extract<Operand, { kind: 'mem' }>;
      return segmentOverride < 0 ? operand : { ...operand, segment: segmentOverride };
    }
    case Source.SIGNED:
      return { kind: 'imm', value: encoding.immediate, size };
    case Source.UNSIGNED: {
      const value = encoding.immediate;
      return {
        kind: 'imm',
        value: size === 1 ? value & 0xff : size === 2 ? value & 0xffff : value >>> 0,
        size,
      };
    }
    case Source.TARGET: {
      const target = address + encoding.length + encoding.immediate;
      return { kind: 'imm', value: size === 2 ? target & 0xffff : target >>> 0, size };
    }
    case Source.SECOND:
      return { kind: 'imm', value: encoding.secondImmediate, size };
    default:
      return plan.operand as Operand;
  }
};
