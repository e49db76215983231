/**
 * System control port B, port 0x61 of a PC/AT (82371AB datasheet, section 4.2.4: NMI status and control register):
 * gate and output of timer counter 2, the speaker, the refresh toggle that delay loops watch, and the two sources
 * of NMI.
 */
import type { Clock, Line, PortDevice, Stateful, Width } from './device.ts';
import { PIT_FREQUENCY } from './i8254.ts';

/** Timer 1 requests a refresh every 18 ticks (15.09 microseconds); bit 4 toggles with each. */
const REFRESH_TICKS = 18;

/** As written: these disable a source of NMI and clear its status. */
const DISABLE = { SERR: 0x04, IOCHK: 0x08 } as const;
/** As read: what asks for NMI. */
const STATUS = { SERR: 0x80, IOCHK: 0x40 } as const;

export class SystemControlPortB implements PortDevice, Stateful {
  readonly #clock: Clock;
  readonly #setGate2: (level: boolean) => void;
  readonly #out2: () => boolean;
  /** Bits 0-3 as written: timer 2 gate, speaker data, parity and channel check disable. */
  #control = 0;
  readonly #nmi: Line;
  /** Bits of STATUS. */
  #status = 0;

  /** @param options.setGate2 drives GATE 2 of the timer @param options.out2 reads its OUT 2
   * @param options.nmi high while a source asks for NMI */
  constructor(options: {
    clock: Clock;
    setGate2: (level: boolean) => void;
    out2: () => boolean;
    nmi: Line;
  }) {
    this.#nmi = options.nmi;
    this.#clock = options.clock;
    this.#setGate2 = options.setGate2;
    this.#out2 = options.out2;
  }

  read(_offset: number, _width: Width): number {
    const refresh = Math.floor(PIT_FREQUENCY.ticksAt(this.#clock.now()) / REFRESH_TICKS) & 1;
    return this.#status | this.#control | (refresh << 4) | (this.#out2() ? 0x20 : 0);
  }

  write(_offset: number, _width: Width, value: number): void {
    this.#control = value & 0x0f;
    this.#setGate2((value & 1) !== 0);
    if (value & DISABLE.SERR) this.#status &= ~STATUS.SERR;
    if (value & DISABLE.IOCHK) this.#status &= ~STATUS.IOCHK;
    this.#nmi.set(this.#status !== 0);
  }

  /** A board asserts IOCHK#. */
  channelCheck(): void {
    this.#raise(DISABLE.IOCHK, STATUS.IOCHK);
  }
  /** A board asserts SERR#, once the line for parity errors. */
  systemError(): void {
    this.#raise(DISABLE.SERR, STATUS.SERR);
  }
  #raise(disable: number, status: number): void {
    if (this.#control & disable) return;
    this.#status |= status;
    this.#nmi.set(true);
  }

  save(): unknown {
    return [this.#control, this.#status];
  }

  restore(state: unknown): void {
    [this.#control, this.#status] = state as [number, number];
  }
}
