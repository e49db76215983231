/**
 * The machine a vector runs on: CPL 3, paging on, an arena of 64 pages mapped twice, an LDT, and gates for
 * all vectors. The first event ends the snippet; what the processor pushed is part of the answer.
 */
import { createDecoder } from '../../src/decoder/decoder.ts';
import type { Decoder } from '../../src/decoder/instruction.ts';
import { BareControl } from '../../src/interpreter/bare-control.ts';
import { createCoreEngine } from '../../src/interpreter/core-engine.ts';
import { Processor } from '../../src/interpreter/processor.ts';
import { createReferenceEngine } from '../../src/interpreter/reference-engine.ts';
import { RAM_BASE } from '../../src/memory/layout.ts';
import { PhysicalMemory } from '../../src/memory/physical.ts';
import { type CpuModelName, cpuModels } from '../../src/x86/cpu-models.ts';
import { hasErrorCode } from '../../src/x86/exceptions.ts';
import { Fpu } from '../../src/x86/fpu.ts';
import { CR4, EFER, Seg, SystemSegment } from '../../src/x86/registers.ts';
import { System } from '../../src/x86/state.ts';
import { fpuImage, loadFpu, loadXmm, xmmImage } from './fpu-image.ts';
import { type Tokens, type Vector, bytesOf, hex, lists } from './vector.ts';

export type EngineName = 'core' | 'reference';

const ARENA = { physical: 0x100000, size: 0x40000, alias: 0x40000 } as const;
/** PAE paging with execute-disable on, as the recording host has it: a fetch that faults says so. */
const POINTERS = 0x200000;
const DIRECTORY = 0x201000;
const HIGH_DIRECTORY = 0x202000;
const LOW_TABLE = 0x203000;
const HIGH_TABLE = 0x204000;
const ENTRY_SIZE = 8;
/** Supervisor memory of the harness: descriptor tables, TSS, stack. */
const KERNEL = { linear: 0xc0000000, physical: 0x300000, pages: 16 } as const;
const GDT = 0x0000;
const LDT = 0x1000;
const IDT = 0x2000;
const TSS = 0x3000;
const STACK_TOP = 0x6000;
/** Where gates lead: never mapped, the run ends on arrival. */
const HANDLERS = 0xd0000000;

const KERNEL_CODE = 0x08;
const KERNEL_DATA = 0x10;
const TSS_SELECTOR = 0x18;
const LDT_SELECTOR = 0x20;
const FLAT_CODE = 0x1e7;
const FLAT_DATA = 0x1ef;
const REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
const SEGMENTS = [
  ['es', Seg.ES], ['cs', Seg.CS], ['ss', Seg.SS], ['ds', Seg.DS], ['fs', Seg.FS], ['gs', Seg.GS],
] as const;
const BUDGET = 100_000;
const MAXIMUM_INSTRUCTIONS = 20_000_000;

class HarnessControl extends BareControl {
  readonly #harness: Processor;
  constructor(processor: Processor, platform: ConstructorParameters<typeof BareControl>[1]) {
    super(processor, platform);
    this.#harness = processor;
  }
  override modeChanged(): void {
    super.modeChanged();
    if (this.#harness.state.cpl === 0) this.#harness.stop();
  }
}

export interface Outcome {
  readonly vector: number;
  readonly error: number;
  readonly cr2: number;
  readonly registers: Readonly<Record<string, number>>;
  /** Changed arena bytes by linear address. */
  readonly memory: ReadonlyMap<number, number>;
  readonly fpu: string;
  readonly xmm: string;
  readonly mxcsr: number;
  /** What an arena byte held before the run. */
  initial(linear: number): number;
}

export class Harness {
  readonly #memory = new PhysicalMemory(4 << 20, 0, 4 << 20);
  readonly #processor: Processor;
  readonly #control: HarnessControl;
  readonly #before = new Uint8Array(ARENA.size);

