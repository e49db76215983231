/**
 * What the bodies of ordinary x87 instructions share: when they apply, the register stack, and what every
 * non-control instruction notes. Whatever is not ordinary is left to the callout of the same record, before
 * anything has changed.
 */
import { Fpu, FpuStatus } from '../../../x86/fpu.ts';
import { CR0, Seg } from '../../../x86/registers.ts';
import { SegmentField, State, System, SystemBase, segmentAddress } from '../../../x86/state.ts';
import type { Builder, Input, Value } from '../../builder.ts';
import type { InstructionSpec } from '../../spec.ts';

/** Control word: all exceptions masked, double extended precision, round to nearest; and these fields. */
const CONTROL = { FIELDS: 0x0f3f, ORDINARY: 0x033f, ROUNDING: 0x0c00 } as const;

/** Whether x87 instructions may execute at all. */
const available = (b: Builder): Value => b.eqz(b.and(b.system(System.CR0), CR0.EM | CR0.TS));

/** With every exception masked none can be pending. */
export const isOrdinary = (b: Builder): Value => {
  const control = b.xor(b.and(b.loadState(Fpu.CONTROL), CONTROL.FIELDS), CONTROL.ORDINARY);
  return b.and(available(b), b.eqz(control));
};
/** As `isOrdinary`, but rounding may also be towards zero, as compiled conversions to integers have it. */
export const isOrdinaryConversion = (b: Builder): Value => {
  const control = b.loadState(Fpu.CONTROL);
  const difference = b.xor(b.and(control, CONTROL.FIELDS & ~CONTROL.ROUNDING), CONTROL.ORDINARY);
  const rounding = b.and(control, CONTROL.ROUNDING);
  const known = b.or(b.eqz(rounding), b.eq(rounding, CONTROL.ROUNDING));
  return b.and(b.and(available(b), b.eqz(difference)), known);
};
/** Whether an instruction that does not wait for pending exceptions may execute. */
export const isAvailable = available;

/** Leaves the instruction to its callout. */
export const leave = (b: Builder): void => b.callout(false);

/** The register stack, as read at the beginning of an instruction. */
export interface Stack {
  readonly status: Value;
  readonly top: Value;
  readonly occupied: Value;
}
export const readStack = (b: Builder): Stack => {
  const status = b.loadState(Fpu.STATUS);
  return {
    status,
    top: b.and(b.shrU(status, FpuStatus.TOP_SHIFT), 7),
    occupied: b.loadState(Fpu.OCCUPIED),
  };
};
/** Physical number of ST(index). */
const physical = (b: Builder, { top }: Stack, index: Input): Value => b.and(b.add(top, index), 7);
/** State address of ST(index). */
export const address = (b: Builder, stack: Stack, index: Input): Value =>
  b.add(b.shl(physical(b, stack, index), 4), Fpu.REGISTERS);
/** 1 if ST(index) holds something. */
export const holds = (b: Builder, stack: Stack, index: Input): Value =>
  b.and(b.shrU(stack.occupied, physical(b, stack, index)), 1);
/** i of the ST(i) operand. */
export const operandIndex = (b: Builder): Value => b.shrU(b.field('REG0'), 8);

interface Change {
  /** Registers pushed, negative: popped. */
  readonly push?: number;
  /** Bits for the status word besides TOP; C1 is cleared first. */
  readonly bits?: Input;
  /** Status bits that are cleared too. */
  readonly clear?: number;
  /** ST(index) gets a value, counted before the push. */
  readonly fills?: Input;
  readonly keepsC1?: boolean;
}
/** Writes the status word and which registers hold something. */
export const changeStack = (b: Builder, stack: Stack, change: Change): void => {
  const { push = 0, bits = 0, clear = 0, fills, keepsC1 } = change;
  let { status, occupied } = stack;
  status = b.and(status, ~(clear | (keepsC1 ? 0 : FpuStatus.C1)));
  if (push !== 0) {
    const top = b.and(b.sub(stack.top, push), 7);
    status = b.or(b.and(status, ~FpuStatus.TOP), b.shl(top, FpuStatus.TOP_SHIFT));
  }
  const bit = (index: Input) => b.shl(1, physical(b, stack, index));
  for (let popped = 0; popped < -push; popped++) occupied = b.and(occupied, b.not(bit(popped)));
  if (push > 0) occupied = b.or(occupied, bit(-1));
  if (fills !== undefined) occupied = b.or(occupied, bit(fills));
  b.storeState(Fpu.STATUS, b.or(status, bits));
  if (push !== 0 || fills !== undefined) b.storeState(Fpu.OCCUPIED, occupied);
};

/** Notes the instruction, and its memory operand, as the last one (SDM vol. 1, section 8.1.8). @param offset in its segment */
export const note = (b: Builder, offset?: Value): void => {
  b.storeState(Fpu.FIP, b.add(b.loadState(State.EIP_PAGE), b.field('PAGE_OFFSET')));
  b.storeState(Fpu.FOP, b.immediate());
  const visible = b.loadState(State.VISIBLE);
  const selector = (segment: Input) => b.loadAt(b.add(b.add(visible, segment), SegmentField.SELECTOR), 4);
  b.storeState(Fpu.FCS, selector(segmentAddress(SystemBase.PHYSICAL, Seg.CS)));
  if (offset === undefined) return;
  b.storeState(Fpu.FDP, offset);
  b.storeState(Fpu.FDS, selector(b.field('SEGMENT')));
};

/** An instruction with a register operand or none. @param name of its callout */
export const registerForm = (name: string, body: (b: Builder) => void): InstructionSpec => ({
  name,
  sizes: [4],
  shapes: [[]],
  operands: [],
  body,
});
/** An instruction with a memory operand, which the body accesses. */
export const memoryForm = (name: string, body: (b: Builder) => void): InstructionSpec => ({
  name,
  sizes: [4],
  shapes: [['mem']],
  operands: [{ use: 'none' }],
  variants: { indexed: true },
  body,
});
