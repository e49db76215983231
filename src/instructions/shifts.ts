/** Shifts, rotates, double shifts. A count of zero (after masking to five bits) changes nothing at all. */
import { Gpr, type Size } from '../x86/registers.ts';
import type { Builder, Input, Value } from './builder.ts';
import { carry, changeCarryOverflow, setCarryOverflow, setResult } from './flags.ts';
import type { OperandKind } from './form.ts';
import type { InstructionSpec } from './spec.ts';

const top = (b: Builder, value: Value, size: Size): Value => b.and(b.shrU(value, size * 8 - 1), 1);

/** Bit `index` of a value; an index of 32 or more gives the bit index modulo 32. */
const bit = (b: Builder, value: Value, index: Input): Value => b.and(b.shrU(value, index), 1);

type Shift = (b: Builder, x: Value, count: Value, size: Size) => Value;

const shiftLeft: Shift = (b, x, count, size) => {
  const r = b.shl(x, count);
  const out = size === 4 ? bit(b, x, b.sub(32, count)) : bit(b, r, size * 8);
  setCarryOverflow(b, out, b.xor(out, top(b, r, size)));
  setResult(b, r, size);
  return r;
};
const shiftRight: Shift = (b, x, count, size) => {
  const r = b.shrU(x, count);
  // OF is the top bit of the operand for a count of one; the two top bits' difference in general.
  const out = bit(b, x, b.sub(count, 1));
  setCarryOverflow(b, out, b.xor(top(b, r, size), bit(b, r, size * 8 - 2)));
  setResult(b, r, size);
  return r;
};
const shiftArithmetic: Shift = (b, x, count, size) => {
  const wide = b.signExtend(x, size);
  const r = b.shrS(wide, count);
  setCarryOverflow(b, b.and(b.shrS(wide, b.sub(count, 1)), 1), 0);
  setResult(b, r, size);
  return r;
};
const rotateLeft: Shift = (b, x, count, size) => {
  const bits = size * 8;
  const n = b.and(count, bits - 1);
  const r = size === 4 ? b.rotl(x, n) : b.or(b.shl(x, n), b.shrU(x, b.sub(bits, n)));
  const out = b.and(r, 1);
  changeCarryOverflow(b, out, b.xor(out, top(b, r, size)));
  return r;
};
const rotateRight: Shift = (b, x, count, size) => {
  const bits = size * 8;
  const n = b.and(count, bits - 1);
  const r = size === 4 ? b.rotr(x, n) : b.or(b.shrU(x, n), b.shl(x, b.sub(bits, n)));
  changeCarryOverflow(b, top(b, r, size), b.xor(top(b, r, size), bit(b, r, bits - 2)));
  return r;
};

/** RCL and RCR rotate through CF: the operand and CF form one number of `bits` + 1 bits. */
const rotateThroughCarry = (b: Builder, x: Value, count: Value, size: Size, left: boolean): Value => {
  const bits = size * 8;
  const n = size === 4 ? count : b.remU(count, bits + 1);
  const width = b.wideConstant(BigInt(bits + 1));
  const value = b.wideOr(
    b.widen(x, false),
    b.wideShl(b.widen(carry(b), false), b.wideConstant(BigInt(bits))),
  );
  const amount = b.widen(n, false);
  const rest = b.wideSub(width, amount);
  const rotated = left
    ? b.wideOr(b.wideShl(value, amount), b.wideShrU(value, rest))
    : b.wideOr(b.wideShrU(value, amount), b.wideShl(value, rest));
  const r = b.narrow(rotated);
  const out = b.and(b.narrow(b.wideShrU(rotated, b.wideConstant(BigInt(bits)))), 1);
  const over = left ? b.xor(out, top(b, r, size)) : b.xor(top(b, r, size), bit(b, r, bits - 2));
  changeCarryOverflow(b, out, over);
  return r;
};

const countUse = { use: 'read', size: 1 } as const;

