/**
 * `npm run fuzz -- [--seconds N] [--seed S] [--case FILE|SEED] …`: runs random cases and compares what they leave.
 * Exit codes: 0 nothing found, 1 something found, 2 wrong usage.
 */
import { existsSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Command, InvalidArgumentError } from 'commander';
import { createDecoder } from '../../src/decoder/decoder.ts';
import type { Decoder } from '../../src/decoder/instruction.ts';
import { type Case, formatCase, parseCase } from './case.ts';
import { randomCase } from './generate.ts';
import { Beat, caseSeed, type Message, type Orders } from './protocol.ts';
import { asTest, type Found, Session, type Tally } from './session.ts';
import { runSiliconPeer } from './silicon.ts';

/** Seconds in which a run of a case must come back, and those between two lines of progress. */
const PATIENCE = 30;
const PROGRESS_INTERVAL = 5;
/** Memory may grow by this much once the machines exist, in bytes: decoded forms and tables are kept. */
const GROWTH_ALLOWED = 96 << 20;
/** Findings after which the rest is not looked for: most of them will have one cause. */
const MOST_FOUND = 20;
const ENGINES = ['core', 'reference'];
const TECHNIQUES = ['native', 'bt', 'hw', 'hw+nested'];
const PEERS = ['silicon'];

interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly engines: readonly string[];
  readonly techniques: readonly string[];
  readonly peers: readonly string[];
  readonly case?: string;
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** What several workers have counted. */
class Totals {
  readonly #parts = new Map<number, Tally>();
  set(worker: number, tally: Tally): void {
    this.#parts.set(worker, structuredClone(tally));
  }
  get sum(): Tally {
    const sum: Tally = { cases: 0, executed: 0, runs: 0, features: {}, opcodes: 0 };
    for (const tally of this.#parts.values()) {
      sum.cases += tally.cases;
      sum.executed += tally.executed;
      sum.runs += tally.runs;
      sum.opcodes = Math.max(sum.opcodes, tally.opcodes);
      for (const [name, n] of Object.entries(tally.features))
        sum.features[name] = (sum.features[name] ?? 0) + n;
    }
    return sum;
  }
}

const millions = (n: number): string => `${(n / 1e6).toFixed(1)} million`;

class Fuzzer {
  readonly #options: Options;
  readonly #decoder: Decoder;
  readonly #totals = new Totals();
  readonly #found: Found[] = [];
  readonly #memory: number[] = [];
  #workers = 0;

  constructor(options: Options, decoder: Decoder) {
    this.#options = options;
    this.#decoder = decoder;
  }

