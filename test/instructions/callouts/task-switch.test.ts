import { describe, expect, it } from 'vitest';
import { deliver, deliverException } from '../../../src/instructions/callouts/index.ts';
import { LateFault, Vector } from '../../../src/x86/exceptions.ts';
import { Flag } from '../../../src/x86/flags.ts';
import { CR0, Gpr, Seg, SystemSegment } from '../../../src/x86/registers.ts';
import { SegmentField, System } from '../../../src/x86/state.ts';
import { FakeCpu } from './fake-cpu.ts';
import { descriptor, enterProtectedMode, gate, setGdt, setIdt, TSS_BASE } from './tables.ts';

const NEW_TSS = 0x23000;
const NEW = 0xa0;
const GATE = 0xa8;
const OLD = 0x48;
const GDT = 0x10c540;

interface Task {
  eip: number;
  eflags: number;
  cs: number;
  ss: number;
  ds: number;
  ldt: number;
  trap: number;
}

/** A 32-bit TSS at NEW_TSS. */
const fillTss32 = (cpu: FakeCpu, task: Partial<Task> = {}): void => {
  const { eip = 0x1234, eflags = 0x242, cs = 8, ss = 0x10, ds = 0x10, ldt = 0, trap = 0 } = task;
  cpu.put(NEW_TSS, 0xdead, 0x30000, 0x10, 0, 0, 0, 0, 0x7000, eip, eflags);
  cpu.put(NEW_TSS + 0x28, 0xa0a0a0a0, 0xc0c0c0c0, 0xd0d0d0d0, 0xb0b0b0b0, 0x9000, 5, 6, 7);
  cpu.put(NEW_TSS + 0x48, ds, cs, ss, ds, ds, ds, ldt, 0x680000 | trap);
};

const start = (): FakeCpu => {
  const cpu = new FakeCpu();
  enterProtectedMode(cpu);
  setGdt(cpu, NEW >> 3, descriptor(NEW_TSS, 0x67, 0x89, 0));
  setGdt(cpu, GATE >> 3, gate(0, NEW, 0x85));
  fillTss32(cpu);
  cpu.state.setGpr(Gpr.EAX, 0x11111111);
  return cpu;
};

const to = (selector: number) => ({ immediate: 0x99999999, immediate2: selector });
const access = (cpu: FakeCpu, selector: number): number => cpu.memory.getUint8(GDT + (selector & 0xfff8) + 5);

