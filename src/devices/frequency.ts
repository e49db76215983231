/**
 * Exact conversion between nanoseconds since power-on and the edges of a fixed oscillator. A counter that keeps
 * absolute ticks never drifts: whole seconds and the rest are converted apart, so that every product stays an
 * exact integer below 2^53 for any time and any frequency up to 9 MHz.
 */
const SECOND = 1_000_000_000;

export class Frequency {
  readonly hertz: number;

  /** @param hertz an integer, at most 9,000,000 */
  constructor(hertz: number) {
    if (!Number.isInteger(hertz) || hertz < 1 || hertz > 9_000_000) {
      throw new RangeError(`oscillator frequency ${hertz} Hz is not an integer from 1 to 9,000,000`);
    }
    this.hertz = hertz;
  }

  /** Number of whole ticks completed at a time in nanoseconds (not negative). */
  ticksAt(time: number): number {
    const seconds = Math.floor(time / SECOND);
    return seconds * this.hertz + Math.floor(((time - seconds * SECOND) * this.hertz) / SECOND);
  }

  /** The first whole nanosecond at which `ticksAt` has reached a tick. */
  timeOf(tick: number): number {
    const seconds = Math.floor(tick / this.hertz);
    return seconds * SECOND + Math.ceil(((tick - seconds * this.hertz) * SECOND) / this.hertz);
  }
}
