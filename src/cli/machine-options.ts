/** The options of the machine that a guest runs on, and of where its output goes; and what they come to. */
import { type Command, Option } from 'commander';
import {
  type CpuModelName,
  type CreateOptions,
  cpuModels,
  type EvictionName,
  evictionPolicies,
  type TechniqueName,
  techniqueNames,
} from '../index.ts';
import { type LogLevel, logLevels } from './logging.ts';
import type { Plan } from './plan.ts';
import {
  type CharacterDevice,
  type DebugExitPorts,
  parseBlockLength,
  parseCharacterDevice,
  parseDevice,
  parseSerialPorts,
  parseSize,
  parseTechnique,
} from './values.ts';

/** Of the machine alone: every command that runs a guest has them. */
export interface HardwareFlags {
  readonly memory?: number;
  readonly mmu?: 'shadow' | 'vtlb';
  readonly cpu?: CpuModelName;
  readonly engine?: 'core' | 'reference';
  readonly clock?: 'virtual' | 'wall';
  readonly cacheSize?: number;
  readonly eviction?: EvictionName;
  readonly chaining: boolean;
  readonly blockLength?: number;
  readonly device?: DebugExitPorts;
}

export interface TechniqueFlags {
  readonly technique?: TechniqueName;
}

export interface MachineFlags extends HardwareFlags, TechniqueFlags {
  readonly serial?: readonly CharacterDevice[];
  readonly debugcon?: CharacterDevice;
  readonly reboot: boolean;
  readonly stats?: 'text' | 'json';
  readonly statsFile?: string;
  readonly logLevel: LogLevel;
}

/** Adds the option of commands that run one technique. */
export const addTechniqueOption = (command: Command): Command =>
  command.addOption(
    new Option('--technique <name>', `${techniqueNames.join(', ')} (bt)`).argParser(parseTechnique),
  );

/** Adds the options of the machine to a command. */
export const addHardwareOptions = (command: Command): Command =>
  command
    .addOption(new Option('-m, --memory <size>', 'guest memory, 2M to 1980M (256M)').argParser(parseSize))
    .addOption(
      new Option(
        '--mmu <kind>',
        'page tables of a monitor: kept across address spaces, or emptied like a TLB (shadow)',
      ).choices(['shadow', 'vtlb']),
    )
    .addOption(
      new Option('--cpu <model>', 'the processor that the guest finds (pentium4)').choices(
        Object.keys(cpuModels),
      ),
    )
    .addOption(
      new Option('--engine <name>', 'what executes instructions (core)').choices(['core', 'reference']),
    )
    .addOption(new Option('--cache-size <size>', 'translation cache, 64K to 512M (32M)').argParser(parseSize))
    .addOption(
      new Option('--eviction <policy>', 'which blocks make room when it is full (fifo)').choices(
        Object.keys(evictionPolicies),
      ),
    )
    .option('--no-chaining', 'every direct exit of a block is a lookup')
    .addOption(
      new Option('--block-length <n>', 'longest block in instructions, 1 to 64 (32)').argParser(
        parseBlockLength,
      ),
    )
    .addOption(
      new Option(
        '--clock <name>',
        'guest time from instructions, the same in every run, or the real one (virtual)',
      ).choices(['virtual', 'wall']),
    )
    .addOption(
      new Option(
        '--device <device>',
        'isa-debug-exit,iobase=0xf4,iosize=4 moves the debug exit port',
      ).argParser(parseDevice),
    )
    .option('--nographic', 'accepted, as there is no screen')
    .addOption(new Option('--display <type>', 'accepted: none').choices(['none']))
    .addOption(new Option('--monitor <device>', 'accepted: none').choices(['none']));

/** Adds the options of `run`: of the machine, of its consoles, and of what is reported. */
export const addMachineOptions = (command: Command): Command =>
  addTechniqueOption(addHardwareOptions(command))
    .addOption(
      new Option(
        '--serial <device>',
        'COM1, then COM2: stdio, mon:stdio, null or file:NAME (stdio, null)',
      ).argParser(parseSerialPorts),
    )
    .addOption(
      new Option('--debugcon <device>', 'port 0xE9: stdio, null or file:NAME (null)').argParser(
        parseCharacterDevice,
      ),
    )
    .option('--no-reboot', 'end the run when the guest resets the machine')
    .addOption(
      new Option('--stats <format>', 'statistics of the run, on standard error').choices(['text', 'json']),
    )
    .option('--stats-file <file>', 'write the statistics to a file instead (json unless --stats says text)')
    .addOption(
      new Option('--log-level <level>', 'messages for developers').choices(logLevels).default('silent'),
    );

/** The machine that the options describe. */
export const planHardware = (
  flags: HardwareFlags & TechniqueFlags,
  core: Uint8Array<ArrayBuffer>,
): CreateOptions => {
  const { memory, technique, mmu, cpu, engine, clock, cacheSize, device: debugExit } = flags;
  const { eviction, chaining, blockLength } = flags;
  return {
    core,
    ...(memory !== undefined && { memory }),
    ...(technique && { technique }),
    ...(mmu && { mmu }),
    ...(cpu && { cpu }),
    ...(engine && { engine }),
    // Real time has a real calendar.
    ...(clock && { clock, ...(clock === 'wall' && { start: Date.now() }) }),
    ...(cacheSize !== undefined && { cacheSize }),
    ...(eviction && { eviction }),
    ...(!chaining && { chaining }),
    ...(blockLength !== undefined && { blockLength }),
    ...(debugExit && { debugExit }),
  };
};

/** Everything in a plan but the guest itself. */
export const planMachine = (
  flags: MachineFlags,
  core: Uint8Array<ArrayBuffer>,
): Omit<Plan, 'name' | 'load'> => {
  const { statsFile } = flags;
  const statistics = flags.stats ?? (statsFile === undefined ? undefined : 'json');
  return {
    machine: planHardware(flags, core),
    serial: flags.serial ?? [{ kind: 'stdio' }],
    debugConsole: flags.debugcon ?? { kind: 'null' },
    reboot: flags.reboot,
    logLevel: flags.logLevel,
    ...(statistics && { statistics }),
    ...(statsFile !== undefined && { statisticsFile: statsFile }),
  };
};
