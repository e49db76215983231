/**
 * The mode word: what a block's translation depends on besides its bytes. Blocks of different modes never
 * run into each other without a lookup.
 */
import { Attribute } from '../x86/descriptors.ts';
import { Seg } from '../x86/registers.ts';
import { type CpuState, SegmentField, System } from '../x86/state.ts';

export const Mode = {
  /** CS.D: 32-bit operands and addresses by default. */
  CODE32: 1 << 0,
  /** CS, SS, DS and ES are 32-bit, base 0, limit 4 GiB, and may be written (CS: read). Implies CODE32. */
  FLAT: 1 << 1,
  /** The technique rewrites sensitive instructions: guest kernel code under a monitor. */
  REWRITE: 1 << 2,
  /** Guest user code that a monitor lets run directly. */
  DIRECT: 1 << 3,
} as const;

const ALL_FLAT = (1 << Seg.ES) | (1 << Seg.CS) | (1 << Seg.SS) | (1 << Seg.DS);

/** CODE32 and FLAT as the segment registers have it. */
export const segmentMode = (state: CpuState): number => {
  if ((state.sys(System.FLAT) & ALL_FLAT) === ALL_FLAT) return Mode.CODE32 | Mode.FLAT;
  return state.segment(Seg.CS, SegmentField.ATTRIBUTES) & Attribute.DEFAULT_32 ? Mode.CODE32 : 0;
};
