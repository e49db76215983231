/** Running guests of the index for tests: on the engine of the vitest project, without ever hanging. */
import { inject } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import type { GuestEntry } from '../../guests/index.ts';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { Machine, type MachineOptions, type Outcome } from '../../src/machine/machine.ts';
import type { Statistics } from '../../src/machine/statistics.ts';

/** The engine of the vitest project. */
export const engine = inject('engine');

const decoder = await createDecoder();
const images = new Map<string, Promise<Uint8Array>>();

const imageOf = (name: string): Promise<Uint8Array> => {
  const known = images.get(name) ?? buildGuest(name, sourcesIn()).then(({ image }) => image);
  images.set(name, known);
  return known;
};

export interface Run {
  readonly machine: Machine;
  readonly text: string;
  readonly outcome: Outcome;
  readonly warnings: readonly string[];
  /** External interrupts as they were taken: instructions retired before, and vector. */
  readonly interrupts: readonly string[];
}

export interface RunOptions {
  /** Gives up behind this many instructions (roughly). */
  readonly instructions?: number;
  /** Gives up as soon as the console shows this text: at the same instruction in every run. */
  readonly until?: string | undefined;
  /** Options of the machine. */
  readonly machine?: Partial<MachineOptions>;
  /** Changes the machine before it starts. */
  prepare?(machine: Machine): void;
}

/** Runs a Multiboot kernel to its end. An outcome of `stopped` means that it was given up. */
export const runKernel = async (
  kernel: Uint8Array,
  technique: Exclude<MachineOptions['technique'], undefined>,
  { instructions = 200e6, until, machine: options, prepare }: RunOptions = {},
  name = 'kernel',
  memory = 16,
): Promise<Run> => {
  let text = '';
  const warnings: string[] = [];
  const machine: Machine = new Machine(decoder, {
    technique,
    engine,
    memory: memory << 20,
    cacheSize: 4 << 20,
    ...options,
    onSerial(_port, byte) {
      text += String.fromCharCode(byte);
      if (until !== undefined && text.endsWith(until)) machine.stop();
    },
    onWarning: (message) => warnings.push(message),
  });
  machine.load({ name, kernel });
  prepare?.(machine);
  const interrupts: string[] = [];
  const { processor } = machine;
  const { acknowledgeInterrupt } = processor;
  processor.acknowledgeInterrupt = () => {
    const vector = acknowledgeInterrupt();
    interrupts.push(`${processor.retired}: ${vector}`);
    return vector;
  };
  const watch = setInterval(() => {
    if (machine.processor.retired > instructions) machine.stop();
  }, 10);
  try {
    return { outcome: await machine.run(), machine, text, warnings, interrupts };
  } finally {
    clearInterval(watch);
  }
};

/** Runs a guest of the index. */
export const runGuest = async (
  guest: GuestEntry,
  technique: Exclude<MachineOptions['technique'], undefined>,
  options: RunOptions = {},
): Promise<Run> => runKernel(await imageOf(guest.name), technique, options, guest.name, guest.memory);

/** What was counted, without what depends on the host's speed. */
export const countersOf = ({ machine }: Run): Omit<Statistics, 'hostMilliseconds'> => {
  const { hostMilliseconds: _, ...counters } = machine.statistics();
  return counters;
};
