/**
 * The builder that writes WebAssembly: each value becomes a local, each operand is read from the record at
 * run time. One instance writes one function, which may hold one handler or many. Here: values, control flow,
 * the record and the state; core-builder.ts adds guest memory, core-vector-builder.ts vectors.
 */
import {
  type BinaryOp,
  Builder,
  type Input,
  type UnaryOp,
  type Value,
  type Variable,
  type Wide,
  type WideOp,
  type WideTest,
} from '../instructions/builder.ts';
import type { Form } from '../instructions/form.ts';
import { fieldWidth, type RecordField, RecordOffset } from '../instructions/record.ts';
import { type FunctionWriter, Op, ValType } from '../wasm/writer.ts';
import type { Size } from '../x86/registers.ts';
import { State } from '../x86/state.ts';
import type { CoreFunctions } from './core-functions.ts';
import { binaryOps, fold, loads, stores, unaryOps, wideOps, wideTests } from './core-operations.ts';
import type { Exit } from './exits.ts';

interface Local {
  readonly local: number;
}
type Node = Local | number;

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

export abstract class CoreValueBuilder extends Builder {
  form!: Form;
  protected readonly w: FunctionWriter;
  protected readonly functions: CoreFunctions;
  protected readonly leaving: Leaving;
  readonly #pool: Record<number, number[]> = { [ValType.i32]: [], [ValType.i64]: [], [ValType.v128]: [] };
  readonly #used: Record<number, number> = { [ValType.i32]: 0, [ValType.i64]: 0, [ValType.v128]: 0 };
  readonly #fields = new Map<RecordField, Value>();
  /** Structures opened inside the handler. */
  protected depth = 0;
  /** Whether something architectural has changed since the last point that may fault. */
  protected changed = false;
  #name = '';
  /** The next instruction's code follows without a dispatch. */
  protected fused = false;
  /** The next instruction overwrites the status flags before anyone can see them. */
  #flagsDead = false;
  /** A fused handler has made its write. */
  #written = false;

  constructor(writer: FunctionWriter, functions: CoreFunctions, leaving: Leaving) {
    super();
    this.w = writer;
    this.functions = functions;
    this.leaving = leaving;
  }

  /**
   * Starts a handler: its locals may be those of the handler before.
   * @param options.fused another handler's code follows: a write that may have changed code must dispatch
   */
  begin(form: Form, name: string, { fused = false, flagsDead = false } = {}): void {
    this.form = form;
    this.fused = fused;
    this.#flagsDead = flagsDead;
    this.#name = name;
    this.#used[ValType.i32] = 0;
    this.#used[ValType.i64] = 0;
    this.#used[ValType.v128] = 0;
    this.depth = 0;
    this.changed = false;
    this.#written = false;
    this.#fields.clear();
  }

