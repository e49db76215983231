/** The builder that computes at once: a value is a plain number, a wide value a bigint. */
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
import { BOUNCE_BUFFER, POINTER_BIAS } from '../memory/layout.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { Vector } from '../x86/exceptions.ts';
import { Seg, type Size } from '../x86/registers.ts';
import { SegmentField, State, SystemBase, segmentAddress } from '../x86/state.ts';
import type { EngineHost } from './engine.ts';
import { Exit } from './exits.ts';
import { supervisorAddress } from './supervisor-address.ts';

/** How a handler left; thrown to end its body, as the body itself has no way to return early. */
export class Departure {
  kind: Exit = Exit.NEXT;
  /** The direct target for `goto`, else -1. */
  target = -1;
}

const compute: Record<BinaryOp, (a: number, b: number) => number> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: (a, b) => Math.imul(a, b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shrU: (a, b) => (a >>> b) | 0,
  shrS: (a, b) => a >> b,
  rotl: (a, b) => (b & 31 ? (a << b) | (a >>> (32 - (b & 31))) : a),
  rotr: (a, b) => (b & 31 ? (a >>> b) | (a << (32 - (b & 31))) : a),
  divU: (a, b) => ((a >>> 0) / (b >>> 0)) | 0,
  divS: (a, b) => (a / b) | 0,
  remU: (a, b) => ((a >>> 0) % (b >>> 0)) | 0,
  remS: (a, b) => (a % b) | 0,
  eq: (a, b) => ((a | 0) === (b | 0) ? 1 : 0),
  ne: (a, b) => ((a | 0) !== (b | 0) ? 1 : 0),
  ltU: (a, b) => (a >>> 0 < b >>> 0 ? 1 : 0),
  ltS: (a, b) => ((a | 0) < (b | 0) ? 1 : 0),
  leU: (a, b) => (a >>> 0 <= b >>> 0 ? 1 : 0),
  gtU: (a, b) => (a >>> 0 > b >>> 0 ? 1 : 0),
  geU: (a, b) => (a >>> 0 >= b >>> 0 ? 1 : 0),
};

const populationCount = (a: number): number => {
  let n = 0;
  for (let v = a >>> 0; v !== 0; v &= v - 1) n++;
  return n;
};
const computeUnary: Record<UnaryOp, (a: number) => number> = {
  eqz: (a) => (a === 0 ? 1 : 0),
  clz: (a) => Math.clz32(a),
  ctz: (a) => (a === 0 ? 32 : 31 - Math.clz32(a & -a)),
  popcnt: populationCount,
  extend8: (a) => (a << 24) >> 24,
  extend16: (a) => (a << 16) >> 16,
};
const signed = (a: bigint) => BigInt.asIntN(64, a);
const unsigned = (a: bigint) => BigInt.asUintN(64, a);
const computeWide: Record<WideOp, (a: bigint, b: bigint) => bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << (b & 63n),
  shrU: (a, b) => unsigned(a) >> (b & 63n),
  shrS: (a, b) => signed(a) >> (b & 63n),
  divU: (a, b) => unsigned(a) / unsigned(b),
  remU: (a, b) => unsigned(a) % unsigned(b),
  divS: (a, b) => signed(a) / signed(b),
  remS: (a, b) => signed(a) % signed(b),
};
const testWide: Record<WideTest, (a: bigint, b: bigint) => boolean> = {
  eq: (a, b) => unsigned(a) === unsigned(b),
  ne: (a, b) => unsigned(a) !== unsigned(b),
  ltU: (a, b) => unsigned(a) < unsigned(b),
  ltS: (a, b) => signed(a) < signed(b),
};

const number = (v: Input): number => v as unknown as number;
const value = (n: number): Value => n as unknown as Value;
const big = (v: Wide): bigint => v as unknown as bigint;

/** Everything but vectors, which reference-vector-builder.ts adds. */
export abstract class ReferenceBuilder extends Builder {
  form!: Form;
  /** Address of the record being executed. */
  record = 0;
  readonly departure = new Departure();
  protected readonly bytes: Uint8Array;
  protected readonly view: DataView;
  protected readonly host: EngineHost;

  constructor(memory: PhysicalMemory, host: EngineHost) {
    super();
    this.bytes = memory.bytes;
    this.view = memory.view;
    this.host = host;
  }

