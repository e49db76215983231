/** One processor, made once, on which any number of cases run: the engine, the technique and the cache are its own. */
import type { Decoder } from '../../src/decoder/instruction.ts';
import { installPdptes, readPdptes, usesPae } from '../../src/instructions/callouts/pdptes.ts';
import type { Cpu } from '../../src/instructions/cpu.ts';
import { BareControl } from '../../src/interpreter/bare-control.ts';
import type { Control } from '../../src/interpreter/control.ts';
import { createCoreEngine } from '../../src/interpreter/core-engine.ts';
import type { Platform } from '../../src/interpreter/cpu-access.ts';
import { Processor } from '../../src/interpreter/processor.ts';
import { createReferenceEngine } from '../../src/interpreter/reference-engine.ts';
import { VirtualClock } from '../../src/machine/clock.ts';
import { Pc } from '../../src/machine/pc.ts';
import { RAM_BASE } from '../../src/memory/layout.ts';
import { PhysicalMemory } from '../../src/memory/physical.ts';
import { HardwareControl } from '../../src/monitor/hardware-control.ts';
import { MONITOR_MEMORY, Monitor } from '../../src/monitor/monitor.ts';
import { techniqueNamed } from '../../src/techniques/index.ts';
import { cpuModels } from '../../src/x86/cpu-models.ts';
import { Fault } from '../../src/x86/exceptions.ts';
import { System } from '../../src/x86/state.ts';
import type { Case } from './case.ts';
import { CoherentTables } from './coherence.ts';
import { codeOffset, SMALL_RAM, startsOf, WIDE_RAM, writeImage } from './layout.ts';
import { loadState } from './registers.ts';
import { type Remains, snapshot } from './remains.ts';
import type { Variant } from './variants.ts';

/** Exceptions noted, not delivered, before a run is given up: most of what comes then comes over and over. */
const MOST_EVENTS = 40;
/**
 * Exceptions without an instruction between them before a run is given up: more than after which the processor comes
 * back by itself.
 */
const MOST_IN_ROW = 1100;
/** Times the processor may come back without having retired an instruction. */
const MOST_STALLS = 20;
/** Times a halted processor may be interrupted in vain. */
const MOST_WAITS = 20;
/** Calendar of the PC's clock, milliseconds since 1970. */
const START = 1_700_000_000_000;

/** Brings the PDPTE registers to where loading CR3 would have; reserved bits, which it would refuse, leave them zero. */
const loadPdptes = (cpu: Cpu): void => {
  const { state } = cpu;
  if (!usesPae(state.sys(System.CR0), state.sys(System.CR4))) return;
  try {
    installPdptes(cpu, readPdptes(cpu, state.sys(System.CR3)));
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
  }
};

export class FuzzMachine {
  readonly variant: Variant;
  readonly processor: Processor;
  readonly memory: PhysicalMemory;
  readonly control: Control;
  readonly #ram: Uint8Array;
  readonly #tables: CoherentTables;
  readonly #platform: Platform;
  #case!: Case;
  #starts: readonly number[] = [];
  #events: number[] = [];
  #inRow = 0;
  #ended = '';
  #halted = false;
  /** Instructions retired before this run, and a digest of what was sent to ports. */
  #first = 0;
  #sent = 0;
  #pc: Pc | undefined;
  #clock: VirtualClock | undefined;
  #raised = 0;

