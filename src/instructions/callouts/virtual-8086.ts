/** The virtual-8086 and protected-mode extensions VME and PVI (SDM vol. 3, sections 20.3 and 20.4). */
import { Fault, LateFault, Vector } from '../../x86/exceptions.ts';
import { Flag } from '../../x86/flags.ts';
import { CR4, Seg, SystemSegment } from '../../x86/registers.ts';
import { SegmentField, System } from '../../x86/state.ts';
import type { Cpu } from '../cpu.ts';
import { enterReal } from './far-transfer.ts';
import { hasTss32 } from './privilege-stack.ts';
import { ioPrivilege, isVirtual8086 } from './protection.ts';
import { currentStack } from './stack.ts';

const MAP_BASE = 0x66;
/** The redirection bit map lies right below the I/O permission map. */
const REDIRECTION_MAP_BYTES = 32;

export const hasVme = (cpu: Cpu): boolean => (cpu.state.sys(System.CR4) & CR4.VME) !== 0;

/** Whether INT n goes to the 8086 program's own handler. @throws Fault #GP(0) where there is no bit map, #PF */
const isRedirected = (cpu: Cpu, vector: number): boolean => {
  const base = cpu.state.segment(SystemSegment.TR, SegmentField.BASE);
  const limit = cpu.state.segment(SystemSegment.TR, SegmentField.LIMIT) >>> 0;
  if (!hasTss32(cpu) || MAP_BASE + 1 > limit) throw new Fault(Vector.GP);
  const map = cpu.readLinear((base + MAP_BASE) >>> 0, 2, false) - REDIRECTION_MAP_BYTES;
  const at = map + (vector >> 3);
  if (at < 0 || at > limit) throw new Fault(Vector.GP);
  return ((cpu.readLinear((base + at) >>> 0, 1, false) >> (vector & 7)) & 1) === 0;
};

/** FLAGS as an 8086 program sees them: with an IOPL below 3, IF is VIF and IOPL reads as 3. */
const virtualFlags = (cpu: Cpu): number => {
  const { eflags } = cpu.state;
  if (ioPrivilege(cpu) === 3) return eflags;
  return (eflags & ~Flag.IF) | Flag.IOPL | (eflags & Flag.VIF ? Flag.IF : 0);
};

/**
 * INT n in virtual-8086 mode, as far as it does not go through the IDT (SDM vol. 3, table 20-2).
 * @returns whether it went to the handler in the 8086 program @throws Fault #GP(0), #SS(0), #PF
 */
export const redirectInterrupt = (cpu: Cpu, vector: number): boolean => {
  const restricted = ioPrivilege(cpu) < 3;
  if (!hasVme(cpu) || !isRedirected(cpu, vector)) {
    if (restricted) throw new Fault(Vector.GP);
    return false;
  }
  const { state } = cpu;
  const offset = cpu.readLinear(vector * 4, 2, false);
  const selector = cpu.readLinear(vector * 4 + 2, 2, false);
  const stack = currentStack(cpu, 0);
  stack.reserve(3, 2);
  stack.push(virtualFlags(cpu), 2);
  stack.push(state.selector(Seg.CS), 2);
  stack.push(state.eip, 2);
  stack.commit();
  state.eflags &= ~(Flag.TF | Flag.RF | (restricted ? Flag.VIF : Flag.IF));
  enterReal(cpu, selector, offset);
  return true;
};

/**
 * The flags that a 16-bit IRET of virtual-8086 mode with an IOPL below 3 pops: IF is VIF.
 * @returns the image with VIF in its place
 * @throws Fault #GP(0) without VME, or for a TF or pending interrupt that the virtual-8086 monitor must handle
 */
export const checkVirtualFlags = (cpu: Cpu, image: number): number => {
  const { eflags } = cpu.state;
  if (!hasVme(cpu) || image & Flag.TF) throw new Fault(Vector.GP);
  if (image & Flag.IF && eflags & Flag.VIP) throw new Fault(Vector.GP);
  return (image & 0xffff & ~Flag.IF) | (image & Flag.IF ? Flag.VIF : 0);
};

/** Whether an interrupt waits that may be delivered to the 8086 program: then no instruction of it starts. */
export const isVirtualInterruptPending = (cpu: Cpu): boolean => {
  const { state } = cpu;
  const flags = state.sys(System.FLAGS);
  if ((flags & Flag.VIF) === 0 || (flags & Flag.VIP) === 0) return false;
  const extension = isVirtual8086(cpu) ? CR4.VME : CR4.PVI;
  return state.cpl === 3 && (state.sys(System.CR4) & extension) !== 0;
};

/**
 * To be called where VIF and VIP may both have become set, which is a pending interrupt that may be delivered:
 * the next instruction does not start (SDM vol. 3, section 20.3.2). @throws LateFault #GP(0)
 */
export const checkPendingVirtualInterrupt = (cpu: Cpu): void => {
  if (isVirtualInterruptPending(cpu)) throw new LateFault(Vector.GP);
};
