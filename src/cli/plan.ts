/** What the user wants, once the arguments are understood. */
import type { CreateOptions, KernelImage, RunLimits } from '../index.ts';
import type { LogLevel } from './logging.ts';
import type { CharacterDevice } from './values.ts';

export type StatisticsFormat = 'text' | 'json' | 'short';

export interface Plan {
  /** Names the guest while it is loaded. */
  readonly name: string;
  /** Reads the guest's files. @throws UserError */
  load(): Promise<KernelImage>;
  /** Everything about the machine but where its output goes. */
  readonly machine: CreateOptions;
  /** COM1 and COM2; a port without a device is connected to nothing. */
  readonly serial: readonly CharacterDevice[];
  readonly debugConsole: CharacterDevice;
  /** Where the run ends although the guest would go on; of each boot. */
  readonly limits?: RunLimits;
  /** Ends the run when the guest has sent it to COM1. */
  readonly until?: string;
  /** Whether a reset boots again instead of ending the run. */
  readonly reboot: boolean;
  readonly statistics?: StatisticsFormat;
  /** Where the statistics go instead of standard error. */
  readonly statisticsFile?: string;
  /** Where a report with plots goes. */
  readonly report?: string;
  readonly logLevel: LogLevel;
}
