/** A run of a guest whose every instruction is counted. */
import {
  type CreateOptions,
  createMachine,
  type KernelImage,
  type Machine,
  type Outcome,
  type RunLimits,
} from '../index.ts';

export interface ProfiledRunOptions {
  readonly machine: CreateOptions;
  readonly image: KernelImage;
  readonly limits: RunLimits;
  /** Ends the run when the guest has sent this text to COM1. */
  readonly until?: string;
  /** Told of the machine before it runs: for progress, and to stop it. */
  onStart?(machine: Machine): void;
}

export interface ProfiledRun {
  readonly machine: Machine;
  /** Why the run ended; `stopped` by `until` or by whoever stopped it. */
  readonly outcome: Outcome;
}

/** Runs a guest with a profile, up to a limit or its end; a reset ends it. @throws LoadError or MachineError */
export const runProfiled = async (options: ProfiledRunOptions): Promise<ProfiledRun> => {
  const { until } = options;
  let tail = '';
  const machine: Machine = await createMachine({
    ...options.machine,
    profile: true,
    onSerial(port, byte) {
      options.machine.onSerial?.(port, byte);
      if (until === undefined || port !== 0) return;
      tail = (tail + String.fromCharCode(byte)).slice(-until.length);
      if (tail === until) machine.stop();
    },
  });
  machine.load(options.image);
  options.onStart?.(machine);
  return { machine, outcome: await machine.run(options.limits) };
};
