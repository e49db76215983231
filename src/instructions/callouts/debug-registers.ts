/** MOV DRn (SDM vol. 2, MOV; vol. 3, section 17.2). Breakpoints are stored, not acted on. */
import { Fault, Vector } from '../../x86/exceptions.ts';
import { CR4 } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { requirePrivilege } from './protection.ts';

const DR6 = {
  /** B0-B3, BD, BS, BT. */
  BITS: 0xe00f,
  BD: 1 << 13,
  /** Bits that read as one. */
  ONES: 0xffff0ff0,
} as const;

const DR7 = {
  /** L0-G3, LE, GE, GD, and the conditions and lengths. */
  BITS: 0xffff23ff,
  ENABLED: 0xff,
  GD: 1 << 13,
  ONES: 0x400,
} as const;

const field = (index: number): number => System.DR + index * 4;

/** Checks access and resolves DR4 and DR5, aliases of DR6 and DR7 unless CR4.DE says they do not exist. */
const debugRegister = (cpu: Cpu, index: number): number => {
  const { state } = cpu;
  const alias = index === 4 || index === 5;
  if (alias && state.sys(System.CR4) & CR4.DE) throw new Fault(Vector.UD);
  requirePrivilege(cpu);
  if (state.sys(field(7)) & DR7.GD) {
    state.setSys(field(6), state.sys(field(6)) | DR6.BD);
    throw new Fault(Vector.DB);
  }
  return alias ? index + 2 : index;
};

/** MOV r32, DRn: `reg` is the debug register, `rm` the general one. */
export const movFromDebug = (cpu: Cpu, { reg, rm }: Operands): void =>
  cpu.state.setGpr(rm, cpu.state.sys(field(debugRegister(cpu, reg))));

/** MOV DRn, r32. */
export const movToDebug = (cpu: Cpu, { reg, rm }: Operands): void => {
  const { state } = cpu;
  const index = debugRegister(cpu, reg);
  const value = state.gpr(rm);
  if (index === 6) state.setSys(field(6), (value & DR6.BITS) | DR6.ONES);
  else if (index === 7) {
    state.setSys(field(7), (value & DR7.BITS) | DR7.ONES);
    if (value & DR7.ENABLED) cpu.warn('a hardware breakpoint was enabled in DR7; breakpoints never hit');
  } else state.setSys(field(index), value);
};
