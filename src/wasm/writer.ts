/**
 * A streaming writer for WebAssembly binaries (core specification 2.0, chapter 5). It knows nothing of x86:
 * bytes, sections, functions.
 */

import { SIMD_PREFIX } from './simd.ts';

export const ValType = { i32: 0x7f, i64: 0x7e, f64: 0x7c, v128: 0x7b } as const;
export type ValType = (typeof ValType)[keyof typeof ValType];

/** Result type of a block without a value. */
export const EMPTY_BLOCK = 0x40;

/** Instruction opcodes (section 5.4), those that code generation here needs. */
export const Op = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  i64Load: 0x29,
  i32Load8S: 0x2c,
  i32Load8U: 0x2d,
  i32Load16S: 0x2e,
  i32Load16U: 0x2f,
  i32Store: 0x36,
  i64Store: 0x37,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GtS: 0x4a,
  i32GtU: 0x4b,
  i32LeS: 0x4c,
  i32LeU: 0x4d,
  i32GeS: 0x4e,
  i32GeU: 0x4f,
  i64Eqz: 0x50,
  i64Eq: 0x51,
  i64Ne: 0x52,
  i64LtS: 0x53,
  i64LtU: 0x54,
  i32Clz: 0x67,
  i32Ctz: 0x68,
  i32Popcnt: 0x69,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32DivS: 0x6d,
  i32DivU: 0x6e,
  i32RemS: 0x6f,
  i32RemU: 0x70,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrS: 0x75,
  i32ShrU: 0x76,
  i32Rotl: 0x77,
  i32Rotr: 0x78,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64DivS: 0x7f,
  i64DivU: 0x80,
  i64RemS: 0x81,
  i64RemU: 0x82,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64Shl: 0x86,
  i64ShrS: 0x87,
  i64ShrU: 0x88,
  i32WrapI64: 0xa7,
  i64ExtendI32S: 0xac,
  i64ExtendI32U: 0xad,
  i32Extend8S: 0xc0,
  i32Extend16S: 0xc1,
} as const;

