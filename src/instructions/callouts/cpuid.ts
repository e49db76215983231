/** CPUID, and the processors it can show (SDM vol. 2, CPUID). */
import { Gpr } from '../../x86/registers.ts';
import type { Cpu, CpuModel } from '../cpu.ts';
import { Feature } from './features.ts';

/** A Pentium II (Deschutes) with only the features that exist here. */
export const pentium2: CpuModel = {
  name: 'pentium2',
  vendor: 'GenuineIntel',
  signature: 0x652,
  features:
    Feature.FPU |
    Feature.PSE |
    Feature.TSC |
    Feature.MSR |
    Feature.CX8 |
    Feature.SEP |
    Feature.PGE |
    Feature.CMOV,
  brand: 'Ringdown virtual Pentium II',
};

type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number];

/** Four characters of a string, the first in the lowest byte; zeros behind its end. */
const characters = (text: string, at: number): number => {
  let value = 0;
  for (let i = 0; i < 4; i++) value |= (at + i < text.length ? text.charCodeAt(at + i) : 0) << (8 * i);
  return value;
};

const HIGHEST_BASIC = 2;
const HIGHEST_EXTENDED = 0x80000004;

/**
 * Leaf 2 of a Deschutes: 4-KByte and 4-MByte TLBs (01h 02h 03h 04h), 16 KBytes of first-level code (08h) and
 * data (0Ch) cache, 512 KBytes of second-level cache (43h).
 */
const CACHES: Leaf = [0x03020101, 0, 0, 0x0c040843];

/** The registers CPUID returns. @param index unsigned; unknown leaves show the highest basic one */
export const cpuidLeaf = (model: CpuModel, index: number): Leaf => {
  switch (index) {
    case 0:
      return [
        HIGHEST_BASIC,
        characters(model.vendor, 0),
        characters(model.vendor, 8),
        characters(model.vendor, 4),
      ];
    case 1:
      return [model.signature, 0, 0, model.features];
    case 0x80000000:
      return [HIGHEST_EXTENDED, 0, 0, 0];
    case 0x80000001:
      return [0, 0, 0, 0];
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const at = (index - 0x80000002) * 16;
      return [
        characters(model.brand, at),
        characters(model.brand, at + 4),
        characters(model.brand, at + 8),
        characters(model.brand, at + 12),
      ];
    }
    default:
      return CACHES;
  }
};

export const cpuid = (cpu: Cpu): void => {
  const { state } = cpu;
  const [eax, ebx, ecx, edx] = cpuidLeaf(cpu.model, state.gpr(Gpr.EAX) >>> 0);
  state.setGpr(Gpr.EAX, eax);
  state.setGpr(Gpr.EBX, ebx);
  state.setGpr(Gpr.ECX, ecx);
  state.setGpr(Gpr.EDX, edx);
};
