/**
 * The program of a thread that measures one technique. Each has a thread of its own, because what the host's compiler
 * makes of a program that has run other techniques before is slower.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { MachineError, type Technique, techniqueNamed } from '../src/index.ts';
import { bt } from '../src/techniques/bt.ts';
import { Treatment } from '../src/translator/encode.ts';
import {
  type NanoAnswer,
  NanoError,
  type NanoOrder,
  RDTSC_BY_CALLOUT,
  runNanobenchmarks,
} from './nano-guest.ts';

const RDTSC = 0x0f31;
/** RDTSC as every instruction that must go to the monitor goes. */
const rdtscByCallout: Technique = {
  ...bt,
  treatment: (i, kernel) => (i.opcode === RDTSC ? Treatment.CALLOUT : bt.treatment(i, kernel)),
};

const measure = async ({ kernel, rounds, technique: name }: NanoOrder): Promise<NanoAnswer> => {
  const technique = name === RDTSC_BY_CALLOUT ? rdtscByCallout : techniqueNamed(name);
  try {
    return { rounds: await runNanobenchmarks(kernel, rounds, { technique }), problem: null };
  } catch (error) {
    if (!(error instanceof NanoError || error instanceof MachineError)) throw error;
    return { rounds: [], problem: error.message };
  }
};

parentPort!.postMessage(await measure(workerData as NanoOrder));
