/** Loads, stores, exchanges and comparisons of ordinary numbers, and the control word. */

import type { ConditionCode } from '../../../x86/flags.ts';
import { Flag } from '../../../x86/flags.ts';
import { FPU_EXCEPTIONS, Fpu, FpuControl, FpuStatus } from '../../../x86/fpu.ts';
import { Gpr } from '../../../x86/registers.ts';
import type { Builder, Input, Value } from '../../builder.ts';
import { condition, setStatusFlags } from '../../flags.ts';
import type { InstructionSpec } from '../../spec.ts';
import {
  address,
  changeStack,
  holds,
  isAvailable,
  isOrdinary,
  isOrdinaryConversion,
  leave,
  memoryForm,
  note,
  operandIndex,
  readStack,
  registerForm,
  type Stack,
} from './entry.ts';
import {
  integerLoads,
  isNormalOrZero,
  isZero,
  type Load,
  loads,
  type Narrowed,
  type Number80,
  readRegister,
  toDouble,
  toInteger,
  toSingle,
  writeRegister,
} from './number.ts';

const SIZES = { m16: 2, m32: 4, m64: 8 } as const;
type Format = keyof typeof SIZES;

const pushNumber = (b: Builder, stack: Stack, x: Number80, offset?: Value): void => {
  note(b, offset);
  writeRegister(b, address(b, stack, -1), x);
  changeStack(b, stack, { push: 1 });
};
const hasRoom = (b: Builder, stack: Stack): Value => b.eqz(holds(b, stack, -1));

const load = (name: string, format: Format, read: Load): InstructionSpec =>
  memoryForm(name, (b) => {
    const stack = readStack(b);
    b.if(
      b.and(isOrdinary(b), hasRoom(b, stack)),
      () => {
        const { number, finite } = read(b, b.operandLinear(SIZES[format], 'read'));
        b.if(
          finite,
          () => pushNumber(b, stack, number, b.effectiveAddress()),
          () => leave(b),
        );
      },
      () => leave(b),
    );
  });

/** A constant whose value does not depend on the rounding. */
const constant = (name: string, exponent: number, significand: bigint): InstructionSpec =>
  registerForm(name, (b) => {
    const stack = readStack(b);
    const number = {
      significand: b.wideConstant(significand),
      exponent: b.constant(exponent),
      sign: b.constant(0),
    };
    b.if(
      b.and(isOrdinary(b), hasRoom(b, stack)),
      () => pushNumber(b, stack, number),
      () => leave(b),
    );
  });

const loadRegister = registerForm('fld st(i)', (b) => {
  const stack = readStack(b);
  const source = operandIndex(b);
  b.if(
    b.and(isOrdinary(b), b.and(hasRoom(b, stack), holds(b, stack, source))),
    () => pushNumber(b, stack, readRegister(b, address(b, stack, source))),
    () => leave(b),
  );
});

const storeRegister = (name: string, pops: boolean): InstructionSpec =>
  registerForm(name, (b) => {
    const stack = readStack(b);
    const destination = operandIndex(b);
    b.if(
      b.and(isOrdinary(b), holds(b, stack, 0)),
      () => {
        note(b);
        const value = readRegister(b, address(b, stack, 0));
        writeRegister(b, address(b, stack, destination), value);
        // ST(0) itself may be the destination: it is filled first, then popped.
        const filled = { ...stack, occupied: b.or(stack.occupied, bitOf(b, stack, destination)) };
        changeStack(b, filled, pops ? { push: -1 } : { fills: destination });
      },
      () => leave(b),
    );
  });
const bitOf = (b: Builder, { top }: Stack, index: Input): Value => b.shl(1, b.and(b.add(top, index), 7));

/** @param truncates whether the rounding of the control word may be towards zero */
const store = (
  name: string,
  format: Format,
  ready: (b: Builder) => Value,
  convert: (b: Builder, x: Number80) => Narrowed,
): InstructionSpec =>
  memoryForm(name, (b) => {
    const stack = readStack(b);
    const size = SIZES[format];
    const x = readRegister(b, address(b, stack, 0));
    b.if(
      b.and(b.and(ready(b), holds(b, stack, 0)), isNormalOrZero(b, x)),
      () => {
        const { bits, fits, inexact, up } = convert(b, x);
        b.if(
          fits,
          () => {
            const linear = b.operandLinear(size, 'write');
            if (size === 8) b.storePacked(linear, 8, halves(b, b.narrow(bits), b.high(bits)));
            else b.store(linear, size, b.narrow(bits));
            note(b, b.effectiveAddress());
            const precision = b.or(
              b.shl(inexact, Math.log2(FpuStatus.PE)),
              b.shl(up, Math.log2(FpuStatus.C1)),
            );
            changeStack(b, stack, { push: name.includes('p ') ? -1 : 0, bits: precision });
          },
          () => leave(b),
        );
      },
      () => leave(b),
    );
  });
