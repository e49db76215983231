/** Scalar operations in all rounding modes against files of Berkeley TestFloat. */
import { describe, expect, test } from 'vitest';
import { haveTestFloat, testFloatFiles, testFloatFlags, testFloatRounding } from '../testfloat.ts';
import { ComputationBench, hex } from './bench.ts';

const MNEMONICS: Readonly<Record<string, string>> = {
  f32_to_f64: 'cvtss2sd',
  f32_to_i32: 'cvtss2si',
  f64_to_f32: 'cvtsd2ss',
  f64_to_i32: 'cvtsd2si',
  i32_to_f32: 'cvtsi2ss',
  i32_to_f64: 'cvtsi2sd',
};
const mnemonicOf = (name: string): string =>
  MNEMONICS[name] ??
  name.replace(/f(\d\d)_(\w+)/, (_, width, operation) => operation + (width === '32' ? 'ss' : 'sd'));

const operandWords = (operand: string): number[] =>
  operand.length === 8
    ? [parseInt(operand, 16)]
    : [parseInt(operand.slice(8), 16), parseInt(operand.slice(0, 8), 16)];

describe.skipIf(!haveTestFloat)('singles and doubles (RINGDOWN_ORACLE)', () => {
  const files = testFloatFiles();
  const names = [...files.keys()].filter((name) => /^(f32|f64|i32)_(?!.*extF80)/.test(name));
  const bench = new ComputationBench();

  test('there are files', () => {
    expect(names.length).toBeGreaterThan(60);
  });

  test.each(names)('%s', (file) => {
    const [name, mode] = file.split('.');
    const mnemonic = mnemonicOf(name);
    const mxcsr = 0x1f80 | (testFloatRounding[mode] << 13);
    const differing: string[] = [];
    for (const line of files.get(file)!.trim().split('\n')) {
      const operands = line.trim().split(' ');
      const [result, flags] = operands.splice(-2);
      const second = operandWords(operands.at(-1)!);
      const first = operands.length > 1 ? operandWords(operands[0]) : [];
      const outcome = bench.run(mnemonic, { first, second, mxcsr });
      const bits = outcome.result
        .slice(0, result.length / 8)
        .reverse()
        .map(hex)
        .join('');
      const got = `${bits} ${hex(testFloatFlags(outcome.mxcsr)).slice(-2)}`;
      if (got !== `${result} ${flags}`.toLowerCase()) differing.push(`${line}: ${got}`);
    }
    expect(differing).toEqual([]);
  });
});
