/** What the process's exit status means. */
import { constants } from 'node:os';

export const ExitCode = {
  /** The guest powered off, reset with -no-reboot, or halted for good; or the user left with Ctrl-A x. */
  ENDED: 0,
  /** `diverge`: the two machines differ. */
  DIFFERENT: 1,
  /** Wrong usage, or a file that cannot be used. */
  REFUSED: 2,
  /** The guest's processor shut down. */
  SHUTDOWN: 3,
  /** A limit ended what the guest, or the work, would have gone on with. */
  LIMIT: 4,
  /** A defect of this program. */
  DEFECT: 70,
} as const;

/** The shell's convention for an end by a signal. */
export const signalExitCode = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

export const EXIT_CODES_HELP = `
Exit codes:
  0        the guest powered off, halted for good, or reset under --no-reboot; --until; or Ctrl-A x
  N        the guest wrote to the debug exit port: (value << 1) | 1, its low eight bits, as with QEMU
  2        wrong usage, or a file that cannot be used
  3        the guest's processor shut down (triple fault); its state is on standard error
  4        --max-instructions or --timeout ended the run
  70       a defect of Ringdown
  128 + S  ended by signal S; 141 when nobody reads standard output any more`;
