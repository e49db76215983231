/**
 * The cost model: what a run would have cost on a real processor, as the sum of events times cycles. The cycles come
 * from data files that name a source for each; the events are those of machine/definitions.md. What comes out is
 * modelled: it says nothing of caches, devices and the guest's instruction mix, and much about the ratio of techniques.
 */
import type { Statistics } from '../index.ts';
import { inCacheInstructions } from '../instructions/in-cache.ts';
import { numberedCallouts } from '../instructions/operands.ts';
import { vectorNames } from '../x86/exceptions.ts';
import core2 from './costs/core-2.json' with { type: 'json' };
import nehalem from './costs/nehalem.json' with { type: 'json' };
import penryn from './costs/penryn.json' with { type: 'json' };
import pentium4 from './costs/pentium-4.json' with { type: 'json' };
import sandyBridge from './costs/sandy-bridge.json' with { type: 'json' };
import westmere from './costs/westmere.json' with { type: 'json' };

/** Every event that may have a cost, and what it stands for. */
export const costEvents = {
  instruction: 'an instruction of the guest, whoever executes it',
  'long instruction': 'what an instruction that the processor itself executes takes beyond that, by name',
  exception: "an exception that the processor delivers through the guest's own table",
  interrupt: "an external interrupt that the processor delivers through the guest's own table",
  trap: 'an exception that the monitor receives and hands to the guest',
  'emulated trap': 'an instruction that trapped and that the monitor executed',
  callout: 'a rewritten instruction that the monitor executed',
  'direct callout': 'an instruction in directly running code that went to the monitor',
  'in cache': 'a rewritten instruction that was executed in the translation cache',
  'virtual interrupt': 'an external interrupt that the monitor receives and hands to the guest',
  'hidden page fault': 'a page fault that the monitor resolves unseen by the guest',
  'true page fault': 'a page fault that the monitor hands to the guest',
  'traced write': 'a write of the guest to a page that the monitor watches, found by a trap',
  'adapted write': 'an execution of an instruction that was rewritten because its writes kept trapping',
  lookup: 'an indirect transfer in translated code that found its block',
  miss: 'a transfer in translated code that left for the translator',
  translation: 'an instruction that was translated',
  exit: "an exit from guest mode and the entry behind it, by the manual's name of the reason",
  'emulated instruction': 'an instruction of code that guest mode cannot run, interpreted by the monitor',
  'nested walk': 'a reference to memory that nested page tables add to a page walk',
} as const;
export type CostEvent = keyof typeof costEvents;

const calloutNames: ReadonlySet<string> = new Set(numberedCallouts.map(({ name }) => name));

/** Events whose cost may differ by what it is about: `callout:in`, `exception:#PF`, `exit:HLT`. */
const details: Partial<Record<CostEvent, ReadonlySet<string> | 'any'>> = {
  'long instruction': calloutNames,
  exception: new Set(vectorNames),
  trap: new Set(vectorNames),
  'emulated trap': 'any',
  callout: calloutNames,
  'direct callout': calloutNames,
  'in cache': new Set(inCacheInstructions),
  exit: 'any',
};

export interface Cost {
  readonly cycles: number;
  /** A paper with its table or section, or `estimate:` and how it was derived. */
  readonly source: string;
}

export interface Costs {
  readonly name: string;
  /** The processor, and its clock in MHz. */
  readonly processor: string;
  readonly megahertz: number;
  /** By event, or `EVENT:DETAIL`. */
  readonly events: Readonly<Record<string, Cost>>;
}

/** The cost files that come with Ringdown, by name. */
export const knownCosts = {
  'pentium-4': pentium4,
  'core-2': core2,
  penryn,
  nehalem,
  westmere,
  'sandy-bridge': sandyBridge,
} as const satisfies Readonly<Record<string, Costs>>;

/** Something wrong with a cost file; the message names it. */
export class CostError extends Error {
  override readonly name = 'CostError';
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const checkEvent = (key: string): void => {
  const [event = '', detail] = key.split(/:(.*)/s);
  if (!Object.hasOwn(costEvents, event))
    throw new CostError(
      `there is no event ${JSON.stringify(event)}: there are ${Object.keys(costEvents).join(', ')}`,
    );
  if (detail === undefined) return;
  const known = details[event as CostEvent];
  if (known === undefined) throw new CostError(`${JSON.stringify(key)}: ${event} has one cost only`);
  if (known !== 'any' && !known.has(detail))
    throw new CostError(`${JSON.stringify(key)}: there is no ${event} of that name`);
};

/**
 * Checks what a cost file says.
 * @param text JSON
 * @throws CostError
 */
export const parseCosts = (text: string): Costs => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CostError(`is not JSON: ${(error as Error).message}`);
  }
  if (!isRecord(value)) throw new CostError('must be an object with name, processor, megahertz and events');
  const { name, processor, megahertz, events } = value;
  for (const [key, is] of Object.entries({ name, processor }))
    if (typeof is !== 'string') throw new CostError(`${key} must be a text`);
  if (typeof megahertz !== 'number' || !(megahertz > 0) || !Number.isFinite(megahertz))
    throw new CostError('megahertz must be a positive number');
  if (!isRecord(events)) throw new CostError('events must be an object of costs by event');
  for (const [key, cost] of Object.entries(events)) {
    checkEvent(key);
    const { cycles, source } = isRecord(cost) ? cost : {};
    if (typeof cycles !== 'number' || !(cycles >= 0) || !Number.isFinite(cycles))
      throw new CostError(`the cycles of ${JSON.stringify(key)} must be a number, zero or more`);
    if (typeof source !== 'string')
      throw new CostError(`the source of ${JSON.stringify(key)} must be a text`);
  }
  if (!Object.hasOwn(events, 'instruction')) throw new CostError('the event "instruction" must have a cost');
  return value as unknown as Costs;
};

