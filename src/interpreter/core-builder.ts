/**
 * The builder that writes WebAssembly: each value becomes a local, each operand is read from the record at
 * run time. One instance writes one function, which may hold one handler or many.
 */
import {
  type Access,
  type BinaryOp,
  Builder,
  type Input,
  type Location,
  type UnaryOp,
  type Value,
  type Variable,
  type Wide,
  type WideOp,
  type WideTest,
} from '../instructions/builder.ts';
import type { Form } from '../instructions/form.ts';
import { fieldWidth, type RecordField, RecordOffset } from '../instructions/record.ts';
import { BOUNCE_BUFFER, POINTER_BIAS, TLB_WRITE_OFFSET } from '../memory/layout.ts';
import { type FunctionWriter, Op, ValType } from '../wasm/writer.ts';
import { Vector } from '../x86/exceptions.ts';
import { Seg, type Size } from '../x86/registers.ts';
import { SegmentField, State, SystemBase, segmentAddress } from '../x86/state.ts';
import { Exit } from './exits.ts';
import { supervisorAddress } from './supervisor-address.ts';

interface Local {
  readonly local: number;
}
type Node = Local | number;

const binaryOps: Record<BinaryOp, number> = {
  add: Op.i32Add,
  sub: Op.i32Sub,
  mul: Op.i32Mul,
  and: Op.i32And,
  or: Op.i32Or,
  xor: Op.i32Xor,
  shl: Op.i32Shl,
  shrU: Op.i32ShrU,
  shrS: Op.i32ShrS,
  rotl: Op.i32Rotl,
  rotr: Op.i32Rotr,
  divU: Op.i32DivU,
  divS: Op.i32DivS,
  remU: Op.i32RemU,
  remS: Op.i32RemS,
  eq: Op.i32Eq,
  ne: Op.i32Ne,
  ltU: Op.i32LtU,
  ltS: Op.i32LtS,
  leU: Op.i32LeU,
  gtU: Op.i32GtU,
  geU: Op.i32GeU,
};
const unaryOps: Record<UnaryOp, number> = {
  eqz: Op.i32Eqz,
  clz: Op.i32Clz,
  ctz: Op.i32Ctz,
  popcnt: Op.i32Popcnt,
  extend8: Op.i32Extend8S,
  extend16: Op.i32Extend16S,
};
const wideOps: Record<WideOp, number> = {
  add: Op.i64Add,
  sub: Op.i64Sub,
  mul: Op.i64Mul,
  and: Op.i64And,
  or: Op.i64Or,
  xor: Op.i64Xor,
  shl: Op.i64Shl,
  shrU: Op.i64ShrU,
  shrS: Op.i64ShrS,
  divU: Op.i64DivU,
  remU: Op.i64RemU,
  divS: Op.i64DivS,
  remS: Op.i64RemS,
};
const wideTests: Record<WideTest, number> = { eq: Op.i64Eq, ne: Op.i64Ne, ltU: Op.i64LtU, ltS: Op.i64LtS };
const loads: Record<Size, number> = { 1: Op.i32Load8U, 2: Op.i32Load16U, 4: Op.i32Load };
const stores: Record<Size, number> = { 1: Op.i32Store8, 2: Op.i32Store16, 4: Op.i32Store };

/** Function indices of what the engine calls; see core.ts. */
export interface CoreFunctions {
  readonly slowRead: number;
  readonly slowWrite: number;
  readonly slowUpdate: number;
  readonly slowCommit: number;
  readonly slowWriteBounced: number;
  readonly compute: number;
  readonly floatingPointError: number;
}

/** The locals every function of the core shares by position: its parameters. */
export const CoreLocal = { RECORD: 0, BUDGET: 1, TLB: 2 } as const;

/** How a handler's code leaves: the core's loop branches, a function of its own returns. */
export interface Leaving {
  /** Emits a transfer out of the handler; `depth` is the number of structures opened inside it. */
  exit(kind: Exit, depth: number): void;
  /** On to the next record by a dispatch. */
  advance(depth: number): void;
  /** Continue at a direct target. */
  goto(target: 0 | 1, depth: number): void;
  /** Continue at an offset in CS held in a local. */
  gotoOffset(offset: number, depth: number): void;
  callout(endsBlock: boolean, depth: number): void;
}

