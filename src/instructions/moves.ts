/** Data movement: MOV, MOVZX, MOVSX, LEA, XCHG, CMPXCHG, XADD, SETcc, CMOVcc, BSWAP, conversions. */

import { Flag } from '../x86/flags.ts';
import { Gpr, type Size } from '../x86/registers.ts';
import { allSizes } from './arithmetic.ts';
import type { Builder, Value } from './builder.ts';
import {
  carry,
  changeCarry,
  changeZero,
  condition,
  flagsAdd,
  flagsSub,
  setStatusFlags,
  statusFlags,
} from './flags.ts';
import type { OperandKind } from './form.ts';
import type { InstructionSpec } from './spec.ts';

const fromRm: readonly OperandKind[][] = [
  ['reg', 'reg'],
  ['reg', 'mem'],
];
const wordSizes: readonly Size[] = [2, 4];

const extend = (name: string, source: 1 | 2, signed: boolean): InstructionSpec => ({
  name,
  sizes: source === 1 ? wordSizes : [2, 4],
  shapes: fromRm,
  hot: true,
  operands: [{ use: 'write' }, { use: 'read', size: source }],
  body: (b, _destination, value) => (signed ? b.signExtend(value, source) : value),
});

const simple = (
  name: string,
  sizes: readonly Size[],
  body: (b: Builder) => void,
  hot = false,
): InstructionSpec => ({
  name,
  sizes,
  shapes: [[]],
  operands: [],
  body,
  hot,
});

/** Compares the accumulator with the destination; writes the source if equal, else loads the accumulator. */
const compareExchange = (b: Builder, destination: Value, source: Value) => {
  const { size } = b.form;
  const accumulator = b.reg(Gpr.EAX, size);
  const difference = b.sub(accumulator, destination);
  const equal = b.eqz(b.zeroExtend(difference, size));
  flagsSub(b, accumulator, destination, difference, size);
  // A register destination that is the accumulator itself is written last, with the source, when equal.
  b.setReg(Gpr.EAX, b.select(equal, accumulator, destination), size);
  return b.select(equal, source, destination);
};

export const moves: readonly InstructionSpec[] = [
  {
    name: 'mov',
    sizes: allSizes,
    hot: true,
    shapes: [
      ['reg', 'reg'],
      ['reg', 'imm'],
      ['reg', 'mem'],
      ['mem', 'reg'],
      ['mem', 'imm'],
    ],
    operands: [{ use: 'write' }, { use: 'read' }],
    body: (_b, _destination, source) => source,
  },
  extend('movzx8', 1, false),
  extend('movzx16', 2, false),
  extend('movsx8', 1, true),
  extend('movsx16', 2, true),
  {
    name: 'lea',
    sizes: wordSizes,
    shapes: [['reg', 'mem']],
    hot: true,
    operands: [{ use: 'write' }, { use: 'none' }],
    body: (b) => b.effectiveAddress(),
  },
  {
    name: 'xchg',
    sizes: allSizes,
    shapes: [
      ['reg', 'reg'],
      ['mem', 'reg'],
    ],
    hot: true,
    operands: [{ use: 'update' }, { use: 'update' }],
    body: (_b, x, y) => [y, x],
  },
  {
    name: 'xadd',
    sizes: allSizes,
    shapes: [
      ['reg', 'reg'],
      ['mem', 'reg'],
    ],
    operands: [{ use: 'update' }, { use: 'none' }],
    body(b, x) {
      const y = b.regOperand(1);
      const r = b.add(x, y);
      flagsAdd(b, x, y, r, b.form.size);
      // The source register is written first: with equal registers the sum stays.
      b.setRegOperand(1, x);
      return r;
    },
  },
  {
    name: 'cmpxchg',
    sizes: allSizes,
    shapes: [
      ['reg', 'reg'],
      ['mem', 'reg'],
    ],
    operands: [{ use: 'update' }, { use: 'read' }],
    body: compareExchange,
  },
  {
    name: 'cmpxchg8b',
    sizes: [4],
    shapes: [['mem']],
    operands: [{ use: 'none' }],
    body(b) {
      const location = b.locate(b.operandLinear(8, 'update'), 8);
      const low = b.loadLocation(location, 4);
      const high = b.loadLocation(location, 4, 4);
      const equal = b.and(b.eq(low, b.reg(Gpr.EAX)), b.eq(high, b.reg(Gpr.EDX)));
      changeZero(b, equal);
      const newLow = b.select(equal, b.reg(Gpr.EBX), low);
      const newHigh = b.select(equal, b.reg(Gpr.ECX), high);
      b.setReg(Gpr.EAX, low);
      b.setReg(Gpr.EDX, high);
      b.storeLocation(location, 4, newLow);
      b.storeLocation(location, 4, newHigh, 4);
      b.commitLocation(location);
    },
  },
  {
    name: 'set',
    sizes: [1],
    shapes: [['reg'], ['mem']],
    variants: { conditions: true },
    hot: true,
    operands: [{ use: 'write' }],
    body: (b) => condition(b, b.form.condition),
  },
  {
    name: 'cmov',
    sizes: wordSizes,
    shapes: fromRm,
    variants: { conditions: true },
    hot: true,
    operands: [{ use: 'update' }, { use: 'read' }],
    body: (b, old, source) => b.select(condition(b, b.form.condition), source, old),
  },
  {
    name: 'bswap',
    sizes: wordSizes,
    shapes: [['reg']],
    operands: [{ use: 'update' }],
    body(b, x) {
      // With a 16-bit operand the result is zero on every processor that has been asked (SDM: undefined).
      if (b.form.size === 2) return 0;
      const odd = b.and(b.rotl(x, 8), 0x00ff00ff);
      return b.or(odd, b.and(b.rotr(x, 8), 0xff00ff00));
    },
  },
  // CBW, CWDE: the accumulator's sign; CWD, CDQ: the sign in EDX.
  simple(
    'cbw',
    wordSizes,
    (b) => {
      const half: Size = b.form.size === 2 ? 1 : 2;
      b.setReg(Gpr.EAX, b.signExtend(b.reg(Gpr.EAX, half), half), b.form.size);
    },
    true,
  ),
  simple(
    'cwd',
    wordSizes,
    (b) => {
      const value = b.signExtend(b.reg(Gpr.EAX, b.form.size), b.form.size);
      b.setReg(Gpr.EDX, b.shrS(value, 31), b.form.size);
    },
    true,
  ),
  simple('nop', [4], () => {}, true),
  simple('lahf', [1], (b) => b.setReg(4, b.or(b.and(statusFlags(b), 0xff), 2), 1)),
  simple('sahf', [1], (b) => {
    const kept = b.and(statusFlags(b), Flag.OF);
    setStatusFlags(b, b.or(kept, b.and(b.reg(4, 1), 0xd5)));
  }),
  simple('clc', [4], (b) => changeCarry(b, b.constant(0))),
  simple('stc', [4], (b) => changeCarry(b, b.constant(1))),
  simple('cmc', [4], (b) => changeCarry(b, b.eqz(carry(b)))),
  simple('salc', [1], (b) => b.setReg(Gpr.EAX, b.sub(0, carry(b)), 1)),
  {
    name: 'xlat',
    sizes: [1],
    shapes: [['mem']],
    operands: [{ use: 'none' }],
    body(b) {
      // The record's base is EBX; AL is added before the address is wrapped.
      b.setReg(Gpr.EAX, b.load(b.operandLinear(1, 'read', b.reg(Gpr.EAX, 1)), 1), 1);
    },
  },
];
