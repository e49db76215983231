import { describe, expect, it } from 'vitest';
import { Vector } from '../../../src/x86/exceptions.ts';
import { Gpr, Seg, SystemSegment } from '../../../src/x86/registers.ts';
import { SegmentField, System } from '../../../src/x86/state.ts';
import { FakeCpu } from './fake-cpu.ts';
import { descriptor, enterLevel, enterProtectedMode, gate, setGdt, TSS_BASE } from './tables.ts';

const atLevel = (cpl: number): FakeCpu => {
  const cpu = new FakeCpu();
  enterProtectedMode(cpu);
  enterLevel(cpu, cpl);
  cpu.state.eip = 0x20000;
  return cpu;
};
const call = (selector: number) => ({ immediate: 0, immediate2: selector });

describe('call gates', () => {
  it('copy parameters to the stack of the TSS, 32 bits', () => {
    const cpu = atLevel(3);
    setGdt(cpu, 20, gate(0x123456, 8, 0xec, 3));
    cpu.put(0x2c000, 0x11111111, 0x22222222, 0x33333333);
    expect(cpu.run('call_far', call(0xa3), 7)).toBeNull();
    const { state } = cpu;
    expect([state.cpl, state.selector(Seg.CS), state.selector(Seg.SS), state.eip]).toEqual([
      0, 8, 0x10, 0x123456,
    ]);
    expect(state.gpr(Gpr.ESP)).toBe(0x30000 - 28);
    const frame = [0x20007, 0x3b, 0x11111111, 0x22222222, 0x33333333, 0x2c000, 0x43];
    expect(frame.map((_, i) => cpu.dword(0x30000 - 28 + 4 * i))).toEqual(frame);
  });

  it('push words through a 16-bit gate, with a 16-bit TSS and stack', () => {
    const cpu = atLevel(3);
    const { state } = cpu;
    setGdt(cpu, 20, gate(0xdead1234, 8, 0xe4, 2));
    setGdt(cpu, 21, descriptor(0x30000, 0xffff, 0x92, 0));
    state.setSegment(SystemSegment.TR, 0x48, TSS_BASE, 0x2b, 0x8300);
    cpu.put(TSS_BASE, 0x01000000, 0xa8);
    cpu.put(0x2c000, 0xbbbbaaaa);
    expect(cpu.run('call_far', call(0xa3), 7)).toBeNull();
    expect(state.eip).toBe(0x1234);
    expect(state.selector(Seg.SS)).toBe(0xa8);
    // Bits 16-31 of ESP stay: the new stack is a 16-bit one.
    expect(state.gpr(Gpr.ESP)).toBe(0x200f4);
    const words = [0x0007, 0x3b, 0xaaaa, 0xbbbb, 0xc000, 0x43];
    expect(words.map((_, i) => cpu.word(0x300f4 + 2 * i))).toEqual(words);
  });

  it('fault with the new stack selector, and change nothing', () => {
    const cpu = atLevel(3);
    setGdt(cpu, 20, gate(0x1000, 8, 0xec, 0));
    setGdt(cpu, 21, descriptor(0, 0xfff, 0x92, 4));
    const fails = (ss: number, esp: number, vector: number, error: number) => {
      cpu.put(TSS_BASE + 4, esp, ss);
      expect(cpu.run('call_far', call(0xa3))).toMatchObject({ vector, error });
      expect([cpu.state.cpl, cpu.state.gpr(Gpr.ESP), cpu.state.selector(Seg.SS)]).toEqual([3, 0x2c000, 0x43]);
    };
    fails(0, 0x1000, Vector.TS, 0);
    fails(0xaa, 0x1000, Vector.TS, 0xa8);
    fails(0x43, 0x1000, Vector.TS, 0x40);
    fails(8, 0x1000, Vector.TS, 8);
    fails(0xff8, 0x1000, Vector.TS, 0xff8);
    fails(0xa8, 0x1004, Vector.SS, 0xa8);
    fails(0xa8, 12, Vector.SS, 0xa8);
    // Expand-down: offsets up to the limit are the forbidden ones.
    setGdt(cpu, 21, descriptor(0, 0xfff, 0x96, 4));
    fails(0xa8, 0x100f, Vector.SS, 0xa8);
    setGdt(cpu, 21, descriptor(0, 0xfff, 0x12, 4));
    fails(0xa8, 0x1000, Vector.SS, 0xa8);
    cpu.pages.set(0x2f, 'n');
    fails(0x10, 0x30000, Vector.PF, 2);
    cpu.state.setSegment(SystemSegment.TR, 0x48, TSS_BASE, 8, 0x8b00);
    fails(0x10, 0x30000, Vector.TS, 0x48);
  });
});

