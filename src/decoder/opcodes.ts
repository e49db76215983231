/**
 * What follows an opcode: the opcode maps of SDM vol. 2, appendix A, reduced to what decides an
 * instruction's length. Reserved opcodes are in the map too, with the bytes a processor fetches before it
 * raises #UD: a page fault on one of them comes first (SDM vol. 3, table 6-2: faults from fetching the next
 * instruction precede faults from decoding it).
 */

/** Opcode maps: one byte, 0F, 0F 38, 0F 3A. */
export const OpcodeMap = { ONE_BYTE: 0, TWO_BYTE: 1, THREE_BYTE_38: 2, THREE_BYTE_3A: 3 } as const;

/** The immediate that follows, in the low four bits of an opcode's layout. */
export const Immediate = {
  NONE: 0,
  /** One byte. */
  BYTE: 1,
  /** A word whatever the operand size: RET, RETF. */
  WORD: 2,
  /** A word or doubleword by operand size. */
  FULL: 3,
  /** Far pointer: an offset by operand size, then a selector. */
  FAR: 4,
  /** An offset by address size: MOV between the accumulator and memory. */
  MEMORY_OFFSET: 5,
  /** ENTER: a word and a byte. */
  ENTER: 6,
  /** Group 3 (F6, F7): only TEST, /0 and /1, has an immediate. */
  GROUP3_BYTE: 7,
  GROUP3_FULL: 8,
} as const;
export const IMMEDIATE_MASK = 15;

/** A ModRM byte follows. */
export const MODRM = 0x10;
/** The ModRM byte names registers whatever its mod field says: MOV to and from control and debug registers. */
export const REGISTERS_ONLY = 0x20;
/** A prefix, or an escape to another map. */
export const PREFIX = 0x40;
/** F2 and F3 choose the instruction, instead of being a repeat prefix or nothing. */
export const MANDATORY_PREFIX = 0x80;

const LEGEND: Readonly<Record<string, number>> = {
  '.': Immediate.NONE,
  b: Immediate.BYTE,
  w: Immediate.WORD,
  z: Immediate.FULL,
  p: Immediate.FAR,
  a: Immediate.MEMORY_OFFSET,
  e: Immediate.ENTER,
  m: MODRM,
  r: MODRM | REGISTERS_ONLY,
  B: MODRM | Immediate.BYTE,
  Z: MODRM | Immediate.FULL,
  g: MODRM | Immediate.GROUP3_BYTE,
  G: MODRM | Immediate.GROUP3_FULL,
  '^': PREFIX,
};

const ONE_BYTE_ROWS = [
  'mmmmbz..mmmmbz.^', // 00
  'mmmmbz..mmmmbz..', // 10
  'mmmmbz^.mmmmbz^.', // 20
  'mmmmbz^.mmmmbz^.', // 30
  '................', // 40
  '................', // 50
  '..mm^^^^zZbB....', // 60
  'bbbbbbbbbbbbbbbb', // 70
  'BZBBmmmmmmmmmmmm', // 80
  '..........p.....', // 90
  'aaaa....bz......', // A0
  'bbbbbbbbzzzzzzzz', // B0
  'BBw.mmBZe.w..b..', // C0
  'mmmmbb..mmmmmmmm', // D0
  'bbbbbbbbzzpb....', // E0
  '^.^^..gG......mm', // F0
];

const TWO_BYTE_ROWS = [
  'mmmm.........m..', // 00
  'mmmmmmmmmmmmmmmm', // 10
  'rrrr....mmmmmmmm', // 20
  '........^m^mmmmm', // 30
  'mmmmmmmmmmmmmmmm', // 40
  'mmmmmmmmmmmmmmmm', // 50
  'mmmmmmmmmmmmmmmm', // 60
  'BBBBmmm.mmmmmmmm', // 70
  'zzzzzzzzzzzzzzzz', // 80
  'mmmmmmmmmmmmmmmm', // 90
  '...mBmmm...mBmmm', // A0
  'mmmmmmmmmmBmmmmm', // B0
  'mmBmBBBm........', // C0
  'mmmmmmmmmmmmmmmm', // D0
  'mmmmmmmmmmmmmmmm', // E0
  'mmmmmmmmmmmmmmmm', // F0
];

