import { describe, expect, it } from 'vitest';
import { deliver, deliverEvent, deliverException } from '../../../src/instructions/callouts/index.ts';
import { Fault, Vector } from '../../../src/x86/exceptions.ts';
import { Flag } from '../../../src/x86/flags.ts';
import { Gpr, Seg, SystemSegment } from '../../../src/x86/registers.ts';
import { System } from '../../../src/x86/state.ts';
import { FakeCpu } from './fake-cpu.ts';
import {
  descriptor,
  enterLevel,
  enterProtectedMode,
  enterVirtual8086,
  gate,
  setGdt,
  setIdt,
} from './tables.ts';

const atLevel = (cpl: number, eflags = 2): FakeCpu => {
  const cpu = new FakeCpu();
  enterProtectedMode(cpu);
  for (let v = 0; v < 0xf0; v++) setIdt(cpu, v, gate(0x50000 + v * 16, 8, 0x8e));
  enterLevel(cpu, cpl, eflags);
  cpu.state.eip = 0x20000;
  return cpu;
};
const frame = (cpu: FakeCpu, count: number): number[] =>
  Array.from({ length: count }, (_, i) => cpu.dword(cpu.state.gpr(Gpr.ESP) + 4 * i));
const vectorOf = (cpu: FakeCpu): number => (cpu.state.eip - 0x50000) / 16;
const caught = (run: () => void): unknown => {
  try {
    run();
  } catch (thrown) {
    return thrown;
  }
  return null;
};

describe('delivery in protected mode', () => {
  it('switches stacks, pushes the error code, sets RF in the image and clears flags', () => {
    const cpu = atLevel(3, 2 | Flag.IF | Flag.TF | Flag.NT | Flag.CF);
    cpu.state.setSys(System.SHADOW, 1);
    deliver(cpu, Vector.PF, 'exception', 0x1234);
    expect(frame(cpu, 6)).toEqual([0x1234, 0x20000, 0x3b, 0x14303, 0x2c000, 0x43]);
    expect(cpu.state.gpr(Gpr.ESP)).toBe(0x30000 - 24);
    expect([cpu.state.cpl, cpu.state.eflags, cpu.state.sys(System.SHADOW)]).toEqual([0, 3, 0]);
    expect(cpu.events).toEqual(['mode']);
  });

  it('leaves RF alone for interrupts, software interrupts and #DB', () => {
    const events = [
      [0x20, 'external'],
      [Vector.BP, 'software'],
      [Vector.DB, 'exception'],
    ] as const;
    for (const [vector, kind] of events) {
      const cpu = atLevel(0);
      deliver(cpu, vector, kind);
      expect(frame(cpu, 3)).toEqual([0x20000, 8, 2]);
    }
  });

  it('keeps IF through a trap gate and pushes words through a 16-bit gate', () => {
    const cpu = atLevel(0, 2 | Flag.IF);
    setIdt(cpu, Vector.GP, gate(0xabcd1234, 8, 0x87));
    deliver(cpu, Vector.GP, 'exception', 0x55);
    const esp = cpu.state.gpr(Gpr.ESP);
    expect(esp).toBe(0x2c000 - 8);
    expect([0, 2, 4, 6].map((i) => cpu.word(esp + i))).toEqual([0x55, 0, 8, 0x202]);
    expect([cpu.state.eip, cpu.state.flag(Flag.IF)]).toEqual([0x1234, true]);
  });

  it('names gates and selectors in error codes, with EXT for what software did not ask for', () => {
    const cpu = atLevel(3);
    const fault = (vector: number, kind: 'external' | 'software') => caught(() => deliver(cpu, vector, kind));
    expect(fault(0xf0, 'external')).toEqual(new Fault(Vector.GP, 0x783));
    expect(fault(0xf0, 'software')).toEqual(new Fault(Vector.GP, 0x782));
    expect(fault(0x20, 'software')).toEqual(new Fault(Vector.GP, 0x102));
    setIdt(cpu, 0x20, gate(0, 8, 0x0e));
    expect(fault(0x20, 'external')).toEqual(new Fault(Vector.NP, 0x103));
    setIdt(cpu, 0x20, gate(0, 8, 0x8c));
    expect(fault(0x20, 'external')).toEqual(new Fault(Vector.GP, 0x103));
    setIdt(cpu, 0x20, gate(0, 0, 0x8e));
    expect(fault(0x20, 'external')).toEqual(new Fault(Vector.GP, 1));
    setIdt(cpu, 0x20, gate(0, 0x10, 0x8e));
    expect(fault(0x20, 'external')).toEqual(new Fault(Vector.GP, 0x11));
    setGdt(cpu, 20, descriptor(0, 0xfffff, 0x1a, 0xc));
    setIdt(cpu, 0x20, gate(0, 0xa0, 0x8e));
    expect(fault(0x20, 'external')).toEqual(new Fault(Vector.NP, 0xa1));
    setGdt(cpu, 20, descriptor(0, 0xfff, 0x9a, 4));
    setIdt(cpu, 0x20, gate(0x1000, 0xa0, 0x8e));
    expect(fault(0x20, 'external')).toEqual(new Fault(Vector.GP, 1));
    expect(cpu.state.gpr(Gpr.ESP)).toBe(0x2c000);
    expect(cpu.state.cpl).toBe(3);
  });

  it('leaves virtual-8086 mode for ring 0 only, with all segments on the stack', () => {
    const cpu = atLevel(0);
    enterVirtual8086(cpu, 2 | Flag.VM | Flag.IF | Flag.IOPL);
    setIdt(cpu, 0x20, gate(0x5000, 0x19, 0xae));
    expect(caught(() => deliver(cpu, 0x20, 'external'))).toEqual(new Fault(Vector.GP, 0x19));
    cpu.state.setSegment(Seg.FS, 0x1111, 0x11110, 0xffff, 0xf300);
    cpu.state.setSegment(Seg.GS, 0x2222, 0x22220, 0xffff, 0xf300);
    deliver(cpu, Vector.GP, 'exception', 0);
    const expected = [0, 0, 0x2000, 0x33202, 0x8000, 0x2000, 0x2000, 0x2000, 0x1111, 0x2222];
    expect(frame(cpu, 10)).toEqual([0, 0, 0x2000, 0x33202 | 0x10000, ...expected.slice(4)]);
    expect([Seg.ES, Seg.DS, Seg.FS, Seg.GS].map((s) => cpu.state.selector(s))).toEqual([0, 0, 0, 0]);
    expect(cpu.state.flag(Flag.VM)).toBe(false);
  });
});

