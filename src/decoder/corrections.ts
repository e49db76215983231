/**
 * Where Capstone's answer is not what the target processors, Pentium II to Pentium 4, do. Capstone decodes
 * some encodings of later or other processors, lacks some that all processors accept, and gives a few
 * operands and sizes inexactly. Everything it is not told here is taken from it as it is.
 */
import type { CapstoneAnswer, CapstoneOperand } from './capstone.ts';
import type { FormEncoding } from './form-encoding.ts';
import { isMemoryForm, isRegisterForm, reg } from './form-encoding.ts';

export interface Correction {
  readonly name: string;
  applies(encoding: FormEncoding): boolean;
  /** The form raises #UD. */
  readonly undefined?: true;
  /** Capstone is asked about this encoding instead. */
  readonly alias?: (encoding: FormEncoding) => Partial<FormEncoding>;
  /** What to change in its answer. */
  readonly patch?: (encoding: FormEncoding, answer: CapstoneAnswer) => Partial<CapstoneAnswer>;
}

const isOneOf =
  (...opcodes: readonly number[]) =>
  ({ opcode }: FormEncoding): boolean =>
    opcodes.includes(opcode);

const immediate = (value: number, size: number): CapstoneOperand => ({ kind: 'imm', value, size });
const st = (index: number): CapstoneOperand => ({ kind: 'reg', class: 'st', index, size: 10 });

const withMemorySize = (answer: CapstoneAnswer, size: number): Partial<CapstoneAnswer> => ({
  operands: answer.operands.map((operand) => (operand.kind === 'mem' ? { ...operand, size } : operand)),
});

/** 0F 0D and 0F 18-1F, without the memory forms of 0F 18 /0-3: PREFETCHh. */
const isHintNop = (encoding: FormEncoding): boolean =>
  encoding.opcode === 0x0f0d ||
  (encoding.opcode >= 0x0f19 && encoding.opcode <= 0x0f1f) ||
  (encoding.opcode === 0x0f18 && (isRegisterForm(encoding) || reg(encoding) > 3));

const isX87Register = (encoding: FormEncoding): boolean =>
  (encoding.opcode & ~7) === 0xd8 && isRegisterForm(encoding);

/** Undocumented x87 encodings that do what a documented one does; keyed by opcode and reg field, hexadecimal. */
const x87Aliases: ReadonlyMap<number, readonly [opcode: number, reg: number]> = new Map([
  [0xdc_2, [0xd8, 2]],
  [0xdc_3, [0xd8, 3]],
  [0xdd_1, [0xd9, 1]],
  [0xde_2, [0xd8, 3]],
  [0xdf_1, [0xd9, 1]],
  [0xdf_2, [0xdd, 3]],
  [0xdf_3, [0xdd, 3]],
] as const);
const x87Alias = (encoding: FormEncoding) => x87Aliases.get((encoding.opcode << 4) | reg(encoding));

/**
 * The register operands of the x87 instructions as the manual writes them, for opcodes D8 to DF by reg field.
 * b: ST(0), ST(i). r: ST(i), ST(0). i: ST(i). -: none.
 */
const X87_OPERANDS = [
  'bbiibbbb', // D8
  'ii-i----', // D9
  'bbbb----', // DA
  'bbbb-bb-', // DB
  'rriirrrr', // DC
  'iiiiii--', // DD
  'rri-rrrr', // DE
  'iiii-bb-', // DF
];

/** By mandatory prefix: none, F3, F2. */
const SSE_COMPARE = ['cmpps', 'cmpss', 'cmpsd'] as const;

