import { beforeEach, describe, expect, it } from 'vitest';
import { I8254, PIT_FREQUENCY } from '../../src/devices/i8254.ts';
import { SystemControlPortB } from '../../src/devices/system-control-port-b.ts';
import { UNCONNECTED } from '../../src/devices/wires.ts';
import { TestLine, VirtualTestClock } from './virtual-test-clock.ts';

describe('8254', () => {
  let clock: VirtualTestClock;
  let irq: TestLine;
  let pit: I8254;
  /** Goes to a tick of the counter clock; writes made there take effect at the next tick. */
  const toTick = (tick: number): void => clock.advanceTo(PIT_FREQUENCY.timeOf(tick));
  const program = (counter: number, mode: number, count: number, bcd = 0): void => {
    pit.write(3, 1, (counter << 6) | 0x30 | (mode << 1) | bcd);
    pit.write(counter, 1, count & 0xff);
    pit.write(counter, 1, count >> 8);
  };
  const count = (counter: number): number => {
    pit.write(3, 1, counter << 6);
    return pit.read(counter, 1) | (pit.read(counter, 1) << 8);
  };
  /** OUT of counter 2 at ticks from..to-1 as a string of 0 and 1. */
  const wave = (from: number, to: number): string => {
    let levels = '';
    for (let tick = from; tick < to; tick++) {
      toTick(tick);
      levels += pit.out(2) ? '1' : '0';
    }
    return levels;
  };
  const counts = (from: number, to: number): number[] => {
    const values: number[] = [];
    for (let tick = from; tick < to; tick++) {
      toTick(tick);
      values.push(count(2));
    }
    return values;
  };

  beforeEach(() => {
    clock = new VirtualTestClock();
    irq = new TestLine();
    pit = new I8254({ clock, output: irq });
    pit.setGate2(true);
  });

  // The waveforms are those of figures 15-20 of the datasheet: the count is written at tick 0, loaded at tick 1.

  it('mode 0 goes high N+1 clocks after the write and counts on', () => {
    program(2, 0, 4);
    expect(wave(0, 8)).toBe('00000111');
    clock = new VirtualTestClock();
    pit = new I8254({ clock, output: irq });
    pit.setGate2(true);
    program(2, 0, 4);
    expect(counts(1, 8)).toEqual([4, 3, 2, 1, 0, 0xffff, 0xfffe]);
  });

  it('mode 0: gate low suspends, the first byte of a new count stops', () => {
    program(2, 0, 4);
    toTick(2);
    pit.setGate2(false);
    toTick(10);
    expect(count(2)).toBe(3);
    pit.setGate2(true);
    expect(wave(11, 15)).toBe('0011');
    pit.write(2, 1, 2);
    expect(pit.out(2)).toBe(false);
    toTick(20);
    expect(pit.out(2)).toBe(false);
    pit.write(2, 1, 0);
    expect(wave(21, 25)).toBe('0011');
  });

  it('mode 1 is low for N clocks after a trigger, and retriggers', () => {
    pit.setGate2(false);
    program(2, 1, 3);
    expect(wave(0, 3)).toBe('111');
    pit.setGate2(true);
    expect(wave(3, 8)).toBe('00011');
    pit.setGate2(false);
    pit.setGate2(true);
    expect(wave(8, 10)).toBe('00');
    pit.setGate2(false);
    pit.setGate2(true);
    expect(wave(10, 15)).toBe('00011');
  });

  it('mode 2 is low for the last clock of N', () => {
    program(2, 2, 3);
    expect(wave(0, 11)).toBe('11101101101');
    toTick(13);
    expect(count(2)).toBe(3);
  });

  it('mode 2 takes a new count at the end of the cycle, or at a trigger', () => {
    program(2, 2, 4);
    toTick(2);
    pit.write(2, 1, 3);
    pit.write(2, 1, 0);
    expect(counts(3, 10)).toEqual([2, 1, 3, 2, 1, 3, 2]);
    pit.setGate2(false);
    expect(pit.out(2)).toBe(true);
    toTick(20);
    expect(count(2)).toBe(2);
    pit.setGate2(true);
    expect(counts(21, 25)).toEqual([3, 2, 1, 3]);
  });

  it('mode 3 halves an even count', () => {
    program(2, 3, 4);
    expect(counts(1, 8)).toEqual([4, 2, 4, 2, 4, 2, 4]);
    expect(wave(9, 17)).toBe('11001100');
  });

  it('mode 3 gives the odd clock to the high half', () => {
    program(2, 3, 5);
    expect(counts(1, 11)).toEqual([4, 2, 0, 4, 2, 4, 2, 0, 4, 2]);
    expect(wave(11, 21)).toBe('1110011100');
  });

  it('mode 3 takes a new count at the end of the half-cycle', () => {
    program(2, 3, 4);
    toTick(2);
    pit.write(2, 1, 6);
    pit.write(2, 1, 0);
    expect(wave(3, 13)).toBe('0001110001');
  });

  it('mode 4 strobes low once, N+1 clocks after the write', () => {
    program(2, 4, 3);
    expect(wave(0, 8)).toBe('11110111');
    toTick(70000);
    expect(pit.out(2)).toBe(true);
  });

  it('mode 5 strobes N clocks after the trigger is taken', () => {
    pit.setGate2(false);
    program(2, 5, 3);
    toTick(5);
    expect(pit.out(2)).toBe(true);
    pit.setGate2(true);
    expect(wave(6, 12)).toBe('111011');
  });

  it('counts in BCD', () => {
    program(2, 0, 0x1000, 1);
    expect(counts(1, 4)).toEqual([0x1000, 0x0999, 0x0998]);
    program(2, 2, 0, 1);
    toTick(4);
    expect(count(2)).toBe(0x0000);
    toTick(5);
    expect(count(2)).toBe(0x9999);
  });

  it('a latched count holds until read; one byte formats read one byte', () => {
    program(2, 0, 0x1234);
    toTick(1);
    pit.write(3, 1, 0x80);
    toTick(0x100);
    pit.write(3, 1, 0x80);
    expect([pit.read(2, 1), pit.read(2, 1)]).toEqual([0x34, 0x12]);
    expect(count(2)).toBe(0x1234 - 0xff);
    pit.write(3, 1, 0x90); // counter 2, low byte only, mode 0
    pit.write(2, 1, 0x80);
    toTick(0x103);
    expect([pit.read(2, 1), pit.read(2, 1)]).toEqual([0x7e, 0x7e]);
    pit.write(3, 1, 0xa0); // high byte only
    pit.write(2, 1, 0x80);
    toTick(0x104);
    expect(pit.read(2, 1)).toBe(0x80);
    toTick(0x105);
    expect(pit.read(2, 1)).toBe(0x7f);
  });

  it('reads back status before count: OUT, null count and the mode as written', () => {
    pit.write(3, 1, 0xbe); // counter 2, two bytes, mode 7 (an alias of 3)
    pit.write(3, 1, 0xe8); // read back status of counter 2
    expect(pit.read(2, 1)).toBe(0x80 | 0x40 | 0x3e);
    pit.write(2, 1, 10);
    pit.write(2, 1, 0);
    toTick(1);
    pit.write(3, 1, 0xc8); // status and count
    toTick(7);
    pit.write(3, 1, 0xe8); // ignored: the first is still latched
    expect([pit.read(2, 1), pit.read(2, 1), pit.read(2, 1)]).toEqual([0xbe, 10, 0]);
    pit.write(3, 1, 0xe8);
    expect(pit.read(2, 1)).toBe(0x3e);
  });

  it('interrupts at exact times that do not drift over an hour', () => {
    program(0, 2, 11932);
    const hour = 3_600_000_000_000;
    clock.advanceTo(1e9);
    expect(irq.rises).toBe(99 + 1); // the control word's own rising edge and 99 whole periods
    const ticks = Number((BigInt(hour) * 1193182n) / 1_000_000_000n);
    const last = Math.floor((ticks - 1) / 11932) * 11932 + 1;
    clock.advanceTo(PIT_FREQUENCY.timeOf(last) - 1);
    const { rises } = irq;
    clock.advance(1);
    expect(irq.rises).toBe(rises + 1);
    expect(rises).toBe((last - 1) / 11932);
  });

  it('mode 0 and 4 on counter 0 give one interrupt and need no timer afterwards', () => {
    program(0, 0, 1000);
    expect(irq.level).toBe(false);
    toTick(1000);
    expect(irq.rises).toBe(0);
    toTick(1001);
    expect(irq.rises).toBe(1);
    expect(clock.armed).toBe(0);
    program(0, 4, 1000);
    const { rises } = irq;
    toTick(1001 + 1001);
    expect(irq.rises).toBe(rises);
    toTick(1001 + 1002);
    expect(irq.rises).toBe(rises + 1);
    expect(clock.armed).toBe(0);
  });

  it('mode 3 drives both edges of IRQ 0', () => {
    program(0, 3, 1000);
    toTick(500);
    expect(irq.level).toBe(true);
    toTick(501);
    expect(irq.level).toBe(false);
    toTick(1001);
    expect(irq.level).toBe(true);
  });

  it('does not arm a timer for counters nobody listens to', () => {
    program(1, 2, 18);
    program(2, 3, 1000);
    expect(clock.armed).toBe(0);
  });

  it('saves and restores in the middle of a count', () => {
    program(0, 2, 5000);
    program(2, 0, 3000);
    toTick(100);
    const saved = JSON.parse(JSON.stringify(pit.save()));
    const line = new TestLine();
    const copy = new I8254({ clock, output: line });
    copy.restore(saved);
    pit = copy;
    expect(count(2)).toBe(2901);
    const { rises } = line;
    toTick(5001);
    expect(line.rises).toBe(rises + 1);
  });

  it('port 0x61 gates counter 2, shows its output and toggles refresh every 18 ticks', () => {
    const port = new SystemControlPortB({
      clock,
      setGate2: (level) => pit.setGate2(level),
      out2: () => pit.out(2),
      nmi: UNCONNECTED,
    });
    port.write(0, 1, 0);
    program(2, 0, 10);
    toTick(100);
    expect(port.read(0, 1) & 0x2f).toBe(0);
    port.write(0, 1, 0xf1);
    toTick(109);
    expect(port.read(0, 1) & 0x2f).toBe(0x01);
    toTick(110);
    expect(port.read(0, 1) & 0x2f).toBe(0x21);
    const toggles: number[] = [];
    for (let tick = 180; tick < 252; tick += 9) {
      toTick(tick);
      toggles.push((port.read(0, 1) >> 4) & 1);
    }
    expect(toggles).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
  });
});
