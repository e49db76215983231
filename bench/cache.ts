/** `npm run bench:cache`: what size, eviction policy, chaining and block length do to the translation cache. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { COMMAND_LINE, MEMORY, PROMPT } from '../guests/debian/initramfs.ts';
import { USERLAND } from '../guests/debian/userland.ts';
import { generatedFiles } from '../src/cli/generated-files.ts';
import { tuneCompiler } from '../src/cli/host.ts';
import { evictionPolicies } from '../src/index.ts';
import { page } from '../src/report/index.ts';
import {
  type CacheReport,
  cachePage,
  cacheReportText,
  hitRate,
  nameOf,
  type Point,
  type SubjectResult,
} from './cache-report.ts';
import { DEFAULTS, type Knobs, type Mark, type Run, run, type Subject } from './cache-runs.ts';
import { count, hostName, names, note } from './common.ts';

interface Options {
  readonly quick?: true;
  readonly subjects?: readonly string[];
  readonly workloads: readonly string[];
  readonly timeout?: number;
  readonly files: string;
  readonly output: string;
  readonly report: string;
}

const optionsOf = (argv: readonly string[]): Options =>
  new Command('bench:cache')
    .description(
      'Runs guests with other cache sizes, eviction policies, block lengths, and without chaining.',
    )
    .option('--quick', 'fewer points, and only the beginning of the Linux boot')
    .option('--subjects <names>', 'hello, linux', names)
    .option('--workloads <names>', 'programs that run after the boot', (text) => text.split(','), [
      'coldcode',
      'forkexec',
      'smc',
    ])
    .option('--timeout <seconds>', 'leave out what has not begun after so long (3600; 600 when quick)', count)
    .option('--files <folder>', 'what npm run guest:debian -- --userland has made', '.guests/debian')
    .option('--output <file>', 'figures in JSON', 'bench/results/cache.json')
    .option('--report <file>', 'the page with plots', 'bench/results/cache.html')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(argv)
    .opts<Options>();

/** A subject, and what it is. */
interface Entry {
  readonly subject: Subject;
  readonly description: string;
}

/** When quick, Linux is left here: the kernel has unpacked itself and set up most of what it has. */
const QUICK_INSTRUCTIONS = 2_700_000_000;

const linux = (options: Options): Entry | string => {
  const file = (name: string) => resolve(options.files, name);
  const programs = !options.quick && existsSync(file(USERLAND));
  const initrd = programs ? USERLAND : 'initrd.gz';
  const missing = ['vmlinuz', initrd].find((name) => !existsSync(file(name)));
  if (missing !== undefined) return `${file(missing)} is missing: npm run guest:debian fetches it`;
  const marks: Mark[] = programs
    ? options.workloads.flatMap((name) => [
        { text: `@@B ${name} 0`, begins: name },
        { text: `@@E ${name} 0` },
      ])
    : [{ text: PROMPT }];
  return {
    subject: {
      name: 'linux',
      image: {
        name: 'vmlinuz',
        kernel: readFileSync(file('vmlinuz')),
        append: programs
          ? `${COMMAND_LINE} quiet wl=${options.workloads.join(',')} rounds=1 scale=1`
          : COMMAND_LINE,
        modules: [{ name: initrd, bytes: readFileSync(file(initrd)), commandLine: '' }],
      },
      memory: MEMORY << 20,
      marks: options.quick ? [] : marks,
      ...(options.quick && { instructions: QUICK_INSTRUCTIONS }),
    },
    description: options.quick
      ? 'The beginning of the boot of Debian’s kernel.'
      : programs
        ? 'Debian’s kernel, from power-on to its first program, and programs one after the other in the same machine.'
        : 'Debian’s kernel, from power-on to the shell’s prompt.',
  };
};
const hello = async (): Promise<Entry> => ({
  subject: {
    name: 'hello',
    image: { name: 'hello', kernel: await generatedFiles.hello() },
    memory: 16 << 20,
    marks: [],
  },
  description: 'The embedded guest: paging, interrupts, system calls and 2046 rounds of a kernel’s chores.',
});

const sizes = (quick: boolean): number[] =>
  (quick ? [22, 20, 18] : [24, 23, 22, 21, 20, 19, 18, 17, 16]).map((bits) => 2 ** bits);
const lengths = (quick: boolean): number[] => (quick ? [1, 4, 12, 64] : [1, 2, 4, 8, 12, 16, 24, 64]);

const NO_TIME = 'no time was left';
/** Host milliseconds. */
const WARM_UP = 5000;

/** Runs one subject under all settings. */
class Measurement {
  readonly #entry: Entry;
  readonly #core: Uint8Array<ArrayBuffer>;
  readonly #deadline: number;
  readonly #signal: AbortSignal;
  readonly #points: Point[] = [];
  readonly #differing: string[] = [];
  #reference: string | undefined;

  constructor(entry: Entry, core: Uint8Array<ArrayBuffer>, deadline: number, signal: AbortSignal) {
    this.#entry = entry;
    this.#core = core;
    this.#deadline = deadline;
    this.#signal = signal;
  }

