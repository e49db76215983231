/** Entry checks, control instructions and the images in memory (SDM vol. 1, chapter 8; vol. 2). */
import { beforeEach, describe, expect, test } from 'vitest';
import { x87, x87Handler, x87Opcode } from '../../../src/instructions/x87/x87.ts';
import { Frozen, Vector } from '../../../src/x86/exceptions.ts';
import { Fpu, FpuStatus, MXCSR_INITIAL } from '../../../src/x86/fpu.ts';
import { CR0, CR4, Seg } from '../../../src/x86/registers.ts';
import { System } from '../../../src/x86/state.ts';
import { FlatMachine, MEMORY_BASE } from './support.ts';

const PI = '35c26821a2da0fc90040';
const ONE = '0000000000000080ff3f';
const INDEFINITE = '00000000000000c0ffff';
const AT = MEMORY_BASE + 0x1000;

let machine: FlatMachine;
beforeEach(() => {
  machine = new FlatMachine();
  machine.run('fninit');
});

const setCr0 = (bits: number): void => machine.state.setSys(System.CR0, CR0.PE | CR0.ET | bits);
const memory = (offset = AT, size: 2 | 4 = 4) => ({ memory: true, offset, size }) as const;
const word = (offset: number): number => machine.read(3, offset, 2);
const dword = (offset: number): number => machine.read(3, offset, 4);

/** Leaves a divide-by-zero exception pending. */
const makePending = (): void => {
  machine.put(AT, [0x7b, 0x03]);
  machine.run('fldcw', memory());
  machine.run('fld1');
  machine.run('fldz');
  machine.run('fdivp', { rm: 1 });
};

describe('decoding', () => {
  test.each([
    [0xd8, 0xc1, 'fadd'],
    [0xdc, 0xe1, 'fsubr st(i)'],
    [0xdc, 0xe9, 'fsub st(i)'],
    [0xde, 0xf9, 'fdivp'],
    [0xde, 0xd9, 'fcompp'],
    [0xde, 0xd8, null],
    [0xd9, 0xd0, 'fnop'],
    [0xd9, 0xd1, null],
    [0xd9, 0x08, null],
    [0xdb, 0x28, 'fld m80'],
    [0xdb, 0xe3, 'fninit'],
    [0xdd, 0x28, null],
    [0xdf, 0xe0, 'fnstsw ax'],
    [0xda, 0xe9, 'fucompp'],
    [0xda, 0xe8, null],
  ])('%x %x is %s', (opcode, modrm, name) => {
    expect(x87Handler(opcode, modrm)).toBe(name);
  });

  test('every decoded handler exists', () => {
    for (let opcode = 0xd8; opcode <= 0xdf; opcode++) {
      for (let modrm = 0; modrm < 256; modrm++) {
        const name = x87Handler(opcode, modrm);
        if (name !== null) expect(x87, name).toHaveProperty([name]);
      }
    }
  });
});

describe('entry checks', () => {
  test('EM and TS give #NM, to FWAIT only TS with MP', () => {
    setCr0(CR0.EM);
    expect(machine.faultOf('fld1')).toBe(Vector.NM);
    expect(machine.faultOf('fninit')).toBe(Vector.NM);
    expect(machine.faultOf('fwait')).toBeNull();
    setCr0(CR0.TS);
    expect(machine.faultOf('fld1')).toBe(Vector.NM);
    expect(machine.faultOf('fwait')).toBeNull();
    setCr0(CR0.TS | CR0.MP);
    expect(machine.faultOf('fwait')).toBe(Vector.NM);
    expect(machine.faultOf('fxsave', memory())).toBe(Vector.NM);
    setCr0(CR0.EM);
    expect(machine.faultOf('fxsave', memory())).toBe(Vector.UD);
  });

  test('a pending exception is reported by the next waiting instruction', () => {
    makePending();
    expect(machine.fpu.status & FpuStatus.ES).not.toBe(0);
    expect(machine.faultOf('fld1')).toBe(Vector.MF);
    expect(machine.faultOf('fwait')).toBe(Vector.MF);
    expect(machine.faultOf('fldcw', memory())).toBe(Vector.MF);
    for (const name of ['fnstcw', 'fnstsw m16', 'fnstsw ax', 'fxsave', 'fnstenv']) {
      expect(machine.faultOf(name, memory()), name).toBeNull();
    }
    // FNSTENV masked everything.
    expect(machine.faultOf('fwait')).toBeNull();
  });

  test('FNCLEX, FNINIT and FNSAVE end it', () => {
    for (const name of ['fnclex', 'fninit', 'fnsave']) {
      machine.run('fninit');
      makePending();
      machine.run(name, memory());
      expect(machine.fpu.status & (FpuStatus.ES | FpuStatus.B | FpuStatus.ZE), name).toBe(0);
      expect(machine.faultOf('fwait'), name).toBeNull();
    }
  });

  test('without NE it is signalled once, and the instruction waits unless IGNNE# is asserted', () => {
    makePending();
    setCr0(CR0.MP);
    expect(() => machine.faultOf('fld1')).toThrow(Frozen);
    expect(() => machine.faultOf('fwait')).toThrow(Frozen);
    expect(machine.errorsSignalled).toBe(1);
    expect(machine.halts).toBe(2);
    machine.ignoreErrors = true;
    expect(machine.faultOf('fld1')).toBeNull();
    expect(machine.register(0)).toBe(ONE);
    machine.run('fnclex');
    makePending();
    expect(machine.faultOf('fld1')).toBeNull();
    expect(machine.errorsSignalled).toBe(2);
  });

  test('unmasking a flagged exception makes it pending', () => {
    machine.run('fld1');
    machine.run('fldz');
    machine.run('fdivp', { rm: 1 });
    expect(machine.fpu.status & FpuStatus.ES).toBe(0);
    machine.put(AT, [0x7b, 0x03]);
    machine.run('fldcw', memory());
    expect(machine.fpu.status & (FpuStatus.ES | FpuStatus.B)).toBe(FpuStatus.ES | FpuStatus.B);
    expect(machine.faultOf('fwait')).toBe(Vector.MF);
  });
});

