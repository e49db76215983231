/** `npm run bench:nano`: one event many times over, under every technique, beside the published figures. */
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Command } from 'commander';
import { tuneCompiler } from '../src/cli/host.ts';
import { techniqueNamed, techniqueNames } from '../src/index.ts';
import { CostError, type Costs, knownCosts, modelledCycles, parseCosts } from '../src/laboratory/costs.ts';
import published from './adams-agesen.json' with { type: 'json' };
import { count, hostName, names, note, usualTechniques } from './common.ts';
import { median } from './figures.ts';
import {
  buildNanobenchmarks,
  type NanoAnswer,
  type NanoOrder,
  RDTSC_BY_CALLOUT,
  type Stretches,
  without,
} from './nano-guest.ts';
import { nanoPage } from './nano-page.ts';
import reasons from './nano-reasons.json' with { type: 'json' };
import {
  compareRanks,
  type NanoFigure,
  type NanoReport,
  type NanoResult,
  nanoReportText,
} from './nano-report.ts';

/** The guest's stretches in the order of the tables. */
const BENCHMARKS = {
  syscall: 'SYSENTER from ring 3, SYSEXIT back',
  in: 'IN from port 80h',
  crwr: 'a control register written (CR2, for the CR8 that 32-bit code lacks)',
  callret: 'a near call and its return',
  pgfault: 'a page fault of ring 3, its handler skips the instruction',
  divzero: 'a division by zero in ring 3, its handler skips it',
  ptemod_same: 'a page-table entry written as it was',
  ptemod_absent: 'a page-table entry from present to not present',
  ptemod_present: 'a page-table entry from not present to present',
  int80: 'INT 80h from ring 3, IRET back',
  clisti: 'CLI and STI',
  pushfpopf: 'PUSHF and POPF',
  rdtsc: 'RDTSC',
  segload: 'a data segment register loaded',
  cr3: 'another address space, and four of its pages written',
} as const;

/** By what technique RDTSC is executed in which way. */
const RDTSC_WAYS: Readonly<Record<string, string>> = {
  trap: 'trap+tsd',
  callout: RDTSC_BY_CALLOUT,
  'in cache': 'bt',
};
/** Rounds before those that count: the host's compiler takes its time. */
const WARM_UPS = 5;

interface Options {
  readonly techniques?: readonly string[];
  readonly rounds: number;
  readonly costs: string;
  readonly output: string;
  readonly report?: string;
}

const optionsOf = (argv: readonly string[]): Options =>
  new Command('bench:nano')
    .description('Costs of single events under every technique, beside the figures of Adams and Agesen.')
    .option('--techniques <names>', `only these, separated by commas: ${techniqueNames.join(', ')}`, names)
    .option('--rounds <n>', 'rounds of each, behind some that warm up', count, 7)
    .option('--costs <name>', `a file, or one of ${Object.keys(knownCosts).join(', ')}`, 'pentium-4')
    .option('--output <file>', 'figures in JSON', 'bench/results/nano.json')
    .option('--report <file>', 'an HTML page as well')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(argv)
    .opts<Options>();

/** @throws CostError, or the file system's error */
const costsOf = (name: string): Costs =>
  Object.hasOwn(knownCosts, name)
    ? knownCosts[name as keyof typeof knownCosts]
    : parseCosts(readFileSync(name, 'utf8'));

/** What is left for one operation when the marks and the loop are taken away. */
const figuresOf = (rounds: readonly (readonly Stretches[])[], costs: Costs): Record<string, NanoFigure> => {
  const find = (round: readonly Stretches[], name: string): Stretches => round.find((s) => s.name === name)!;
  const figures: Record<string, NanoFigure> = {};
  for (const name of Object.keys(BENCHMARKS)) {
    const nets = rounds.map((round) => {
      const [mark, loop, all] = [find(round, 'mark'), find(round, 'loop'), find(round, name)];
      const perMark = (s: Stretches) => s.count / mark.count;
      const loopTime = loop.nanoseconds - perMark(loop) * mark.nanoseconds;
      const loops = all.operations / loop.operations;
      const loopEvents = without(loop.events, mark.events, perMark(loop));
      const events = without(without(all.events, mark.events, perMark(all)), loopEvents, loops);
      const nanoseconds = all.nanoseconds - perMark(all) * mark.nanoseconds - loops * loopTime;
      return { nanoseconds: nanoseconds / all.operations, events, operations: all.operations };
    });
    const { events, operations } = nets.at(-1)!;
    const modelled = modelledCycles(events, costs);
    figures[name] = {
      cycles: modelled.total / operations,
      nanoseconds: median(nets.map((n) => n.nanoseconds))!,
      interventions: events.interventions / operations,
      parts: modelled.parts.map((part) => ({
        event: part.event,
        count: part.count / operations,
        cycles: part.cycles / operations,
      })),
    };
  }
  return figures;
};

/** @param name the technique's, in the results */
const measure = async (name: string, order: NanoOrder, costs: Costs): Promise<NanoResult> => {
  note(name);
  const worker = new Worker(new URL('./nano-thread.js', import.meta.url), { workerData: order });
  const [{ rounds, problem }] = (await once(worker, 'message')) as [NanoAnswer];
  return {
    technique: name,
    problem,
    figures: problem === null ? figuresOf(rounds.slice(WARM_UPS), costs) : {},
  };
};

const main = async (argv: readonly string[]): Promise<number> => {
  const options = optionsOf(argv);
  let costs: Costs;
  const techniques = options.techniques ?? usualTechniques;
  try {
    costs = costsOf(options.costs);
    techniques.forEach(techniqueNamed);
  } catch (error) {
    if (!(error instanceof CostError || error instanceof RangeError || 'code' in (error as object)))
      throw error;
    note(`bench:nano: ${error instanceof RangeError ? '' : `${options.costs}: `}${(error as Error).message}`);
    return 2;
  }
  const loadBefore = loadavg()[0]!;
  const rounds = WARM_UPS + options.rounds;
  const order = { rounds, kernel: await buildNanobenchmarks(rounds) };
  const results: NanoResult[] = [];
  for (const technique of techniques) results.push(await measure(technique, { ...order, technique }, costs));
  const rdtsc: NanoResult[] = [];
  for (const [way, technique] of Object.entries(RDTSC_WAYS))
    rdtsc.push(await measure(way, { ...order, technique }, costs));
  const report: NanoReport = {
    date: new Date().toISOString(),
    host: hostName(),
    node: process.version,
    load: [loadBefore, loadavg()[0]!],
    rounds: options.rounds,
    costs: costs.name,
    benchmarks: BENCHMARKS,
    results,
    rdtsc,
    published,
    publishedRdtsc: published.rdtsc,
    reasons,
  };
  mkdirSync(resolve(options.output, '..'), { recursive: true });
  writeFileSync(options.output, `${JSON.stringify({ ...report, ranks: compareRanks(report) }, null, 2)}\n`);
  process.stdout.write(`${nanoReportText(report)}\n`);
  if (options.report !== undefined) writeFileSync(options.report, await nanoPage(report));
  return [...results, ...rdtsc].some((r) => r.problem !== null) ? 1 : 0;
};

tuneCompiler();
process.exitCode = await main(process.argv);
