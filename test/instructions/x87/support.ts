/** A processor with flat memory, just enough of one to run x87 instructions on. */
import type { Cpu, Operands } from '../../../src/instructions/cpu.ts';
import { x87, x87Handler, x87Opcode } from '../../../src/instructions/x87/x87.ts';
import { Feature } from '../../../src/x86/cpu-models.ts';
import { Fault, Vector } from '../../../src/x86/exceptions.ts';
import { Fpu, FpuState } from '../../../src/x86/fpu.ts';
import { CR0 } from '../../../src/x86/registers.ts';
import { CpuState, System, SystemBase } from '../../../src/x86/state.ts';

export const MEMORY_BASE = 0x100000;
const MEMORY_SIZE = 0x40000;
const FILL = 0xf4;

const fromHex = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (x) => parseInt(x, 16));
const toHex = (value: number, digits: number): string => (value >>> 0).toString(16).padStart(digits, '0');

export class FlatMachine {
  readonly state = new CpuState(new ArrayBuffer(0x1000), SystemBase.PHYSICAL);
  readonly fpu = new FpuState(this.state.words);
  readonly memory = new Uint8Array(MEMORY_SIZE).fill(FILL);
  /** Addresses written, and what was there. */
  readonly written = new Map<number, number>();
  /** Addresses from here on are not present. */
  limit = MEMORY_BASE + MEMORY_SIZE;
  instructionEip = 0;
  errorsSignalled = 0;
  /** The pin IGNNE#, looked at with CR0.NE clear. */
  ignoreErrors = false;
  halts = 0;
  floatingPointError(rising: boolean): boolean {
    if (rising) this.errorsSignalled++;
    return this.ignoreErrors;
  }
  halt(): void {
    this.halts++;
  }
  readonly model = { features: [1 << Feature.SSE, 0, 0] };

  constructor() {
    this.state.setSys(System.CR0, CR0.PE | CR0.MP | CR0.ET | CR0.NE);
    this.fpu.reset();
  }

  /** The first byte that was not present of the access that faulted last. */
  faultAddress = 0;

  private check(address: number, size: number): void {
    if (address + size <= this.limit) return;
    this.faultAddress = Math.max(address, this.limit);
    throw new Fault(Vector.PF);
  }
  index(address: number): number {
    if (address < MEMORY_BASE || address >= this.limit) throw new Fault(Vector.PF);
    return address - MEMORY_BASE;
  }
  read(_segment: number, offset: number, size: number): number {
    this.check(offset, size);
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.memory[this.index(offset + i)];
    return value;
  }
  write(_segment: number, offset: number, size: number, value: number): void {
    this.probeWrite(_segment, offset, size);
    for (let i = 0; i < size; i++) {
      const at = this.index(offset + i);
      if (!this.written.has(offset + i)) this.written.set(offset + i, this.memory[at]);
      this.memory[at] = Math.floor(value / 256 ** i);
    }
  }
  probeWrite(_segment: number, offset: number, size: number): void {
    this.check(offset, size);
    this.index(offset);
    this.index(offset + size - 1);
  }

  requireAligned(): void {}

  put(address: number, bytes: Uint8Array | readonly number[]): void {
    this.memory.set(bytes, address - MEMORY_BASE);
  }

  /** Runs a handler. @param operands what differs from a register form with ST(0), FOP 0 */
  run(name: string, operands: Partial<Operands> = {}): void {
    const all = {
      size: 4,
      addressSize: 4,
      memory: false,
      segment: 3,
      offset: 0,
      rm: 0,
      reg: 0,
      immediate: 0,
      immediate2: 0,
      rep: 0,
      ...operands,
    } as Operands;
    x87[name].run(this as unknown as Cpu, all);
  }

  /** The vector of the fault that a handler ends with, or null. */
  faultOf(name: string, operands: Partial<Operands> = {}): number | null {
    try {
      this.run(name, operands);
      return null;
    } catch (error) {
      if (error instanceof Fault) return error.vector;
      throw error;
    }
  }

  /** Decodes and runs the instruction at EIP: ESC opcodes with 32-bit addressing, and FWAIT. */
  step(): void {
    const start = this.state.eip;
    this.instructionEip = start;
    const opcode = this.read(1, start, 1);
    if (opcode === 0x9b) {
      this.run('fwait');
      this.state.eip = start + 1;
      return;
    }
    const modrm = this.read(1, start + 1, 1);
    const { offset, length } = this.effectiveAddress(start + 1);
    const name = x87Handler(opcode, modrm);
    if (name === null) throw new Fault(Vector.UD);
    const memory = modrm < 0xc0;
    this.run(name, { memory, offset, rm: modrm & 7, immediate: x87Opcode(opcode, modrm) });
    this.state.eip = start + 1 + length;
  }

  /** The ModRM memory operand at an address, and the bytes it takes (SDM vol. 2, tables 2-2 and 2-3). */
  private effectiveAddress(at: number): { offset: number; length: number } {
    const modrm = this.read(1, at, 1);
    const mod = modrm >> 6;
    if (mod === 3) return { offset: 0, length: 1 };
    let length = 1;
    let base: number = modrm & 7;
    let offset = 0;
    if (base === 4) {
      const sib = this.read(1, at + length++, 1);
      base = sib & 7;
      const index = (sib >> 3) & 7;
      if (index !== 4) offset = this.state.gpr(index) << (sib >> 6);
    }
    if (base === 5 && mod === 0) {
      offset += this.read(1, at + length, 4);
      length += 4;
    } else {
      offset += this.state.gpr(base);
    }
    if (mod === 1) offset += (this.read(1, at + length++, 1) << 24) >> 24;
    if (mod === 2) {
      offset += this.read(1, at + length, 4);
      length += 4;
    }
    return { offset: offset >>> 0, length };
  }

