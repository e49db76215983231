/** The floating-point unit of SSE, SSE2 and SSE3, over the machine's linear memory. */

/** Reads operands from SseScratch and MXCSR, writes results and sticky flags there (x86/fpu.ts). */
export class SimdUnit {
  readonly words: Int32Array;

  /** @param buffer the machine's linear memory */
  constructor(buffer: ArrayBufferLike) {
    this.words = new Int32Array(buffer);
  }
}
