/** From the ESC opcode to the handler: the manual's opcode maps (SDM vol. 2, appendix A.5). */

/** Memory forms, by the ModRM reg field. */
const MEMORY: readonly (readonly (string | null)[])[] = [
  ['fadd m32', 'fmul m32', 'fcom m32', 'fcomp m32', 'fsub m32', 'fsubr m32', 'fdiv m32', 'fdivr m32'],
  ['fld m32', null, 'fst m32', 'fstp m32', 'fldenv', 'fldcw', 'fnstenv', 'fnstcw'],
  ['fiadd m32', 'fimul m32', 'ficom m32', 'ficomp m32', 'fisub m32', 'fisubr m32', 'fidiv m32', 'fidivr m32'],
  ['fild m32', 'fisttp m32', 'fist m32', 'fistp m32', null, 'fld m80', null, 'fstp m80'],
  ['fadd m64', 'fmul m64', 'fcom m64', 'fcomp m64', 'fsub m64', 'fsubr m64', 'fdiv m64', 'fdivr m64'],
  ['fld m64', 'fisttp m64', 'fst m64', 'fstp m64', 'frstor', null, 'fnsave', 'fnstsw m16'],
  ['fiadd m16', 'fimul m16', 'ficom m16', 'ficomp m16', 'fisub m16', 'fisubr m16', 'fidiv m16', 'fidivr m16'],
  ['fild m16', 'fisttp m16', 'fist m16', 'fistp m16', 'fbld', 'fild m64', 'fbstp', 'fistp m64'],
];

/** A row of eight register forms: one handler for all ST(i), or one for each value of the rm field. */
type Row = string | null | readonly (string | null)[];

/**
 * Register forms, by the reg field. Besides the documented ones there are those that processors since the
 * 8087 take for FCOM, FCOMP, FXCH, FSTP and FFREEP, as silicon does.
 */
const REGISTER: readonly (readonly Row[])[] = [
  ['fadd', 'fmul', 'fcom', 'fcomp', 'fsub', 'fsubr', 'fdiv', 'fdivr'],
  [
    'fld st(i)',
    'fxch',
    ['fnop', null, null, null, null, null, null, null],
    'fstpnce',
    ['fchs', 'fabs', null, null, 'ftst', 'fxam', null, null],
    ['fld1', 'fldl2t', 'fldl2e', 'fldpi', 'fldlg2', 'fldln2', 'fldz', null],
    ['f2xm1', 'fyl2x', 'fptan', 'fpatan', 'fxtract', 'fprem1', 'fdecstp', 'fincstp'],
    ['fprem', 'fyl2xp1', 'fsqrt', 'fsincos', 'frndint', 'fscale', 'fsin', 'fcos'],
  ],
  [
    'fcmovb',
    'fcmove',
    'fcmovbe',
    'fcmovu',
    null,
    [null, 'fucompp', null, null, null, null, null, null],
    null,
    null,
  ],
  [
    'fcmovnb',
    'fcmovne',
    'fcmovnbe',
    'fcmovnu',
    ['fneni', 'fneni', 'fnclex', 'fninit', 'fneni', null, null, null],
    'fucomi',
    'fcomi',
    null,
  ],
  ['fadd st(i)', 'fmul st(i)', 'fcom', 'fcomp', 'fsubr st(i)', 'fsub st(i)', 'fdivr st(i)', 'fdiv st(i)'],
  ['ffree', 'fxch', 'fst st(i)', 'fstp st(i)', 'fucom', 'fucomp', null, null],
  [
    'faddp',
    'fmulp',
    'fcomp',
    [null, 'fcompp', null, null, null, null, null, null],
    'fsubrp',
    'fsubp',
    'fdivrp',
    'fdivp',
  ],
  [
    'ffreep',
    'fxch',
    'fstp st(i)',
    'fstp st(i)',
    ['fnstsw ax', null, null, null, null, null, null, null],
    'fucomip',
    'fcomip',
    null,
  ],
];

/**
 * The handler of an ESC instruction, a key of `x87`. @param opcode D8h to DFh @param modrm the byte after it
 * @returns null for #UD
 */
export const x87Handler = (opcode: number, modrm: number): string | null => {
  const reg = (modrm >> 3) & 7;
  if (modrm < 0xc0) return MEMORY[opcode & 7][reg];
  const row = REGISTER[opcode & 7][reg];
  return row === null || typeof row === 'string' ? row : row[modrm & 7];
};

/** The FOP field of an ESC instruction, 11 bits (SDM vol. 1, section 8.1.9). */
export const x87Opcode = (opcode: number, modrm: number): number => ((opcode & 7) << 8) | modrm;
