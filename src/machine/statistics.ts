/** What a run is measured by. Definitions of the terms are in cache/README.md. */
import type { CacheCounters } from '../cache/counters.ts';
import { numberedCallouts } from '../instructions/operands.ts';
import type { Leak, LeakReport } from '../monitor/leaks.ts';
import type { MonitorCounters } from '../monitor/monitor.ts';
import { vectorNames } from '../x86/exceptions.ts';
import type { Machine } from './machine.ts';

export type { Leak, LeakReport };

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
  /** VM exits by the manual's name of the reason; empty where there is no guest mode. */
  readonly exits: Readonly<Record<string, number>>;
  /** What else guest mode brings with it; null where there is none. */
  readonly guestMode: {
    /** Instructions of code that guest mode cannot run, emulated by the monitor. */
    readonly emulatedInstructions: number;
    /** EPT violations: first uses of a guest-physical page, and accesses to what is no RAM. */
    readonly mappedPages: number;
    readonly deviceAccesses: number;
  } | null;
  /** Executions that were silently wrong; null under techniques where there are none. */
  readonly leaks: LeakReport | null;
  /** Share of instructions that ran without the monitor, 0 to 1. */
  readonly direct: number;
  readonly tlb: {
    readonly misses: number;
    readonly flushes: number;
    /** Table entries that the walks of all misses read: of both levels under nested paging. */
    readonly entriesRead: number;
  };
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
  const hardware = machine.hardwareCounters;
  const monitor = machine.monitorCounters;
  const callouts =
    monitor && !hardware ? named(processor.virtualCallouts, (i) => numberedCallouts[i]!.name) : {};
  const traps = named(processor.faultCounts, (v) => vectorNames[v] ?? `vector ${v}`);
  const entriesRead = hardware?.entriesRead ?? processor.mmu.tableEntriesRead;
  const instructions = processor.retired;
  const interventions = hardware
    ? sum(hardware.exits) + hardware.emulatedInstructions
    : monitor
      ? sum(callouts) + sum(traps) + monitor.hiddenPageFaults
      : 0;
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
    exits: hardware?.exits ?? {},
    guestMode: hardware && {
      emulatedInstructions: hardware.emulatedInstructions,
      mappedPages: hardware.mappedPages,
      deviceAccesses: hardware.deviceAccesses,
    },
    leaks: machine.leaks,
    direct: 1 - ratio(interventions, instructions),
    tlb: { misses: processor.mmu.misses, flushes: processor.mmu.tlb.flushes, entriesRead },
    guestMilliseconds: machine.clock.now() / 1e6,
    hostMilliseconds,
  };
};
