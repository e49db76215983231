/**
 * The floating-point unit of SSE, SSE2 and SSE3: what MXCSR asks of a computation, and the exceptions it meets
 * (SDM vol. 1, sections 10.2.3 and 11.5). Operands, results and MXCSR are in the machine's linear memory
 * (x86/fpu.ts); the rest is scratch, kept so that a computation allocates nothing.
 */
import { Vector } from '../../x86/exceptions.ts';
import { FPU_EXCEPTIONS, Fpu, FpuControl, FpuStatus, Mxcsr, SseScratch } from '../../x86/fpu.ts';
import { Context } from '../x87/rounding.ts';
import { Operand } from './format.ts';

/** Indices of 32-bit words. */
export const FIRST = SseScratch.FIRST >> 2;
export const SECOND = SseScratch.SECOND >> 2;
export const RESULT = SseScratch.RESULT >> 2;
export const PREDICATE = SseScratch.PREDICATE >> 2;
const MXCSR = Fpu.MXCSR >> 2;

/** Reads operands from SseScratch and MXCSR, writes results and sticky flags there. */
export class SimdUnit {
  readonly words: Int32Array;
  readonly left = new Operand();
  readonly right = new Operand();
  /** Rounding and masks; its flags are the exceptions met after computing: OE, UE, PE. */
  readonly context = new Context();
  /** Exceptions met before computing: IE, DE, ZE; bits of MXCSR. */
  before = 0;
  /** Denormal operands count as zeros. */
  denormalsAreZeros = false;
  /** Tiny results become zeros; only while underflow is masked. */
  flushToZero = false;

  /** @param buffer the machine's linear memory */
  constructor(buffer: ArrayBufferLike) {
    this.words = new Int32Array(buffer);
  }

  /** Starts a computation: takes MXCSR apart. */
  begin(): void {
    const mxcsr = this.words[MXCSR];
    const masks = (mxcsr >> Mxcsr.MASKS_SHIFT) & FPU_EXCEPTIONS;
    const rounding = (mxcsr >> Mxcsr.ROUNDING_SHIFT) & 3;
    this.context.begin(masks | (rounding << FpuControl.ROUNDING_SHIFT));
    this.before = 0;
    this.denormalsAreZeros = (mxcsr & Mxcsr.DAZ) !== 0;
    this.flushToZero = (mxcsr & Mxcsr.FTZ) !== 0 && (masks & FpuStatus.UE) !== 0;
  }

  /**
   * Ends a computation: sets MXCSR's flags. An unmasked exception found before computing in any lane keeps those
   * after computing from being looked for in all (SDM vol. 1, section 11.5.3). @returns 0, or vector 19
   */
  finish(): number {
    const { before, context } = this;
    if (before & context.unmasked) {
      this.words[MXCSR] |= before;
      return Vector.XM;
    }
    this.words[MXCSR] |= before | context.flags;
    return context.flags & context.unmasked ? Vector.XM : 0;
  }

  /** Makes the destination operand the result, for a computation that replaces only a part of it. */
  keepFirst(): void {
    this.words.copyWithin(RESULT, FIRST, FIRST + 4);
  }
}
