import { beforeEach, describe, expect, it } from 'vitest';
import { fillCmosMemory } from '../../src/devices/cmos-memory.ts';
import { Mc146818 } from '../../src/devices/mc146818.ts';
import { TestLine, VirtualTestClock } from './virtual-test-clock.ts';

const SECOND = 1e9;

describe('MC146818', () => {
  let clock: VirtualTestClock;
  let irq: TestLine;
  let rtc: Mc146818;
  const get = (index: number): number => {
    rtc.write(0, 1, index);
    return rtc.read(1, 1);
  };
  const put = (index: number, value: number): void => {
    rtc.write(0, 1, index);
    rtc.write(1, 1, value);
  };
  /** Century, year, month, day, weekday, hour, minute, second as they read. */
  const calendar = (): number[] => [0x32, 9, 8, 7, 6, 4, 2, 0].map(get);

  beforeEach(() => {
    clock = new VirtualTestClock();
    irq = new TestLine();
    // A Thursday.
    rtc = new Mc146818({ clock, irq, start: Date.UTC(2024, 1, 29, 23, 59, 58) });
  });

  it('shows the start date in BCD and rolls over a leap day', () => {
    expect(calendar()).toEqual([0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x58]);
    clock.advance(2 * SECOND);
    expect(calendar()).toEqual([0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00]);
  });

  it('shows binary and 12-hour formats', () => {
    put(0x0b, 0x04);
    expect(calendar()).toEqual([20, 24, 2, 29, 5, 0x80 | 11, 59, 58]);
    clock.advance(2 * SECOND);
    expect(get(4)).toBe(12);
    put(0x0b, 0x00);
    clock.advance(12 * 3600 * SECOND);
    expect(get(4)).toBe(0x92);
  });

  it('raises UIP 2228 microseconds before the update', () => {
    clock.advance(SECOND - 2_228_001);
    expect(get(0x0a)).toBe(0x26);
    clock.advance(1);
    expect(get(0x0a)).toBe(0xa6);
    expect(get(0)).toBe(0x58);
    clock.advance(2_228_000);
    expect([get(0x0a), get(0)]).toEqual([0x26, 0x59]);
  });

  it('stops while SET is high and goes on from what was written', () => {
    put(0x0b, 0x92);
    expect(get(0x0b)).toBe(0x82); // SET clears UIE
    put(9, 0x99);
    put(0x32, 0x19);
    put(8, 0x12);
    put(7, 0x31);
    put(6, 6);
    clock.advance(10 * SECOND);
    expect(calendar()).toEqual([0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x58]);
    put(0x0b, 0x02);
    clock.advance(2 * SECOND);
    expect(calendar()).toEqual([0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0]);
  });

  it('keeps the weekday the guest has set, even a wrong one', () => {
    put(6, 1);
    clock.advance(2 * SECOND);
    expect(get(6)).toBe(2);
  });

  it('updates half a second after the divider is released', () => {
    put(0x0a, 0x76);
    clock.advance(5 * SECOND);
    expect(get(0)).toBe(0x58);
    put(0x0a, 0x26);
    clock.advance(SECOND / 2 - 1);
    expect(get(0)).toBe(0x58);
    clock.advance(1);
    expect(get(0)).toBe(0x59);
  });

  it('update-ended interrupt: once a second, cleared by reading register C', () => {
    put(0x0b, 0x12);
    clock.advance(SECOND - 1);
    expect(irq.level).toBe(false);
    clock.advance(1);
    expect(irq.level).toBe(true);
    expect(get(0x0c)).toBe(0x90 | 0x40); // PF is set too, though not enabled
    expect(irq.level).toBe(false);
    expect(get(0x0c)).toBe(0);
    clock.advance(3 * SECOND);
    expect(irq.rises).toBe(2);
  });

  it('periodic interrupt at the rates of table 5', () => {
    put(0x0b, 0x42);
    let served = 0;
    irq.set = (level: boolean) => {
      if (level && !irq.level) irq.rises++;
      irq.level = level;
    };
    for (const [rate, hertz] of [
      [6, 1024],
      [15, 2],
      [3, 8192],
      [1, 256],
      [2, 128],
    ]) {
      put(0x0a, 0x20 | rate);
      get(0x0c);
      const end = clock.now() + SECOND;
      served = 0;
      while (clock.now() < end) {
        clock.advance(SECOND / 65536);
        if (irq.level) {
          served++;
          expect(get(0x0c) & 0xc0).toBe(0xc0);
        }
      }
      expect(served).toBe(hertz);
    }
    put(0x0a, 0x20);
    get(0x0c);
    clock.advance(SECOND);
    expect(irq.level).toBe(false);
  });

  it("alarm: exact, and with don't-care bytes", () => {
    put(1, 0x05);
    put(3, 0x00);
    put(5, 0x00);
    put(0x0b, 0x22);
    clock.advance(7 * SECOND - 1);
    expect(irq.level).toBe(false);
    clock.advance(1);
    expect(irq.level).toBe(true);
    expect(get(0x0c) & 0xa0).toBe(0xa0);
    clock.advance(3600 * SECOND);
    expect(irq.level).toBe(false);
    put(5, 0xff);
    clock.advance(3600 * SECOND);
    expect(irq.rises).toBe(2);
  });

  it('alarm flag is set also when its interrupt is off and nobody looks', () => {
    put(1, 0x10);
    put(3, 0xc0);
    put(5, 0xff);
    get(0x0c);
    clock.advance(11 * SECOND);
    expect(get(0x0c) & 0x20).toBe(0);
    clock.advance(SECOND);
    expect(get(0x0c) & 0x20).toBe(0x20);
    expect(clock.armed).toBe(0);
  });

  it('keeps memory, the NMI bit, and read-only registers', () => {
    rtc.write(0, 1, 0x80 | 0x40);
    rtc.write(1, 1, 0xa5);
    expect(rtc.nmiDisabled).toBe(true);
    expect(get(0x40)).toBe(0xa5);
    expect(rtc.nmiDisabled).toBe(false);
    put(0x0d, 0);
    put(0x0c, 0xff);
    expect([get(0x0d), get(0x0c)]).toEqual([0x80, 0]);
    expect(rtc.read(0, 1)).toBe(0xff);
  });

  it('keeps fractions of the start second', () => {
    rtc = new Mc146818({ clock, irq, start: Date.UTC(2000, 0, 1) + 250 });
    clock.advance(0.75 * SECOND - 1);
    expect(get(0)).toBe(0);
    clock.advance(1);
    expect(get(0)).toBe(1);
  });

  it('saves and restores', () => {
    put(0x0b, 0x12);
    put(0x50, 0x77);
    clock.advance(0.25 * SECOND);
    const saved = JSON.parse(JSON.stringify(rtc.save()));
    rtc = new Mc146818({ clock, irq, start: 0 });
    rtc.restore(saved);
    expect([get(0x50), get(9)]).toEqual([0x77, 0x24]);
    clock.advance(0.75 * SECOND);
    expect(irq.level).toBe(true);
  });
});

describe('CMOS memory', () => {
  it('holds the sizes where firmware looks for them', () => {
    const memory = new Uint8Array(128);
    fillCmosMemory(memory, 256 << 20);
    const word = (at: number): number => memory[at] | (memory[at + 1] << 8);
    expect(word(0x15)).toBe(640);
    expect(word(0x17)).toBe(0xffff);
    expect(word(0x34) * 65536 + (16 << 20)).toBe(256 << 20);
    fillCmosMemory(memory, 8 << 20);
    expect([word(0x17), word(0x30), word(0x34)]).toEqual([7168, 7168, 0]);
    let sum = 0;
    for (let i = 0x10; i <= 0x2d; i++) sum += memory[i];
    expect((memory[0x2e] << 8) | memory[0x2f]).toBe(sum);
  });
});
