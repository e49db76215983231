/** The machine's clocks: virtual time driven by instructions, and the host's time. */
import type { Clock, Timer } from '../devices/device.ts';

/** Virtual nanoseconds one instruction takes unless told otherwise: a processor of 125 million instructions a second. */
export const NANOSECONDS_PER_INSTRUCTION = 8;

class ClockTimer implements Timer {
  readonly expired: () => void;
  readonly #clock: TimerClock;
  deadline = Number.POSITIVE_INFINITY;

  constructor(clock: TimerClock, expired: () => void) {
    this.#clock = clock;
    this.expired = expired;
  }
  arm(at: number): void {
    this.deadline = at;
    this.#clock.rearmed(at);
  }
  cancel(): void {
    this.deadline = Number.POSITIVE_INFINITY;
  }
}

/** What both clocks share: the timers. */
abstract class TimerClock implements Clock {
  readonly #timers: ClockTimer[] = [];
  /** Told when a timer was armed for an earlier time than any before. */
  onEarlier: (deadline: number) => void = () => {};

  abstract now(): number;

  timer(expired: () => void): Timer {
    const timer = new ClockTimer(this, expired);
    this.#timers.push(timer);
    return timer;
  }
  rearmed(deadline: number): void {
    this.onEarlier(deadline);
  }
  /** Time of the next expiry in nanoseconds, Infinity when no timer is armed. */
  get deadline(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const t of this.#timers) if (t.deadline < least) least = t.deadline;
    return least;
  }
  /** Lets every timer whose time has come expire, the earliest first. */
  expire(): void {
    for (;;) {
      const now = this.now();
      let next: ClockTimer | undefined;
      for (const t of this.#timers)
        if (t.deadline <= now && (next === undefined || t.deadline < next.deadline)) next = t;
      if (next === undefined) return;
      next.cancel();
      next.expired();
    }
  }
}

/** The clock of a machine; `idle` is called when the guest waits for an interrupt. */
export interface MachineClock extends Clock {
  readonly deadline: number;
  /** Nanoseconds that an instruction takes, 0 where that is not how time goes; and those that passed while idle. */
  readonly perInstruction: number;
  readonly skipped: number;
  onEarlier: (deadline: number) => void;
  expire(): void;
  /** Instructions that may run before the next expiry. */
  budget(): number;
  /** Passes idle time up to the next expiry. @returns host milliseconds to sleep, 0 for none */
  idle(): number;
}

/** Time is the number of instructions retired, plus what was skipped while idle: the same in every run. */
export class VirtualClock extends TimerClock implements MachineClock {
  readonly #retired: () => number;
  readonly perInstruction: number;
  skipped = 0;

  /**
   * @param retired instructions retired so far, exact at any moment
   * @param perInstruction nanoseconds that an instruction takes, a whole number, so that sums are exact
   */
  constructor(retired: () => number, perInstruction: number = NANOSECONDS_PER_INSTRUCTION) {
    super();
    this.#retired = retired;
    this.perInstruction = perInstruction;
  }
  now(): number {
    return this.#retired() * this.perInstruction + this.skipped;
  }
  budget(): number {
    return Math.max(0, Math.ceil((this.deadline - this.now()) / this.perInstruction));
  }
  idle(): number {
    const { deadline } = this;
    if (deadline !== Number.POSITIVE_INFINITY) this.skipped += Math.max(0, deadline - this.now());
    return 0;
  }
}

/** Time is the host's, from the machine's start. */
export class WallClock extends TimerClock implements MachineClock {
  readonly perInstruction = 0;
  readonly skipped = 0;
  readonly #start = performance.now();
  now(): number {
    return Math.floor((performance.now() - this.#start) * 1e6);
  }
  budget(): number {
    // The speed is unknown: look at the clock at least every so many instructions.
    return this.deadline <= this.now() ? 0 : 20_000;
  }
  idle(): number {
    return Math.min(100, Math.max(0, (this.deadline - this.now()) / 1e6));
  }
}
