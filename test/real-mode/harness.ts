/** A bare machine in real mode that runs one case at a time and tells what it left differently. */
import type { Decoder } from '../../src/decoder/instruction.ts';
import { BareControl } from '../../src/interpreter/bare-control.ts';
import { createCoreEngine } from '../../src/interpreter/core-engine.ts';
import { Processor } from '../../src/interpreter/processor.ts';
import { createReferenceEngine } from '../../src/interpreter/reference-engine.ts';
import { RAM_BASE } from '../../src/memory/layout.ts';
import { PhysicalMemory } from '../../src/memory/physical.ts';
import { cpuModels } from '../../src/x86/cpu-models.ts';
import { Gpr, Seg } from '../../src/x86/registers.ts';
import { System } from '../../src/x86/state.ts';
import type { Case, Snapshot } from './case.ts';

/** All that segments can reach, FFFF:FFFF included. */
const SIZE = 0x110000;
const GENERAL = {
  ax: Gpr.EAX,
  cx: Gpr.ECX,
  dx: Gpr.EDX,
  bx: Gpr.EBX,
  sp: Gpr.ESP,
  bp: Gpr.EBP,
  si: Gpr.ESI,
  di: Gpr.EDI,
} as const;
const SEGMENTS = { es: Seg.ES, cs: Seg.CS, ss: Seg.SS, ds: Seg.DS } as const;
/** Present, writable, accessed data, as segments are after reset. */
const REAL_SEGMENT = 0x9300;
const MOST_INSTRUCTIONS = 5_000;
/** OF DF IF TF SF ZF AF PF CF: what both processors have in real mode. */
export const COMPARED_FLAGS = 0x0fd5;

/** RAM everywhere: the recording machine had no video memory and no ROM. */
class PlainMemory extends PhysicalMemory {
  override hostAddress(physical: number): number {
    return physical < this.size ? RAM_BASE + physical : -1;
  }
  override isWritable(): boolean {
    return true;
  }
}

/** Notes the first exception before it is delivered. */
class NotingControl extends BareControl {
  /** Vector, or -1. */
  raised = -1;
  override onFault(vector: number, error: number): void {
    if (this.raised < 0) this.raised = vector;
    super.onFault(vector, error);
  }
}

export interface Result {
  /** Vector of the first exception, or -1. */
  readonly raised: number;
  /** What is not as recorded, each as `name: got instead of wanted`. */
  readonly differences: readonly string[];
}

export class RealModeHarness {
  readonly #memory = new PlainMemory(SIZE, 0, 1 << 20);
  readonly #ram = Buffer.from(this.#memory.memory.buffer, RAM_BASE, SIZE);
  readonly #processor: Processor;
  readonly #control: NotingControl;
  #halted = false;

  constructor(engine: 'core' | 'reference', decoder: Decoder) {
    this.#processor = new Processor({
      memory: this.#memory,
      decoder,
      maximumBlockLength: 8,
      createEngine: engine === 'core' ? createCoreEngine : createReferenceEngine,
      notBuilt: () => {},
    });
    const stop = () => {
      this.#halted = true;
      this.#processor.stop();
    };
    this.#control = new NotingControl(this.#processor, {
      model: cpuModels.pentium4,
      in: (_port, size) => 2 ** (8 * size) - 1,
      out: () => {},
      ticks: () => 0,
      halt: stop,
      shutdown: stop,
      warn: () => {},
      floatingPointError: () => true,
    });
    this.#processor.control = this.#control;
    this.#control.setA20(true);
  }

  #load({ registers, memory }: Snapshot): void {
    const { state } = this.#processor;
    for (const [address, bytes] of memory) this.#ram.set(bytes, address);
    const value = (name: string): number => registers.get(name) ?? 0;
    for (const [name, index] of Object.entries(GENERAL)) state.setGpr(index, value(name));
    for (const [name, index] of Object.entries(SEGMENTS))
      state.setSegment(index, value(name), value(name) << 4, 0xffff, REAL_SEGMENT);
    state.cpl = 0;
    state.setSys(System.CR0, 0x10);
    state.setSys(System.IDTR_BASE, 0);
    state.setSys(System.IDTR_LIMIT, 0x3ff);
    state.eip = value('ip');
    state.eflags = (value('fl') & COMPARED_FLAGS) | 2;
  }

  /** @param ignoredFlags EFLAGS bits that are not compared, also where an exception pushed them */
  run(one: Case, ignoredFlags: number): Result {
    const processor = this.#processor;
    processor.cache.flush();
    processor.mmu.tlb.flush(true);
    this.#load(one.initial);
    this.#control.modeChanged();
    this.#control.raised = -1;
    this.#halted = false;
    let left = MOST_INSTRUCTIONS;
    while (left > 0 && !this.#halted) left -= processor.run(left);
    const differences = this.#halted
      ? [...this.#registers(one, ignoredFlags), ...this.#memoryOf(one, ignoredFlags)]
      : ['does not end'];
    if (differences.length > 0) this.#ram.fill(0);
    else
      for (const [address, bytes] of [...one.initial.memory, ...one.final.memory])
        this.#ram.fill(0, address, address + bytes.length);
    return { raised: this.#control.raised, differences };
  }
  /** Whether no case so far has written anywhere but where it was expected to; ends such traces. */
  wroteNothingElse(): boolean {
    const clean = this.#ram.equals(Buffer.alloc(SIZE));
    this.#ram.fill(0);
    return clean;
  }

  #registers({ initial, final }: Case, ignoredFlags: number): string[] {
    const { state } = this.#processor;
    const found: string[] = [];
    const check = (name: string, got: number, mask = 0xffff): void => {
      const wanted = (final.registers.get(name) ?? initial.registers.get(name) ?? 0) & mask;
      if ((got & mask) !== wanted)
        found.push(`${name}: ${(got & mask).toString(16)} instead of ${wanted.toString(16)}`);
    };
    for (const [name, index] of Object.entries(GENERAL)) check(name, state.gpr(index));
    for (const [name, index] of Object.entries(SEGMENTS)) check(name, state.selector(index));
    // Behind a HLT at FFFFh the recorded IP has wrapped.
    check('ip', state.eip);
    check('fl', state.eflags, COMPARED_FLAGS & ~ignoredFlags);
    return found;
  }
  #memoryOf({ initial, final }: Case, ignoredFlags: number): string[] {
    const wanted = new Map<number, number>();
    for (const [address, bytes] of [...initial.memory, ...final.memory])
      for (const [i, byte] of bytes.entries()) wanted.set(address + i, byte);
    const flagsAt = this.#control.raised < 0 ? -1 : this.#pushedFlags();
    const found: string[] = [];
    for (const [address, byte] of wanted) {
      const ignored = (ignoredFlags >> (8 * (address - flagsAt))) & 0xff;
      const mask = address === flagsAt || address === flagsAt + 1 ? ~ignored : -1;
      const got = this.#ram[address]!;
      if ((got & mask) !== (byte & mask))
        found.push(`${address.toString(16)}: ${got.toString(16)} instead of ${byte.toString(16)}`);
    }
    return found;
  }
  /** Physical address of the FLAGS that an exception has pushed above CS and IP. */
  #pushedFlags(): number {
    const { state } = this.#processor;
    return (state.selector(Seg.SS) << 4) + ((state.gpr(Gpr.ESP) + 4) & 0xffff);
  }
}
