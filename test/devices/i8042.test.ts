import { beforeEach, describe, expect, it } from 'vitest';
import { I8042 } from '../../src/devices/i8042.ts';
import { SystemControlPortA } from '../../src/devices/system-control-port-a.ts';
import { TestLine, VirtualTestClock } from './virtual-test-clock.ts';

const KEY_INTERVAL = 1e6;

describe('8042', () => {
  let clock: VirtualTestClock;
  let irq: TestLine;
  let a20: boolean[];
  let resets = 0;
  let controller: I8042;
  const status = (): number => controller.command.read(0, 1);
  const data = (): number => controller.data.read(0, 1);
  const command = (value: number): void => controller.command.write(0, 1, value);
  const write = (value: number): void => controller.data.write(0, 1, value);
  /** Reads until the output buffer is empty. */
  const drain = (): number[] => {
    const bytes: number[] = [];
    while (status() & 1) bytes.push(data());
    return bytes;
  };
  const make = (): I8042 =>
    new I8042({ clock, irq, a20: { set: (level) => a20.push(level) }, onReset: () => resets++ });

  beforeEach(() => {
    clock = new VirtualTestClock();
    irq = new TestLine();
    a20 = [];
    resets = 0;
    controller = make();
  });

  it('passes its self test and the keyboard interface test', () => {
    command(0xaa);
    expect(drain()).toEqual([0x55]);
    command(0xab);
    expect(drain()).toEqual([0x00]);
    expect(status() & 0x14).toBe(0x14);
  });

  it('keeps the command byte and its internal memory', () => {
    command(0x60);
    write(0x45);
    command(0x20);
    expect(data()).toBe(0x65); // the auxiliary clock stays disabled
    command(0x71);
    write(0xa7);
    command(0x31);
    expect(data()).toBe(0xa7);
  });

  it('tells commands from data in status bit 3', () => {
    command(0xae);
    expect(status() & 8).toBe(8);
    write(0xee);
    expect(status() & 8).toBe(0);
  });

  it('resets and identifies the keyboard, translated or not', () => {
    write(0xff);
    expect(irq.level).toBe(true);
    expect(drain()).toEqual([0xfa, 0xaa]);
    write(0xf2);
    expect(drain()).toEqual([0xfa, 0xab, 0x41]);
    command(0x60);
    write(0x05);
    write(0xf2);
    expect(drain()).toEqual([0xfa, 0xab, 0x83]);
    write(0xee);
    expect(drain()).toEqual([0xee]);
    write(0xed);
    write(0x07);
    expect(drain()).toEqual([0xfa, 0xfa]);
    expect(controller.keyboard.leds).toBe(7);
    write(0xfe);
    expect(drain()).toEqual([0xfa]);
    write(0x12);
    expect(drain()).toEqual([0xfe]);
  });

  it('gives an edge of IRQ 1 for each byte', () => {
    write(0xff);
    expect(irq.rises).toBe(1);
    data();
    expect(irq).toMatchObject({ rises: 2, level: true });
    data();
    expect(irq.level).toBe(false);
    command(0x60);
    write(0x64);
    write(0xf4);
    expect(irq.level).toBe(false);
    expect(status() & 1).toBe(1);
  });

  it('sends keys in set 1 when translating, in set 2 when not, a byte each millisecond', () => {
    controller.typeKey('KeyA', true);
    controller.typeKey('KeyA', false);
    controller.typeKey('ArrowUp', false);
    const keys = (): number[] => {
      const bytes: number[] = [];
      for (let i = 0; i < 20; i++) {
        const burst = drain();
        expect(burst.length).toBeLessThanOrEqual(1);
        bytes.push(...burst);
        clock.advance(KEY_INTERVAL);
      }
      return bytes;
    };
    expect(keys()).toEqual([0x1e, 0x9e, 0xe0, 0xc8]);
    command(0x60);
    write(0x05);
    controller.typeKey('F7', true);
    controller.typeKey('ArrowUp', false);
    expect(keys()).toEqual([0x83, 0xe0, 0xf0, 0x75]);
    write(0xf0);
    write(0x01);
    write(0xf0);
    write(0x00);
    expect(drain()).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0x01]);
    controller.typeKey('Escape', true);
    controller.typeKey('Escape', false);
    expect(keys()).toEqual([0x01, 0x81]);
    expect(() => controller.typeKey('Any', true)).toThrow(RangeError);
  });

  it('holds keys while the interface is disabled, drops them while scanning is', () => {
    command(0xad);
    controller.typeKey('Space', true);
    expect(status() & 1).toBe(0);
    command(0xae);
    expect(drain()).toEqual([0x39]);
    write(0xf5);
    expect(drain()).toEqual([0xfa]);
    controller.typeKey('Space', true);
    clock.advance(KEY_INTERVAL);
    expect(status() & 1).toBe(0);
  });

  it('answers a mouse probe at once: no auxiliary port', () => {
    command(0xd3);
    write(0x5a);
    expect(status() & 0x21).toBe(0x01);
    expect(data()).toBe(0x5a);
    command(0xa9);
    expect([0x00, 0xfa, 0xff]).not.toContain(data());
    command(0xd4);
    write(0xf2);
    expect(status() & 0x41).toBe(0x41);
    expect(data()).toBe(0xfe);
    expect(status() & 0x41).toBe(0);
  });

  it('controls A20 and reset by the output port', () => {
    command(0xd0);
    expect(data() & 3).toBe(3);
    command(0xd1);
    write(0xdd);
    command(0xd0);
    expect(data() & 3).toBe(1);
    command(0xdf);
    command(0xdd);
    expect(a20).toEqual([false, true, false]);
    command(0xf1); // pulses bits 1-3 only
    expect(resets).toBe(0);
    command(0xfe);
    command(0xd1);
    write(0xde);
    expect(resets).toBe(2);
  });

  it('saves and restores', () => {
    write(0xf2);
    data();
    command(0xd1);
    write(0xdd);
    const saved = JSON.parse(JSON.stringify(controller.save()));
    a20 = [];
    controller = make();
    controller.restore(saved);
    expect(drain()).toEqual([0xab, 0x41]);
    expect(a20).toEqual([false]);
  });
});

describe('port 0x92', () => {
  it('drives A20 and resets on the rising edge of bit 0', () => {
    const a20 = new TestLine();
    let resets = 0;
    const port = new SystemControlPortA({ a20, onReset: () => resets++ });
    port.write(0, 1, 0x02);
    expect([a20.level, port.read(0, 1), resets]).toEqual([true, 2, 0]);
    port.write(0, 1, 0x03);
    port.write(0, 1, 0x03);
    expect(resets).toBe(1);
    port.reset();
    port.write(0, 1, 0x01);
    expect([a20.level, resets]).toEqual([false, 2]);
  });
});