describe('state', () => {
  test('reset and FNINIT (SDM vol. 3, table 9-1)', () => {
    machine.fpu.reset();
    expect([machine.fpu.control, machine.fpu.status, machine.fpu.occupied]).toEqual([0x40, 0, 0xff]);
    expect(machine.fpu.words[Fpu.MXCSR >> 2]).toBe(MXCSR_INITIAL);
    machine.run('fninit');
    expect([machine.fpu.control, machine.fpu.status, machine.fpu.occupied]).toEqual([0x37f, 0, 0]);
  });

  test('FNSTSW AX leaves the upper half of EAX', () => {
    machine.state.setGpr(0, 0x12345678);
    machine.run('fld1');
    machine.run('fnstsw ax');
    expect(machine.state.gpr(0)).toBe(0x12343800);
  });

  test('the ninth push is a stack overflow, masked', () => {
    for (let i = 0; i < 8; i++) machine.run('fld1');
    expect(machine.fpu.status & (FpuStatus.IE | FpuStatus.SF)).toBe(0);
    machine.run('fldpi');
    const flags = FpuStatus.IE | FpuStatus.SF | FpuStatus.C1;
    expect(machine.fpu.status & flags).toBe(flags);
    expect(machine.register(0)).toBe(INDEFINITE);
  });

  test.each([
    [0x037f, PI],
    [0x077f, '34c26821a2da0fc90040'],
    [0x0b7f, PI],
    [0x0f7f, '34c26821a2da0fc90040'],
  ])('FLDPI follows the rounding control of %x', (control, expected) => {
    machine.fpu.control = control;
    machine.run('fldpi');
    expect(machine.register(0)).toBe(expected);
    expect(machine.fpu.status & FpuStatus.PE).toBe(0);
  });

  test('a non-control instruction is noted, a control instruction is not', () => {
    machine.state.setSegment(Seg.CS, 0x10, 0, 0xffffffff, 0xc09b00);
    machine.state.setSegment(Seg.DS, 0x18, 0, 0xffffffff, 0xc09300);
    machine.instructionEip = 0x1234;
    machine.run('fld m32', { ...memory(), immediate: x87Opcode(0xd9, 0x05) });
    machine.instructionEip = 0x5678;
    machine.run('fnstcw', memory());
    const { words } = machine.fpu;
    const noted = [Fpu.FIP, Fpu.FCS, Fpu.FDP, Fpu.FDS, Fpu.FOP].map((field) => words[field >> 2]);
    expect(noted).toEqual([0x1234, 0x10, AT, 0x18, 0x105]);
  });
});

describe('a fault leaves no trace', () => {
  test.each([
    ['fld m64', 4],
    ['fld m80', 8],
    ['fstp m64', 4],
    ['fstp m80', 8],
    ['fistp m64', 4],
    ['fbstp', 8],
    ['fadd m64', 4],
    ['fldenv', 24],
    ['fnstenv', 24],
    ['frstor', 104],
    ['fnsave', 104],
    ['fxsave', 496],
    ['fxrstor', 496],
  ])('%s', (name, present) => {
    machine.run('fldpi');
    const before = machine.fpu.words.slice();
    const bytes = machine.memory.slice();
    machine.limit = AT + present;
    machine.instructionEip = 0x4321;
    expect(machine.faultOf(name, memory())).toBe(Vector.PF);
    expect(machine.fpu.words).toEqual(before);
    expect(Buffer.compare(machine.memory, bytes)).toBe(0);
  });
});

