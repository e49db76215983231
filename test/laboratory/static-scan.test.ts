/** What can be known of code without running it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { codeRanges } from '../../src/laboratory/code-ranges.ts';
import { scanCode } from '../../src/laboratory/static-scan.ts';
import { symbolsOfKernel } from '../../src/laboratory/symbols.ts';
import { LoadError } from '../../src/loader/image.ts';
import { inlineImage } from './support.ts';

const decoder = await createDecoder();
const scan = (bytes: readonly number[], starts: readonly number[], bits: 16 | 32 = 32) =>
  scanCode(
    decoder,
    { name: 'code', linear: 0x1000, physical: 0x1000, bytes: Uint8Array.from(bytes), bits },
    starts,
  ).map(({ instruction, offset, followed }) => `${offset} ${instruction.mnemonic}${followed ? '' : '?'}`);

test('direct jumps and calls are followed over data, which is swept', () => {
  // jmp +2; data that looks like a long instruction; call +1; ret; pad; cli; ret
  const code = [0xeb, 0x02, 0xb8, 0x0f, 0xe8, 0x02, 0, 0, 0, 0xc3, 0x90, 0xfa, 0xc3];
  expect(scan(code, [0x1000])).toEqual(['0 jmp', '2 mov?', '4 call', '9 ret', '10 nop?', '11 cli', '12 ret']);
});

test('without an entry point a sweep goes astray behind data', () => {
  expect(scan([0xb8, 0xfa, 0xf4], [])).toEqual(['1 cli?', '2 hlt?']);
  expect(scan([0xb8, 0, 0, 0, 0xfa, 0xf4], [])).toEqual(['0 mov?', '5 hlt?']);
  expect(scan([0xb8, 0, 0, 0, 0xfa, 0xf4], [0x1004])).toEqual(['0 mov?', '4 cli', '5 hlt']);
});

test('conditional jumps go both ways; 16-bit code counts offsets from its range', () => {
  expect(scan([0x74, 0x01, 0xc3, 0xfa, 0xc3], [0x1000], 16)).toEqual(['0 je', '2 ret', '3 cli', '4 ret']);
});

test('a loop, and jumps out of the range, end', () => {
  expect(scan([0xeb, 0xfe], [0x1000])).toEqual(['0 jmp']);
  expect(scan([0xe9, 0, 0, 0, 0x80], [0x1000])).toEqual(['0 jmp']);
});

test('damaged files are refused in words, or read', async () => {
  const { kernel, name } = await inlineImage('cli\n hlt');
  const damage = fc.array(fc.tuple(fc.nat(kernel.length - 1), fc.nat(255)), { maxLength: 40 });
  fc.assert(
    fc.property(damage, fc.nat(kernel.length), (changes, length) => {
      const file = kernel.slice();
      for (const [at, value] of changes) file[at] = value;
      const cut = file.subarray(0, length);
      for (const read of [() => codeRanges({ kernel: cut, name }), () => symbolsOfKernel(cut, name)])
        try {
          read();
        } catch (error) {
          if (!(error instanceof LoadError)) throw error;
        }
    }),
    { numRuns: 300, seed: 1 },
  );
  // The headers, where damage is likeliest to hurt.
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(83), fc.nat(255)), { maxLength: 4 }), (changes) => {
      const file = kernel.slice();
      for (const [at, value] of changes) file[at] = value;
      for (const read of [() => codeRanges({ kernel: file, name }), () => symbolsOfKernel(file, name)])
        try {
          read();
        } catch (error) {
          if (!(error instanceof LoadError)) throw error;
        }
    }),
    { numRuns: 1000, seed: 2 },
  );
});
