/** HLT INVLPG INVD WBINVD BOUND (SDM vol. 2). */
import { Fault, Vector } from '../../x86/exceptions.ts';
import { SegmentField } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { requireMemory, requirePrivilege, wrapOffset } from './protection.ts';

export const hlt = (cpu: Cpu): void => {
  requirePrivilege(cpu);
  cpu.halt();
};

/** INVLPG: the operand is an address, never accessed, so that neither limit nor paging faults exist. */
export const invlpg = (cpu: Cpu, operands: Operands): void => {
  requireMemory(operands);
  requirePrivilege(cpu);
  const base = cpu.state.segment(operands.segment, SegmentField.BASE);
  cpu.invalidatePage((base + operands.offset) >>> 0);
};

/** INVD and WBINVD: memory is always coherent here, so that there is no cache to empty. */
export const invalidateCaches = (cpu: Cpu): void => requirePrivilege(cpu);

/** BOUND: signed index in `reg`, lower and upper bound in memory. */
export const bound = (cpu: Cpu, operands: Operands): void => {
  requireMemory(operands);
  const { segment, offset, size, addressSize } = operands;
  const unused = 32 - 8 * size;
  const signed = (value: number): number => (value << unused) >> unused;
  const lower = signed(cpu.read(segment, offset, size));
  const upper = signed(cpu.read(segment, wrapOffset(offset + size, addressSize), size));
  const index = signed(cpu.state.gpr(operands.reg));
  if (index < lower || index > upper) throw new Fault(Vector.BR);
};
