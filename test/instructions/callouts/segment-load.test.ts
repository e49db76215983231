import { describe, expect, it } from 'vitest';
import { Vector } from '../../../src/x86/exceptions.ts';
import { CR0, Gpr, Seg } from '../../../src/x86/registers.ts';
import { SegmentField, Shadow, System } from '../../../src/x86/state.ts';
import { FakeCpu } from './fake-cpu.ts';
import { descriptor, enterLevel, enterProtectedMode, enterVirtual8086, setGdt } from './tables.ts';

const protectedMode = (): FakeCpu => {
  const cpu = new FakeCpu();
  enterProtectedMode(cpu);
  return cpu;
};
const load = (cpu: FakeCpu, segment: number, selector: number) => {
  cpu.state.setGpr(Gpr.EAX, selector);
  return cpu.run('mov_to_sreg', { reg: segment, rm: Gpr.EAX });
};

describe('segment loads', () => {
  it('fill the hidden part, page granular, and set the accessed bit in the table', () => {
    const cpu = protectedMode();
    setGdt(cpu, 20, descriptor(0x12345678, 0x54321, 0xf2, 0xc));
    expect(load(cpu, Seg.ES, 0xa3)).toBeNull();
    const { state } = cpu;
    expect(state.segment(Seg.ES, SegmentField.BASE)).toBe(0x12345678);
    expect(state.segment(Seg.ES, SegmentField.LIMIT)).toBe(0x54321fff);
    expect(state.segment(Seg.ES, SegmentField.ATTRIBUTES)).toBe(0x00c0f300);
    expect(cpu.readDescriptor(0xa0)!.high & 0xff00).toBe(0xf300);
    expect(cpu.events).toEqual(['mode']);
  });

  it('fault without a change when the accessed bit cannot be written', () => {
    const cpu = protectedMode();
    setGdt(cpu, 20, descriptor(0, 0xfffff, 0xf2, 0xc));
    cpu.pages.set(0x10c, 'n');
    expect(load(cpu, Seg.ES, 0xa3)).toMatchObject({ vector: Vector.PF });
    expect(cpu.state.selector(Seg.ES)).toBe(0x10);
  });

  it('hold events off behind MOV SS and POP SS, not behind LSS', () => {
    const cpu = protectedMode();
    load(cpu, Seg.SS, 0x10);
    expect(cpu.state.sys(System.SHADOW)).toBe(Shadow.STACK);
    cpu.state.setSys(System.SHADOW, 0);
    cpu.put(0x2c000, 0x10);
    cpu.run('pop_sreg', { reg: Seg.SS });
    expect(cpu.state.sys(System.SHADOW)).toBe(Shadow.STACK);
    cpu.state.setSys(System.SHADOW, 0);
    cpu.put(0x21000, 0x2d000, 0x10);
    expect(cpu.run('lss', { reg: Gpr.ESP, memory: true, segment: Seg.DS, offset: 0x21000 })).toBeNull();
    expect(cpu.state.gpr(Gpr.ESP)).toBe(0x2d000);
    expect(cpu.state.sys(System.SHADOW)).toBe(0);
  });

  it('POP SS moves the pointer of the old stack', () => {
    const cpu = protectedMode();
    setGdt(cpu, 20, descriptor(0x20000, 0xffff, 0x92, 0));
    cpu.state.setGpr(Gpr.ESP, 0x2fffe);
    cpu.put(0x2fffe, 0xa0);
    expect(cpu.run('pop_sreg', { reg: Seg.SS, size: 2 })).toBeNull();
    expect(cpu.state.gpr(Gpr.ESP)).toBe(0x30000);
    expect(cpu.state.selector(Seg.SS)).toBe(0xa0);
  });

  it('keep limit and attributes in real mode', () => {
    const cpu = protectedMode();
    const { state } = cpu;
    load(cpu, Seg.FS, 0x10);
    load(cpu, Seg.GS, 0);
    state.setGpr(Gpr.EAX, CR0.ET);
    expect(cpu.run('mov_to_cr', { reg: 0, rm: Gpr.EAX })).toBeNull();
    load(cpu, Seg.FS, 0x1234);
    expect(state.segment(Seg.FS, SegmentField.BASE)).toBe(0x12340);
    expect(state.segment(Seg.FS, SegmentField.LIMIT)).toBe(-1);
    load(cpu, Seg.GS, 0x2000);
    expect(state.segment(Seg.GS, SegmentField.LIMIT)).toBe(0xffff);
    expect(cpu.run('jmp_far', { immediate: 0x100, immediate2: 0xf000, size: 2 })).toBeNull();
    expect(state.segment(Seg.CS, SegmentField.BASE)).toBe(0xf0000);
    expect(() => cpu.write(Seg.CS, 0x100, 1, 0)).not.toThrow();
  });

  it('have fixed limits in virtual-8086 mode', () => {
    const cpu = protectedMode();
    enterVirtual8086(cpu);
    expect(load(cpu, Seg.DS, 0xffff)).toBeNull();
    expect(cpu.state.segment(Seg.DS, SegmentField.BASE)).toBe(0xffff0);
    expect(cpu.state.segment(Seg.DS, SegmentField.LIMIT)).toBe(0xffff);
    expect(cpu.state.segment(Seg.DS, SegmentField.ATTRIBUTES)).toBe(0xf300);
  });

  it('read a far pointer whose parts wrap at 64 KBytes with 16-bit addresses', () => {
    const cpu = protectedMode();
    cpu.memory.setUint16(0xfffe, 0xbeef, true);
    cpu.memory.setUint16(0, 0x0010, true);
    const operands = { reg: Gpr.ESI, memory: true, segment: Seg.DS, offset: 0xfffe, size: 2 } as const;
    expect(cpu.run('les', { ...operands, addressSize: 2 })).toBeNull();
    expect(cpu.state.reg(Gpr.ESI, 2)).toBe(0xbeef);
    expect(cpu.state.selector(Seg.ES)).toBe(0x10);
  });
});

describe('descriptor table registers', () => {
  const table = { memory: true, segment: Seg.DS, offset: 0x21000 } as const;

  it('LGDT takes 24 base bits in its 16-bit form, SGDT stores all', () => {
    const cpu = protectedMode();
    cpu.put(0x21000, 0x567800ff, 0x1234);
    cpu.run('lidt', table);
    expect(cpu.state.sys(System.IDTR_BASE)).toBe(0x12345678);
    cpu.put(0x21000, 0, 0);
    cpu.run('sidt', { ...table, size: 2 });
    expect(cpu.dword(0x21000)).toBe(0x567800ff);
    expect(cpu.dword(0x21004)).toBe(0x1234);
    cpu.run('lidt', { ...table, size: 2 });
    expect(cpu.state.sys(System.IDTR_BASE)).toBe(0x345678);
  });

  it('hide from user code under UMIP', () => {
    const cpu = protectedMode();
    enterLevel(cpu, 3);
    expect(cpu.run('sgdt', table)).toBeNull();
    cpu.state.setSys(System.CR4, 1 << 11);
    for (const name of ['sgdt', 'sidt', 'sldt', 'str', 'smsw'] as const) {
      expect(cpu.run(name, table), name).toMatchObject({ vector: Vector.GP, error: 0 });
    }
  });

  it('SGDT writes nothing when its second part faults', () => {
    const cpu = protectedMode();
    cpu.pages.set(0x22, 'n');
    const crossing = { ...table, offset: 0x21ffe };
    expect(cpu.run('sgdt', crossing)).toMatchObject({ vector: Vector.PF, error: 2 });
    expect(cpu.word(0x21ffe)).toBe(0);
  });
});
