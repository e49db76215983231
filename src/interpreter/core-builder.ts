/** The part of the core's builder that reaches guest memory, and that raises, polls and leaves. */
import type { Access, Input, Location, Value } from '../instructions/builder.ts';
import { RecordOffset } from '../instructions/record.ts';
import { BOUNCE_BUFFER, POINTER_BIAS, TLB_WRITE_OFFSET } from '../memory/layout.ts';
import { Op, ValType } from '../wasm/writer.ts';
import { Vector } from '../x86/exceptions.ts';
import { Seg, type Size } from '../x86/registers.ts';
import { SegmentField, State, SystemBase, segmentAddress } from '../x86/state.ts';
import { loads, stores } from './core-operations.ts';
import { CoreLocal, CoreValueBuilder } from './core-value-builder.ts';
import { Exit } from './exits.ts';
import { supervisorAddress } from './supervisor-address.ts';

/** Below this many bytes a call to the host's copy routine costs more than it saves. */
const MINIMUM_RUN = 32;

/** Everything but vectors, which core-vector-builder.ts adds. */
export abstract class CoreBuilder extends CoreValueBuilder {
  supervisorAddress(linear: Value, size: number): Value {
    return supervisorAddress(this, linear, size);
  }

  /** Pushes the TLB word of a linear address. */
  #tlbWord(linear: number, offset: number): void {
    const { w } = this;
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
  protected access(
    word: number,
    linear: number,
    size: number,
    offset: number,
    fast: () => void,
    slow: () => void,
  ): void {
    const { w } = this;
    this.mayFault();
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
    this.depth++;
    slow();
    this.depth--;
    w.op(Op.end);
  }
  /** Leaves with a fault if the slow path's result, on the stack, is zero. */
  protected faultIfZero(): void {
    this.w.op(Op.i32Eqz);
    this.w.block(Op.if);
    this.leaving.exit(Exit.FAULT, this.depth + 1);
    this.w.op(Op.end);
  }
  /** Leaves a biased pointer to guest memory in a local; faults leave the handler. */
  protected pointer(linear: number, size: number, offset: number, slow: number): number {
    const { w } = this;
    const pointer = this.fresh(ValType.i32);
    const fast = () => {
      w.get(pointer);
      w.get(linear);
      w.op(Op.i32Add);
      w.set(pointer);
    };
    this.access(pointer, linear, size, offset, fast, () => {
      w.get(linear);
      w.i32(size);
      w.get(CoreLocal.RECORD);
      w.get(CoreLocal.BUDGET);
      w.call(slow);
      w.tee(pointer);
      this.faultIfZero();
    });
    return pointer;
  }
  load(linear: Input, size: Size): Value {
    const pointer = this.pointer(this.localOf(linear), size, 0, this.functions.slowRead);
    this.w.get(pointer);
    this.w.memory(loads[size], POINTER_BIAS);
    return this.pop();
  }
  store(linear: Input, size: Size, value: Input): void {
    const { w } = this;
    const at = this.localOf(linear);
    const word = this.fresh(ValType.i32);
    const fast = () => {
      w.get(word);
      w.get(at);
      w.op(Op.i32Add);
      this.push(value);
      w.memory(stores[size], POINTER_BIAS);
    };
    this.access(word, at, size, TLB_WRITE_OFFSET, fast, () => {
      w.get(at);
      w.i32(size);
      this.push(value);
      w.get(CoreLocal.RECORD);
      w.get(CoreLocal.BUDGET);
      w.call(this.functions.slowWrite);
      this.faultIfZero();
      if (this.fused) this.dispatch(this.depth);
    });
    this.changed = true;
  }
  locate(linear: Input, size: number): Location {
    const at = this.localOf(linear);
    const pointer = this.pointer(at, size, TLB_WRITE_OFFSET, this.functions.slowUpdate);
    return {
      linear: { local: at } as unknown as Value,
      pointer: { local: pointer } as unknown as Value,
      size,
    };
  }
  loadLocation(location: Location, size: Size, offset = 0): Value {
    this.push(location.pointer);
    this.w.memory(loads[size], POINTER_BIAS + offset);
    return this.pop();
  }
  storeLocation(location: Location, size: Size, value: Input, offset = 0): void {
    this.push(location.pointer);
    this.push(value);
    this.w.memory(stores[size], POINTER_BIAS + offset);
    this.change();
  }
  commitLocation(location: Location): void {
    const { w } = this;
    this.push(location.pointer);
    w.i32(BOUNCE_BUFFER - POINTER_BIAS);
    w.op(Op.i32Eq);
    w.block(Op.if);
    this.push(location.linear);
    w.i32(location.size);
    w.get(CoreLocal.RECORD);
    w.get(CoreLocal.BUDGET);
    w.call(this.functions.slowCommit);
    if (this.fused) this.dispatch(this.depth + 1);
    w.op(Op.end);
  }
  copyRun(to: Value, from: Value, bytes: Value): Value {
    const { w } = this;
    const [target, source, count] = [this.localOf(to), this.localOf(from), this.localOf(bytes)];
    const done = this.fresh(ValType.i32);
    const [p, q] = [this.fresh(ValType.i32), this.fresh(ValType.i32)];
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
    this.change();
    this.changed = false;
    return { local: done } as unknown as Value;
  }
  fillRun(to: Value, value: Value, size: Size, bytes: Value): Value {
    const { w } = this;
    const [target, fill, count] = [this.localOf(to), this.localOf(value), this.localOf(bytes)];
    const done = this.fresh(ValType.i32);
    const p = this.fresh(ValType.i32);
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
    this.changed = false;
    return { local: done } as unknown as Value;
  }

  raise(vector: number, error: Input = 0): void {
    this.#raise(vector, error);
  }
  #raise(vector: Input, error: Input): void {
    this.mayFault();
    this.storeState(State.FAULT_VECTOR, vector);
    this.storeState(State.FAULT_ERROR, error);
    this.leave(Exit.FAULT);
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
    this.changed = false;
  }
  pollEvents(enabled: Value, stepping: Input = 0): void {
    const due = this.and(this.ne(enabled, 0), this.loadState(State.INTERRUPT));
    this.if(this.or(due, stepping), () => this.leave(Exit.LEAVE));
  }
  shadowInterrupts(): void {
    this.storeState(State.SHADOW, this.sub(this.instructionsLeft(), 1));
  }
  instructionsLeft(): Value {
    const { w } = this;
    w.get(CoreLocal.BUDGET);
    w.get(CoreLocal.RECORD);
    w.memory(Op.i32Load8U, RecordOffset.REMAINING);
    w.op(Op.i32Add);
    return this.pop();
  }
  goto(target: 0 | 1): void {
    this.leaving.goto(target, this.depth);
  }
  gotoOffset(offset: Input): void {
    this.leaving.gotoOffset(this.localOf(offset), this.depth);
  }
  repeat(): void {
    this.leave(Exit.REPEAT);
  }
  callout(endsBlock: boolean): void {
    this.leaving.callout(endsBlock, this.depth);
  }
}