export const corrections: readonly Correction[] = [
  {
    // Group 11 has only MOV; /7 with rm 0 became XABORT and XBEGIN.
    name: 'XABORT and XBEGIN',
    applies: (e) => isOneOf(0xc6, 0xc7)(e) && reg(e) !== 0,
    undefined: true,
  },
  {
    name: 'MOV to CS',
    applies: (e) => e.opcode === 0x8e && reg(e) === 1,
    undefined: true,
  },
  {
    name: 'MOV of CR1 and CR5-CR7',
    applies: (e) => isOneOf(0x0f20, 0x0f22)(e) && (reg(e) === 1 || reg(e) > 4),
    undefined: true,
  },
  {
    // FEMMS, SSE4a, SVM, MONITORX and the like; VIA's PadLock; SWAPGS, of 64-bit mode only.
    name: 'AMD, VIA and 64-bit instructions',
    applies: (e) =>
      isOneOf(0x0f0e, 0x0fa6, 0x0fa7)(e) ||
      (isOneOf(0x0f78, 0x0f79)(e) && (e.rep !== 0 || e.operandPrefix)) ||
      (e.opcode === 0x0f2b && e.rep !== 0) ||
      (e.opcode === 0x0f01 && ((e.modrm >= 0xd8 && e.modrm < 0xe0) || e.modrm === 0xf8 || e.modrm > 0xf9)),
    undefined: true,
  },
  {
    // SDM vol. 2: #UD if 66, F2 or F3 is used with them.
    name: 'FXSAVE, FXRSTOR, LDMXCSR, STMXCSR with a mandatory prefix',
    applies: (e) => e.opcode === 0x0fae && isMemoryForm(e) && reg(e) < 4 && (e.rep !== 0 || e.operandPrefix),
    undefined: true,
  },
  {
    // The rm field of LFENCE, MFENCE and SFENCE is ignored.
    name: 'fences',
    applies: (e) => e.opcode === 0x0fae && e.modrm >= 0xe8 && e.rep === 0 && !e.operandPrefix,
    alias: (e) => ({ modrm: e.modrm & ~7 }),
  },
  {
    // Only F3 makes TZCNT and LZCNT of BSF and BSR.
    name: 'BSF and BSR with F2',
    applies: (e) => isOneOf(0x0fbc, 0x0fbd)(e) && e.rep === 2,
    alias: () => ({ rep: 0 }),
  },
  {
    // SDM vol. 2, appendix A, table A-3: NOP Ev. ENDBR32, CLDEMOTE and MPX took some of them over.
    name: 'hint NOPs',
    applies: isHintNop,
    alias: (e) => ({ opcode: 0x0f1f, modrm: e.modrm & 0xc7 }),
  },
  {
    // The second encoding of SHL; Capstone calls it SAL.
    name: 'SHL as /6',
    applies: (e) => isOneOf(0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3)(e) && reg(e) === 6,
    alias: (e) => ({ modrm: e.modrm & ~0x10 }),
  },
  {
    // Missing from RCL of a byte in memory; elsewhere its size is the operand's.
    name: 'count of a shift by one',
    applies: isOneOf(0xd0, 0xd1),
    patch: (_, { operands }) => ({ operands: [operands[0], immediate(1, 1)] }),
  },
  {
    // The comparison is the third operand, not part of the mnemonic.
    name: 'CMPPS, CMPPD, CMPSS, CMPSD',
    applies: isOneOf(0x0fc2),
    patch: (e, { operands }) => ({
      mnemonic: e.rep === 0 && e.operandPrefix ? 'cmppd' : SSE_COMPARE[e.rep],
      operands: [...operands.slice(0, 2), immediate(0, 1)],
    }),
  },
  {
    name: 'far CALL and JMP through memory',
    applies: (e) => e.opcode === 0xff && isMemoryForm(e) && (reg(e) === 3 || reg(e) === 5),
    patch: (e, answer) => ({
      mnemonic: reg(e) === 3 ? 'lcall' : 'ljmp',
      ...withMemorySize(answer, e.operandSize + 2),
    }),
  },
  {
    name: 'size of a far pointer in memory',
    applies: isOneOf(0xc4, 0xc5, 0x0fb2, 0x0fb4, 0x0fb5),
    patch: (e, answer) => withMemorySize(answer, e.operandSize + 2),
  },
  {
    // LEA, INVLPG, CLFLUSH, XSAVE, PREFETCHh and the hint NOPs access nothing, or nothing of a fixed size.
    name: 'memory operands without a size',
    applies: (e) =>
      isHintNop(e) ||
      isOneOf(0x8d, 0x0f18)(e) ||
      (e.opcode === 0x0f01 && reg(e) === 7) ||
      (e.opcode === 0x0fae && reg(e) > 3),
    patch: (_, answer) => withMemorySize(answer, 0),
  },
  {
    name: 'size of COMISD',
    applies: (e) => e.opcode === 0x0f2f && e.operandPrefix && e.rep === 0,
    patch: (e, answer) => (isMemoryForm(e) ? withMemorySize(answer, 8) : {}),
  },
  {
    // SDM vol. 2, FXSAVE: a 512-byte memory location.
    name: 'size of FXSAVE and FXRSTOR',
    applies: (e) => e.opcode === 0x0fae && reg(e) < 2,
    patch: (_, answer) => withMemorySize(answer, 512),
  },
  {
    // SDM vol. 1, figures 8-9 to 8-12: an environment of 14 or 28 bytes.
    name: 'size of FLDENV and FNSTENV',
    applies: (e) => e.opcode === 0xd9 && isMemoryForm(e) && (reg(e) & 5) === 4,
    patch: (e, answer) => withMemorySize(answer, e.operandSize === 2 ? 14 : 28),
  },
  {
    // The environment and eight registers of ten bytes.
    name: 'size of FRSTOR and FNSAVE',
    applies: (e) => e.opcode === 0xdd && isMemoryForm(e) && (reg(e) & 5) === 4,
    patch: (e, answer) => withMemorySize(answer, e.operandSize === 2 ? 94 : 108),
  },
  {
    name: 'repeated x87 encodings',
    applies: (e) => isX87Register(e) && x87Alias(e) !== undefined,
    alias: (e) => {
      const [opcode, reg] = x87Alias(e) ?? [e.opcode, 0];
      return { opcode, modrm: 0xc0 | (reg << 3) | (e.modrm & 7) };
    },
  },
  {
    name: 'x87 register operands',
    applies: (e) => isX87Register(e),
    patch: (e, { operands }) => {
      const i = st(e.modrm & 7);
      switch (X87_OPERANDS[e.opcode & 7][reg(e)]) {
        case 'b':
          return { operands: [st(0), i] };
        case 'r':
          return { operands: [i, st(0)] };
        case 'i':
          return { operands: [i] };
        default:
          return { operands: operands.filter((operand) => operand.kind !== 'reg' || operand.class !== 'st') };
      }
    },
  },
  {
    name: 'FADDP',
    applies: (e) => e.opcode === 0xde && isRegisterForm(e) && reg(e) === 0,
    patch: () => ({ mnemonic: 'faddp' }),
  },
];