  #get(address: number, size: Size): number {
    if (size === 4) return this.view.getInt32(address, true);
    return size === 2 ? this.view.getUint16(address, true) : this.bytes[address]!;
  }
  #set(address: number, size: Size, v: number): void {
    if (size === 4) this.view.setInt32(address, v, true);
    else if (size === 2) this.view.setInt16(address, v, true);
    else this.bytes[address] = v;
  }
  protected leave(kind: Exit, target = -1): never {
    this.departure.kind = kind;
    this.departure.target = target;
    throw this.departure;
  }
  /** Saves what the host's slow paths look at. */
  protected enterHost(): void {
    this.view.setInt32(State.RECORD, this.record, true);
  }

  protected binary(op: BinaryOp, a: Input, b: Input): Value {
    return value(compute[op](number(a), number(b)));
  }
  protected unary(op: UnaryOp, a: Input): Value {
    return value(computeUnary[op](number(a)));
  }
  protected wideBinary(op: WideOp, a: Wide, b: Wide): Wide {
    return signed(computeWide[op](big(a), big(b))) as unknown as Wide;
  }
  protected wideTest(op: WideTest, a: Wide, b: Wide): Value {
    return value(testWide[op](big(a), big(b)) ? 1 : 0);
  }
  constant(n: number): Value {
    return value(n | 0);
  }
  wideConstant(n: bigint): Wide {
    return n as unknown as Wide;
  }
  widen(a: Input, isSigned: boolean): Wide {
    return BigInt(isSigned ? number(a) | 0 : number(a) >>> 0) as unknown as Wide;
  }
  narrow(a: Wide): Value {
    return value(Number(BigInt.asIntN(32, big(a))));
  }
  select(condition: Value, a: Input, b: Input): Value {
    return value((number(condition) !== 0 ? number(a) : number(b)) | 0);
  }
  variable(initial: Input): Variable {
    let current = number(initial) | 0;
    return {
      get: () => value(current),
      set: (v) => {
        current = number(v) | 0;
      },
    };
  }
  if(condition: Value, then: () => void, otherwise?: () => void): void {
    if (number(condition) !== 0) then();
    else otherwise?.();
  }
  while(condition: () => Value, body: () => void): void {
    while (number(condition()) !== 0) body();
  }

  loadState(address: number, size: Size = 4): Value {
    return value(this.#get(address, size));
  }
  storeState(address: number, v: Input, size: Size = 4): void {
    this.#set(address, size, number(v));
  }
  storeStateWide(address: number, v: Wide): void {
    this.view.setBigInt64(address, big(v), true);
  }
  field(field: RecordField): Value {
    return value(this.#get(this.record + RecordOffset[field], fieldWidth[field]));
  }
  wideSelect(condition: Value, a: Wide, b: Wide): Wide {
    return number(condition) !== 0 ? a : b;
  }
  loadAtWide(address: Value): Wide {
    return this.view.getBigInt64(number(address), true) as unknown as Wide;
  }
  storeAtWide(address: Value, v: Wide): void {
    this.view.setBigInt64(number(address), big(v), true);
  }
  loadAt(address: Value, size: Size): Value {
    return value(this.#get(number(address), size));
  }
  storeAt(address: Value, v: Input, size: Size): void {
    this.#set(number(address), size, number(v));
  }

  load(linear: Input, size: Size): Value {
    this.enterHost();
    const pointer = this.host.read(number(linear), size);
    if (pointer === 0) this.leave(Exit.FAULT);
    return value(this.#get(pointer + POINTER_BIAS, size));
  }
  supervisorAddress(linear: Value, size: number): Value {
    return supervisorAddress(this, linear, size);
  }
  store(linear: Input, size: Size, v: Input): void {
    this.enterHost();
    if (this.host.write(number(linear), size, number(v)) === 0) this.leave(Exit.FAULT);
  }
  locate(linear: Input, size: number): Location {
    this.enterHost();
    const pointer = this.host.update(number(linear), size);
    if (pointer === 0) this.leave(Exit.FAULT);
    return { linear: value(number(linear)), pointer: value(pointer), size };
  }
  loadLocation(location: Location, size: Size, offset = 0): Value {
    return value(this.#get(number(location.pointer) + POINTER_BIAS + offset, size));
  }
  storeLocation(location: Location, size: Size, v: Input, offset = 0): void {
    this.#set(number(location.pointer) + POINTER_BIAS + offset, size, number(v));
  }
  commitLocation(location: Location): void {
    if (number(location.pointer) !== BOUNCE_BUFFER - POINTER_BIAS) return;
    this.enterHost();
    this.host.commit(number(location.linear), location.size);
  }
  /** Element by element is the meaning; doing it in one piece is for faster engines. */
  copyRun(): Value {
    return value(0);
  }
  fillRun(): Value {
    return value(0);
  }

  raise(vector: number, error: Input = 0): void {
    this.storeState(State.FAULT_VECTOR, vector);
    this.storeState(State.FAULT_ERROR, error);
    this.leave(Exit.FAULT);
  }
  checkSegment(segment: Value, offset: Value, size: number, access: Access): void {
    const write = access !== 'read';
    const at = number(segment);
    const low = this.#get(at + (write ? SegmentField.WRITE_LOW : SegmentField.READ_LOW), 4) >>> 0;
    const high = this.#get(at + (write ? SegmentField.WRITE_HIGH : SegmentField.READ_HIGH), 4) >>> 0;
    const first = number(offset) >>> 0;
    if (first >= low && first <= high && high - first >= size - 1) return;
    this.raise(at === segmentAddress(SystemBase.PHYSICAL, Seg.SS) ? Vector.SS : Vector.GP, 0);
  }
  commit(): void {}
  pollEvents(enabled: Value, stepping: Input = 0): void {
    const due = number(enabled) !== 0 && this.#get(State.INTERRUPT, 4) !== 0;
    if (due || number(stepping) !== 0) this.leave(Exit.LEAVE);
  }
  shadowInterrupts(): void {
    this.#set(State.SHADOW, 4, number(this.instructionsLeft()) - 1);
  }
  instructionsLeft(): Value {
    return value(this.#get(State.BUDGET, 4) + this.bytes[this.record + RecordOffset.REMAINING]!);
  }
  goto(target: 0 | 1): void {
    this.leave(Exit.NEXT, target);
  }
  gotoOffset(offset: Input): void {
    this.#set(State.EIP, 4, number(offset));
    this.leave(Exit.ENTER);
  }
  repeat(): void {
    this.leave(Exit.REPEAT);
  }
  callout(): void {
    this.enterHost();
    const status = this.host.callout();
    if (status !== Exit.NEXT) this.leave(status as Exit);
  }
}
