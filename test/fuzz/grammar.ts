/**
 * The grammar of programs: idioms of one or a few instructions, each in an array of its own. What the idioms do
 * not name comes from random opcodes and operands.
 */
import { Flag } from '../../src/x86/flags.ts';
import { CR0, CR4 } from '../../src/x86/registers.ts';
import type { Case } from './case.ts';
import { ALIAS, Area, codeOffset, isSmallCode, Selector, selectors } from './layout.ts';
import { address, type Encoder, le16, le32, value } from './operands.ts';
import type { Random } from './random.ts';

type Bytes = number[];

/** What an idiom is made for. */
export interface Place {
  readonly random: Random;
  readonly c: Case;
  readonly encoder: Encoder;
  /** Offset in the code segment of the idiom's first instruction. */
  readonly offset: number;
}
/** @returns instructions */
type Idiom = (place: Place) => Bytes[];

const PREFIXES = [0x66, 0x66, 0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0];
/** What compilers emit most. */
const COMMON = [
  0x89, 0x8b, 0x01, 0x03, 0x29, 0x31, 0x83, 0x81, 0x8d, 0xc1, 0x50, 0x58, 0xb8, 0x39, 0x3b, 0x80, 0x84, 0x85,
  0x48, 0x74, 0x75, 0x72, 0x7c, 0xeb, 0xe8, 0xc3, 0xf6, 0x11, 0xa8, 0xa4, 0xa5, 0xaa, 0xab,
];
const MANDATORY = [[], [0x66], [0xf2], [0xf3]];
/** Rows of the two-byte map with MMX and SSE instructions. */
const VECTOR_ROWS = [0x10, 0x20, 0x50, 0x60, 0x70, 0xc0, 0xd0, 0xe0, 0xf0];

/** ModRM and whatever follows it: registers half of the time. */
const operandBytes = ({ random, c }: Place): Bytes => {
  const bytes = [random.chance(50) ? 0xc0 | random.below(64) : random.below(256)];
  if (random.chance(30)) bytes.push(random.below(256));
  bytes.push(...le32(random.chance(50) ? address(random, c) : random.below(16)));
  bytes.push(...le32(value(random, c)));
  return bytes;
};
const prefixes = (random: Random): Bytes => {
  const bytes: Bytes = [];
  while (random.chance(15)) bytes.push(random.pick(PREFIXES));
  return bytes;
};
/** A memory operand at an address that is likely to exist, and an immediate. */
const direct = (place: Place, reg = place.random.below(8)): Bytes => [
  ...place.encoder.at(reg, address(place.random, place.c)),
  ...le32(value(place.random, place.c)),
];

