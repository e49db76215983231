/**
 * How an instruction is described, and the generic part of executing it: operands are read before and
 * written after the body, so that a body is only its computation.
 */
import type { Size } from '../x86/registers.ts';
import { SystemBase } from '../x86/state.ts';
import type { Builder, Input, Location, Value } from './builder.ts';
import type { OperandKind } from './form.ts';
import { inCacheCounter } from './in-cache.ts';

export interface OperandUse {
  /** `none`: the body accesses the operand by itself. */
  readonly use: 'read' | 'write' | 'update' | 'none';
  /** Width in bytes, where it differs from the operand size. */
  readonly size?: Size;
}

export interface InstructionSpec {
  readonly name: string;
  readonly sizes: readonly Size[];
  /** Allowed operand kinds; one handler is made for each. */
  readonly shapes: readonly (readonly OperandKind[])[];
  readonly operands: readonly OperandUse[];
  /** What else a handler is made for. */
  readonly variants?: {
    readonly conditions?: boolean;
    /** The handler differs between flat and segmented blocks even without a memory operand. */
    readonly flat?: boolean;
    /** REP prefixes to make: [0, 1] or [0, 1, 2]. */
    readonly rep?: readonly (0 | 1 | 2)[];
    readonly addressSizes?: readonly (2 | 4)[];
    /** Flat memory operands share one form, the one with an index. */
    readonly indexed?: boolean;
    /** Also made for the guest's virtual system state. */
    readonly virtual?: boolean;
  };
  /** Hot handlers are part of the core's loop; others are functions of their own. */
  readonly hot?: boolean;
  /** Whether the body ends the block (every path leaves by goto, gotoOffset, repeat or a block-ending callout). */
  readonly endsBlock?: boolean;
  /** @returns the new value of each written operand, in order */
  // biome-ignore lint/suspicious/noConfusingVoidType: a body without a result ends without `return`.
  body(b: Builder, ...operands: Value[]): Input | readonly Input[] | void;
}

const countInCache = (b: Builder, name: string, executions: 1 | -1): void => {
  const counter = inCacheCounter(name);
  b.storeState(counter, b.add(b.loadState(counter), executions));
};
/** Leaves an instruction to the callout of its record: it is no emulation in the cache after all. */
export const leaveToCallout = (b: Builder, name: string): void => {
  if (b.form.system === SystemBase.VIRTUAL) countInCache(b, name, -1);
  b.callout(false);
};

/** Executes one instruction of the builder's form. */
export const execute = (b: Builder, spec: InstructionSpec): void => {
  const { form } = b;
  if (form.system === SystemBase.VIRTUAL) countInCache(b, spec.name, 1);
  const locations: (Location | undefined)[] = [];
  const linears: (Value | undefined)[] = [];
  const values: Value[] = [];
  for (const [i, { use, size = form.size }] of spec.operands.entries()) {
    const kind = form.operands[i];
    if (kind === undefined) continue;
    const slot = i === 0 ? 0 : 1;
    if (kind === 'imm') values.push(b.immediate());
    else if (kind === 'reg') {
      // A third operand in a register has no field of its own and is read by the body.
      values.push(use === 'read' || use === 'update' ? b.regOperand(slot, size) : (undefined as never));
    } else if (use === 'update') {
      locations[i] = b.locate(b.operandLinear(size, 'update'), size);
      values.push(b.loadLocation(locations[i]!, size));
    } else if (use === 'read') values.push(b.load(b.operandLinear(size, 'read'), size));
    else {
      if (use === 'write') linears[i] = b.operandLinear(size, 'write');
      values.push(undefined as never);
    }
  }
  const result = spec.body(b, ...values);
  const results =
    result === undefined ? [] : Array.isArray(result) ? (result as readonly Input[]) : [result as Input];
  let next = 0;
  for (const [i, { use, size = form.size }] of spec.operands.entries()) {
    if (use !== 'update' && use !== 'write') continue;
    const value = results[next++];
    if (value === undefined) continue;
    const location = locations[i];
    const linear = linears[i];
    if (location) {
      b.storeLocation(location, size, value);
      b.commitLocation(location);
    } else if (linear !== undefined) b.store(linear, size, value);
    else b.setRegOperand(i === 0 ? 0 : 1, value, size);
  }
};
