import { describe, expect, it } from 'vitest';
import { cpuidLeaf } from '../../../src/instructions/callouts/index.ts';
import { type CpuModel, cpuModels, Feature } from '../../../src/x86/cpu-models.ts';
import { Vector } from '../../../src/x86/exceptions.ts';
import { Flag } from '../../../src/x86/flags.ts';
import { CR0, CR4, Gpr, Seg } from '../../../src/x86/registers.ts';
import { SegmentField, System } from '../../../src/x86/state.ts';
import { FakeCpu } from './fake-cpu.ts';
import { enterLevel, enterProtectedMode } from './tables.ts';

const atLevel = (cpl: number): FakeCpu => {
  const cpu = new FakeCpu();
  enterProtectedMode(cpu);
  enterLevel(cpu, cpl);
  return cpu;
};
const write = (cpu: FakeCpu, name: 'mov_to_cr' | 'mov_to_dr', reg: number, value: number) => {
  cpu.state.setGpr(Gpr.EBX, value);
  return cpu.run(name, { reg, rm: Gpr.EBX });
};
const GP0 = { vector: Vector.GP, error: 0 };

describe('control registers', () => {
  it('CR0 keeps ET, drops reserved bits, and tells what a change touches', () => {
    const cpu = atLevel(0);
    expect(write(cpu, 'mov_to_cr', 0, 0xffffffff)).toBeNull();
    expect(cpu.state.sys(System.CR0) >>> 0).toBe(0xe005003f);
    expect(cpu.events).toEqual(['flush all', 'mode']);
    cpu.events.length = 0;
    expect(write(cpu, 'mov_to_cr', 0, CR0.PE | CR0.PG | CR0.WP)).toBeNull();
    expect(cpu.state.sys(System.CR0)).toBe(CR0.PE | CR0.PG | CR0.WP | CR0.ET);
    expect(cpu.events).toEqual(['mode']);
  });

  it('CR3 keeps every bit, and flushes what is not global', () => {
    const cpu = atLevel(0);
    write(cpu, 'mov_to_cr', 3, 0x12345fff);
    expect(cpu.state.sys(System.CR3)).toBe(0x12345fff);
    cpu.state.setSys(System.CR4, CR4.PGE);
    write(cpu, 'mov_to_cr', 3, 0x1000);
    expect(cpu.events).toEqual(['flush all', 'flush']);
  });

  it('CR4 takes the bits of features the model has', () => {
    const cpu = atLevel(0);
    const features = (1 << Feature.PSE) | (1 << Feature.PGE) | (1 << Feature.TSC);
    cpu.model = { ...cpuModels.pentium2, features: [features, 0, 0] };
    expect(write(cpu, 'mov_to_cr', 4, CR4.PSE | CR4.PGE | CR4.TSD)).toBeNull();
    expect(cpu.events).toEqual(['flush all', 'mode']);
    for (const bit of [CR4.VME, CR4.PVI, CR4.DE, CR4.PAE, CR4.MCE, CR4.OSFXSR, CR4.OSXMMEXCPT, CR4.UMIP]) {
      expect(write(cpu, 'mov_to_cr', 4, bit), bit.toString(16)).toMatchObject(GP0);
    }
    expect(cpu.state.sys(System.CR4)).toBe(CR4.PSE | CR4.PGE | CR4.TSD);
    cpu.model = { ...cpuModels.pentium2, features: [1 << Feature.FXSR, 0, 0] };
    expect(write(cpu, 'mov_to_cr', 4, CR4.OSFXSR)).toBeNull();
  });

  it('DR6 and DR7 show their fixed bits; a new breakpoint is told', () => {
    const cpu = atLevel(0);
    write(cpu, 'mov_to_dr', 4, 0);
    expect(cpu.state.sys(System.DR + 24) >>> 0).toBe(0xffff0ff0);
    write(cpu, 'mov_to_dr', 7, 0xffffdc00);
    expect(cpu.state.sys(System.DR + 28) >>> 0).toBe(0xffff0400);
    write(cpu, 'mov_to_dr', 7, 2);
    expect(cpu.events).toEqual(['debug registers', 'debug registers']);
  });

  it('INVLPG takes the linear address of its operand', () => {
    const cpu = atLevel(0);
    cpu.state.setSegment(Seg.FS, 0, 0x10000, 0, 0);
    cpu.run('invlpg', { memory: true, segment: Seg.FS, offset: 0x2345 });
    expect(cpu.events).toEqual(['invalidate 12345']);
  });
});

describe('model-specific registers', () => {
  const access = (cpu: FakeCpu, name: 'rdmsr' | 'wrmsr', index: number, eax = 0, edx = 0) => {
    cpu.state.setGpr(Gpr.ECX, index);
    cpu.state.setGpr(Gpr.EAX, eax);
    cpu.state.setGpr(Gpr.EDX, edx);
    return cpu.run(name);
  };

  it('fault with a warning when they do not exist', () => {
    const cpu = atLevel(0);
    for (const index of [0x1b, 0x17f, 0x1a0, 0xdeadbeef]) {
      expect(access(cpu, 'rdmsr', index)).toMatchObject(GP0);
      expect(access(cpu, 'rdmsr', index)).toMatchObject(GP0);
    }
    expect([...cpu.warnings].at(-1)).toBe('RDMSR of unknown MSR deadbeefh');
    expect(cpu.warnings.size).toBe(4);
    enterLevel(cpu, 3);
    expect(access(cpu, 'rdmsr', 0x10)).toMatchObject(GP0);
  });

  it('hold SYSENTER addresses, and the time-stamp counter, whose upper half a write clears', () => {
    const cpu = atLevel(0);
    access(cpu, 'wrmsr', 0x176, 0xc0001234, 7);
    expect(cpu.state.sys(System.SYSENTER_EIP) >>> 0).toBe(0xc0001234);
    access(cpu, 'wrmsr', 0x10, 0x89abcdef, 5);
    expect(cpu.time).toBe(0x89abcdefn);
    cpu.time = 0x1_89abcdefn;
    cpu.run('rdtsc');
    expect([cpu.state.gpr(Gpr.EAX) >>> 0, cpu.state.gpr(Gpr.EDX)]).toEqual([0x89abcdef, 1]);
    cpu.state.setSys(System.CR4, CR4.TSD);
    expect(cpu.run('rdtsc')).toBeNull();
    enterLevel(cpu, 3);
    expect(cpu.run('rdtsc')).toMatchObject(GP0);
    expect(cpu.run('rdpmc')).toMatchObject(GP0);
  });
});