describe('environment formats (SDM vol. 1, figures 8-9 to 8-12)', () => {
  beforeEach(() => {
    machine.run('fldpi');
    machine.run('fldz');
    const { words } = machine.fpu;
    words[Fpu.FIP >> 2] = 0x8765;
    words[Fpu.FCS >> 2] = 0x1111;
    words[Fpu.FDP >> 2] = 0x4321;
    words[Fpu.FDS >> 2] = 0x2222;
    words[Fpu.FOP >> 2] = 0x5ab;
  });
  /** ST(0) zero, ST(1) valid, the rest empty; TOP 6. */
  const TAGS = 0x1fff;

  test('32-bit protected mode', () => {
    machine.run('fnstenv', memory());
    const fields = Array.from({ length: 7 }, (_, i) => dword(AT + i * 4));
    expect(fields).toEqual([
      0xffff037f,
      0xffff3000,
      0xffff0000 + TAGS,
      0x8765,
      0x05ab1111,
      0x4321,
      0xffff2222,
    ]);
  });

  test('16-bit protected mode', () => {
    machine.run('fnstenv', memory(AT, 2));
    const fields = Array.from({ length: 7 }, (_, i) => word(AT + i * 2));
    expect(fields).toEqual([0x37f, 0x3000, TAGS, 0x8765, 0x1111, 0x4321, 0x2222]);
    expect(word(AT + 14)).toBe(0xf4f4);
  });

  test('32-bit real mode: linear addresses', () => {
    machine.state.setSys(System.CR0, CR0.NE);
    machine.run('fnstenv', memory());
    const fields = Array.from({ length: 4 }, (_, i) => dword(AT + 12 + i * 4));
    // 11110h + 8765h = 19875h, 22220h + 4321h = 26541h.
    expect(fields.slice(0, 2)).toEqual([0xffff9875, 0x15ab]);
    expect(fields.slice(2)).toEqual([0xffff6541, 0x2000]);
  });

  test('16-bit real mode', () => {
    machine.state.setSys(System.CR0, CR0.NE);
    machine.run('fnstenv', memory(AT, 2));
    const fields = Array.from({ length: 4 }, (_, i) => word(AT + 6 + i * 2));
    expect(fields).toEqual([0x9875, 0x15ab, 0x6541, 0x2000]);
  });

  test.each([2, 4] as const)('FNSAVE and FRSTOR, size %i, protected mode', (size) => {
    const image = machine.image;
    const pointers = machine.fpu.words.slice(Fpu.FIP >> 2, (Fpu.FDS >> 2) + 1);
    machine.run('fnsave', memory(AT, size));
    expect(machine.fpu.occupied).toBe(0);
    machine.run('fld1');
    machine.run('frstor', memory(AT, size));
    expect(machine.image).toBe(image);
    expect(machine.fpu.words.slice(Fpu.FIP >> 2, (Fpu.FDS >> 2) + 1)).toEqual(pointers);
  });
});

describe('FXSAVE and FXRSTOR (SDM vol. 1, table 10-2)', () => {
  test('the image', () => {
    machine.state.setSys(System.CR4, CR4.OSFXSR);
    machine.run('fldpi');
    machine.fpu.words[Fpu.MXCSR >> 2] = 0x1f80;
    machine.fpu.words[(Fpu.XMM >> 2) + 29] = 0x12345678;
    machine.run('fxsave', memory());
    expect([word(AT), word(AT + 2), word(AT + 4)]).toEqual([0x37f, 0x3800, 0x80]);
    expect(dword(AT + 24)).toBe(0x1f80);
    expect([dword(AT + 32), dword(AT + 36), dword(AT + 40)]).toEqual([0x2168c235, 0xc90fdaa2, 0x4000]);
    expect(dword(AT + 160 + 7 * 16 + 4)).toBe(0x12345678);
    const before = machine.image;
    machine.run('fninit');
    machine.fpu.words[(Fpu.XMM >> 2) + 29] = 0;
    machine.run('fxrstor', memory());
    expect(machine.image).toBe(before);
    expect(machine.fpu.words[(Fpu.XMM >> 2) + 29]).toBe(0x12345678);
  });

  test('XMM registers stay where they are without OSFXSR', () => {
    machine.run('fxsave', memory());
    expect(dword(AT + 160)).toBe(0xf4f4f4f4);
  });

  test('an unaligned image or reserved MXCSR bits give #GP', () => {
    expect(machine.faultOf('fxsave', memory(AT + 8))).toBe(Vector.GP);
    machine.run('fxsave', memory());
    machine.put(AT + 26, [1]);
    expect(machine.faultOf('fxrstor', memory())).toBe(Vector.GP);
  });
});

/** As a Zen 5 does it; the manual does not say. */
describe('the address in CR2 of an image that ends where nothing is mapped', () => {
  test.each([
    ['fnsave', 4, 100, 7],
    ['fnsave', 4, 2, 0],
    ['fnsave', 2, 88, 5],
    ['frstor', 4, 34, 73],
    ['fnstenv', 4, 20, 7],
    ['fnstenv', 4, 3, 0],
    ['fnstenv', 2, 3, 10],
    ['fldenv', 4, 27, 0],
    ['fxsave', 4, 32, 479],
    ['fxrstor', 4, 496, 15],
  ] as const)('%s, operand size %i, %i bytes before', (name, size, before, beyond) => {
    machine.limit = AT + 0x1000;
    expect(machine.faultOf(name, memory(machine.limit - before, size))).toBe(Vector.PF);
    expect(machine.faultAddress).toBe(machine.limit + beyond);
    expect(machine.written.size).toBe(0);
  });
});
