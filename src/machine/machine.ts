/** A whole machine: processor, devices, clock, and the technique that runs the guest. */
import { Profile } from '../cache/profile.ts';
import { type EvictionName, evictionPolicies } from '../cache/region.ts';
import type { Decoder } from '../decoder/instruction.ts';
import { BareControl } from '../interpreter/bare-control.ts';
import type { Control } from '../interpreter/control.ts';
import { createCoreEngine } from '../interpreter/core-engine.ts';
import type { Platform } from '../interpreter/cpu-access.ts';
import { Processor } from '../interpreter/processor.ts';
import { createReferenceEngine } from '../interpreter/reference-engine.ts';
import type { BootModule } from '../loader/image.ts';
import { LoadError, type MemoryRange } from '../loader/image.ts';
import { loadKernel } from '../loader/load.ts';
import { PAGE_SIZE, RAM_BASE } from '../memory/layout.ts';
import { PhysicalMemory } from '../memory/physical.ts';
import { HardwareControl, type HardwareCounters } from '../monitor/hardware-control.ts';
import type { LeakReport } from '../monitor/leaks.ts';
import { MONITOR_MEMORY, Monitor, type MonitorCounters } from '../monitor/monitor.ts';
import { type Technique, type TechniqueName, techniqueNamed } from '../techniques/index.ts';
import { type CpuModelName, cpuModels } from '../x86/cpu-models.ts';
import type { CpuState } from '../x86/state.ts';
import { buildAcpiTables } from './acpi.ts';
import { type MachineClock, VirtualClock, WallClock } from './clock.ts';
import { e820Map } from './e820.ts';
import { enter } from './entry.ts';
import { Pc } from './pc.ts';
import { collectStatistics, type Statistics } from './statistics.ts';

export type { TechniqueName };
export type EngineName = 'core' | 'reference';

export interface MachineOptions {
  /** RAM in bytes: a multiple of 4 KiB, at least 2 MiB; with the translation cache less than 2 GiB. Default 256 MiB. */
  readonly memory?: number;
  /** One of the table with its variants, or a technique of one's own. Default `bt`. */
  readonly technique?: TechniqueName | Technique;
  /** How a monitor virtualises memory, whatever the technique says: tables that are kept, or a TLB. */
  readonly mmu?: 'shadow' | 'vtlb';
  /** The processor that CPUID shows; decides which instructions exist. Default the most capable. */
  readonly cpu?: CpuModelName;
  readonly engine?: EngineName;
  /** Size of the translation cache in bytes, at least 64 KiB. Default 32 MiB. */
  readonly cacheSize?: number;
  /** Which blocks make room for new ones in a full translation cache. Default `fifo`. */
  readonly eviction?: EvictionName;
  /** Whether direct exits are linked to their targets. Default true. */
  readonly chaining?: boolean;
  /** Longest basic block in instructions, 1 to 64. Default 32. */
  readonly blockLength?: number;
  readonly clock?: 'virtual' | 'wall';
  /**
   * Virtual nanoseconds that an instruction takes, a whole number from 1 to 1000; default 8. The slower the virtual
   * processor, the fewer instructions a guest spends where it counts time in a loop.
   */
  readonly nanosecondsPerInstruction?: number;
  /** Count the executions of every instruction; see Processor.profile. Costs host time. Default false. */
  readonly profile?: boolean;
  /** Calendar at power-on, milliseconds since 1970; fixed by default, so that runs repeat. */
  readonly start?: number;
  readonly debugExit?: { readonly base: number; readonly size: number };
  /** A byte the guest sent by COM1 (0) or COM2 (1). */
  onSerial?(port: number, byte: number): void;
  onDebugConsole?(byte: number): void;
  /** What an operator should know; each message comes once. */
  onWarning?(message: string): void;
}

/** How a run ended. */
export type Outcome =
  | { readonly kind: 'power-off' }
  | { readonly kind: 'reset' }
  /** The guest wrote to the debug exit port. */
  | { readonly kind: 'exit'; readonly status: number }
  /** A triple fault, or another shutdown of the processor. */
  | { readonly kind: 'shutdown'; readonly reason: string }
  /** HLT with interrupts disabled: nothing can wake the guest. */
  | { readonly kind: 'halted' }
  | { readonly kind: 'stopped' }
  /** The limit that `run` was given; it may be called again to go on. */
  | { readonly kind: 'limit'; readonly reached: 'instructions' | 'time' };

/** Where `run` ends although the guest would go on. */
export interface RunLimits {
  /** Instructions retired from now on. */
  readonly instructions?: number;
  /** Host milliseconds from now on; looked at between slices. */
  readonly milliseconds?: number;
}

