/** When the PDPTE registers are loaded, and what is refused (SDM vol. 3, section 4.4.1); IA32_EFER. */
import { beforeEach, describe, expect, test } from 'vitest';
import { loadCr3 } from '../../../src/instructions/callouts/index.ts';
import { cpuModels } from '../../../src/x86/cpu-models.ts';
import { Fault, Vector } from '../../../src/x86/exceptions.ts';
import { CR0, CR4, EFER, Gpr } from '../../../src/x86/registers.ts';
import { System } from '../../../src/x86/state.ts';
import { FakeCpu } from './fake-cpu.ts';

const TABLE = 0x2020;
const PAGED = CR0.PE | CR0.PG | CR0.ET;

let cpu: FakeCpu;
const move = (register: number, value: number) => {
  cpu.state.setGpr(Gpr.EAX, value);
  return cpu.run('mov_to_cr', { reg: register, rm: Gpr.EAX });
};
const loaded = () => Array.from({ length: 8 }, (_, i) => cpu.state.sys(System.PDPTES + i * 4));
/** Control registers as after a MOV; nothing is loaded by that. */
const set = (cr0: number, cr4: number, cr3 = TABLE) => {
  cpu.state.setSys(System.CR0, cr0);
  cpu.state.setSys(System.CR4, cr4);
  cpu.state.setSys(System.CR3, cr3);
};
const NONE = [0, 0, 0, 0, 0, 0, 0, 0];
const FOUR = [0x10001, 0xf, 0x20e19, 0, 0x30000, -1, 0x40001, 0];

beforeEach(() => {
  cpu = new FakeCpu();
  cpu.model = cpuModels.pentium4;
  cpu.put(TABLE, ...FOUR);
});

describe('PDPTEs are loaded by', () => {
  test('MOV CR3, from bits 5 to 31 of the value', () => {
    set(PAGED, CR4.PAE, 0);
    expect(move(3, TABLE | 0x1f)).toBeNull();
    expect(loaded()).toEqual(FOUR);
  });
  test('a task switch', () => {
    set(PAGED, CR4.PAE, 0);
    loadCr3(cpu, TABLE);
    expect(loaded()).toEqual(FOUR);
  });
  test.each([
    ['PG', CR0.PE | CR0.ET, PAGED],
    ['CD', PAGED, PAGED | CR0.CD],
    ['NW', PAGED | CR0.CD | CR0.NW, PAGED | CR0.CD],
  ])('MOV CR0 that changes %s', (_name, before, after) => {
    set(before, CR4.PAE);
    expect(move(0, after)).toBeNull();
    expect(loaded()).toEqual(FOUR);
  });
  test.each([
    ['PAE', 0, CR4.PAE],
    ['PGE', CR4.PAE, CR4.PAE | CR4.PGE],
    ['PSE', CR4.PAE | CR4.PSE, CR4.PAE],
  ])('MOV CR4 that changes %s', (_name, before, after) => {
    set(PAGED, before);
    expect(move(4, after)).toBeNull();
    expect(loaded()).toEqual(FOUR);
  });
});

describe('they stay as they are', () => {
  test('for changes of other bits, and without PAE paging', () => {
    set(PAGED, CR4.PAE);
    move(0, PAGED | CR0.WP | CR0.TS);
    move(4, CR4.PAE | CR4.TSD);
    set(PAGED, 0);
    move(3, TABLE);
    set(CR0.PE | CR0.ET, CR4.PAE);
    move(3, TABLE);
    move(4, CR4.PAE | CR4.PGE);
    expect(loaded()).toEqual(NONE);
  });
  test('when the table in memory changes', () => {
    set(PAGED, CR4.PAE, 0);
    move(3, TABLE);
    cpu.put(TABLE, 0, 0);
    expect(loaded()).toEqual(FOUR);
  });
  test.each([
    ['bit 1', 0x40003, 0],
    ['bit 2', 0x40005, 0],
    ['bit 5', 0x40021, 0],
    ['bit 8', 0x40101, 0],
    ['bit 36', 0x40001, 0x10],
    ['bit 63', 0x40001, 1 << 31],
  ])('%s of one that is present is refused, with nothing changed', (_name, low, high) => {
    cpu.put(TABLE + 24, low, high);
    for (const [register, value, cr0, cr4, cr3] of [
      [3, TABLE, PAGED, CR4.PAE, 0],
      [0, PAGED, CR0.PE | CR0.ET, CR4.PAE, TABLE],
      [4, CR4.PAE, PAGED, 0, TABLE],
    ] as const) {
      set(cr0, cr4, cr3);
      expect(move(register, value)).toEqual(new Fault(Vector.GP, 0));
      const { state } = cpu;
      expect([state.sys(System.CR0), state.sys(System.CR4), state.sys(System.CR3)]).toEqual([cr0, cr4, cr3]);
    }
    expect(loaded()).toEqual(NONE);
    set(PAGED, CR4.PAE, 0);
    expect(() => loadCr3(cpu, TABLE)).toThrow(Fault);
    expect(cpu.state.sys(System.CR3)).toBe(0);
  });
  test('a table in a hole has every reserved bit set', () => {
    set(PAGED, CR4.PAE, 0);
    expect(move(3, 0xfffff000 | 0)).toEqual(new Fault(Vector.GP, 0));
  });
});

describe('IA32_EFER', () => {
  const write = (low: number, high = 0) => {
    cpu.state.setGpr(Gpr.ECX, 0xc0000080 | 0);
    cpu.state.setGpr(Gpr.EAX, low);
    cpu.state.setGpr(Gpr.EDX, high);
    return cpu.run('wrmsr');
  };
  test('holds NXE, which empties the TLB, and nothing else', () => {
    expect(write(EFER.NXE)).toBeNull();
    expect(cpu.events).toEqual(['flush all']);
    for (const bit of [0, 8, 10, 12, 31]) expect(write(1 << bit)).toEqual(new Fault(Vector.GP, 0));
    expect(write(0, 1)).toEqual(new Fault(Vector.GP, 0));
    cpu.state.setGpr(Gpr.EDX, -1);
    expect(cpu.run('rdmsr')).toBeNull();
    expect([cpu.state.gpr(Gpr.EAX), cpu.state.gpr(Gpr.EDX)]).toEqual([EFER.NXE, 0]);
  });
  test('does not exist without execute-disable', () => {
    cpu.model = cpuModels.pentium2;
    expect(write(0)).toEqual(new Fault(Vector.GP, 0));
  });
});