  /** Ten bytes of ST(index), least significant first. */
  register(index: number): string {
    const at = this.fpu.registerWord(index) * 4;
    return Array.from(this.state.bytes.subarray(at, at + 10), (byte) => toHex(byte, 2)).join('');
  }
  setRegister(index: number, hex: string): void {
    const at = this.fpu.registerWord(index);
    this.fpu.words.fill(0, at, at + 4);
    this.state.bytes.set(fromHex(hex), at * 4);
    this.fpu.occupy(index);
  }

  /** control:status:abridged tag:ST(0):...:ST(7), as the vectors write it. */
  get image(): string {
    const head = [toHex(this.fpu.control, 4), toHex(this.fpu.status, 4), toHex(this.fpu.occupied, 2)];
    return [...head, ...Array.from({ length: 8 }, (_, i) => this.register(i))].join(':');
  }
  set image(text: string) {
    const [control, status, occupied, ...registers] = text.split(':');
    this.fpu.words[Fpu.STATUS >> 2] = parseInt(status, 16);
    registers.forEach((register, i) => {
      this.setRegister(i, register);
    });
    this.fpu.occupied = parseInt(occupied, 16);
    this.fpu.control = parseInt(control, 16);
  }
}

/** The tokens `key=value` of a vector. */
export const tokens = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .trim()
      .split(/\s+/)
      .map((token) => {
        const at = token.indexOf('=');
        return [token.slice(0, at), token.slice(at + 1)];
      }),
  );

const GPR = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
const STATUS = 0x8d5;

/** What a vector's snippet leaves behind. */
export interface Outcome {
  readonly vector: number;
  readonly eip: number;
  readonly statusFlags: number;
  readonly eax: number;
  readonly fpu: string;
  /** Bytes that changed, by address. */
  readonly memory: ReadonlyMap<number, number>;
}

/** Runs a vector's snippet up to its first fault or HLT. */
export const runVector = (machine: FlatMachine, request: Record<string, string>): Outcome => {
  machine.memory.fill(FILL);
  const at = parseInt(request.at ?? '110000', 16);
  machine.put(at, fromHex(request.code));
  for (const piece of request.mem?.split(',') ?? []) {
    const [address, bytes] = piece.split(':');
    machine.put(parseInt(address, 16), fromHex(bytes));
  }
  machine.written.clear();
  GPR.forEach((name, i) => {
    machine.state.setGpr(i, parseInt(request[name] ?? '0', 16));
  });
  machine.state.eflags = parseInt(request.efl ?? '202', 16);
  machine.image = request.fpu;
  machine.fpu.words.fill(0, Fpu.FOP >> 2, (Fpu.FDS >> 2) + 1);
  machine.state.eip = at;
  let vector: number = Vector.GP;
  try {
    while (machine.read(1, machine.state.eip, 1) !== 0xf4) machine.step();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    vector = error.vector;
    machine.state.eip = machine.instructionEip;
  }
  const memory = new Map<number, number>();
  for (const [address, before] of machine.written) {
    const now = machine.memory[address - MEMORY_BASE];
    if (now !== before) memory.set(address, now);
  }
  return {
    vector,
    eip: machine.state.eip,
    statusFlags: machine.state.statusFlags() & STATUS,
    eax: machine.state.gpr(0) >>> 0,
    fpu: machine.image,
    memory,
  };
};

/** The same of a recorded answer. @param request the vector's state before */
export const recorded = (request: Record<string, string>, answer: Record<string, string>): Outcome => {
  const memory = new Map<number, number>();
  const before = new Map<number, number>();
  const each = (list: string | undefined, visit: (address: number, byte: number) => void): void => {
    for (const piece of list?.split(',') ?? []) {
      const [address, bytes] = piece.split(':');
      fromHex(bytes).forEach((byte, i) => {
        visit(parseInt(address, 16) + i, byte);
      });
    }
  };
  each(request.mem, (address, byte) => before.set(address, byte));
  each(answer.mem, (address, byte) => {
    if ((before.get(address) ?? FILL) !== byte) memory.set(address, byte);
  });
  return {
    vector: parseInt(answer.vec, 16),
    eip: parseInt(answer.eip, 16),
    statusFlags: parseInt(answer.efl, 16) & STATUS,
    eax: parseInt(answer.eax ?? request.eax ?? '0', 16),
    fpu: expand(request.fpu, answer.fpu ?? request.fpu),
    memory,
  };
};

const topOf = (image: readonly string[]): number => (parseInt(image[1], 16) >> 11) & 7;

/** Replaces "=", the contents that the same physical register had before. */
const expand = (before: string, after: string): string => {
  const from = before.split(':');
  const to = after.split(':');
  const rotation = topOf(to) - topOf(from);
  return to.map((part, i) => (part === '=' ? from[3 + ((i - 3 + rotation) & 7)] : part)).join(':');
};
