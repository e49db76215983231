/**
 * The opcode map of MMX, SSE, SSE2 and SSE3 (SDM vol. 2, appendix A, table A-3): an opcode and its mandatory
 * prefix name an instruction and the registers of its operands.
 */
import type { Instruction } from '../decoder/instruction.ts';
import { computations } from '../instructions/sse/computations.ts';
import { Feature } from '../x86/cpu-models.ts';

const { CLFSH, FXSR, MMX, SSE, SSE2, SSE3 } = Feature;

/** Which registers a field of ModRM names. */
export type RegisterFile = 'general' | 'mmx' | 'xmm' | 'none';

export interface VectorMeaning {
  /** A handler, or an x87 callout (FXSAVE, FXRSTOR). */
  readonly name: string;
  /** The extension that brought it. */
  readonly feature: Feature;
  readonly reg: RegisterFile;
  readonly rm: RegisterFile;
  /** The r/m operand: memory, a register, or either. */
  readonly operand: 'memory' | 'register' | 'either';
  /** A memory operand at DS:EDI that ModRM does not name. */
  readonly implicit?: boolean;
}

/** The last of F2 and F3 counts; 66 only without them. */
const Prefix = { NONE: 0, F3: 1, F2: 2, P66: 3 } as const;
type Prefix = (typeof Prefix)[keyof typeof Prefix];
const prefixOf = (i: Instruction): Prefix =>
  i.rep !== 0 ? i.rep : i.operandPrefix ? Prefix.P66 : Prefix.NONE;

/** The manual's letters (appendix A.2.1). */
const FILES: Readonly<Record<string, RegisterFile>> = {
  V: 'xmm',
  W: 'xmm',
  U: 'xmm',
  P: 'mmx',
  Q: 'mmx',
  N: 'mmx',
  G: 'general',
  E: 'general',
  M: 'none',
  '-': 'none',
};
const OPERANDS: Readonly<Record<string, VectorMeaning['operand']>> = {
  U: 'register',
  N: 'register',
  M: 'memory',
};

/** By opcode and prefix; those of a group by the reg field too. */
const map = new Map<number, VectorMeaning[]>();
const ANY = 8;
const keyOf = (opcode: number, prefix: Prefix, reg: number): number =>
  (((opcode & 0xff) << 2) | prefix) * 16 + reg;
/** @param operands letters of the reg and the r/m field */
const set = (
  opcode: number,
  prefix: Prefix,
  name: string,
  operands: string,
  feature: Feature,
  reg = ANY,
  implicit = false,
): void => {
  const [first, second] = [operands[0]!, operands[1]!];
  const meaning: VectorMeaning = {
    name,
    feature,
    reg: FILES[first]!,
    rm: FILES[second]!,
    operand: OPERANDS[second] ?? 'either',
    ...(implicit ? { implicit } : {}),
  };
  const key = keyOf(opcode, prefix, reg);
  map.set(key, [...(map.get(key) ?? []), meaning]);
};
const { NONE, F3, F2, P66 } = Prefix;

/** The same of MMX and of XMM registers; SSE2 has the latter. */
const integer = (opcode: number, name: string, feature: Feature = MMX): void => {
  set(opcode, NONE, `${name}.mmx`, 'PQ', feature);
  set(opcode, P66, `${name}.xmm`, 'VW', SSE2);
};
/** Single and double precision do the same bit by bit. */
const both = (opcode: number, name: string, operands: string): void => {
  set(opcode, NONE, name, operands, SSE);
  set(opcode, P66, name, operands, SSE2);
};

