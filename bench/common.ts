/** What the benchmarks' commands share: values of options, messages, and what they run on. */
import { cpus } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { techniqueNames } from '../src/index.ts';
import type { Contestant } from './contestants.ts';

/** The value of an option: a positive whole number. */
export const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('not a positive whole number.');
  return value;
};
/** The value of an option that may be given several times: names separated by commas. */
export const names = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text.split(','),
];

/** Whether a name, or the beginning of several, means this contestant. */
const isAsked = (name: string, asked: string, all: readonly Contestant[]): boolean =>
  all.some((c) => c.name === asked) ? name === asked : name.startsWith(asked);

/**
 * The contestants that are asked for.
 * @param only names or beginnings of them; all if undefined
 * @returns the first name that means none of them instead
 */
export const chosen = (
  all: readonly Contestant[],
  only: readonly string[] | undefined,
): readonly Contestant[] | { readonly unknown: string } => {
  if (!only) return all;
  const unknown = only.find((asked) => !all.some((c) => isAsked(c.name, asked, all)));
  if (unknown !== undefined) return { unknown };
  return all.filter((c) => only.some((asked) => isAsked(c.name, asked, all)));
};

/** The techniques that benchmarks run unless told otherwise: all, and what virtualises memory in another way. */
export const usualTechniques: readonly string[] = techniqueNames.filter((name) =>
  /^[^+]+(\+(vtlb|nested))?$/.test(name),
);

/** A line of progress. */
export const note = (text: string): void => void process.stderr.write(`${text}\n`);

/** Number and model of the host's processors. */
export const hostName = (): string => `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}`;

/** The release in a kernel's boot header. Linux boot protocol: kernel_version, at 0x20e, less 0x200. */
export const releaseOf = (kernel: Buffer): string => {
  const at = kernel.readUInt16LE(0x20e) + 0x200;
  return `Linux ${kernel.toString('latin1', at, kernel.indexOf(0, at)).split(' ')[0]}`;
};
