/**
 * Motorola MC146818 real-time clock with the 128 bytes of CMOS memory of a PC/AT: index port (offset 0) and data
 * port (offset 1), interrupt on IRQ 8. The calendar is computed from the clock when it is read; a timer runs only
 * for an interrupt that is enabled.
 *
 * An update becomes visible and sets UF at the end of the update cycle; UIP is high for the 244 microseconds before
 * the cycle and the 1984 microseconds of the cycle itself (datasheet, "Update Cycle", 32.768 kHz time base).
 */
import type { Clock, Line, PortDevice, Stateful, Timer, Width } from './device.ts';
import { Frequency } from './frequency.ts';
import { type CalendarFormat, decodeCalendar, nextAlarm, readCalendar } from './mc146818-calendar.ts';
import { UNCONNECTED } from './wires.ts';

const SECOND = 1_000_000_000;
const UPDATE_IN_PROGRESS = 244_000 + 1_984_000;
const OSCILLATOR = new Frequency(32768);

export const RtcRegister = { A: 0x0a, B: 0x0b, C: 0x0c, D: 0x0d, CENTURY: 0x32 } as const;
const B = { SET: 0x80, PIE: 0x40, AIE: 0x20, UIE: 0x10, SQWE: 0x08, DM: 0x04, HOURS_24: 0x02 } as const;
const C = { IRQF: 0x80, PF: 0x40, AF: 0x20, UF: 0x10 } as const;
const DAY = 86400;

/** Whether a CMOS address is part of the calendar rather than alarm, control or memory. */
const isCalendar = (index: number): boolean =>
  index === 0 || index === 2 || index === 4 || (index >= 6 && index <= 9) || index === RtcRegister.CENTURY;