both(0x10, 'movups.load', 'VW');
set(0x10, F3, 'movss.load', 'VM', SSE);
set(0x10, F3, 'movss.move', 'VU', SSE);
set(0x10, F2, 'movq.load', 'VM', SSE2);
set(0x10, F2, 'movlps.load', 'VU', SSE2);
both(0x11, 'movups.store', 'VM');
both(0x11, 'movaps.copy', 'VU');
set(0x11, F3, 'movss.store', 'VM', SSE);
set(0x11, F3, 'movss.copy', 'VU', SSE);
set(0x11, F2, 'movq.store', 'VM', SSE2);
set(0x11, F2, 'movsd.copy', 'VU', SSE2);
both(0x12, 'movlps.load', 'VM');
set(0x12, NONE, 'movhlps', 'VU', SSE);
set(0x12, F3, 'movsldup', 'VW', SSE3);
set(0x12, F2, 'movddup', 'VW', SSE3);
both(0x13, 'movq.store', 'VM');
both(0x16, 'movhps.load', 'VM');
set(0x16, NONE, 'movhps.load', 'VU', SSE);
set(0x16, F3, 'movshdup', 'VW', SSE3);
both(0x17, 'movhps.store', 'VM');
set(0x14, NONE, 'punpckldq.xmm', 'VW', SSE);
set(0x14, P66, 'punpcklqdq.xmm', 'VW', SSE2);
set(0x15, NONE, 'punpckhdq.xmm', 'VW', SSE);
set(0x15, P66, 'punpckhqdq.xmm', 'VW', SSE2);
both(0x28, 'movaps.load', 'VW');
both(0x29, 'movaps.store', 'VM');
both(0x29, 'movaps.copy', 'VU');
both(0x2b, 'movaps.store', 'VM');
set(0x50, NONE, 'movmskps', 'GU', SSE);
set(0x50, P66, 'movmskpd', 'GU', SSE2);
both(0x54, 'pand.xmm', 'VW');
both(0x55, 'pandn.xmm', 'VW');
both(0x56, 'por.xmm', 'VW');
both(0x57, 'pxor.xmm', 'VW');

const UNPACK = [
  'punpcklbw',
  'punpcklwd',
  'punpckldq',
  'packsswb',
  'pcmpgtb',
  'pcmpgtw',
  'pcmpgtd',
  'packuswb',
];
for (const [n, name] of UNPACK.entries()) integer(0x60 + n, name);
for (const [n, name] of ['punpckhbw', 'punpckhwd', 'punpckhdq', 'packssdw'].entries())
  integer(0x68 + n, name);
set(0x6c, P66, 'punpcklqdq.xmm', 'VW', SSE2);
set(0x6d, P66, 'punpckhqdq.xmm', 'VW', SSE2);
set(0x6e, NONE, 'movd.load.mmx', 'PE', MMX);
set(0x6e, P66, 'movd.load.xmm', 'VE', SSE2);
set(0x6f, NONE, 'movq.load.mmx', 'PQ', MMX);
set(0x6f, P66, 'movaps.load', 'VW', SSE2);
set(0x6f, F3, 'movups.load', 'VW', SSE2);
set(0x70, NONE, 'pshufw', 'PQ', SSE);
set(0x70, P66, 'pshufd', 'VW', SSE2);
set(0x70, F3, 'pshufhw', 'VW', SSE2);
set(0x70, F2, 'pshuflw', 'VW', SSE2);
const IMMEDIATE_SHIFTS = [
  [0x71, 2, 'psrlw'],
  [0x71, 4, 'psraw'],
  [0x71, 6, 'psllw'],
  [0x72, 2, 'psrld'],
  [0x72, 4, 'psrad'],
  [0x72, 6, 'pslld'],
  [0x73, 2, 'psrlq'],
  [0x73, 6, 'psllq'],
] as const;
for (const [opcode, reg, name] of IMMEDIATE_SHIFTS) {
  set(opcode, NONE, `${name}.immediate.mmx`, '-N', MMX, reg);
  set(opcode, P66, `${name}.immediate.xmm`, '-U', SSE2, reg);
}
set(0x73, P66, 'psrldq', '-U', SSE2, 3);
set(0x73, P66, 'pslldq', '-U', SSE2, 7);
for (const [n, name] of ['pcmpeqb', 'pcmpeqw', 'pcmpeqd'].entries()) integer(0x74 + n, name);
set(0x77, NONE, 'emms', '--', MMX);
set(0x7e, NONE, 'movd.store.mmx', 'PE', MMX);
set(0x7e, P66, 'movd.store.xmm', 'VE', SSE2);
set(0x7e, F3, 'movq.load', 'VW', SSE2);
set(0x7f, NONE, 'movq.store.mmx', 'PM', MMX);
set(0x7f, NONE, 'movq.copy.mmx', 'PN', MMX);
set(0x7f, P66, 'movaps.store', 'VM', SSE2);
set(0x7f, P66, 'movaps.copy', 'VU', SSE2);
set(0x7f, F3, 'movups.store', 'VM', SSE2);
set(0x7f, F3, 'movaps.copy', 'VU', SSE2);

