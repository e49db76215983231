/** Small write-mostly ports by which firmware, kernels and test guests speak to the outside. */
import type { PortDevice, Stateful, Width } from './device.ts';

/** Port 0x80: the power-on self test code; keeps what was written last. */
export class PostCodePort implements PortDevice, Stateful {
  #code = 0;

  read(_offset: number, _width: Width): number {
    return this.#code;
  }

  write(_offset: number, _width: Width, value: number): void {
    this.#code = value;
  }

  save(): unknown {
    return this.#code;
  }

  restore(state: unknown): void {
    this.#code = state as number;
  }
}

/** Port 0xE9: writes are console output; reading 0xE9 back tells a guest that the port is there. */
export class DebugConsole implements PortDevice {
  readonly #onByte: (byte: number) => void;

  constructor(options: { onByte: (byte: number) => void }) {
    this.#onByte = options.onByte;
  }

  read(_offset: number, _width: Width): number {
    return 0xe9;
  }

  write(_offset: number, _width: Width, value: number): void {
    this.#onByte(value & 0xff);
  }
}

/** The exit port of test guests: a write ends the run. Attach it with a four-byte data path. */
export class DebugExit implements PortDevice {
  readonly #onExit: (status: number) => void;

  /** @param options.onExit told (value << 1) | 1, which is never zero; 32 bits */
  constructor(options: { onExit: (status: number) => void }) {
    this.#onExit = options.onExit;
  }

  read(_offset: number, _width: Width): number {
    return 0;
  }

  write(_offset: number, _width: Width, value: number): void {
    this.#onExit(((value << 1) | 1) >>> 0);
  }
}

/**
 * Port 0xCF9, reset control register (82371AB datasheet, section 4.3): bit 2 going high resets, bit 1 chooses a
 * hard reset, bit 3 a full one.
 */
export class ResetControl implements PortDevice, Stateful {
  readonly #onReset: () => void;
  #value = 0;

  constructor(options: { onReset: () => void }) {
    this.#onReset = options.onReset;
  }

  read(_offset: number, _width: Width): number {
    return this.#value;
  }

  write(_offset: number, _width: Width, value: number): void {
    const rising = value & ~this.#value;
    this.#value = value & 0x0e;
    if (rising & 4) this.#onReset();
  }

  /** The reset signal. */
  reset(): void {
    this.#value = 0;
  }

  save(): unknown {
    return this.#value;
  }

  restore(state: unknown): void {
    this.#value = state as number;
  }
}