  /** A local that no value of this handler is in. */
  protected fresh(type: ValType): number {
    const pool = this.#pool[type]!;
    const n = this.#used[type]!++;
    if (n === pool.length) pool.push(this.w.local(type));
    return pool[n]!;
  }
  protected push(v: Input | Wide): void {
    const node = v as unknown as Node;
    if (typeof node === 'number') this.w.i32(node);
    else this.w.get(node.local);
  }
  /** Names what is on the stack. */
  protected pop(): Value {
    const local = this.fresh(ValType.i32);
    this.w.set(local);
    return { local } as unknown as Value;
  }
  protected popWide(): Wide {
    const local = this.fresh(ValType.i64);
    this.w.set(local);
    return { local } as unknown as Wide;
  }
  /** The local that holds a value. */
  protected localOf(v: Input): number {
    const node = v as unknown as Node;
    if (typeof node !== 'number') return node.local;
    this.w.i32(node);
    return (this.pop() as unknown as Local).local;
  }
  /** To be called before what may fault: nothing architectural may have changed. */
  protected mayFault(): void {
    if (this.changed) throw new Error(`${this.#name}: an access that may fault follows a change of state`);
  }
  /** In a fused handler: on by a dispatch, as the write may have changed the code that follows. */
  protected dispatch(depth: number): void {
    this.leaving.advance(depth);
    this.#written = true;
  }
  /** To be called with every change. @param address of the state, undefined for memory */
  protected change(address?: number): void {
    if (this.#written) throw new Error(`${this.#name}: a fused handler must end with its write`);
    if (address === undefined || !isBookkeeping(address)) this.changed = true;
  }

  protected binary(op: BinaryOp, a: Input, b: Input): Value {
    if (typeof a === 'number' && typeof b === 'number') {
      const folded = fold(op, a, b);
      if (folded !== null) return folded as unknown as Value;
    }
    if ((op === 'add' || op === 'or' || op === 'xor' || op === 'shl') && b === 0) return a as Value;
    this.push(a);
    this.push(b);
    this.w.op(binaryOps[op]);
    return this.pop();
  }
  protected unary(op: UnaryOp, a: Input): Value {
    this.push(a);
    this.w.op(unaryOps[op]);
    return this.pop();
  }
  protected wideBinary(op: WideOp, a: Wide, b: Wide): Wide {
    this.push(a);
    this.push(b);
    this.w.op(wideOps[op]);
    return this.popWide();
  }
  protected wideTest(op: WideTest, a: Wide, b: Wide): Value {
    this.push(a);
    this.push(b);
    this.w.op(wideTests[op]);
    return this.pop();
  }
  constant(value: number): Value {
    return (value | 0) as unknown as Value;
  }
  wideConstant(value: bigint): Wide {
    this.w.i64(value);
    return this.popWide();
  }
  widen(a: Input, signed: boolean): Wide {
    this.push(a);
    this.w.op(signed ? Op.i64ExtendI32S : Op.i64ExtendI32U);
    return this.popWide();
  }
  narrow(a: Wide): Value {
    this.push(a);
    this.w.op(Op.i32WrapI64);
    return this.pop();
  }
  select(condition: Value, a: Input, b: Input): Value {
    this.push(a);
    this.push(b);
    this.push(condition);
    this.w.op(Op.select);
    return this.pop();
  }
  wideSelect(condition: Value, a: Wide, b: Wide): Wide {
    this.push(a);
    this.push(b);
    this.push(condition);
    this.w.op(Op.select);
    return this.popWide();
  }
  variable(initial: Input): Variable {
    this.push(initial);
    const { local } = this.pop() as unknown as Local;
    return {
      get: () => {
        this.w.get(local);
        return this.pop();
      },
      set: (value) => {
        this.push(value);
        this.w.set(local);
      },
    };
  }
  if(condition: Value, then: () => void, otherwise?: () => void): void {
    this.push(condition);
    this.w.block(Op.if);
    this.depth++;
    const before = this.changed;
    then();
    const afterThen = this.changed;
    if (otherwise) {
      this.w.op(Op.else);
      this.changed = before;
      otherwise();
      this.changed ||= afterThen;
    }
    this.depth--;
    this.w.op(Op.end);
  }
  while(condition: () => Value, body: () => void): void {
    this.w.block(Op.block);
    this.w.block(Op.loop);
    this.depth += 2;
    this.push(condition());
    this.w.op(Op.i32Eqz);
    this.w.branch(Op.brIf, 1);
    body();
    this.w.branch(Op.br, 0);
    this.depth -= 2;
    this.w.op(Op.end, Op.end);
  }

  loadState(address: number, size: Size = 4): Value {
    this.w.i32(0);
    this.w.memory(loads[size], address);
    return this.pop();
  }
  storeState(address: number, value: Input, size: Size = 4): void {
    if (this.#flagsDead && isFlags(address)) return;
    this.change(address);
    this.w.i32(0);
    this.push(value);
    this.w.memory(stores[size], address);
  }
  storeStateWide(address: number, value: Wide): void {
    if (this.#flagsDead && isFlags(address)) return;
    this.change(address);
    this.w.i32(0);
    this.push(value);
    this.w.memory(Op.i64Store, address);
  }
  field(field: RecordField): Value {
    const known = this.#fields.get(field);
    if (known) return known;
    this.w.get(CoreLocal.RECORD);
    this.w.memory(loads[fieldWidth[field]], RecordOffset[field]);
    const value = this.pop();
    // A record does not change while it runs; what is read on every path is read once.
    if (this.depth === 0) this.#fields.set(field, value);
    return value;
  }
  loadAt(address: Value, size: Size): Value {
    this.push(address);
    this.w.memory(loads[size], 0);
    return this.pop();
  }
  storeAt(address: Value, value: Input, size: Size): void {
    this.change();
    this.push(address);
    this.push(value);
    this.w.memory(stores[size], 0);
  }
  loadAtWide(address: Value): Wide {
    this.push(address);
    this.w.memory(Op.i64Load, 0);
    return this.popWide();
  }
  storeAtWide(address: Value, value: Wide): void {
    this.change();
    this.push(address);
    this.push(value);
    this.w.memory(Op.i64Store, 0);
  }

  protected leave(exit: Exit): void {
    this.leaving.exit(exit, this.depth);
  }
}

/** State of the engine rather than of the guest. */
const isBookkeeping = (address: number): boolean =>
  (address >= State.RECORD && address < State.FLAG_SUM) || (address >= State.IN_CACHE && address < State.FPU);
const isFlags = (address: number): boolean =>
  (address >= State.FLAG_RESULT && address < State.FLAG_RESULT + 8) ||
  address === State.FLAG_SUM ||
  address === State.FLAG_ADDEND;
