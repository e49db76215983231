import { describe, expect, test } from 'vitest';
import { isReversible, mayRunDirectly } from '../../src/monitor/direct-execution.ts';
import { Attribute } from '../../src/x86/descriptors.ts';
import { Flag } from '../../src/x86/flags.ts';
import { CR4, Seg, SystemSegment } from '../../src/x86/registers.ts';
import { CpuState, System, SystemBase } from '../../src/x86/state.ts';

const GDT = 0x1000;
const LDT = 0x2000;
const CODE3 = [0x0000ffff, 0x00cffb00] as const;
const DATA3 = [0x0000ffff, 0x00cff300] as const;
const SMALL3 = [0x56781234, 0x0040f334] as const;

/** A guest in ring 3 with flat segments, FS from the GDT and GS from the LDT, and its tables. */
const guest = () => {
  const buffer = new ArrayBuffer(0x4000);
  const state = new CpuState(buffer, SystemBase.VIRTUAL);
  const view = new DataView(buffer);
  const put = (table: number, selector: number, [low, high]: readonly [number, number]) => {
    view.setUint32(table + (selector & 0xfff8), low, true);
    view.setUint32(table + (selector & 0xfff8) + 4, high, true);
  };
  put(GDT, 0x08, CODE3);
  put(GDT, 0x10, DATA3);
  put(GDT, 0x18, SMALL3);
  put(LDT, 0x0c, SMALL3);
  state.setSys(System.GDTR_BASE, GDT);
  state.setSys(System.GDTR_LIMIT, 0x1f);
  state.setSegment(SystemSegment.LDTR, 0x20, LDT, 0x0f, 0x8200);
  state.cpl = 3;
  state.eflags = Flag.IF;
  state.setSegment(Seg.CS, 0x0b, 0, -1, 0xc0fb00);
  for (const segment of [Seg.SS, Seg.DS]) state.setSegment(segment, 0x13, 0, -1, 0xc0f300);
  state.setSegment(Seg.ES, 0, 0, 0, 0);
  state.setSegment(Seg.FS, 0x1b, 0x345678, 0x1234, 0x40f300);
  state.setSegment(Seg.GS, 0x0f, 0x345678, 0x1234, 0x40f300);
  const locate = (linear: number) => (linear < buffer.byteLength ? linear : -1);
  return {
    state,
    put,
    isReversible: (segment: number) => isReversible(state, segment, view, locate),
    mayRunDirectly: () => mayRunDirectly(state, view, locate),
  };
};

describe('direct execution', () => {
  test('of user code with segments as the tables have them', () => {
    expect(guest().mayRunDirectly()).toBe(true);
  });

  test.each<[string, (g: ReturnType<typeof guest>) => void]>([
    ['in ring 2', ({ state }) => void (state.cpl = 2)],
    ['with IF clear', ({ state }) => void (state.eflags = 0)],
    ['with IOPL 3', ({ state }) => void (state.eflags = Flag.IF | Flag.IOPL)],
    ['with a virtual interrupt flag', ({ state }) => void (state.eflags = Flag.IF | Flag.VIF)],
    ['with PVI', ({ state }) => state.setSys(System.CR4, CR4.PVI)],
    ['when the base has changed in the GDT', ({ put }) => put(GDT, 0x18, [0x56791234, 0x0040f334])],
    ['when the limit has changed', ({ put }) => put(GDT, 0x18, [0x56781235, 0x0040f334])],
    ['when the type has changed', ({ put }) => put(GDT, 0x18, [0x56781234, 0x0040f134])],
    ['when the segment has gone', ({ put }) => put(GDT, 0x18, [0x56781234, 0x00407334])],
    ['when the LDT entry has changed', ({ put }) => put(LDT, 0x0c, [0, 0])],
    ['without an LDT', ({ state }) => state.setSegment(SystemSegment.LDTR, 0, 0, 0, 0)],
    ['when the GDT has become shorter', ({ state }) => state.setSys(System.GDTR_LIMIT, 0x1e)],
    ['when the GDT is elsewhere', ({ state }) => state.setSys(System.GDTR_BASE, GDT + 8)],
    ['when the GDT is not mapped', ({ state }) => state.setSys(System.GDTR_BASE, 0x9000)],
    ['with a segment of real mode', ({ state }) => state.setSegment(Seg.ES, 0x10, 0x100, 0xffff, 0x9300)],
    ['with a null selector over a segment', ({ state }) => state.setSegment(Seg.ES, 0, 0, 0xffff, 0x9300)],
  ])('not %s', (_name, change) => {
    const g = guest();
    change(g);
    expect(g.mayRunDirectly()).toBe(false);
  });

  test('an accessed bit that the table lacks is not a difference', () => {
    const g = guest();
    g.put(GDT, 0x18, [SMALL3[0], SMALL3[1] & ~Attribute.ACCESSED]);
    expect(g.isReversible(Seg.FS)).toBe(true);
  });

  test('in virtual-8086 mode selectors say all, unless interrupts are virtual', () => {
    const g = guest();
    const { state } = g;
    state.eflags = Flag.IF | Flag.VM;
    state.setSys(System.GDTR_LIMIT, 0);
    expect(g.mayRunDirectly()).toBe(true);
    state.setSys(System.CR4, CR4.VME);
    expect(g.mayRunDirectly()).toBe(false);
  });
});
