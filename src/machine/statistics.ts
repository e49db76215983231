/** What a run is measured by. Definitions of the terms are in cache/README.md. */
import type { CacheCounters } from '../cache/counters.ts';
import { numberedCallouts } from '../instructions/operands.ts';
import type { MonitorCounters } from '../monitor/monitor.ts';
import { vectorNames } from '../x86/exceptions.ts';
import type { Machine } from './machine.ts';

export interface Statistics {
  readonly technique: string;
  readonly engine: string;
  /** Guest instructions retired; one execution of a REP instruction is one. */
  readonly instructions: number;
  /** Blocks entered: by a link, a lookup, or after the engine had left. */
  readonly blocks: number;
  readonly cache: Readonly<CacheCounters> & {
    /** hits / lookups. */
    readonly hitRate: number;
    /** Block entries that needed no lookup, of all block entries. */
    readonly chainRate: number;
    /** Records per guest instruction and record bytes per guest byte, translated once. */
    readonly recordsPerInstruction: number;
    readonly bytesPerByte: number;
  };
  /** Executions by the monitor, by instruction; empty without a monitor. */
  readonly callouts: Readonly<Record<string, number>>;
  /** Sensitive instructions executed in the cache. */
  readonly inCache: number;
  /** Exceptions of the processor by vector. */
  readonly traps: Readonly<Record<string, number>>;
  readonly interrupts: number;
  readonly monitor: Readonly<MonitorCounters> | null;
  /** Share of instructions that ran without the monitor, 0 to 1. */
  readonly direct: number;
  readonly tlb: { readonly misses: number; readonly flushes: number };
  /** Virtual time since power-on and host time in `run`, milliseconds. */
  readonly guestMilliseconds: number;
  readonly hostMilliseconds: number;
}

const named = (counts: Float64Array, name: (i: number) => string): Record<string, number> => {
  const out: Record<string, number> = {};
  const order = [...counts.keys()].filter((i) => counts[i]! > 0).sort((a, b) => counts[b]! - counts[a]!);
  for (const i of order) out[name(i)] = counts[i]!;
  return out;
};
const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((a, b) => a + b, 0);
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

export const collectStatistics = (machine: Machine, hostMilliseconds: number): Statistics => {
  const { processor } = machine;
  processor.collectCounters();
  const { counters } = processor.cache;
  const monitor = machine.monitorCounters;
  const callouts = monitor ? named(processor.virtualCallouts, (i) => numberedCallouts[i]!.name) : {};
  const traps = named(processor.faultCounts, (v) => vectorNames[v] ?? `vector ${v}`);
  const instructions = processor.retired;
  const interventions = monitor ? sum(callouts) + sum(traps) + monitor.hiddenPageFaults : 0;
  return {
    technique: machine.technique,
    engine: processor.engine.name,
    instructions,
    blocks: processor.blocksEntered,
    cache: {
      ...counters,
      hitRate: ratio(counters.hits, counters.lookups),
      chainRate: ratio(processor.blocksEntered - counters.lookups, processor.blocksEntered),
      recordsPerInstruction: ratio(counters.records, counters.translatedInstructions),
      bytesPerByte: ratio(counters.records * 32, counters.translatedBytes),
    },
    callouts,
    inCache: processor.inCacheCount,
    traps,
    interrupts: processor.interruptsTaken,
    monitor,
    direct: 1 - ratio(interventions, instructions),
    tlb: { misses: processor.mmu.misses, flushes: processor.mmu.tlb.flushes },
    guestMilliseconds: machine.clock.now() / 1e6,
    hostMilliseconds,
  };
};
