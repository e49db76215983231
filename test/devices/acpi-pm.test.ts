import { beforeEach, describe, expect, it } from 'vitest';
import { AcpiPm, PM_TIMER_FREQUENCY } from '../../src/devices/acpi-pm.ts';
import { TestLine, VirtualTestClock } from './virtual-test-clock.ts';

describe('ACPI fixed hardware', () => {
  let clock: VirtualTestClock;
  let sci: TestLine;
  let offs = 0;
  let pm: AcpiPm;
  const toTick = (tick: number): void => clock.advanceTo(PM_TIMER_FREQUENCY.timeOf(tick));
  const make = (timerBits: 24 | 32 = 24): AcpiPm =>
    new AcpiPm({ clock, sci, softOffType: 5, onPowerOff: () => offs++, timerBits });

  beforeEach(() => {
    clock = new VirtualTestClock();
    sci = new TestLine();
    offs = 0;
    pm = make();
  });

  it('counts at 3.579545 MHz and wraps at 24 or 32 bits', () => {
    clock.advance(1e9);
    expect(pm.read(8, 4)).toBe(3_579_545);
    toTick(0xffffff);
    expect(pm.read(8, 4)).toBe(0xffffff);
    toTick(0x1000002);
    expect(pm.read(8, 4)).toBe(2);
    expect(make(32).read(8, 4)).toBe(0x1000002);
    toTick(0xffffffff);
    expect(make(32).read(8, 4)).toBe(0xffffffff);
  });

  it('sets TMR_STS and interrupts at each change of the most significant bit', () => {
    pm.write(2, 2, 1);
    toTick(0x7fffff);
    expect([pm.read(0, 2), sci.level]).toEqual([0, false]);
    toTick(0x800000);
    expect([pm.read(0, 2), sci.level]).toEqual([1, true]);
    pm.write(0, 2, 1);
    expect([pm.read(0, 2), sci.level]).toEqual([0, false]);
    toTick(0x1000000);
    expect(sci.rises).toBe(2);
  });

  it('keeps TMR_STS without a timer while the event is not enabled', () => {
    expect(clock.armed).toBe(0);
    toTick(0x800000);
    expect(sci.level).toBe(false);
    pm.write(2, 2, 1);
    expect(sci.level).toBe(true);
  });

  it('holds the enable bits of its events and of the alarm, and no others', () => {
    pm.write(2, 2, 0xffff);
    expect(pm.read(2, 2)).toBe(0x0521);
    expect(sci.level).toBe(false);
  });

  it('the power button raises SCI until its status is written', () => {
    pm.pressPowerButton();
    expect(sci.level).toBe(false);
    pm.write(2, 2, 0x0120);
    expect(sci.level).toBe(true);
    expect(pm.read(0, 4)).toBe(0x01200100);
    pm.write(0, 2, 0x0001);
    expect(sci.level).toBe(true);
    pm.write(1, 1, 0x01);
    expect(sci.level).toBe(false);
  });

  it('switches off only for SLP_EN with the type of S5', () => {
    expect(pm.read(4, 2)).toBe(1); // SCI_EN from the start
    pm.write(4, 2, 5 << 10);
    pm.write(4, 2, (1 << 13) | (1 << 10));
    expect(offs).toBe(0);
    expect(pm.read(4, 2)).toBe((1 << 10) | 1); // SLP_EN reads as zero
    pm.write(4, 2, (1 << 13) | (5 << 10));
    expect(offs).toBe(1);
  });

  it('can be read by bytes', () => {
    toTick(0x123456);
    expect([8, 9, 10, 11].map((offset) => pm.read(offset, 1))).toEqual([0x56, 0x34, 0x12, 0]);
    expect(pm.read(3, 2)).toBe(0x0100);
    expect(pm.read(7, 4)).toBe(0x12345600);
  });

  it('saves and restores', () => {
    pm.write(2, 2, 0x0100);
    pm.pressPowerButton();
    const saved = JSON.parse(JSON.stringify(pm.save()));
    sci = new TestLine();
    pm = make();
    pm.restore(saved);
    expect(sci.level).toBe(true);
  });
});
