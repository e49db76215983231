/** Physical memory: what is RAM, ROM and nothing at all. */
import { expect, test } from 'vitest';
import { RAM_BASE } from '../../src/memory/layout.ts';
import { MONITOR_PHYSICAL, PhysicalMemory } from '../../src/memory/physical.ts';

const SIZE = 2 << 20;
const MONITOR = 0x4000;
const memory = new PhysicalMemory(SIZE, MONITOR, 0x10000);

test.each([
  ['video memory', 0xa0000],
  ['its last doubleword', 0xbfffc],
  ['the first byte behind RAM', SIZE],
  ['2 GiB', 0x80000000],
  ['the APIC', 0xfee00000],
  ['the last doubleword', 0xfffffffc],
  ['behind the pages of the monitor', MONITOR_PHYSICAL + MONITOR],
])('%s is a hole: all ones, writes lost', (_name, physical) => {
  const before = Buffer.from(memory.bytes);
  memory.write(physical, 4, 0x12345678);
  expect(memory.read(physical, 4)).toBe(0xffffffff);
  expect(memory.read(physical, 2)).toBe(0xffff);
  expect(memory.read(physical, 1)).toBe(0xff);
  expect(before.equals(memory.bytes)).toBe(true);
});

test('the BIOS area is read as loaded, and not written', () => {
  memory.load(0xe0000, Uint8Array.of(1, 2, 3, 4));
  memory.write(0xe0000, 4, 0);
  memory.write(0xffffc, 4, 1);
  expect(memory.read(0xe0000, 4)).toBe(0x04030201);
  expect(memory.read(0xffffc, 4)).toBe(0);
  memory.write(0x100000, 4, 5);
  expect(memory.read(0x100000, 4)).toBe(5);
});

test('host addresses go both ways', () => {
  for (const physical of [0, 0x9ffff, 0x100000, SIZE - 1, MONITOR_PHYSICAL, MONITOR_PHYSICAL + MONITOR - 1])
    expect(memory.physicalAddress(memory.hostAddress(physical))).toBe(physical);
  expect(memory.hostAddress(SIZE - 1)).toBe(RAM_BASE + SIZE - 1);
});

test('without a monitor there are no pages of one', () => {
  expect(new PhysicalMemory(SIZE, 0, 0x10000).hostAddress(MONITOR_PHYSICAL)).toBe(-1);
});

test('a load must fit', () => {
  expect(() => memory.load(SIZE - 1, new Uint8Array(2))).toThrow(RangeError);
});
