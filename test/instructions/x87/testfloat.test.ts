/** The arithmetic core against operand and result files of an independent IEEE 754 test suite. */
import { describe, expect, test } from 'vitest';
import {
  add,
  divide,
  multiply,
  type Operation,
  squareRoot,
  subtract,
} from '../../../src/instructions/x87/arithmetic.ts';
import { Float80, packTop, unpack } from '../../../src/instructions/x87/float80.ts';
import {
  fromDouble,
  fromInteger,
  fromSingle,
  loadConverted,
  TenBytes,
  toDouble,
  toInteger,
  toSingle,
} from '../../../src/instructions/x87/formats.ts';
import { Quotient, remainder } from '../../../src/instructions/x87/remainder.ts';
import { Context } from '../../../src/instructions/x87/rounding.ts';
import { roundToIntegral } from '../../../src/instructions/x87/scaling.ts';
import { haveTestFloat, testFloatFiles, testFloatFlags, testFloatRounding } from '../testfloat.ts';

const context = new Context();
const a = new Float80();
const b = new Float80();
const out = new Float80();
const stored = new TenBytes();

const parse = (x: Float80, hex: string): void =>
  unpack(x, parseInt(hex.slice(12), 16), parseInt(hex.slice(4, 12), 16), parseInt(hex.slice(0, 4), 16));
const hex = (value: number, digits = 8): string =>
  (value >>> 0).toString(16).toUpperCase().padStart(digits, '0');
const format = (x: Float80): string => hex(packTop(x), 4) + hex(x.high) + hex(x.low);

const ieeeRemainder: Operation = (ctx, left, right, result) => {
  const quotient = new Quotient();
  const divisor = format(right);
  for (;;) {
    const delivered = remainder(ctx, left, right, true, result, quotient);
    if (!quotient.partial) return delivered;
    parse(left, format(result));
    parse(right, divisor);
  }
};

const arithmetic: Record<string, Operation> = {
  add,
  sub: subtract,
  mul: multiply,
  div: divide,
  rem: ieeeRemainder,
  sqrt: (ctx, x, _unused, result) => squareRoot(ctx, x, result),
  roundToInt: (ctx, x, _unused, result) => roundToIntegral(ctx, x, result),
};
const words = (operand: string): [number, number] => [
  parseInt(operand.slice(-8), 16) | 0,
  parseInt(operand.slice(0, -8), 16) | 0,
];
const widening: Record<string, (operand: string) => void> = {
  f32: (operand) => {
    fromSingle(a, parseInt(operand, 16) | 0);
    loadConverted(context, a, out);
  },
  f64: (operand) => {
    fromDouble(a, ...words(operand));
    loadConverted(context, a, out);
  },
  i32: (operand) => {
    const value = parseInt(operand, 16) | 0;
    fromInteger(out, value, value >> 31);
  },
  i64: (operand) => fromInteger(out, ...words(operand)),
};
const narrowing: Record<string, () => string> = {
  f32: () => {
    toSingle(context, a, stored);
    return hex(stored.low);
  },
  f64: () => {
    toDouble(context, a, stored);
    return hex(stored.high) + hex(stored.low);
  },
  i32: () => {
    toInteger(context, a, 32, stored);
    return hex(stored.low);
  },
  i64: () => {
    toInteger(context, a, 64, stored);
    return hex(stored.high) + hex(stored.low);
  },
};

const evaluate = (name: string, operands: readonly string[]): string => {
  const conversion = /^(\w+)_to_(\w+)$/.exec(name);
  if (conversion?.[2] === 'extF80') {
    widening[conversion[1]](operands[0]);
    return format(out);
  }
  parse(a, operands[0]);
  if (conversion) return narrowing[conversion[2]]();
  parse(b, operands[1] ?? operands[0]);
  arithmetic[name.replace('extF80_', '')](context, a, b, out);
  return format(out);
};

const PRECISION: Record<string, number> = { p32: 0, p64: 2 };

describe.skipIf(!haveTestFloat)('extended precision (RINGDOWN_ORACLE)', () => {
  const files = testFloatFiles();
  const names = [...files.keys()].filter((name) => name.includes('extF80'));

  test('there are files', () => {
    expect(names.length).toBeGreaterThan(50);
  });

  test.each(names)('%s', (file) => {
    const [name, ...modes] = file.replace('.txt', '').split('.');
    const control = 0x7f | (testFloatRounding[modes.at(-1)!] << 10) | ((PRECISION[modes[0]] ?? 3) << 8);
    const differing: string[] = [];
    for (const line of files.get(file)!.trim().split('\n')) {
      const parts = line.trim().split(' ');
      context.begin(control);
      const result = evaluate(name, parts.slice(0, -2));
      const got = `${result} ${hex(testFloatFlags(context.flags), 2)}`;
      if (got !== parts.slice(-2).join(' ').toUpperCase()) differing.push(`${line}: ${got}`);
    }
    expect(differing).toEqual([]);
  });
});
