/** The generated core as an engine. */
import type { PhysicalMemory } from '../memory/physical.ts';
import { State } from '../x86/state.ts';
import { generateCore } from './core.ts';
import type { Engine, EngineHost } from './engine.ts';
import type { Exit } from './exits.ts';

let compiled: WebAssembly.Module | undefined;
let profiling: WebAssembly.Module | undefined;

/** The core's module: generated and compiled once for all machines. @param binary one generated earlier */
export const coreModule = (binary?: Uint8Array<ArrayBuffer>): WebAssembly.Module => {
  compiled ??= new WebAssembly.Module(binary ?? generateCore());
  return compiled;
};
/** The same of the core that counts executions. */
const profilingModule = (): WebAssembly.Module => {
  profiling ??= new WebAssembly.Module(generateCore({ profile: true }));
  return profiling;
};

export const createCoreEngine = (memory: PhysicalMemory, host: EngineHost): Engine => {
  const module = memory.profileBase === 0 ? coreModule() : profilingModule();
  const instance = new WebAssembly.Instance(module, {
    host: {
      memory: memory.memory,
      read: host.read,
      update: host.update,
      write: host.write,
      commit: host.commit,
      writeBounced: host.writeBounced,
      compute: host.compute,
      floatingPointError: host.floatingPointError,
      callout: host.callout,
    },
  });
  const run = instance.exports.run as (record: number, budget: number, tlb: number) => number;
  const { words } = memory;
  return {
    name: 'core',
    run: (record) => run(record, words[State.BUDGET >> 2]!, words[State.TLB >> 2]!) as Exit,
  };
};
