/**
 * A form is what prefixes, opcode and ModRM byte settle about an instruction: its mnemonic and the kinds of its
 * operands. Addresses and immediates differ from one instruction to the next and are filled in from the encoding.
 * Capstone is asked once for each form, with the shortest encoding of it.
 */
import type { Size } from '../x86/registers.ts';
import { Gpr, Seg } from '../x86/registers.ts';
import type { Capstone, CapstoneAnswer } from './capstone.ts';
import { corrections } from './corrections.ts';
import type { FormEncoding } from './form-encoding.ts';
import { isMemoryForm, reg } from './form-encoding.ts';
import type { Operand } from './instruction.ts';
import {
  hasSignedImmediate,
  IMMEDIATE_MASK,
  Immediate,
  isByteForm,
  isLockable,
  isRelativeBranch,
  MANDATORY_PREFIX,
  OpcodeMap,
  opcodeLayouts,
} from './opcodes.ts';

/** Where an operand comes from. */
export const Source = {
  /** The form alone. */
  FIXED: 0,
  /** ModRM, SIB, displacement. */
  MEMORY: 1,
  /** DS:[ESI] of a string instruction; DS can be overridden. */
  STRING_SOURCE: 2,
  /** The immediate, sign-extended. */
  SIGNED: 3,
  /** The immediate, zero-extended. */
  UNSIGNED: 4,
  /** The immediate, added to the next instruction's address. */
  TARGET: 5,
  /** The second immediate: the selector of a far pointer, the level of ENTER. */
  SECOND: 6,
} as const;

export interface OperandPlan {
  readonly source: (typeof Source)[keyof typeof Source];
  /** Bytes. */
  readonly size: number;
  /** The operand itself for FIXED; for STRING_SOURCE, the operand without an override. */
  readonly operand: Operand | null;
}

export interface Form {
  readonly mnemonic: string;
  readonly operandSize: Size;
  readonly lockable: boolean;
  readonly plans: readonly OperandPlan[];
  /** The operands, shared by every instruction of the form, when all are fixed. */
  readonly fixed: readonly Operand[] | null;
}

const layoutOf = (opcode: number): number => {
  const map =
    opcode < 0x100
      ? OpcodeMap.ONE_BYTE
      : opcode < 0x10000
        ? OpcodeMap.TWO_BYTE
        : opcode >> 8 === 0x0f38
          ? OpcodeMap.THREE_BYTE_38
          : OpcodeMap.THREE_BYTE_3A;
  return opcodeLayouts[map][opcode & 0xff];
};

/**
 * The bytes of a form. The rest of the instruction, displacement and immediate, is zero. That also keeps Capstone
 * from taking C4, C5, 62 and 8F with mod 3 for the VEX, EVEX and XOP prefixes our processors lack: what would
 * follow as their opcode does not exist.
 */
const formBytes = (encoding: FormEncoding): number[] => {
  const { opcode, rep } = encoding;
  const bytes: number[] = [];
  // Where a prefix chooses the instruction, F2 and F3 take precedence over 66, and the operand size is of no
  // account but to the general-register instructions among those.
  const mandatory = (layoutOf(opcode) & MANDATORY_PREFIX) !== 0;
  const sized = !mandatory || [0x0fb8, 0x0fbc, 0x0fbd, 0x0f38f0, 0x0f38f1].includes(opcode);
  if (sized ? encoding.operandSize === 2 : encoding.operandPrefix && rep === 0) bytes.push(0x66);
  // ModRM addresses come from the encoding. What is left is what strings, LOOP and JCXZ count and address by.
  if (encoding.addressSize === 2 && encoding.modrm < 0 && !mandatory) bytes.push(0x67);
  if (rep !== 0) bytes.push(rep === 1 ? 0xf3 : 0xf2);
  if (opcode > 0xffff) bytes.push(opcode >> 16);
  if (opcode > 0xff) bytes.push((opcode >> 8) & 0xff);
  bytes.push(opcode & 0xff);
  if (encoding.modrm >= 0) bytes.push(encoding.modrm);
  return bytes;
};

const memoryPlan = (encoding: FormEncoding, es: boolean, base: number, size: number): OperandPlan => {
  const kind = layoutOf(encoding.opcode) & IMMEDIATE_MASK;
  if (isMemoryForm(encoding) || kind === Immediate.MEMORY_OFFSET) {
    return { source: Source.MEMORY, size, operand: null };
  }
  const destination = es && base === Gpr.EDI;
  const segment = destination ? Seg.ES : Seg.DS;
  const operand: Operand = { kind: 'mem', segment, base, index: -1, scale: 0, disp: 0, size };
  return { source: destination ? Source.FIXED : Source.STRING_SOURCE, size, operand };
};

/** @param position which of the instruction's immediates this is */
const immediatePlan = (
  encoding: FormEncoding,
  operandSize: Size,
  value: number,
  size: number,
  position: number,
): OperandPlan => {
  const { opcode } = encoding;
  const kind = layoutOf(opcode) & IMMEDIATE_MASK;
  if (kind === Immediate.NONE) return { source: Source.FIXED, size, operand: { kind: 'imm', value, size } };
  if (isRelativeBranch(opcode)) return { source: Source.TARGET, size: operandSize, operand: null };
  if (kind === Immediate.FAR) {
    return position === 0
      ? { source: Source.SECOND, size: 2, operand: null }
      : { source: Source.UNSIGNED, size: operandSize, operand: null };
  }
  if (kind === Immediate.ENTER && position === 1) return { source: Source.SECOND, size: 1, operand: null };
  if (hasSignedImmediate(opcode)) return { source: Source.SIGNED, size: operandSize, operand: null };
  return { source: Source.UNSIGNED, size: kind === Immediate.BYTE ? 1 : 2, operand: null };
};

const plan = (encoding: FormEncoding, answer: CapstoneAnswer): Form => {
  const operandSize = isByteForm(encoding.opcode) ? 1 : encoding.operandSize;
  let immediates = 0;
  const plans = answer.operands.map((operand): OperandPlan => {
    if (operand.kind === 'reg') return { source: Source.FIXED, size: operand.size, operand };
    if (operand.kind === 'mem') return memoryPlan(encoding, operand.es, operand.base, operand.size);
    return immediatePlan(encoding, operandSize, operand.value, operand.size, immediates++);
  });
  const fixed = plans.flatMap((p) => (p.source === Source.FIXED && p.operand ? [p.operand] : []));
  return {
    mnemonic: answer.mnemonic,
    operandSize,
    lockable: isMemoryForm(encoding) && isLockable(encoding.opcode, reg(encoding)),
    plans,
    fixed: fixed.length === plans.length ? fixed : null,
  };
};

/** @returns null for a form that raises #UD */
export const buildForm = (capstone: Capstone, encoding: FormEncoding): Form | null => {
  let asked = encoding;
  const applying = corrections.filter((correction) => correction.applies(encoding));
  for (const correction of applying) {
    if (correction.undefined) return null;
    if (correction.alias) asked = { ...encoding, ...correction.alias(encoding) };
  }
  let answer = capstone.disassemble(formBytes(asked));
  if (answer === null) return null;
  for (const correction of applying) {
    if (correction.patch) answer = { ...answer, ...correction.patch(encoding, answer) };
  }
  return plan(encoding, answer);
};
