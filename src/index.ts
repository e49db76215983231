/**
 * Ringdown's API. It needs nothing of Node: it runs in a browser as well.
 *
 * ```ts
 * import { readFile } from 'node:fs/promises';
 * import { createMachine } from 'ringdown';
 *
 * const machine = await createMachine({
 *   memory: 64 << 20,
 *   onSerial: (port, byte) => process.stdout.write(String.fromCharCode(byte)),
 * });
 * machine.load({ name: 'kernel.elf', kernel: await readFile('kernel.elf'), append: 'quiet' });
 * machine.sendSerial(new TextEncoder().encode('hello\n'));
 * const outcome = await machine.run();
 * console.log(outcome.kind, machine.statistics().cache.hitRate);
 * ```
 *
 * A browser has no file beside the package to load Capstone from: there, pass the bytes of
 * `capstone-wasm/dist/capstone.wasm` as `capstone`.
 * @module
 */
import { createDecoder } from './decoder/decoder.ts';
import { coreModule } from './interpreter/core-engine.ts';
import { Machine, MachineError, type MachineOptions } from './machine/machine.ts';

export { type EvictionName, evictionPolicies } from './cache/region.ts';
export { type BootModule, LoadError } from './loader/image.ts';
export {
  type EngineName,
  type KernelImage,
  Machine,
  MachineError,
  type MachineOptions,
  type Outcome,
  type RunLimits,
  type TechniqueName,
} from './machine/machine.ts';
export type { Leak, LeakReport, Statistics } from './machine/statistics.ts';
export { type Technique, techniqueNamed, techniqueNames } from './techniques/index.ts';
export { type CpuModelName, cpuModels } from './x86/cpu-models.ts';

/** What a machine is made of: its hardware, and where to find the parts of Ringdown that are WebAssembly. */
export interface CreateOptions extends MachineOptions {
  /** The bytes of `capstone.wasm`, where it cannot be loaded from beside the package. First call only. */
  readonly capstone?: Uint8Array | ArrayBuffer;
  /** The interpreter core as `generateCore` made it for this very version; generated if left out. First call only. */
  readonly core?: Uint8Array<ArrayBuffer>;
}

/**
 * Makes a machine at power-on: nothing is loaded yet.
 * @throws MachineError for options out of range, or when the host cannot provide the memory
 */
export const createMachine = async (options: CreateOptions = {}): Promise<Machine> => {
  const { capstone, core, ...machineOptions } = options;
  const decoder = createDecoder(capstone ? { wasmBinary: capstone } : {});
  if (options.engine !== 'reference' && !options.profile) coreModule(core);
  try {
    return new Machine(await decoder, machineOptions);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new MachineError(`the host cannot provide the memory: ${error.message}`);
  }
};