set(0xae, NONE, 'fxsave', '-M', FXSR, 0);
set(0xae, NONE, 'fxrstor', '-M', FXSR, 1);
set(0xae, NONE, 'ldmxcsr', '-M', SSE, 2);
set(0xae, NONE, 'stmxcsr', '-M', SSE, 3);
set(0xae, NONE, 'nop', '-U', SSE2, 5);
set(0xae, NONE, 'nop', '-U', SSE2, 6);
set(0xae, NONE, 'nop', '-U', SSE, 7);
set(0xae, NONE, 'clflush', '-M', CLFSH, 7);

set(0xc3, NONE, 'movnti', 'GM', SSE2);
set(0xc4, NONE, 'pinsrw.mmx', 'PE', SSE);
set(0xc4, P66, 'pinsrw.xmm', 'VE', SSE2);
set(0xc5, NONE, 'pextrw.mmx', 'GN', SSE);
set(0xc5, P66, 'pextrw.xmm', 'GU', SSE2);
set(0xc6, NONE, 'shufps', 'VW', SSE);
set(0xc6, P66, 'shufpd', 'VW', SSE2);
set(0xd6, P66, 'movq.store', 'VM', SSE2);
set(0xd6, P66, 'movq.copy', 'VU', SSE2);
set(0xd6, F3, 'movq2dq', 'VN', SSE2);
set(0xd6, F2, 'movdq2q', 'PU', SSE2);
set(0xd7, NONE, 'pmovmskb.mmx', 'GN', SSE);
set(0xd7, P66, 'pmovmskb.xmm', 'GU', SSE2);
set(0xe7, NONE, 'movq.store.mmx', 'PM', SSE);
set(0xe7, P66, 'movaps.store', 'VM', SSE2);
set(0xf0, F2, 'movups.load', 'VM', SSE3);
set(0xf7, NONE, 'maskmovq', 'PN', SSE, ANY, true);
set(0xf7, P66, 'maskmovdqu', 'VU', SSE2, ANY, true);

/** Opcodes D1 to FE that MMX has, and those that came with SSE (`1`) and SSE2 (`2`). */
const ARITHMETIC: Readonly<Record<string, readonly string[]>> = {
  d0: ['', 'psrlw', 'psrld', 'psrlq', 'paddq2', 'pmullw', '', ''],
  d8: ['psubusb', 'psubusw', 'pminub1', 'pand', 'paddusb', 'paddusw', 'pmaxub1', 'pandn'],
  e0: ['pavgb1', 'psraw', 'psrad', 'pavgw1', 'pmulhuw1', 'pmulhw', '', ''],
  e8: ['psubsb', 'psubsw', 'pminsw1', 'por', 'paddsb', 'paddsw', 'pmaxsw1', 'pxor'],
  f0: ['', 'psllw', 'pslld', 'psllq', 'pmuludq2', 'pmaddwd', 'psadbw1', ''],
  f8: ['psubb', 'psubw', 'psubd', 'psubq2', 'paddb', 'paddw', 'paddd', ''],
};
for (const [row, names] of Object.entries(ARITHMETIC))
  for (const [n, text] of names.entries()) {
    if (text === '') continue;
    const feature: Feature = text.endsWith('1') ? SSE : text.endsWith('2') ? SSE2 : MMX;
    integer(Number.parseInt(row, 16) + n, text.replace(/[12]$/, ''), feature);
  }

