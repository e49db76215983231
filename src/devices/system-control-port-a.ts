import type { Line, PortDevice, Stateful, Width } from './device.ts';

/** System control port A, port 0x92: fast A20 gate (bit 1) and fast processor reset (bit 0, on a rising edge). */
export class SystemControlPortA implements PortDevice, Stateful {
  readonly #a20: Line;
  readonly #onReset: () => void;
  #value = 0;

  /** @param options.a20 driven with bit 1; low after power-on @param options.onReset processor reset */
  constructor(options: { a20: Line; onReset: () => void }) {
    this.#a20 = options.a20;
    this.#onReset = options.onReset;
  }

  read(_offset: number, _width: Width): number {
    return this.#value;
  }

  write(_offset: number, _width: Width, value: number): void {
    const rising = value & ~this.#value;
    this.#value = value & 3;
    this.#a20.set((value & 2) !== 0);
    if (rising & 1) this.#onReset();
  }

  /** The reset signal: clears the fast reset bit, keeps A20. */
  reset(): void {
    this.#value &= 2;
  }

  save(): unknown {
    return this.#value;
  }

  restore(state: unknown): void {
    this.#value = state as number;
    this.#a20.set((this.#value & 2) !== 0);
  }
}