  async all(quick: boolean): Promise<SubjectResult> {
    await this.#warmUp();
    const base = await this.#run(DEFAULTS);
    for (const cacheSize of sizes(quick)) {
      const { parts } = await this.#run({ ...DEFAULTS, cacheSize });
      // Where nothing has to go it does not matter what would.
      if (parts.every(({ cache }) => cache.evictions === 0)) continue;
      for (const eviction of Object.keys(evictionPolicies) as Knobs['eviction'][])
        if (eviction !== DEFAULTS.eviction) await this.#run({ ...DEFAULTS, cacheSize, eviction });
    }
    await this.#run({ ...DEFAULTS, chaining: false });
    for (const blockLength of lengths(quick)) await this.#run({ ...DEFAULTS, blockLength });
    const again = await this.#measure(DEFAULTS);
    const { name } = this.#entry.subject;
    return {
      name,
      description: this.#entry.description,
      points: this.#points,
      drift: again.parts.length > 0 && base.parts.length > 0 ? hostTime(again) / hostTime(base) : null,
      differing: this.#differing,
    };
  }

  /** Runs that are not counted: at first the host has not compiled well what this guest needs. */
  async #warmUp(): Promise<void> {
    const end = performance.now() + WARM_UP;
    do {
      const { problem } = await this.#measure(DEFAULTS);
      if (problem !== undefined) return;
    } while (performance.now() < end);
  }
  async #run(knobs: Knobs): Promise<Point> {
    const { parts, console, problem } = await this.#measure(knobs);
    const point = { knobs, parts, ...(problem !== undefined && { problem }) };
    this.#points.push(point);
    if (problem === undefined) {
      const seen = createHash('sha1').update(console);
      for (const { name, instructions } of parts) seen.update(`${name} ${instructions} `);
      const digest = seen.digest('hex');
      this.#reference ??= digest;
      if (digest !== this.#reference) this.#differing.push(nameOf(knobs));
    }
    const result =
      problem ??
      `hit rate ${parts.map((part) => `${(hitRate(part) * 100).toFixed(2)} %`).join(', ')}; ${(hostTime(point) / 1000).toFixed(1)} s`;
    if (problem !== NO_TIME && !this.#signal.aborted)
      note(`${this.#entry.subject.name}, ${nameOf(knobs)}: ${result}`);
    return point;
  }
  async #measure(knobs: Knobs): Promise<Run> {
    const milliseconds = this.#deadline - performance.now();
    if (this.#signal.aborted) return { parts: [], console: '', problem: 'interrupted' };
    if (milliseconds <= 0) return { parts: [], console: '', problem: NO_TIME };
    return run(this.#entry.subject, knobs, { core: this.#core, milliseconds, signal: this.#signal });
  }
}

const hostTime = ({ parts }: Pick<Point, 'parts'>): number =>
  parts.reduce((sum, { processorMilliseconds }) => sum + processorMilliseconds, 0);

const entriesOf = async (options: Options): Promise<Entry[] | string> => {
  const makers: Readonly<Record<string, () => Promise<Entry> | Entry | string>> = {
    hello,
    linux: () => linux(options),
  };
  const unknown = options.subjects?.find((name) => !Object.hasOwn(makers, name));
  if (unknown !== undefined) return `--subjects ${unknown}: none of ${Object.keys(makers).join(', ')}`;
  const entries: Entry[] = [];
  for (const name of options.subjects ?? Object.keys(makers)) {
    const made = await makers[name]!();
    if (typeof made !== 'string') entries.push(made);
    else if (options.subjects) return made;
    else note(`bench:cache: without ${name}: ${made}`);
  }
  return entries;
};

const main = async (argv: readonly string[]): Promise<number> => {
  const options = optionsOf(argv);
  const quick = options.quick ?? false;
  const entries = await entriesOf(options);
  if (typeof entries === 'string') {
    note(`bench:cache: ${entries}`);
    return 2;
  }
  for (const path of [options.output, options.report]) {
    try {
      mkdirSync(dirname(resolve(path)), { recursive: true });
      writeFileSync(path, '');
    } catch (error) {
      note(`bench:cache: ${path} cannot be written: ${(error as Error).message}`);
      return 2;
    }
  }
  const started = performance.now();
  const deadline = started + (options.timeout ?? (quick ? 600 : 3600)) * 1000;
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  const loadBefore = loadavg()[0]!;
  const core = await generatedFiles.core();
  const subjects: SubjectResult[] = [];
  for (const entry of entries)
    subjects.push(await new Measurement(entry, core, deadline, interruption.signal).all(quick));

  const report: CacheReport = {
    date: new Date().toISOString(),
    host: hostName(),
    node: process.version,
    load: [loadBefore, loadavg()[0]!],
    quick,
    seconds: (performance.now() - started) / 1000,
    defaults: DEFAULTS,
    subjects,
  };
  writeFileSync(options.output, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(options.report, await page(cachePage(report)));
  process.stdout.write(`${cacheReportText(report)}\n`);
  note(`${options.report} has the plots, ${options.output} the figures.`);
  if (interruption.signal.aborted) return 130;
  const failed = subjects.some(
    ({ points, differing }) => differing.length > 0 || points.some((p) => p.problem),
  );
  return failed ? 1 : 0;
};

tuneCompiler();
process.exitCode = await main(process.argv);