const anyOpcode: Idiom = (place) => {
  const { random } = place;
  const opcode = random.chance(25) ? [0x0f, random.below(256)] : [random.below(256)];
  return [[...prefixes(random), ...opcode, ...operandBytes(place)]];
};
const common: Idiom = (place) => [
  [...prefixes(place.random), place.random.pick(COMMON), ...operandBytes(place)],
];
const directOperand: Idiom = (place) => {
  const { random } = place;
  const opcode = random.chance(70) ? [random.below(256)] : [0x0f, random.below(256)];
  return [[...(random.chance(10) ? [random.pick(PREFIXES)] : []), ...opcode, ...direct(place)]];
};
const loadRegister: Idiom = ({ random, c, encoder }) => [encoder.load(random.below(8), value(random, c))];
const x87: Idiom = (place) => {
  const { random } = place;
  const modrm = random.chance(60)
    ? [0xc0 | random.below(64)]
    : place.encoder.at(random.below(8), address(random, place.c));
  return [[...(random.chance(8) ? [random.pick(PREFIXES)] : []), 0xd8 | random.below(8), ...modrm]];
};
const vector: Idiom = (place) => {
  const { random } = place;
  const opcode = random.pick(VECTOR_ROWS) | random.below(16);
  const operand = random.chance(60)
    ? [0xc0 | random.below(64), ...le32(random.next())]
    : direct({ ...place, c: place.c }).map((b, i) => (i === 1 && random.chance(70) ? b & 0xf0 : b));
  return [[...random.pick(MANDATORY), 0x0f, opcode, ...operand]];
};
const threeByte: Idiom = (place) => [
  [
    ...place.random.pick(MANDATORY),
    0x0f,
    place.random.pick([0x38, 0x3a]),
    place.random.below(256),
    ...operandBytes(place),
  ],
];
/** FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, fences: mostly with the alignment they ask for. */
const saveArea: Idiom = (place) => {
  const { random, c, encoder } = place;
  const to = address(random, c) & (random.chance(85) ? ~15 : ~0);
  return [[0x0f, 0xae, ...(random.chance(85) ? encoder.at(random.below(8), to) : [0xc0 | random.below(64)])]];
};
const string: Idiom = ({ random, c, encoder }) => [
  encoder.load(1, random.chance(80) ? random.below(20) : random.below(0x300)),
  ...(random.chance(60) ? [encoder.load(7, address(random, c))] : []),
  ...(random.chance(60) ? [encoder.load(6, address(random, c))] : []),
  ...(random.chance(15) ? [[random.pick([0xfc, 0xfd])]] : []),
  [
    ...prefixes(random),
    random.pick([0xf2, 0xf3]),
    random.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0x6c, 0x6d, 0x6e, 0x6f]),
  ],
];
/** Writes to the program: the running block, another of its page, the next page, by way of the alias. */
const selfModification: Idiom = ({ random, c, encoder, offset }) => {
  const places = [
    offset + random.below(24),
    codeOffset(c) + random.below(80),
    (offset | 0xfff) + random.below(12) - 3,
    (codeOffset(c) | 0xfff) + random.below(12) - 3,
  ];
  let to = random.pick(places);
  if (!isSmallCode(c) && random.chance(15)) to += ALIAS;
  if (random.chance(20)) return [[0xc6, ...encoder.at(0, to), random.below(256)]];
  // What changes the same byte again each time the program comes by.
  if (random.chance(75))
    return [
      random.pick([
        [0x80, ...encoder.at(random.pick([0, 5, 6]), to), random.below(256)],
        [0x80, ...encoder.at(6, to), 1 << random.below(8)],
        [random.pick([0xfe, 0xff]), ...encoder.at(random.below(2), to)],
        [random.pick([0xf6, 0xf7]), ...encoder.at(2, to)],
        [random.pick([0xd0, 0xd1]), ...encoder.at(random.below(2), to)],
        [0x0f, 0xba, ...encoder.at(7, to), random.below(32)],
        [random.pick([0x86, 0x87, 0x01, 0x30, 0x31]), ...encoder.at(random.below(8), to)],
      ]),
    ];
  return [encoder.store(to, random.chance(50) ? 0x90909090 : random.next())];
};
const shortBranch: Idiom = ({ random }) => [
  [
    random.chance(60) ? 0x70 | random.below(16) : random.pick([0xe0, 0xe1, 0xe2, 0xe3, 0xeb]),
    (random.below(40) - 16) & 0xff,
  ],
];

// ---- segments ------------------------------------------------------------------------------------------

