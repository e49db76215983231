/** `ringdown compare`: one guest under several techniques, side by side. */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type CreateOptions, type KernelImage, techniqueNamed, techniqueNames } from '../index.ts';
import { compareRuns } from '../laboratory/compare.ts';
import type { Comparison, Subject } from '../laboratory/comparison.ts';
import { CostError, type Costs, knownCosts, parseCosts } from '../laboratory/costs.ts';
import type { Experiment } from '../laboratory/run.ts';
import { comparisonPage } from '../report/comparison-page.ts';
import { ComparisonPool } from './comparison-pool.ts';
import { ComparisonProgress } from './comparison-progress.ts';
import { formatComparison } from './comparison-text.ts';
import { ExitCode, signalExitCode } from './exit-codes.ts';
import { readWhole } from './files.ts';
import type { GeneratedFiles } from './generated-files.ts';
import { addImageOptions, type ImageFlags, kernelName, readImage } from './image-options.ts';
import { addLimitOptions, type LimitFlags, planLimits } from './limit-options.ts';
import { addHardwareOptions, type HardwareFlags, planHardware } from './machine-options.ts';
import { addResultOptions, ResultFiles, type ResultFlags } from './results.ts';
import { addSymbolOption, readSymbols, type SymbolFlags } from './symbol-options.ts';
import { UserError } from './user-error.ts';

interface CompareFlags extends ImageFlags, HardwareFlags, LimitFlags, ResultFlags, SymbolFlags {
  readonly techniques?: readonly string[];
  readonly costs: string;
  readonly threads?: number;
  readonly input?: string;
  readonly inputAfter?: string;
}

/** Ask for an early end. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const DEFAULT_COSTS = 'pentium-4';
/** All techniques, without variants. */
const plainTechniques = techniqueNames.filter((name) => !name.includes('+'));

/** `native,trap+ring3,bt`: each a technique, none twice. */
const parseTechniques = (text: string): readonly string[] => {
  const names = text.split(',').map((name) => name.trim());
  for (const name of names)
    try {
      techniqueNamed(name);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof RangeError ? `${error.message}.` : String(error));
    }
  if (new Set(names).size < names.length) throw new InvalidArgumentError('One technique is named twice.');
  return names;
};
const parseThreads = (text: string): number => {
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1 || threads > 64)
    throw new InvalidArgumentError('Give a number from 1 to 64.');
  return threads;
};

/** Costs that come with Ringdown, by name, or a file. @throws UserError */
const readCosts = async (name: string): Promise<Costs> => {
  if (Object.hasOwn(knownCosts, name)) return knownCosts[name as keyof typeof knownCosts];
  const text = new TextDecoder().decode(await readWhole(name));
  try {
    return parseCosts(text);
  } catch (error) {
    throw error instanceof CostError ? new UserError(`${name}: ${error.message}`) : error;
  }
};

const subjectOf = (image: KernelImage, machine: CreateOptions, until: string | undefined): Subject => ({
  kernel: image.name,
  ...(image.append !== undefined && { append: image.append }),
  modules: image.modules?.map(({ name }) => name) ?? [],
  memory: machine.memory ?? 256 << 20,
  cpu: machine.cpu ?? 'pentium4',
  engine: machine.engine ?? 'core',
  cacheSize: machine.cacheSize ?? 32 << 20,
  clock: machine.clock ?? 'virtual',
  ...(machine.mmu && { mmu: machine.mmu }),
  ...(machine.eviction && { eviction: machine.eviction }),
  ...(machine.chaining !== undefined && { chaining: machine.chaining }),
  ...(machine.blockLength !== undefined && { blockLength: machine.blockLength }),
  ...(until !== undefined && { until }),
});

const HELP = `
Runs are judged by the run under native: the same console and the same end. When it has ended, the others may go on to
twice its instructions. A guest that ends nowhere needs --until, --max-instructions or --timeout (of each run).
Ctrl-C ends all runs; what they came to is shown.

What is counted and measured is the run's; cycles are modelled from the counts, by costs with a source for each:
${Object.values(knownCosts)
  .map(({ name, processor }) => `  ${name.padEnd(12)}  ${processor}`)
  .join('\n')}

Exit codes:
  0        every run came to an end, right or wrong
  2        wrong usage, or a file that cannot be used
  4        a run was ended by a limit, or could not be made
  70       a defect of Ringdown ended a run
  128 + S  ended by signal S, as 130 by Ctrl-C; what was known by then is shown`;

const exitCodeOf = ({ runs }: Comparison): number => {
  if (runs.some(({ verdict }) => verdict.kind === 'failed')) return ExitCode.DEFECT;
  const incomplete = runs.some(({ verdict: { kind } }) => kind === 'unfinished' || kind === 'refused');
  return incomplete ? ExitCode.LIMIT : ExitCode.ENDED;
};

/** @param finish is told the exit code */
export const compareCommand = (generated: GeneratedFiles, finish: (exitCode: number) => void): Command =>
  addResultOptions(
    addHardwareOptions(
      addLimitOptions(
        addSymbolOption(
          addImageOptions(
            new Command('compare').description('run one guest under several techniques, side by side'),
          ),
        ),
      ),
    ),
  )
    .addOption(
      new Option('--techniques <list>', `with commas between (${plainTechniques.join(',')})`).argParser(
        parseTechniques,
      ),
    )
    .option('--costs <name>', 'costs of events: a name below, or a JSON file', DEFAULT_COSTS)
    .addOption(new Option('--threads <n>', 'runs at a time (one for each processor)').argParser(parseThreads))
    .option('--input <text>', 'type this at COM1')
    .option('--input-after <text>', 'but only when the guest has sent this')
    .addHelpText('after', HELP)
    .action(async (argument: string | undefined, flags: CompareFlags) => {
      const { inputAfter, input, until } = flags;
      if (inputAfter !== undefined && input === undefined)
        throw new UserError('--input-after has nothing to type: give --input too');
      const kernel = kernelName(argument, flags);
      const image = await readImage(kernel, flags);
      const symbols = await readSymbols(image, flags);
      const costs = await readCosts(flags.costs);
      const files = new ResultFiles(flags);
      const machine = planHardware(flags, await generated.core());
      const names = flags.techniques ?? plainTechniques;
      const experiments = names.map(
        (technique): Experiment => ({
          technique,
          machine,
          image,
          limits: planLimits(flags),
          ...(until !== undefined && { until }),
          ...(input !== undefined && { input }),
          ...(inputAfter !== undefined && { inputAfter }),
        }),
      );
      const threads = Math.min(flags.threads ?? availableParallelism(), names.length);
      const progress = new ComparisonProgress(process.stderr, names);
      const pool = new ComparisonPool(progress);
      let received: NodeJS.Signals | undefined;
      const onSignal = (signal: NodeJS.Signals) => {
        // Asked again: at once.
        if (received) process.exit(signalExitCode(signal));
        received = signal;
        pool.interrupt();
      };
      for (const signal of SIGNALS) process.on(signal, onSignal);
      const reports = await pool.run(experiments, threads).finally(() => {
        for (const signal of SIGNALS) process.off(signal, onSignal);
        progress.close();
      });
      const comparison = compareRuns(reports, {
        subject: subjectOf(image, machine, until),
        costs,
        simultaneous: threads,
        interrupted: pool.interrupted,
        symbolAt: (linear) => symbols.at(linear),
      });
      process.stdout.write(formatComparison(comparison));
      await files.write(comparison, () => comparisonPage(comparison));
      finish(received ? signalExitCode(received) : exitCodeOf(comparison));
    });
