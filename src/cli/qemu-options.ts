/** QEMU's spelling of options: one dash before a whole word. */
import { UserError } from './user-error.ts';

/** Words that QEMU writes with one dash and we write with two. */
const words: ReadonlySet<string> = new Set([
  'kernel',
  'cpu',
  'initrd',
  'append',
  'serial',
  'debugcon',
  'device',
  'display',
  'monitor',
  'nographic',
  'no-reboot',
]);

/**
 * Rewrites QEMU's options to ours, `-kernel` to `--kernel`, and leaves everything else as it is.
 * @param takesValue whether an option in our own spelling is followed by a value, which may look like an option
 * @throws UserError for a single-dash word that is none of ours
 */
export const translateQemuOptions = (
  args: readonly string[],
  takesValue: (option: string) => boolean,
): string[] => {
  const out: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--') return [...out, ...args.slice(i)];
    const word = /^-([^-].+)$/.exec(arg)?.[1];
    if (word === undefined) out.push(arg);
    else if (words.has(word)) out.push(`--${word}`);
    else throw new UserError(`unknown option ${arg}`);
    if (takesValue(out.at(-1)!) && i + 1 < args.length) out.push(args[++i]);
  }
  return out;
};
