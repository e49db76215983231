/** The part of the reference builder that computes on vectors. */
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
import { BOUNCE_BUFFER, POINTER_BIAS } from '../memory/layout.ts';
import { SseScratch } from '../x86/fpu.ts';
import { State } from '../x86/state.ts';
import { Exit } from './exits.ts';
import { ReferenceBuilder } from './reference-builder.ts';
import { binaryOps, freshVector, shiftOps, splatOps, testOps, unaryOps, type Vector128 } from './vector.ts';

const vector = (value: Packed): Vector128 => value as unknown as Vector128;
const packed = (value: Vector128): Packed => value as unknown as Packed;
const number = (value: Input): number => value as unknown as number;
const made = (fill: (r: Vector128) => void): Packed => {
  const r = freshVector();
  fill(r);
  return packed(r);
};

export class ReferenceVectorBuilder extends ReferenceBuilder {
  packedUnary(op: PackedUnaryOp, a: Packed): Packed {
    return packed(unaryOps[op](vector(a)));
  }
  packedBinary(op: PackedBinaryOp, a: Packed, b: Packed): Packed {
    return packed(binaryOps[op](vector(a), vector(b)));
  }
  packedShift(op: PackedShiftOp, a: Packed, count: Input): Packed {
    return packed(shiftOps[op](vector(a), number(count)));
  }
  packedTest(op: PackedTestOp, a: Packed): Value {
    return this.constant(testOps[op](vector(a)));
  }
  splat(op: SplatOp, a: Input): Packed {
    return packed(splatOps[op](number(a)));
  }
  packedConstant(...words: readonly [number, number, number, number]): Packed {
    return made((r) => r.i32.set(words));
  }
  shuffle(a: Packed, b: Packed, bytes: readonly number[]): Packed {
    const both = [...vector(a).u8, ...vector(b).u8];
    return made((r) => r.u8.set(bytes.map((byte) => both[byte]!)));
  }
  bitselect(a: Packed, b: Packed, mask: Packed): Packed {
    return made((r) => {
      for (let i = 0; i < 4; i++) {
        const m = vector(mask).i32[i]!;
        r.i32[i] = (vector(a).i32[i]! & m) | (vector(b).i32[i]! & ~m);
      }
    });
  }
  packedSelect(condition: Value, a: Packed, b: Packed): Packed {
    return number(condition) !== 0 ? a : b;
  }
  packedVariable(initial: Packed): PackedVariable {
    let current = initial;
    return {
      get: () => current,
      set: (value) => {
        current = value;
      },
    };
  }
  lane32(a: Packed, lane: 0 | 1 | 2 | 3): Value {
    return this.constant(vector(a).i32[lane]!);
  }
  withLane32(a: Packed, lane: 0 | 1 | 2 | 3, value: Input): Packed {
    return made((r) => {
      r.i32.set(vector(a).i32);
      r.i32[lane] = number(value);
    });
  }

  #get(address: number, size: PackedSize): Packed {
    return made((r) => r.u8.set(this.bytes.subarray(address, address + size)));
  }
  #set(address: number, value: Packed, size: PackedSize): void {
    this.bytes.set(vector(value).u8.subarray(0, size), address);
  }
  loadAtPacked(address: Input, size: PackedSize): Packed {
    return this.#get(number(address), size);
  }
  storeAtPacked(address: Input, value: Packed, size: PackedSize): void {
    this.#set(number(address), value, size);
  }
  loadPacked(linear: Input, size: PackedSize): Packed {
    this.enterHost();
    const pointer = this.host.read(number(linear), size);
    if (pointer === 0) this.leave(Exit.FAULT);
    return this.#get(pointer + POINTER_BIAS, size);
  }
  storePacked(linear: Input, size: PackedSize, value: Packed): void {
    this.enterHost();
    this.#set(BOUNCE_BUFFER, value, size);
    if (this.host.writeBounced(number(linear), size) === 0) this.leave(Exit.FAULT);
  }
  compute(index: number, first: Packed, second: Packed, predicate: Input = 0): Packed {
    this.enterHost();
    this.#set(SseScratch.FIRST, first, 16);
    this.#set(SseScratch.SECOND, second, 16);
    this.view.setInt32(SseScratch.PREDICATE, number(predicate), true);
    const raised = this.host.compute(index);
    if (raised !== 0) {
      this.view.setInt32(State.FAULT_VECTOR, raised, true);
      this.leave(Exit.FAULT);
    }
    return this.#get(SseScratch.RESULT, 16);
  }
  reportFloatingPointError(): void {
    this.enterHost();
    const status = this.host.floatingPointError();
    if (status !== Exit.NEXT) this.leave(status as Exit);
  }
}
