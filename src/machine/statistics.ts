/** What a run is measured by. Each figure is defined in definitions.md. */
import type { CacheCounters } from '../cache/counters.ts';
import { inCacheInstructions } from '../instructions/in-cache.ts';
import { numberedCallouts } from '../instructions/operands.ts';
import type { RewrittenCounts } from '../interpreter/rewritten-counts.ts';
import type { AdaptationCounters } from '../monitor/adaptation.ts';
import type { Leak, LeakReport } from '../monitor/leaks.ts';
import type { ShadowCounters } from '../monitor/shadow-paging.ts';
import { vectorNames } from '../x86/exceptions.ts';
import type { Machine } from './machine.ts';

export type { Leak, LeakReport };

/** Counts by the name of an instruction, an exception or a reason, the largest first; zeros are left out. */
export type Counts = Readonly<Record<string, number>>;

export interface Statistics {
  /** With its variants. */
  readonly technique: string;
  readonly engine: string;
  /** Guest instructions retired; one execution of a REP instruction is one. */
  readonly instructions: number;
  /** Blocks entered: by a link, a lookup, or after the engine had left. */
  readonly blocks: number;
  readonly cache: Readonly<CacheCounters> & {
    /** Kept blocks at this moment. */
    readonly live: number;
    /** hits / lookups. */
    readonly hitRate: number;
    /** Block entries by a link: blocks - lookups that led to a block. */
    readonly chained: number;
    /** chained / blocks. */
    readonly chainRate: number;
    /** Records per guest instruction and record bytes per guest byte, translated once. */
    readonly recordsPerInstruction: number;
    readonly bytesPerByte: number;
  };
  /** Of rewritten code alone; null where nothing is rewritten. */
  readonly rewritten: Readonly<RewrittenCounts> | null;
  /** Instructions that the processor itself executes outside its loop, such as IRET and MOV to CR0, by name. */
  readonly longInstructions: Counts;
  /** Rewritten instructions executed by the monitor. */
  readonly callouts: Counts;
  /** Instructions in directly running code that went to the monitor. */
  readonly directCallouts: Counts;
  /** Rewritten instructions executed in the cache. */
  readonly inCache: Counts;
  /** Exceptions that the processor raised, by vector. */
  readonly traps: Counts;
  /** Of the traps, those whose instruction the monitor executed, by instruction. */
  readonly emulatedTraps: Counts;
  /** Of the traps, those that were handed to the guest, by vector. */
  readonly reflectedTraps: Counts;
  /** External interrupts taken. */
  readonly interrupts: number;
  /** Page faults that the guest never saw, and those that it did; null without a monitor. */
  readonly monitor: {
    readonly hiddenPageFaults: number;
    readonly truePageFaults: number;
  } | null;
  /** What happened in shadow page tables; null where there are none. */
  readonly shadow: Readonly<ShadowCounters> | null;
  /** What adaptive binary translation did; null under other techniques. */
  readonly adaptation: AdaptationCounters | null;
  /** VM exits by the manual's name of the reason; empty where there is no guest mode. */
  readonly exits: Counts;
  /** What else guest mode brings with it; null where there is none. */
  readonly guestMode: {
    /** Instructions of code that guest mode cannot run, emulated by the monitor. */
    readonly emulatedInstructions: number;
    /** Writes to traced page tables that exited. */
    readonly tracedWrites: number;
    /** EPT violations: first uses of a guest-physical page, and accesses to what is no RAM. */
    readonly mappedPages: number;
    readonly deviceAccesses: number;
    /** Entries of the second level's tables that page walks read. */
    readonly nestedEntriesRead: number;
  } | null;
  /** Executions that were silently wrong; null under techniques where there are none. */
  readonly leaks: LeakReport | null;
  /** Times that the monitor had to act. */
  readonly interventions: number;
  /** Share of instructions that ran without the monitor, 0 to 1. */
  readonly direct: number;
  readonly tlb: {
    readonly misses: number;
    readonly flushes: number;
    /** Table entries that the walks of all misses read; those of a second level are counted apart. */
    readonly entriesRead: number;
  };
  /** Virtual time since power-on and host time in `run`, milliseconds. */
  readonly guestMilliseconds: number;
  readonly hostMilliseconds: number;
}

const sorted = (counts: Counts): Counts =>
  Object.fromEntries(
    Object.entries(counts)
      .filter(([, n]) => n > 0)
      .sort(([, a], [, b]) => b - a),
  );
const byNumber = (count: (i: number) => number, length: number, name: (i: number) => string): Counts =>
  sorted(Object.fromEntries(Array.from({ length }, (_, i) => [name(i), count(i)])));
const callouts = (counts: Float64Array): Counts =>
  byNumber(
    (i) => counts[i]!,
    counts.length,
    (i) => numberedCallouts[i]!.name,
  );
const vectors = (count: (vector: number) => number): Counts =>
  byNumber(count, 256, (vector) => vectorNames[vector] ?? `vector ${vector}`);

