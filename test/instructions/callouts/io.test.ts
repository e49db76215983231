import { describe, expect, it } from 'vitest';
import { Vector } from '../../../src/x86/exceptions.ts';
import { Flag } from '../../../src/x86/flags.ts';
import { Gpr, Seg, SystemSegment } from '../../../src/x86/registers.ts';
import { State } from '../../../src/x86/state.ts';
import { FakeCpu } from './fake-cpu.ts';
import { enterLevel, enterProtectedMode, TSS_BASE } from './tables.ts';

const atLevel = (cpl: number, eflags = 2): FakeCpu => {
  const cpu = new FakeCpu();
  enterProtectedMode(cpu);
  enterLevel(cpu, cpl, eflags);
  cpu.state.eip = 0x20000;
  return cpu;
};
const setRegisters = (cpu: FakeCpu, values: Partial<Record<keyof typeof Gpr, number>>): void => {
  for (const [name, value] of Object.entries(values)) cpu.state.setGpr(Gpr[name as keyof typeof Gpr], value);
};

describe('IN and OUT', () => {
  it('move one register width', () => {
    const cpu = atLevel(0);
    setRegisters(cpu, { EAX: 0x12345678, EDX: 0xffff03f8 });
    cpu.ports.value = 0xab;
    cpu.run('in_dx', { size: 1 });
    expect(cpu.state.gpr(Gpr.EAX)).toBe(0x123456ab);
    cpu.run('out_imm', { immediate: 0xf8 - 0x100, size: 4 });
    expect(cpu.ports.reads).toEqual(['3f8/1']);
    expect(cpu.ports.writes).toEqual(['f8/4=123456ab']);
  });

  it('read two bytes of the permission map, which must both lie in the TSS', () => {
    const cpu = atLevel(3);
    const fault = { vector: Vector.GP, error: 0 };
    const input = (size: 1 | 2 | 4) => cpu.run('in_imm', { immediate: 0x13, size });
    expect(input(1)).toMatchObject(fault);
    cpu.memory.setUint8(TSS_BASE + 0x68 + 2, 0xc7);
    expect(input(1)).toBeNull();
    expect(input(2)).toBeNull();
    expect(input(4)).toMatchObject(fault);
    cpu.state.setSegment(SystemSegment.TR, 0x48, TSS_BASE, 0x6a, 0x8b00);
    expect(input(1)).toMatchObject(fault);
    cpu.state.setSegment(SystemSegment.TR, 0x48, TSS_BASE, 0x6b, 0x8b00);
    expect(input(1)).toBeNull();
    cpu.state.setSegment(SystemSegment.TR, 0x48, TSS_BASE, 0xab, 0x8300);
    expect(input(1)).toMatchObject(fault);
  });
});

describe('INS and OUTS', () => {
  it('repeat in chunks, going back to the instruction until they are done', () => {
    const cpu = atLevel(0);
    setRegisters(cpu, { ECX: 300, EDI: 0x21000, EDX: 0x1f0 });
    expect(cpu.run('ins', { size: 2, rep: 1 })).toBeNull();
    expect([cpu.state.gpr(Gpr.ECX), cpu.state.gpr(Gpr.EDI), cpu.state.eip]).toEqual([44, 0x21200, 0x20000]);
    cpu.run('ins', { size: 2, rep: 1 });
    expect([cpu.state.gpr(Gpr.ECX), cpu.state.gpr(Gpr.EDI), cpu.state.eip]).toEqual([0, 0x21258, 0x20002]);
    expect([cpu.word(0x21000), cpu.word(0x21256)]).toEqual([0, 299]);
    cpu.run('ins', { size: 2, rep: 1 });
    expect(cpu.ports.reads.length).toBe(300);
  });

  it('go one element at a time while instructions execute singly', () => {
    const cpu = atLevel(0);
    cpu.state.words[State.SINGLE >> 2] = 1;
    setRegisters(cpu, { ECX: 3, ESI: 0x21000 });
    cpu.run('outs', { size: 1, rep: 1, segment: Seg.DS });
    expect([cpu.state.gpr(Gpr.ECX), cpu.state.eip]).toEqual([2, 0x20000]);
  });

  it('check memory before the port: a fault loses no input, and keeps what was done', () => {
    const cpu = atLevel(0);
    cpu.pages.set(0x22, 'n');
    setRegisters(cpu, { ECX: 4, EDI: 0x21ffe, EDX: 0x60 });
    expect(cpu.run('ins', { size: 1, rep: 1 })).toMatchObject({ vector: Vector.PF, error: 2 });
    expect([cpu.state.gpr(Gpr.ECX), cpu.state.gpr(Gpr.EDI), cpu.ports.reads.length]).toEqual([2, 0x22000, 2]);
    setRegisters(cpu, { ESI: 0x22000 });
    expect(cpu.run('outs', { size: 1, segment: Seg.DS })).toMatchObject({ vector: Vector.PF, error: 0 });
    expect(cpu.ports.writes).toEqual([]);
  });

  it('count and step in CX, SI and DI with 16-bit addresses, backwards with DF', () => {
    const cpu = atLevel(0, 2 | Flag.DF);
    setRegisters(cpu, { ECX: 0x70002, EDI: 0x50000, EDX: 0x60 });
    cpu.run('ins', { size: 1, rep: 1, addressSize: 2 });
    expect([cpu.state.gpr(Gpr.ECX), cpu.state.gpr(Gpr.EDI)]).toEqual([0x70000, 0x5fffe]);
    expect(cpu.memory.getUint8(0xffff)).toBe(1);
  });
});

describe('BOUND', () => {
  it('compares signed, both bounds included', () => {
    const cpu = atLevel(0);
    cpu.memory.setInt16(0x21000, -5, true);
    cpu.memory.setInt16(0x21002, 7, true);
    const check = (value: number) => {
      setRegisters(cpu, { EBX: value });
      const operands = { reg: Gpr.EBX, memory: true, segment: Seg.DS, offset: 0x21000, size: 2 } as const;
      return cpu.run('bound', operands)?.vector ?? null;
    };
    expect([-6, -5, 7, 8, 0x10000].map(check)).toEqual([Vector.BR, null, null, Vector.BR, null]);
  });
});
