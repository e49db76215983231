/** The options that say when a run is over although the guest would go on. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RunLimits } from '../index.ts';

export interface LimitFlags {
  readonly maxInstructions?: number;
  readonly timeout?: number;
  readonly until?: string;
}

const UNITS: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9 };

/** A count of instructions: `5000`, `20M`, `6.4G`. */
const parseCount = (text: string): number => {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([kMG]?)$/.exec(text) ?? [];
  const count = Math.round(Number(digits) * (UNITS[unit ?? ''] ?? 1));
  if (!Number.isSafeInteger(count) || count < 1)
    throw new InvalidArgumentError('Give a number of instructions, such as 5000, 20M or 6.4G.');
  return count;
};
const parseSeconds = (text: string): number => {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !(seconds > 0) || seconds > 1e6)
    throw new InvalidArgumentError('Give seconds, more than none.');
  return seconds;
};
const parseText = (text: string): string => {
  if (text === '') throw new InvalidArgumentError('Give a text that the guest prints.');
  return text;
};

/** Adds the options to a command. */
export const addLimitOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--max-instructions <n>', 'end the run behind so many: 5000, 20M, 6.4G').argParser(
        parseCount,
      ),
    )
    .addOption(new Option('--timeout <seconds>', 'end the run after so much time').argParser(parseSeconds))
    .addOption(
      new Option('--until <text>', 'end the run when the guest has sent this to COM1').argParser(parseText),
    );

/** The limits as a machine takes them; `until` is for whoever reads the guest's output. */
export const planLimits = ({ maxInstructions, timeout }: LimitFlags): RunLimits => ({
  ...(maxInstructions !== undefined && { instructions: maxInstructions }),
  ...(timeout !== undefined && { milliseconds: timeout * 1000 }),
});
