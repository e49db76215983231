/**
 * A bare machine of 256 KiB on which random programs run, once in whole blocks and
 * once an instruction at a time; and a comparison of everything they leave.
 */
import type { Decoder } from '../../src/decoder/instruction.ts';
import { BareControl } from '../../src/interpreter/bare-control.ts';
import { createCoreEngine } from '../../src/interpreter/core-engine.ts';
import { Processor } from '../../src/interpreter/processor.ts';
import { createReferenceEngine } from '../../src/interpreter/reference-engine.ts';
import { PhysicalMemory } from '../../src/memory/physical.ts';
import { cpuModels } from '../../src/x86/cpu-models.ts';
import { Flag } from '../../src/x86/flags.ts';
import { FpuState } from '../../src/x86/fpu.ts';
import { gprNames, Seg, SystemSegment } from '../../src/x86/registers.ts';
import { State, System, SystemBase } from '../../src/x86/state.ts';

const SIZE = 0x40000;
const MOST_EVENTS = 20;
const DIRECTORY = 0x1000;
const TABLE = 0x2000;
const GDT = 0x3000;
/** Where programs work: a page that is absent and one that is read-only are part of it. */
export const Arena = {
  START: 0x10000,
  CODE: 0x13000,
  ABSENT: 0x16000,
  READ_ONLY: 0x18000,
  END: 0x20000,
} as const;

export const modes = ['flat', 'segmented', '16-bit', 'real', 'virtual-8086', 'kernel'] as const;
export type DuelMode = (typeof modes)[number];

export interface Program {
  readonly mode: DuelMode;
  readonly code: Uint8Array;
  /** Offsets in the code at which instructions start, ascending. */
  readonly starts: readonly number[];
  /** What the arena holds at first. */
  readonly fill: Uint8Array;
  readonly registers: readonly number[];
  readonly eflags: number;
}

/** Notes exceptions instead of delivering them, and goes on behind the instruction; ends the run where it cannot. */
class EventControl extends BareControl {
  readonly events: string[] = [];
  /** Set when the run is over. */
  ended = false;
  /** Offsets at which the program's instructions start, ascending. */
  starts: readonly number[] = [];
  readonly #machine: Processor;
  constructor(processor: Processor, platform: ConstructorParameters<typeof BareControl>[1]) {
    super(processor, platform);
    this.#machine = processor;
  }
  override onFault(vector: number, error: number): void {
    const state = this.guestState;
    this.events.push(
      `vector ${vector} error ${error} cr2 ${state.sys(System.CR2) >>> 0} eip ${state.eip.toString(16)}`,
    );
    const next = this.starts.find((start) => start > state.eip);
    if (next !== undefined && state.eip >= this.starts[0]! && this.events.length < MOST_EVENTS)
      state.eip = next;
    else this.end('exception');
  }
  end(why: string): void {
    this.events.push(why);
    this.ended = true;
    this.#machine.stop();
  }
}

const ATTRIBUTES = {
  code32: 0xc0fb00,
  data32: 0xc0f300,
  code16: 0x00fb00,
  data16: 0x00f300,
  down: 0x40f700,
  read: 0x40f100,
};
/** Selectors with RPL 3, from 8 on: base, limit, attributes. */
const DESCRIPTORS: readonly (readonly [number, number, number])[] = [
  [0, 0xfffff, ATTRIBUTES.code32],
  [0, 0xfffff, ATTRIBUTES.data32],
  [Arena.START, 0xffff, ATTRIBUTES.code16],
  [Arena.START, 0xffff, ATTRIBUTES.data16],
  [Arena.START, 0x8000, ATTRIBUTES.down],
  [Arena.START, 0x6fff, ATTRIBUTES.read],
];
const selector = (index: number) => (index + 1) * 8 + 3;

export class Duelist {
  readonly #memory = new PhysicalMemory(SIZE, 0, 1 << 20);
  readonly #processor: Processor;
  readonly #control: EventControl;
  /** Instructions retired before this run. */
  #start = 0;