/** A growing byte buffer with the encodings of the binary format. */
export class ByteWriter {
  #bytes: Uint8Array;
  length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(this.length + 1);
    this.#bytes[this.length++] = value;
  }
  append(other: Uint8Array): void {
    if (this.length + other.length > this.#bytes.length) this.#grow(this.length + other.length);
    this.#bytes.set(other, this.length);
    this.length += other.length;
  }
  /** Unsigned LEB128 (section 5.2.2). */
  unsigned(value: number): void {
    let v = value >>> 0;
    while (v > 0x7f) {
      this.byte((v & 0x7f) | 0x80);
      v >>>= 7;
    }
    this.byte(v);
  }
  /** Signed LEB128 of a 32-bit number. */
  signed(value: number): void {
    let v = value | 0;
    for (;;) {
      const low = v & 0x7f;
      v >>= 7;
      if ((v === 0 && !(low & 0x40)) || (v === -1 && low & 0x40)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }
  /** Signed LEB128 of a 64-bit number. */
  signedWide(value: bigint): void {
    let v = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(v & 0x7fn);
      v >>= 7n;
      if ((v === 0n && !(low & 0x40)) || (v === -1n && low & 0x40)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }
  name(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.unsigned(bytes.length);
    this.append(bytes);
  }
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
  #grow(least: number): void {
    const next = new Uint8Array(Math.max(least, this.#bytes.length * 2));
    next.set(this.#bytes.subarray(0, this.length));
    this.#bytes = next;
  }
}

/** The body of one function: locals are claimed as needed, instructions are appended. */
export class FunctionWriter extends ByteWriter {
  readonly #locals: ValType[] = [];
  readonly #parameters: number;

  constructor(parameters: number) {
    super(4096);
    this.#parameters = parameters;
  }
  /** Declares another local. @returns its index */
  local(type: ValType): number {
    this.#locals.push(type);
    return this.#parameters + this.#locals.length - 1;
  }
  op(...opcodes: number[]): void {
    for (const opcode of opcodes) this.byte(opcode);
  }
  get(local: number): void {
    this.byte(Op.localGet);
    this.unsigned(local);
  }
  set(local: number): void {
    this.byte(Op.localSet);
    this.unsigned(local);
  }
  tee(local: number): void {
    this.byte(Op.localTee);
    this.unsigned(local);
  }
  i32(value: number): void {
    this.byte(Op.i32Const);
    this.signed(value);
  }
  i64(value: bigint): void {
    this.byte(Op.i64Const);
    this.signedWide(value);
  }
  /** A load or store; the alignment hint is always one byte. @param offset bytes, unsigned */
  memory(opcode: number, offset: number): void {
    this.byte(opcode);
    this.byte(0);
    this.unsigned(offset);
  }
  /** A vector instruction (section 5.4.9) without immediates. @param opcode one of SimdOp */
  simd(opcode: number): void {
    this.byte(SIMD_PREFIX);
    this.unsigned(opcode);
  }
  /** A vector load or store of whole or half vectors; the alignment hint is one byte. @param offset bytes, unsigned */
  simdMemory(opcode: number, offset: number): void {
    this.simd(opcode);
    this.byte(0);
    this.unsigned(offset);
  }
  /** A vector instruction with a lane number. */
  simdLane(opcode: number, lane: number): void {
    this.simd(opcode);
    this.byte(lane);
  }
  /** v128.store32_lane and its like. @param offset bytes, unsigned */
  simdStoreLane(opcode: number, offset: number, lane: number): void {
    this.simdMemory(opcode, offset);
    this.byte(lane);
  }
  /** v128.const, or the lanes of i8x16.shuffle. @param bytes 16 */
  simdBytes(opcode: number, bytes: Uint8Array | readonly number[]): void {
    this.simd(opcode);
    for (const byte of bytes) this.byte(byte);
  }
  branch(opcode: number, depth: number): void {
    this.byte(opcode);
    this.unsigned(depth);
  }
  block(opcode: number, type: number = EMPTY_BLOCK): void {
    this.byte(opcode);
    this.byte(type);
  }
  call(index: number): void {
    this.byte(Op.call);
    this.unsigned(index);
  }
  /** memory.copy within memory 0: destination, source and length are on the stack. */
  memoryCopy(): void {
    this.op(0xfc, 10, 0, 0);
  }
  /** memory.fill of memory 0: destination, value and length are on the stack. */
  memoryFill(): void {
    this.op(0xfc, 11, 0);
  }
  /** The complete code entry (section 5.5.13) without its size prefix. */
  finish(): Uint8Array {
    const out = new ByteWriter(this.length + 64);
    const runs: [ValType, number][] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last && last[0] === type) last[1]++;
      else runs.push([type, 1]);
    }
    out.unsigned(runs.length);
    for (const [type, count] of runs) {
      out.unsigned(count);
      out.byte(type);
    }
    out.append(this.view());
    out.byte(Op.end);
    return out.view();
  }
}

export interface Signature {
  readonly parameters: readonly ValType[];
  readonly results: readonly ValType[];
}

/** A module with one imported memory, function imports, functions, exports and one function table. */
export class ModuleWriter {
  readonly #types: Signature[] = [];
  readonly #imports: { module: string; name: string; type: number }[] = [];
  readonly #functions: { type: number; body: Uint8Array }[] = [];
  readonly #exports: { name: string; index: number }[] = [];
  #table: readonly number[] = [];

  /** @returns the type's index, shared between equal signatures */
  type(signature: Signature): number {
    const same = (a: readonly number[], b: readonly number[]) =>
      a.length === b.length && a.every((x, i) => x === b[i]);
    const found = this.#types.findIndex(
      (t) => same(t.parameters, signature.parameters) && same(t.results, signature.results),
    );
    return found >= 0 ? found : this.#types.push(signature) - 1;
  }
  /** All imports must be declared before the first function. @returns the function's index */
  import(module: string, name: string, signature: Signature): number {
    return this.#imports.push({ module, name, type: this.type(signature) }) - 1;
  }
  /** @param body what FunctionWriter.finish returned @returns the function's index */
  function(signature: Signature, body: Uint8Array): number {
    return this.#imports.length + this.#functions.push({ type: this.type(signature), body }) - 1;
  }
  export(name: string, index: number): void {
    this.#exports.push({ name, index });
  }
  /** Fills the function table from slot 0 with these function indices. */
  table(functions: readonly number[]): void {
    this.#table = functions;
  }

  /** @param memory name pair of the imported memory @param pages its minimum, 64 KiB each */
  finish(memory: { module: string; name: string; pages: number }): Uint8Array {
    const out = new ByteWriter(1 << 16);
    out.append(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    const section = (id: number, fill: (w: ByteWriter) => void) => {
      const w = new ByteWriter(4096);
      fill(w);
      out.byte(id);
      out.unsigned(w.length);
      out.append(w.view());
    };
    section(1, (w) => {
      w.unsigned(this.#types.length);
      for (const t of this.#types) {
        w.byte(0x60);
        for (const list of [t.parameters, t.results]) {
          w.unsigned(list.length);
          for (const v of list) w.byte(v);
        }
      }
    });
    section(2, (w) => {
      w.unsigned(this.#imports.length + 1);
      w.name(memory.module);
      w.name(memory.name);
      w.byte(2);
      w.byte(0);
      w.unsigned(memory.pages);
      for (const i of this.#imports) {
        w.name(i.module);
        w.name(i.name);
        w.byte(0);
        w.unsigned(i.type);
      }
    });
    section(3, (w) => {
      w.unsigned(this.#functions.length);
      for (const f of this.#functions) w.unsigned(f.type);
    });
    if (this.#table.length)
      section(4, (w) => {
        w.unsigned(1);
        w.byte(0x70);
        w.byte(0);
        w.unsigned(this.#table.length);
      });
    section(7, (w) => {
      w.unsigned(this.#exports.length);
      for (const e of this.#exports) {
        w.name(e.name);
        w.byte(0);
        w.unsigned(e.index);
      }
    });
    if (this.#table.length)
      section(9, (w) => {
        w.unsigned(1);
        w.unsigned(0);
        w.byte(Op.i32Const);
        w.signed(0);
        w.byte(Op.end);
        w.unsigned(this.#table.length);
        for (const f of this.#table) w.unsigned(f);
      });
    section(10, (w) => {
      w.unsigned(this.#functions.length);
      for (const f of this.#functions) {
        w.unsigned(f.body.length);
        w.append(f.body);
      }
    });
    return out.view();
  }
}
