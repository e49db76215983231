/**
 * What a device sees: offsets, widths, an interrupt line and a clock. It does not know its address, the
 * processor, or any other device.
 */

/** Width of an access in bytes. */
export type Width = 1 | 2 | 4;

/** A device that answers at a range of I/O ports. */
export interface PortDevice {
  /** @param offset bytes from the start of the device's range @returns the value, zero-extended */
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
}

/** A level-sensitive wire. Setting the level it already has is harmless. */
export interface Line {
  set(level: boolean): void;
}

/** Time since power-on in nanoseconds; virtual or wall-clock, the device cannot tell. Never goes back. */
export interface Clock {
  now(): number;
  /** Makes a timer that calls back once the time it was armed for has come. */
  timer(expired: () => void): Timer;
}

export interface Timer {
  /** @param at absolute time in nanoseconds; replaces an earlier deadline; in the past means as soon as possible */
  arm(at: number): void;
  cancel(): void;
}

/** A device whose guest-visible state can be saved and restored between two instructions. */
export interface Stateful {
  /** A JSON value. */
  save(): unknown;
  restore(state: unknown): void;
}
