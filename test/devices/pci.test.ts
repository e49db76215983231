import { beforeEach, describe, expect, it } from 'vitest';
import { IoBus } from '../../src/devices/io-bus.ts';
import { createHostBridge, PciFunction, PciHost } from '../../src/devices/pci.ts';

describe('PCI configuration mechanism 1', () => {
  let bus: IoBus;
  let host: PciHost;
  const select = (address: number): void => bus.write(0xcf8, 4, address);

  beforeEach(() => {
    bus = new IoBus();
    host = new PciHost();
    bus.attach(0xcf8, 4, host.addressPort, 4);
    bus.attach(0xcfc, 4, host.dataPort, 4);
    host.add(0, 0, createHostBridge());
  });

  it('passes the probe of a kernel', () => {
    bus.write(0xcfb, 1, 0x01);
    const before = bus.read(0xcf8, 4);
    select(0x80000000);
    expect(bus.read(0xcf8, 4)).toBe(0x80000000);
    select(before);
    select(0x80000008);
    expect(bus.read(0xcfe, 2)).toBe(0x0600); // class host bridge
    select(0x80000000);
    expect(bus.read(0xcfc, 4)).toBe(0x12378086);
  });

  it('reads bytes, words and doublewords of the selected register', () => {
    select(0x80000000);
    expect([bus.read(0xcfc, 2), bus.read(0xcfe, 2)]).toEqual([0x8086, 0x1237]);
    expect([0, 1, 2, 3].map((i) => bus.read(0xcfc + i, 1))).toEqual([0x86, 0x80, 0x37, 0x12]);
    expect(bus.read(0xcfd, 2)).toBe(0x3780);
  });

  it('reads all ones where no function is, on other buses, and while disabled', () => {
    for (const address of [0x80000800, 0x80000100, 0x80010000, 0x00000000]) {
      select(address);
      expect(bus.read(0xcfc, 4)).toBe(0xffffffff);
      expect(bus.read(0xcfc, 1)).toBe(0xff);
      bus.write(0xcfc, 4, 0);
    }
    expect(bus.read(0xcf8, 2)).toBe(0xffff);
    select(0xffffffff);
    expect(bus.read(0xcf8, 4)).toBe(0x80fffffc);
  });

  it('keeps read-only bits', () => {
    select(0x80000004);
    bus.write(0xcfc, 4, 0);
    expect(bus.read(0xcfc, 4)).toBe(0x02800006);
    bus.write(0xcfd, 1, 0xff);
    expect(bus.read(0xcfc, 2)).toBe(0x0106);
  });

  it('sizes and maps base address registers', () => {
    const maps: [string, number | undefined][] = [];
    host.add(
      3,
      0,
      new PciFunction({
        vendor: 0x1234,
        device: 0x5678,
        classCode: 0x020000,
        revision: 7,
        interruptPin: 1,
        interruptLine: 11,
        bars: [
          { kind: 'io', size: 32, onMap: (at) => maps.push(['io', at]) },
          undefined,
          { kind: 'memory', size: 0x1000, prefetchable: true, onMap: (at) => maps.push(['memory', at]) },
        ],
      }),
    );
    const at = (register: number): number => 0x80001800 | register;
    select(at(0x10));
    bus.write(0xcfc, 4, 0xffffffff);
    expect(bus.read(0xcfc, 4)).toBe(0xffffffe1);
    bus.write(0xcfc, 4, 0xc000);
    select(at(0x14));
    bus.write(0xcfc, 4, 0xffffffff);
    expect(bus.read(0xcfc, 4)).toBe(0);
    select(at(0x18));
    bus.write(0xcfc, 4, 0xffffffff);
    expect(bus.read(0xcfc, 4)).toBe(0xfffff008);
    bus.write(0xcfc, 4, 0xe0000000);
    expect(maps).toEqual([]);
    select(at(0x04));
    bus.write(0xcfc, 2, 3);
    expect(maps).toEqual([
      ['io', 0xc000],
      ['memory', 0xe0000000],
    ]);
    select(at(0x10));
    bus.write(0xcfc, 4, 0xffffffff); // sizing with decoding on must not map anything
    bus.write(0xcfc, 4, 0xd000);
    select(at(0x04));
    bus.write(0xcfc, 2, 0);
    expect(maps.slice(2)).toEqual([
      ['io', undefined],
      ['io', 0xd000],
      ['io', undefined],
      ['memory', undefined],
    ]);
    select(at(0x3c));
    expect(bus.read(0xcfc, 2)).toBe(0x010b);
    select(at(0x08));
    expect(bus.read(0xcfc, 4)).toBe(0x02000007);
  });

  it('marks multifunction devices and refuses taken places', () => {
    const fn = (): PciFunction => new PciFunction({ vendor: 1, device: 2, classCode: 0 });
    host.add(1, 0, fn());
    host.add(1, 3, fn());
    select(0x8000080c);
    expect(bus.read(0xcfe, 1)).toBe(0x80);
    expect(() => host.add(1, 3, fn())).toThrow(RangeError);
    expect(() => host.add(32, 0, fn())).toThrow(RangeError);
    const bars = [{ kind: 'memory', size: 24, onMap: () => {} }] as const;
    expect(() => new PciFunction({ vendor: 1, device: 2, classCode: 0, bars })).toThrow(RangeError);
  });

  it('reports device specific registers and saves', () => {
    const writes: number[][] = [];
    const saved = JSON.parse(JSON.stringify(host.save()));
    const other = new PciHost();
    other.add(0, 0, createHostBridge({ onRegister: (offset, value) => writes.push([offset, value]) }));
    other.restore(saved);
    other.addressPort.write(0, 4, 0x80000058);
    other.dataPort.write(0, 4, 0xffffffff);
    expect(writes).toEqual([
      [0x58, 0],
      [0x59, 0x30],
      [0x5a, 0x33],
      [0x5b, 0x33],
    ]);
  });
});
