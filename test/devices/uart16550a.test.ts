import { beforeEach, describe, expect, it } from 'vitest';
import { Uart16550a } from '../../src/devices/uart16550a.ts';
import { TestLine, VirtualTestClock } from './virtual-test-clock.ts';

/** Ten bits at 115200 baud, rounded up. */
const CHARACTER = 86_806;

describe('16550A', () => {
  let clock: VirtualTestClock;
  let irq: TestLine;
  let uart: Uart16550a;
  let sent: number[];
  const get = (offset: number): number => uart.read(offset, 1);
  const put = (offset: number, value: number): void => uart.write(offset, 1, value);
  const iir = (): number => get(2) & 0x0f;

  beforeEach(() => {
    clock = new VirtualTestClock();
    irq = new TestLine();
    sent = [];
    uart = new Uart16550a({ clock, irq, onTransmit: (byte) => sent.push(byte) });
    put(3, 0x83);
    put(0, 1);
    put(1, 0);
    put(3, 0x03);
  });

  it('keeps divisor, scratch and mode registers apart', () => {
    put(7, 0x5a);
    put(3, 0x83);
    put(0, 0x34);
    put(1, 0x12);
    expect([get(0), get(1)]).toEqual([0x34, 0x12]);
    put(3, 0x1b);
    put(1, 0xff);
    expect([get(1), get(3), get(7)]).toEqual([0x0f, 0x1b, 0x5a]);
    put(4, 0xff);
    expect(get(4)).toBe(0x1f);
  });

  it('passes the probe of a kernel: loopback modem bits and FIFO identification', () => {
    put(4, 0x1a); // LOOP, OUT2, RTS
    expect(get(6) & 0xf0).toBe(0x90);
    put(4, 0x15); // LOOP, OUT1, DTR
    expect(get(6)).toBe(0x60 | 0x0b);
    put(4, 0x11);
    expect(get(6)).toBe(0x20 | 0x04); // trailing edge of RI
    put(4, 0);
    expect(get(6) & 0xf0).toBe(0xb0);
    put(2, 1);
    expect(get(2) >> 6).toBe(3);
    put(2, 0);
    expect(get(2) >> 6).toBe(0);
  });

  it('transmits at once, with THRE and TEMT always set', () => {
    put(0, 0x41);
    expect(sent).toEqual([0x41]);
    expect(get(5)).toBe(0x60);
    put(3, 0x01); // six bits
    put(0, 0xff);
    expect(sent).toEqual([0x41, 0x3f]);
  });

  it('THRE interrupt: on enabling, after each byte, cleared by reading IIR, gated by OUT2', () => {
    put(1, 2);
    expect(irq.level).toBe(false);
    put(4, 8);
    expect(irq.level).toBe(true);
    expect(iir()).toBe(2);
    expect([irq.level, iir()]).toEqual([false, 1]);
    put(1, 2); // no change of the enable bit: nothing new
    expect(irq.level).toBe(false);
    put(1, 0);
    put(1, 2);
    expect([irq.level, iir()]).toEqual([true, 2]);
    put(0, 0x41);
    expect([irq.level, iir()]).toEqual([true, 2]);
  });

  it("receives at the line's pace without FIFO, one byte at a time", () => {
    put(4, 8);
    put(1, 1);
    uart.receive([0x61, 0x62]);
    clock.advance(CHARACTER - 1);
    expect(get(5) & 1).toBe(0);
    clock.advance(1);
    expect([get(5) & 1, iir(), irq.level]).toEqual([1, 4, true]);
    clock.advance(10 * CHARACTER);
    expect(get(0)).toBe(0x61);
    expect([irq.level, uart.backlog]).toEqual([false, 1]);
    clock.advance(CHARACTER);
    expect(get(0)).toBe(0x62);
    expect(get(5)).toBe(0x60);
  });

  it('interrupts at the trigger level and by character time-out', () => {
    put(4, 8);
    put(1, 1);
    put(2, 0x81); // trigger at 8
    uart.receive(Array.from({ length: 10 }, (_, i) => i));
    clock.advance(7 * CHARACTER);
    expect(irq.level).toBe(false);
    clock.advance(CHARACTER);
    expect(get(2)).toBe(0xc4);
    expect([get(0), get(0), get(0)]).toEqual([0, 1, 2]);
    expect(irq.level).toBe(false);
    clock.advance(2 * CHARACTER); // the last two arrive: seven wait
    clock.advance(4 * CHARACTER - 1);
    expect(irq.level).toBe(false);
    clock.advance(1);
    expect(get(2)).toBe(0xcc);
    get(0);
    expect(irq.level).toBe(false); // a read restarts the time-out
    clock.advance(4 * CHARACTER);
    expect(irq.level).toBe(true);
  });

  it('loses nothing of a long paste: the host waits for room', () => {
    put(2, 1);
    const text = Array.from({ length: 10_000 }, (_, i) => i & 0xff);
    uart.receive(text);
    const read: number[] = [];
    while (read.length < text.length) {
      clock.advance(50 * CHARACTER);
      let before = read.length;
      while (get(5) & 1) read.push(get(0));
      expect(read.length - before).toBeLessThanOrEqual(16);
      before = read.length;
      expect(get(5) & 2).toBe(0);
    }
    expect(read).toEqual(text);
    expect(uart.backlog).toBe(0);
    expect(clock.armed).toBe(0);
  });

  it('waits while the guest, having raised RTS, holds it low', () => {
    put(2, 1);
    put(4, 0x03);
    put(4, 0x01);
    uart.receive([0x55]);
    clock.advance(100 * CHARACTER);
    expect(get(5) & 1).toBe(0);
    put(4, 0x03);
    clock.advance(CHARACTER);
    expect(get(0)).toBe(0x55);
  });

  it('loops data back, with overrun, and keeps the line out of it', () => {
    put(4, 0x10);
    uart.receive([0x99]);
    put(0, 0x12);
    expect(sent).toEqual([]);
    expect(get(0)).toBe(0x12);
    put(0, 1);
    put(0, 2);
    expect(get(5)).toBe(0x63);
    expect(get(5)).toBe(0x61); // reading cleared the overrun
    expect(get(0)).toBe(2); // without FIFO the buffer is overwritten
    put(2, 1);
    for (let i = 0; i < 17; i++) put(0, i);
    expect(get(5)).toBe(0x63);
    expect(Array.from({ length: 16 }, () => get(0))).toEqual(Array.from({ length: 16 }, (_, i) => i));
    clock.advance(10 * CHARACTER);
    expect(get(5)).toBe(0x60);
    put(4, 0);
    clock.advance(CHARACTER);
    expect(get(0)).toBe(0x99);
  });

  it('reports a break with its character, as a line status interrupt of highest priority', () => {
    put(2, 1);
    put(1, 7);
    put(4, 8);
    uart.receive([0x41]);
    uart.receiveBreak();
    clock.advance(2 * CHARACTER);
    expect(iir()).toBe(4);
    expect(get(5)).toBe(0xe1); // somewhere in the FIFO is an error
    expect(get(0)).toBe(0x41);
    expect(iir()).toBe(6);
    expect(get(5)).toBe(0xf9);
    expect(get(5)).toBe(0x61);
    expect(iir()).toBe(4);
    expect(get(0)).toBe(0);
    expect(iir()).toBe(2);
  });

  it('orders interrupts: line status, data, transmitter, modem', () => {
    put(4, 0x1b);
    get(6);
    put(4, 0x19);
    put(1, 0x0f);
    put(0, 1);
    put(0, 2);
    expect(iir()).toBe(6);
    get(5);
    expect(iir()).toBe(4);
    get(0);
    expect(iir()).toBe(2);
    expect(iir()).toBe(0);
    expect(get(6) & 0x0f).toBe(1);
    expect([iir(), irq.level]).toEqual([1, false]);
  });

  it('clears the receiver by FCR and on a change of FIFO mode', () => {
    put(4, 0x10);
    put(2, 1);
    put(0, 1);
    put(2, 3);
    expect(get(5)).toBe(0x60);
    put(0, 1);
    put(2, 0);
    expect(get(5)).toBe(0x60);
  });

  it('saves and restores with bytes under way', () => {
    put(2, 1);
    put(1, 1);
    put(4, 8);
    uart.receive([1, 2, 3, 4]);
    clock.advance(2.5 * CHARACTER);
    const saved = JSON.parse(JSON.stringify(uart.save()));
    const line = new TestLine();
    uart = new Uart16550a({ clock, irq: line, onTransmit: () => {} });
    uart.restore(saved);
    expect(line.level).toBe(true);
    clock.advance(0.5 * CHARACTER + 1);
    expect([get(0), get(0), get(0)]).toEqual([1, 2, 3]);
    clock.advance(CHARACTER);
    expect(get(0)).toBe(4);
  });
});
