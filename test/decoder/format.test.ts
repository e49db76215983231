import { expect, test } from 'vitest';
import { text } from './support.ts';

test.each([
  ['f0 83 45 f8 01', 32, 'lock add dword ptr [ebp-0x8], 0x1'],
  ['2e 8b 84 8b 78 56 34 12', 32, 'mov eax, dword ptr cs:[ebx+ecx*4+0x12345678]'],
  ['8b 0d 00 00 00 c0', 32, 'mov ecx, dword ptr [0xc0000000]'],
  ['67 88 22', 32, 'mov byte ptr [bp+si], ah'],
  ['f3 ae', 32, 'repe scasb al, byte ptr es:[edi]'],
  ['f3 c3', 32, 'ret'],
  ['ea 00 00 01 00 10 00', 32, 'ljmp 0x10:0x10000'],
  ['66 83 c8 ff', 32, 'or ax, -0x1'],
  ['a0 fe ff', 16, 'mov al, byte ptr [0xfffe]'],
  ['dd 04 24', 32, 'fld qword ptr [esp]'],
] as const)('%s in %d-bit code', (hex, bits, expected) => {
  expect(text(hex, bits)).toBe(expected);
});