/** Everything but vectors, which core-vector-builder.ts adds. */
export abstract class CoreBuilder extends Builder {
  form!: Form;
  readonly #w: FunctionWriter;
  readonly #functions: CoreFunctions;
  readonly #leaving: Leaving;
  readonly #pool: Record<number, number[]> = { [ValType.i32]: [], [ValType.i64]: [], [ValType.v128]: [] };
  readonly #used: Record<number, number> = { [ValType.i32]: 0, [ValType.i64]: 0, [ValType.v128]: 0 };
  readonly #fields = new Map<RecordField, Value>();
  #depth = 0;
  /** Whether something architectural has changed since the last point that may fault. */
  #changed = false;
  #name = '';
  /** The next instruction's code follows without a dispatch. */
  #fused = false;
  /** The next instruction overwrites the status flags before anyone can see them. */
  #flagsDead = false;
  /** A fused handler has made its write. */
  #written = false;

  constructor(writer: FunctionWriter, functions: CoreFunctions, leaving: Leaving) {
    super();
    this.#w = writer;
    this.#functions = functions;
    this.#leaving = leaving;
  }

  /**
   * Starts a handler: its locals may be those of the handler before.
   * @param options.fused another handler's code follows: a write that may have changed code must dispatch
   */
  begin(form: Form, name: string, { fused = false, flagsDead = false } = {}): void {
    this.form = form;
    this.#fused = fused;
    this.#flagsDead = flagsDead;
    this.#name = name;
    this.#used[ValType.i32] = 0;
    this.#used[ValType.i64] = 0;
    this.#used[ValType.v128] = 0;
    this.#depth = 0;
    this.#changed = false;
    this.#written = false;
    this.#fields.clear();
  }

  // What the vector part needs of this one.
  protected get writer(): FunctionWriter {
    return this.#w;
  }
  protected get functions(): CoreFunctions {
    return this.#functions;
  }
  protected fresh(type: ValType): number {
    return this.#fresh(type);
  }
  protected push(v: Input): void {
    this.#push(v);
  }
  protected pop(): Value {
    return this.#pop();
  }
  protected localOf(v: Input): number {
    return this.#local(v);
  }
  protected readPointer(linear: number, size: number): number {
    return this.#pointer(linear, size, 0, this.#functions.slowRead);
  }
  protected writeAccess(linear: number, size: number, fast: (word: number) => void, slow: () => void): void {
    const word = this.#fresh(ValType.i32);
    this.#access(word, linear, size, TLB_WRITE_OFFSET, () => fast(word), slow);
  }
  protected faultIfZero(): void {
    this.#faultIfZero();
  }
  protected leave(exit: Exit): void {
    this.#leaving.exit(exit, this.#depth);
  }
  protected mayFault(): void {
    this.#mayFault();
  }
  protected changed(): void {
    this.#change();
  }

