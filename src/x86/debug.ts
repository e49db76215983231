/** The debug registers (SDM vol. 3, section 17.2). */
import { type CpuState, System } from './state.ts';

export const DR6 = {
  /** B0-B3: which breakpoints matched. */
  B: 0xf,
  /** Access to a debug register while DR7.GD was set. */
  BD: 1 << 13,
  /** Single step. */
  BS: 1 << 14,
  /** Switch to a task whose TSS has the T flag. */
  BT: 1 << 15,
  /** The bits that can be written. */
  BITS: 0xe00f,
  /** Bits that read as one. */
  ONES: 0xffff0ff0,
} as const;

export const DR7 = {
  /** L0-G3. */
  ENABLED: 0xff,
  GD: 1 << 13,
  /** L0-G3, LE, GE, GD, and the conditions and lengths. */
  BITS: 0xffff23ff,
  ONES: 0x400,
} as const;

/** What a breakpoint waits for: its R/W field in DR7. */
export const BreakOn = { EXECUTION: 0, WRITE: 1, IO: 2, ACCESS: 3 } as const;

/** Offset of a debug register within a system state. */
export const debugRegister = (index: number): number => System.DR + index * 4;

/** Enters the bits of a debug exception in DR6: B0-B3 are its own, the others stay until software clears them. */
export const recordDebugException = (state: CpuState, bits: number): void =>
  state.setSys(debugRegister(6), (state.sys(debugRegister(6)) & ~DR6.B) | bits);
