import { describe, expect, it } from 'vitest';
import { Vector } from '../../../src/x86/exceptions.ts';
import { Flag } from '../../../src/x86/flags.ts';
import { Gpr, Seg } from '../../../src/x86/registers.ts';
import { FakeCpu } from './fake-cpu.ts';
import { codeSelector, enterLevel, enterProtectedMode, enterVirtual8086 } from './tables.ts';

/** Every flag an IRETD image may carry, VM, VIF and VIP aside. */
const ALL = 0x257fd7;

const atLevel = (cpl: number, iopl: number): FakeCpu => {
  const cpu = new FakeCpu();
  enterProtectedMode(cpu);
  enterLevel(cpu, cpl, 2 | (iopl << 12));
  return cpu;
};

describe('IRET', () => {
  it.each([
    [0, 0, 4, ALL],
    [0, 0, 2, ALL & 0xffff],
    [1, 0, 4, ALL & ~(Flag.IF | Flag.IOPL)],
    [1, 1, 4, (ALL & ~Flag.IOPL) | 0x1000],
    [3, 2, 4, (ALL & ~(Flag.IF | Flag.IOPL)) | 0x2000],
    [3, 3, 2, ALL & 0xffff],
  ] as const)('at CPL %i and IOPL %i with size %i loads flags %x', (cpl, iopl, size, expected) => {
    const cpu = atLevel(cpl, iopl);
    const esp = 0x2c000;
    [0x4321, codeSelector(cpl), ALL].forEach((value, i) => {
      if (size === 4) cpu.put(esp + 4 * i, value);
      else cpu.memory.setUint16(esp + 2 * i, value, true);
    });
    expect(cpu.run('iret', { size })).toBeNull();
    expect(cpu.state.eflags).toBe(expected);
    expect([cpu.state.eip, cpu.state.gpr(Gpr.ESP)]).toEqual([0x4321, esp + 3 * size]);
    expect(cpu.events.includes('interrupts')).toBe((expected & Flag.IF) !== 0);
    expect(cpu.events.indexOf('interrupts')).not.toBe(0);
  });

  it('ignores VM in the image unless CPL is 0', () => {
    const cpu = atLevel(3, 3);
    cpu.put(0x2c000, 0x4321, 0x3b, 0x20002);
    expect(cpu.run('iret')).toBeNull();
    expect(cpu.state.flag(Flag.VM)).toBe(false);
  });

  it('enters virtual-8086 mode from CPL 0 with every register from the frame', () => {
    const cpu = atLevel(0, 0);
    cpu.put(0x2c000, 0x1234, 0x1000, 0x23202, 0xfffe, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000);
    expect(cpu.run('iret')).toBeNull();
    const { state } = cpu;
    expect([state.cpl, state.eip, state.gpr(Gpr.ESP), state.eflags]).toEqual([3, 0x1234, 0xfffe, 0x23202]);
    const segments = [Seg.CS, Seg.SS, Seg.ES, Seg.DS, Seg.FS, Seg.GS];
    expect(segments.map((s) => state.selector(s))).toEqual([0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000]);
    expect(cpu.events.at(-1)).toBe('interrupts');
    const beyond = atLevel(0, 0);
    beyond.put(0x2c000, 0x10000, 0x1000, 0x23202, 0xfffe, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000);
    expect(beyond.run('iret')).toMatchObject({ vector: Vector.GP, error: 0 });
    expect(beyond.state.cpl).toBe(0);
  });

  it('keeps IOPL and VM in virtual-8086 mode, and needs IOPL 3', () => {
    const cpu = atLevel(0, 0);
    enterVirtual8086(cpu, 0x23002);
    cpu.put(0x28000, 0x1234, 0x1000, 0x200 | Flag.AC);
    expect(cpu.run('iret')).toBeNull();
    expect(cpu.state.eflags).toBe(0x23202 | Flag.AC);
    const low = atLevel(0, 0);
    enterVirtual8086(low, 0x22002);
    expect(low.run('iret', { size: 2 })).toMatchObject({ vector: Vector.GP, error: 0 });
  });

  it('loads IOPL and IF in real mode', () => {
    const cpu = new FakeCpu();
    const { state } = cpu;
    state.setGpr(Gpr.ESP, 0x7ffa);
    cpu.put(0x7ffa, 0xf0001234);
    cpu.memory.setUint16(0x7ffe, 0xffff, true);
    expect(cpu.run('iret', { size: 2 })).toBeNull();
    expect([state.eip, state.selector(Seg.CS), state.gpr(Gpr.ESP)]).toEqual([0x1234, 0xf000, 0x8000]);
    expect(state.eflags).toBe(0x7fd7);
  });
});
