import { describe, expect, it } from 'vitest';
import { E820Type, e820Map } from '../../src/machine/e820.ts';

describe('e820Map', () => {
  it('lists rising, disjoint ranges that add up to the memory', () => {
    const map = e820Map(64 << 20);
    for (let i = 1; i < map.length; i++) {
      expect(map[i].base).toBeGreaterThanOrEqual(map[i - 1].base + map[i - 1].size);
    }
    const ram = map.filter((entry) => entry.type === E820Type.RAM);
    expect(ram).toEqual([
      { base: 0, size: 0x9fc00, type: 1 },
      { base: 0x100000, size: 63 << 20, type: 1 },
    ]);
    expect(map).toContainEqual({ base: 0xe0000, size: 0x20000, type: E820Type.RESERVED });
    expect(map).toContainEqual({ base: 0x9fc00, size: 0x400, type: E820Type.RESERVED });
  });

  it('refuses sizes the memory map has no place for', () => {
    for (const size of [0, 1 << 20, 0xe0001000, (16 << 20) + 1])
      expect(() => e820Map(size)).toThrow(RangeError);
    expect(e820Map(0xe0000000).at(-1)).toEqual({ base: 0x100000, size: 0xdff00000, type: 1 });
  });
});
