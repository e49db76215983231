/** The segment registers with which a processor without unrestricted guests enters guest mode. */
import { beforeEach, describe, expect, test } from 'vitest';
import { mayEnterGuestMode } from '../../src/monitor/vm-entry.ts';
import { Flag } from '../../src/x86/flags.ts';
import { CR0, Seg } from '../../src/x86/registers.ts';
import { CpuState, System, SystemBase } from '../../src/x86/state.ts';

const state = new CpuState(new ArrayBuffer(0x2000), SystemBase.PHYSICAL);
const DATA = 0xc09300;
const CODE = 0xc09b00;
const CONFORMING = 0xc09f00;
const dpl = (level: number): number => level << 13;
const load = (segment: number, selector: number, attributes: number): void =>
  state.setSegment(segment, selector, 0, 0xffffffff, attributes);

beforeEach(() => {
  state.setSys(System.CR0, CR0.PE);
  state.setSys(System.FLAGS, 0);
  state.cpl = 0;
  for (let segment = Seg.ES as number; segment <= Seg.GS; segment++) load(segment, 0x10, DATA);
  load(Seg.CS, 8, CODE);
});

test('flat protected mode is entered, with paging or without', () => {
  expect(mayEnterGuestMode(state)).toBe(true);
});
test('real mode is not, virtual-8086 mode is', () => {
  for (let segment = Seg.ES as number; segment <= Seg.GS; segment++)
    state.setSegment(segment, 0x1234, 0x12340, 0xffff, 0xf300);
  state.setSys(System.FLAGS, Flag.VM);
  expect(mayEnterGuestMode(state)).toBe(true);
  state.setSys(System.FLAGS, 0);
  state.setSys(System.CR0, 0);
  expect(mayEnterGuestMode(state)).toBe(false);
});
describe('what real mode leaves behind', () => {
  test('CS is a data segment until it is loaded', () => {
    load(Seg.CS, 0x1000, 0x9300);
    expect(mayEnterGuestMode(state)).toBe(false);
  });
  test('paragraphs look like selectors of any RPL', () => {
    load(Seg.DS, 0x07c3, 0x9300);
    expect(mayEnterGuestMode(state)).toBe(false);
    load(Seg.DS, 0x07c0, 0x9300);
    expect(mayEnterGuestMode(state)).toBe(true);
    load(Seg.SS, 0x9001, 0x9300);
    expect(mayEnterGuestMode(state)).toBe(false);
  });
});
describe('rings', () => {
  test('user code', () => {
    state.cpl = 3;
    load(Seg.CS, 0x1b, CODE | dpl(3));
    expect(mayEnterGuestMode(state)).toBe(false);
    load(Seg.SS, 0x23, DATA | dpl(3));
    expect(mayEnterGuestMode(state)).toBe(true);
  });
  test('data segments of a lower DPL than their RPL', () => {
    load(Seg.ES, 0x13, DATA);
    expect(mayEnterGuestMode(state)).toBe(false);
    load(Seg.ES, 0x0b, CONFORMING);
    expect(mayEnterGuestMode(state)).toBe(true);
  });
  test('conforming code of a lower DPL than the stack', () => {
    state.cpl = 3;
    load(Seg.CS, 0x0b, CONFORMING);
    load(Seg.SS, 0x23, DATA | dpl(3));
    expect(mayEnterGuestMode(state)).toBe(true);
    load(Seg.CS, 0x0b, CODE);
    expect(mayEnterGuestMode(state)).toBe(false);
  });
});
test('null selectors are no obstacle; segments that were never accessed are', () => {
  for (const segment of [Seg.DS, Seg.FS]) load(segment, 3, 0);
  expect(mayEnterGuestMode(state)).toBe(true);
  load(Seg.GS, 0x10, DATA & ~0x100);
  expect(mayEnterGuestMode(state)).toBe(false);
});
