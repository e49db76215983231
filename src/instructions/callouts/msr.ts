/** Model-specific registers and counters: RDMSR WRMSR RDTSC RDPMC (SDM vol. 2; vol. 4). */
import { Fault, Vector } from '../../x86/exceptions.ts';
import { CR4, EFER, Gpr } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import type { Cpu } from '../cpu.ts';
import { Feature, family, hasFeature } from './features.ts';
import { memoryTypeRegisters } from './memory-types.ts';
import { requirePrivilege } from './protection.ts';

export interface Register {
  /** Whether the processor has it. */
  readonly exists: (cpu: Cpu) => boolean;
  /** 64 bits. */
  readonly read: (cpu: Cpu) => bigint;
  readonly write: (cpu: Cpu, low: number, high: number) => void;
}

const ignoreWrite = (): void => {};

const constant = (value: bigint, exists: (cpu: Cpu) => boolean): Register => ({
  exists,
  read: () => value,
  write: ignoreWrite,
});

const stored = (field: number): Register => ({
  exists: (cpu) => hasFeature(cpu, Feature.SEP),
  read: (cpu) => BigInt(cpu.state.sys(field) >>> 0),
  write: (cpu, low) => cpu.state.setSys(field, low),
});

const timestampCounter: Register = {
  exists: (cpu) => hasFeature(cpu, Feature.TSC),
  read: (cpu) => {
    const { low, high } = cpu.timestamp();
    return (BigInt(high) << 32n) | BigInt(low);
  },
  // P6 processors clear the upper half whatever is written (SDM vol. 3, section 17.17).
  write: (cpu, low, high) => {
    const upper = family(cpu) === 6 ? 0n : BigInt(high >>> 0);
    cpu.setTimestamp((upper << 32n) | BigInt(low >>> 0));
  },
};

/** IA32_EFER, of which a 32-bit processor has NXE alone (SDM vol. 4, table 2-2). */
const extendedFeatureEnable: Register = {
  exists: (cpu) => hasFeature(cpu, Feature.NX),
  read: (cpu) => BigInt(cpu.state.sys(System.EFER)),
  write: (cpu, low, high) => {
    if (low & ~EFER.NXE || high !== 0) throw new Fault(Vector.GP);
    cpu.state.setSys(System.EFER, low);
    cpu.pagingChanged(true);
  },
};

const hasMachineCheck = (cpu: Cpu): boolean => hasFeature(cpu, Feature.MCE);
const hasMachineCheckArchitecture = (cpu: Cpu): boolean => hasFeature(cpu, Feature.MCA);
const isP6OrLater = (cpu: Cpu): boolean => family(cpu) >= 6;

/** IA32_MISC_ENABLE of a Pentium 4: fast strings on; branch trace store and PEBS unavailable. */
const MISC_ENABLE = 0x1801n;

const registers = new Map<number, Register>([
  /** P5_MC_ADDR and P5_MC_TYPE: no machine check ever happens. */
  [0x00, constant(0n, hasMachineCheck)],
  [0x01, constant(0n, hasMachineCheck)],
  [0x10, timestampCounter],
  /** IA32_PLATFORM_ID. */
  [0x17, constant(0n, isP6OrLater)],
  /** IA32_BIOS_SIGN_ID: no microcode update loaded. */
  [0x8b, constant(0n, isP6OrLater)],
  [0x174, stored(System.SYSENTER_CS)],
  [0x175, stored(System.SYSENTER_ESP)],
  [0x176, stored(System.SYSENTER_EIP)],
  /** IA32_MCG_CAP, IA32_MCG_STATUS: an architecture without error-reporting banks. */
  [0x179, constant(0n, hasMachineCheckArchitecture)],
  [0x17a, constant(0n, hasMachineCheckArchitecture)],
  [0xc0000080, extendedFeatureEnable],
  ...memoryTypeRegisters,
  [0x1a0, constant(MISC_ENABLE, (cpu) => family(cpu) === 15)],
]);

/** The MSR that ECX names. @throws Fault #UD without MSRs, #GP(0) for CPL above 0 or an unknown one */
const selected = (cpu: Cpu, access: string): Register => {
  if (!hasFeature(cpu, Feature.MSR)) throw new Fault(Vector.UD);
  requirePrivilege(cpu);
  const index = cpu.state.gpr(Gpr.ECX) >>> 0;
  const register = registers.get(index);
  if (register?.exists(cpu)) return register;
  cpu.warn(`${access} of unknown MSR ${index.toString(16)}h`);
  throw new Fault(Vector.GP);
};

const setPair = (cpu: Cpu, value: bigint): void => {
  cpu.state.setGpr(Gpr.EAX, Number(value & 0xffffffffn));
  cpu.state.setGpr(Gpr.EDX, Number((value >> 32n) & 0xffffffffn));
};

export const rdmsr = (cpu: Cpu): void => setPair(cpu, selected(cpu, 'RDMSR').read(cpu));

export const wrmsr = (cpu: Cpu): void =>
  selected(cpu, 'WRMSR').write(cpu, cpu.state.gpr(Gpr.EAX), cpu.state.gpr(Gpr.EDX));

export const rdtsc = (cpu: Cpu): void => {
  if (cpu.state.sys(System.CR4) & CR4.TSD) requirePrivilege(cpu);
  const { low, high } = cpu.timestamp();
  cpu.state.setGpr(Gpr.EAX, low);
  cpu.state.setGpr(Gpr.EDX, high);
};

/** RDPMC: there are no performance counters, so that every counter number is invalid. */
export const rdpmc = (): never => {
  throw new Fault(Vector.GP);
};
