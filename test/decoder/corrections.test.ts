import { describe, expect, test } from 'vitest';
import { corrections } from '../../src/decoder/corrections.ts';
import { instruction, text } from './support.ts';

/** Bytes and what they are, by correction: from the manual, and confirmed on an Intel processor where it can be. */
const facts: Readonly<Record<string, readonly (readonly [hex: string, expected: string])[]>> = {
  'XABORT and XBEGIN': [
    ['c6 f8 01', 'undefined'],
    ['c7 f8 00 00 00 00', 'undefined'],
    ['c6 c1 01', 'mov cl, 0x1'],
  ],
  'MOV to CS': [
    ['8e c8', 'undefined'],
    ['8e 08', 'undefined'],
    ['8c c8', 'mov eax, cs'],
    ['8e d8', 'mov ds, eax'],
  ],
  'MOV of CR1 and CR5-CR7': [
    ['0f 20 c8', 'undefined'],
    ['0f 22 e8', 'undefined'],
    ['0f 22 f8', 'undefined'],
    ['0f 20 e1', 'mov ecx, cr4'],
    ['0f 21 f8', 'mov eax, dr7'],
  ],
  'AMD, VIA and 64-bit instructions': [
    ['0f 0e', 'undefined'],
    ['66 0f 78 c0', 'undefined'],
    ['f2 0f 2b 00', 'undefined'],
    ['0f 01 d8', 'undefined'],
    ['0f 01 f8', 'undefined'],
    ['0f a7 c0', 'undefined'],
    ['0f 01 f9', 'rdtscp'],
  ],
  'FXSAVE, FXRSTOR, LDMXCSR, STMXCSR with a mandatory prefix': [
    ['f3 0f ae 00', 'undefined'],
    ['66 0f ae 18', 'undefined'],
    ['0f ae 18', 'stmxcsr dword ptr [eax]'],
  ],
  fences: [
    ['0f ae e9', 'lfence'],
    ['0f ae f7', 'mfence'],
    ['0f ae fa', 'sfence'],
  ],
  'BSF and BSR with F2': [
    ['f2 0f bc c1', 'bsf eax, ecx'],
    ['f2 0f bd 01', 'bsr eax, dword ptr [ecx]'],
    ['f3 0f bc c1', 'tzcnt eax, ecx'],
  ],
  'hint NOPs': [
    ['0f 0d c8', 'nop eax'],
    ['0f 18 c1', 'nop ecx'],
    ['0f 19 ca', 'nop edx'],
    ['0f 1b 0d 00 00 00 00', 'nop [0x0]'],
    ['0f 1c 40 01', 'nop [eax+0x1]'],
    ['f3 0f 1e fb', 'nop ebx'],
    ['0f 18 01', 'prefetchnta [ecx]'],
  ],
  'SHL as /6': [
    ['c0 30 03', 'shl byte ptr [eax], 0x3'],
    ['c1 f1 03', 'shl ecx, 0x3'],
    ['d1 f0', 'shl eax, 0x1'],
    ['d3 f2', 'shl edx, cl'],
  ],
  'count of a shift by one': [
    ['d0 10', 'rcl byte ptr [eax], 0x1'],
    ['d1 d8', 'rcr eax, 0x1'],
  ],
  'CMPPS, CMPPD, CMPSS, CMPSD': [
    ['0f c2 c1 05', 'cmpps xmm0, xmm1, 0x5'],
    ['66 0f c2 c1 00', 'cmppd xmm0, xmm1, 0x0'],
    ['f3 0f c2 00 01', 'cmpss xmm0, dword ptr [eax], 0x1'],
    ['66 f2 0f c2 00 01', 'cmpsd xmm0, qword ptr [eax], 0x1'],
  ],
  'far CALL and JMP through memory': [
    ['ff 18', 'lcall fword ptr [eax]'],
    ['66 ff 28', 'ljmp dword ptr [eax]'],
    ['ff 10', 'call dword ptr [eax]'],
  ],
  'size of a far pointer in memory': [
    ['c4 00', 'les eax, fword ptr [eax]'],
    ['66 0f b2 20', 'lss sp, dword ptr [eax]'],
  ],
  'memory operands without a size': [
    ['8d 00', 'lea eax, [eax]'],
    ['0f 01 38', 'invlpg [eax]'],
    ['0f ae 38', 'clflush [eax]'],
    ['0f 1f 00', 'nop [eax]'],
    ['0f 18 08', 'prefetcht0 [eax]'],
  ],
  'size of COMISD': [
    ['66 0f 2f 00', 'comisd xmm0, qword ptr [eax]'],
    ['0f 2f 00', 'comiss xmm0, dword ptr [eax]'],
  ],
  'size of FXSAVE and FXRSTOR': [['0f ae 00', 'fxsave [eax]']],
  'size of FLDENV and FNSTENV': [['d9 30', 'fnstenv [eax]']],
  'size of FRSTOR and FNSAVE': [['dd 20', 'frstor [eax]']],
  'repeated x87 encodings': [
    ['dc d1', 'fcom st(1)'],
    ['dc da', 'fcomp st(2)'],
    ['dd cb', 'fxch st(3)'],
    ['de d4', 'fcomp st(4)'],
    ['df cd', 'fxch st(5)'],
    ['df d6', 'fstp st(6)'],
    ['df df', 'fstp st(7)'],
  ],
  'x87 register operands': [
    ['d8 c1', 'fadd st(0), st(1)'],
    ['dc c1', 'fadd st(1), st(0)'],
    ['d9 c9', 'fxch st(1)'],
    ['db f1', 'fcomi st(0), st(1)'],
    ['d9 d8', 'fstpnce st(0)'],
    ['de e9', 'fsubp st(1), st(0)'],
    ['df e0', 'fnstsw ax'],
    ['da e9', 'fucompp'],
  ],
  FADDP: [
    ['de c1', 'faddp st(1), st(0)'],
    ['dc c1', 'fadd st(1), st(0)'],
  ],
};

test('every correction has facts', () => {
  expect(Object.keys(facts)).toEqual(corrections.map(({ name }) => name));
});

describe.each(Object.entries(facts))('%s', (_, cases) => {
  test.each(cases)('%s is %s', (hex, expected) => {
    expect(text(hex)).toBe(expected);
  });
});

test.each([
  ['0f ae 08', 32, 512],
  ['d9 20', 32, 28],
  ['66 d9 30', 32, 14],
  ['d9 30', 16, 14],
  ['dd 30', 32, 108],
  ['dd 20', 16, 94],
] as const)('memory of %s in %d-bit code is %d bytes', (hex, bits, size) => {
  expect(instruction(hex, bits).operands[0]).toMatchObject({ kind: 'mem', size });
});
