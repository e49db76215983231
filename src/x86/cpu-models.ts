/** The processors a machine can have: what CPUID shows of each, and thereby which instructions and bits exist. */

/**
 * CPUID feature flags: 0-31 are bits of leaf 1's EDX, 32-63 of its ECX, 64-95 of leaf 80000001h's EDX (SDM
 * vol. 2, CPUID, tables 3-10 and 3-11).
 */
export const Feature = {
  FPU: 0,
  VME: 1,
  DE: 2,
  PSE: 3,
  TSC: 4,
  MSR: 5,
  PAE: 6,
  MCE: 7,
  CX8: 8,
  APIC: 9,
  SEP: 11,
  MTRR: 12,
  PGE: 13,
  MCA: 14,
  CMOV: 15,
  PAT: 16,
  PSE36: 17,
  CLFSH: 19,
  MMX: 23,
  FXSR: 24,
  SSE: 25,
  SSE2: 26,
  SSE3: 32,
  NX: 64 + 20,
} as const;
export type Feature = (typeof Feature)[keyof typeof Feature];

/** EAX, EBX, ECX, EDX of a CPUID leaf. */
export type CpuidLeaf = readonly [eax: number, ebx: number, ecx: number, edx: number];

export interface CpuModel {
  readonly name: string;
  /** 12 characters. */
  readonly vendor: string;
  /** CPUID.1:EAX: family, model, stepping. */
  readonly signature: number;
  /** CPUID.1:EDX, CPUID.1:ECX, CPUID.80000001h:EDX. Only what works. */
  readonly features: readonly [number, number, number];
  /** Highest basic leaf. */
  readonly highestLeaf: number;
  /** Leaf 2: cache and TLB descriptors. */
  readonly cacheDescriptors: CpuidLeaf;
  /** Leaf 4: deterministic cache parameters by sub-leaf. */
  readonly caches: readonly CpuidLeaf[];
  /** Shown by leaves 80000002h-80000004h; a processor without a brand string has no extended leaves. */
  readonly brand: string | null;
}

/** What the processors below have on silicon but these machines do not; never advertised. */
const NOT_BUILT: ReadonlySet<Feature> = new Set<Feature>([Feature.APIC]);

const words = (features: readonly Feature[]): [number, number, number] => {
  const result: [number, number, number] = [0, 0, 0];
  for (const feature of features) {
    if (!NOT_BUILT.has(feature)) result[feature >> 5]! |= 1 << (feature & 31);
  }
  return result;
};

const NONE: CpuidLeaf = [0, 0, 0, 0];
const I486 = [Feature.FPU, Feature.VME];
const PENTIUM = [
  ...I486,
  Feature.DE,
  Feature.PSE,
  Feature.TSC,
  Feature.MSR,
  Feature.MCE,
  Feature.CX8,
  Feature.MMX,
];
const PENTIUM2 = [
  ...PENTIUM,
  Feature.PAE,
  Feature.APIC,
  Feature.SEP,
  Feature.MTRR,
  Feature.PGE,
  Feature.MCA,
  Feature.CMOV,
  Feature.PAT,
  Feature.PSE36,
  Feature.FXSR,
];
const PENTIUM3 = [...PENTIUM2, Feature.SSE];
const PENTIUM4 = [...PENTIUM3, Feature.CLFSH, Feature.SSE2, Feature.SSE3, Feature.NX];

const INTEL = 'GenuineIntel';

export const cpuModels = {
  /** An IntelDX4, the first 486 with CPUID in all its steppings. */
  '486': {
    name: '486',
    vendor: INTEL,
    signature: 0x480,
    features: words(I486),
    highestLeaf: 1,
    cacheDescriptors: NONE,
    caches: [],
    brand: null,
  },
  /** A Pentium with MMX technology (P55C). */
  pentium: {
    name: 'pentium',
    vendor: INTEL,
    signature: 0x543,
    features: words(PENTIUM),
    highestLeaf: 1,
    cacheDescriptors: NONE,
    caches: [],
    brand: null,
  },
  /**
   * Deschutes: 4-KByte and 4-MByte TLBs (01h 02h 03h 04h), 16 KBytes of first-level code (08h) and data (0Ch)
   * cache, 512 KBytes of second-level cache (43h).
   */
  pentium2: {
    name: 'pentium2',
    vendor: INTEL,
    signature: 0x652,
    features: words(PENTIUM2),
    highestLeaf: 2,
    cacheDescriptors: [0x03020101, 0, 0, 0x0c040843],
    caches: [],
    brand: null,
  },
  /** Coppermine: as before, with 256 KBytes of second-level cache (82h). */
  pentium3: {
    name: 'pentium3',
    vendor: INTEL,
    signature: 0x683,
    features: words(PENTIUM3),
    highestLeaf: 2,
    cacheDescriptors: [0x03020101, 0, 0, 0x0c040882],
    caches: [],
    brand: null,
  },
  /**
   * Prescott with the execute-disable bit: 64-entry TLBs (50h 5Bh), 16 KBytes of first-level data cache (60h),
   * a trace cache of 12K micro-operations (70h), 1 MByte of second-level cache (7Ch), no third level (40h).
   */
  pentium4: {
    name: 'pentium4',
    vendor: INTEL,
    signature: 0xf41,
    features: words(PENTIUM4),
    highestLeaf: 4,
    cacheDescriptors: [0x605b5001, 0, 0, 0x007c7040],
    caches: [
      [0x121, 0x01c0003f, 0x1f, 0],
      [0x143, 0x01c0003f, 0x7ff, 0],
    ],
    brand: 'Ringdown virtual Pentium 4',
  },
} as const satisfies Record<string, CpuModel>;

export type CpuModelName = keyof typeof cpuModels;

export const modelHas = (model: CpuModel, feature: Feature): boolean =>
  ((model.features[feature >> 5]! >>> (feature & 31)) & 1) !== 0;

/** MAXPHYADDR, bits of a physical address: 36 since PAE and PSE-36 (SDM vol. 3, section 4.1.4). */
export const modelPhysicalBits = (model: CpuModel): 32 | 36 =>
  modelHas(model, Feature.PAE) || modelHas(model, Feature.PSE36) ? 36 : 32;