  constructor(engine: 'core' | 'reference', decoder: Decoder) {
    this.#processor = new Processor({
      memory: this.#memory,
      decoder,
      maximumBlockLength: 32,
      createEngine: engine === 'core' ? createCoreEngine : createReferenceEngine,
      notBuilt: () => {},
    });
    const processor = this.#processor;
    this.#control = new EventControl(processor, {
      model: cpuModels.pentium4,
      in: (port, size) => (port * 0x01010101) >>> (32 - 8 * size),
      out: () => {},
      ticks: () => processor.retired - this.#start,
      halt: () => this.#control.end('halted'),
      shutdown: () => {},
      warn: () => {},
      floatingPointError: () => true,
    });
    processor.control = this.#control;
  }

  #descriptor(index: number, [base, limit, attributes]: readonly [number, number, number]): void {
    const at = GDT + (index + 1) * 8;
    this.#memory.write(at, 4, ((base & 0xffff) << 16) | (limit & 0xffff));
    this.#memory.write(
      at + 4,
      4,
      (base & 0xff000000) | ((base >>> 16) & 0xff) | (limit & 0xf0000) | attributes,
    );
  }
  #load(program: Program): void {
    const memory = this.#memory;
    const ram = memory.ram();
    ram.fill(0);
    ram.set(program.fill, Arena.START);
    ram.set(program.code, Arena.CODE);
    memory.write(DIRECTORY, 4, TABLE | 7);
    for (let page = 0; page < SIZE; page += 4096) {
      const present = page === Arena.ABSENT ? 0 : 1;
      memory.write(TABLE + (page >>> 12) * 4, 4, page | 4 | present | (page === Arena.READ_ONLY ? 0 : 2));
    }
    for (const [index, descriptor] of DESCRIPTORS.entries()) this.#descriptor(index, descriptor);
    const { state } = this.#processor;
    state.bytes.fill(0, State.GPR, SystemBase.VIRTUAL);
    new FpuState(state.words).reset();
    state.setSys(System.CR0, program.mode === 'real' ? 0x10 : 0x80010011);
    state.setSys(System.CR3, DIRECTORY);
    state.setSys(System.CR4, 0x200);
    state.setSys(System.GDTR_BASE, GDT);
    state.setSys(System.GDTR_LIMIT, DESCRIPTORS.length * 8 + 7);
    state.setSegment(SystemSegment.LDTR, 0, 0, 0, 0);
    state.setSegment(SystemSegment.TR, 0, 0, 0, 0x8b00);
    for (const [index, value] of program.registers.entries()) state.setGpr(index, value);
    state.eflags = program.eflags;
    this.#loadSegments(program.mode);
    this.#control.starts = program.starts.map((start) => state.eip + start);
  }
  #segment(segment: number, index: number): void {
    const [base, limit, attributes] = DESCRIPTORS[index]!;
    const bytes = attributes & 0x800000 ? 0xffffffff : limit;
    this.#processor.state.setSegment(segment, selector(index), base, bytes, attributes);
  }
  #loadSegments(mode: DuelMode): void {
    const { state } = this.#processor;
    state.cpl = mode === 'real' || mode === 'kernel' ? 0 : 3;
    const v86 = mode === 'virtual-8086';
    if (mode === 'real' || v86) {
      if (v86) state.setSys(System.FLAGS, state.sys(System.FLAGS) | Flag.VM | Flag.IOPL);
      for (let s = 0; s < 6; s++)
        state.setSegment(s, Arena.START >> 4, Arena.START, 0xffff, v86 ? 0xf300 : 0x9300);
      state.eip = Arena.CODE - Arena.START;
      return;
    }
    const wide = mode !== '16-bit';
    this.#segment(Seg.CS, wide ? 0 : 2);
    for (const s of [Seg.ES, Seg.SS, Seg.DS, Seg.FS, Seg.GS]) this.#segment(s, wide ? 1 : 3);
    if (mode === 'segmented') {
      this.#segment(Seg.ES, 3);
      this.#segment(Seg.FS, 4);
      this.#segment(Seg.GS, 5);
      this.#segment(Seg.DS, 3);
    }
    state.eip = wide ? Arena.CODE : Arena.CODE - Arena.START;
  }

  /**
   * Runs a program for at most so many instructions. @param stride instructions granted at a time
   */
  run(program: Program, instructions: number, stride: number): Remains {
    const processor = this.#processor;
    this.#control.events.length = 0;
    this.#control.ended = false;
    this.#start = processor.retired;
    processor.cache.flush();
    processor.mmu.tlb.flush(true);
    this.#load(program);
    this.#control.setA20(true);
    this.#control.modeChanged();
    let left = instructions;
    while (left > 0 && !this.#control.ended) left -= processor.run(Math.min(stride, left));
    return this.#left(instructions - left);
  }
  #left(executed: number): Remains {
    const { state } = this.#processor;
    const left: Record<string, string> = { executed: `${executed}`, events: this.#control.events.join('\n') };
    const hex = (value: number) => (value >>> 0).toString(16);
    for (const [i, name] of gprNames.entries()) left[name] = hex(state.gpr(i));
    left.eip = hex(state.eip);
    left.eflags = hex(state.eflags);
    const dump = (from: number, to: number) => Buffer.from(state.bytes.subarray(from, to)).toString('hex');
    left.fpu = dump(State.FPU, SystemBase.PHYSICAL);
    left.system = dump(SystemBase.PHYSICAL, SystemBase.VIRTUAL);
    return { state: left, executed, ram: Buffer.from(this.#memory.ram()) };
  }
}

/** Everything a run left. */
export interface Remains {
  readonly executed: number;
  readonly state: Readonly<Record<string, string>>;
  readonly ram: Buffer;
}

/** The first difference between what two runs left, or undefined. */
export const difference = (a: Remains, b: Remains): string | undefined => {
  for (const [name, x] of Object.entries(a.state)) {
    const y = b.state[name]!;
    if (x === y) continue;
    const at = [...x].findIndex((character, i) => character !== y[i]);
    const from = x.length > 40 ? at - (at % 8) : 0;
    return `${name} (from ${from}): ${x.slice(from, from + 40)} instead of ${y.slice(from, from + 40)}`;
  }
  if (a.ram.equals(b.ram)) return undefined;
  const at = a.ram.findIndex((byte, i) => byte !== b.ram[i]);
  return `byte at ${at.toString(16)}: ${a.ram[at]} instead of ${b.ram[at]}`;
};