describe('task switches', () => {
  it('save the old task and load the new one', () => {
    const cpu = start();
    const { state } = cpu;
    state.setSys(System.DR + 28, 0x7ff);
    state.setSys(System.CR3, 0x5000);
    expect(cpu.run('jmp_far', to(NEW), 7)).toBeNull();
    expect([state.eip, state.gpr(Gpr.EAX) >>> 0, state.gpr(Gpr.ESP)]).toEqual([0x1234, 0xa0a0a0a0, 0x9000]);
    expect(state.eflags).toBe(0x242);
    expect(state.selector(SystemSegment.TR)).toBe(NEW);
    expect([access(cpu, OLD), access(cpu, NEW)]).toEqual([0x89, 0x8b]);
    expect(state.sys(System.CR0) & CR0.TS).not.toBe(0);
    expect(state.sys(System.DR + 28)).toBe(0x6aa);
    // Without paging CR3 stays.
    expect(state.sys(System.CR3)).toBe(0x5000);
    expect(cpu.dword(TSS_BASE + 0x20)).toBe(0x20007);
    expect(cpu.dword(TSS_BASE + 0x28)).toBe(0x11111111);
    expect([cpu.word(TSS_BASE + 0x4c), cpu.word(TSS_BASE + 0x50)]).toEqual([8, 0x10]);
    // A jump does not link.
    expect(cpu.word(NEW_TSS)).toBe(0xdead);
  });

  it('nest by CALL and come back by IRET', () => {
    const cpu = start();
    const { state } = cpu;
    expect(cpu.run('call_far', to(GATE), 7)).toBeNull();
    expect(state.eflags & Flag.NT).not.toBe(0);
    expect(cpu.word(NEW_TSS)).toBe(OLD);
    expect([access(cpu, OLD), access(cpu, NEW)]).toEqual([0x8b, 0x8b]);
    state.eip = 0x4444;
    expect(cpu.run('iret', {}, 1)).toBeNull();
    expect([state.eip, state.gpr(Gpr.EAX)]).toEqual([0x20007, 0x11111111]);
    expect([access(cpu, OLD), access(cpu, NEW)]).toEqual([0x8b, 0x89]);
    // The task that returned goes on behind its IRET, without NT.
    expect(cpu.dword(NEW_TSS + 0x20)).toBe(0x4445);
    expect(cpu.dword(NEW_TSS + 0x24)).toBe(0x242);
  });

  it('give a 16-bit task 16 bits of every register', () => {
    const cpu = start();
    const { state } = cpu;
    setGdt(cpu, NEW >> 3, descriptor(NEW_TSS, 0x2b, 0x81, 0));
    for (let word = 0; word < 22; word++) cpu.memory.setUint16(NEW_TSS + 2 * word, 0x1000 + word, true);
    const words = [0x10, 8, 0x10, 0x10, 0];
    for (const [i, word] of words.entries()) cpu.memory.setUint16(NEW_TSS + 0x22 + 2 * i, word, true);
    cpu.memory.setUint16(NEW_TSS + 0x10, 0x3002, true);
    state.setSegment(Seg.FS, 0x10, 0, 0xffffffff, 0xc09300);
    expect(cpu.run('call_far', to(NEW), 7)).toBeNull();
    expect(state.eip).toBe(0x1007);
    expect(state.gpr(Gpr.EAX) >>> 0).toBe(0xffff1009);
    expect(state.eflags).toBe(0x7002);
    expect([state.selector(Seg.FS), state.segment(Seg.FS, SegmentField.READ_LOW)]).toEqual([0, 1]);
    expect(cpu.run('iret', { size: 2 }, 1)).toBeNull();
    expect(state.selector(Seg.FS)).toBe(0x10);
    expect(cpu.word(NEW_TSS + 0x0e)).toBe(0x1008);
  });

  it('push the error code on the new stack, and set EXT in what fails', () => {
    const cpu = start();
    const { state } = cpu;
    setIdt(cpu, Vector.GP, gate(0, NEW, 0x85));
    deliverException(cpu, Vector.GP, 0x1230);
    expect([state.eip, state.gpr(Gpr.ESP), cpu.dword(0x8ffc)]).toEqual([0x1234, 0x8ffc, 0x1230]);
    // The faulting instruction will be restarted.
    expect(cpu.dword(TSS_BASE + 0x24) & Flag.RF).not.toBe(0);

    const bad = start();
    fillTss32(bad, { ds: 0x13f0 });
    setIdt(bad, Vector.UD, gate(0, NEW, 0x85));
    const delivered = () => deliver(bad, Vector.UD, 'exception');
    expect(delivered).toThrow(expect.objectContaining({ vector: Vector.TS, error: 0x13f1 }));
    expect(bad.state.selector(SystemSegment.TR)).toBe(NEW);
  });

  it('ask for a debug trap behind the switch to a task whose T bit is set', () => {
    const cpu = start();
    fillTss32(cpu, { trap: 1 });
    expect(cpu.run('jmp_far', to(NEW))).toBeNull();
    expect(cpu.events).toContain('debug trap 8000');
  });

  it('enter virtual-8086 tasks', () => {
    const cpu = start();
    fillTss32(cpu, { eflags: 0x23002, cs: 0x1000, ss: 0x2000, ds: 0x3000 });
    expect(cpu.run('jmp_far', to(NEW))).toBeNull();
    const { state } = cpu;
    expect([state.cpl, state.segment(Seg.CS, SegmentField.BASE)]).toEqual([3, 0x10000]);
    expect(state.segment(Seg.GS, SegmentField.BASE)).toBe(0x30000);
  });

  it('change nothing when the switch cannot be made', () => {
    const fails = (
      change: (cpu: FakeCpu) => void,
      fault: { vector: number; error: number },
      selector = NEW,
    ): void => {
      const cpu = start();
      change(cpu);
      const before = Buffer.from(cpu.memory.buffer.slice(0));
      const thrown = cpu.run('call_far', to(selector));
      expect(thrown).toMatchObject(fault);
      expect(thrown).not.toBeInstanceOf(LateFault);
      expect(cpu.state.selector(SystemSegment.TR)).toBe(OLD);
      expect(before.equals(Buffer.from(cpu.memory.buffer))).toBe(true);
    };
    const tss =
      (access: number, limit = 0x67) =>
      (cpu: FakeCpu) =>
        setGdt(cpu, NEW >> 3, descriptor(NEW_TSS, limit, access, 0));
    fails(tss(0x8b), { vector: Vector.GP, error: NEW });
    fails(tss(0x09), { vector: Vector.NP, error: NEW });
    fails(tss(0x89, 0x66), { vector: Vector.TS, error: NEW });
    fails(tss(0x81, 0x2a), { vector: Vector.TS, error: NEW });
    fails(() => {}, { vector: Vector.GP, error: NEW }, NEW | 3);
    fails((cpu) => setGdt(cpu, GATE >> 3, gate(0, NEW, 5)), { vector: Vector.NP, error: GATE }, GATE);
    fails((cpu) => setGdt(cpu, GATE >> 3, gate(0, 4, 0x85)), { vector: Vector.GP, error: 4 }, GATE);
    fails((cpu) => setGdt(cpu, GATE >> 3, gate(0, 0, 0x85)), { vector: Vector.GP, error: 0 }, GATE);
    fails((cpu) => cpu.pages.set(NEW_TSS >> 12, 'n'), { vector: Vector.PF, error: 0 });
    fails((cpu) => cpu.pages.set(TSS_BASE >> 12, 'n'), { vector: Vector.PF, error: 2 });
  });

  it('fault in the new task when its segments are bad, in the order of the manual', () => {
    const fails = (task: Partial<Task>, vector: number, error: number, change?: (cpu: FakeCpu) => void) => {
      const cpu = start();
      fillTss32(cpu, task);
      change?.(cpu);
      const thrown = cpu.run('jmp_far', to(NEW));
      expect(thrown).toBeInstanceOf(LateFault);
      expect(thrown).toMatchObject({ vector, error });
      expect(cpu.state.selector(SystemSegment.TR)).toBe(NEW);
    };
    fails({ ldt: 4, cs: 0, ss: 0 }, Vector.TS, 4);
    fails({ ldt: 8, cs: 0, ss: 0 }, Vector.TS, 8);
    fails({ cs: 0x0b, ss: 0 }, Vector.TS, 8);
    fails({ cs: 0, ss: 0 }, Vector.TS, 0);
    fails({ ss: 8 }, Vector.TS, 8);
    fails({ ss: 0x21 }, Vector.TS, 0x20);
    fails({ ss: 0x13 }, Vector.TS, 0x10);
    fails({ cs: 0x10 }, Vector.TS, 0x10);
    const absent = (access: number) => (cpu: FakeCpu) => setGdt(cpu, 30, descriptor(0, 0xffff, access, 4));
    fails({ ss: 0xf0 }, Vector.SS, 0xf0, absent(0x12));
    fails({ cs: 0xf0 }, Vector.NP, 0xf0, absent(0x1a));
    fails({ ds: 0xf0 }, Vector.NP, 0xf0, absent(0x12));
    fails({ ldt: 0xf0 }, Vector.TS, 0xf0, absent(0x02));
    fails({ ds: 0x13f8 }, Vector.TS, 0x13f8);
    fails({ ds: 0x13 }, Vector.TS, 0x10);
    fails({ eip: 0x10000, cs: 0xf0 }, Vector.GP, 0, (cpu) => setGdt(cpu, 30, descriptor(0, 0xffff, 0x9a, 4)));
  });

  it('return only to a busy task of the GDT', () => {
    const returns = (link: number, access = 0x8b) => {
      const cpu = start();
      cpu.state.eflags |= Flag.NT;
      cpu.put(TSS_BASE, link);
      setGdt(cpu, NEW >> 3, descriptor(NEW_TSS, 0x67, access, 0));
      return cpu.run('iret');
    };
    expect(returns(NEW, 0x89)).toMatchObject({ vector: Vector.TS, error: NEW });
    expect(returns(NEW | 4)).toMatchObject({ vector: Vector.TS, error: NEW | 4 });
    expect(returns(0)).toMatchObject({ vector: Vector.TS, error: 0 });
    expect(returns(0xff8)).toMatchObject({ vector: Vector.TS, error: 0xff8 });
    expect(returns(NEW, 0x0b)).toMatchObject({ vector: Vector.NP, error: NEW });
    expect(returns(NEW)).toBeNull();
  });
});