describe('far transfers', () => {
  it('check the new EIP against the new limit', () => {
    const cpu = atLevel(3);
    setGdt(cpu, 20, descriptor(0x20000, 0xff, 0xfa, 4));
    expect(cpu.run('jmp_far', { immediate: 0x100, immediate2: 0xa3 })).toMatchObject({
      vector: Vector.GP,
      error: 0,
    });
    expect(cpu.run('jmp_far', { immediate: 0xff, immediate2: 0xa0 })).toBeNull();
    expect(cpu.state.selector(Seg.CS)).toBe(0xa3);
  });

  it('work in real mode, within the limit CS keeps', () => {
    const cpu = new FakeCpu();
    const { state } = cpu;
    state.setSegment(Seg.SS, 0x3000, 0x30000, 0xffff, 0x9300);
    state.eip = 0x100;
    state.setGpr(Gpr.ESP, 0x50000);
    cpu.run('call_far', { immediate: 0x1234, immediate2: 0xf000, size: 2 }, 5);
    expect(state.eip).toBe(0x1234);
    expect(state.gpr(Gpr.ESP)).toBe(0x5fffc);
    expect([cpu.word(0x3fffc), cpu.word(0x3fffe)]).toEqual([0x105, 0]);
    const beyond = { immediate: 0x10000, immediate2: 0x1000 };
    expect(cpu.run('jmp_far', beyond)).toMatchObject({ vector: Vector.GP, error: 0 });
    cpu.run('retf', { size: 2, immediate: 6 });
    expect([state.eip, state.selector(Seg.CS), state.gpr(Gpr.ESP)]).toEqual([0x105, 0, 0x50006]);
  });

  it('need room for both parts of the return address', () => {
    const cpu = atLevel(0);
    const { state } = cpu;
    state.setSegment(Seg.SS, 0x10, 0, 0xffff, 0x409300);
    state.setGpr(Gpr.ESP, 4);
    expect(cpu.run('call_far', { immediate: 0x1000, immediate2: 8 })).toMatchObject({
      vector: Vector.SS,
      error: 0,
    });
    expect(state.gpr(Gpr.ESP)).toBe(4);
    expect(cpu.dword(0)).toBe(0);
  });
});

describe('RETF to an outer level', () => {
  it('releases parameters on both stacks and nulls segments of the inner level', () => {
    const cpu = atLevel(0);
    const { state } = cpu;
    setGdt(cpu, 20, descriptor(0, 0xfffff, 0xf2, 0xc));
    setGdt(cpu, 21, descriptor(0, 0xfffff, 0x9e, 0xc));
    const load = (segment: number, selector: number) => {
      state.setGpr(Gpr.EAX, selector);
      cpu.run('mov_to_sreg', { reg: segment, rm: Gpr.EAX });
    };
    load(Seg.ES, 0xa3);
    load(Seg.FS, 0xa8);
    load(Seg.GS, 3);
    cpu.put(0x2c000, 0x5000, 0x3b, 0xaaaa, 0xbbbb, 0x2d000, 0x43);
    expect(cpu.run('retf', { immediate: 8 })).toBeNull();
    expect([state.cpl, state.eip, state.gpr(Gpr.ESP)]).toEqual([3, 0x5000, 0x2d008]);
    const selectors = [Seg.ES, Seg.CS, Seg.SS, Seg.DS, Seg.FS, Seg.GS].map((s) => state.selector(s));
    expect(selectors).toEqual([0xa3, 0x3b, 0x43, 0, 0xa8, 0]);
    expect(state.segment(Seg.DS, SegmentField.ATTRIBUTES)).toBe(0);
  });

  it('reports a missing outer stack as #SS with its selector', () => {
    const cpu = atLevel(0);
    setGdt(cpu, 20, descriptor(0, 0xfffff, 0x72, 0xc));
    cpu.put(0x2c000, 0x5000, 0x3b, 0x2d000, 0xa3);
    expect(cpu.run('retf')).toMatchObject({ vector: Vector.SS, error: 0xa0 });
    expect(cpu.state.sys(System.CPL)).toBe(0);
  });
});
