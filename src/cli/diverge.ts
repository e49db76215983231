/** `ringdown diverge`: two techniques, or two engines, in lockstep until a guest could tell them apart. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { createMachine, type EngineName, type TechniqueName } from '../index.ts';
import { formatLockstep } from '../laboratory/divergence-text.ts';
import { type LockstepResult, lockstep, type Progress } from '../laboratory/lockstep.ts';
import { divergencePage } from '../report/divergence-page.ts';
import { ExitCode, signalExitCode } from './exit-codes.ts';
import type { GeneratedFiles } from './generated-files.ts';
import { addImageOptions, type ImageFlags, kernelName, readImage } from './image-options.ts';
import { addLimitOptions, type LimitFlags, planLimits } from './limit-options.ts';
import {
  addHardwareOptions,
  addTechniqueOption,
  type HardwareFlags,
  planHardware,
  type TechniqueFlags,
} from './machine-options.ts';
import { StatusLine } from './progress.ts';
import { addResultOptions, ResultFiles, type ResultFlags } from './results.ts';
import { addSymbolOption, readSymbols, type SymbolFlags } from './symbol-options.ts';
import { UserError } from './user-error.ts';
import { parseTechnique } from './values.ts';

interface DivergeFlags
  extends TechniqueFlags,
    ImageFlags,
    HardwareFlags,
    LimitFlags,
    ResultFlags,
    SymbolFlags {
  readonly between?: readonly [TechniqueName, TechniqueName];
  readonly engines?: readonly [EngineName, EngineName];
  readonly chunk?: number;
}

const parsePair = (text: string): [string, string] => {
  const [a, b, ...others] = text.split(',');
  if (!a || !b || others.length > 0) throw new InvalidArgumentError('Give two names and a comma between.');
  return [a, b];
};
const parseBetween = (text: string): [TechniqueName, TechniqueName] => {
  const [a, b] = parsePair(text);
  return [parseTechnique(a), parseTechnique(b)];
};
const engines: readonly string[] = ['core', 'reference'] satisfies readonly EngineName[];
const parseEngines = (text: string): [EngineName, EngineName] => {
  const pair = parsePair(text);
  for (const name of pair)
    if (!engines.includes(name))
      throw new InvalidArgumentError(`There are the engines ${engines.join(', ')}.`);
  return pair as [EngineName, EngineName];
};
const parseChunk = (text: string): number => {
  const chunk = Number(text);
  if (!/^\d+$/.test(text) || chunk < 1 || chunk > 2 ** 30)
    throw new InvalidArgumentError('Give a number of instructions, 1 or more.');
  return chunk;
};

const HELP = `
Both machines start with the guest anew and run in virtual time. What a guest can know is compared: registers, memory,
events, port accesses.

Exit codes:
  0        no difference up to the guest's end, or to a limit
  1        they differ: the instruction, and what is different, is on standard output
  2        wrong usage, or a file that cannot be used
  70       a defect of Ringdown
  128 + S  ended by signal S`;

/** What is compared with what. @throws UserError */
const contestants = ({ between, engines: pair, technique, engine }: DivergeFlags) => {
  if (!between && !pair) throw new UserError('--between or --engines must say what to compare');
  if (between && technique)
    throw new UserError('--between names the techniques, so --technique is one too many');
  if (pair && engine) throw new UserError('--engines names the engines, so --engine is one too many');
  return [0, 1].map((i) => ({
    ...(between && { technique: between[i]! }),
    ...(pair && { engine: pair[i]! }),
  }));
};

/** A machine's name in the report: what it does not share with the other. */
const nameOf = (flags: DivergeFlags, i: 0 | 1): string =>
  [flags.between?.[i], flags.engines?.[i]].filter((name) => name !== undefined).join(' ');

/** @param finish is told the exit code */
export const divergeCommand = (generated: GeneratedFiles, finish: (exitCode: number) => void): Command =>
  addResultOptions(
    addLimitOptions(
      addTechniqueOption(
        addHardwareOptions(
          addSymbolOption(
            addImageOptions(
              new Command('diverge').description(
                'run a guest under two techniques in lockstep and find the first instruction that differs',
              ),
            ),
          ),
        ),
      ),
    ),
  )
    .addOption(new Option('--between <a,b>', 'two techniques, such as native,trap').argParser(parseBetween))
    .addOption(new Option('--engines <a,b>', 'two engines: core,reference').argParser(parseEngines))
    .addOption(
      new Option(
        '--chunk <n>',
        'instructions between comparisons, at most (262144); with 1 nothing can pass unseen',
      ).argParser(parseChunk),
    )
    .addHelpText('after', HELP)
    .action(async (argument: string | undefined, flags: DivergeFlags) => {
      const kernel = kernelName(argument, flags);
      if (flags.clock === 'wall') throw new UserError('--clock wall: lockstep needs virtual time');
      const [first, second] = contestants(flags);
      const machine = planHardware(flags, await generated.core());
      const image = await readImage(kernel, flags);
      const symbols = await readSymbols(image, flags);
      const files = new ResultFiles(flags);
      const create = (chosen: object) => async (output: object) => {
        const made = await createMachine({ ...machine, ...chosen, ...output });
        made.load(image);
        return made;
      };
      const { until, chunk } = flags;
      const result = await watched((signal, onProgress) =>
        lockstep(create(first!), create(second!), {
          ...planLimits(flags),
          ...(until !== undefined && { until }),
          ...(chunk !== undefined && { chunk }),
          names: [nameOf(flags, 0), nameOf(flags, 1)],
          signal,
          onProgress,
        }),
      );
      process.stdout.write(formatLockstep(result, symbols));
      await files.write(result, () => divergencePage(result, kernel, symbols));
      finish(exitCodeOf(result));
    });

const exitCodeOf = ({ divergence, ending }: LockstepResult): number => {
  if (divergence) return ExitCode.DIFFERENT;
  return ending?.kind === 'stopped' ? signalExitCode('SIGINT') : ExitCode.ENDED;
};

const phases: Readonly<Record<Progress['phase'], string>> = {
  comparing: 'no difference in',
  repeating: 'a difference was found; repeating',
  stepping: 'looking for it at',
};

/** Shows how far it is, and ends it in order when the user interrupts; asked again, at once. */
const watched = async (
  run: (signal: AbortSignal, onProgress: (progress: Progress) => void) => Promise<LockstepResult>,
): Promise<LockstepResult> => {
  const abort = new AbortController();
  const onSignal = () => abort.abort();
  process.once('SIGINT', onSignal);
  const line = new StatusLine(process.stderr);
  try {
    return await run(abort.signal, ({ phase, instructions }) =>
      line.show(
        `${phases[phase]} ${Math.floor(instructions / 1e6).toLocaleString('en')} million instructions`,
      ),
    );
  } finally {
    line.close();
    process.off('SIGINT', onSignal);
  }
};