export interface KernelImage {
  readonly name: string;
  readonly kernel: Uint8Array;
  readonly append?: string;
  readonly modules?: readonly BootModule[];
}

const DEFAULT_CPU: CpuModelName = 'pentium4';
/** Where the ACPI tables lie, in the BIOS area. */
const ACPI_BASE = 0xe0000;
const BIOS_AREA = { start: 0xc0000, end: 0x100000 } as const;
/** 1 January 2024, 12:00 UTC. */
const DEFAULT_START = Date.UTC(2024, 0, 1, 12);
/** Slices are short so that the host may switch to optimised code between them. */
const SLICE = 100_000;
/** A guest may cause any number of different ones. */
const MOST_WARNINGS = 100;
/** Times in a row that only time passes for a guest, after which it counts as waiting for what may never come. */
const MOST_IDLE = 1000;
/** Host milliseconds between looks at the host's own events. */
const TURN = 20;

export class MachineError extends Error {
  override readonly name = 'MachineError';
}

/** A block that is not kept, of these and at most two records more, must find room in the scratch area. */
const LONGEST_BLOCK = 64;
/** Addresses in the machine's linear memory are handled as signed 32-bit numbers. */
const LINEAR_MEMORY_LIMIT = 2 ** 31;

/** Bytes of counters beside the translation cache. */
const profileSize = ({ profile, cacheSize = 32 << 20 }: MachineOptions): number =>
  profile ? Profile.sizeFor(cacheSize) : 0;

const checkOptions = (options: MachineOptions): void => {
  const memory = options.memory ?? 256 << 20;
  if (!Number.isInteger(memory) || memory < 2 << 20 || memory % PAGE_SIZE !== 0)
    throw new MachineError(`memory of ${memory} bytes: must be at least 2 MiB and whole pages`);
  const cache = options.cacheSize ?? 32 << 20;
  if (!Number.isInteger(cache) || cache < 64 << 10 || cache > 512 << 20)
    throw new MachineError(`translation cache of ${cache} bytes: must be 64 KiB to 512 MiB`);
  const length = options.blockLength ?? 1;
  if (!Number.isInteger(length) || length < 1 || length > LONGEST_BLOCK)
    throw new MachineError(`blocks of ${length} instructions: must be a whole number from 1 to 64`);
  if (!Object.hasOwn(evictionPolicies, options.eviction ?? 'fifo'))
    throw new MachineError(
      `eviction policy ${options.eviction}: there are ${Object.keys(evictionPolicies).join(', ')}`,
    );
  const pace = options.nanosecondsPerInstruction ?? 1;
  if (!Number.isInteger(pace) || pace < 1 || pace > 1000)
    throw new MachineError(`${pace} nanoseconds per instruction: must be a whole number from 1 to 1000`);
  const most = LINEAR_MEMORY_LIMIT - RAM_BASE - MONITOR_MEMORY - cache - profileSize(options);
  if (memory > most)
    throw new MachineError(
      `memory of ${Math.ceil(memory / 2 ** 20)} MiB: at most ${Math.floor(most / 2 ** 20)} MiB with this translation cache`,
    );
};

const namedTechnique = (name: string): Technique => {
  try {
    return techniqueNamed(name);
  } catch (error) {
    throw error instanceof RangeError ? new MachineError(error.message) : error;
  }
};

const controlOf = (technique: Technique, processor: Processor, platform: Platform): Control => {
  if (technique.kernelRing === null) return new BareControl(processor, platform);
  return technique.kernelRing === 0
    ? new HardwareControl(processor, platform, technique)
    : new Monitor(processor, platform, technique);
};

export class Machine {
  readonly processor: Processor;
  readonly pc: Pc;
  readonly clock: MachineClock;
  readonly memory: PhysicalMemory;
  /** Name of the technique, and whether it rewrites code. */
  readonly technique: string;
  readonly rewrites: boolean;
  readonly options: MachineOptions;
  readonly #control: Control;
  readonly #warned = new Set<string>();
  #outcome: Outcome | undefined;
  #halted = false;
  /** Host milliseconds in earlier calls of `run` and `advance`, and when the present one began. */
  #hostTime = 0;
  #since: number | undefined;
  #wake: (() => void) | undefined;
  #period = Number.POSITIVE_INFINITY;
  /** Instructions retired at which `#onPeriod` is called next. */
  #due = Number.POSITIVE_INFINITY;
  #onPeriod: () => void = () => {};

