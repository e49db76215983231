/**
 * System control port B, port 0x61 of a PC/AT (82371AB datasheet, section 4.2.4: NMI status and control register):
 * gate and output of timer counter 2, the speaker, and the refresh toggle that delay loops watch.
 */
import type { Clock, PortDevice, Stateful, Width } from './device.ts';
import { PIT_FREQUENCY } from './i8254.ts';

/** Timer 1 requests a refresh every 18 ticks (15.09 microseconds); bit 4 toggles with each. */
const REFRESH_TICKS = 18;

export class SystemControlPortB implements PortDevice, Stateful {
  readonly #clock: Clock;
  readonly #setGate2: (level: boolean) => void;
  readonly #out2: () => boolean;
  /** Bits 0-3 as written: timer 2 gate, speaker data, parity and channel check disable. */
  #control = 0;

  /** @param options.setGate2 drives GATE 2 of the timer @param options.out2 reads its OUT 2 */
  constructor(options: { clock: Clock; setGate2: (level: boolean) => void; out2: () => boolean }) {
    this.#clock = options.clock;
    this.#setGate2 = options.setGate2;
    this.#out2 = options.out2;
  }

  read(_offset: number, _width: Width): number {
    const refresh = Math.floor(PIT_FREQUENCY.ticksAt(this.#clock.now()) / REFRESH_TICKS) & 1;
    return this.#control | (refresh << 4) | (this.#out2() ? 0x20 : 0);
  }

  write(_offset: number, _width: Width, value: number): void {
    this.#control = value & 0x0f;
    this.#setGate2((value & 1) !== 0);
  }

  save(): unknown {
    return this.#control;
  }

  restore(state: unknown): void {
    this.#control = state as number;
  }
}