const selector = (random: Random, cpl: number): number => {
  if (random.chance(50))
    return random.pick([
      Selector.data32(cpl),
      Selector.data16(cpl),
      Selector.data32(3),
      Selector.DOWN32,
      Selector.DOWN16,
      Selector.READ_ONLY,
      Selector.SHORT,
      0,
      cpl,
    ]);
  return random.chance(90) ? random.pick(selectors) : random.below(0x10000);
};
const codeSelector = ({ random, c }: Place): number => {
  if (c.mode === 'real' || c.mode === 'unreal' || c.mode === 'v86')
    return random.chance(60) ? Area.ARENA >> 4 : random.below(0x3000);
  if (random.chance(60))
    return random.pick([
      Selector.code32(c.cpl),
      Selector.code16(c.cpl),
      Selector.CONFORMING32,
      Selector.CONFORMING16,
      Selector.CALL32,
      Selector.CALL16,
      Selector.CALL_CONFORMING,
      Selector.CALL_RING1,
      Selector.TASK,
      Selector.TASK_GATE,
    ]);
  return random.pick(selectors);
};
const loadSegment: Idiom = ({ random, c, encoder }) => {
  const wanted = selector(random, c.cpl);
  const which = random.pick([0, 0, 2, 3, 3, 4, 5, 1, 6]);
  switch (random.below(3)) {
    case 0:
      return [encoder.load(0, wanted), [0x8e, 0xc0 | (which << 3)]];
    case 1:
      return [encoder.push(wanted), random.pick([[0x07], [0x17], [0x1f], [0x0f, 0xa1], [0x0f, 0xa9]])];
    default: {
      const at = address(random, c);
      const opcode = random.pick([[0xc4], [0xc5], [0x0f, 0xb2], [0x0f, 0xb4], [0x0f, 0xb5]]);
      return [
        encoder.store(at, value(random, c)),
        encoder.store(at + (encoder.wide ? 4 : 2), wanted),
        [...opcode, ...encoder.at(random.below(8), at)],
      ];
    }
  }
};
const total = (parts: readonly Bytes[]): number => parts.reduce((n, part) => n + part.length, 0);
/** Far transfers that arrive behind themselves, where the target segment has the same base. */
const farTransfer: Idiom = (place) => {
  const { random, c, encoder } = place;
  const wanted = codeSelector(place);
  const word = encoder.wide ? 4 : 2;
  const to = (parts: readonly Bytes[]) =>
    random.chance(80) ? place.offset + total(parts) : value(random, c);
  switch (random.below(4)) {
    case 0: {
      const opcode = random.pick([0xea, 0x9a]);
      return [[opcode, ...encoder.word(to([Array(3 + word)])), ...le16(wanted)]];
    }
    case 1: {
      const at = address(random, c);
      const parts = (n: number) => [
        encoder.store(at, n),
        encoder.store(at + word, wanted),
        [0xff, ...encoder.at(random.pick([3, 5]), at)],
      ];
      return parts(to(parts(0)));
    }
    case 2: {
      const parts = (n: number) => [
        encoder.push(wanted),
        encoder.push(n),
        random.chance(80) ? [0xcb] : [0xca, random.below(8), 0],
      ];
      const target = to([Array(2 * (word + 1)), [0]]);
      return parts(target);
    }
    default:
      return interruptReturn(place, wanted);
  }
};
const flagsImage = (random: Random): number =>
  2 |
  (random.next() & 0x243ed5) |
  (random.chance(20) ? Flag.VM : 0) |
  (random.chance(10) ? Flag.TF : 0) |
  (random.chance(8) ? Flag.RF : 0) |
  (random.chance(8) ? Flag.NT : 0) |
  (random.chance(6) ? Flag.VIF | Flag.VIP : 0);
const interruptReturn = (place: Place, wanted: number): Bytes[] => {
  const { random, c, encoder } = place;
  const outer = random.chance(40);
  const flags = flagsImage(random);
  const virtual = (flags & Flag.VM) !== 0;
  const extra = virtual && random.chance(80) ? [0x1000, 0x1000, 0x1000, 0x1000] : [];
  const stack = outer || extra.length ? [...extra, virtual ? 0x1000 : selector(random, 3), 0x4700] : [];
  const cs = extra.length > 0 ? Area.ARENA >> 4 : wanted;
  const count = stack.length + 3;
  const target = random.chance(85) ? place.offset + count * (encoder.wide ? 5 : 3) + 1 : value(random, c);
  const eip = extra.length > 0 && !isSmallCode(c) ? target - Area.ARENA : target;
  return [
    ...stack.map((n) => encoder.push(n)),
    encoder.push(flags),
    encoder.push(cs),
    encoder.push(eip),
    [0xcf],
  ];
};
const queries: Idiom = ({ random, c, encoder }) => [
  encoder.load(random.below(8), selector(random, c.cpl)),
  random.pick([
    [0x0f, 0x00, 0xc0 | random.below(64)],
    [0x0f, 0x02, 0xc0 | random.below(64)],
    [0x0f, 0x03, 0xc0 | random.below(64)],
    [0x63, 0xc0 | random.below(64)],
    [0x0f, 0x00, ...encoder.at(random.below(8), address(random, c))],
  ]),
];