describe('delivery in real mode', () => {
  it('goes through the vector table at the IDT base, without an error code', () => {
    const cpu = new FakeCpu();
    const { state } = cpu;
    cpu.put(0x1000 + 13 * 4, 0xf0001234);
    state.setSys(System.IDTR_BASE, 0x1000);
    state.setSegment(Seg.SS, 0, 0, 0xffff, 0x9300);
    state.setGpr(Gpr.ESP, 0x8000);
    state.eip = 0x777;
    state.eflags = 2 | Flag.IF | Flag.TF;
    deliverException(cpu, Vector.GP, 0x10);
    expect([state.eip, state.selector(Seg.CS), state.gpr(Gpr.ESP)]).toEqual([0x1234, 0xf000, 0x7ffa]);
    expect([0, 2, 4].map((i) => cpu.word(0x7ffa + i))).toEqual([0x777, 0, 0x302]);
    expect(state.eflags).toBe(2);
  });

  it('shuts down when there is no table', () => {
    const cpu = new FakeCpu();
    cpu.state.setSys(System.IDTR_LIMIT, 0);
    deliverEvent(cpu, 0x20, 'external');
    expect(cpu.events[0]).toMatch(/^shutdown: triple fault/);
  });
});

describe('faults during delivery (SDM vol. 3, table 6-5)', () => {
  const np = gate(0, 8, 0x0e);

  it('are delivered one after the other behind a benign event, with EXT', () => {
    const cpu = atLevel(3);
    setIdt(cpu, 0x20, np);
    deliverEvent(cpu, 0x20, 'external');
    expect(vectorOf(cpu)).toBe(Vector.NP);
    expect(cpu.dword(cpu.state.gpr(Gpr.ESP))).toBe(0x103);
  });

  it('become #DF with error code 0 when both are contributory', () => {
    const cpu = atLevel(3);
    setIdt(cpu, Vector.GP, np);
    deliverException(cpu, Vector.GP, 0x55);
    expect(vectorOf(cpu)).toBe(Vector.DF);
    expect(frame(cpu, 3)).toEqual([0, 0x20000, 0x3b]);
  });

  it('deliver a page fault behind a contributory one, but not the reverse', () => {
    const cpu = atLevel(3);
    setIdt(cpu, Vector.PF, np);
    deliverException(cpu, Vector.PF, 4);
    expect(vectorOf(cpu)).toBe(Vector.DF);

    const other = atLevel(3);
    // The #GP handler's stack lies on a missing page; level 1, which handles #PF, has its own.
    setIdt(other, Vector.PF, gate(0x50000 + Vector.PF * 16, 0x19, 0x8e));
    other.pages.set(0x2f, 'n');
    deliverException(other, Vector.GP, 0);
    expect(vectorOf(other)).toBe(Vector.PF);
    expect(other.state.cpl).toBe(1);
    expect(other.state.sys(System.CR2) >>> 12).toBe(0x2f);
  });

  it('shut the processor down behind #DF', () => {
    const cpu = atLevel(3);
    cpu.state.setSegment(SystemSegment.TR, 0, 0, 0, 0);
    deliverException(cpu, Vector.UD);
    expect(cpu.events).toEqual([expect.stringMatching(/^shutdown: triple fault: #TS/)]);
    expect([cpu.state.eip, cpu.state.cpl]).toEqual([0x20000, 3]);
  });
});