describe('CPUID', () => {
  it('shows a Pentium II', () => {
    const cpu = atLevel(3);
    expect(cpu.run('cpuid')).toBeNull();
    expect(cpu.state.gpr(Gpr.EAX)).toBe(2);
    const words = Int32Array.of(cpu.state.gpr(Gpr.EBX), cpu.state.gpr(Gpr.EDX), cpu.state.gpr(Gpr.ECX));
    expect(new TextDecoder().decode(words)).toBe('GenuineIntel');
  });

  it.each<[CpuModel, number, number]>([
    [cpuModels['486'], 0x480, 0x00000003],
    [cpuModels.pentium, 0x543, 0x008001bf],
    [cpuModels.pentium2, 0x652, 0x0183fbff],
    [cpuModels.pentium3, 0x683, 0x0383fbff],
    [cpuModels.pentium4, 0xf41, 0xbfebfbff | 0],
  ])('shows nothing that $name does not have on silicon', (model, signature, silicon) => {
    const [eax, , ecx, edx] = cpuidLeaf(model, 1);
    expect(eax).toBe(signature);
    expect(edx & ~silicon).toBe(0);
    expect(edx & 1).toBe(1);
    if (model.name !== 'pentium4') expect(ecx).toBe(0);
  });

  it('shows the highest basic leaf where there is none', () => {
    const { pentium, pentium2, pentium4 } = cpuModels;
    expect(cpuidLeaf(pentium2, 2)).toEqual([0x03020101, 0, 0, 0x0c040843]);
    expect(cpuidLeaf(pentium2, 77)).toEqual(cpuidLeaf(pentium2, 2));
    expect(cpuidLeaf(pentium2, 0x80000000)).toEqual(cpuidLeaf(pentium2, 2));
    expect(cpuidLeaf(pentium, 2)).toEqual(cpuidLeaf(pentium, 1));
    expect(cpuidLeaf(pentium4, 0x80000009)).toEqual(cpuidLeaf(pentium4, 4));
  });

  it('has a brand string and cache parameters where the processor has', () => {
    const { pentium4 } = cpuModels;
    const bytes = [2, 3, 4].flatMap((i) => [
      ...new Uint8Array(Int32Array.from(cpuidLeaf(pentium4, 0x80000000 + i)).buffer),
    ]);
    expect(String.fromCharCode(...bytes).replace(/\0+$/, '')).toBe(pentium4.brand);
    const sizeOf = (subleaf: number): number => {
      const [, ebx, ecx] = cpuidLeaf(pentium4, 4, subleaf);
      return ((ebx >>> 22) + 1) * ((ebx & 0xfff) + 1) * (ecx + 1);
    };
    expect([sizeOf(0), sizeOf(1)]).toEqual([16 << 10, 1 << 20]);
    expect(cpuidLeaf(pentium4, 4, 2)).toEqual([0, 0, 0, 0]);
  });
});

describe('SYSENTER and SYSEXIT', () => {
  it('load flat segments beside SYSENTER_CS', () => {
    const cpu = atLevel(3);
    const { state } = cpu;
    expect(cpu.run('sysenter')).toMatchObject(GP0);
    state.setSys(System.SYSENTER_CS, 0x60);
    state.setSys(System.SYSENTER_ESP, 0x1000);
    state.setSys(System.SYSENTER_EIP, 0x2000);
    state.eflags |= Flag.IF | Flag.TF;
    expect(cpu.run('sysenter')).toBeNull();
    expect([state.cpl, state.selector(Seg.CS), state.selector(Seg.SS)]).toEqual([0, 0x60, 0x68]);
    expect([state.eip, state.gpr(Gpr.ESP), state.flag(Flag.IF)]).toEqual([0x2000, 0x1000, false]);
    expect(state.segment(Seg.CS, SegmentField.ATTRIBUTES)).toBe(0xc09b00);
    expect(state.segment(Seg.SS, SegmentField.ATTRIBUTES)).toBe(0xc09300);
    state.setGpr(Gpr.EDX, 0x3000);
    state.setGpr(Gpr.ECX, 0x4000);
    expect(cpu.run('sysexit')).toBeNull();
    expect([state.cpl, state.selector(Seg.CS), state.selector(Seg.SS)]).toEqual([3, 0x73, 0x7b]);
    expect([state.eip, state.gpr(Gpr.ESP)]).toEqual([0x3000, 0x4000]);
    expect(state.segment(Seg.SS, SegmentField.ATTRIBUTES)).toBe(0xc0f300);
    expect(cpu.run('sysexit')).toMatchObject(GP0);
  });
});
