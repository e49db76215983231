/** Running guests of the index as the laboratory does. */
import { type Experiment, GuestRun, type RunReport } from '../../src/laboratory/run.ts';
import { guestImage } from './support.ts';

export const experimentWith = async (
  guest: string,
  technique: string,
  options: Partial<Experiment> = {},
): Promise<Experiment> => ({
  technique,
  machine: { memory: 16 << 20, cacheSize: 4 << 20 },
  image: await guestImage(guest),
  limits: { instructions: 200e6 },
  ...options,
});

export const runGuestFor = async (
  guest: string,
  technique: string,
  options: Partial<Experiment> = {},
): Promise<RunReport> => new GuestRun(await experimentWith(guest, technique, options)).run();
