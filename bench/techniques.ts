/** `npm run bench:techniques`: a boot and programs under every technique, in one run on the same files. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { COMMAND_LINE, MEMORY, PROMPT } from '../guests/debian/initramfs.ts';
import { USERLAND } from '../guests/debian/userland.ts';
import { type Statistics, techniqueNamed, techniqueNames } from '../src/index.ts';
import { knownCosts } from '../src/laboratory/costs.ts';
import { measureUntil } from './child.ts';
import { count, hostName, names, note, releaseOf, usualTechniques } from './common.ts';
import { ringdown } from './contestants.ts';
import { MarkerReader } from './markers.ts';
import { techniquesPage } from './techniques-page.ts';
import {
  slowdowns,
  type TechniqueResult,
  type TechniquesReport,
  techniquesReportText,
} from './techniques-report.ts';

interface Options {
  readonly techniques?: readonly string[];
  readonly workloads?: readonly string[];
  readonly rounds: number;
  readonly quick?: true;
  readonly costs: keyof typeof knownCosts;
  readonly timeout: number;
  readonly files: string;
  readonly output: string;
  readonly report?: string;
}

const WORKLOADS: Readonly<Record<string, 'user' | 'kernel'>> = {
  intmix: 'user',
  sha256: 'user',
  interp: 'user',
  fib: 'user',
  nbodysse: 'user',
  smc: 'user',
  shmix: 'kernel',
  getpid80: 'kernel',
  pipe: 'kernel',
  signal: 'kernel',
  mmapfault: 'kernel',
  forkexec: 'kernel',
};
/** What the userland prints last. */
const DONE = 'GUEST-DONE';
/** A technique that has not booted behind so many times native's instructions is given up. */
const PATIENCE = 1.5;
const NATIVE = 'native';

const optionsOf = (argv: readonly string[]): Options =>
  new Command('bench:techniques')
    .description('A Linux boot and programs in it, under every technique.')
    .option('--techniques <names>', `only these, separated by commas: ${techniqueNames.join(', ')}`, names)
    .option('--workloads <names>', 'only these, separated by commas; "none" for the boot alone', names)
    .option('--rounds <n>', 'rounds of each', count, 3)
    .option('--quick', 'one round')
    .option('--costs <name>', `the cost model: ${Object.keys(knownCosts).join(', ')}`, 'pentium-4')
    .option('--timeout <seconds>', 'give a run up after so long', count, 1200)
    .option('--files <folder>', 'what npm run guest:debian -- --userland has made', '.guests/debian')
    .option('--output <file>', 'figures in JSON', 'bench/results/techniques.json')
    .option('--report <file>', 'an HTML page as well')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(argv)
    .opts<Options>();

/** A result while it grows. */
interface Entry {
  readonly technique: string;
  problem: string | null;
  readonly boots: number[];
  statistics: Statistics | null;
  readonly workloads: Record<string, number[]>;
}

interface Setting {
  readonly options: Options;
  readonly cli: string;
  readonly kernel: string;
  readonly folder: string;
  readonly workloads: readonly string[];
}

/** Boots to the prompt. @param most instructions after which it is given up */
const boot = async (entry: Entry, setting: Setting, most: number): Promise<void> => {
  const { options, cli, kernel, folder } = setting;
  const file = join(folder, 'statistics.json');
  const limits = Number.isFinite(most) ? ['--max-instructions', String(Math.round(most))] : [];
  const more = ['--until', PROMPT, '--stats', 'json', '--stats-file', file, ...limits];
  const command = ringdown(entry.technique, { cli }, more).command({
    kernel,
    initrd: resolve(options.files, 'initrd.gz'),
    commandLine: COMMAND_LINE,
    memory: MEMORY,
  });
  const measured = await measureUntil(command, PROMPT, options.timeout * 1000, undefined, 'wait');
  if (existsSync(file)) entry.statistics = JSON.parse(readFileSync(file, 'utf8')) as Statistics;
  if (measured.kind === 'failed') entry.problem = `boot: ${measured.reason}`;
  else entry.boots.push(measured.milliseconds);
};