// ---- the system ----------------------------------------------------------------------------------------

const VECTORS = [0, 1, 3, 4, 5, 8, 13, 0x20, 0x21, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x27, 0x2f, 0x80];
const interrupt: Idiom = ({ random }) => [
  random.chance(70)
    ? [0xcd, random.chance(90) ? random.pick(VECTORS) : random.below(256)]
    : [random.pick([0xcc, 0xce, 0xf1, 0xcf])],
];
const flagControl: Idiom = ({ random, encoder }) =>
  random.chance(50)
    ? [[random.pick([0xfa, 0xfb, 0xfb, 0x9c, 0x9d, 0xfc, 0xfd, 0xf4, 0xcf])]]
    : [encoder.push(flagsImage(random)), [...(random.chance(15) ? [0x66] : []), 0x9d]];
const cr0Value = (c: Case, random: Random): number => {
  const real = c.mode === 'real' || c.mode === 'unreal';
  let cr0: number = real
    ? CR0.ET
    : CR0.PE | CR0.ET | CR0.MP | CR0.NE | (c.paging === 'off' ? 0 : CR0.PG | CR0.WP);
  for (const [bit, percent] of [
    [CR0.TS, 20],
    [CR0.EM, 12],
    [CR0.MP, 30],
    [CR0.NE, 20],
    [CR0.WP, 30],
    [CR0.AM, 20],
    [CR0.PG, 12],
    [CR0.PE, 12],
    [CR0.CD, 5],
    [CR0.NW, 5],
  ] as const)
    if (random.chance(percent)) cr0 ^= bit;
  return cr0;
};
const cr4Value = (c: Case, random: Random): number => {
  let cr4: number = CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.PGE | (c.paging === 'pae' ? CR4.PAE : CR4.PSE);
  for (const bit of [
    CR4.VME,
    CR4.PVI,
    CR4.TSD,
    CR4.DE,
    CR4.PSE,
    CR4.PAE,
    CR4.MCE,
    CR4.PGE,
    CR4.PCE,
    CR4.OSFXSR,
    CR4.OSXMMEXCPT,
    CR4.UMIP,
  ])
    if (random.chance(12)) cr4 ^= bit;
  return cr4;
};
const controlRegister: Idiom = ({ random, c, encoder }) => {
  const reg = random.below(8);
  switch (random.below(8)) {
    case 0:
    case 1:
      return [encoder.load32(reg, cr0Value(c, random)), [0x0f, 0x22, 0xc0 | reg]];
    case 2:
    case 3:
      return [encoder.load32(reg, cr4Value(c, random)), [0x0f, 0x22, 0xe0 | reg]];
    case 4: {
      const cr3 = random.chance(90)
        ? random.pick([Area.TOP, Area.OTHER_TOP])
        : random.chance(50)
          ? Area.ARENA
          : value(random, c);
      return [encoder.load32(reg, cr3 | (random.chance(10) ? 0x18 : 0)), [0x0f, 0x22, 0xd8 | reg]];
    }
    case 5:
      return [[0x0f, 0x20, 0xc0 | random.below(64)]];
    case 6:
      return [encoder.load(0, cr0Value(c, random) & 0xf), [0x0f, 0x01, 0xf0]];
    default:
      return [[0x0f, random.pick([0x06, 0x08, 0x09])]];
  }
};
const debugRegister: Idiom = ({ random, c, encoder }) => {
  const reg = random.below(8);
  const which = random.below(8);
  if (random.chance(25)) return [[0x0f, 0x21, 0xc0 | (which << 3) | reg]];
  // Breakpoints on the program and on data, of every kind and length.
  const lines = (random.next() & 0xffff0000) | 0x400;
  const content =
    which === 7
      ? lines | (random.next() & 0xff) | (random.chance(5) ? 0x2000 : 0)
      : which === 6
        ? random.next()
        : random.chance(50)
          ? c.at + random.below(64)
          : address(random, c) + (isSmallCode(c) ? Area.ARENA : 0);
  return [encoder.load32(reg, content), [0x0f, 0x23, 0xc0 | (which << 3) | reg]];
};
const MSRS = [
  0x10, 0x17, 0x1b, 0x8b, 0xfe, 0x174, 0x175, 0x176, 0x179, 0x1a0, 0x1d9, 0x200, 0x250, 0x277, 0x2ff,
  0xc0000080,
];
const msr: Idiom = ({ random, c, encoder }) => {
  const parts = [encoder.load32(1, random.chance(95) ? random.pick(MSRS) : random.next())];
  const number = random.below(5);
  if (random.chance(60)) {
    const content =
      number === 0
        ? random.pick([0, 8, 0x10, 0xfff8])
        : random.chance(50)
          ? random.pick([0, 0x800, 6, 0x0606])
          : value(random, c);
    parts.push(
      encoder.load32(0, content),
      encoder.load32(2, random.chance(70) ? 0 : random.next()),
      [0x0f, 0x30],
    );
  } else parts.push([0x0f, 0x32]);
  return parts;
};
const descriptorTable: Idiom = ({ random, c, encoder }) => {
  const at = address(random, c);
  const idt = random.chance(50);
  const base = random.chance(80) ? (idt ? Area.IDT : Area.GDT) : value(random, c);
  const limit = random.chance(70) ? 0x7ff : random.chance(50) ? random.below(0x100) : random.below(0x10000);
  if (random.chance(20)) return [[0x0f, 0x01, ...encoder.at(random.below(8), at)]];
  return [
    [
      0x66,
      ...(encoder.wide
        ? [0xc7, ...encoder.at(0, at), ...le16(limit)]
        : [0xc7, ...encoder.at(0, at), ...le32(limit | (base << 16))]),
    ],
    [...(encoder.wide ? [] : [0x66]), 0xc7, ...encoder.at(0, at + 2), ...le32(base)],
    [...(encoder.wide || random.chance(50) ? [] : [0x66]), 0x0f, 0x01, ...encoder.at(idt ? 3 : 2, at)],
  ];
};
const taskRegister: Idiom = ({ random, encoder }) => [
  encoder.load(
    0,
    random.pick([
      Selector.TASK,
      Selector.TASK16,
      Selector.OTHER_TASK,
      Selector.TSS,
      Selector.LDT,
      0,
      0x10,
      0xffff,
    ]),
  ),
  [0x0f, 0x00, random.pick([0xd0, 0xd8])],
];
/** Writes to what the processor reads by itself: descriptors, gates, task states, page tables. */
const tableWrite: Idiom = ({ random, c, encoder }) => {
  if (isSmallCode(c)) return [];
  if (random.chance(50) || c.paging === 'off') {
    const at = random.pick([
      Area.GDT + (random.pick(selectors) & ~7),
      Area.IDT + random.pick(VECTORS) * 8,
      Area.LDT + random.below(12) * 8,
      Area.TSS + random.below(0x68),
    ]);
    return [encoder.store(at + random.below(8), random.next())];
  }
  const page = random.pick([c.at >>> 12, (c.at >>> 12) + 1, 0x14, 0x15, 0x16, 0x18, 0x0c, 0x1f]);
  const entry = (c.paging === 'pae' ? 8 : 4) * page + random.pick([Area.TABLE, Area.TABLE, Area.ALIAS_TABLE]);
  const flags = random.chance(70) ? random.below(8) | 1 | (random.next() & 0x160) : random.next() & 0xfff;
  const frame = random.chance(70) ? page : 0x10 + random.below(16);
  const turned = random.pick([0x1000, 0x1000, 0x2000, 1, 2, 4, 0x60]);
  const parts = random.chance(40)
    ? [[0x81, ...encoder.at(6, entry), ...le32(turned)]]
    : [encoder.store(entry, (frame << 12) | flags)];
  if (random.chance(60)) parts.push([0x0f, 0x01, ...encoder.at(7, page << 12)]);
  else if (random.chance(50)) parts.push([0x0f, 0x20, 0xd8], [0x0f, 0x22, 0xd8]);
  return parts;
};
const PORTS = [
  0x20, 0x21, 0x40, 0x42, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0x92, 0xa0, 0xa1, 0xe9, 0x3f8, 0x3f9,
  0x3fb, 0x3fd, 0x4d0, 0xb000, 0xcf8, 0xcfc, 0x600, 0x604,
];
const port: Idiom = ({ random, encoder }) => {
  const number = random.chance(90) ? random.pick(PORTS) : random.below(0x10000);
  if (number < 0x100 && random.chance(50)) return [[random.pick([0xe4, 0xe5, 0xe6, 0xe7]), number]];
  return [encoder.load(2, number), [...prefixes(random), random.pick([0xec, 0xed, 0xee, 0xef])]];
};
const fastCall: Idiom = ({ random, offset, encoder }) => {
  if (random.chance(50)) return [[0x0f, 0x34]];
  const parts = [encoder.load32(1, Area.ARENA + 0x4700), encoder.load32(2, 0), [0x0f, 0x35]];
  return [parts[0]!, encoder.load32(2, offset + total(parts)), parts[2]!];
};
const machineState: Idiom = ({ random }) => [
  random.pick([
    [0x0f, 0xa2],
    [0x0f, 0x31],
    [0x0f, 0x33],
    [0x0f, 0x0b],
    [0x0f, 0x77],
    [0x9b],
    [0xdb, 0xe3],
    [0x0f, 0xa2],
    [0xd9, 0xee],
    [0xd9, 0xe8],
  ]),
];
const rawBytes: Idiom = ({ random }) => [
  Array.from({ length: 1 + random.below(8) }, () => random.below(256)),
];
const longPrefixes: Idiom = ({ random }) => [
  [
    ...Array.from({ length: 10 + random.below(6) }, () => random.pick(PREFIXES)),
    random.pick([0x90, 0x89, 0xa4, 0x0f]),
    0xc0 | random.below(64),
  ],
];

