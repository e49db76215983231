#!/usr/bin/env node
/** The program `ringdown`. */
import { Command, CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { auditCommand } from './audit.ts';
import { compareCommand } from './compare.ts';
import { divergeCommand } from './diverge.ts';
import { EXIT_CODES_HELP, ExitCode } from './exit-codes.ts';
import { explainCommand } from './explain.ts';
import { generatedFiles } from './generated-files.ts';
import { helloCommand } from './hello.ts';
import { tuneCompiler } from './host.ts';
import { translateQemuOptions } from './qemu-options.ts';
import { runCommand } from './run.ts';
import { isForUser } from './session.ts';
import { oneLine } from './user-error.ts';

/** Prints one line and gives the exit code. */
const complain = (message: string, exitCode: number): number => {
  process.stderr.write(`ringdown: ${oneLine(message)}\n`);
  return exitCode;
};

const explain = (error: unknown): number => {
  if (isForUser(error)) return complain(error.message, ExitCode.REFUSED);
  if (error instanceof CommanderError) {
    // Help and version end here too, with 0.
    if (error.exitCode === 0) return ExitCode.ENDED;
    return complain(error.message.replace(/^error: /, ''), ExitCode.REFUSED);
  }
  const { stack, message } = error instanceof Error ? error : new Error(String(error));
  complain(`internal error: ${message}`, ExitCode.DEFECT);
  process.stderr.write(`${stack}\n`);
  return ExitCode.DEFECT;
};

/** All but `run`, in the order of the help. */
const commands = [helloCommand, compareCommand, auditCommand, explainCommand, divergeCommand];

const main = async (args: readonly string[]): Promise<number> => {
  let exitCode: number = ExitCode.ENDED;
  const finish = (code: number) => {
    exitCode = code;
  };
  const run = runCommand(generatedFiles, finish);
  const others = commands.map((command) => command(generatedFiles, finish));
  const program = new Command('ringdown')
    .description(manifest.description)
    .version(manifest.version)
    .helpCommand(false)
    .addCommand(run, { isDefault: true });
  for (const command of others) program.addCommand(command);
  run.addHelpText('after', EXIT_CODES_HELP);
  // `run` is what one gets without naming a command, so its help belongs to the program's.
  program.addHelpText('after', () => {
    process.stdout.write('\n');
    run.outputHelp();
    return '';
  });
  for (const command of [program, run, ...others])
    command
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .allowExcessArguments(false);
  const valued = new Set(
    [run, ...others]
      .flatMap(({ options }) => options)
      .filter((option) => option.required)
      .flatMap(({ long, short }) => [long, short]),
  );
  try {
    await program.parseAsync(
      translateQemuOptions(args, (option) => valued.has(option)),
      { from: 'user' },
    );
  } catch (error) {
    exitCode = explain(error);
  }
  return exitCode;
};

tuneCompiler();
process.on('uncaughtException', (error) => process.exit(explain(error)));
const exitCode = await main(process.argv.slice(2));
// Standard error may be a pipe that has not taken everything yet.
process.stderr.write('', () => process.exit(exitCode));
