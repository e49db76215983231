/**
 * Looks on while the processor executes instructions that may silently lie to a deprivileged guest. Each is first
 * tried as a monitor would execute it, on the virtual CPU and on memory that forgets what was written; then the
 * processor executes it for real, and what it did is compared.
 */
import { handlerOf } from '../instructions/handlers.ts';
import { numberedCallouts, RecordOperands } from '../instructions/operands.ts';
import { RecordOffset } from '../instructions/record.ts';
import { Breakpoints } from '../interpreter/breakpoints.ts';
import type { Witness } from '../interpreter/control.ts';
import { CpuAccess, checksAlignment, type Platform, type StateHooks } from '../interpreter/cpu-access.ts';
import type { EngineHost } from '../interpreter/engine.ts';
import { Exit } from '../interpreter/exits.ts';
import type { Processor } from '../interpreter/processor.ts';
import { Stepper } from '../interpreter/stepper.ts';
import { BOUNCE_BUFFER, POINTER_BIAS } from '../memory/layout.ts';
import type { PagingMode } from '../memory/paging.ts';
import { Fault, Frozen, hasErrorCode, LateFault, Vector, vectorNames } from '../x86/exceptions.ts';
import { Flag } from '../x86/flags.ts';
import { Fpu } from '../x86/fpu.ts';
import { Gpr, gprNames, Seg, SystemSegment } from '../x86/registers.ts';
import { sensitiveInstructionNamed } from '../x86/sensitive-instructions.ts';
import {
  CpuState,
  SegmentField,
  SHARED_FLAGS,
  State,
  System,
  SystemBase,
  segmentAddress,
} from '../x86/state.ts';
import { LeakLog, Lost } from './leaks.ts';
import { Overlay } from './overlay.ts';

/** The part of the state that an instruction may change, in words. */
const FIRST = State.GPR >> 2;
const LAST = 0x800 >> 2;

/** Instructions whose result is an image of EFLAGS in memory. */
const FLAGS_IMAGE = 'PUSHF';

const nameOf = (executor: string): string => sensitiveInstructionNamed(executor)?.name ?? executor;

const hexadecimal = (value: number, digits: number): string =>
  (value >>> 0).toString(16).toUpperCase().padStart(digits, '0');

/** What `foresee` came to. */
const Foreseen = { NOTHING: 0, RESULT: 1, FAULT: 2 } as const;

export class LeakWitness implements Witness {
  readonly log = new LeakLog();
  readonly #processor: Processor;
  readonly #guest: CpuState;
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #overlay: Overlay;
  readonly #cpu: CpuAccess;
  readonly #stepper: Stepper;
  readonly #operands: RecordOperands;
  readonly #before: Int32Array;
  /** The virtual CPU and what else an instruction changes, as they should be. */
  readonly #truth: CpuState;
  #foreseen: number = Foreseen.NOTHING;
  /** Whether a fault should come, and which. */
  #faults = false;
  #vector = 0;
  #error = 0;
  #instruction = '';
  #address = 0;
  #ring = 0;

