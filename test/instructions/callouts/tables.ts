/** Descriptor tables, gates and a TSS in a FakeCpu's memory. */
import { CR0, Gpr, Seg } from '../../../src/x86/registers.ts';
import { System } from '../../../src/x86/state.ts';
import type { FakeCpu } from './fake-cpu.ts';

export type Entry = readonly [low: number, high: number];

/** A segment descriptor. @param access byte 5 @param flags G D L AVL @param limit raw, 20 bits */
export const descriptor = (base: number, limit: number, access: number, flags: number): Entry => [
  ((limit & 0xffff) | (base << 16)) >>> 0,
  (((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000)) >>> 0,
];

/** A gate. @param access byte 5 @param count parameters of a call gate */
export const gate = (offset: number, selector: number, access: number, count = 0): Entry => [
  ((offset & 0xffff) | (selector << 16)) >>> 0,
  (count | (access << 8) | (offset & 0xffff0000)) >>> 0,
];

export const TSS_BASE = 0x10bb00;
const GDT_BASE = 0x10c540;
const IDT_BASE = 0x10bbb0;
const FLAT = 0xfffff;

/** Flat code and data for each privilege level: 08h 10h (0), 19h 21h (1), 2ah 32h (2), 3bh 43h (3). */
export const codeSelector = (cpl: number): number => 8 + cpl * 0x11;
export const dataSelector = (cpl: number): number => 0x10 + cpl * 0x11;

export const setGdt = (cpu: FakeCpu, index: number, entry: Entry): void =>
  cpu.put(GDT_BASE + index * 8, ...entry);
export const setIdt = (cpu: FakeCpu, vector: number, entry: Entry): void =>
  cpu.put(IDT_BASE + vector * 8, ...entry);

/**
 * Protected mode at CPL 0 with flat segments, an empty IDT of F0h entries, a 32-bit TSS at selector 48h with
 * stacks 30000h, 31000h and 32000h for levels 0 to 2 and an I/O map of 42h bytes of ones.
 */
export const enterProtectedMode = (cpu: FakeCpu): void => {
  const { state } = cpu;
  for (let level = 0; level < 4; level++) {
    setGdt(cpu, 1 + 2 * level, descriptor(0, FLAT, 0x9b | (level << 5), 0xc));
    setGdt(cpu, 2 + 2 * level, descriptor(0, FLAT, 0x93 | (level << 5), 0xc));
  }
  setGdt(cpu, 9, descriptor(TSS_BASE, 0xab, 0x89, 0));
  cpu.put(TSS_BASE + 4, 0x30000, 0x10, 0x31000, 0x21, 0x32000, 0x32);
  cpu.memory.setUint16(TSS_BASE + 0x66, 0x68, true);
  for (let i = 0; i < 0x42; i++) cpu.memory.setUint8(TSS_BASE + 0x68 + i, 0xff);
  state.setSys(System.GDTR_BASE, GDT_BASE);
  state.setSys(System.GDTR_LIMIT, 64 * 8 - 1);
  state.setSys(System.IDTR_BASE, IDT_BASE);
  state.setSys(System.IDTR_LIMIT, 0xf0 * 8 - 1);
  state.setSys(System.CR0, CR0.PE | CR0.ET);
  state.eip = 0x20000;
  for (const segment of [Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS]) {
    state.setReg(Gpr.EAX, 4, 0x10);
    must(cpu, 'mov_to_sreg', segment);
  }
  state.setSys(System.SHADOW, 0);
  cpu.run('jmp_far', { immediate: 0x20000, immediate2: 8 });
  state.setGpr(Gpr.EAX, 0x48);
  must(cpu, 'ltr', 0);
  state.setGpr(Gpr.EAX, 0);
  state.setGpr(Gpr.ESP, 0x2c000);
  state.eip = 0x20000;
  cpu.events.length = 0;
};

const must = (cpu: FakeCpu, name: 'mov_to_sreg' | 'ltr', reg: number): void => {
  const fault = cpu.run(name, { reg, rm: Gpr.EAX });
  if (fault) throw new Error(`${name} faulted: vector ${fault.vector}, error ${fault.error.toString(16)}`);
};

/** Gets to a privilege level by IRET, with all data segments of that level. */
export const enterLevel = (cpu: FakeCpu, cpl: number, eflags = 2, esp = 0x2c000): void => {
  const { state } = cpu;
  if (cpl === 0) {
    state.setGpr(Gpr.ESP, esp);
    state.eflags = eflags;
    return;
  }
  const data = dataSelector(cpl);
  for (const segment of [Seg.DS, Seg.ES, Seg.FS, Seg.GS]) {
    state.setGpr(Gpr.EAX, data);
    must(cpu, 'mov_to_sreg', segment);
  }
  state.setGpr(Gpr.EAX, 0);
  state.setGpr(Gpr.ESP, 0x2f000);
  cpu.put(0x2f000, 0x20000, codeSelector(cpl), eflags, esp, data);
  const fault = cpu.run('iret');
  if (fault) throw new Error(`IRET to level ${cpl} faulted: vector ${fault.vector}`);
  cpu.events.length = 0;
};

/** Gets to virtual-8086 mode by IRET: CS:IP 2000:0, SS:SP 2000:8000, all data segments 2000. */
export const enterVirtual8086 = (cpu: FakeCpu, eflags = 0x20002): void => {
  cpu.state.setGpr(Gpr.ESP, 0x2f000);
  cpu.put(0x2f000, 0, 0x2000, eflags, 0x8000, 0x2000, 0x2000, 0x2000, 0x2000, 0x2000);
  const fault = cpu.run('iret');
  if (fault) throw new Error(`IRET to virtual-8086 mode faulted: vector ${fault.vector}`);
  cpu.events.length = 0;
};