/** Weights; those of user mode and those that only CPL 0 lets through. */
export const idioms: readonly (readonly [idiom: Idiom, weight: number, name: string])[] = [
  [common, 30, 'common'],
  [anyOpcode, 22, 'any opcode'],
  [directOperand, 14, 'direct operand'],
  [loadRegister, 10, 'load register'],
  [x87, 6, 'x87'],
  [vector, 8, 'vector'],
  [threeByte, 1, 'three-byte'],
  [saveArea, 1, 'save area'],
  [string, 4, 'string'],
  [selfModification, 6, 'self-modification'],
  [shortBranch, 6, 'branch'],
  [loadSegment, 4, 'segment load'],
  [farTransfer, 4, 'far transfer'],
  [queries, 2, 'query'],
  [interrupt, 2, 'interrupt'],
  [flagControl, 3, 'flags'],
  [controlRegister, 3, 'control register'],
  [debugRegister, 1, 'debug register'],
  [msr, 1, 'MSR'],
  [descriptorTable, 2, 'descriptor table'],
  [taskRegister, 1, 'task register'],
  [tableWrite, 3, 'table write'],
  [port, 2, 'port'],
  [fastCall, 1, 'fast call'],
  [machineState, 2, 'machine state'],
  [rawBytes, 1, 'raw bytes'],
  [longPrefixes, 1, 'prefixes'],
];