  constructor(variant: Variant, wide: boolean, decoder: Decoder) {
    this.variant = variant;
    const technique = techniqueNamed(variant.technique);
    this.memory = new PhysicalMemory(
      wide ? WIDE_RAM : SMALL_RAM,
      technique.kernelRing === null || technique.mmu === 'nested' ? 0 : MONITOR_MEMORY,
      variant.cacheSize,
    );
    this.#ram = this.memory.ram();
    const processor = new Processor({
      memory: this.memory,
      decoder,
      maximumBlockLength: variant.blockLength,
      createEngine: variant.engine === 'core' ? createCoreEngine : createReferenceEngine,
      notBuilt: () => {},
    });
    this.processor = processor;
    this.#platform = this.#createPlatform();
    const machine = this;
    // An exception is noted, then either delivered or followed by the next instruction.
    class NotingControl extends BareControl {
      override onFault(vector: number, error: number): void {
        if (machine.#noted(vector, error)) super.onFault(vector, error);
      }
    }
    class NotingMonitor extends Monitor {
      override onFault(vector: number, error: number): void {
        if (machine.#noted(vector, error)) super.onFault(vector, error);
      }
    }
    class NotingHardware extends HardwareControl {
      override onFault(vector: number, error: number): void {
        if (machine.#noted(vector, error)) super.onFault(vector, error);
      }
    }
    if (technique.kernelRing === null) this.control = new NotingControl(processor, this.#platform);
    else if (technique.kernelRing === 0)
      this.control = new NotingHardware(processor, this.#platform, technique);
    else this.control = new NotingMonitor(processor, this.#platform, technique);
    processor.control = this.control;
    processor.acknowledgeInterrupt = () => this.#acknowledge();
    this.#tables = new CoherentTables(processor, this.control.guestState, () =>
      this.control.setA20(this.#a20),
    );
  }
  #a20 = true;

  #createPlatform(): Platform {
    const { processor } = this;
    return {
      model: cpuModels.pentium4,
      in: (port, size) => this.#pc?.ports.read(port, size) ?? (port * 0x01010101) >>> (32 - 8 * size),
      out: (port, size, value) => {
        this.#sent = Math.imul(this.#sent ^ port ^ (size << 20), 0x01000193) ^ value;
        this.#pc?.ports.write(port, size, value);
      },
      ticks: () => this.#clock?.now() ?? processor.retired - this.#first,
      halt: () => {
        this.#halted = true;
        processor.stop();
      },
      shutdown: () => this.#end('shutdown'),
      warn: () => {},
      floatingPointError: (rising) => {
        this.#sent = Math.imul(this.#sent, 31) + (rising ? 2 : 1);
        return this.#pc?.coprocessorError.signal(rising) ?? true;
      },
    };
  }
  #end(why: string): void {
    if (this.#ended === '') this.#ended = why;
    this.processor.stop();
  }
  /** @returns whether the exception shall be delivered */
  #noted(vector: number, error: number): boolean {
    const { guestState } = this.control;
    const { eip } = guestState;
    const retired = this.processor.retired - this.#first;
    this.#inRow = this.#events.at(-5) === retired ? this.#inRow + 1 : 0;
    this.#events.push(retired, vector, error, eip, guestState.sys(System.CR2));
    if (this.#inRow >= MOST_IN_ROW) {
      this.#end('storm');
      return false;
    }
    const { deliver } = this.#case;
    if (deliver) return true;
    if (this.#events.length > 5 * MOST_EVENTS) {
      this.#end('exceptions');
      return false;
    }
    const start = codeOffset(this.#case);
    const length = this.#starts.at(-1)!;
    const next = this.#starts.find((offset) => offset > eip - start) ?? length;
    if (eip < start || eip >= start + length) this.#end('outside');
    else guestState.eip = next < length ? start + next : start;
    return false;
  }

  /** One of four interrupts is an NMI. */
  #interrupt(): void {
    const { processor } = this;
    if (this.#raised++ % 4 !== 3) processor.interruptRequest = true;
    else {
      processor.nonMaskableInterrupt = true;
      processor.nonMaskableInterrupt = false;
    }
  }
  #acknowledge(): number {
    if (this.#pc) return this.#pc.interrupts.acknowledge();
    this.processor.interruptRequest = false;
    return 0x20 + (this.#raised & 7);
  }
  #setA20(enabled: boolean): void {
    this.#a20 = enabled;
    this.control.setA20(enabled);
  }

  /** The PC's devices as a kernel programs them: interrupts from 20h on, the timer at the case's rate. */
  #powerOn(c: Case): void {
    this.#pc = undefined;
    this.#clock = undefined;
    if (c.pit === 0) return;
    const clock = new VirtualClock(() => this.processor.retired - this.#first);
    const pc = new Pc({
      clock,
      ramBytes: this.memory.size,
      start: START,
      onInterruptRequest: (level) => {
        this.processor.interruptRequest = level;
      },
      onNmi: (level) => {
        this.processor.nonMaskableInterrupt = level;
      },
      onA20: (enabled) => this.#setA20(enabled),
      onReset: () => this.#end('reset'),
      onPowerOff: () => this.#end('power off'),
      onSerial: (_port, byte) => {
        this.#sent = Math.imul(this.#sent, 33) + byte;
      },
      onDebugConsole: () => {},
      onDebugExit: () => this.#end('exit'),
      debugExit: { base: 0xf4, size: 4 },
    });
    clock.onEarlier = () => this.processor.interrupt(clock.budget());
    this.#clock = clock;
    this.#pc = pc;
    const out = (port: number, ...values: readonly number[]) => {
      for (const value of values) pc.ports.write(port, 1, value);
    };
    out(0x20, 0x11);
    out(0x21, 0x20, 4, 1, 0);
    out(0xa0, 0x11);
    out(0xa1, 0x28, 2, 1, 0);
    out(0x43, 0x34);
    out(0x40, c.pit & 0xff, (c.pit >> 8) & 0xff);
  }

  #load(c: Case): void {
    const { processor, control } = this;
    this.#case = c;
    this.#starts = startsOf(c);
    this.#events = [];
    this.#inRow = 0;
    this.#ended = '';
    this.#halted = false;
    this.#sent = 0;
    this.#raised = 0;
    this.#tables.stop();
    processor.reset();
    this.#first = processor.retired;
    writeImage(c, this.#ram);
    loadState(c, control.guestState);
    this.#powerOn(c);
    control.cpu(true).setTimestamp(0n);
    this.#setA20(c.a20);
    loadPdptes(control.cpu(true));
    control.entered();
    processor.breakpoints.update(control.guestState);
    if (c.coherent) this.#tables.start();
  }

  /**
   * Runs a case. @param marks instruction counts to note the state at, ascending; the last ends the run
   * @param stride instructions granted at a time
   */
  run(c: Case, marks: readonly number[], stride = Number.POSITIVE_INFINITY): Remains {
    this.#load(c);
    const states: Int32Array[] = [];
    let executed = 0;
    let due = c.interrupts || Number.POSITIVE_INFINITY;
    let stalls = 0;
    for (const mark of marks) {
      while (executed < mark && this.#ended === '') {
        if (executed >= due) {
          due += c.interrupts;
          this.#interrupt();
        }
        if (!this.#wake(c)) break;
        const granted = Math.min(stride, mark - executed, due - executed, this.#clock?.budget() ?? mark);
        const done = this.processor.run(granted);
        executed += done;
        if (done > 0) stalls = 0;
        else if (++stalls > MOST_STALLS) this.#end('stalled');
      }
      states.push(snapshot(this.control.guestState));
    }
    return {
      states,
      executed,
      ended: this.#ended,
      events: this.#events,
      sent: this.#sent,
      ram: this.#ram,
    };
  }
  /** Lets time pass, and a halted processor wait for an interrupt. @returns whether it may run */
  #wake(c: Case): boolean {
    const { processor } = this;
    this.#clock?.expire();
    if (!this.#halted) return true;
    for (let tries = 0; tries < MOST_WAITS; tries++) {
      if (processor.wakes) {
        this.#halted = false;
        return true;
      }
      if (c.interrupts > 0) this.#interrupt();
      this.#clock?.idle();
      this.#clock?.expire();
    }
    this.#end('halted');
    return false;
  }

  /** Linear memory in front of guest RAM, for audits. */
  get ramBase(): number {
    return RAM_BASE;
  }
}
