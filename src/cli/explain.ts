/** `ringdown explain`: what blocks of a guest became in the translation cache. */
import { Command } from 'commander';
import { explain, type Wanted } from '../laboratory/explain.ts';
import type { SymbolTable } from '../laboratory/symbols.ts';
import { ExitCode } from './exit-codes.ts';
import { formatExplanation } from './explain-text.ts';
import type { GeneratedFiles } from './generated-files.ts';
import { kernelName, readImage } from './image-options.ts';
import { addProfiledOptions, type ProfiledFlags, runAsPlanned } from './profiled.ts';
import { ResultFiles } from './results.ts';
import { readSymbols } from './symbol-options.ts';
import { UserError } from './user-error.ts';
import { parseWhole } from './values.ts';

interface ExplainFlags extends ProfiledFlags {
  readonly at?: string;
  readonly hot?: number;
}

const HELP = `
Left is the guest's code, right what became of it: IDENT is executed as it is; IN CACHE on the guest's virtual flags
and registers without leaving the cache; CALLOUT by the monitor. A bracket joins two instructions that one dispatch
executes. The run is the one that the other options describe.`;

/** A symbol, with an offset or without; or a linear address in hexadecimal. @throws UserError */
const addressOf = (text: string, symbols: SymbolTable): number => {
  const named = symbols.addressOf(text);
  if (named !== undefined) return named;
  const address = /^(0x)?[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text, 16) : undefined;
  if (address !== undefined) return address;
  const known =
    symbols.size > 0 ? 'no symbol of that name' : 'no symbols are known; give an address or --symbols';
  throw new UserError(`--at ${text}: ${known}`);
};

/** @param finish is told the exit code */
export const explainCommand = (generated: GeneratedFiles, finish: (exitCode: number) => void): Command =>
  addProfiledOptions(
    new Command('explain').description("show blocks of a guest's code beside their translation"),
  )
    .option('--at <address>', 'the blocks that hold this linear address: hexadecimal, or a symbol')
    .option('--hot <n>', 'so many blocks that execute the most instructions (1)', parseWhole)
    .addHelpText('after', HELP)
    .action(async (argument: string | undefined, flags: ExplainFlags) => {
      const kernel = kernelName(argument, flags);
      if (flags.at !== undefined && flags.hot !== undefined)
        throw new UserError('--at and --hot exclude each other');
      const image = await readImage(kernel, flags);
      const symbols = await readSymbols(image, flags);
      const wanted: Wanted =
        flags.at === undefined ? { hottest: flags.hot ?? 1 } : { linear: addressOf(flags.at, symbols) };
      const files = new ResultFiles(flags);
      const run = await runAsPlanned(image, flags, generated);
      const explanation = await explain(run, wanted, symbols);
      if (explanation.blocks.length === 0)
        throw new UserError(
          `${flags.at ?? kernel}: no code there was translated in ${run.machine.processor.retired} instructions`,
        );
      process.stdout.write(formatExplanation(explanation));
      await files.write(explanation);
      finish(ExitCode.ENDED);
    });