/** Makes the immediate-count form and, with `.cl`, the form counted by CL. */
const shift = (name: string, compute: Shift, hot: boolean): InstructionSpec[] => {
  const guarded = (b: Builder, x: Value, count: Value): Value => {
    const result = b.variable(x);
    const n = b.and(count, 31);
    b.if(n, () => result.set(compute(b, x, n, b.form.size)));
    return result.get();
  };
  return [
    {
      name,
      sizes: [1, 2, 4],
      shapes: [
        ['reg', 'imm'],
        ['mem', 'imm'],
      ],
      hot,
      operands: [{ use: 'update' }, countUse],
      body: (b, x, count) => guarded(b, x, count),
    },
    {
      name: `${name}.cl`,
      sizes: [1, 2, 4],
      shapes: [['reg'], ['mem']],
      hot,
      operands: [{ use: 'update' }],
      body: (b, x) => guarded(b, x, b.reg(Gpr.ECX, 1)),
    },
  ];
};

/** SHLD and SHRD. For 16 bits a count above 16 rotates the pair on, as processors do. */
const doubleShift = (name: string, left: boolean): InstructionSpec[] => {
  const compute = (b: Builder, x: Value, y: Value, count: Value): Value => {
    const { size } = b.form;
    const result = b.variable(x);
    const n = b.and(count, 31);
    b.if(n, () => {
      let r: Value;
      let out: Value;
      if (size === 4) {
        const pair = left
          ? b.wideOr(b.wideShl(b.widen(x, false), b.wideConstant(32n)), b.widen(y, false))
          : b.wideOr(b.wideShl(b.widen(y, false), b.wideConstant(32n)), b.widen(x, false));
        const amount = b.widen(n, false);
        r = left ? b.high(b.wideShl(pair, amount)) : b.narrow(b.wideShrU(pair, amount));
        out = left ? bit(b, x, b.sub(32, n)) : bit(b, x, b.sub(n, 1));
      } else {
        // 48 bits: the operand pair followed by the operand again.
        const triple = left
          ? b.wideOr(b.wideShl(b.widen(b.or(b.shl(x, 16), y), false), b.wideConstant(16n)), b.widen(x, false))
          : b.wideOr(
              b.wideShl(b.widen(x, false), b.wideConstant(32n)),
              b.widen(b.or(b.shl(y, 16), x), false),
            );
        const amount = b.widen(n, false);
        if (left) {
          const shifted = b.wideShl(triple, amount);
          r = b.and(b.high(shifted), 0xffff);
          out = b.and(b.narrow(b.wideShrU(shifted, b.wideConstant(48n))), 1);
        } else {
          r = b.and(b.narrow(b.wideShrU(triple, amount)), 0xffff);
          out = b.and(b.narrow(b.wideShrU(triple, b.wideSub(amount, b.wideConstant(1n)))), 1);
        }
      }
      const over = left ? b.xor(out, top(b, r, size)) : b.xor(top(b, r, size), bit(b, r, size * 8 - 2));
      setCarryOverflow(b, out, over);
      setResult(b, r, size);
      result.set(r);
    });
    return result.get();
  };
  const registerShapes: OperandKind[][] = [
    ['reg', 'reg'],
    ['mem', 'reg'],
  ];
  return [
    {
      name,
      sizes: [2, 4],
      shapes: registerShapes.map((s) => [...s, 'imm']),
      operands: [{ use: 'update' }, { use: 'read' }, countUse],
      body: compute,
    },
    {
      name: `${name}.cl`,
      sizes: [2, 4],
      shapes: registerShapes,
      operands: [{ use: 'update' }, { use: 'read' }],
      body: (b, x, y) => compute(b, x, y, b.reg(Gpr.ECX, 1)),
    },
  ];
};

export const shifts: readonly InstructionSpec[] = [
  ...shift('shl', shiftLeft, true),
  ...shift('shr', shiftRight, true),
  ...shift('sar', shiftArithmetic, true),
  ...shift('rol', rotateLeft, false),
  ...shift('ror', rotateRight, false),
  ...shift('rcl', (b, x, n, size) => rotateThroughCarry(b, x, n, size, true), false),
  ...shift('rcr', (b, x, n, size) => rotateThroughCarry(b, x, n, size, false), false),
  ...doubleShift('shld', true),
  ...doubleShift('shrd', false),
];