/** Operands of the floating-point computations that are not both XMM, by their names. */
const CONVERSIONS: Readonly<Record<string, string>> = {
  cvtpi2ps: 'VQ',
  cvtpi2pd: 'VQ',
  cvtps2pi: 'PW',
  cvttps2pi: 'PW',
  cvtpd2pi: 'PW',
  cvttpd2pi: 'PW',
  cvtsi2ss: 'VE',
  cvtsi2sd: 'VE',
  cvtss2si: 'GW',
  cvttss2si: 'GW',
  cvtsd2si: 'GW',
  cvttsd2si: 'GW',
};
/** By opcode: without a prefix, F3, F2, 66. */
const COMPUTATIONS: readonly (readonly [number, string, string, string, string])[] = [
  [0x2a, 'cvtpi2ps', 'cvtsi2ss', 'cvtsi2sd', 'cvtpi2pd'],
  [0x2c, 'cvttps2pi', 'cvttss2si', 'cvttsd2si', 'cvttpd2pi'],
  [0x2d, 'cvtps2pi', 'cvtss2si', 'cvtsd2si', 'cvtpd2pi'],
  [0x2e, 'ucomiss', '', '', 'ucomisd'],
  [0x2f, 'comiss', '', '', 'comisd'],
  [0x51, 'sqrtps', 'sqrtss', 'sqrtsd', 'sqrtpd'],
  [0x52, 'rsqrtps', 'rsqrtss', '', ''],
  [0x53, 'rcpps', 'rcpss', '', ''],
  [0x58, 'addps', 'addss', 'addsd', 'addpd'],
  [0x59, 'mulps', 'mulss', 'mulsd', 'mulpd'],
  [0x5a, 'cvtps2pd', 'cvtss2sd', 'cvtsd2ss', 'cvtpd2ps'],
  [0x5b, 'cvtdq2ps', 'cvttps2dq', '', 'cvtps2dq'],
  [0x5c, 'subps', 'subss', 'subsd', 'subpd'],
  [0x5d, 'minps', 'minss', 'minsd', 'minpd'],
  [0x5e, 'divps', 'divss', 'divsd', 'divpd'],
  [0x5f, 'maxps', 'maxss', 'maxsd', 'maxpd'],
  [0x7c, '', '', 'haddps', 'haddpd'],
  [0x7d, '', '', 'hsubps', 'hsubpd'],
  [0xc2, 'cmpps', 'cmpss', 'cmpsd', 'cmppd'],
  [0xd0, '', '', 'addsubps', 'addsubpd'],
  [0xe6, '', 'cvtdq2pd', 'cvtpd2dq', 'cvttpd2dq'],
];
const IS_SSE3 = /^(addsub|hadd|hsub)/;
/** Of single precision, or of both of which one is: SSE. Conversions to and from doublewords came with SSE2. */
const isSse = (name: string): boolean =>
  /(ps|ss|ps2pi|pi2ps|ss2si|si2ss)$/.test(name) && !/(dq|pd|sd)/.test(name);
for (const [opcode, ...names] of COMPUTATIONS)
  for (const [prefix, name] of names.entries())
    if (name !== '' && computations.some((c) => c.name === name))
      set(
        opcode,
        prefix as Prefix,
        name,
        CONVERSIONS[name] ?? 'VW',
        IS_SSE3.test(name) ? SSE3 : isSse(name) ? SSE : SSE2,
      );

const isMemory = (i: Instruction): boolean => i.modrm >= 0 && i.modrm >> 6 !== 3;

/** @returns undefined where the opcode with this prefix and operand is none of these instructions */
export const vectorMeaningOf = (i: Instruction): VectorMeaning | undefined => {
  if (i.opcode >> 8 !== 0x0f) return undefined;
  const prefix = prefixOf(i);
  const meanings =
    map.get(keyOf(i.opcode, prefix, (i.modrm >> 3) & 7)) ?? map.get(keyOf(i.opcode, prefix, ANY));
  const operand = isMemory(i) ? 'memory' : 'register';
  return meanings?.find((m) => m.operand === 'either' || m.operand === operand);
};

const opcodes = new Set([...map.keys()].map((key) => 0x0f00 | (key >> 6)));
/** Whether an opcode is of this map, whatever its prefix. */
export const isVectorOpcode = (opcode: number): boolean => opcodes.has(opcode);
