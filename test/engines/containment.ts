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
import { SHADOW_MEMORY } from '../../src/monitor/shadow-paging.ts';

const PRESENT = 1;
/** The shadow's PDPT and four directories come before its page tables. */
const DIRECTORY_PAGES = 5;

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

/** Shadow page-table entries, present, that map what belongs to the monitor. */
const strayShadows = ({ memory }: Machine): string[] => {
  const stray: string[] = [];
  if (memory.monitorSize === 0) return stray;
  const { words } = memory;
  const first = memory.hostAddress(MONITOR_PHYSICAL) >> 2;
  for (let at = (DIRECTORY_PAGES * PAGE_SIZE) >> 2; at < SHADOW_MEMORY >> 2; at += 2) {
    const low = words[first + at]! >>> 0;
    const high = words[first + at + 1]! & 0x7fffffff;
    if ((low & PRESENT) === 0 || (high === 0 && low < MONITOR_PHYSICAL)) continue;
    stray.push(`${at.toString(16)}: ${low.toString(16)}`);
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