/** The sum of counts by name. */
export const total = (counts: Counts): number => Object.values(counts).reduce((a, b) => a + b, 0);
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** The sums of what is counted by name: quickly had, in the course of a run. */
export interface Totals {
  readonly callouts: number;
  readonly directCallouts: number;
  readonly inCache: number;
  readonly traps: number;
  readonly emulatedTraps: number;
  readonly hiddenPageFaults: number;
  readonly exits: number;
  readonly interventions: number;
}

const sumOf = (counts: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i]!;
  return sum;
};

/** Callouts by number. Where nothing is rewritten, whatever goes to the monitor does so directly. */
const calloutCounts = ({ processor, rewrites }: Machine) => {
  const { virtualCallouts, directCallouts } = processor.counters;
  if (rewrites) return { rewritten: virtualCallouts, direct: directCallouts };
  return {
    rewritten: new Float64Array(virtualCallouts.length),
    direct: directCallouts.map((n, i) => n + virtualCallouts[i]!),
  };
};

export const collectTotals = (machine: Machine): Totals => {
  const { counters } = machine.processor;
  counters.collect();
  const { rewritten, direct } = calloutCounts(machine);
  const hardware = machine.hardwareCounters;
  const monitor = machine.monitorCounters;
  const callouts = monitor ? sumOf(rewritten) : 0;
  const directCallouts = monitor ? sumOf(direct) : 0;
  const traps = sumOf(counters.faults) - (monitor ? sumOf(counters.emulatedFaults) : 0);
  const hiddenPageFaults = (hardware ?? monitor)?.hiddenPageFaults ?? 0;
  const exits = hardware ? total(hardware.exits) : 0;
  const tracedWrites = monitor?.shadow.tracedTableWrites ?? 0;
  const monitored =
    callouts + directCallouts + traps + counters.interruptsTaken + hiddenPageFaults + tracedWrites;
  return {
    callouts,
    directCallouts,
    inCache: sumOf(counters.inCache),
    traps,
    emulatedTraps: monitor ? total(monitor.emulatedTraps) : 0,
    hiddenPageFaults,
    exits,
    interventions: hardware ? exits + hardware.emulatedInstructions : monitor ? monitored : 0,
  };
};

export const collectStatistics = (machine: Machine, hostMilliseconds: number): Statistics => {
  const { processor } = machine;
  const { interventions } = collectTotals(machine);
  const { counters } = processor;
  const cache = processor.cache.counters;
  const hardware = machine.hardwareCounters;
  const monitor = machine.monitorCounters;
  const faultsOfPages = hardware ?? monitor;
  const shadow = faultsOfPages?.shadow ?? null;
  const entriesRead = processor.mmu.tableEntriesRead;
  const instructions = processor.retired;
  const trapped = (vector: number) =>
    counters.faults[vector]! - (monitor ? counters.emulatedFaults[vector]! : 0);
  const traps = vectors(trapped);
  const monitored = monitor
    ? {
        callouts: callouts(calloutCounts(machine).rewritten),
        directCallouts: callouts(calloutCounts(machine).direct),
        emulatedTraps: sorted(monitor.emulatedTraps),
        reflectedTraps: vectors((vector) => trapped(vector) - monitor.emulatedVectors[vector]!),
      }
    : { callouts: {}, directCallouts: {}, emulatedTraps: {}, reflectedTraps: {} };
  const chained = counters.blocksEntered - (cache.lookups - cache.fetchFaults);
  return {
    technique: machine.technique,
    engine: processor.engine.name,
    instructions,
    blocks: counters.blocksEntered,
    cache: {
      ...cache,
      live: processor.cache.blockCount,
      hitRate: ratio(cache.hits, cache.lookups),
      chained,
      chainRate: ratio(chained, counters.blocksEntered),
      recordsPerInstruction: ratio(cache.records, cache.translatedInstructions),
      bytesPerByte: ratio(cache.records * 32, cache.translatedBytes),
    },
    rewritten: machine.rewrites ? counters.rewritten.total : null,
    longInstructions: callouts(counters.longInstructions),
    ...monitored,
    inCache: byNumber(
      (i) => counters.inCache[i]!,
      inCacheInstructions.length,
      (i) => inCacheInstructions[i]!,
    ),
    traps,
    interrupts: counters.interruptsTaken,
    monitor: faultsOfPages && {
      hiddenPageFaults: faultsOfPages.hiddenPageFaults,
      truePageFaults: faultsOfPages.truePageFaults,
    },
    shadow: shadow && { ...shadow },
    adaptation: monitor?.adaptation ?? null,
    exits: hardware?.exits ?? {},
    guestMode: hardware && {
      emulatedInstructions: hardware.emulatedInstructions,
      tracedWrites: hardware.tracedWrites,
      mappedPages: hardware.mappedPages,
      deviceAccesses: hardware.deviceAccesses,
      nestedEntriesRead: hardware.nestedEntriesRead,
    },
    leaks: machine.leaks,
    interventions,
    direct: 1 - ratio(interventions, instructions),
    tlb: { misses: processor.mmu.misses, flushes: processor.mmu.tlb.flushes, entriesRead },
    guestMilliseconds: machine.clock.now() / 1e6,
    hostMilliseconds,
  };
};