  /** @throws MachineError for options out of range */
  constructor(decoder: Decoder, options: MachineOptions = {}) {
    checkOptions(options);
    this.options = options;
    const chosen = options.technique ?? 'bt';
    const named = typeof chosen === 'string' ? namedTechnique(chosen) : chosen;
    const technique = options.mmu ? { ...named, mmu: options.mmu } : named;
    this.technique = technique.name;
    this.rewrites = technique.rewrites;
    const ramBytes = options.memory ?? 256 << 20;
    const shadows = technique.kernelRing !== null && technique.mmu !== 'nested';
    const monitorBytes = shadows ? MONITOR_MEMORY : 0;
    const cacheBytes = options.cacheSize ?? 32 << 20;
    this.memory = new PhysicalMemory(ramBytes, monitorBytes, cacheBytes, profileSize(options));
    this.processor = new Processor({
      memory: this.memory,
      decoder,
      maximumBlockLength: options.blockLength ?? 32,
      cache: options,
      createEngine: options.engine === 'reference' ? createReferenceEngine : createCoreEngine,
      notBuilt: (bytes, physical) => {
        const text = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ');
        this.#warn(`instruction ${text} at physical 0x${physical.toString(16)} is not implemented: #UD`);
      },
    });
    const { processor } = this;
    this.clock =
      options.clock === 'wall'
        ? new WallClock()
        : new VirtualClock(() => processor.retired, options.nanosecondsPerInstruction);
    const platform: Platform = {
      model: cpuModels[options.cpu ?? DEFAULT_CPU],
      in: (port, size) => {
        const value = this.pc.ports.read(port, size);
        processor.observer?.read(port, size, value);
        return value;
      },
      out: (port, size, value) => {
        processor.observer?.written(port, size, value);
        this.pc.ports.write(port, size, value);
      },
      ticks: () => this.clock.now(),
      halt: () => {
        this.#halted = true;
        processor.stop();
      },
      shutdown: (reason) => this.#end({ kind: 'shutdown', reason }),
      warn: (message) => this.#warn(message),
      floatingPointError: (rising) => this.pc.coprocessorError.signal(rising),
    };
    this.#control = controlOf(technique, processor, platform);
    processor.control = this.#control;
    this.pc = new Pc({
      clock: this.clock,
      ramBytes,
      start: options.start ?? DEFAULT_START,
      debugExit: options.debugExit ?? { base: 0xf4, size: 4 },
      onInterruptRequest: (level) => {
        processor.interruptRequest = level;
      },
      onNmi: (level) => {
        processor.nonMaskableInterrupt = level;
      },
      onA20: (enabled) => this.#control.setA20(enabled),
      onReset: () => this.#end({ kind: 'reset' }),
      onPowerOff: () => this.#end({ kind: 'power-off' }),
      onSerial: (port, byte) => options.onSerial?.(port, byte),
      onDebugConsole: (byte) => options.onDebugConsole?.(byte),
      onDebugExit: (status) => this.#end({ kind: 'exit', status }),
    });
    processor.acknowledgeInterrupt = () => this.pc.interrupts.acknowledge();
    this.clock.onEarlier = () => processor.interrupt(this.clock.budget());
    this.#installFirmware();
  }

