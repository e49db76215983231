import { beforeEach, describe, expect, it } from 'vitest';
import { InterruptController } from '../../src/devices/i8259a.ts';

describe('8259A pair', () => {
  let pic: InterruptController;
  let intr = false;
  const initialize = (icw4 = 1): void => {
    for (const [chip, base, icw3] of [
      [pic.master, 0x20, 4],
      [pic.slave, 0x28, 2],
    ] as const) {
      chip.write(0, 1, 0x11);
      chip.write(1, 1, base);
      chip.write(1, 1, icw3);
      chip.write(1, 1, icw4);
    }
  };
  const isr = (): number => {
    pic.master.write(0, 1, 0x0b);
    return pic.master.read(0, 1);
  };
  const irr = (): number => {
    pic.master.write(0, 1, 0x0a);
    return pic.master.read(0, 1);
  };

  beforeEach(() => {
    pic = new InterruptController({ intr: (level) => (intr = level) });
    initialize();
  });

  it('takes an edge once and needs a new one', () => {
    pic.irq(4).set(true);
    expect(intr).toBe(true);
    expect(irr()).toBe(0x10);
    expect(pic.acknowledge()).toBe(0x24);
    expect([intr, irr(), isr()]).toEqual([false, 0, 0x10]);
    pic.master.write(0, 1, 0x20);
    expect(intr).toBe(false);
    pic.irq(4).set(false);
    pic.irq(4).set(true);
    expect(intr).toBe(true);
  });

  it('nests by priority: a higher input interrupts, a lower one waits for EOI', () => {
    pic.irq(3).set(true);
    pic.acknowledge();
    pic.irq(5).set(true);
    expect(intr).toBe(false);
    pic.irq(1).set(true);
    expect(pic.acknowledge()).toBe(0x21);
    expect(isr()).toBe(0x0a);
    pic.master.write(0, 1, 0x20);
    expect([isr(), intr]).toEqual([0x08, false]);
    pic.master.write(0, 1, 0x20);
    expect(intr).toBe(true);
    expect(pic.acknowledge()).toBe(0x25);
  });

  it('masks without losing the request', () => {
    pic.master.write(1, 1, 0x02);
    pic.irq(1).set(true);
    expect(intr).toBe(false);
    pic.master.write(1, 1, 0);
    expect(intr).toBe(true);
    expect(pic.master.read(1, 1)).toBe(0);
  });

  it('cascades the slave through IR2, with both in service', () => {
    pic.irq(12).set(true);
    expect(pic.acknowledge()).toBe(0x2c);
    expect(isr()).toBe(0x04);
    // A second, higher slave request stays out while the master serves the slave.
    pic.irq(8).set(true);
    expect(intr).toBe(false);
    pic.slave.write(0, 1, 0x20);
    pic.master.write(0, 1, 0x20);
    expect(pic.acknowledge()).toBe(0x28);
  });

  it('serves two pending slave requests one after the other', () => {
    pic.irq(14).set(true);
    pic.irq(9).set(true);
    expect(pic.acknowledge()).toBe(0x29);
    pic.slave.write(0, 1, 0x20);
    expect(intr).toBe(false);
    pic.master.write(0, 1, 0x20);
    expect(pic.acknowledge()).toBe(0x2e);
  });

  it('special fully nested mode lets a higher slave input through', () => {
    initialize(0x11);
    pic.irq(12).set(true);
    pic.acknowledge();
    pic.irq(8).set(true);
    expect(pic.acknowledge()).toBe(0x28);
    pic.irq(3).set(true);
    expect(intr).toBe(false);
  });

  it('a request that goes before INTA is the spurious IRQ 7, or 15 from the slave', () => {
    pic.irq(4).set(true);
    pic.irq(4).set(false);
    expect(intr).toBe(false);
    expect(pic.acknowledge()).toBe(0x27);
    expect(isr()).toBe(0);
    // The slave's request goes between the master's INTA and its own: its INT pin still high at the master.
    pic.slave.write(1, 1, 0xff);
    pic.master.setInput(2, true);
    expect(pic.acknowledge()).toBe(0x2f);
    expect(isr()).toBe(0x04);
  });

  it('level-triggered inputs ask again while the line is high', () => {
    pic.edgeLevelControl.write(1, 1, 0xff);
    expect(pic.edgeLevelControl.read(1, 1)).toBe(0xde);
    pic.edgeLevelControl.write(0, 1, 0xff);
    expect(pic.edgeLevelControl.read(0, 1)).toBe(0xf8);
    pic.irq(5).set(true);
    pic.acknowledge();
    pic.master.write(0, 1, 0x20);
    expect(intr).toBe(true);
    pic.irq(5).set(false);
    expect(intr).toBe(false);
  });

  it('automatic EOI leaves nothing in service, and can rotate', () => {
    initialize(0x03);
    pic.master.write(0, 1, 0x80);
    pic.irq(0).set(true);
    pic.irq(6).set(true);
    expect(pic.acknowledge()).toBe(0x20);
    expect(isr()).toBe(0);
    pic.irq(0).set(false);
    pic.irq(0).set(true);
    // IR0 has become the lowest.
    expect(pic.acknowledge()).toBe(0x26);
    expect(pic.acknowledge()).toBe(0x20);
  });

  it('rotates on EOI commands and by set priority', () => {
    pic.irq(4).set(true);
    pic.acknowledge();
    pic.master.write(0, 1, 0xa0); // rotate on non-specific EOI: IR4 lowest, IR5 highest
    pic.irq(0).set(true);
    pic.irq(5).set(true);
    expect(pic.acknowledge()).toBe(0x25);
    pic.master.write(0, 1, 0xe5); // rotate on specific EOI of IR5: IR6 highest
    pic.irq(6).set(true);
    expect(pic.acknowledge()).toBe(0x26);
    pic.master.write(0, 1, 0x66); // specific EOI
    pic.master.write(0, 1, 0xc7); // set priority: IR7 lowest
    expect(pic.acknowledge()).toBe(0x20);
  });

  it('special mask mode admits lower inputs while a masked one is in service', () => {
    pic.irq(1).set(true);
    pic.acknowledge();
    pic.irq(6).set(true);
    pic.master.write(1, 1, 0x02);
    expect(intr).toBe(false);
    pic.master.write(0, 1, 0x68);
    expect(pic.acknowledge()).toBe(0x26);
    pic.master.write(0, 1, 0x20);
    // The non-specific EOI ended IR6; the masked IR1 is still in service.
    expect(isr()).toBe(0x02);
    pic.master.write(0, 1, 0x48);
  });

  it('poll acknowledges by a read', () => {
    pic.irq(3).set(true);
    pic.master.write(0, 1, 0x0c);
    expect(pic.master.read(0, 1)).toBe(0x83);
    expect(isr()).toBe(0x08);
    pic.master.write(0, 1, 0x0c);
    expect(pic.master.read(0, 1)).toBe(0);
  });

  it('ICW1 clears the mask, what is in service, and edges already seen', () => {
    pic.irq(4).set(true);
    pic.irq(5).set(true);
    pic.acknowledge();
    pic.master.write(1, 1, 0xfb);
    initialize();
    expect([isr(), irr(), pic.master.read(1, 1), intr]).toEqual([0, 0, 0, false]);
  });

  it('has no wire for IRQ 2', () => {
    expect(() => pic.irq(2)).toThrow(RangeError);
    expect(() => pic.irq(16)).toThrow(RangeError);
  });

  it('saves and restores', () => {
    pic.irq(12).set(true);
    pic.master.write(1, 1, 0x40);
    const saved = JSON.parse(JSON.stringify(pic.save()));
    let other = false;
    const copy = new InterruptController({ intr: (level) => (other = level) });
    copy.restore(saved);
    expect(other).toBe(true);
    expect(copy.acknowledge()).toBe(0x2c);
    expect(copy.master.read(1, 1)).toBe(0x40);
  });
});
