/** SYSENTER and SYSEXIT (SDM vol. 2): fixed flat segments, no descriptor is read. */
import { Attribute } from '../../x86/descriptors.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Flag } from '../../x86/flags.ts';
import { Gpr, Seg } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import type { Cpu } from '../cpu.ts';
import { Feature, hasFeature } from './features.ts';
import { isProtected, requirePrivilege } from './protection.ts';

const FLAT_DATA =
  Attribute.PRESENT |
  Attribute.SEGMENT |
  Attribute.WRITABLE |
  Attribute.ACCESSED |
  Attribute.DEFAULT_32 |
  Attribute.GRANULARITY;
const FLAT_CODE = FLAT_DATA | Attribute.CODE;

/** SYSENTER_CS, from which all four selectors follow. @throws Fault #UD, #GP(0) */
const baseSelector = (cpu: Cpu): number => {
  if (!hasFeature(cpu, Feature.SEP)) throw new Fault(Vector.UD);
  const selector = cpu.state.sys(System.SYSENTER_CS) & 0xfffc;
  if (!isProtected(cpu) || selector === 0) throw new Fault(Vector.GP);
  return selector;
};

/** Loads flat CS and SS at a privilege level. @param code selector of CS; SS follows 8 above it */
const enterFlat = (cpu: Cpu, code: number, cpl: number, eip: number, esp: number): void => {
  const { state } = cpu;
  const dpl = cpl << Attribute.DPL_SHIFT;
  state.cpl = cpl;
  state.setSegment(Seg.CS, code | cpl, 0, 0xffffffff, FLAT_CODE | dpl);
  state.setSegment(Seg.SS, (code + 8) | cpl, 0, 0xffffffff, FLAT_DATA | dpl);
  state.setGpr(Gpr.ESP, esp);
  state.eip = eip;
  cpu.modeChanged();
};

export const sysenter = (cpu: Cpu): void => {
  const { state } = cpu;
  const code = baseSelector(cpu);
  state.changeFlags(Flag.VM | Flag.IF | Flag.RF, 0);
  enterFlat(cpu, code, 0, state.sys(System.SYSENTER_EIP), state.sys(System.SYSENTER_ESP));
};

export const sysexit = (cpu: Cpu): void => {
  const { state } = cpu;
  const selector = baseSelector(cpu);
  requirePrivilege(cpu);
  enterFlat(cpu, selector + 16, 3, state.gpr(Gpr.EDX), state.gpr(Gpr.ECX));
};