const play = async (entry: Entry, { options, cli, kernel, workloads }: Setting): Promise<void> => {
  const command = ringdown(entry.technique, { cli }).command({
    kernel,
    initrd: resolve(options.files, USERLAND),
    commandLine: `${COMMAND_LINE} quiet wl=${workloads.join(',')} rounds=1 scale=1`,
    memory: MEMORY,
  });
  const reader = new MarkerReader();
  const measured = await measureUntil(command, DONE, options.timeout * 1000, (text, at) =>
    reader.receive(text, at),
  );
  for (const { name, milliseconds } of reader.rounds) {
    entry.workloads[name] ??= [];
    entry.workloads[name].push(milliseconds);
  }
  if (measured.kind === 'failed') entry.problem = `workloads: ${measured.reason}`;
};

const playAll = async (entries: readonly Entry[], setting: Setting): Promise<void> => {
  const rounds = setting.options.quick ? 1 : setting.options.rounds;
  const native = entries.find(({ technique }) => technique === NATIVE);
  for (let round = 1; round <= rounds; round++)
    for (const entry of entries) {
      if (entry.problem !== null) continue;
      note(`round ${round}, ${entry.technique}`);
      await boot(entry, setting, PATIENCE * (native?.statistics?.instructions ?? Number.POSITIVE_INFINITY));
      if (entry.problem === null && setting.workloads.length > 0) await play(entry, setting);
      if (entry.problem !== null) note(`${entry.technique}: ${entry.problem}`);
    }
};

/** What is wrong with the options, in words; undefined if nothing is. */
const complaintOf = (options: Options): string | undefined => {
  try {
    (options.techniques ?? []).forEach(techniqueNamed);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
  if (!Object.hasOwn(knownCosts, options.costs))
    return `--costs ${String(options.costs)}: no such cost model`;
  const unknown = options.workloads?.find((name) => name !== 'none' && !Object.hasOwn(WORKLOADS, name));
  if (unknown !== undefined)
    return `--workloads ${unknown}: there are ${Object.keys(WORKLOADS).join(', ')} and none`;
  const missing = ['vmlinuz', 'initrd.gz', USERLAND].find(
    (file) => !existsSync(resolve(options.files, file)),
  );
  return missing && `${missing} is missing: npm run guest:debian -- --userland makes it`;
};

const main = async (argv: readonly string[]): Promise<number> => {
  const options = optionsOf(argv);
  const complaint = complaintOf(options);
  if (complaint !== undefined) {
    note(`bench:techniques: ${complaint}`);
    return 2;
  }
  const workloads = (options.workloads ?? Object.keys(WORKLOADS)).filter((name) => name !== 'none');
  // Native first: what it takes says when the others are given up.
  const techniques = [...(options.techniques ?? usualTechniques)].sort((a, b) =>
    a === NATIVE ? -1 : b === NATIVE ? 1 : 0,
  );
  const entries = techniques.map(
    (technique): Entry => ({ technique, problem: null, boots: [], statistics: null, workloads: {} }),
  );
  const kernel = resolve(options.files, 'vmlinuz');
  const folder = mkdtempSync(join(tmpdir(), 'ringdown-bench-'));
  const loadBefore = loadavg()[0]!;
  try {
    await playAll(entries, { options, cli: resolve('dist/cli.js'), kernel, folder, workloads });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const report: TechniquesReport = {
    date: new Date().toISOString(),
    host: hostName(),
    node: process.version,
    load: [loadBefore, loadavg()[0]!],
    kernel: releaseOf(readFileSync(kernel)),
    costs: knownCosts[options.costs],
    workloads: Object.fromEntries(workloads.map((name) => [name, WORKLOADS[name]!])),
    results: entries satisfies readonly TechniqueResult[],
  };
  mkdirSync(resolve(options.output, '..'), { recursive: true });
  writeFileSync(options.output, `${JSON.stringify({ ...report, slowdowns: slowdowns(report) }, null, 2)}\n`);
  process.stdout.write(`${techniquesReportText(report)}\n`);
  if (options.report !== undefined) writeFileSync(options.report, await techniquesPage(report));
  // Naive trap-and-emulate does not get there: that is what it is for.
  return entries.some(({ technique, problem }) => problem !== null && !technique.startsWith('trap')) ? 1 : 0;
};

process.exitCode = await main(process.argv);
