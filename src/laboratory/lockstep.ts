/**
 * Two machines in lockstep: they start with the same guest and run by turns, and the first instruction after which
 * a guest could tell them apart is found.
 *
 * Both run in virtual time, so that a run can be repeated. The first pass compares them behind every chunk of
 * instructions: registers, the pages of memory written since, and a digest of what was delivered and what went
 * through ports. When a chunk ends differently, a second pass starts both again, runs them to the chunk's beginning
 * and goes through it one instruction at a time, comparing every write. A difference that is gone again at its
 * chunk's end, before anything came of it, is seen only in the chunk where another one stays.
 */
import type { Machine, Outcome } from '../machine/machine.ts';
import { type Divergence, describeDivergence, type Step, stepAt } from './divergence.ts';
import { Pair } from './pair.ts';
import { copyState, keepState, type Output, Witness } from './witness.ts';

/** Makes a machine and loads the guest. Called more than once: every time it must be the same. */
export type CreateMachine = (output: Output) => Machine | Promise<Machine>;

export interface LockstepOptions {
  /** What the machines are called; their techniques if left out. */
  readonly names?: readonly [string, string];
  /** Ends behind this many instructions. */
  readonly instructions?: number;
  /** Ends after this many host milliseconds. */
  readonly milliseconds?: number;
  /** Ends when the guest has sent this text to COM1. */
  readonly until?: string;
  /** Instructions between two comparisons of the first pass, at most. Default 2^18. */
  readonly chunk?: number;
  readonly signal?: AbortSignal;
  onProgress?(progress: Progress): void;
}

export interface Progress {
  readonly phase: 'comparing' | 'repeating' | 'stepping';
  /** Instructions each machine has executed. */
  readonly instructions: number;
}

/** Why there was no more to compare. */
export type Ending =
  | Outcome
  /** Neither executes another instruction: they wait for what never comes, or raise exceptions without end. */
  | { readonly kind: 'stuck' }
  | { readonly kind: 'until' };

export interface LockstepResult {
  /** What the machines are called. */
  readonly names: readonly [string, string];
  /** Instructions that each had executed when the last comparison found no difference. */
  readonly instructions: number;
  /** How both ended, when there is no difference. */
  readonly ending: Ending | null;
  readonly divergence: Divergence | null;
  /** What the guest had sent to its console. */
  readonly console: string;
  /** Host milliseconds: in each machine, and altogether. */
  readonly milliseconds: { readonly machines: readonly [number, number]; readonly all: number };
}

const CHUNK = 2 ** 18;
/** The first chunk: what goes wrong at once is found at once. */
const FIRST_CHUNK = 2 ** 10;
/** Instructions that are stepped through before the chunk that differs, so that the way there can be told. */
const LEAD = 256;
/** Host milliseconds between looks at the host's own events. */
const TURN = 50;
/** Steps between looks at the time. */
const STEPS = 1000;

class Lockstep {
  readonly #create: readonly [CreateMachine, CreateMachine];
  readonly #options: LockstepOptions;
  readonly #started = performance.now();
  readonly #milliseconds: [number, number] = [0, 0];
  #turn = performance.now();

  constructor(create: readonly [CreateMachine, CreateMachine], options: LockstepOptions) {
    this.#create = create;
    this.#options = options;
  }

