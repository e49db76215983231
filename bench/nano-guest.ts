/** Runs the guest of nanobenchmarks and attributes what happens to its stretches. */
import { buildGuest } from '../guests/assemble.ts';
import { sourcesIn } from '../guests/files.ts';
import type { CreateOptions, Statistics } from '../src/index.ts';
import { createMachine } from '../src/index.ts';

/** All stretches of one name. */
export interface Stretches {
  readonly name: string;
  readonly count: number;
  /** What was done in all of them together, and in how much of the host's time. */
  readonly operations: number;
  readonly nanoseconds: number;
  /** What was counted meanwhile; rates in it mean nothing. */
  readonly events: Statistics;
}

/** What a thread is to measure. */
export interface NanoOrder {
  /** Made for so many rounds. */
  readonly kernel: Uint8Array;
  readonly rounds: number;
  /** A technique's name, or RDTSC_BY_CALLOUT. */
  readonly technique: string;
}
export interface NanoAnswer {
  readonly rounds: readonly (readonly Stretches[])[];
  /** Why there are none. */
  readonly problem: string | null;
}
/** `bt`, with RDTSC as every instruction that must go to the monitor goes. */
export const RDTSC_BY_CALLOUT = 'bt, RDTSC by callout';

type Numbers = { readonly [key: string]: unknown };

const isObject = (value: unknown): value is Numbers => typeof value === 'object' && value !== null;

/** Combines two objects of the same shape number by number; what one of them lacks counts as zero. */
const combine = (a: Numbers, b: Numbers, operation: (x: number, y: number) => number): Numbers =>
  Object.fromEntries(
    [...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => {
      const [x, y] = [a[key], b[key]];
      if (isObject(x) || isObject(y))
        return [key, combine(isObject(x) ? x : {}, isObject(y) ? y : {}, operation)];
      if (typeof x === 'number' || typeof y === 'number')
        return [key, operation(typeof x === 'number' ? x : 0, typeof y === 'number' ? y : 0)];
      return [key, x ?? y];
    }),
  );

/** What happened between two moments of a run; or with `times`, what is left without so many times something else. */
export const without = (all: Statistics, part: Statistics, times = 1): Statistics =>
  combine(
    all as unknown as Numbers,
    part as unknown as Numbers,
    (x, y) => x - times * y,
  ) as unknown as Statistics;
const together = (a: Statistics, b: Statistics): Statistics => without(a, b, -1);

const NEWLINE = 0x0a;
const END = 0x2e;

export class NanoError extends Error {
  override readonly name = 'NanoError';
}

const SOURCE = 'nanobenchmarks.s';
const ONE_ROUND = /^\.set ROUNDS, 1\b/m;
/** The name of the stretch that begins a round. */
const ROUND = 'round';
/** What a round may take; it takes 0.4 million instructions. */
const MOST_INSTRUCTIONS = 1e6;
const MOST_MILLISECONDS = 60_000;

/** The guest's kernel. @param rounds how often it is to go through all stretches */
export const buildNanobenchmarks = async (rounds: number): Promise<Uint8Array> => {
  const read = sourcesIn();
  const { image } = await buildGuest('nanobenchmarks', async (path) => {
    const source = await read(path);
    if (path !== SOURCE) return source;
    if (!ONE_ROUND.test(source)) throw new NanoError(`${SOURCE} does not say how many rounds it makes`);
    return source.replace(ONE_ROUND, `.set ROUNDS, ${rounds}`);
  });
  return image;
};

/**
 * Runs all rounds in one machine: the host's compiler specialises code for a machine, and begins anew with the next.
 * @param kernel made for so many rounds
 * @returns the stretches of each round
 * @throws NanoError when the guest does not come to its end, MachineError for what the technique refuses
 */
export const runNanobenchmarks = async (
  kernel: Uint8Array,
  rounds: number,
  options: CreateOptions,
): Promise<readonly (readonly Stretches[])[]> => {
  const found: Map<string, Stretches>[] = [];
  let line = '';
  let text = '';
  let begun: { readonly name: string; readonly operations: number; readonly events: Statistics } | undefined;
  let since = 0;
  const end = (): void => {
    const nanoseconds = (performance.now() - since) * 1e6;
    if (!begun) return;
    const { name, operations } = begun;
    if (name === ROUND) found.push(new Map());
    const stretches = found.at(-1)!;
    const events = without(machine.statistics(), begun.events);
    const before = stretches.get(name);
    stretches.set(name, {
      name,
      count: (before?.count ?? 0) + 1,
      operations: (before?.operations ?? 0) + operations,
      nanoseconds: (before?.nanoseconds ?? 0) + nanoseconds,
      events: before ? together(before.events, events) : events,
    });
    begun = undefined;
  };
  const machine = await createMachine({
    memory: 16 << 20,
    cacheSize: 4 << 20,
    ...options,
    onSerial: (_port, byte) => {
      text += String.fromCharCode(byte);
    },
    onDebugConsole(byte) {
      if (byte === END) end();
      else if (byte === NEWLINE) {
        const [name = '', operations] = line.split(' ');
        line = '';
        begun = { name, operations: Number(operations), events: machine.statistics() };
        since = performance.now();
      } else line += String.fromCharCode(byte);
    },
  });
  machine.load({ name: 'nanobenchmarks', kernel });
  const outcome = await machine.run({
    instructions: rounds * MOST_INSTRUCTIONS,
    milliseconds: rounds * MOST_MILLISECONDS,
  });
  if (outcome.kind !== 'exit' || outcome.status !== 1)
    throw new NanoError(
      `the guest ended with ${JSON.stringify(outcome)} and said: ${text.trim().split('\n').at(-1) ?? ''}`,
    );
  return found.map((stretches) => [...stretches.values()]);
};
