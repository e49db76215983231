/**
 * Containment: after any number of hostile cases, what the machine keeps beside guest RAM still is what it put
 * there. Guest RAM itself is compared between runs; a write that missed it must have hit one of these.
 */
import { handlerOf, Special } from '../../src/instructions/handlers.ts';
import { RECORD_SIZE, RecordOffset } from '../../src/instructions/record.ts';
import {
  JUMP_CACHE_BASE,
  JUMP_CACHE_ENTRIES,
  JUMP_CACHE_ENTRY_SIZE,
  JumpCacheField,
  PAGE_SIZE,
  POINTER_BIAS,
  RAM_BASE,
  TLB_BASE,
  TLB_SIZE,
  TLB_TABLE_SIZE,
} from '../../src/memory/layout.ts';
import { State } from '../../src/x86/state.ts';
import type { FuzzMachine } from './fuzz-machine.ts';

/** Nothing is kept between here and the TLB. */
const GUARD_START = 0x8000;

/** The TLB is looked at in pieces: most of them are empty. */
const EMPTY = new Uint8Array(0x4000);

const specials = new Set<number>(Object.values(Special));

const auditGuards = ({ memory }: FuzzMachine): string | undefined => {
  for (const [from, to] of [
    [0, State.GPR],
    [GUARD_START, TLB_BASE],
  ] as const)
    for (let at = from; at < to; at += 4)
      if (memory.words[at >> 2] !== 0) return `the guard at ${at.toString(16)} was written`;
  return undefined;
};

/** Every translation must lead to whole pages of guest RAM. */
const auditTlb = ({ memory }: FuzzMachine): string | undefined => {
  const { bytes, words, size } = memory;
  for (let from = TLB_BASE; from < TLB_BASE + TLB_SIZE; from += EMPTY.length) {
    if (Buffer.compare(bytes.subarray(from, from + EMPTY.length), EMPTY) === 0) continue;
    for (let at = from; at < from + EMPTY.length; at += 4) {
      const word = words[at >> 2]!;
      if (word === 0) continue;
      const linear = ((at - TLB_BASE) % TLB_TABLE_SIZE) << 10;
      const page = ((word + linear + POINTER_BIAS) | 0) - RAM_BASE;
      if (page < 0 || page >= size || page % PAGE_SIZE !== 0)
        return `the translation of ${(linear >>> 0).toString(16)} leads to ${page.toString(16)}`;
    }
  }
  return undefined;
};

const isRecord = ({ memory }: FuzzMachine, record: number): boolean =>
  record >= memory.cacheBase &&
  record < memory.cacheBase + memory.cacheSize &&
  (record - memory.cacheBase) % RECORD_SIZE === 0;

const auditJumpCache = (machine: FuzzMachine): string | undefined => {
  const { words, size } = machine.memory;
  for (let i = 0; i < JUMP_CACHE_ENTRIES; i++) {
    const at = (JUMP_CACHE_BASE + i * JUMP_CACHE_ENTRY_SIZE) >> 2;
    const address = words[at + (JumpCacheField.ADDRESS >> 2)]!;
    if (address === 0) continue;
    const physical = address + POINTER_BIAS - RAM_BASE;
    const record = words[at + (JumpCacheField.RECORD >> 2)]!;
    if (physical < 0 || physical >= size || !isRecord(machine, record))
      return `jump cache entry ${i} is wild`;
  }
  return undefined;
};

const auditBlocks = (machine: FuzzMachine): string | undefined => {
  const { view } = machine.memory;
  for (const block of machine.processor.cache.blocks()) {
    for (let i = 0; i < block.recordCount; i++) {
      const record = block.record + i * RECORD_SIZE;
      if (!isRecord(machine, record)) return `a block's record lies at ${record.toString(16)}`;
      const number = view.getUint16(record + RecordOffset.HANDLER, true);
      if (!specials.has(number) && handlerOf(number) === undefined) return `a record has handler ${number}`;
    }
  }
  return undefined;
};

/** @returns what is wrong outside guest RAM, or undefined */
export const audit = (machine: FuzzMachine): string | undefined =>
  auditGuards(machine) ?? auditTlb(machine) ?? auditJumpCache(machine) ?? auditBlocks(machine);
