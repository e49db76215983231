/**
 * PCI configuration mechanism 1 (PCI Local Bus Specification 2.1, section 3.7.4.1) and the functions of bus 0.
 * There are no bridges: cycles to other buses, and to functions that are not there, end in a master abort, which
 * reads as all ones.
 */
import type { PortDevice, Stateful, Width } from './device.ts';

const ALL_ONES = [0, 0xff, 0xffff, 0, 0xffffffff] as const;

/** Offsets (bytes) in the configuration header, section 6.1. */
export const PciHeader = {
  VENDOR: 0x00,
  DEVICE: 0x02,
  COMMAND: 0x04,
  STATUS: 0x06,
  REVISION: 0x08,
  CLASS: 0x09,
  HEADER_TYPE: 0x0e,
  BAR0: 0x10,
  SUBSYSTEM_VENDOR: 0x2c,
  SUBSYSTEM: 0x2e,
  INTERRUPT_LINE: 0x3c,
  INTERRUPT_PIN: 0x3d,
} as const;

const Command = { IO: 1, MEMORY: 2 } as const;

export interface PciBar {
  kind: 'io' | 'memory';
  /** Bytes; a power of two, at least 4 (I/O) or 16 (memory). */
  size: number;
  prefetchable?: boolean;
  /** Told the address at which the range now answers; undefined when it does not. */
  onMap: (address: number | undefined) => void;
}

export interface PciFunctionOptions {
  vendor: number;
  device: number;
  /** Base class, subclass and programming interface, 24 bits. */
  classCode: number;
  revision?: number;
  subsystemVendor?: number;
  subsystem?: number;
  /** 1-4 for INTA#-INTD#; 0, the default, for none. */
  interruptPin?: number;
  /** The interrupt line firmware has routed the pin to. */
  interruptLine?: number;
  /** Up to six base address registers; undefined leaves a gap. */
  bars?: readonly (PciBar | undefined)[];
  /** Told each byte written beyond the header (device specific registers), after it has been stored. */
  onRegister?: (offset: number, value: number) => void;
}

/** One function's configuration space: which bits hold, which can be written, and where its ranges answer. */
export class PciFunction implements Stateful {
  readonly #config = new Uint8Array(256);
  /** Bits software can change. */
  readonly #writable = new Uint8Array(256);
  /** Bits software clears by writing one. */
  readonly #clearable = new Uint8Array(256);
  readonly #bars: readonly (PciBar | undefined)[];
  readonly #mapped: (number | undefined)[];
  readonly #onRegister: (offset: number, value: number) => void;

