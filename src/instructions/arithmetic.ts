/** ADD to CMP, INC, DEC, NOT, NEG, TEST, multiplication and division, BCD adjustment. */
import { Vector } from '../x86/exceptions.ts';
import { Gpr, type Size } from '../x86/registers.ts';
import type { Builder, Value, Wide } from './builder.ts';
import {
  auxiliary,
  carry,
  flagsAdd,
  flagsAddCarry,
  flagsKeepCarry,
  flagsLogic,
  flagsSub,
  flagsSubBorrow,
  setCarryOverflow,
  setResult,
} from './flags.ts';
import type { OperandKind } from './form.ts';
import type { InstructionSpec } from './spec.ts';

export const allSizes: readonly Size[] = [1, 2, 4];
const wordSizes: readonly Size[] = [2, 4];
const binaryShapes: readonly OperandKind[][] = [
  ['reg', 'reg'],
  ['reg', 'imm'],
  ['reg', 'mem'],
  ['mem', 'reg'],
  ['mem', 'imm'],
];
const unaryShapes: readonly OperandKind[][] = [['reg'], ['mem']];

const binary = (
  name: string,
  use: 'update' | 'read',
  compute: (b: Builder, x: Value, y: Value, size: Size) => Value,
): InstructionSpec => ({
  name,
  sizes: allSizes,
  shapes: binaryShapes,
  hot: true,
  operands: [{ use }, { use: 'read' }],
  body(b, x, y) {
    const r = compute(b, x, y, b.form.size);
    return use === 'update' ? r : undefined;
  },
});

const add = (b: Builder, x: Value, y: Value, size: Size) => {
  const r = b.add(x, y);
  flagsAdd(b, x, y, r, size);
  return r;
};
const subtract = (b: Builder, x: Value, y: Value, size: Size) => {
  const r = b.sub(x, y);
  flagsSub(b, x, y, r, size);
  return r;
};
const logic = (op: 'and' | 'or' | 'xor') => (b: Builder, x: Value, y: Value, size: Size) => {
  const r = b[op](x, y);
  flagsLogic(b, r, size);
  return r;
};

const unary = (name: string, compute: (b: Builder, x: Value, size: Size) => Value): InstructionSpec => ({
  name,
  sizes: allSizes,
  shapes: unaryShapes,
  operands: [{ use: 'update' }],
  hot: true,
  body: (b, x) => compute(b, x, b.form.size),
});

/** CF and OF after a multiplication: whether the high half is significant. */
const multiplyFlags = (b: Builder, low: Value, significant: Value, size: Size) => {
  setCarryOverflow(b, significant, significant);
  setResult(b, low, size);
};

/** MUL and IMUL of AL, AX or EAX into AX, DX:AX or EDX:EAX. */
const multiply = (name: string, signed: boolean): InstructionSpec => ({
  name,
  sizes: allSizes,
  shapes: unaryShapes,
  operands: [{ use: 'read' }],
  body(b, source) {
    const { size } = b.form;
    const accumulator = b.reg(Gpr.EAX, size);
    if (size === 4) {
      const product = b.wideMul(b.widen(accumulator, signed), b.widen(source, signed));
      const low = b.narrow(product);
      const high = b.high(product);
      b.setReg(Gpr.EAX, low);
      b.setReg(Gpr.EDX, high);
      multiplyFlags(b, low, b.ne(high, signed ? b.shrS(low, 31) : 0), size);
      return;
    }
    const extend = (v: Value) => (signed ? b.signExtend(v, size) : v);
    const product = b.mul(extend(accumulator), extend(source));
    const fits = signed ? b.signExtend(product, size) : b.zeroExtend(product, size);
    if (size === 1) b.setReg(Gpr.EAX, product, 2);
    else {
      b.setReg(Gpr.EAX, product, 2);
      b.setReg(Gpr.EDX, b.shrU(product, 16), 2);
    }
    multiplyFlags(b, product, b.ne(product, fits), size);
  },
});

