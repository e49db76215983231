import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, decoder, fromHex, instruction, text } from './support.ts';

const mem = (segment: number, base: number, index: number, scale: number, disp: number, size: number) => ({
  kind: 'mem',
  segment,
  base,
  index,
  scale,
  disp,
  size,
});
const gpr = (index: number, size: number) => ({ kind: 'reg', class: 'gpr', index, size });
const imm = (value: number, size: number) => ({ kind: 'imm', value, size });

describe('instructions', () => {
  test('all fields of one', () => {
    expect(decode('f0 26 66 83 84 8b 78 56 34 12 ff')).toEqual({
      kind: 'instruction',
      instruction: {
        mnemonic: 'add',
        length: 11,
        operandSize: 2,
        addressSize: 4,
        opcode: 0x83,
        modrm: 0x84,
        lock: true,
        rep: 0,
        operandPrefix: true,
        segmentOverride: 0,
        operands: [mem(0, 3, 1, 2, 0x12345678, 2), imm(-1, 2)],
      },
    });
  });

  test.each([
    ['90', 'nop'],
    ['f3 90', 'pause'],
    ['91', 'xchg ecx, eax'],
    ['0f 0b', 'ud2'],
    ['0f b9 00', 'ud1'],
    ['0f ff c0', 'ud0'],
    ['d6', 'salc'],
    ['f1', 'int1'],
    ['82 c1 05', 'add cl, 0x5'],
    ['f6 c8 01', 'test al, 0x1'],
    ['f7 08 01 00 00 00', 'test dword ptr [eax], 0x1'],
    ['0f 20 00', 'mov eax, cr0'],
    ['0f 22 85', 'mov cr0, ebp'],
    ['0f 23 f8', 'mov dr7, eax'],
    ['66 8c d8', 'mov ax, ds'],
    ['8c 18', 'mov word ptr [eax], ds'],
    ['66 8e d8', 'mov ds, ax'],
    ['0f a0', 'push fs'],
    ['f3 a5', 'rep movsd dword ptr es:[edi], dword ptr [esi]'],
    ['f2 2e a6', 'repne cmpsb byte ptr cs:[esi], byte ptr es:[edi]'],
    ['26 ac', 'lodsb al, byte ptr es:[esi]'],
    ['64 6e', 'outsb dx, byte ptr fs:[esi]'],
    ['0f c7 08', 'cmpxchg8b qword ptr [eax]'],
    ['0f 01 10', 'lgdt fword ptr [eax]'],
    ['0f a4 c8 1f', 'shld eax, ecx, 0x1f'],
    ['0f b6 c0', 'movzx eax, al'],
    ['f3 0f b8 c1', 'popcnt eax, ecx'],
    ['66 f3 0f b8 c1', 'popcnt ax, cx'],
    ['0f b8 c1', 'undefined'],
    ['f3 0f bd c1', 'lzcnt eax, ecx'],
    ['f2 0f 10 c1', 'movsd xmm0, xmm1'],
    ['66 0f 6f c1', 'movdqa xmm0, xmm1'],
    ['0f 6f c1', 'movq mm0, mm1'],
    ['66 f3 0f 58 c1', 'addss xmm0, xmm1'],
    ['f3 66 0f 58 c1', 'addss xmm0, xmm1'],
    ['f2 f3 0f 58 c1', 'addss xmm0, xmm1'],
    ['f3 f2 0f 58 c1', 'addsd xmm0, xmm1'],
    ['f3 0f 54 c1', 'undefined'],
    ['db 28', 'fld tbyte ptr [eax]'],
    ['d9 d0', 'fnop'],
    ['df c1', 'ffreep st(1)'],
    ['d9 d1', 'undefined'],
    ['d9 08', 'undefined'],
    ['db 20', 'undefined'],
    ['0f 04', 'undefined'],
    ['0f 24', 'undefined'],
    ['0f aa', 'rsm'],
    ['ff f8', 'undefined'],
    ['fe 10', 'undefined'],
    ['8c f0', 'undefined'],
    ['c4 c0', 'undefined'],
    ['0f c7 c8', 'undefined'],
    ['60', 'pushal'],
    ['66 60', 'pushaw'],
    ['66 9c', 'pushf'],
    ['cf', 'iretd'],
    ['e3 00', 'jecxz 0x1002'],
    ['67 e3 00', 'jcxz 0x1003'],
  ])('%s is %s', (hex, expected) => {
    expect(text(hex)).toBe(expected);
  });

  test.each([
    ['60', 'pushaw'],
    ['66 cf', 'iretd'],
    ['a5', 'movsw word ptr es:[di], word ptr [si]'],
    ['66 67 a5', 'movsd dword ptr es:[edi], dword ptr [esi]'],
    ['0f 20 c0', 'mov eax, cr0'],
    ['66 0f 6f c1', 'movdqa xmm0, xmm1'],
    ['66 67 0f 6f 00', 'movdqa xmm0, xmmword ptr [eax]'],
    ['f3 90', 'pause'],
    ['67 f3 90', 'pause'],
    ['f3 0f b8 c1', 'popcnt ax, cx'],
    ['66 0f 01 10', 'lgdt fword ptr [bx+si]'],
    ['e3 00', 'jcxz 0x1002'],
    ['c4 00', 'les ax, dword ptr [bx+si]'],
    ['66 ff 1e 34 12', 'lcall fword ptr [0x1234]'],
  ])('in 16-bit code %s is %s', (hex, expected) => {
    expect(text(hex, 16)).toBe(expected);
  });

  test('LES, LDS, BOUND and LEA of a register and POP with reg 1-7 do not exist: no VEX, EVEX, XOP', () => {
    for (let modrm = 0xc0; modrm < 0x100; modrm++) {
      const rest = `${modrm.toString(16)} 78 77 00 00 00`;
      for (const opcode of ['c4', 'c5', '62', '8d']) {
        expect(decode(`${opcode} ${rest}`)).toEqual({ kind: 'undefined', length: 2 });
        expect(decode(`${opcode} ${rest}`, 16)).toEqual({ kind: 'undefined', length: 2 });
      }
      expect(decode(`8f ${rest}`).kind).toBe((modrm & 0x38) === 0 ? 'instruction' : 'undefined');
    }
    expect(text('c5 08')).toBe('lds ecx, fword ptr [eax]');
    expect(text('62 08')).toBe('bound ecx, qword ptr [eax]');
    expect(text('8f 00')).toBe('pop dword ptr [eax]');
  });

  test.each([
    ['00 c0', 1],
    ['01 c0', 4],
    ['66 01 c0', 2],
    ['a4', 1],
    ['0f 90 c0', 1],
    ['0f b6 c0', 4],
    ['b0 00', 1],
    ['f6 d0', 1],
    ['e4 00', 1],
    ['66 ed', 2],
    ['70 00', 4],
  ])('operand size of %s is %d', (hex, size) => {
    expect(instruction(hex).operandSize).toBe(size);
  });

  test.each([
    ['89 c0', 0x89],
    ['66 0f b6 c0', 0x0fb6],
    ['f2 0f 38 f0 c0', 0x0f38f0],
  ])('opcode of %s', (hex, opcode) => {
    expect(instruction(hex).opcode).toBe(opcode);
  });
});

