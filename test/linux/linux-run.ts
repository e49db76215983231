/** Runs Debian's kernel with its initial file system, and a user at its console who types commands. */
import { readFileSync } from 'node:fs';
import { COMMAND_LINE, MEMORY } from '../../guests/debian/initramfs.ts';
import { formatStatistics } from '../../src/cli/statistics-text.ts';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { Machine, type Outcome, type TechniqueName } from '../../src/machine/machine.ts';
import type { Statistics } from '../../src/machine/statistics.ts';
import { snapshot } from '../engines/snapshot.ts';
import { type Exchange, ShellSession } from './shell-session.ts';

const folder = new URL('../../.guests/debian/', import.meta.url);
export const debianFile = (name: string): Buffer => readFileSync(new URL(name, folder));

/** Noon, from which the guest's clock runs. */
const START = Date.UTC(2024, 0, 1, 12);

export interface Run {
  readonly outcome: Outcome;
  /** Every byte of the console. */
  readonly console: string;
  /** What the kernel and /init said before the first prompt. */
  readonly boot: string;
  readonly answers: ReadonlyMap<string, string>;
  readonly prompted: boolean;
  /** Registers and a digest of memory, at the end. */
  readonly state: Readonly<Record<string, string>>;
  /** Without host time. */
  readonly statistics: Omit<Statistics, 'hostMilliseconds'>;
}

interface RunOptions {
  /** The kernel's file. */
  readonly kernel?: string;
  /** A cpio archive that is unpacked over the initial file system. */
  readonly overlay?: Uint8Array;
  /** What the user types. */
  readonly exchanges: readonly Exchange[];
  /** Instructions after which the run is stopped. */
  readonly limit?: number;
  /** Print the statistics. */
  readonly figures?: boolean;
}

export const runLinux = async (
  technique: TechniqueName,
  { kernel = 'vmlinuz', overlay, exchanges, limit = Number.POSITIVE_INFINITY, figures = false }: RunOptions,
): Promise<Run> => {
  let prompted = false;
  const session = new ShellSession(exchanges, (bytes) => machine.sendSerial(bytes));
  session.onFirstPrompt = () => {
    prompted = true;
  };
  const machine = new Machine(await createDecoder(), {
    technique,
    engine: 'core',
    memory: MEMORY << 20,
    clock: 'virtual',
    start: START,
    onSerial: (_port, byte) => session.receive(byte),
  });
  machine.load({
    name: kernel,
    kernel: debianFile(kernel),
    append: COMMAND_LINE,
    modules: [debianFile('initrd.gz'), ...(overlay ? [overlay] : [])].map((bytes) => ({
      name: 'initrd',
      bytes,
      commandLine: '',
    })),
  });
  const guard = setInterval(() => {
    if (machine.processor.retired >= limit) machine.stop();
  }, 50);
  const outcome = await machine.run().finally(() => clearInterval(guard));
  const { hostMilliseconds, ...statistics } = machine.statistics();
  if (figures) console.log(formatStatistics({ ...statistics, hostMilliseconds }));
  return {
    outcome,
    console: Buffer.from(session.console).toString('latin1'),
    boot: session.boot,
    answers: session.answers,
    prompted,
    state: snapshot(machine),
    statistics,
  };
};