/** IMUL r, r/m and IMUL r, r/m, imm: the truncated signed product. */
const multiplyTruncated = (b: Builder, x: Value, y: Value): Value => {
  const { size } = b.form;
  if (size === 2) {
    const product = b.mul(b.signExtend(x, 2), b.signExtend(y, 2));
    multiplyFlags(b, product, b.ne(product, b.signExtend(product, 2)), size);
    return product;
  }
  const product = b.wideMul(b.widen(x, true), b.widen(y, true));
  const low = b.narrow(product);
  multiplyFlags(b, low, b.ne(b.high(product), b.shrS(low, 31)), size);
  return low;
};

/** The double-width dividend: AX, DX:AX or EDX:EAX as 64 bits. */
const dividend = (b: Builder, size: Size, signed: boolean): Wide => {
  if (size === 1) return b.widen(signed ? b.signExtend(b.reg(Gpr.EAX, 2), 2) : b.reg(Gpr.EAX, 2), signed);
  if (size === 2) return b.widen(b.or(b.shl(b.reg(Gpr.EDX, 2), 16), b.reg(Gpr.EAX, 2)), signed);
  const high = b.wideShl(b.widen(b.reg(Gpr.EDX), false), b.wideConstant(32n));
  return b.wideOr(high, b.widen(b.reg(Gpr.EAX), false));
};

/** DIV and IDIV: #DE when the divisor is zero or the quotient does not fit. */
const divide = (name: string, signed: boolean): InstructionSpec => ({
  name,
  sizes: allSizes,
  shapes: unaryShapes,
  operands: [{ use: 'read' }],
  body(b, source) {
    const { size } = b.form;
    b.if(b.eqz(source), () => b.raise(Vector.DE));
    const n = dividend(b, size, signed);
    const d = b.widen(signed ? b.signExtend(source, size) : source, signed);
    if (signed && size === 4) {
      // The one 64-bit overflow would trap in the host; its quotient does not fit in any case.
      const most = b.wideEq(n, b.wideConstant(-(1n << 63n)));
      b.if(b.and(most, b.eq(source, -1)), () => b.raise(Vector.DE));
    }
    const quotient = signed ? b.wideDivS(n, d) : b.wideDivU(n, d);
    const q = b.narrow(quotient);
    const fits = signed ? b.widen(b.signExtend(q, size), true) : b.widen(b.zeroExtend(q, size), false);
    b.if(b.wideNe(quotient, fits), () => b.raise(Vector.DE));
    const r = b.narrow(signed ? b.wideRemS(n, d) : b.wideRemU(n, d));
    if (size === 1) b.setReg(Gpr.EAX, b.or(b.and(q, 0xff), b.shl(b.and(r, 0xff), 8)), 2);
    else {
      b.setReg(Gpr.EAX, q, size);
      b.setReg(Gpr.EDX, r, size);
    }
  },
});

const adjust = (name: string, body: (b: Builder) => void): InstructionSpec => ({
  name,
  sizes: [1],
  shapes: [[]],
  operands: [],
  body,
});

/** DAA and DAS (SDM vol. 2). */
const decimalAdjust = (b: Builder, subtracting: boolean): void => {
  const old = b.reg(Gpr.EAX, 1);
  const oldCarry = carry(b);
  const low = b.or(b.gtU(b.and(old, 15), 9), auxiliary(b));
  const high = b.or(b.gtU(old, 0x99), oldCarry);
  const correction = b.or(b.select(low, 6, 0), b.select(high, 0x60, 0));
  const result = subtracting ? b.sub(old, correction) : b.add(old, correction);
  // DAS also reports the borrow of its low correction.
  const borrow = subtracting ? b.and(low, b.ltU(old, 6)) : b.constant(0);
  const newCarry = b.or(high, borrow);
  b.setReg(Gpr.EAX, result, 1);
  setCarryOverflow(b, newCarry, 0, low);
  setResult(b, result, 1);
};

