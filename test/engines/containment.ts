/** That a guest reaches its own memory only: what the processor and the monitor would let through now. */
import { expect } from 'vitest';
import type { Machine } from '../../src/machine/machine.ts';
import {
  PAGE_SIZE,
  POINTER_BIAS,
  RAM_BASE,
  TLB_SIZE,
  TLB_SUPERVISOR,
  TLB_TABLE_SIZE,
} from '../../src/memory/layout.ts';
import { MONITOR_PHYSICAL } from '../../src/memory/physical.ts';
import { System } from '../../src/x86/state.ts';

const PRESENT = 1;

/** Pages of the TLB that do not lie in guest RAM, as `linear address: address in the machine's linear memory`. */
const strayTranslations = ({ memory }: Machine): string[] => {
  const stray: string[] = [];
  const { words } = memory;
  const first = TLB_SUPERVISOR >>> 2;
  for (let index = 0; index < TLB_SIZE >>> 2; index++) {
    const word = words[first + index]!;
    if (word === 0) continue;
    const linear = ((index << 2) % TLB_TABLE_SIZE) << 10;
    const host = (word + linear + POINTER_BIAS) >>> 0;
    const page = host - RAM_BASE;
    if (page < 0 || page > memory.size - PAGE_SIZE || page % PAGE_SIZE !== 0)
      stray.push(`${(linear >>> 0).toString(16)}: ${host.toString(16)}`);
  }
  return stray;
};

/** What the shadow page tables map, present, that belongs to the monitor: everything from the PDPTE registers on. */
const strayShadows = ({ memory, processor }: Machine): string[] => {
  const stray: string[] = [];
  if (memory.monitorSize === 0) return stray;
  const { state } = processor;
  const entries = (page: number) =>
    Array.from({ length: PAGE_SIZE / 8 }, (_, i) => ({
      low: memory.read(page + i * 8, 4),
      high: memory.read(page + i * 8 + 4, 4) & 0x7fffffff,
    })).filter(({ low }) => low & PRESENT);
  const pageOf = (low: number) => (low & -PAGE_SIZE) >>> 0;
  for (let i = 0; i < 4; i++) {
    const pointer = state.sys(System.PDPTES + i * 8);
    // In guest mode these are the guest's.
    if ((pointer & PRESENT) === 0 || pageOf(pointer) < MONITOR_PHYSICAL) continue;
    for (const directory of entries(pageOf(pointer)))
      for (const { low, high } of entries(pageOf(directory.low)))
        if (high !== 0 || low >= MONITOR_PHYSICAL) stray.push(`${high.toString(16)}:${low.toString(16)}`);
  }
  return stray;
};

/** @param pattern a doubleword that the guest wrote wherever it could: the monitor's memory must not have it */
export const expectContained = (machine: Machine, pattern: number): void => {
  expect(strayTranslations(machine)).toEqual([]);
  expect(strayShadows(machine)).toEqual([]);
  const { memory } = machine;
  const first = (RAM_BASE + memory.size) >> 2;
  const own = memory.words.subarray(first, first + (memory.monitorSize >> 2));
  expect(own.indexOf(pattern | 0)).toBe(-1);
};