  static async create(engine: EngineName, decoder?: Decoder, model: CpuModelName = 'pentium4'): Promise<Harness> {
    return new Harness(engine, decoder ?? (await createDecoder()), model);
  }
  private constructor(engine: EngineName, decoder: Decoder, model: CpuModelName) {
    this.#processor = new Processor({
      memory: this.#memory,
      decoder,
      maximumBlockLength: 32,
      createEngine: engine === 'core' ? createCoreEngine : createReferenceEngine,
      notBuilt: () => {},
    });
    this.#control = new HarnessControl(this.#processor, {
      model: cpuModels[model],
      in: () => 0xffffffff,
      out: () => {},
      ticks: () => this.#processor.retired,
      halt: () => this.#processor.stop(),
      shutdown: (reason) => {
        throw new Error(`the harness shut down: ${reason}`);
      },
      warn: () => {},
      floatingPointError: () => true,
    });
    this.#processor.control = this.#control;
    this.#buildTables();
  }

  #write(physical: number, value: number): void {
    this.#memory.write(physical, 4, value);
  }
  #descriptor(physical: number, base: number, limit: number, high: number): void {
    this.#write(physical, ((base & 0xffff) << 16) | (limit & 0xffff));
    this.#write(physical + 4, (base & 0xff000000) | ((base >>> 16) & 0xff) | (limit & 0xf0000) | high);
  }
  #buildTables(): void {
    this.#write(DIRECTORY, LOW_TABLE | 7);
    this.#write(HIGH_DIRECTORY, HIGH_TABLE | 3);
    for (let i = 0; i < KERNEL.pages; i++)
      this.#write(HIGH_TABLE + i * ENTRY_SIZE, (KERNEL.physical + i * 4096) | 3);
    const at = KERNEL.physical;
    this.#descriptor(at + GDT + KERNEL_CODE, 0, 0xfffff, 0x00c09b00);
    this.#descriptor(at + GDT + KERNEL_DATA, 0, 0xfffff, 0x00c09300);
    this.#descriptor(at + GDT + TSS_SELECTOR, KERNEL.linear + TSS, 0x67, 0x00008b00);
    this.#descriptor(at + GDT + LDT_SELECTOR, KERNEL.linear + LDT, 0xfff, 0x00008200);
    this.#write(at + TSS + 4, KERNEL.linear + STACK_TOP);
    this.#write(at + TSS + 8, KERNEL_DATA);
    // An I/O bitmap base beyond the limit: no port is allowed.
    this.#write(at + TSS + 0x64, 0xffff0000);
    for (let v = 0; v < 256; v++) {
      const target = HANDLERS + v * 16;
      const dpl = v === 3 || v === 4 || v === 0x80 ? 3 : 0;
      this.#write(at + IDT + v * 8, (KERNEL_CODE << 16) | (target & 0xffff));
      this.#write(at + IDT + v * 8 + 4, (target & 0xffff0000) | 0x8e00 | (dpl << 13));
    }
  }
  #mapArena(request: Tokens): void {
    for (let page = 0; page < ARENA.size / 4096; page++) {
      const entry = (ARENA.physical + page * 4096) | 7;
      this.#write(LOW_TABLE + (ARENA.physical / 4096 + page) * ENTRY_SIZE, entry);
      this.#write(LOW_TABLE + ((ARENA.physical + ARENA.alias) / 4096 + page) * ENTRY_SIZE, entry);
    }
    for (const [linear, kind] of lists(request.get('prot'))) {
      const at = LOW_TABLE + (Number.parseInt(linear!, 16) >>> 12) * ENTRY_SIZE;
      const entry = this.#memory.read(at, 4);
      this.#write(at, kind === 'n' ? entry & ~1 : kind === 'r' ? entry & ~2 : entry);
    }
  }
  #fillArena(request: Tokens): void {
    const ram = this.#memory.bytes.subarray(RAM_BASE + ARENA.physical, RAM_BASE + ARENA.physical + ARENA.size);
    ram.fill(hex(request, 'fill', 0xf4));
    const put = (linear: number, bytes: Uint8Array) => {
      for (const [i, byte] of bytes.entries()) {
        const offset = linear + i - ARENA.physical;
        if (offset >= 0 && offset < ARENA.size) ram[offset] = byte;
      }
    };
    put(hex(request, 'at', 0x110000), bytesOf(request.get('code') ?? ''));
    for (const [linear, bytes] of lists(request.get('mem'))) put(Number.parseInt(linear!, 16), bytesOf(bytes!));
    this.#before.set(ram);
  }
  #loadTables(request: Tokens): void {
    const at = KERNEL.physical + LDT;
    for (let i = 0; i < 512; i++) {
      this.#write(at + i * 8, 0);
      this.#write(at + i * 8 + 4, 0);
    }
    this.#descriptor(at + 60 * 8, 0, 0xfffff, 0x00c0fb00);
    this.#descriptor(at + 61 * 8, 0, 0xfffff, 0x00c0f300);
    for (const [n, base, limit, attributes] of lists(request.get('ldt'))) {
      const a = Number.parseInt(attributes!, 16);
      const contents = a & 3;
      // As the kernel's modify_ldt makes them: present entries have the accessed bit set.
      let high = 0x7100 | (contents << 10);
      if (!(a & 4)) high |= 1 << 9;
      if (a & 8) high |= 1 << 22;
      if (a & 16) high |= 1 << 23;
      if (!(a & 32)) high |= 1 << 15;
      if (a & 64) high |= 1 << 20;
      this.#descriptor(at + Number.parseInt(n!, 16) * 8, Number.parseInt(base!, 16), Number.parseInt(limit!, 16), high);
    }
  }
  #loadRegisters(request: Tokens): void {
    const { state } = this.#processor;
    for (const [i, name] of REGISTERS.entries()) state.setGpr(i, hex(request, name, name === 'esp' ? 0x120000 : 0));
    state.setSys(System.CR0, hex(request, 'cr0', 0x80050033));
    state.setSys(System.CR2, 0);
    state.setSys(System.CR3, POINTERS);
    state.setSys(System.CR4, hex(request, 'cr4', 0x600) | CR4.PAE);
    state.setSys(System.EFER, EFER.NXE);
    state.setSys(System.PDPTES, DIRECTORY | 1);
    state.setSys(System.PDPTES + (KERNEL.linear >>> 30) * ENTRY_SIZE, HIGH_DIRECTORY | 1);
    state.setSys(System.GDTR_BASE, KERNEL.linear + GDT);
    state.setSys(System.GDTR_LIMIT, 0x27);
    state.setSys(System.IDTR_BASE, KERNEL.linear + IDT);
    state.setSys(System.IDTR_LIMIT, 0x7ff);
    state.setSegment(SystemSegment.TR, TSS_SELECTOR, KERNEL.linear + TSS, 0x67, 0x8b00);
    state.setSegment(SystemSegment.LDTR, LDT_SELECTOR, KERNEL.linear + LDT, 0xfff, 0x8200);
    state.cpl = 3;
    for (const [name, segment] of SEGMENTS)
      this.#loadSegment(segment, hex(request, name, segment === Seg.CS ? FLAT_CODE : FLAT_DATA));
    const taken = 0x254dd5;
    state.eflags = (hex(request, 'efl', 0x202) & taken) | 0x202;
    state.eip = hex(request, 'eip', hex(request, 'at', 0x110000));
    this.#loadFpu(request);
  }
  #loadSegment(segment: number, selector: number): void {
    const { state } = this.#processor;
    if ((selector & 0xfffc) === 0) {
      state.setSegment(segment, selector, 0, 0, 0);
      return;
    }
    const at = KERNEL.physical + (selector & 4 ? LDT : GDT) + (selector & 0xfff8);
    const low = this.#memory.read(at, 4);
    const high = this.#memory.read(at + 4, 4);
    const raw = (low & 0xffff) | (high & 0xf0000);
    const base = (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000);
    state.setSegment(segment, selector, base, high & (1 << 23) ? (raw << 12) | 0xfff : raw, high & 0x00f0ff00);
  }
  #loadFpu(request: Tokens): void {
    const image = request.get('fpu');
    loadFpu(this.#processor.state, image ?? '37f:0:0');
    loadXmm(this.#processor.state, request.get('xmm'));
    this.#processor.state.words[Fpu.MXCSR >> 2] = hex(request, 'mxcsr', 0x1f80);
  }

  /** Runs one vector's request. */
  run(vector: Vector): Outcome {
    const { request } = vector;
    const processor = this.#processor;
    const { state } = processor;
    this.#mapArena(request);
    this.#fillArena(request);
    this.#loadTables(request);
    processor.cache.flush();
    processor.mmu.tlb.flush(true);
    this.#loadRegisters(request);
    this.#control.modeChanged();
    for (let done = 0; done < MAXIMUM_INSTRUCTIONS && state.cpl === 3; ) done += processor.run(BUDGET);
    return this.#outcome();
  }
  #outcome(): Outcome {
    const { state } = this.#processor;
    const vector = (state.eip - HANDLERS) >> 4;
    let at = KERNEL.physical + STACK_TOP - 20;
    const frame = Array.from({ length: 5 }, (_, i) => this.#memory.read(at + i * 4, 4));
    at -= 4;
    const registers: Record<string, number> = {};
    for (const [i, name] of REGISTERS.entries()) registers[name] = state.gpr(i) >>> 0;
    for (const [name, segment] of SEGMENTS) registers[name] = state.selector(segment);
    [registers.eip, registers.cs, registers.efl, registers.esp, registers.ss] = frame as [number, number, number, number, number];
    registers.cs! &= 0xffff;
    registers.ss! &= 0xffff;
    const memory = new Map<number, number>();
    const ram = this.#memory.bytes.subarray(RAM_BASE + ARENA.physical, RAM_BASE + ARENA.physical + ARENA.size);
    for (let i = 0; i < ARENA.size; i++) if (ram[i] !== this.#before[i]) memory.set(ARENA.physical + i, ram[i]!);
    return {
      vector,
      error: hasErrorCode(vector) ? this.#memory.read(at, 4) : 0,
      cr2: vector === 14 ? state.sys(System.CR2) >>> 0 : 0,
      registers,
      memory,
      fpu: fpuImage(state),
      xmm: xmmImage(state),
      mxcsr: state.words[Fpu.MXCSR >> 2]!,
      initial: (linear) => this.#before[linear - ARENA.physical]!,
    };
  }
}