/** AAA and AAS. */
const asciiAdjust = (b: Builder, subtracting: boolean): void => {
  const ax = b.reg(Gpr.EAX, 2);
  const need = b.or(b.gtU(b.and(ax, 15), 9), auxiliary(b));
  const changed = subtracting ? b.sub(ax, 0x106) : b.add(ax, 0x106);
  const result = b.select(need, changed, ax);
  b.setReg(Gpr.EAX, b.and(result, 0xff0f), 2);
  setCarryOverflow(b, need, 0, need);
  setResult(b, b.and(result, 0x0f), 1);
};

export const arithmetic: readonly InstructionSpec[] = [
  binary('add', 'update', add),
  binary('sub', 'update', subtract),
  binary('cmp', 'read', subtract),
  binary('and', 'update', logic('and')),
  binary('or', 'update', logic('or')),
  binary('xor', 'update', logic('xor')),
  binary('test', 'read', logic('and')),
  binary('adc', 'update', (b, x, y, size) => {
    const r = b.add(b.add(x, y), carry(b));
    flagsAddCarry(b, x, y, r, size);
    return r;
  }),
  binary('sbb', 'update', (b, x, y, size) => {
    const r = b.sub(b.sub(x, y), carry(b));
    flagsSubBorrow(b, x, y, r, size);
    return r;
  }),
  unary('inc', (b, x, size) => {
    const r = b.add(x, 1);
    flagsKeepCarry(b, x, b.constant(1), r, size, false);
    return r;
  }),
  unary('dec', (b, x, size) => {
    const r = b.sub(x, 1);
    flagsKeepCarry(b, x, b.constant(1), r, size, true);
    return r;
  }),
  unary('not', (b, x) => b.not(x)),
  unary('neg', (b, x, size) => {
    const r = b.sub(0, x);
    flagsSub(b, b.constant(0), x, r, size);
    return r;
  }),
  multiply('mul', false),
  multiply('imul', true),
  {
    name: 'imul2',
    sizes: wordSizes,
    shapes: [
      ['reg', 'reg'],
      ['reg', 'mem'],
    ],
    hot: true,
    operands: [{ use: 'update' }, { use: 'read' }],
    body: multiplyTruncated,
  },
  {
    name: 'imul3',
    sizes: wordSizes,
    shapes: [
      ['reg', 'reg', 'imm'],
      ['reg', 'mem', 'imm'],
    ],
    hot: true,
    operands: [{ use: 'write' }, { use: 'read' }, { use: 'read' }],
    body: (b, _destination, x, y) => multiplyTruncated(b, x, y),
  },
  divide('div', false),
  divide('idiv', true),
  adjust('daa', (b) => decimalAdjust(b, false)),
  adjust('das', (b) => decimalAdjust(b, true)),
  adjust('aaa', (b) => asciiAdjust(b, false)),
  adjust('aas', (b) => asciiAdjust(b, true)),
  {
    name: 'aam',
    sizes: [1],
    shapes: [['imm']],
    operands: [{ use: 'read' }],
    body(b, base) {
      b.if(b.eqz(base), () => b.raise(Vector.DE));
      const al = b.reg(Gpr.EAX, 1);
      const low = b.remU(al, base);
      b.setReg(Gpr.EAX, b.or(b.shl(b.divU(al, base), 8), low), 2);
      flagsLogic(b, low, 1);
    },
  },
  {
    name: 'aad',
    sizes: [1],
    shapes: [['imm']],
    operands: [{ use: 'read' }],
    body(b, base) {
      const ax = b.reg(Gpr.EAX, 2);
      const low = b.and(b.add(b.mul(b.shrU(ax, 8), base), ax), 0xff);
      b.setReg(Gpr.EAX, low, 2);
      flagsLogic(b, low, 1);
    },
  },
];