export class Mc146818 implements PortDevice, Stateful {
  /** The battery-backed bytes; the calendar and the registers A-D in it are kept up by the chip. */
  readonly memory = new Uint8Array(128);
  readonly #clock: Clock;
  readonly #irq: Line;
  readonly #nmiEnabled: Line;
  readonly #timer: Timer;
  readonly #state = {
    index: 0,
    nmiDisabled: false,
    /** Register A: 32.768 kHz divider, 1024 Hz periodic rate. */
    a: 0x26,
    b: B.HOURS_24 as number,
    c: 0,
    /** When the divider chain was at zero (ns), and the calendar's second then (since 1970). */
    origin: 0,
    seconds: 0,
    /** Difference between the weekday register as set and that of the date. */
    weekdayShift: 0,
    /** The time (ns) up to which flags have been set. */
    synced: 0,
  };

  /**
   * @param options.start the calendar at power-on, milliseconds since 1970 (as `Date.now()` counts)
   * @param options.irq driven high while IRQF is set
   * @param options.nmiEnabled driven by bit 7 of the index port: low keeps NMI from the processor
   */
  constructor(options: { clock: Clock; irq: Line; start: number; nmiEnabled?: Line }) {
    this.#nmiEnabled = options.nmiEnabled ?? UNCONNECTED;
    this.#clock = options.clock;
    this.#irq = options.irq;
    this.#timer = options.clock.timer(() => this.#settle());
    const s = this.#state;
    const whole = Math.floor(options.start / 1000);
    const now = options.clock.now();
    s.seconds = whole;
    s.origin = now - (options.start - whole * 1000) * 1_000_000;
    s.synced = now;
  }

  /** Whether bit 7 of the index port keeps NMI from the processor. */
  get nmiDisabled(): boolean {
    return this.#state.nmiDisabled;
  }

  get #format(): CalendarFormat {
    const { b } = this.#state;
    return { binary: (b & B.DM) !== 0, hours24: (b & B.HOURS_24) !== 0 };
  }

  /** DV2-DV0 of 11x hold the divider chain in reset. */
  get #dividerHeld(): boolean {
    return (this.#state.a & 0x60) === 0x60;
  }

  get #running(): boolean {
    return !this.#dividerHeld && (this.#state.b & B.SET) === 0;
  }

  #secondsAt(now: number): number {
    const s = this.#state;
    return s.seconds + Math.floor((now - s.origin) / SECOND);
  }

  /** Periodic interrupt period in oscillator ticks; 0 is off (datasheet, table 5). */
  get #period(): number {
    const rate = this.#state.a & 0x0f;
    if (rate === 0) return 0;
    return rate <= 2 ? 1 << (rate + 6) : 1 << (rate - 1);
  }

  #oscillatorTicks(now: number): number {
    return OSCILLATOR.ticksAt(now - this.#state.origin);
  }

  /** Sets the flags of everything that has happened since they were last brought up to date. */
  #sync(now: number): void {
    const s = this.#state;
    if (now <= s.synced) return;
    if (this.#running) {
      const from = this.#secondsAt(s.synced);
      const to = this.#secondsAt(now);
      if (to > from) {
        s.c |= C.UF;
        if (this.#nextAlarm(from) <= to) s.c |= C.AF;
      }
    }
    const period = this.#period;
    if (period > 0 && !this.#dividerHeld) {
      const from = Math.floor(this.#oscillatorTicks(s.synced) / period);
      if (Math.floor(this.#oscillatorTicks(now) / period) > from) s.c |= C.PF;
    }
    s.synced = now;
  }

  /** The first second after `from` at which the alarm matches; Infinity if it never does. */
  #nextAlarm(from: number): number {
    const { memory } = this;
    return nextAlarm(from, from + DAY, memory[5], memory[3], memory[1], this.#format);
  }

  /** Brings flags, interrupt line and timer to the present. */
  #settle(): void {
    const now = this.#clock.now();
    const s = this.#state;
    this.#sync(now);
    const asserted = (s.b & s.c & 0x70) !== 0;
    s.c = asserted ? s.c | C.IRQF : s.c & ~C.IRQF;
    this.#irq.set(asserted);
    const next = asserted ? Infinity : this.#nextInterrupt(now);
    if (next === Infinity) this.#timer.cancel();
    else this.#timer.arm(next);
  }

  #nextInterrupt(now: number): number {
    const s = this.#state;
    let next = Infinity;
    const period = this.#period;
    if (s.b & B.PIE && period > 0 && !this.#dividerHeld) {
      const tick = (Math.floor(this.#oscillatorTicks(now) / period) + 1) * period;
      next = s.origin + OSCILLATOR.timeOf(tick);
    }
    if (!this.#running) return next;
    const second = this.#secondsAt(now);
    let update = Infinity;
    if (s.b & B.UIE) update = second + 1;
    else if (s.b & B.AIE) update = this.#nextAlarm(second);
    return Math.min(next, s.origin + (update - s.seconds) * SECOND);
  }

  read(offset: number, _width: Width): number {
    if (offset === 0) return 0xff;
    const s = this.#state;
    switch (s.index) {
      case RtcRegister.A:
        return s.a | (this.#updateInProgress() ? 0x80 : 0);
      case RtcRegister.B:
        return s.b;
      case RtcRegister.C: {
        this.#settle();
        const flags = s.c;
        s.c = 0;
        this.#settle();
        return flags;
      }
      case RtcRegister.D:
        return 0x80;
      default:
        if (isCalendar(s.index) && this.#running) this.#storeCalendar();
        return this.memory[s.index];
    }
  }

  #updateInProgress(): boolean {
    if (!this.#running) return false;
    const elapsed = this.#clock.now() - this.#state.origin;
    return elapsed - Math.floor(elapsed / SECOND) * SECOND >= SECOND - UPDATE_IN_PROGRESS;
  }

  write(offset: number, _width: Width, value: number): void {
    const s = this.#state;
    if (offset === 0) {
      s.index = value & 0x7f;
      s.nmiDisabled = (value & 0x80) !== 0;
      this.#nmiEnabled.set(!s.nmiDisabled);
      return;
    }
    this.#sync(this.#clock.now());
    switch (s.index) {
      case RtcRegister.A:
        this.#changeControl(value & 0x7f, s.b);
        break;
      case RtcRegister.B:
        // SET going high clears UIE (datasheet, "Register B").
        this.#changeControl(s.a, value & B.SET ? value & ~B.UIE : value);
        break;
      case RtcRegister.C:
      case RtcRegister.D:
        return;
      default:
        if (isCalendar(s.index) && this.#running) {
          this.#storeCalendar();
          this.memory[s.index] = value;
          this.#loadCalendar();
        } else {
          this.memory[s.index] = value;
        }
    }
    this.#settle();
  }

  /** Writes registers A and B; stopping freezes the calendar bytes, starting takes them as the time. */
  #changeControl(a: number, b: number): void {
    const s = this.#state;
    const wasRunning = this.#running;
    const wasHeld = this.#dividerHeld;
    if (wasRunning) this.#storeCalendar();
    s.a = a;
    s.b = b;
    if (wasHeld && !this.#dividerHeld) {
      // The first update comes half a second after the divider is released (datasheet, "Divider Control").
      s.origin = this.#clock.now() - SECOND / 2;
    }
    if (!wasRunning && this.#running) this.#loadCalendar();
  }

  #storeCalendar(): void {
    const s = this.#state;
    readCalendar(this.memory, this.#secondsAt(this.#clock.now()), s.weekdayShift, this.#format);
  }

  #loadCalendar(): void {
    const s = this.#state;
    const { seconds, weekdayShift } = decodeCalendar(this.memory, this.#format);
    s.seconds = seconds - Math.floor((this.#clock.now() - s.origin) / SECOND);
    s.weekdayShift = weekdayShift;
  }

  /** The RESET pin: interrupt enables, SQWE and flags are cleared; calendar and memory stay. */
  reset(): void {
    const s = this.#state;
    this.#sync(this.#clock.now());
    s.b &= ~(B.PIE | B.AIE | B.UIE | B.SQWE);
    s.c = 0;
    this.#settle();
  }

  save(): unknown {
    return { ...this.#state, memory: [...this.memory] };
  }

  /** The clock must have been restored before. */
  restore(state: unknown): void {
    const { memory, ...rest } = state as { memory: number[] };
    this.memory.set(memory);
    Object.assign(this.#state, rest);
    this.#settle();
  }
}
