/** RDMSR and WRMSR of the MTRRs and the PAT: what may be written to them (SDM vol. 3, section 11.11, 11.12). */
import { modelPhysicalBits } from '../../x86/cpu-models.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import {
  DefaultType,
  fixedMtrrs,
  MemoryType,
  MTRR_CAPABILITIES,
  Mtrr,
  memoryTypeRegister,
  variableMtrrs,
} from '../../x86/memory-types.ts';
import type { Cpu } from '../cpu.ts';
import { Feature, hasFeature } from './features.ts';
import type { Register } from './msr.ts';

type Check = (low: number, high: number, cpu: Cpu) => boolean;

const { UC, WC, WT, WP, WB, UNCACHED } = MemoryType;
const isMtrrType = (type: number): boolean => ([UC, WC, WT, WP, WB] as number[]).includes(type);
const isPatType = (type: number): boolean => isMtrrType(type) || type === UNCACHED;
const everyByte = (word: number, accepts: (type: number) => boolean): boolean =>
  [0, 8, 16, 24].every((shift) => accepts((word >>> shift) & 0xff));
const bothHalves =
  (accepts: (type: number) => boolean): Check =>
  (low, high) =>
    everyByte(low, accepts) && everyByte(high, accepts);

/** Whether no address bit beyond MAXPHYADDR is set. */
const fits = (high: number, cpu: Cpu): boolean => high >>> (modelPhysicalBits(cpu.model) - 32) === 0;
const isBase: Check = (low, high, cpu) => isMtrrType(low & 0xff) && (low & 0xf00) === 0 && fits(high, cpu);
const isMask: Check = (low, high, cpu) => (low & 0x7ff) === 0 && fits(high, cpu);
const isDefault: Check = (low, high) =>
  isMtrrType(low & 0xff) && (low & ~(0xff | DefaultType.E | DefaultType.FE)) === 0 && high === 0;

const hasMtrrs = (cpu: Cpu): boolean => hasFeature(cpu, Feature.MTRR);

/** A register that is kept as it is written. @throws Fault #GP(0) for a value that `accepts` refuses */
const kept = (msr: number, exists: (cpu: Cpu) => boolean, accepts: Check): [number, Register] => {
  const at = memoryTypeRegister(msr) >> 2;
  return [
    msr,
    {
      exists,
      read: ({ state: { words } }) => (BigInt(words[at + 1]! >>> 0) << 32n) | BigInt(words[at]! >>> 0),
      write(cpu, low, high) {
        if (!accepts(low, high, cpu)) throw new Fault(Vector.GP);
        cpu.state.words[at] = low;
        cpu.state.words[at + 1] = high;
      },
    },
  ];
};

export const memoryTypeRegisters: readonly [number, Register][] = [
  [
    Mtrr.CAP,
    {
      exists: hasMtrrs,
      read: () => BigInt(MTRR_CAPABILITIES),
      write() {
        throw new Fault(Vector.GP);
      },
    },
  ],
  kept(Mtrr.PAT, (cpu) => hasFeature(cpu, Feature.PAT), bothHalves(isPatType)),
  kept(Mtrr.DEF_TYPE, hasMtrrs, isDefault),
  ...fixedMtrrs.map((msr) => kept(msr, hasMtrrs, bothHalves(isMtrrType))),
  ...variableMtrrs.map((msr) => kept(msr, hasMtrrs, msr % 2 === 0 ? isBase : isMask)),
];
