/**
 * ACPI fixed hardware (ACPI Specification, section 4.8.3): PM1a event and control blocks and the PM timer, in one
 * 16-byte range: status 0, enable 2, control 4, timer 8. There is no SMI command port and no firmware that owns the
 * registers: the machine is always in ACPI mode (SCI_EN reads as one).
 */
import type { Clock, Line, PortDevice, Stateful, Timer, Width } from './device.ts';
import { Frequency } from './frequency.ts';

export const PM_TIMER_FREQUENCY = new Frequency(3_579_545);

/** Offsets (bytes) of the blocks within the range, for the FADT. */
export const AcpiPmOffset = { EVENT: 0, CONTROL: 4, TIMER: 8, LENGTH: 16 } as const;

const Event = { TIMER: 0x0001, GLOBAL: 0x0020, POWER_BUTTON: 0x0100, RTC: 0x0400, WAKE: 0x8000 } as const;
const STATUS_BITS = Event.TIMER | Event.GLOBAL | Event.POWER_BUTTON | Event.WAKE;
/** RTC_EN can be set, as software may check that it can, though the FADT says that the alarm has no status here. */
const ENABLE_BITS = Event.TIMER | Event.GLOBAL | Event.POWER_BUTTON | Event.RTC;
const Control = { SCI_EN: 0x0001, BM_RLD: 0x0002, SLP_TYP: 0x1c00, SLP_EN: 0x2000 } as const;
const SLP_TYP_SHIFT = 10;

export interface AcpiPmOptions {
  clock: Clock;
  /** The system control interrupt: level-triggered. */
  sci: Line;
  /** The SLP_TYP value (0-7) that \_S5 names. */
  softOffType: number;
  /** Soft off (S5): the machine should stop. */
  onPowerOff: () => void;
  /** Width of the PM timer in bits; 24 by default. */
  timerBits?: 24 | 32;
}

export class AcpiPm implements PortDevice, Stateful {
  readonly #clock: Clock;
  readonly #sci: Line;
  readonly #onPowerOff: () => void;
  readonly #softOffType: number;
  readonly #timer: Timer;
  /** Timer ticks for which the most significant bit stays the same. */
  readonly #halfPeriod: number;
  readonly #state = {
    status: 0,
    enable: 0,
    control: Control.SCI_EN as number,
    /** Half periods of the timer that TMR_STS has accounted for. */
    halves: 0,
  };

  constructor(options: AcpiPmOptions) {
    this.#clock = options.clock;
    this.#sci = options.sci;
    this.#softOffType = options.softOffType;
    this.#onPowerOff = options.onPowerOff;
    this.#halfPeriod = 2 ** ((options.timerBits ?? 24) - 1);
    this.#timer = options.clock.timer(() => this.#settle());
  }

  #ticks(): number {
    return PM_TIMER_FREQUENCY.ticksAt(this.#clock.now());
  }

  /** Sets TMR_STS if the timer's most significant bit has changed, in either direction (section 4.8.3.1.1). */
  #sync(): void {
    const s = this.#state;
    const halves = Math.floor(this.#ticks() / this.#halfPeriod);
    if (halves > s.halves) s.status |= Event.TIMER;
    s.halves = halves;
  }

  #settle(): void {
    this.#sync();
    const s = this.#state;
    this.#sci.set((s.status & s.enable) !== 0);
    if (s.enable & ~s.status & Event.TIMER) {
      this.#timer.arm(PM_TIMER_FREQUENCY.timeOf((s.halves + 1) * this.#halfPeriod));
    } else {
      this.#timer.cancel();
    }
  }

  /** The user presses the power button. */
  pressPowerButton(): void {
    this.#state.status |= Event.POWER_BUTTON;
    this.#settle();
  }

  read(offset: number, width: Width): number {
    const value = this.#register(offset & ~3);
    const shift = (offset & 3) * 8;
    if (shift + width * 8 <= 32) {
      return width === 4 ? value : (value >>> shift) & (width === 2 ? 0xffff : 0xff);
    }
    // The rest lies in the next doubleword.
    const joined = (value >>> shift) | (this.#register((offset & ~3) + 4) << (32 - shift));
    return width === 4 ? joined >>> 0 : joined & 0xffff;
  }

  #register(doubleword: number): number {
    const s = this.#state;
    switch (doubleword) {
      case 0:
        this.#sync();
        return ((s.enable << 16) | s.status) >>> 0;
      case 4:
        return s.control;
      case 8:
        return this.#ticks() % (this.#halfPeriod * 2);
      default:
        return 0;
    }
  }

  write(offset: number, width: Width, value: number): void {
    // Gathers the written bytes of the three 16-bit registers.
    let clear = 0;
    let enable = this.#state.enable;
    let control = this.#state.control;
    let controlWritten = false;
    for (let i = 0; i < width; i++) {
      const at = offset + i;
      const shift = (at & 1) * 8;
      const byte = ((value >>> (8 * i)) & 0xff) << shift;
      const keep = 0xff00 >>> shift;
      if (at < 2) clear |= byte;
      else if (at < 4) enable = (enable & keep) | byte;
      else if (at < 6) {
        control = (control & keep) | byte;
        controlWritten = true;
      }
    }
    this.#sync();
    this.#state.status &= ~(clear & STATUS_BITS);
    this.#state.enable = enable & ENABLE_BITS;
    this.#settle();
    if (controlWritten) this.#writeControl(control);
  }

  #writeControl(control: number): void {
    this.#state.control = Control.SCI_EN | (control & (Control.BM_RLD | Control.SLP_TYP));
    const sleepType = (control & Control.SLP_TYP) >> SLP_TYP_SHIFT;
    if (control & Control.SLP_EN && sleepType === this.#softOffType) this.#onPowerOff();
  }

  /** The reset signal; the timer runs on. */
  reset(): void {
    this.#sync();
    Object.assign(this.#state, { status: 0, enable: 0, control: Control.SCI_EN });
    this.#settle();
  }

  save(): unknown {
    return { ...this.#state };
  }

  /** The clock must have been restored before. */
  restore(state: unknown): void {
    Object.assign(this.#state, state);
    this.#settle();
  }
}