  async run(): Promise<LockstepResult> {
    let pair: Pair | undefined = await this.#start();
    pair.verify();
    const names = this.#options.names ?? [pair.a.machine.technique, pair.b.machine.technique];
    const found = await this.#compare(pair);
    let { a } = pair;
    let divergence: Divergence | null = null;
    let instructions = a.retired;
    if ('first' in found) {
      this.#count(pair);
      pair = undefined;
      pair = await this.#start();
      divergence = await this.#locate(pair, found.first, found.last);
      instructions = divergence.instructions;
      a = pair.a;
    }
    this.#count(pair);
    return {
      names,
      instructions,
      ending: 'ending' in found ? found.ending : null,
      divergence,
      console: a.console,
      milliseconds: { machines: this.#milliseconds, all: performance.now() - this.#started },
    };
  }
  async #start(): Promise<Pair> {
    const [createA, createB] = this.#create;
    const { until } = this.#options;
    return new Pair(await Witness.of(createA, until), await Witness.of(createB, until));
  }
  #count({ a, b }: Pair): void {
    this.#milliseconds[0] += a.milliseconds;
    this.#milliseconds[1] += b.milliseconds;
  }
  /** Lets the host's own events happen now and then. @returns why to end, undefined to go on */
  async #pause(phase: Progress['phase'], instructions: number): Promise<Ending | undefined> {
    const { milliseconds = Number.POSITIVE_INFINITY, signal } = this.#options;
    const now = performance.now();
    if (signal?.aborted) return { kind: 'stopped' };
    if (now - this.#started >= milliseconds) return { kind: 'limit', reached: 'time' };
    if (now - this.#turn < TURN) return undefined;
    this.#options.onProgress?.({ phase, instructions });
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#turn = performance.now();
    return undefined;
  }

  /** The first pass. @returns how both ended, or the bounds of a chunk that ends differently */
  async #compare(pair: Pair): Promise<{ ending: Ending } | { first: number; last: number }> {
    const { instructions = Number.POSITIVE_INFINITY, chunk: longest = CHUNK } = this.#options;
    let chunk = Math.min(FIRST_CHUNK, longest);
    for (let first = 0; ; chunk = Math.min(2 * chunk, longest)) {
      const last = Math.min(first + chunk, instructions);
      pair.begin('pages');
      pair.runTo(last);
      if (!pair.same() || !pair.samePages()) return { first, last };
      const ending = this.#endingOf(pair, last) ?? (await this.#pause('comparing', last));
      if (ending !== undefined) {
        pair.verify();
        return { ending };
      }
      first = last;
    }
  }
  /** Why there is nothing to do for two machines that have been run so far and are equal. */
  #endingOf({ a }: Pair, last: number): Ending | undefined {
    const { outcome } = a.machine;
    if (outcome !== undefined) return outcome.kind === 'stopped' ? { kind: 'until' } : outcome;
    if (a.retired < last) return { kind: 'stuck' };
    return last === this.#options.instructions ? { kind: 'limit', reached: 'instructions' } : undefined;
  }

  /** The second pass. */
  async #locate(pair: Pair, first: number, last: number): Promise<Divergence> {
    const { a } = pair;
    const trail: Step[] = [];
    for (let at = 0; at < first - LEAD; ) {
      at = Math.min(at + CHUNK, first - LEAD);
      pair.runTo(at);
      if ((await this.#pause('repeating', at)) !== undefined) break;
    }
    const before = copyState(a.machine.cpu);
    let located = false;
    let retired = a.retired;
    for (let steps = 0; a.retired < last && !located; steps++) {
      keepState(before, a.machine.cpu);
      if (trail.length >= 2 * LEAD) trail.splice(0, LEAD);
      trail.push(stepAt(before));
      retired = a.retired;
      pair.begin('everything');
      pair.runTo(retired + 1);
      located = !pair.same() || !pair.sameWrites();
      if (steps % STEPS === 0 && (await this.#pause('stepping', a.retired)) !== undefined) break;
      if (a.retired === retired) break;
    }
    return describeDivergence(pair, before, retired, trail.slice(0, -1), located);
  }
}

/**
 * Runs two machines in lockstep until a guest could tell them apart, or has ended.
 * @param createA makes the machine that is right by definition, if there is one
 * @throws whatever making a machine throws
 */
export const lockstep = (
  createA: CreateMachine,
  createB: CreateMachine,
  options: LockstepOptions = {},
): Promise<LockstepResult> => new Lockstep([createA, createB], options).run();
