import { beforeEach, describe, expect, it } from 'vitest';
import type { PortDevice, Width } from '../../src/devices/device.ts';
import { IoBus } from '../../src/devices/io-bus.ts';

/** Answers with its offset plus a base in every byte, and notes the writes. */
class Recorder implements PortDevice {
  readonly writes: string[] = [];
  readonly #base: number;
  constructor(base: number) {
    this.#base = base;
  }
  read(offset: number, width: Width): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.#base + offset + i;
    return value;
  }
  write(offset: number, width: Width, value: number): void {
    this.writes.push(`${offset}/${width}=${value.toString(16)}`);
  }
}

describe('IoBus', () => {
  let bus: IoBus;
  beforeEach(() => {
    bus = new IoBus();
  });

  it('reads all ones where nothing answers and ignores writes', () => {
    expect(bus.read(0x1234, 1)).toBe(0xff);
    expect(bus.read(0x1234, 2)).toBe(0xffff);
    expect(bus.read(0x1234, 4)).toBe(0xffffffff);
    expect(bus.read(0xffff, 4)).toBe(0xffffffff);
    bus.write(0xfffe, 4, 0x12345678);
  });

  it('gives whole accesses to a device with a wide data path', () => {
    const wide = new Recorder(0xa0);
    bus.attach(0x100, 8, wide, 4);
    expect(bus.read(0x104, 4)).toBe(0xa7a6a5a4);
    bus.write(0x100, 4, 0xdeadbeef);
    bus.write(0x102, 2, -1);
    expect(wide.writes).toEqual(['0/4=deadbeef', '2/2=ffff']);
  });

  it('splits accesses wider than the data path into bytes, lowest port first', () => {
    const narrow = new Recorder(0x10);
    bus.attach(0x100, 4, narrow);
    expect(bus.read(0x101, 2)).toBe(0x1211);
    bus.write(0x100, 4, 0x44332211);
    expect(narrow.writes).toEqual(['0/1=11', '1/1=22', '2/1=33', '3/1=44']);
  });

  it('splits accesses that straddle ranges', () => {
    bus.attach(0x100, 2, new Recorder(0x10), 4);
    bus.attach(0x102, 1, new Recorder(0x80), 4);
    expect(bus.read(0x100, 4)).toBe(0xff801110);
    expect(bus.read(0x101, 2)).toBe(0x8011);
  });

  it('lets a byte port live inside a doubleword register', () => {
    bus.attach(0xcf8, 4, new Recorder(0xc0), 4);
    bus.attach(0xcf9, 1, new Recorder(0x55), 1);
    expect(bus.read(0xcf8, 4)).toBe(0xc3c2c1c0);
    expect(bus.read(0xcf9, 1)).toBe(0x55);
    expect(bus.read(0xcf9, 2)).toBe(0xc255);
  });

  it('uncovers what lies below when a range is detached', () => {
    const detachOld = bus.attach(0x200, 4, new Recorder(0x10), 4);
    const detachNew = bus.attach(0x202, 4, new Recorder(0x80), 4);
    detachNew();
    detachNew();
    expect(bus.read(0x202, 1)).toBe(0x12);
    expect(bus.read(0x204, 1)).toBe(0xff);
    bus.attach(0x300, 1, new Recorder(0x33));
    detachOld();
    expect(bus.read(0x200, 1)).toBe(0xff);
    expect(bus.read(0x300, 1)).toBe(0x33);
  });

  it('refuses ranges outside the port space', () => {
    expect(() => bus.attach(0xffff, 2, new Recorder(0))).toThrow(RangeError);
    expect(() => bus.attach(-1, 1, new Recorder(0))).toThrow(RangeError);
  });
});