describe('addresses', () => {
  const ES = 0;
  const CS = 1;
  const SS = 2;
  const DS = 3;
  const FS = 4;
  test.each([
    // SDM vol. 2, tables 2-2 and 2-3; default segments: vol. 1, table 3-5.
    ['8b 03', mem(DS, 3, -1, 0, 0, 4)],
    ['8b 04 24', mem(SS, 4, -1, 0, 0, 4)],
    ['8b 45 f8', mem(SS, 5, -1, 0, -8, 4)],
    ['8b 05 00 00 00 80', mem(DS, -1, -1, 0, -0x80000000, 4)],
    ['8b 04 25 44 33 22 11', mem(DS, -1, -1, 0, 0x11223344, 4)],
    ['8b 04 2d 00 00 00 00', mem(DS, -1, 5, 0, 0, 4)],
    ['8b 44 28 01', mem(DS, 0, 5, 0, 1, 4)],
    ['8b 44 c5 01', mem(SS, 5, 0, 3, 1, 4)],
    ['8b 84 e0 01 00 00 00', mem(DS, 0, -1, 0, 1, 4)],
    ['3e 8b 45 00', mem(DS, 5, -1, 0, 0, 4)],
    ['26 2e 64 8b 04 24', mem(FS, 4, -1, 0, 0, 4)],
    ['a1 44 33 22 11', mem(DS, -1, -1, 0, 0x11223344, 4)],
    ['26 67 a1 44 33', mem(ES, -1, -1, 0, 0x3344, 4)],
    ['67 8b 02', mem(SS, 5, 6, 0, 0, 4)],
    ['67 8b 47 ff', mem(DS, 3, -1, 0, -1, 4)],
  ])('%s', (hex, expected) => {
    expect(instruction(hex).operands[1]).toEqual(expected);
  });

  test.each([
    // SDM vol. 2, table 2-1.
    ['8b 00', mem(DS, 3, 6, 0, 0, 2)],
    ['8b 01', mem(DS, 3, 7, 0, 0, 2)],
    ['8b 02', mem(SS, 5, 6, 0, 0, 2)],
    ['8b 03', mem(SS, 5, 7, 0, 0, 2)],
    ['8b 04', mem(DS, 6, -1, 0, 0, 2)],
    ['8b 05', mem(DS, 7, -1, 0, 0, 2)],
    ['8b 06 34 92', mem(DS, -1, -1, 0, -0x6dcc, 2)],
    ['8b 07', mem(DS, 3, -1, 0, 0, 2)],
    ['8b 46 80', mem(SS, 5, -1, 0, -128, 2)],
    ['8b 80 34 12', mem(DS, 3, 6, 0, 0x1234, 2)],
    ['2e 67 8b 04 24', mem(CS, 4, -1, 0, 0, 2)],
    ['66 a1 34 12', mem(DS, -1, -1, 0, 0x1234, 4)],
  ])('in 16-bit code %s', (hex, expected) => {
    expect(instruction(hex, 16).operands[1]).toEqual(expected);
  });
});

