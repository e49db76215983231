import { describe, expect, it } from 'vitest';
import { Frequency } from '../../src/devices/frequency.ts';

describe('Frequency', () => {
  const pit = new Frequency(1193182);

  it('agrees with exact integer arithmetic over a month', () => {
    for (let ns = 0; ns < 2.6e15; ns = Math.floor(ns * 1.37 + 12345.678)) {
      expect(BigInt(pit.ticksAt(ns))).toBe((BigInt(ns) * 1193182n) / 1_000_000_000n);
    }
  });

  it('gives the first nanosecond of a tick', () => {
    for (let tick = 1; tick < 3e12; tick = Math.floor(tick * 1.41 + 7)) {
      const at = pit.timeOf(tick);
      expect(pit.ticksAt(at)).toBe(tick);
      expect(pit.ticksAt(at - 1)).toBe(tick - 1);
    }
  });

  it('refuses frequencies whose products would not be exact', () => {
    expect(() => new Frequency(14_318_180)).toThrow(RangeError);
    expect(() => new Frequency(0.5)).toThrow(RangeError);
  });
});
