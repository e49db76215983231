/**
 * The 64 Kibyte I/O port space (SDM vol. 1, chapter 19). A table gives the range of each port; an access goes to
 * the range of its first port, whole if it fits the range and the device's data path, else byte by byte, as an
 * ISA bridge splits it. Absent ports read all ones and ignore writes.
 */
import type { PortDevice, Width } from './device.ts';

const PORTS = 0x10000;
const ALL_ONES = [0, 0xff, 0xffff, 0, 0xffffffff] as const;

interface PortRange {
  readonly base: number;
  /** First port past the range. */
  readonly end: number;
  readonly widest: Width;
  readonly device: PortDevice;
}

const ABSENT: PortRange = {
  base: 0,
  end: PORTS,
  widest: 4,
  device: { read: (_offset, width) => ALL_ONES[width], write: () => {} },
};

export class IoBus {
  /** Index into `#ranges` for each port; 0 is the absent range. */
  readonly #table = new Uint16Array(PORTS);
  readonly #ranges: PortRange[] = [ABSENT];
  /** Attached range indices, oldest first. */
  readonly #order: number[] = [];

  /**
   * Puts a device at `length` ports from `base`. Of overlapping ranges the one attached last has the shared
   * ports, except that a wider access starting below them still belongs to the earlier range: this is how the
   * byte port 0xCF9 lives inside the doubleword register 0xCF8 (82371AB datasheet, section 4.3).
   * @param widest the width (bytes) of the device's data path; wider accesses are split into bytes
   * @returns a function that takes the device off again
   * @throws RangeError if the range does not lie within the port space
   */
  attach(base: number, length: number, device: PortDevice, widest: Width = 1): () => void {
    if (
      !Number.isInteger(base) ||
      !Number.isInteger(length) ||
      base < 0 ||
      length < 1 ||
      base + length > PORTS
    ) {
      throw new RangeError(`I/O range of ${length} ports at ${base} is outside the 64 Kibyte port space`);
    }
    const range: PortRange = { base, end: base + length, widest, device };
    const free = this.#ranges.findIndex((_, index) => index > 0 && !this.#order.includes(index));
    const index = free > 0 ? free : this.#ranges.length;
    this.#ranges[index] = range;
    this.#order.push(index);
    this.#table.fill(index, range.base, range.end);
    return () => this.#detach(index, range);
  }

  #detach(index: number, range: PortRange): void {
    const at = this.#order.indexOf(index);
    if (at < 0 || this.#ranges[index] !== range) return;
    this.#order.splice(at, 1);
    this.#table.fill(0, range.base, range.end);
    for (const other of this.#order) {
      const from = Math.max(range.base, this.#ranges[other].base);
      const to = Math.min(range.end, this.#ranges[other].end);
      if (from < to) this.#table.fill(other, from, to);
    }
  }

  /** @param port 0 to 0xFFFF @returns the value, zero-extended */
  read(port: number, width: Width): number {
    const range = this.#ranges[this.#table[port]];
    if (width <= range.widest && port + width <= range.end)
      return range.device.read(port - range.base, width);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = (value << 8) | this.#readByte(port + i);
    return value >>> 0;
  }

  /** @param port 0 to 0xFFFF @param value bits above the width are ignored */
  write(port: number, width: Width, value: number): void {
    const range = this.#ranges[this.#table[port]];
    if (width <= range.widest && port + width <= range.end) {
      range.device.write(port - range.base, width, (value & ALL_ONES[width]) >>> 0);
      return;
    }
    for (let i = 0; i < width; i++) this.#writeByte(port + i, (value >>> (8 * i)) & 0xff);
  }

  #readByte(port: number): number {
    if (port >= PORTS) return 0xff;
    const range = this.#ranges[this.#table[port]];
    return range.device.read(port - range.base, 1);
  }

  #writeByte(port: number, value: number): void {
    if (port >= PORTS) return;
    const range = this.#ranges[this.#table[port]];
    range.device.write(port - range.base, 1, value);
  }
}
