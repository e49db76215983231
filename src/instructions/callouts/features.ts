/** CPUID.1:EDX feature bits that decide what other instructions accept (SDM vol. 2, CPUID, table 3-11). */
import type { Cpu } from '../cpu.ts';

export const Feature = {
  FPU: 1 << 0,
  VME: 1 << 1,
  DE: 1 << 2,
  PSE: 1 << 3,
  TSC: 1 << 4,
  MSR: 1 << 5,
  PAE: 1 << 6,
  MCE: 1 << 7,
  CX8: 1 << 8,
  APIC: 1 << 9,
  SEP: 1 << 11,
  MTRR: 1 << 12,
  PGE: 1 << 13,
  CMOV: 1 << 15,
  FXSR: 1 << 24,
  SSE: 1 << 25,
} as const;

export const hasFeature = (cpu: Cpu, feature: number): boolean => (cpu.model.features & feature) !== 0;

/** Whether VIF and VIP exist in EFLAGS. */
export const supportsVirtualInterrupts = (cpu: Cpu): boolean => hasFeature(cpu, Feature.VME);

/** Family as CPUID.1:EAX shows it, without the extended field. */
export const family = (cpu: Cpu): number => (cpu.model.signature >> 8) & 15;
