/** What the cache benchmark runs, and what it counts of each part of a run. */
import {
  createMachine,
  type EvictionName,
  type KernelImage,
  type Outcome,
  type Statistics,
} from '../src/index.ts';

/** What is varied. */
export interface Knobs {
  /** Bytes. */
  readonly cacheSize: number;
  readonly eviction: EvictionName;
  readonly chaining: boolean;
  /** Instructions. */
  readonly blockLength: number;
}

export const DEFAULTS: Knobs = { cacheSize: 32 << 20, eviction: 'fifo', chaining: true, blockLength: 32 };

/** A guest, in parts that are counted apart. */
export interface Subject {
  readonly name: string;
  readonly image: KernelImage;
  /** Guest memory in bytes. */
  readonly memory: number;
  /** Where the parts begin and end: text on COM1. */
  readonly marks: readonly Mark[];
  /** The run ends behind this many instructions, or with the last mark, or when the guest ends. */
  readonly instructions?: number;
}
export interface Mark {
  readonly text: string;
  /** The part that begins here; undefined: nothing is counted until the next mark. */
  readonly begins?: string;
}
/** The part from power-on to the first mark, if there is one. */
export const FIRST_PART = 'boot';

const counted = [
  'lookups',
  'hits',
  'misses',
  'cut',
  'translations',
  'retranslations',
  'evictions',
  'invalidations',
  'links',
  'chained',
  'translatedInstructions',
  'translatedBytes',
  'records',
] as const;

/** One part of one run. */
export interface Part {
  readonly name: string;
  readonly instructions: number;
  readonly blocks: number;
  readonly cache: Readonly<Record<(typeof counted)[number], number>>;
  /** Measured: time that passed, and the processor time of this process, on which other work has less influence. */
  readonly hostMilliseconds: number;
  readonly processorMilliseconds: number;
}

/** Where a part begins or ends. */
interface Moment extends Statistics {
  readonly processorMilliseconds: number;
}
const processorTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const difference = (name: string, from: Moment, to: Moment): Part => ({
  name,
  instructions: to.instructions - from.instructions,
  blocks: to.blocks - from.blocks,
  cache: Object.fromEntries(counted.map((key) => [key, to.cache[key] - from.cache[key]])) as Part['cache'],
  hostMilliseconds: to.hostMilliseconds - from.hostMilliseconds,
  processorMilliseconds: to.processorMilliseconds - from.processorMilliseconds,
});

export interface Run {
  readonly parts: readonly Part[];
  /** What the guest printed must not depend on the knobs. */
  readonly console: string;
  /** Why the run ended before it should have. */
  readonly problem?: string;
}

export interface RunOptions {
  readonly core: Uint8Array<ArrayBuffer>;
  /** Host milliseconds after which the run is given up. */
  readonly milliseconds: number;
  /** Ends the run from outside. */
  readonly signal: AbortSignal;
}

/** @param mark the next that should come */
const problemOf = (outcome: Outcome, mark: Mark | undefined, options: RunOptions): string | undefined => {
  if (options.signal.aborted) return 'interrupted';
  if (outcome.kind === 'limit' && outcome.reached === 'time')
    return `not done after ${Math.round(options.milliseconds / 1000)} s`;
  if (outcome.kind === 'limit' || mark === undefined) return undefined;
  return `${outcome.kind} before ${mark.text}`;
};

/** Runs a guest once. */
export const run = async (subject: Subject, knobs: Knobs, options: RunOptions): Promise<Run> => {
  const { image, memory, marks, instructions } = subject;
  const parts: Part[] = [];
  let text = '';
  let line = '';
  let next = 0;
  let begun: { readonly name: string; readonly at: Moment } | undefined;
  const machine = await createMachine({
    core: options.core,
    memory,
    ...knobs,
    onSerial(port, byte) {
      if (port !== 0) return;
      const character = String.fromCharCode(byte);
      text += character;
      line = character === '\n' ? '' : line + character;
      const mark = marks[next];
      if (!mark || !line.endsWith(mark.text)) return;
      const now = moment();
      if (begun) parts.push(difference(begun.name, begun.at, now));
      begun = mark.begins === undefined ? undefined : { name: mark.begins, at: now };
      next++;
      if (next === marks.length) machine.stop();
    },
  });
  const moment = (): Moment => ({ ...machine.statistics(), processorMilliseconds: processorTime() });
  const abort = () => machine.stop();
  options.signal.addEventListener('abort', abort);
  try {
    machine.load(image);
    begun = { name: FIRST_PART, at: moment() };
    const outcome = await machine.run({
      milliseconds: options.milliseconds,
      ...(instructions !== undefined && { instructions }),
    });
    const problem = problemOf(outcome, marks[next], options);
    if (problem !== undefined) return { parts: [], console: text, problem };
    if (begun && marks.length === 0) parts.push(difference(begun.name, begun.at, moment()));
    return { parts, console: text };
  } finally {
    options.signal.removeEventListener('abort', abort);
  }
};