/** One kind of event in a run, and its price. */
export interface CostPart {
  /** The event, with its detail where that has a price of its own. */
  readonly event: string;
  readonly count: number;
  readonly cycles: number;
}

export interface ModelledCycles {
  /** The name of the costs. */
  readonly costs: string;
  readonly total: number;
  /** The guest's own instructions; the rest of the total is what the technique adds. */
  readonly instructions: number;
  /** At the clock of the costs' processor. */
  readonly milliseconds: number;
  /** What the total is made of, the dearest first. */
  readonly parts: readonly CostPart[];
  /** Events that happened and have no price. */
  readonly unpriced: readonly { readonly event: string; readonly count: number }[];
}

interface Counted {
  readonly event: CostEvent;
  readonly detail?: string;
  readonly count: number;
}

const byDetail = (event: CostEvent, counts: Readonly<Record<string, number>>): Counted[] =>
  Object.entries(counts).map(([detail, count]) => ({ event, detail, count }));

/** The events of a run that a real machine would have had as well. Each happening is in exactly one of them. */
export const costedEvents = (s: Statistics): Counted[] => {
  const { guestMode, monitor, rewritten } = s;
  const counted: Counted[] = [
    { event: 'instruction', count: s.instructions },
    ...byDetail('long instruction', s.longInstructions),
  ];
  if (monitor === null || guestMode !== null)
    counted.push(...byDetail('exception', s.traps), { event: 'interrupt', count: s.interrupts });
  if (guestMode !== null)
    counted.push(
      ...byDetail('exit', s.exits),
      { event: 'emulated instruction', count: guestMode.emulatedInstructions },
      { event: 'nested walk', count: guestMode.nestedEntriesRead },
    );
  else if (monitor !== null) {
    const { '#PF': truePageFaults = 0, ...otherTraps } = s.reflectedTraps;
    counted.push(
      ...byDetail('trap', otherTraps),
      ...byDetail('emulated trap', s.emulatedTraps),
      ...byDetail('callout', s.callouts),
      ...byDetail('direct callout', s.directCallouts),
      ...byDetail('in cache', s.inCache),
      { event: 'virtual interrupt', count: s.interrupts },
      { event: 'hidden page fault', count: monitor.hiddenPageFaults },
      { event: 'true page fault', count: truePageFaults },
      {
        event: 'traced write',
        count: (s.shadow?.tracedTableWrites ?? 0) - (s.adaptation?.adaptedWrites ?? 0),
      },
      { event: 'adapted write', count: s.adaptation?.adaptedExecutions ?? 0 },
    );
  }
  if (rewritten !== null)
    counted.push(
      { event: 'lookup', count: rewritten.hits },
      { event: 'miss', count: rewritten.misses },
      { event: 'translation', count: rewritten.translatedInstructions },
    );
  return counted.filter(({ count }) => count > 0);
};

/** What a run would have cost. */
export const modelledCycles = (statistics: Statistics, costs: Costs): ModelledCycles => {
  const parts = new Map<string, CostPart>();
  const unpriced: { event: string; count: number }[] = [];
  for (const { event, detail, count } of costedEvents(statistics)) {
    const own = `${event}:${detail}`;
    const key = detail !== undefined && Object.hasOwn(costs.events, own) ? own : event;
    const cost = Object.hasOwn(costs.events, key) ? costs.events[key] : undefined;
    if (cost === undefined) {
      unpriced.push({ event: detail === undefined ? event : own, count });
      continue;
    }
    const before = parts.get(key);
    parts.set(key, {
      event: key,
      count: (before?.count ?? 0) + count,
      cycles: (before?.cycles ?? 0) + count * cost.cycles,
    });
  }
  const total = [...parts.values()].reduce((sum, { cycles }) => sum + cycles, 0);
  return {
    costs: costs.name,
    total,
    instructions: parts.get('instruction')?.cycles ?? 0,
    milliseconds: total / costs.megahertz / 1000,
    parts: [...parts.values()].sort((a, b) => b.cycles - a.cycles),
    unpriced,
  };
};
