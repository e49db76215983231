/** The part of the core's builder that writes vector instructions; values are locals of type v128. */
import type { Input, Value } from '../instructions/builder.ts';
import type {
  Packed,
  PackedBinaryOp,
  PackedShiftOp,
  PackedSize,
  PackedTestOp,
  PackedUnaryOp,
  PackedVariable,
  SplatOp,
} from '../instructions/packed.ts';
import { BOUNCE_BUFFER, POINTER_BIAS, TLB_WRITE_OFFSET } from '../memory/layout.ts';
import { SimdOp } from '../wasm/simd.ts';
import { Op, ValType } from '../wasm/writer.ts';
import { SseScratch } from '../x86/fpu.ts';
import { State } from '../x86/state.ts';
import { CoreBuilder } from './core-builder.ts';
import { CoreLocal } from './core-value-builder.ts';
import { Exit } from './exits.ts';

const loads: Record<PackedSize, SimdOp> = {
  4: 'v128.load32_zero',
  8: 'v128.load64_zero',
  16: 'v128.load',
};

export class CoreVectorBuilder extends CoreBuilder {
  #push(...values: readonly Packed[]): void {
    for (const value of values) this.w.get((value as unknown as { local: number }).local);
  }
  #pop(): Packed {
    const local = this.fresh(ValType.v128);
    this.w.set(local);
    return { local } as unknown as Packed;
  }
  #emit(op: SimdOp, ...values: readonly Packed[]): Packed {
    this.#push(...values);
    this.w.simd(SimdOp[op]);
    return this.#pop();
  }
  /** Stores what #push left, below an address. */
  #store(size: PackedSize, offset: number): void {
    if (size === 16) this.w.simdMemory(SimdOp['v128.store'], offset);
    else this.w.simdStoreLane(SimdOp[size === 8 ? 'v128.store64_lane' : 'v128.store32_lane'], offset, 0);
  }

  packedUnary(op: PackedUnaryOp, a: Packed): Packed {
    return this.#emit(op, a);
  }
  packedBinary(op: PackedBinaryOp, a: Packed, b: Packed): Packed {
    return this.#emit(op, a, b);
  }
  packedShift(op: PackedShiftOp, a: Packed, count: Input): Packed {
    this.#push(a);
    this.push(count);
    return this.#emit(op);
  }
  packedTest(op: PackedTestOp, a: Packed): Value {
    this.#push(a);
    this.w.simd(SimdOp[op]);
    return this.pop();
  }
  splat(op: SplatOp, a: Input): Packed {
    this.push(a);
    return this.#emit(op);
  }
  packedConstant(...words: readonly [number, number, number, number]): Packed {
    this.w.simdBytes(SimdOp['v128.const'], new Uint8Array(Int32Array.from(words).buffer));
    return this.#pop();
  }
  shuffle(a: Packed, b: Packed, bytes: readonly number[]): Packed {
    this.#push(a, b);
    this.w.simdBytes(SimdOp['i8x16.shuffle'], bytes);
    return this.#pop();
  }
  bitselect(a: Packed, b: Packed, mask: Packed): Packed {
    return this.#emit('v128.bitselect', a, b, mask);
  }
  packedSelect(condition: Value, a: Packed, b: Packed): Packed {
    this.#push(a, b);
    this.push(condition);
    this.w.op(Op.select);
    return this.#pop();
  }
  packedVariable(initial: Packed): PackedVariable {
    this.#push(initial);
    const variable = this.#pop();
    const { local } = variable as unknown as { local: number };
    return {
      get: () => {
        this.#push(variable);
        return this.#pop();
      },
      set: (value) => {
        this.#push(value);
        this.w.set(local);
      },
    };
  }
  lane32(a: Packed, lane: 0 | 1 | 2 | 3): Value {
    this.#push(a);
    this.w.simdLane(SimdOp['i32x4.extract_lane'], lane);
    return this.pop();
  }
  withLane32(a: Packed, lane: 0 | 1 | 2 | 3, value: Input): Packed {
    this.#push(a);
    this.push(value);
    this.w.simdLane(SimdOp['i32x4.replace_lane'], lane);
    return this.#pop();
  }
  loadAtPacked(address: Input, size: PackedSize): Packed {
    this.push(address);
    this.w.simdMemory(SimdOp[loads[size]], 0);
    return this.#pop();
  }
  storeAtPacked(address: Input, value: Packed, size: PackedSize): void {
    this.change();
    this.push(address);
    this.#push(value);
    this.#store(size, 0);
  }
  loadPacked(linear: Input, size: PackedSize): Packed {
    this.w.get(this.pointer(this.localOf(linear), size, 0, this.functions.slowRead));
    this.w.simdMemory(SimdOp[loads[size]], POINTER_BIAS);
    return this.#pop();
  }
  storePacked(linear: Input, size: PackedSize, value: Packed): void {
    const { w } = this;
    const at = this.localOf(linear);
    const word = this.fresh(ValType.i32);
    const fast = () => {
      w.get(word);
      w.get(at);
      w.op(Op.i32Add);
      this.#push(value);
      this.#store(size, POINTER_BIAS);
    };
    this.access(word, at, size, TLB_WRITE_OFFSET, fast, () => {
      w.i32(0);
      this.#push(value);
      w.simdMemory(SimdOp['v128.store'], BOUNCE_BUFFER);
      w.get(at);
      w.i32(size);
      w.get(CoreLocal.RECORD);
      w.get(CoreLocal.BUDGET);
      w.call(this.functions.slowWriteBounced);
      this.faultIfZero();
    });
    this.change();
  }
  compute(number: number, first: Packed, second: Packed, predicate: Input = 0): Packed {
    this.mayFault();
    const { w } = this;
    for (const [address, value] of [
      [SseScratch.FIRST, first],
      [SseScratch.SECOND, second],
    ] as const) {
      w.i32(0);
      this.#push(value);
      w.simdMemory(SimdOp['v128.store'], address);
    }
    w.i32(0);
    this.push(predicate);
    w.memory(Op.i32Store, SseScratch.PREDICATE);
    w.i32(number);
    w.get(CoreLocal.RECORD);
    w.get(CoreLocal.BUDGET);
    w.call(this.functions.compute);
    const vector = this.pop();
    this.if(vector, () => {
      w.i32(0);
      this.push(vector);
      w.memory(Op.i32Store, State.FAULT_VECTOR);
      this.leave(Exit.FAULT);
    });
    w.i32(0);
    w.simdMemory(SimdOp['v128.load'], SseScratch.RESULT);
    return this.#pop();
  }
  reportFloatingPointError(): void {
    this.mayFault();
    const { w } = this;
    w.get(CoreLocal.RECORD);
    w.get(CoreLocal.BUDGET);
    w.call(this.functions.floatingPointError);
    const status = this.pop();
    this.if(status, () => {
      this.if(this.eq(status, Exit.STALE), () => this.leave(Exit.STALE));
      this.leave(Exit.FAULT);
    });
  }
}
