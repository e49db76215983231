/**
 * The coprocessor error logic of the PC/AT: the processor's FERR# becomes IRQ 13, and a write to port F0h takes
 * the request away and asserts IGNNE#, so that the handler may use the FPU (SDM vol. 1, appendix D.2).
 */
import type { Line, PortDevice, Stateful, Width } from './device.ts';

export class CoprocessorError implements PortDevice, Stateful {
  readonly #irq: Line;
  #requested = false;
  #ignore = false;

  constructor(options: { irq: Line }) {
    this.#irq = options.irq;
  }

  /** FERR# is asserted. @param rising it was not asserted before @returns IGNNE# */
  signal(rising: boolean): boolean {
    if (rising) {
      this.#ignore = false;
      this.#request(true);
    }
    return this.#ignore;
  }
  #request(level: boolean): void {
    this.#requested = level;
    this.#irq.set(level);
  }

  read(_offset: number, _width: Width): number {
    return 0xff;
  }
  /** Whatever is written. IGNNE# rises only while an error is reported. */
  write(_offset: number, _width: Width, _value: number): void {
    if (this.#requested) this.#ignore = true;
    this.#request(false);
  }

  save(): unknown {
    return { requested: this.#requested, ignore: this.#ignore };
  }
  restore(state: unknown): void {
    const { requested, ignore } = state as { requested: boolean; ignore: boolean };
    this.#ignore = ignore;
    this.#request(requested);
  }
}