const layout = (rows: readonly string[], mandatory: readonly (readonly [number, number])[]): Uint8Array => {
  const table = Uint8Array.from(rows.join(''), (letter) => LEGEND[letter]);
  for (const [first, last] of mandatory) for (let i = first; i <= last; i++) table[i] |= MANDATORY_PREFIX;
  return table;
};

/** Layout of each opcode by map: an Immediate and the flags above. */
export const opcodeLayouts: readonly Uint8Array[] = [
  // F3 90 is PAUSE.
  layout(ONE_BYTE_ROWS, [[0x90, 0x90]]),
  // The SSE instructions, FXSAVE's group, POPCNT, TZCNT and LZCNT.
  layout(TWO_BYTE_ROWS, [
    [0x10, 0x17],
    [0x28, 0x2f],
    [0x50, 0x7f],
    [0xae, 0xae],
    [0xb8, 0xb8],
    [0xbc, 0xbd],
    [0xc2, 0xc6],
    [0xd0, 0xfe],
  ]),
  new Uint8Array(256).fill(MODRM | MANDATORY_PREFIX),
  new Uint8Array(256).fill(MODRM | Immediate.BYTE | MANDATORY_PREFIX),
];

const BYTE_FORMS: ReadonlySet<number> = new Set([
  0x6c, 0x6e, 0x80, 0x82, 0x84, 0x86, 0x88, 0x8a, 0xa0, 0xa2, 0xa4, 0xa6, 0xa8, 0xaa, 0xac, 0xae, 0xc0, 0xc6,
  0xd0, 0xd2, 0xd6, 0xd7, 0xe4, 0xe6, 0xec, 0xee, 0xf6, 0xfe, 0x0fb0, 0x0fc0,
]);

/** Whether the operands are bytes whatever the operand size (SDM vol. 2, appendix B.1.4.3: w = 0). */
export const isByteForm = (opcode: number): boolean =>
  BYTE_FORMS.has(opcode) ||
  (opcode < 0x40 && (opcode & 1) === 0 && (opcode & 7) < 6) ||
  (opcode >= 0xb0 && opcode < 0xb8) ||
  (opcode >= 0x0f90 && opcode < 0x0fa0);

/** Whether the immediate is a displacement from the next instruction: Jcc, LOOPcc, JCXZ, near CALL and JMP. */
export const isRelativeBranch = (opcode: number): boolean =>
  (opcode >= 0x70 && opcode < 0x80) ||
  (opcode >= 0xe0 && opcode < 0xe4) ||
  opcode === 0xe8 ||
  opcode === 0xe9 ||
  opcode === 0xeb ||
  (opcode >= 0x0f80 && opcode < 0x0f90);

/**
 * Whether the immediate is an operand of the instruction's operand size, a shorter one being sign-extended
 * (SDM vol. 2, appendix A.2.2, and the pages of ADD, IMUL, PUSH). The others are counts, ports, vectors, selectors and the like: unsigned.
 */
export const hasSignedImmediate = (opcode: number): boolean =>
  opcode < 0x40 ||
  (opcode >= 0x68 && opcode < 0x6c) ||
  (opcode >= 0x80 && opcode < 0x84) ||
  opcode === 0xa8 ||
  opcode === 0xa9 ||
  (opcode >= 0xb0 && opcode < 0xc0) ||
  opcode === 0xc6 ||
  opcode === 0xc7 ||
  opcode === 0xf6 ||
  opcode === 0xf7;

/**
 * Whether LOCK is allowed on the form with a memory destination (SDM vol. 2, LOCK: "ADD, ADC, AND, BTC, BTR,
 * BTS, CMPXCHG, CMPXCHG8B, DEC, INC, NEG, NOT, OR, SBB, SUB, XOR, XADD, and XCHG").
 * @param reg the reg field of the ModRM byte
 */
export const isLockable = (opcode: number, reg: number): boolean => {
  switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83:
      return reg !== 7;
    case 0x86:
    case 0x87:
    case 0x0fab:
    case 0x0fb0:
    case 0x0fb1:
    case 0x0fb3:
    case 0x0fbb:
    case 0x0fc0:
    case 0x0fc1:
      return true;
    case 0xf6:
    case 0xf7:
      return reg === 2 || reg === 3;
    case 0xfe:
    case 0xff:
      return reg < 2;
    case 0x0fba:
      return reg > 4;
    case 0x0fc7:
      return reg === 1;
    default:
      return opcode < 0x38 && (opcode & 7) < 2;
  }
};
