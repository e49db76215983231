/** MOV DRn (SDM vol. 2, MOV; vol. 3, section 17.2). */
import { DR6, DR7, debugRegister, recordDebugException } from '../../x86/debug.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { CR4 } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { requirePrivilege } from './protection.ts';

/** Checks access and resolves DR4 and DR5, aliases of DR6 and DR7 unless CR4.DE says they do not exist. */
const accessible = (cpu: Cpu, index: number): number => {
  const { state } = cpu;
  const alias = index === 4 || index === 5;
  if (alias && state.sys(System.CR4) & CR4.DE) throw new Fault(Vector.UD);
  requirePrivilege(cpu);
  if (state.sys(debugRegister(7)) & DR7.GD) {
    recordDebugException(state, DR6.BD);
    throw new Fault(Vector.DB);
  }
  return alias ? index + 2 : index;
};

/** MOV r32, DRn: `reg` is the debug register, `rm` the general one. */
export const movFromDebug = (cpu: Cpu, { reg, rm }: Operands): void =>
  cpu.state.setGpr(rm, cpu.state.sys(debugRegister(accessible(cpu, reg))));

/** MOV DRn, r32. */
export const movToDebug = (cpu: Cpu, { reg, rm }: Operands): void => {
  const { state } = cpu;
  const index = accessible(cpu, reg);
  const value = state.gpr(rm);
  if (index === 6) state.setSys(debugRegister(6), (value & DR6.BITS) | DR6.ONES);
  else {
    state.setSys(debugRegister(index), index === 7 ? (value & DR7.BITS) | DR7.ONES : value);
    cpu.debugRegistersChanged();
  }
};