const halves = (b: Builder, low: Value, high: Value) =>
  b.withLane32(b.withLane32(b.packedConstant(0, 0, 0, 0), 0, low), 1, high);

const storeFloat = (name: string, format: 'm32' | 'm64'): InstructionSpec =>
  store(name, format, isOrdinary, format === 'm32' ? toSingle : toDouble);
const storeInteger = (name: string, format: Format): InstructionSpec =>
  store(name, format, isOrdinaryConversion, (b, x) => {
    const truncate = b.and(b.shrU(b.loadState(Fpu.CONTROL), FpuControl.ROUNDING_SHIFT), 1);
    return toInteger(b, x, truncate, SIZES[format]);
  });

const exchange = registerForm('fxch', (b) => {
  const stack = readStack(b);
  const other = operandIndex(b);
  b.if(
    b.and(isOrdinary(b), b.and(holds(b, stack, 0), holds(b, stack, other))),
    () => {
      note(b);
      const [top, second] = [address(b, stack, 0), address(b, stack, other)];
      const [x, y] = [readRegister(b, top), readRegister(b, second)];
      writeRegister(b, top, y);
      writeRegister(b, second, x);
      changeStack(b, stack, {});
    },
    () => leave(b),
  );
});

const changeSign = (name: string, sign: (b: Builder, sign: Value) => Value): InstructionSpec =>
  registerForm(name, (b) => {
    const stack = readStack(b);
    b.if(
      b.and(isOrdinary(b), holds(b, stack, 0)),
      () => {
        note(b);
        const at = address(b, stack, 0);
        const x = readRegister(b, at);
        writeRegister(b, at, { ...x, sign: sign(b, x.sign) });
        changeStack(b, stack, {});
      },
      () => leave(b),
    );
  });

const conditionalMove = (name: string, code: ConditionCode): InstructionSpec =>
  registerForm(name, (b) => {
    const stack = readStack(b);
    const source = operandIndex(b);
    b.if(
      b.and(isOrdinary(b), b.and(holds(b, stack, 0), holds(b, stack, source))),
      () => {
        note(b);
        b.if(condition(b, code), () =>
          writeRegister(b, address(b, stack, 0), readRegister(b, address(b, stack, source))),
        );
      },
      () => leave(b),
    );
  });

/** How two finite numbers compare, 0 or 1 each. */
const order = (b: Builder, x: Number80, y: Number80): { less: Value; equal: Value } => {
  const sameExponent = b.eq(x.exponent, y.exponent);
  const equalMagnitude = b.and(sameExponent, b.wideEq(x.significand, y.significand));
  const smaller = b.or(
    b.ltU(x.exponent, y.exponent),
    b.and(sameExponent, b.wideLtU(x.significand, y.significand)),
  );
  const larger = b.eqz(b.or(smaller, equalMagnitude));
  const opposite = b.xor(x.sign, y.sign);
  const zeros = b.and(isZero(b, x), isZero(b, y));
  const less = b.select(opposite, x.sign, b.select(x.sign, larger, smaller));
  return {
    less: b.and(less, b.eqz(zeros)),
    equal: b.or(zeros, b.and(equalMagnitude, b.eqz(opposite))),
  };
};

type Report = (b: Builder, stack: Stack, x: Number80, y: Number80, pops: number) => void;
const CODES = FpuStatus.C0 | FpuStatus.C2 | FpuStatus.C3;
const toCodes: Report = (b, stack, x, y, pops) => {
  const { less, equal } = order(b, x, y);
  const codes = b.or(b.shl(less, Math.log2(FpuStatus.C0)), b.shl(equal, Math.log2(FpuStatus.C3)));
  changeStack(b, stack, { push: -pops, bits: codes, clear: CODES });
};
const toFlags: Report = (b, stack, x, y, pops) => {
  const { less, equal } = order(b, x, y);
  setStatusFlags(b, b.or(less, b.shl(equal, Math.log2(Flag.ZF))));
  changeStack(b, stack, { push: -pops, keepsC1: true });
};

