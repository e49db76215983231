/**
 * Adaptive binary translation: which instructions keep trapping, and are retranslated. The adapted form of an
 * instruction is its own handler, behind a record that counts; what it writes to a traced page it tells the monitor
 * without a trap. Whether it still should is seen from its executions and from how many of them met a trace.
 */
import type { Processor } from '../interpreter/processor.ts';
import { PAGE_SIZE } from '../memory/layout.ts';
import type { AdaptationPolicy } from '../techniques/technique.ts';

/** Bytes of the monitor's memory for counters of executions. */
export const COUNTER_MEMORY = PAGE_SIZE;
const COUNTERS = COUNTER_MEMORY / 4;
/** An instruction that was adapted back is adapted again behind twice as many traps, up to so many doublings. */
const MOST_DOUBLINGS = 6;

interface Site {
  /** Guest-physical address of the instruction. */
  readonly physical: number;
  /** Traps since it was last adapted back; halved at every look. */
  traps: number;
  reversions: number;
  /** Index of its counter, -1 while it is not adapted. */
  counter: number;
  /** The counter at the last look, and what met a trace since. */
  counted: number;
  met: number;
}

export interface AdaptationCounters {
  /** Instructions adapted, and adapted back. */
  readonly adaptations: number;
  readonly reversions: number;
  /** Executions of adapted instructions, and those of them that met a trace: what else would have been traps. */
  readonly adaptedExecutions: number;
  readonly adaptedWrites: number;
}

export class Adaptation {
  readonly #processor: Processor;
  readonly #policy: AdaptationPolicy;
  readonly #sites = new Map<number, Site>();
  readonly #free: number[] = [];
  /** Index of the first counter in the words of memory. */
  readonly #first: number;
  #sinceLook = 0;
  #adaptations = 0;
  #reversions = 0;
  #executions = 0;
  #writes = 0;

  /** @param counters physical address of COUNTER_MEMORY bytes */
  constructor(processor: Processor, policy: AdaptationPolicy, counters: number) {
    this.#processor = processor;
    this.#policy = policy;
    this.#first = processor.memory.hostAddress(counters) >>> 2;
    this.reset();
  }
  get counters(): AdaptationCounters {
    let running = 0;
    for (const site of this.#sites.values()) running += this.#executionsOf(site);
    return {
      adaptations: this.#adaptations,
      reversions: this.#reversions,
      adaptedExecutions: this.#executions + running,
      adaptedWrites: this.#writes,
    };
  }

  /** Nothing is adapted. Blocks that were translated before must be gone. */
  reset(): void {
    this.#sites.clear();
    this.#free.length = 0;
    for (let i = 0; i < Math.min(COUNTERS, this.#policy.instructions); i++) this.#free.push(i);
  }

  /** Address in linear memory of the counter of an adapted instruction, else 0. */
  counter(physical: number): number {
    const counter = this.#sites.get(physical)?.counter ?? -1;
    return counter < 0 ? 0 : (this.#first + counter) << 2;
  }

  /** The current instruction wrote to traced memory. */
  met(): void {
    const physical = this.#processor.executingAt;
    if (physical < 0) return;
    const site = this.#siteAt(physical);
    if (site === undefined) return;
    if (site.counter >= 0) {
      site.met++;
      this.#writes++;
    } else if (++site.traps >= this.#policy.traps << Math.min(site.reversions, MOST_DOUBLINGS))
      this.#adapt(site);
    if (++this.#sinceLook >= this.#policy.period) this.#look();
  }
  /** @returns undefined where no more are remembered */
  #siteAt(physical: number): Site | undefined {
    const known = this.#sites.get(physical);
    if (known) return known;
    if (this.#sites.size >= this.#policy.instructions) {
      for (const [key, { counter }] of this.#sites) if (counter < 0) this.#sites.delete(key);
      if (this.#sites.size >= this.#policy.instructions) return undefined;
    }
    const site = { physical, traps: 0, reversions: 0, counter: -1, counted: 0, met: 0 };
    this.#sites.set(physical, site);
    return site;
  }
  #adapt(site: Site): void {
    const counter = this.#free.pop();
    if (counter === undefined) return;
    site.counter = counter;
    site.counted = this.#processor.memory.words[this.#first + counter]!;
    site.met = 0;
    this.#adaptations++;
    this.#retranslate(site);
  }
  #adaptBack(site: Site): void {
    this.#free.push(site.counter);
    site.counter = -1;
    site.traps = 0;
    site.reversions++;
    this.#reversions++;
    this.#retranslate(site);
  }
  /** The blocks with an instruction go, as if it had been written. */
  #retranslate({ physical }: Site): void {
    this.#processor.cache.written(physical, 1);
  }
  /** Executions since the last look. */
  #executionsOf({ counter, counted }: Site): number {
    return counter < 0 ? 0 : (this.#processor.memory.words[this.#first + counter]! - counted) >>> 0;
  }
  #look(): void {
    this.#sinceLook = 0;
    const { executions, share } = this.#policy;
    for (const [key, site] of this.#sites) {
      if (site.counter < 0) {
        site.traps >>= 1;
        if (site.traps === 0 && site.reversions === 0) this.#sites.delete(key);
        continue;
      }
      const executed = this.#executionsOf(site);
      if (executed < executions) continue;
      const { met } = site;
      this.#executions += executed;
      site.counted += executed;
      site.met = 0;
      if (met < executed * share) this.#adaptBack(site);
    }
  }
}