  /** @throws RangeError for a BAR whose size is not a power of two or too small */
  constructor(options: PciFunctionOptions) {
    this.#onRegister = options.onRegister ?? (() => {});
    this.#bars = options.bars ?? [];
    this.#mapped = this.#bars.map(() => undefined);
    this.set(PciHeader.VENDOR, 2, options.vendor);
    this.set(PciHeader.DEVICE, 2, options.device);
    this.set(PciHeader.REVISION, 4, ((options.classCode << 8) | (options.revision ?? 0)) >>> 0);
    this.set(PciHeader.SUBSYSTEM_VENDOR, 2, options.subsystemVendor ?? 0);
    this.set(PciHeader.SUBSYSTEM, 2, options.subsystem ?? 0);
    this.set(PciHeader.INTERRUPT_LINE, 1, options.interruptLine ?? 0);
    this.set(PciHeader.INTERRUPT_PIN, 1, options.interruptPin ?? 0);
    this.allowWrites(PciHeader.INTERRUPT_LINE, 1, options.interruptPin ? 0xff : 0);
    // I/O, memory, bus master, parity error response, SERR# and interrupt disable.
    this.allowWrites(PciHeader.COMMAND, 2, 0x0547);
    this.#clearable[PciHeader.STATUS + 1] = 0xf9;
    this.#bars.forEach((bar, index) => {
      if (bar !== undefined) this.#defineBar(bar, index);
    });
  }

  #defineBar(bar: PciBar, index: number): void {
    const { size, kind } = bar;
    if (size < (kind === 'io' ? 4 : 16) || size > 0x80000000 || (size & (size - 1)) !== 0) {
      throw new RangeError(`BAR ${index}: ${size} bytes is not a valid ${kind} range size`);
    }
    const at = PciHeader.BAR0 + 4 * index;
    this.set(at, 4, kind === 'io' ? 1 : bar.prefetchable ? 8 : 0);
    this.allowWrites(at, 4, ~(size - 1) >>> 0);
  }

  /** Sets a register to a value, little-endian, whether or not software may write it. */
  set(offset: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.#config[offset + i] = value >>> (8 * i);
  }

  /** Makes bits of a register writable by software, others read-only. */
  allowWrites(offset: number, width: Width, mask: number): void {
    for (let i = 0; i < width; i++) this.#writable[offset + i] = mask >>> (8 * i);
  }

  /** A configuration read. @param offset 0-255, the access within one doubleword */
  read(offset: number, width: Width): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = (value << 8) | this.#config[offset + i];
    return value >>> 0;
  }

  /** A configuration write. @param offset 0-255, the access within one doubleword */
  write(offset: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) {
      const at = offset + i;
      const byte = (value >>> (8 * i)) & 0xff;
      const mask = this.#writable[at];
      this.#config[at] = (this.#config[at] & ~mask & ~(byte & this.#clearable[at])) | (byte & mask);
      if (at >= 0x40) this.#onRegister(at, this.#config[at]);
    }
    if (offset < 0x28) this.#remap();
  }

  /** Tells the ranges whose address or decoding has changed; first those that go, then those that come. */
  #remap(): void {
    const next = this.#bars.map((bar, index) => this.#address(bar, index));
    next.forEach((address, index) => {
      if (address !== this.#mapped[index] && this.#mapped[index] !== undefined) {
        this.#bars[index]!.onMap(undefined);
      }
    });
    next.forEach((address, index) => {
      if (address === this.#mapped[index]) return;
      this.#mapped[index] = address;
      if (address !== undefined) this.#bars[index]!.onMap(address);
    });
  }

  #address(bar: PciBar | undefined, index: number): number | undefined {
    if (bar === undefined) return undefined;
    const enable = bar.kind === 'io' ? Command.IO : Command.MEMORY;
    if ((this.#config[PciHeader.COMMAND] & enable) === 0) return undefined;
    const address = (this.read(PciHeader.BAR0 + 4 * index, 4) & ~(bar.size - 1)) >>> 0;
    // All ones is the sizing probe, and I/O ranges beyond 64 Kibytes cannot be reached.
    if (bar.kind === 'io' && address + bar.size > 0x10000) return undefined;
    return address === 0 || address + bar.size > 0xffffffff ? undefined : address;
  }

  save(): unknown {
    return [...this.#config];
  }

  restore(state: unknown): void {
    this.#config.set(state as number[]);
    this.#remap();
  }
}

/** The host side of bus 0: the address register (ports 0xCF8-0xCFB) and the data window (0xCFC-0xCFF). */
export class PciHost implements Stateful {
  /** Attach with a four-byte data path; only doubleword accesses reach the register. */
  readonly addressPort: PortDevice = {
    read: (_offset, width) => (width === 4 ? this.#address : ALL_ONES[width]),
    write: (_offset, width, value) => {
      if (width === 4) this.#address = (value & 0x80fffffc) >>> 0;
    },
  };
  /** Attach with a four-byte data path. */
  readonly dataPort: PortDevice = {
    read: (offset, width) =>
      this.#selected()?.read((this.#address & 0xfc) + offset, width) ?? ALL_ONES[width],
    write: (offset, width, value) => this.#selected()?.write((this.#address & 0xfc) + offset, width, value),
  };
  readonly #functions: (PciFunction | undefined)[] = new Array(256).fill(undefined);
  #address = 0;

  /**
   * Adds a function to bus 0 and marks function 0 of a device with several as multifunction.
   * @throws RangeError for a number that is out of range or taken
   */
  add(device: number, fn: number, pciFunction: PciFunction): void {
    const slot = device * 8 + fn;
    if (device < 0 || device > 31 || fn < 0 || fn > 7 || this.#functions[slot] !== undefined) {
      throw new RangeError(`PCI function 00:${device}.${fn} does not exist or is taken`);
    }
    this.#functions[slot] = pciFunction;
    const first = this.#functions[device * 8];
    const several = this.#functions
      .slice(device * 8 + 1, device * 8 + 8)
      .some((other) => other !== undefined);
    if (several) first?.set(PciHeader.HEADER_TYPE, 1, 0x80);
  }

  #selected(): PciFunction | undefined {
    const address = this.#address;
    if (address < 0x80000000 || (address & 0x00ff0000) !== 0) return undefined;
    return this.#functions[(address >> 8) & 0xff];
  }

  save(): unknown {
    return { address: this.#address, functions: this.#functions.map((fn) => fn?.save() ?? null) };
  }

  restore(state: unknown): void {
    const { address, functions } = state as { address: number; functions: unknown[] };
    this.#address = address;
    this.#functions.forEach((fn, slot) => {
      fn?.restore(functions[slot]);
    });
  }
}

/**
 * The host bridge, device 0: an Intel 82441FX (8086:1237) as far as software on this machine can tell.
 * @param options.onRegister told writes beyond the header, such as to the memory attributes (PAM, 0x59-0x5F)
 */
export const createHostBridge = (
  options: { onRegister?: (offset: number, value: number) => void } = {},
): PciFunction => {
  const bridge = new PciFunction({
    vendor: 0x8086,
    device: 0x1237,
    classCode: 0x060000,
    revision: 2,
    ...options,
  });
  // Memory access and bus mastering are always on; only SERR# and parity enables can be written (82441FX
  // datasheet, section 3.2.3). Status: fast back-to-back capable, medium DEVSEL# timing.
  bridge.set(PciHeader.COMMAND, 2, 0x0006);
  bridge.allowWrites(PciHeader.COMMAND, 2, 0x0140);
  bridge.set(PciHeader.STATUS, 2, 0x0280);
  for (let pam = 0x59; pam <= 0x5f; pam++) bridge.allowWrites(pam, 1, pam === 0x59 ? 0x30 : 0x33);
  // SMRAM: D_OPEN, D_CLS, D_LCK, G_SMRAME; the segment is fixed at 0xA0000.
  bridge.set(0x72, 1, 0x02);
  return bridge;
};