const compare = (name: string, report: Report, pops: number): InstructionSpec =>
  registerForm(name, (b) => {
    const stack = readStack(b);
    const other = pops === 2 ? 1 : operandIndex(b);
    const x = readRegister(b, address(b, stack, 0));
    const y = readRegister(b, address(b, stack, other));
    const held = b.and(holds(b, stack, 0), holds(b, stack, other));
    b.if(
      b.and(b.and(isOrdinary(b), held), b.and(isNormalOrZero(b, x), isNormalOrZero(b, y))),
      () => {
        note(b);
        report(b, stack, x, y, pops);
      },
      () => leave(b),
    );
  });
const compareMemory = (name: string, format: 'm32' | 'm64', pops: number): InstructionSpec =>
  memoryForm(name, (b) => {
    const stack = readStack(b);
    b.if(
      b.and(isOrdinary(b), holds(b, stack, 0)),
      () => {
        const operand = loads[format](b, b.operandLinear(SIZES[format], 'read'));
        const x = readRegister(b, address(b, stack, 0));
        b.if(
          b.and(operand.finite, isNormalOrZero(b, x)),
          () => {
            note(b, b.effectiveAddress());
            toCodes(b, stack, x, operand.number, pops);
          },
          () => leave(b),
        );
      },
      () => leave(b),
    );
  });

const control: readonly InstructionSpec[] = [
  memoryForm('fnstcw', (b) =>
    b.if(
      isAvailable(b),
      () => b.store(b.operandLinear(2, 'write'), 2, b.loadState(Fpu.CONTROL)),
      () => leave(b),
    ),
  ),
  registerForm('fnstsw ax', (b) =>
    b.if(
      isAvailable(b),
      () => b.setReg(Gpr.EAX, b.loadState(Fpu.STATUS), 2),
      () => leave(b),
    ),
  ),
  // Only while nothing is pending, and nothing becomes so.
  memoryForm('fldcw', (b) => {
    const pending = b.and(b.loadState(Fpu.STATUS), FpuStatus.ES);
    b.if(
      b.and(isAvailable(b), b.eqz(pending)),
      () => {
        const value = b.load(b.operandLinear(2, 'read'), 2);
        b.if(
          b.eq(b.and(value, FPU_EXCEPTIONS), FPU_EXCEPTIONS),
          () => b.storeState(Fpu.CONTROL, b.or(b.and(value, FpuControl.DEFINED), FpuControl.ALWAYS_ONE)),
          () => leave(b),
        );
      },
      () => leave(b),
    );
  }),
];

export const transfer: readonly InstructionSpec[] = [
  load('fld m32', 'm32', loads.m32),
  load('fld m64', 'm64', loads.m64),
  load('fild m16', 'm16', integerLoads.m16),
  load('fild m32', 'm32', integerLoads.m32),
  load('fild m64', 'm64', integerLoads.m64),
  loadRegister,
  constant('fldz', 0, 0n),
  constant('fld1', 16383, 1n << 63n),
  storeRegister('fst st(i)', false),
  storeRegister('fstp st(i)', true),
  storeFloat('fst m32', 'm32'),
  storeFloat('fst m64', 'm64'),
  storeFloat('fstp m32', 'm32'),
  storeFloat('fstp m64', 'm64'),
  storeInteger('fist m16', 'm16'),
  storeInteger('fist m32', 'm32'),
  storeInteger('fistp m16', 'm16'),
  storeInteger('fistp m32', 'm32'),
  storeInteger('fistp m64', 'm64'),
  exchange,
  changeSign('fchs', (b, sign) => b.xor(sign, 1)),
  changeSign('fabs', (b) => b.constant(0)),
  conditionalMove('fcmovb', 2),
  conditionalMove('fcmove', 4),
  conditionalMove('fcmovbe', 6),
  conditionalMove('fcmovu', 10),
  conditionalMove('fcmovnb', 3),
  conditionalMove('fcmovne', 5),
  conditionalMove('fcmovnbe', 7),
  conditionalMove('fcmovnu', 11),
  compare('fcom', toCodes, 0),
  compare('fcomp', toCodes, 1),
  compare('fcompp', toCodes, 2),
  compare('fucom', toCodes, 0),
  compare('fucomp', toCodes, 1),
  compare('fucompp', toCodes, 2),
  compare('fcomi', toFlags, 0),
  compare('fcomip', toFlags, 1),
  compare('fucomi', toFlags, 0),
  compare('fucomip', toFlags, 1),
  compareMemory('fcom m32', 'm32', 0),
  compareMemory('fcom m64', 'm64', 0),
  compareMemory('fcomp m32', 'm32', 1),
  compareMemory('fcomp m64', 'm64', 1),
  ...control,
];