describe('immediates', () => {
  test.each([
    ['b0 ff', [gpr(0, 1), imm(-1, 1)]],
    ['83 c0 80', [gpr(0, 4), imm(-128, 4)]],
    ['66 83 c0 80', [gpr(0, 2), imm(-128, 2)]],
    ['66 81 c0 80 ff', [gpr(0, 2), imm(-128, 2)]],
    ['b8 00 00 00 80', [gpr(0, 4), imm(-0x80000000, 4)]],
    ['6a ff', [imm(-1, 4)]],
    ['66 68 ff 7f', [imm(0x7fff, 2)]],
    ['6b c1 fe', [gpr(0, 4), gpr(1, 4), imm(-2, 4)]],
    ['c1 e0 ff', [gpr(0, 4), imm(0xff, 1)]],
    ['d1 e0', [gpr(0, 4), imm(1, 1)]],
    ['e4 ff', [gpr(0, 1), imm(0xff, 1)]],
    ['cd 80', [imm(0x80, 1)]],
    ['d5 0a', [imm(10, 1)]],
    ['c2 fc ff', [imm(0xfffc, 2)]],
    ['c8 fc ff 9f', [imm(0xfffc, 2), imm(0x9f, 1)]],
    ['ea 78 56 34 92 cd ab', [imm(0xabcd, 2), imm(0x92345678, 4)]],
    ['66 9a 34 92 cd ab', [imm(0xabcd, 2), imm(0x9234, 2)]],
  ])('%s', (hex, operands) => {
    expect(instruction(hex).operands).toEqual(operands);
  });

  test.each([
    ['e8 fb ff ff ff', 32, 0x1000, 0x1000, 4],
    ['eb fe', 32, 0, 0, 4],
    ['eb 80', 32, 0, 0xffffff82, 4],
    ['74 7f', 32, 0xffffffff, 0x80, 4],
    ['0f 84 00 00 00 80', 32, 0x80000000, 6, 4],
    ['66 e9 fe ff', 32, 0x12345678, 0x567a, 2],
    ['66 75 00', 32, 0x12345678, 0x567b, 2],
    ['e9 00 80', 16, 0x8000, 3, 2],
    ['66 e9 00 00 01 00', 16, 0x8000, 0x18006, 4],
    ['e2 fe', 16, 0, 0, 2],
  ] as const)('target of %s in %d-bit code at %d', (hex, bits, address, target, size) => {
    expect(instruction(hex, bits, address).operands).toEqual([imm(target, size)]);
  });
});

describe('LOCK', () => {
  test.each([
    '01 00',
    '10 00',
    '80 08 01',
    '83 30 01',
    '87 00',
    'f7 10',
    'f6 18',
    'fe 00',
    'ff 08',
    '0f ab 00',
    '0f ba 28 01',
    '0f ba 38 01',
    '0f b1 00',
    '0f c0 00',
    '0f c7 08',
    '82 00 01',
  ])('allowed: %s', (hex) => {
    expect(decode(`f0 ${hex}`)).toMatchObject({ kind: 'instruction', instruction: { lock: true } });
  });
  test.each([
    '01 c0',
    '03 00',
    '38 00',
    '39 00',
    '80 38 01',
    '87 c0',
    'f7 20',
    'f7 00 01 00 00 00',
    'ff 10',
    'ff 30',
    '0f a3 00',
    '0f ba 20 01',
    '0f ba e8 01',
    '88 00',
    'a4',
    '90',
    '0f 20 c0',
    '8f 00',
    'd1 20',
    '0f a4 00 01',
  ])('#UD: %s', (hex) => {
    expect(decode(`f0 ${hex}`)).toEqual({ kind: 'undefined', length: fromHex(`f0 ${hex}`).length });
  });
});