  #note(found: Found): void {
    this.#found.push(found);
    say(`found: ${found.pair}: ${found.difference}\n${asTest(found)}`);
  }

  /** Runs a worker until its time is over, or it hangs. @returns the index to go on with, -1 at the end */
  #runWorker(first: number, end: number): Promise<number> {
    const { seed, engines, techniques } = this.#options;
    const orders: Orders = {
      seed,
      first,
      end,
      engines,
      techniques,
      beats: new SharedArrayBuffer(4 * Beat.LENGTH),
    };
    const beats = new Int32Array(orders.beats);
    const number = this.#workers++;
    const worker = new Worker(new URL('./fuzz-worker.js', import.meta.url), { workerData: orders });
    return new Promise((resolve) => {
      let last = 0;
      let since = Date.now();
      const leave = (next: number) => {
        clearInterval(watch);
        void worker.terminate().then(() => resolve(next));
      };
      const watch = setInterval(() => {
        const count = Atomics.load(beats, Beat.COUNT);
        if (count !== last) {
          last = count;
          since = Date.now();
        } else if (Date.now() - since > PATIENCE * 1000) {
          const index = Atomics.load(beats, Beat.INDEX);
          this.#noteCase(index, `no end within ${PATIENCE} seconds`);
          leave(index + 1);
        }
      }, 500);
      worker.on('message', (message: Message) => {
        if (message.kind === 'found') {
          this.#note(message.found);
          if (this.#found.length >= MOST_FOUND) leave(-1);
        } else if (message.kind === 'memory') this.#memory.push(message.bytes);
        else this.#totals.set(number, message.tally);
        if (message.kind === 'done') leave(-1);
      });
      worker.on('error', (error) => {
        const index = Atomics.load(beats, Beat.INDEX);
        this.#noteCase(index, `the worker ended: ${error.stack}`);
        leave(index + 1);
      });
    });
  }
  /** A case that could not be minimised, because the worker with it is gone. */
  #noteCase(index: number, difference: string): void {
    const seed = caseSeed(this.#options.seed, index);
    const text = formatCase(randomCase(seed, this.#decoder));
    this.#note({ seed, pair: 'a case, or the whole machine behind it', difference, text });
  }

  async run(): Promise<number> {
    const { seconds } = this.#options;
    const started = Date.now();
    const progress = setInterval(() => {
      const { cases, executed } = this.#totals.sum;
      const elapsed = (Date.now() - started) / 1000;
      say(
        `${elapsed.toFixed(0)} s: ${cases} cases (${(cases / elapsed).toFixed(0)} a second), ` +
          `${millions(executed)} instructions, ${this.#found.length} found`,
      );
    }, PROGRESS_INTERVAL * 1000);
    for (let next = 0; next >= 0; ) next = await this.#runWorker(next, started + seconds * 1000);
    clearInterval(progress);
    this.#checkGrowth();
    this.#summarise((Date.now() - started) / 1000);
    return this.#found.length > 0 ? 1 : 0;
  }
  /** The first sample comes when all machines exist; what grows without bound shows in every one of the last. */
  #checkGrowth(): void {
    const [first, ...rest] = this.#memory;
    const growth = Math.min(...rest.slice(rest.length >> 1)) - (first ?? 0);
    if (rest.length === 0 || growth < GROWTH_ALLOWED) return;
    const difference = `grew by ${growth >> 20} MiB`;
    this.#note({ seed: this.#options.seed, pair: 'memory', difference, text: '' });
  }
  #summarise(elapsed: number): void {
    const { cases, executed, runs, features, opcodes } = this.#totals.sum;
    say(`\n${cases} cases in ${elapsed.toFixed(0)} seconds: ${runs} runs, ${executed} instructions`);
    say(`${opcodes} opcodes`);
    for (const [name, n] of Object.entries(features).sort(([a], [b]) => a.localeCompare(b)))
      say(`  ${name.padEnd(20)} ${n}`);
    if (this.#memory.length > 0)
      say(`memory in use: ${this.#memory.map((bytes) => bytes >> 20).join(', ')} MiB`);
    say(this.#found.length === 0 ? 'nothing found' : `${this.#found.length} found`);
  }
}

/** Replays one case, given as text in a file or by its seed. */
const replay = async (options: Options, source: string): Promise<number> => {
  const decoder = await createDecoder();
  let c: Case;
  try {
    if (existsSync(source)) c = parseCase(readFileSync(source, 'utf8'));
    else if (/^\d+$/.test(source)) c = randomCase(Number(source), decoder);
    else throw new Error('neither a file nor the number of a case');
  } catch (error) {
    process.stderr.write(`fuzz: --case ${source}: ${(error as Error).message}\n`);
    return 2;
  }
  say(formatCase(c));
  const found = new Session(decoder, options).replay(c);
  say(found ? `${found.pair}: ${found.difference}\n${asTest(found)}` : 'all runs leave the same');
  return found ? 1 : 0;
};

const listOf =
  (known: readonly string[]) =>
  (text: string): string[] => {
    const names = text.split(',').filter((name) => name !== '');
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new InvalidArgumentError(`${unknown} is none of ${known.join(', ')}.`);
    return names;
  };
const count = (text: string): number => {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 0) throw new InvalidArgumentError('a whole number is needed.');
  return n;
};

const main = async (options: Options): Promise<number> => {
  if (options.case !== undefined) return replay(options, options.case);
  const peers = options.peers.includes('silicon')
    ? await runSiliconPeer(options.seed, options.seconds, say)
    : 0;
  if (peers === 2) return 2;
  return Math.max(peers, await new Fuzzer(options, await createDecoder()).run());
};

const program = new Command('fuzz')
  .description('Runs random machine states and programs in several ways and compares what they leave.')
  .option('--seconds <n>', 'how long', count, 60)
  .option('--seed <n>', 'which cases', count, 1)
  .option('--engines <list>', 'core,reference', listOf(ENGINES), ENGINES)
  .option('--techniques <list>', 'native,bt,hw,hw+nested', listOf(TECHNIQUES), TECHNIQUES)
  .option(
    '--peers <list>',
    'silicon: a real processor, by the recorder in RINGDOWN_ORACLE',
    listOf(PEERS),
    [],
  )
  .option('--case <file|seed>', 'replay one case')
  .addHelpText('after', '\nExit codes: 0 nothing found, 1 something found, 2 wrong usage')
  .exitOverride()
  .action(async (options: Options) => {
    process.exitCode = await main(options);
  });
try {
  await program.parseAsync();
} catch (error) {
  const { exitCode } = error as { exitCode?: number };
  if (exitCode === undefined) throw error;
  process.exitCode = exitCode === 0 ? 0 : 2;
}
