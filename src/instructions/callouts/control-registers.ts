/** Control registers: MOV CRn, CLTS, LMSW, SMSW (SDM vol. 2; vol. 3, section 2.5). */
import { Fault, Vector } from '../../x86/exceptions.ts';
import { CR0, CR4 } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { requireSystemRegisterAccess, storeWordOperand } from './descriptor-tables.ts';
import { Feature, hasFeature } from './features.ts';
import { installPdptes, loadCr3, readPdptes, usesPae } from './pdptes.ts';
import { readWordOperand, requirePrivilege } from './protection.ts';

const CR0_BITS =
  CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.ET | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG;
/** What decides how addresses are translated, and which blocks may run. */
const CR0_PAGING = CR0.PE | CR0.WP | CR0.PG;
const CR0_MODE = CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.NE | CR0.AM;
const CR4_PAGING = CR4.PSE | CR4.PAE | CR4.PGE;
/** Changes that make PAE paging load its PDPTE registers (SDM vol. 3, section 4.4.1). */
const CR0_PDPTES = CR0.PG | CR0.CD | CR0.NW;
const CR4_PDPTES = CR4.PSE | CR4.PAE | CR4.PGE;
const CR4_MODE = CR4.TSD | CR4.DE | CR4.OSFXSR | CR4.OSXMMEXCPT;

const FEATURE_OF_CR4: readonly (readonly [bits: number, feature: Feature])[] = [
  [CR4.VME | CR4.PVI, Feature.VME],
  [CR4.TSD, Feature.TSC],
  [CR4.DE, Feature.DE],
  [CR4.PSE, Feature.PSE],
  [CR4.PAE, Feature.PAE],
  [CR4.MCE, Feature.MCE],
  [CR4.PGE, Feature.PGE],
  [CR4.OSFXSR, Feature.FXSR],
  [CR4.OSXMMEXCPT, Feature.SSE],
];

/** The CR4 bits a processor has; PCE came with the P6 family and has no feature flag. */
const cr4Bits = (cpu: Cpu): number =>
  FEATURE_OF_CR4.reduce(
    (bits, [more, feature]) => (hasFeature(cpu, feature) ? bits | more : bits),
    CR4.PCE as number,
  );

/** Writes CR0 after its checks; ET is hardwired to 1, unknown bits to 0. @throws Fault #GP(0) for PDPTEs */
const writeCr0 = (cpu: Cpu, value: number): void => {
  const { state } = cpu;
  const next = (value & CR0_BITS) | CR0.ET;
  const changed = state.sys(System.CR0) ^ next;
  const reloads = (changed & CR0_PDPTES) !== 0 && usesPae(next, state.sys(System.CR4));
  if (reloads) installPdptes(cpu, readPdptes(cpu, state.sys(System.CR3)));
  state.setSys(System.CR0, next);
  if (changed & CR0_PAGING || reloads) cpu.pagingChanged(true);
  if (changed & CR0_MODE) cpu.modeChanged();
};

const moveToCr0 = (cpu: Cpu, value: number): void => {
  if (value & CR0.PG && !(value & CR0.PE)) throw new Fault(Vector.GP);
  if (value & CR0.NW && !(value & CR0.CD)) throw new Fault(Vector.GP);
  writeCr0(cpu, value);
};

const moveToCr4 = (cpu: Cpu, value: number): void => {
  if (value & ~cr4Bits(cpu)) throw new Fault(Vector.GP);
  const { state } = cpu;
  const changed = state.sys(System.CR4) ^ value;
  if (changed & CR4_PDPTES && usesPae(state.sys(System.CR0), value))
    installPdptes(cpu, readPdptes(cpu, state.sys(System.CR3)));
  state.setSys(System.CR4, value);
  if (changed & CR4_PAGING) cpu.pagingChanged(true);
  if (changed & CR4_MODE) cpu.modeChanged();
  if (changed & CR4.DE) cpu.debugRegistersChanged();
};

/** MOV r32, CRn: `reg` is the control register, `rm` the general one. */
export const movFromControl = (cpu: Cpu, { reg, rm }: Operands): void => {
  const field = controlRegister(reg);
  requirePrivilege(cpu);
  cpu.state.setGpr(rm, cpu.state.sys(field));
};

/** MOV CRn, r32. */
export const movToControl = (cpu: Cpu, { reg, rm }: Operands): void => {
  const field = controlRegister(reg);
  requirePrivilege(cpu);
  const value = cpu.state.gpr(rm);
  if (field === System.CR0) moveToCr0(cpu, value);
  else if (field === System.CR3) loadCr3(cpu, value);
  else if (field === System.CR4) moveToCr4(cpu, value);
  else cpu.state.setSys(field, value);
};

const controlRegister = (index: number): number => {
  switch (index) {
    case 0:
      return System.CR0;
    case 2:
      return System.CR2;
    case 3:
      return System.CR3;
    case 4:
      return System.CR4;
    default:
      throw new Fault(Vector.UD);
  }
};

export const clts = (cpu: Cpu): void => {
  requirePrivilege(cpu);
  writeCr0(cpu, cpu.state.sys(System.CR0) & ~CR0.TS);
};

/** LMSW: PE MP EM TS; it can set PE but not clear it. */
export const lmsw = (cpu: Cpu, operands: Operands): void => {
  requirePrivilege(cpu);
  const word = readWordOperand(cpu, operands);
  const old = cpu.state.sys(System.CR0);
  const low = CR0.MP | CR0.EM | CR0.TS;
  writeCr0(cpu, (old & ~low) | (word & (low | CR0.PE)));
};

/** SMSW: CR0, of which memory and 16-bit registers get the low half. */
export const smsw = (cpu: Cpu, operands: Operands): void => {
  requireSystemRegisterAccess(cpu);
  storeWordOperand(cpu, operands, cpu.state.sys(System.CR0));
};