describe('length', () => {
  test.each([
    ['2e '.repeat(14), '90', 'instruction'],
    ['66 '.repeat(13), '01 c0', 'instruction'],
    ['66 '.repeat(15), '90', 'too-long'],
    ['66 '.repeat(15), '', 'too-long'],
    ['f3 '.repeat(14), '0f 0b', 'too-long'],
    ['66 '.repeat(13), 'ff b8 00 00 00 00', 'too-long'],
    ['66 '.repeat(13), '0f 04', 'undefined'],
    ['66 '.repeat(14), '', 'truncated'],
    ['66 '.repeat(10), '81 00', 'truncated'],
  ])('%s%s is %s', (prefixes, rest, kind) => {
    expect(decode(prefixes + rest).kind).toBe(kind);
  });

  test.each([
    // The longest shapes, and undefined opcodes: a processor fetches those whole before it raises #UD.
    ['f0 65 66 67 81 84 48 44 33 22 11 88 77 66 55', 16],
    ['2e 81 84 8b 44 33 22 11 88 77 66 55', 32],
    ['0f ba a4 24 44 33 22 11 07', 32],
    ['c8 34 12 01', 32],
    ['9a 44 33 22 11 66 55', 32],
    ['f7 04 25 44 33 22 11 88 77 66 55', 32],
    ['f7 14 25 44 33 22 11', 32],
    ['67 f6 06 34 12 01', 32],
    ['a2 44 33 22 11', 32],
    ['0f 3a 44 00 11', 32],
    ['ff b8 44 33 22 11', 32],
    ['f0 81 c0 44 33 22 11', 32],
    ['0f b9 b8 44 33 22 11', 32],
    ['8f b8 44 33 22 11', 32],
    ['0f 20 80', 32],
  ] as const)('%s is truncated at every shorter length', (hex, bits) => {
    const bytes = fromHex(hex);
    for (let available = 0; available < bytes.length; available++) {
      expect(decoder.decode(bytes, 0, available, 0, bits)).toEqual({ kind: 'truncated' });
    }
    const whole = decoder.decode(bytes, 0, bytes.length, 0, bits);
    expect(whole.kind).toMatch(/instruction|undefined/);
    const length =
      whole.kind === 'instruction' ? whole.instruction.length : 'length' in whole ? whole.length : 0;
    expect(length).toBe(bytes.length);
  });

  test('decodes in the middle of an array', () => {
    const bytes = fromHex('90 90 b8 44 33 22 11 90');
    expect(decoder.decode(bytes, 2, 6, 0x2000, 32)).toMatchObject({
      instruction: { mnemonic: 'mov', length: 5, operands: [gpr(0, 4), imm(0x11223344, 4)] },
    });
    expect(decoder.decode(bytes, 2, 4, 0x2000, 32)).toEqual({ kind: 'truncated' });
  });
});

const prefixes = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

test('any bytes: no exception, at most 15 bytes, and what follows does not matter', () => {
  fc.assert(
    fc.property(
      fc.tuple(fc.array(fc.constantFrom(...prefixes), { maxLength: 16 }), fc.uint8Array({ maxLength: 16 })),
      fc.constantFrom<16 | 32>(16, 32),
      fc.nat(),
      ([before, rest], bits, address) => {
        const bytes = Uint8Array.from([...before, ...rest]);
        const decoded = decoder.decode(bytes, 0, bytes.length, address, bits);
        if (decoded.kind === 'truncated') {
          expect(bytes.length).toBeLessThan(15);
          return;
        }
        if (decoded.kind === 'too-long') {
          expect(bytes.length).toBeGreaterThan(14);
          return;
        }
        const length = decoded.kind === 'instruction' ? decoded.instruction.length : decoded.length;
        expect(length).toBeGreaterThan(0);
        expect(length).toBeLessThanOrEqual(Math.min(15, bytes.length));
        const alone = bytes.slice(0, length);
        expect(decoder.decode(alone, 0, length, address, bits)).toEqual(decoded);
        expect(decoder.decode(alone, 0, length - 1, address, bits)).toEqual({ kind: 'truncated' });
      },
    ),
    { numRuns: 3000 },
  );
});
