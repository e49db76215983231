/** CPUID (SDM vol. 2, CPUID). */
import { type CpuidLeaf, type CpuModel, Feature, modelHas } from '../../x86/cpu-models.ts';
import { Gpr } from '../../x86/registers.ts';
import type { Cpu } from '../cpu.ts';

const NONE: CpuidLeaf = [0, 0, 0, 0];

/** Four characters of a string, the first in the lowest byte; zeros behind its end. */
const characters = (text: string, at: number): number => {
  let value = 0;
  for (let i = 0; i < 4; i++) value |= (at + i < text.length ? text.charCodeAt(at + i) : 0) << (8 * i);
  return value;
};

const HIGHEST_EXTENDED = 0x80000008;
/** Leaf 1, EBX: bytes that CLFLUSH flushes, divided by 8. */
const CLFLUSH_LINE = 8 << 8;
/** Leaf 80000006h, ECX: 1 MByte in KBytes, 8 ways, lines of 64 bytes. */
const SECOND_LEVEL_CACHE = 0x04006040;
/** Leaf 80000008h, EAX: 36 bits of physical and 32 of linear address. */
const ADDRESS_BITS = 0x2024;

const extendedLeaf = (model: CpuModel, brand: string, index: number): CpuidLeaf => {
  switch (index) {
    case 0x80000000:
      return [HIGHEST_EXTENDED, 0, 0, 0];
    case 0x80000001:
      return [0, 0, 0, model.features[2]];
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const at = (index - 0x80000002) * 16;
      return [
        characters(brand, at),
        characters(brand, at + 4),
        characters(brand, at + 8),
        characters(brand, at + 12),
      ];
    }
    case 0x80000006:
      return [0, 0, SECOND_LEVEL_CACHE, 0];
    case 0x80000008:
      return [ADDRESS_BITS, 0, 0, 0];
    default:
      return NONE;
  }
};

const basicLeaf = (model: CpuModel, index: number, subleaf: number): CpuidLeaf => {
  switch (index) {
    case 0:
      return [
        model.highestLeaf,
        characters(model.vendor, 0),
        characters(model.vendor, 8),
        characters(model.vendor, 4),
      ];
    case 1:
      return [
        model.signature,
        modelHas(model, Feature.CLFSH) ? CLFLUSH_LINE : 0,
        model.features[1],
        model.features[0],
      ];
    case 2:
      return model.cacheDescriptors;
    case 4:
      return model.caches[subleaf] ?? NONE;
    default:
      return NONE;
  }
};

/**
 * The registers CPUID returns. Leaves that the model does not have show its highest basic one.
 * @param index EAX, unsigned @param subleaf ECX, unsigned
 */
export const cpuidLeaf = (model: CpuModel, index: number, subleaf = 0): CpuidLeaf => {
  if (model.brand !== null && index >= 0x80000000 && index <= HIGHEST_EXTENDED)
    return extendedLeaf(model, model.brand, index);
  return basicLeaf(model, Math.min(index, model.highestLeaf), subleaf);
};

export const cpuid = (cpu: Cpu): void => {
  const { state } = cpu;
  const [eax, ebx, ecx, edx] = cpuidLeaf(cpu.model, state.gpr(Gpr.EAX) >>> 0, state.gpr(Gpr.ECX) >>> 0);
  state.setGpr(Gpr.EAX, eax);
  state.setGpr(Gpr.EBX, ebx);
  state.setGpr(Gpr.ECX, ecx);
  state.setGpr(Gpr.EDX, edx);
};