  /** @param guest the virtual CPU @param paging how the guest believes addresses to be translated at that moment */
  constructor(processor: Processor, guest: CpuState, platform: Platform, paging: () => PagingMode) {
    const { memory, mmu } = processor;
    this.#processor = processor;
    this.#guest = guest;
    this.#words = memory.words;
    this.#view = memory.view;
    this.#overlay = new Overlay(mmu, paging);
    this.#operands = new RecordOperands(memory.memory.buffer);
    this.#before = new Int32Array(LAST - FIRST);
    this.#truth = new CpuState(new ArrayBuffer(LAST * 4), SystemBase.VIRTUAL);
    const overlay = this.#overlay;
    this.#cpu = new TrialCpu(guest, overlay, inert(platform), {
      pagingChanged: () => {},
      invalidatePage: () => {},
      readPhysical: (address) => overlay.readPhysical(address),
      modeChanged: () => {},
      breakpoints: new Breakpoints(new Int32Array(LAST), mmu.tlb),
      leave: () => {},
    });
    this.#stepper = new Stepper(memory, this.#host());
  }

  /** Where a handler finds memory: all of it passes through the bounce buffer. */
  #host(): EngineHost {
    const overlay = this.#overlay;
    const { view } = this.#processor.memory;
    const user = () => this.#guest.cpl === 3;
    const refuses = (linear: number, size: number): boolean => {
      if ((linear & (size - 1)) === 0 || !checksAlignment(this.#guest)) return false;
      this.#words[State.FAULT_VECTOR >> 2] = Vector.AC;
      this.#words[State.FAULT_ERROR >> 2] = 0;
      return true;
    };
    const read = (linear: number, size: number): number => {
      if (refuses(linear, size)) return 0;
      const value = overlay.read(linear >>> 0, size, user());
      if (overlay.faulted) return 0;
      view.setInt32(BOUNCE_BUFFER, value, true);
      return BOUNCE_BUFFER - POINTER_BIAS;
    };
    return {
      read,
      update: read,
      write(linear, size, value) {
        if (refuses(linear, size)) return 0;
        overlay.write(linear >>> 0, size, value, user());
        return overlay.faulted ? 0 : 1;
      },
      commit: () => 0,
      writeBounced: () => 0,
      compute: () => 0,
      floatingPointError: () => Exit.NEXT,
      callout: () => Exit.NEXT,
    };
  }

  foresee(record: number): void {
    const words = this.#words;
    const guest = this.#guest;
    const eip = words[State.EIP_PAGE >> 2]! + this.#view.getUint16(record + RecordOffset.PAGE_OFFSET, true);
    this.#address = (eip + guest.segment(Seg.CS, SegmentField.BASE)) >>> 0;
    this.#ring = guest.cpl;
    this.#before.set(words.subarray(FIRST, LAST));
    this.#overlay.clear();
    this.#noteSelector(Fpu.FCS, Seg.CS);
    this.#noteSelector(Fpu.FDS, Seg.SS);
    words[State.EIP >> 2] = eip + this.#processor.memory.bytes[record + RecordOffset.LENGTH]!;
    this.#foreseen = this.#try(record, eip);
    this.#truth.words.set(words.subarray(FIRST, LAST), FIRST);
    words.set(this.#before, FIRST);
  }
  /** What the FPU should have noted where it noted a selector with the processor's ring in it. */
  #noteSelector(noted: number, segment: number): void {
    const words = this.#words;
    if (words[noted >> 2] === this.#processor.state.selector(segment))
      words[noted >> 2] = this.#guest.selector(segment);
  }
  #try(record: number, eip: number): number {
    const words = this.#words;
    const handler = handlerOf(this.#view.getUint16(record + RecordOffset.HANDLER, true))!;
    if (handler.spec.name.startsWith('callout')) {
      const callout = numberedCallouts[this.#view.getUint16(record + RecordOffset.CALLOUT, true)]!;
      this.#instruction = nameOf(callout.name);
      this.#cpu.instructionEip = eip >>> 0;
      try {
        callout.run(this.#cpu, this.#operands.at(record));
        return Foreseen.RESULT;
      } catch (thrown) {
        // What happens behind the point of no return cannot be told from what comes after it.
        if (thrown instanceof LateFault || thrown instanceof Frozen) return Foreseen.NOTHING;
        if (!(thrown instanceof Fault)) throw thrown;
        this.#vector = thrown.vector;
        this.#error = thrown.error;
        return Foreseen.FAULT;
      }
    }
    this.#instruction = nameOf(handler.spec.name);
    if (this.#stepper.step(record, handler) !== Exit.FAULT) return Foreseen.RESULT;
    this.#vector = words[State.FAULT_VECTOR >> 2]!;
    this.#error = words[State.FAULT_ERROR >> 2]!;
    return Foreseen.FAULT;
  }

  judge(exit: Exit): void {
    const words = this.#words;
    const foreseen = this.#foreseen;
    this.#foreseen = Foreseen.NOTHING;
    const vector = exit === Exit.FAULT ? words[State.FAULT_VECTOR >> 2]! : -1;
    // An instruction that could not begin yet is executed anew.
    if (foreseen === Foreseen.NOTHING || exit === Exit.STALE || (exit === Exit.FAULT && vector < 0)) return;
    if (vector === Vector.GP || vector === Vector.NP) {
      this.log.trapped();
      return;
    }
    this.#faults = foreseen === Foreseen.FAULT;
    let lost = 0;
    if (exit === Exit.FAULT) {
      const same =
        this.#faults &&
        vector === this.#vector &&
        (!hasErrorCode(vector) || words[State.FAULT_ERROR >> 2] === this.#error);
      if (!same) lost = Lost.SUCCESS;
    } else if (this.#faults) lost = Lost.EXCEPTION;
    else lost = this.#compare();
    if (lost === 0) this.log.innocuous();
    else
      this.log.leak(this.#instruction, this.#address, lost, () => ({
        ring: this.#ring,
        first: this.#processor.retired,
        ...this.#describe(lost, vector),
      }));
  }

  /** What differs between the state as it is and as it should be. @returns a set of `Lost` */
  #compare(): number {
    const guest = this.#guest;
    const truth = this.#truth;
    let lost = lostFlags(guest.sys(System.FLAGS) ^ truth.sys(System.FLAGS));
    const shared = this.#words[State.FLAGS >> 2]! ^ truth.words[State.FLAGS >> 2]!;
    const status = guest.statusFlags() ^ truth.statusFlags();
    if (status & Flag.ZF) lost |= Lost.ZF;
    if (shared & SHARED_FLAGS & ~Flag.RF || status & ~Flag.ZF) lost |= Lost.FLAGS;
    for (let register = Gpr.EAX as number; register <= Gpr.EDI; register++)
      if (guest.gpr(register) !== truth.gpr(register)) lost |= register === Gpr.ESP ? Lost.STACK : Lost.VALUE;
    if (guest.cpl !== truth.cpl) lost |= Lost.LEVEL;
    if (guest.eip !== truth.eip) lost |= Lost.TARGET;
    for (let segment = Seg.ES as number; segment <= Seg.GS; segment++) {
      if (!this.#differs(segment)) continue;
      if (segment === Seg.CS) lost |= guest.cpl === truth.cpl ? Lost.TARGET : Lost.LEVEL;
      else lost |= segment === Seg.SS ? Lost.STACK : Lost.SEGMENT;
    }
    if (this.#differs(SystemSegment.TR)) lost |= Lost.TASK;
    const unlike = this.#overlay.firstUnlike();
    if (unlike === undefined) return lost;
    const { write, value } = unlike;
    if (write.descriptor) return lost | Lost.ACCESSED;
    if (this.#instruction === FLAGS_IMAGE) return lost | lostFlags(write.value ^ value);
    return lost | (this.#instruction.startsWith('CALL') ? Lost.PUSHED : Lost.VALUE);
  }
  /** Whether a segment register of the virtual CPU is not as it should be. */
  #differs(segment: number): boolean {
    const at = segmentAddress(SystemBase.VIRTUAL, segment) >> 2;
    for (let i = at; i <= at + (SegmentField.ATTRIBUTES >> 2); i++)
      if (this.#words[i] !== this.#truth.words[i]) return true;
    return false;
  }

  /** The first wrong value in words. @param vector of the exception that came, or -1 */
  #describe(lost: number, vector: number): { readonly saw: string; readonly should: string } {
    const guest = this.#guest;
    const truth = this.#truth;
    const both = (show: (state: CpuState) => string) => ({ saw: show(guest), should: show(truth) });
    if (lost & (Lost.EXCEPTION | Lost.SUCCESS)) {
      const error = this.#words[State.FAULT_ERROR >> 2]!;
      return {
        saw: vector < 0 ? 'no exception' : exception(vector, error),
        should: this.#faults ? exception(this.#vector, this.#error) : 'no exception',
      };
    }
    const unlike = this.#overlay.firstUnlike();
    if (unlike) {
      const { write, value } = unlike;
      const digits = write.size * 2;
      return { saw: hexadecimal(value, digits), should: hexadecimal(write.value, digits) };
    }
    if (lost & (Lost.IF | Lost.IOPL | Lost.FLAGS | Lost.ZF))
      return both((state) => `EFLAGS ${hexadecimal(state.eflags, 8)}`);
    if (lost & (Lost.LEVEL | Lost.TARGET))
      return both((state) => `CS:EIP ${hexadecimal(state.selector(Seg.CS), 4)}:${hexadecimal(state.eip, 8)}`);
    if (lost & Lost.STACK)
      return both(
        (state) => `SS:ESP ${hexadecimal(state.selector(Seg.SS), 4)}:${hexadecimal(state.gpr(Gpr.ESP), 8)}`,
      );
    for (let register = Gpr.EAX as number; register <= Gpr.EDI; register++)
      if (guest.gpr(register) !== truth.gpr(register))
        return both((state) => `${gprNames[register]!.toUpperCase()} ${hexadecimal(state.gpr(register), 8)}`);
    for (let segment = Seg.ES as number; segment <= SystemSegment.TR; segment++)
      if (this.#differs(segment)) return both((state) => describeSegment(state, segment));
    return { saw: '', should: '' };
  }
}

/** Which of the virtualised flags an image has wrong. */
const lostFlags = (difference: number): number =>
  (difference & Flag.IF ? Lost.IF : 0) |
  (difference & Flag.IOPL ? Lost.IOPL : 0) |
  (difference & ~(Flag.IF | Flag.IOPL) ? Lost.FLAGS : 0);

const exception = (vector: number, error: number): string =>
  vectorNames[vector]! + (hasErrorCode(vector) ? `(${hexadecimal(error, 4)})` : '');

const describeSegment = (state: CpuState, segment: number): string => {
  const field = (offset: number) => hexadecimal(state.segment(segment, offset), 8);
  const [base, limit] = [field(SegmentField.BASE), field(SegmentField.LIMIT)];
  const attributes = field(SegmentField.ATTRIBUTES);
  return `${hexadecimal(state.selector(segment), 4)} base ${base} limit ${limit} attributes ${attributes}`;
};

/** Ports and switches that do nothing: what is only tried must have no effect. */
const inert = (platform: Platform): Platform => ({
  model: platform.model,
  in: (_port, size) => 2 ** (8 * size) - 1,
  out: () => {},
  ticks: () => platform.ticks(),
  halt: () => {},
  shutdown: () => {},
  warn: () => {},
  floatingPointError: () => true,
});

/** The virtual CPU on memory that forgets. */
class TrialCpu extends CpuAccess {
  readonly #overlay: Overlay;

  constructor(state: CpuState, overlay: Overlay, platform: Platform, hooks: StateHooks) {
    super(state, overlay, platform, hooks);
    this.#overlay = overlay;
  }
  override writeDescriptorHigh(selector: number, high: number): void {
    this.#overlay.writesDescriptor = true;
    try {
      super.writeDescriptorHigh(selector, high);
    } finally {
      this.#overlay.writesDescriptor = false;
    }
  }
}
