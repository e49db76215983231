/** Which accesses meet a breakpoint (SDM vol. 3, section 17.2, and table 17-2). */
import { beforeEach, describe, expect, it } from 'vitest';
import { Breakpoints, EXECUTE_SINGLY } from '../../src/interpreter/breakpoints.ts';
import { Tlb } from '../../src/memory/tlb.ts';
import { BreakOn, DR6, debugRegister, recordDebugException } from '../../src/x86/debug.ts';
import { CR4 } from '../../src/x86/registers.ts';
import { CpuState, State, System, SystemBase } from '../../src/x86/state.ts';

const buffer = new ArrayBuffer(32 << 20);
const state = new CpuState(buffer, SystemBase.PHYSICAL);
const { words } = state;
let breakpoints: Breakpoints;

const LENGTH = { 1: 0, 2: 1, 4: 3 } as const;
/** Sets one breakpoint, enabled unless told otherwise. */
const set = (n: number, address: number, on: number, length: 1 | 2 | 4 = 1, enabled = true): void => {
  state.setSys(debugRegister(n), address);
  const field = (LENGTH[length] << 2) | on;
  const control = state.sys(debugRegister(7)) | (field << (16 + 4 * n)) | (enabled ? 1 << (2 * n) : 0);
  state.setSys(debugRegister(7), control);
  breakpoints.update(state);
};
/** DR6 bits that accesses left. */
const taken = (): number => {
  const bits = words[State.DEBUG_TRAP >> 2]!;
  words[State.DEBUG_TRAP >> 2] = 0;
  return bits;
};
const accessed = (linear: number, size: number, write: boolean): number => {
  breakpoints.accessed(linear, size, write);
  return taken();
};

beforeEach(() => {
  words.fill(0, 0, 0x1000 >> 2);
  breakpoints = new Breakpoints(words, new Tlb(words, 0));
  breakpoints.update(state);
});

describe('breakpoints', () => {
  it('on writes and on accesses', () => {
    set(0, 0x1000, BreakOn.WRITE, 4);
    set(1, 0x1000, BreakOn.ACCESS);
    expect([accessed(0x1000, 1, false), accessed(0x1000, 1, true)]).toEqual([2, 3]);
    expect([accessed(0xfff, 1, true), accessed(0xfff, 2, true), accessed(0x1003, 4, true)]).toEqual([
      0, 3, 1,
    ]);
    expect(accessed(0x1004, 4, true)).toBe(0);
  });

  it('align the address to the length', () => {
    set(2, 0x1007, BreakOn.WRITE, 4);
    expect([accessed(0x1003, 1, true), accessed(0x1004, 1, true), accessed(0x1008, 1, true)]).toEqual([
      0, 4, 0,
    ]);
  });

  it('at the end of linear space', () => {
    set(0, 0xffffffff, BreakOn.WRITE);
    expect([accessed(0xffffffff, 1, true), accessed(0, 1, true)]).toEqual([1, 0]);
    expect([breakpoints.covers(0xfffff123), breakpoints.covers(0)]).toEqual([true, false]);
  });

  it('show with an enabled one also those that are not', () => {
    set(0, 0x1000, BreakOn.ACCESS, 1, false);
    expect(accessed(0x1000, 1, true)).toBe(0);
    set(3, 0x1000, BreakOn.WRITE);
    expect([accessed(0x1000, 1, false), accessed(0x1000, 1, true)]).toEqual([0, 9]);
  });

  it('on ports exist with CR4.DE only', () => {
    set(0, 0x60, BreakOn.IO, 2);
    breakpoints.usedPort(0x61, 1);
    expect(taken()).toBe(0);
    state.setSys(System.CR4, CR4.DE);
    breakpoints.update(state);
    breakpoints.usedPort(0x61, 1);
    expect(taken()).toBe(1);
    breakpoints.usedPort(0x62, 1);
    expect([taken(), breakpoints.covers(0x60), accessed(0x60, 1, true)]).toEqual([0, false, 0]);
  });

  it('on execution look at the first byte', () => {
    set(1, 0x2000, BreakOn.EXECUTION);
    expect([breakpoints.onExecution(0x2000), breakpoints.onExecution(0x1fff)]).toEqual([2, 0]);
    expect([breakpoints.code, breakpoints.data, accessed(0x2000, 1, true)]).toEqual([true, false, 0]);
  });

  it('have an instruction begun anew on its own, and noted there', () => {
    set(0, 0x1000, BreakOn.WRITE);
    expect(breakpoints.defers(0x1000, 4, false)).toBe(false);
    expect(breakpoints.defers(0x1000, 4, true)).toBe(true);
    expect([words[State.FAULT_VECTOR >> 2], taken()]).toEqual([EXECUTE_SINGLY, 0]);
    words[State.SINGLE >> 2] = 1;
    expect(breakpoints.defers(0x1000, 4, true)).toBe(false);
    expect(taken()).toBe(1);
  });

  it('take their pages out of the TLB, and give them back', () => {
    const tlb = new Tlb(words, 0);
    breakpoints = new Breakpoints(words, tlb);
    tlb.fill(0x3000, 0x1803000, 0, false, false, false);
    set(0, 0x3004, BreakOn.WRITE);
    expect([tlb.word(0x3000, 0, false), breakpoints.covers(0x3fff)]).toEqual([0, true]);
    state.setSys(debugRegister(7), 0);
    expect(breakpoints.update(state)).toBe(true);
    expect([breakpoints.covers(0x3fff), breakpoints.data]).toEqual([false, false]);
  });

  it('leave in DR6 what software has not cleared, but for B0 to B3', () => {
    state.setSys(debugRegister(6), DR6.ONES | DR6.BT | 5);
    recordDebugException(state, DR6.BS | 2);
    expect(state.sys(debugRegister(6))).toBe(DR6.ONES | DR6.BT | DR6.BS | 2 | 0);
  });
});
