import type { Clock, Timer } from '../../src/devices/device.ts';

/** A clock that stands still until it is told to go on; timers expire in order, each at its own time. */
export class VirtualTestClock implements Clock {
  #now = 0;
  readonly #armed = new Map<object, { at: number; expired: () => void }>();

  now(): number {
    return this.#now;
  }

  timer(expired: () => void): Timer {
    const key = {};
    return {
      arm: (at) => void this.#armed.set(key, { at, expired }),
      cancel: () => void this.#armed.delete(key),
    };
  }

  /** Number of timers waiting. */
  get armed(): number {
    return this.#armed.size;
  }

  advance(nanoseconds: number): void {
    this.advanceTo(this.#now + nanoseconds);
  }

  advanceTo(time: number): void {
    for (;;) {
      let first: object | undefined;
      let at = time;
      for (const [key, timer] of this.#armed) {
        if (timer.at <= at && (first === undefined || timer.at < at)) {
          first = key;
          at = timer.at;
        }
      }
      if (first === undefined) break;
      const { expired } = this.#armed.get(first)!;
      this.#armed.delete(first);
      this.#now = Math.max(this.#now, at);
      expired();
    }
    this.#now = time;
  }
}

/** A line that remembers its level and counts its rising edges. */
export class TestLine {
  level = false;
  rises = 0;
  set(level: boolean): void {
    if (level && !this.level) this.rises++;
    this.level = level;
  }
}
