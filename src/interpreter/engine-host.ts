/** What engines ask of the processor: slow accesses, SSE computations, callouts, witnessed instructions. */
import { handlerOf, isCalloutHandler } from '../instructions/handlers.ts';
import { calloutNumber, numberedCallouts, RecordOperands, WITNESSED } from '../instructions/operands.ts';
import { RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { computations } from '../instructions/sse/computations.ts';
import { SimdUnit } from '../instructions/sse/unit.ts';
import { fpuOf, reportPending } from '../instructions/x87/unit.ts';
import type { Mmu } from '../memory/mmu.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { Mode } from '../translator/mode.ts';
import { Fault, Frozen, LateFault, Vector } from '../x86/exceptions.ts';
import { Flag } from '../x86/flags.ts';
import { CR4 } from '../x86/registers.ts';
import { type CpuState, Shadow, State, System } from '../x86/state.ts';
import type { Boundary } from './boundary.ts';
import type { Breakpoints } from './breakpoints.ts';
import type { Control } from './control.ts';
import { checksAlignment } from './cpu-access.ts';
import type { EngineHost } from './engine.ts';
import { Exit } from './exits.ts';
import type { ProcessorCounters } from './processor-counters.ts';
import { Stepper } from './stepper.ts';

/** INS and OUTS, which repeat themselves by staying where they are. */
const repeating = new Set([calloutNumber('ins'), calloutNumber('outs')]);

/** The parts of the processor that its host works on. */
export interface HostedProcessor {
  readonly memory: PhysicalMemory;
  /** The state the processor executes with. */
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly breakpoints: Breakpoints;
  readonly counters: ProcessorCounters;
  readonly control: Control;
  /** Counts an exception and gives it to whoever is in control. */
  fault(vector: number, error: number): void;
}

/** Its methods are called on their own, as imports of the core: they are bound. */
export class ProcessorHost implements EngineHost {
  /** Set while one instruction is executed as the control treats it, which counts it. */
  emulating = false;
  readonly #processor: HostedProcessor;
  readonly #memory: PhysicalMemory;
  readonly #words: Int32Array;
  readonly #boundary: Boundary;
  readonly #operands: RecordOperands;
  readonly #simd: SimdUnit;
  readonly #stepper: Stepper;

  constructor(processor: HostedProcessor, boundary: Boundary) {
    const { memory } = processor;
    this.#processor = processor;
    this.#memory = memory;
    this.#words = memory.words;
    this.#boundary = boundary;
    this.#operands = new RecordOperands(memory.memory.buffer);
    this.#simd = new SimdUnit(memory.memory.buffer);
    this.#stepper = new Stepper(memory, this);
  }

  readonly read = (linear: number, size: number): number =>
    this.#refuses(linear, size, false) ? 0 : this.#processor.mmu.slowRead(linear, size);
  readonly update = (linear: number, size: number): number =>
    this.#refuses(linear, size, true) ? 0 : this.#processor.mmu.slowUpdate(linear, size);
  readonly write = (linear: number, size: number, value: number): number =>
    this.#refuses(linear, size, true) ? 0 : this.#processor.mmu.slowWrite(linear, size, value);
  readonly writeBounced = (linear: number, size: number): number =>
    this.#refuses(linear, size, true) ? 0 : this.#processor.mmu.slowWriteBounced(linear, size);
  readonly commit = (linear: number, size: number): number => {
    this.#processor.mmu.slowCommit(linear, size);
    return 0;
  };
  /**
   * Whether an access of a slow path must not be made: it is misaligned where that faults, or a breakpoint
   * defers it. 16 bytes are aligned by #GP, or need not be. The reason is left in State.FAULT_VECTOR.
   */
  #refuses(linear: number, size: number, write: boolean): boolean {
    const { breakpoints, state } = this.#processor;
    if ((linear & (size - 1)) !== 0 && size <= 8 && checksAlignment(state)) {
      this.#words[State.FAULT_VECTOR >> 2] = Vector.AC;
      this.#words[State.FAULT_ERROR >> 2] = 0;
      return true;
    }
    return breakpoints.data && breakpoints.defers(linear, size, write);
  }

  /** Runs an SSE computation. @returns 0, or the vector to raise (SDM vol. 1, section 11.5.1) */
  readonly compute = (number: number): number => {
    const vector = computations[number]!.run(this.#simd);
    if (vector === 0) return 0;
    return this.#processor.state.sys(System.CR4) & CR4.OSXMMEXCPT ? vector : Vector.UD;
  };

  /** A vector instruction that touches MMX registers finds an x87 exception pending. */
  readonly floatingPointError = (): number => {
    const cpu = this.#processor.control.cpu(false);
    try {
      reportPending(cpu, fpuOf(cpu.state));
    } catch (thrown) {
      if (thrown instanceof Frozen) return Exit.STALE;
      if (!(thrown instanceof Fault)) throw thrown;
      this.#words[State.FAULT_VECTOR >> 2] = thrown.vector;
      return Exit.FAULT;
    }
    return Exit.NEXT;
  };

  /** Runs the callout of the current record. */
  readonly callout = (): number => {
    const words = this.#words;
    const { view, bytes } = this.#memory;
    const record = words[State.RECORD >> 2]!;
    const number = view.getUint16(record + RecordOffset.CALLOUT, true);
    if (number === WITNESSED) return this.#witnessed(record);
    const operands = this.#operands.at(record);
    const callout = numberedCallouts[number]!;
    const { virtual } = operands;
    const { control, counters } = this.#processor;
    const mode = words[State.MODE >> 2]!;
    if (virtual && !this.emulating)
      ((mode & Mode.DIRECT) !== 0 ? counters.directCallouts : counters.virtualCallouts)[number]!++;
    const cpu = control.cpu(virtual);
    const eip = words[State.EIP_PAGE >> 2]! + view.getUint16(record + RecordOffset.PAGE_OFFSET, true);
    cpu.instructionEip = eip >>> 0;
    words[State.EIP >> 2] = eip + bytes[record + RecordOffset.LENGTH]!;
    try {
      if (virtual && control.execute) control.execute(number, operands);
      else callout.run(cpu, operands);
    } catch (thrown) {
      return this.#thrown(thrown, eip, virtual);
    }
    // One that faulted has not been executed.
    if (!virtual) counters.longInstructions[number]!++;
    const { state } = cpu;
    const shadow = state.sys(System.SHADOW);
    if (shadow !== Shadow.NONE) {
      state.setSys(System.SHADOW, Shadow.NONE);
      this.#boundary.holdOff(shadow);
    }
    if (words[State.FLAGS >> 2]! & (Flag.TF | Flag.RF)) {
      this.#boundary.takeResumeFlag();
      if (words[State.FLAGS >> 2]! & Flag.TF) words[State.LEAVE >> 2] = 1;
    }
    // An interrupt between two elements finds RF set (SDM vol. 3, section 17.3.1.1).
    if (words[State.EIP >> 2] === eip && repeating.has(number))
      words[State.RESUME >> 2] = this.#boundary.next;
    // The rest of the block was translated for another mode.
    if (!callout.endsBlock && words[State.MODE >> 2] !== mode) return Exit.LEAVE;
    if (words[State.LEAVE >> 2] !== 0) return callout.endsBlock ? Exit.LEAVE_AT : Exit.LEAVE;
    return callout.endsBlock ? Exit.ENTER : Exit.NEXT;
  };
  /** A callout did not come to its end. @param eip its instruction's */
  #thrown(thrown: unknown, eip: number, virtual: boolean): Exit {
    const words = this.#words;
    if (thrown instanceof Frozen) {
      words[State.EIP >> 2] = eip;
      return Exit.STALE;
    }
    if (!(thrown instanceof Fault)) throw thrown;
    const { emulatedFaults } = this.#processor.counters;
    if (thrown instanceof LateFault) {
      if (virtual) emulatedFaults[thrown.vector]!++;
      this.#processor.fault(thrown.vector, thrown.error);
      return Exit.LEAVE_AT;
    }
    if (virtual && !this.emulating) emulatedFaults[thrown.vector]!++;
    words[State.EIP >> 2] = eip;
    words[State.FAULT_VECTOR >> 2] = thrown.vector;
    words[State.FAULT_ERROR >> 2] = thrown.error;
    return Exit.FAULT;
  }

  /** Executes a witnessed instruction; `witnessed` in translator/encode.ts says what lies where. */
  #witnessed(record: number): Exit {
    const words = this.#words;
    const { bytes, view } = this.#memory;
    const witness = this.#processor.control.witness!;
    const real = record + RECORD_SIZE;
    witness.foresee(real + RECORD_SIZE);
    words[State.RECORD >> 2] = real;
    const handler = view.getUint16(real + RecordOffset.HANDLER, true);
    let exit = isCalloutHandler(handler)
      ? (this.callout() as Exit)
      : this.#stepper.step(real, handlerOf(handler)!);
    words[State.RECORD >> 2] = record;
    if (exit === Exit.NEXT || exit === Exit.LEAVE) {
      const offset = view.getUint16(record + RecordOffset.PAGE_OFFSET, true);
      words[State.EIP >> 2] = words[State.EIP_PAGE >> 2]! + offset + bytes[record + RecordOffset.LENGTH]!;
      exit = exit === Exit.NEXT ? Exit.ENTER : Exit.LEAVE_AT;
    }
    witness.judge(exit);
    return exit;
  }
}
