/**
 * Intel 8254 programmable interval timer (datasheet 231164), as a PC wires it: 1.193182 MHz, gates 0 and 1 high,
 * OUT of counter 0 on IRQ 0, gate and OUT of counter 2 at port 0x61.
 */
import type { Clock, Line, PortDevice, Stateful, Timer, Width } from './device.ts';
import { Frequency } from './frequency.ts';
import { I8254Counter, NEVER } from './i8254-counter.ts';

/** The PC's timer clock: a twelfth of 14.31818 MHz. */
export const PIT_FREQUENCY = new Frequency(1_193_182);

export class I8254 implements PortDevice, Stateful {
  readonly #clock: Clock;
  readonly #output: Line;
  readonly #timer: Timer;
  readonly #counters: readonly I8254Counter[] = [new I8254Counter(), new I8254Counter(), new I8254Counter()];
  #edgeRises = false;

  /** @param options.output OUT of counter 0 */
  constructor(options: { clock: Clock; output: Line }) {
    this.#clock = options.clock;
    this.#output = options.output;
    this.#timer = options.clock.timer(() => this.#expired());
    this.#counters[2].setGate(0, false);
  }

  #now(): number {
    return PIT_FREQUENCY.ticksAt(this.#clock.now());
  }

  /** GATE of counter 2. */
  setGate2(level: boolean): void {
    this.#counters[2].setGate(this.#now(), level);
  }

  /** The level of OUT of a counter, 0-2. */
  out(counter: number): boolean {
    const t = this.#now();
    const { [counter]: c } = this.#counters;
    c.advance(t);
    return c.output(t);
  }

  read(offset: number, _width: Width): number {
    if (offset === 3) return 0xff;
    return this.#counters[offset].read(this.#now());
  }

  write(offset: number, _width: Width, value: number): void {
    const t = this.#now();
    if (offset !== 3) {
      this.#counters[offset].write(t, value);
      if (offset === 0) this.#drive(t);
      return;
    }
    const select = value >> 6;
    if (select === 3) {
      this.#readBack(t, value);
      return;
    }
    const counter = this.#counters[select];
    if ((value & 0x30) === 0) {
      counter.latchCount(t);
      return;
    }
    counter.setControl(t, value);
    if (select === 0) this.#drive(t);
  }

  /** Read-back command: bit 5 low latches the count, bit 4 low the status, bits 1-3 select the counters. */
  #readBack(t: number, value: number): void {
    for (let i = 0; i < 3; i++) {
      if ((value & (2 << i)) === 0) continue;
      if ((value & 0x20) === 0) this.#counters[i].latchCount(t);
      if ((value & 0x10) === 0) this.#counters[i].latchStatus(t);
    }
  }

  /** Brings the output line to the level of tick `t` and waits for the next edge. */
  #drive(t: number): void {
    const counter = this.#counters[0];
    counter.advance(t);
    // Modes 2, 4 and 5 go low for a single clock: that pulse is given whole at its rising edge.
    const pulses = counter.mode === 2 || counter.mode >= 4;
    this.#output.set(pulses || counter.output(t));
    const edge = counter.nextEdge(t);
    this.#edgeRises = counter.edgeRises;
    if (edge === NEVER) this.#timer.cancel();
    else this.#timer.arm(PIT_FREQUENCY.timeOf(edge));
  }

  #expired(): void {
    this.#output.set(false);
    if (this.#edgeRises) this.#output.set(true);
    this.#drive(this.#now());
  }

  save(): unknown {
    return this.#counters.map((counter) => counter.save());
  }

  /** The clock must have been restored before. */
  restore(state: unknown): void {
    const saved = state as unknown[];
    for (let i = 0; i < 3; i++) this.#counters[i].restore(saved[i]);
    this.#drive(this.#now());
  }
}