  #fresh(type: ValType): number {
    const pool = this.#pool[type]!;
    const n = this.#used[type]!++;
    if (n === pool.length) pool.push(this.#w.local(type));
    return pool[n]!;
  }
  #push(v: Input | Wide): void {
    const node = v as unknown as Node;
    if (typeof node === 'number') this.#w.i32(node);
    else this.#w.get(node.local);
  }
  /** Names what is on the stack. */
  #pop(): Value {
    const local = this.#fresh(ValType.i32);
    this.#w.set(local);
    return { local } as unknown as Value;
  }
  #popWide(): Wide {
    const local = this.#fresh(ValType.i64);
    this.#w.set(local);
    return { local } as unknown as Wide;
  }
  /** The local that holds a value. */
  #local(v: Input): number {
    const node = v as unknown as Node;
    if (typeof node !== 'number') return node.local;
    this.#w.i32(node);
    return (this.#pop() as unknown as Local).local;
  }
  #mayFault(): void {
    if (this.#changed) throw new Error(`${this.#name}: an access that may fault follows a change of state`);
  }
  /** In a fused handler: on by a dispatch, as the write may have changed the code that follows. */
  #dispatch(depth: number): void {
    this.#leaving.advance(depth);
    this.#written = true;
  }
  #change(address?: number): void {
    if (this.#written) throw new Error(`${this.#name}: a fused handler must end with its write`);
    if (address === undefined || !isBookkeeping(address)) this.#changed = true;
  }

  protected binary(op: BinaryOp, a: Input, b: Input): Value {
    if (typeof a === 'number' && typeof b === 'number') {
      const folded = fold(op, a, b);
      if (folded !== null) return folded as unknown as Value;
    }
    if ((op === 'add' || op === 'or' || op === 'xor' || op === 'shl') && b === 0) return a as Value;
    this.#push(a);
    this.#push(b);
    this.#w.op(binaryOps[op]);
    return this.#pop();
  }
  protected unary(op: UnaryOp, a: Input): Value {
    this.#push(a);
    this.#w.op(unaryOps[op]);
    return this.#pop();
  }
  protected wideBinary(op: WideOp, a: Wide, b: Wide): Wide {
    this.#push(a);
    this.#push(b);
    this.#w.op(wideOps[op]);
    return this.#popWide();
  }
  protected wideTest(op: WideTest, a: Wide, b: Wide): Value {
    this.#push(a);
    this.#push(b);
    this.#w.op(wideTests[op]);
    return this.#pop();
  }
  constant(value: number): Value {
    return (value | 0) as unknown as Value;
  }
  wideConstant(value: bigint): Wide {
    this.#w.i64(value);
    return this.#popWide();
  }
  widen(a: Input, signed: boolean): Wide {
    this.#push(a);
    this.#w.op(signed ? Op.i64ExtendI32S : Op.i64ExtendI32U);
    return this.#popWide();
  }
  narrow(a: Wide): Value {
    this.#push(a);
    this.#w.op(Op.i32WrapI64);
    return this.#pop();
  }
  select(condition: Value, a: Input, b: Input): Value {
    this.#push(a);
    this.#push(b);
    this.#push(condition);
    this.#w.op(Op.select);
    return this.#pop();
  }
  wideSelect(condition: Value, a: Wide, b: Wide): Wide {
    this.#push(a);
    this.#push(b);
    this.#push(condition);
    this.#w.op(Op.select);
    return this.#popWide();
  }
  variable(initial: Input): Variable {
    this.#push(initial);
    const { local } = this.#pop() as unknown as Local;
    return {
      get: () => {
        this.#w.get(local);
        return this.#pop();
      },
      set: (value) => {
        this.#push(value);
        this.#w.set(local);
      },
    };
  }
  if(condition: Value, then: () => void, otherwise?: () => void): void {
    this.#push(condition);
    this.#w.block(Op.if);
    this.#depth++;
    const before = this.#changed;
    then();
    const afterThen = this.#changed;
    if (otherwise) {
      this.#w.op(Op.else);
      this.#changed = before;
      otherwise();
      this.#changed ||= afterThen;
    }
    this.#depth--;
    this.#w.op(Op.end);
  }
  while(condition: () => Value, body: () => void): void {
    this.#w.block(Op.block);
    this.#w.block(Op.loop);
    this.#depth += 2;
    this.#push(condition());
    this.#w.op(Op.i32Eqz);
    this.#w.branch(Op.brIf, 1);
    body();
    this.#w.branch(Op.br, 0);
    this.#depth -= 2;
    this.#w.op(Op.end, Op.end);
  }

  loadState(address: number, size: Size = 4): Value {
    this.#w.i32(0);
    this.#w.memory(loads[size], address);
    return this.#pop();
  }
  storeState(address: number, value: Input, size: Size = 4): void {
    if (this.#flagsDead && isFlags(address)) return;
    this.#change(address);
    this.#w.i32(0);
    this.#push(value);
    this.#w.memory(stores[size], address);
  }
  storeStateWide(address: number, value: Wide): void {
    if (this.#flagsDead && isFlags(address)) return;
    this.#change(address);
    this.#w.i32(0);
    this.#push(value);
    this.#w.memory(Op.i64Store, address);
  }
  field(field: RecordField): Value {
    const known = this.#fields.get(field);
    if (known) return known;
    this.#w.get(CoreLocal.RECORD);
    this.#w.memory(loads[fieldWidth[field]], RecordOffset[field]);
    const value = this.#pop();
    // A record does not change while it runs; what is read on every path is read once.
    if (this.#depth === 0) this.#fields.set(field, value);
    return value;
  }
  loadAt(address: Value, size: Size): Value {
    this.#push(address);
    this.#w.memory(loads[size], 0);
    return this.#pop();
  }
  storeAt(address: Value, value: Input, size: Size): void {
    this.#change();
    this.#push(address);
    this.#push(value);
    this.#w.memory(stores[size], 0);
  }
  loadAtWide(address: Value): Wide {
    this.#push(address);
    this.#w.memory(Op.i64Load, 0);
    return this.#popWide();
  }
  storeAtWide(address: Value, value: Wide): void {
    this.#change();
    this.#push(address);
    this.#push(value);
    this.#w.memory(Op.i64Store, 0);
  }

  supervisorAddress(linear: Value, size: number): Value {
    return supervisorAddress(this, linear, size);
  }

  /** Pushes the TLB word of a linear address. */
  #tlbWord(linear: number, offset: number): void {
    const w = this.#w;
    w.get(CoreLocal.TLB);
    w.get(linear);
    w.i32(12);
    w.op(Op.i32ShrU);
    w.i32(2);
    w.op(Op.i32Shl, Op.i32Add);
    w.memory(Op.i32Load, offset);
  }
  /**
   * Emits an access in two ways: `fast` with a TLB word that serves it, `slow` where there is none or the
   * address is not aligned and the access may leave its page. Two branches cost less than one on a combined
   * condition.
   */
  #access(
    word: number,
    linear: number,
    size: number,
    offset: number,
    fast: () => void,
    slow: () => void,
  ): void {
    const w = this.#w;
    this.#mayFault();
    w.block(Op.block);
    w.block(Op.block);
    this.#tlbWord(linear, offset);
    w.tee(word);
    w.op(Op.i32Eqz);
    w.branch(Op.brIf, 0);
    if (size > 1) {
      // Cheaper than asking whether the page is left; the slow path's first step sorts the rest out.
      w.get(linear);
      w.i32(size === 8 ? 7 : size - 1);
      w.op(Op.i32And);
      w.branch(Op.brIf, 0);
    }
    fast();
    w.branch(Op.br, 1);
    w.op(Op.end);
    this.#depth++;
    slow();
    this.#depth--;
    w.op(Op.end);
  }
  /** Leaves with a fault if the slow path's result, on the stack, is zero. */
  #faultIfZero(): void {
    this.#w.op(Op.i32Eqz);
    this.#w.block(Op.if);
    this.#leaving.exit(Exit.FAULT, this.#depth + 1);
    this.#w.op(Op.end);
  }
  /** Leaves a biased pointer to guest memory in a local; faults leave the handler. */
  #pointer(linear: number, size: number, offset: number, slow: number): number {
    const w = this.#w;
    const pointer = this.#fresh(ValType.i32);
    const fast = () => {
      w.get(pointer);
      w.get(linear);
      w.op(Op.i32Add);
      w.set(pointer);
    };
    this.#access(pointer, linear, size, offset, fast, () => {
      w.get(linear);
      w.i32(size);
      w.get(CoreLocal.RECORD);
      w.get(CoreLocal.BUDGET);
      w.call(slow);
      w.tee(pointer);
      this.#faultIfZero();
    });
    return pointer;
  }
  load(linear: Input, size: Size): Value {
    const pointer = this.#pointer(this.#local(linear), size, 0, this.#functions.slowRead);
    this.#w.get(pointer);
    this.#w.memory(loads[size], POINTER_BIAS);
    return this.#pop();
  }
  store(linear: Input, size: Size, value: Input): void {
    const w = this.#w;
    const at = this.#local(linear);
    const word = this.#fresh(ValType.i32);
    const fast = () => {
      w.get(word);
      w.get(at);
      w.op(Op.i32Add);
      this.#push(value);
      w.memory(stores[size], POINTER_BIAS);
    };
    this.#access(word, at, size, TLB_WRITE_OFFSET, fast, () => {
      w.get(at);
      w.i32(size);
      this.#push(value);
      w.get(CoreLocal.RECORD);
      w.get(CoreLocal.BUDGET);
      w.call(this.#functions.slowWrite);
      this.#faultIfZero();
      if (this.#fused) this.#dispatch(this.#depth);
    });
    this.#changed = true;
  }
  locate(linear: Input, size: number): Location {
    const at = this.#local(linear);
    const pointer = this.#pointer(at, size, TLB_WRITE_OFFSET, this.#functions.slowUpdate);
    return {
      linear: { local: at } as unknown as Value,
      pointer: { local: pointer } as unknown as Value,
      size,
    };
  }
  loadLocation(location: Location, size: Size, offset = 0): Value {
    this.#push(location.pointer);
    this.#w.memory(loads[size], POINTER_BIAS + offset);
    return this.#pop();
  }
  storeLocation(location: Location, size: Size, value: Input, offset = 0): void {
    this.#push(location.pointer);
    this.#push(value);
    this.#w.memory(stores[size], POINTER_BIAS + offset);
    this.#change();
  }
  commitLocation(location: Location): void {
    const w = this.#w;
    this.#push(location.pointer);
    w.i32(BOUNCE_BUFFER - POINTER_BIAS);
    w.op(Op.i32Eq);
    w.block(Op.if);
    this.#push(location.linear);
    w.i32(location.size);
    w.get(CoreLocal.RECORD);
    w.get(CoreLocal.BUDGET);
    w.call(this.#functions.slowCommit);
    if (this.#fused) this.#dispatch(this.#depth + 1);
    w.op(Op.end);
  }
  copyRun(to: Value, from: Value, bytes: Value): Value {
    const w = this.#w;
    const [target, source, count] = [this.#local(to), this.#local(from), this.#local(bytes)];
    const done = this.#fresh(ValType.i32);
    const [p, q] = [this.#fresh(ValType.i32), this.#fresh(ValType.i32)];
    w.i32(0);
    w.set(done);
    this.#tlbWord(target, TLB_WRITE_OFFSET);
    w.tee(p);
    w.i32(0);
    w.op(Op.i32Ne);
    this.#tlbWord(source, 0);
    w.tee(q);
    w.i32(0);
    w.op(Op.i32Ne, Op.i32And);
    w.get(count);
    w.i32(MINIMUM_RUN);
    w.op(Op.i32GeU, Op.i32And);
    w.block(Op.if);
    // A target inside the source run repeats what was just written; only element by element does that.
    w.get(p);
    w.get(target);
    w.op(Op.i32Add);
    w.tee(p);
    w.get(q);
    w.get(source);
    w.op(Op.i32Add);
    w.tee(q);
    w.op(Op.i32Sub);
    w.get(count);
    w.op(Op.i32GeU);
    w.block(Op.if);
    for (const pointer of [p, q]) {
      w.get(pointer);
      w.i32(POINTER_BIAS);
      w.op(Op.i32Add);
    }
    w.get(count);
    w.memoryCopy();
    w.i32(1);
    w.set(done);
    w.op(Op.end, Op.end);
    this.#change();
    this.#changed = false;
    return { local: done } as unknown as Value;
  }
  fillRun(to: Value, value: Value, size: Size, bytes: Value): Value {
    const w = this.#w;
    const [target, fill, count] = [this.#local(to), this.#local(value), this.#local(bytes)];
    const done = this.#fresh(ValType.i32);
    const p = this.#fresh(ValType.i32);
    w.i32(0);
    w.set(done);
    this.#tlbWord(target, TLB_WRITE_OFFSET);
    w.tee(p);
    w.i32(0);
    w.op(Op.i32Ne);
    w.get(count);
    w.i32(MINIMUM_RUN);
    w.op(Op.i32GeU, Op.i32And);
    // Only a value of equal bytes can be filled bytewise.
    w.get(fill);
    w.get(fill);
    w.i32(0xff);
    w.op(Op.i32And);
    w.i32(size === 4 ? 0x01010101 : size === 2 ? 0x0101 : 1);
    w.op(Op.i32Mul, Op.i32Eq, Op.i32And);
    w.block(Op.if);
    w.get(p);
    w.get(target);
    w.op(Op.i32Add);
    w.i32(POINTER_BIAS);
    w.op(Op.i32Add);
    w.get(fill);
    w.get(count);
    w.memoryFill();
    w.i32(1);
    w.set(done);
    w.op(Op.end);
    this.#changed = false;
    return { local: done } as unknown as Value;
  }

  raise(vector: number, error: Input = 0): void {
    this.#raise(vector, error);
  }
  #raise(vector: Input, error: Input): void {
    this.#mayFault();
    this.storeState(State.FAULT_VECTOR, vector);
    this.storeState(State.FAULT_ERROR, error);
    this.#leaving.exit(Exit.FAULT, this.#depth);
  }
  checkSegment(segment: Value, offset: Value, size: number, access: Access): void {
    const write = access !== 'read';
    const low = this.loadAt(this.add(segment, write ? SegmentField.WRITE_LOW : SegmentField.READ_LOW), 4);
    const high = this.loadAt(this.add(segment, write ? SegmentField.WRITE_HIGH : SegmentField.READ_HIGH), 4);
    const outside = this.or(this.ltU(offset, low), this.gtU(offset, high));
    const tail = size > 1 ? this.or(outside, this.ltU(this.sub(high, offset), size - 1)) : outside;
    this.if(tail, () => {
      const stack = this.eq(segment, segmentAddress(SystemBase.PHYSICAL, Seg.SS));
      this.#raise(this.select(stack, Vector.SS, Vector.GP), 0);
    });
  }
  commit(): void {
    this.#changed = false;
  }
  pollEvents(enabled: Value, stepping: Input = 0): void {
    const due = this.and(this.ne(enabled, 0), this.loadState(State.INTERRUPT));
    this.if(this.or(due, stepping), () => this.#leaving.exit(Exit.LEAVE, this.#depth));
  }
  shadowInterrupts(): void {
    this.storeState(State.SHADOW, this.sub(this.instructionsLeft(), 1));
  }
  instructionsLeft(): Value {
    const w = this.#w;
    w.get(CoreLocal.BUDGET);
    w.get(CoreLocal.RECORD);
    w.memory(Op.i32Load8U, RecordOffset.REMAINING);
    w.op(Op.i32Add);
    return this.#pop();
  }
  goto(target: 0 | 1): void {
    this.#leaving.goto(target, this.#depth);
  }
  gotoOffset(offset: Input): void {
    this.#leaving.gotoOffset(this.#local(offset), this.#depth);
  }
  repeat(): void {
    this.#leaving.exit(Exit.REPEAT, this.#depth);
  }
  callout(endsBlock: boolean): void {
    this.#leaving.callout(endsBlock, this.#depth);
  }
}

/** State of the engine rather than of the guest. */
const isBookkeeping = (address: number): boolean =>
  (address >= State.RECORD && address < State.FLAG_SUM) || (address >= State.IN_CACHE && address < State.FPU);
const isFlags = (address: number): boolean =>
  (address >= State.FLAG_RESULT && address < State.FLAG_RESULT + 8) ||
  address === State.FLAG_SUM ||
  address === State.FLAG_ADDEND;

/** Below this many bytes a call to the host's copy routine costs more than it saves. */
const MINIMUM_RUN = 32;

const fold = (op: BinaryOp, a: number, b: number): number | null => {
  switch (op) {
    case 'add':
      return (a + b) | 0;
    case 'sub':
      return (a - b) | 0;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return a << b;
    case 'shrU':
      return (a >>> b) | 0;
    default:
      return null;
  }
};
