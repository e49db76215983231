/** Runs a kernel that `npm run guest:debian` fetched, with its console on the first serial port. */
import { existsSync, readFileSync } from 'node:fs';
import { it } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { Machine, type MachineOptions, type Outcome } from '../../src/machine/machine.ts';
import type { Statistics } from '../../src/machine/statistics.ts';

const folder = new URL('../../.guests/debian/', import.meta.url);

export const debianFile = (name: string): Buffer => readFileSync(new URL(name, folder));

/**
 * Whether the files are there. If not, a test says so, which fails where they are required.
 * @param names files in the guest's folder
 */
export const present = (...names: readonly string[]): boolean => {
  const missing = names.find((name) => !existsSync(new URL(name, folder)));
  if (missing === undefined) return true;
  const message = `.guests/debian/${missing} is missing: npm run guest:debian fetches it`;
  if (process.env.RINGDOWN_REQUIRE_DEBIAN)
    it('has its files', () => {
      throw new Error(message);
    });
  else {
    console.warn(`SKIPPED: ${message}`);
    it.skip(message, () => {});
  }
  return false;
};

export interface KernelRun extends Omit<MachineOptions, 'onSerial'> {
  readonly file: string;
  readonly append?: string;
  /** Initial RAM disk. */
  readonly initrd?: string;
  /** Changes the machine after loading. */
  prepare?(machine: Machine): void;
  /** Told every byte of the console; `true` ends the run. */
  onConsole?(byte: number): boolean;
  /** Ends the run when the console ends with it. */
  readonly until?: string;
  /** Instructions after which the run is stopped, roughly. */
  readonly limit: number;
}

export interface KernelResult {
  readonly machine: Machine;
  readonly outcome: Outcome;
  /** Every byte of the console. */
  readonly console: string;
  readonly warnings: readonly string[];
  /** Without host time. */
  readonly statistics: Omit<Statistics, 'hostMilliseconds'>;
}

export const runKernel = async ({
  file,
  append,
  initrd,
  prepare,
  onConsole,
  until,
  limit,
  ...options
}: KernelRun): Promise<KernelResult> => {
  const bytes: number[] = [];
  let end = '';
  const warnings: string[] = [];
  const machine: Machine = new Machine(await createDecoder(), {
    engine: 'core',
    clock: 'virtual',
    ...options,
    onSerial: (port, byte) => {
      if (port !== 0) return;
      bytes.push(byte);
      if (until !== undefined) end = (end + String.fromCharCode(byte)).slice(-until.length);
      if (onConsole?.(byte) || end === until) machine.stop();
    },
    onWarning: (message) => warnings.push(message),
  });
  machine.load({
    name: file,
    kernel: debianFile(file),
    ...(append !== undefined && { append }),
    ...(initrd !== undefined && { modules: [{ name: initrd, bytes: debianFile(initrd), commandLine: '' }] }),
  });
  prepare?.(machine);
  const guard = setInterval(() => {
    if (machine.processor.retired >= limit) machine.stop();
  }, 50);
  const outcome = await machine.run().finally(() => clearInterval(guard));
  const { hostMilliseconds: _, ...statistics } = machine.statistics();
  return { machine, outcome, console: Buffer.from(bytes).toString('latin1'), warnings, statistics };
};