  #installFirmware(): void {
    this.memory.ram().fill(0xff, BIOS_AREA.start, BIOS_AREA.end);
    this.memory.load(ACPI_BASE, buildAcpiTables({ base: ACPI_BASE }));
  }
  #warn(message: string): void {
    if (this.#warned.has(message) || this.#warned.size >= MOST_WARNINGS) return;
    this.#warned.add(message);
    this.options.onWarning?.(message);
    if (this.#warned.size === MOST_WARNINGS) this.options.onWarning?.('further warnings are not shown');
  }
  #end(outcome: Outcome): void {
    this.#outcome ??= outcome;
    this.processor.stop();
  }

  /** Puts a kernel into memory and the processor at its entry point. @throws LoadError */
  load(image: KernelImage): void {
    const ram = this.memory.ram();
    const state = loadKernel(
      image.kernel,
      {
        name: image.name,
        ...(image.append !== undefined && { append: image.append }),
        ...(image.modules && { modules: image.modules }),
        e820: e820Map(this.memory.size) as readonly MemoryRange[],
        acpiRsdp: ACPI_BASE,
      },
      {
        size: this.memory.size,
        write: (physical, bytes) => ram.set(bytes, physical),
        fill: (physical, length, value) => ram.fill(value, physical, physical + length),
      },
    );
    enter(this.cpu, state);
    this.#control.entered();
  }
  /** The processor as the guest believes it to be. */
  get cpu(): CpuState {
    return this.#control.guestState;
  }

  /** Sends bytes to a serial port of the guest. @param port 0 for COM1 */
  sendSerial(bytes: Iterable<number>, port = 0): void {
    this.pc.serial[port]!.receive(bytes);
    this.#wake?.();
  }
  /** Asserts IOCHK# as an operator's NMI button does: an NMI, unless port 61h or 70h disables it. */
  channelCheck(): void {
    this.pc.portB.channelCheck();
    this.#wake?.();
  }
  /** Ends the run at the next instruction boundary. */
  stop(): void {
    this.#end({ kind: 'stopped' });
    this.#wake?.();
  }

  /** Has somebody called back whenever so many more instructions have been retired, between two of them. */
  every(instructions: number, callback: () => void): void {
    this.#period = instructions;
    this.#due = this.processor.retired + instructions;
    this.#onPeriod = callback;
  }

  /** Whether the guest waits for an interrupt. */
  get halted(): boolean {
    return this.#halted;
  }
  /** How the guest ended; undefined while it may go on. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** Runs until the guest ends, `stop` is called or a limit is reached. */
  async run(limits: RunLimits = {}): Promise<Outcome> {
    const { processor } = this;
    const started = this.#begin();
    const deadline = started + (limits.milliseconds ?? Number.POSITIVE_INFINITY);
    const last = processor.retired + (limits.instructions ?? Number.POSITIVE_INFINITY);
    let turn = started;
    let now = started;
    let reached: 'instructions' | 'time' | undefined;
    while (this.#outcome === undefined && reached === undefined) {
      const sleep = this.#step(last - processor.retired);
      now = performance.now();
      if (processor.retired >= last) reached = 'instructions';
      else if (now >= deadline) reached = 'time';
      else if (sleep > 0 || now - turn >= TURN) {
        await this.#yield(Math.min(sleep, deadline - now));
        turn = performance.now();
      }
    }
    this.#pause();
    return this.#outcome ?? { kind: 'limit', reached: reached! };
  }
  /**
   * Runs at once, without the host's own events in between: up to so many instructions, fewer when the guest
   * ends, or waits and nothing is going to wake it. While it waits for a timer virtual time passes.
   * @returns instructions retired
   */
  advance(instructions: number): number {
    const { processor } = this;
    this.#begin();
    const first = processor.retired;
    const last = first + instructions;
    let before = first;
    let idle = 0;
    while (this.#outcome === undefined && before < last && idle < MOST_IDLE) {
      this.#step(last - before);
      idle = processor.retired > before ? 0 : idle + 1;
      before = processor.retired;
    }
    this.#pause();
    return before - first;
  }
  #begin(): number {
    this.#since = performance.now();
    return this.#since;
  }
  #pause(): void {
    this.#hostTime = this.hostMilliseconds;
    this.#since = undefined;
  }
  /** Host time in `run` and `advance` so far. */
  get hostMilliseconds(): number {
    return this.#hostTime + (this.#since === undefined ? 0 : performance.now() - this.#since);
  }
  /** Executes one slice. @param most instructions at most @returns host milliseconds to sleep */
  #step(most: number): number {
    const { processor, clock } = this;
    clock.expire();
    if (this.#halted) {
      if (processor.wakes) this.#halted = false;
      else if (!this.#control.interruptsEnabled()) {
        this.#end({ kind: 'halted' });
        return 0;
      } else return clock.idle();
    }
    // The counter of a processor of 1 GHz: a tick is a nanosecond.
    processor.setTimebase(clock.perInstruction, clock.skipped);
    processor.run(Math.min(SLICE, clock.budget(), most, this.#due - processor.retired));
    if (processor.retired >= this.#due) {
      this.#due += this.#period;
      this.#onPeriod();
    }
    return 0;
  }
  /** Lets the host's own events happen. */
  #yield(sleep: number): Promise<void> {
    return new Promise((resolve) => {
      if (sleep <= 0) {
        immediate(resolve);
        return;
      }
      const timer = setTimeout(resolve, sleep);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  get monitorCounters(): MonitorCounters | null {
    return this.#control instanceof Monitor ? this.#control.counters : null;
  }
  get hardwareCounters(): HardwareCounters | null {
    return this.#control instanceof HardwareControl ? this.#control.counters : null;
  }
  /** What instructions have silently got wrong; null where the technique leaves no chance for it. */
  get leaks(): LeakReport | null {
    return (this.#control instanceof Monitor && this.#control.witness?.log.report()) || null;
  }
  /** Everything counted so far. */
  statistics(): Statistics {
    return collectStatistics(this, this.hostMilliseconds);
  }
}

/** The host's quickest way to be called again after its pending events: not every host has setImmediate. */
const immediate: (callback: () => void) => void =
  (globalThis as { setImmediate?: (callback: () => void) => void }).setImmediate ??
  ((callback) => {
    setTimeout(callback, 0);
  });

export { LoadError };
