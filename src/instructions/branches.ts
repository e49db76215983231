/** Near transfers: JMP, Jcc, CALL, RET, LOOP, JCXZ. Far ones are callouts. */
import { Vector } from '../x86/exceptions.ts';
import { Gpr, Seg } from '../x86/registers.ts';
import { SegmentField, State, SystemBase, segmentAddress } from '../x86/state.ts';
import type { Builder, Value } from './builder.ts';
import { condition } from './flags.ts';
import type { InstructionSpec } from './spec.ts';
import { peek, push, release } from './stack.ts';

/** Offset in CS of a direct target, wrapped to the operand size. */
const targetOffset = (b: Builder, target: 0 | 1): Value => {
  const offset = b.add(b.loadState(State.EIP_PAGE), b.field(target === 0 ? 'TARGET0' : 'TARGET1'));
  return target === 0 ? b.zeroExtend(offset, b.form.size) : offset;
};

/** Raises #GP(0) when an offset lies beyond the code segment's limit. */
const checkTarget = (b: Builder, offset: Value): Value => {
  if (b.form.flat) return offset;
  const limit = b.loadState(segmentAddress(SystemBase.PHYSICAL, Seg.CS) + SegmentField.LIMIT);
  b.if(b.gtU(offset, limit), () => b.raise(Vector.GP, 0));
  return offset;
};

/** Continues at a direct target: linked where blocks are flat, looked up elsewhere. */
const transfer = (b: Builder, target: 0 | 1): void => {
  // A 16-bit operand size truncates EIP, so only 32-bit targets can be linked.
  if (b.form.flat && (b.form.size === 4 || target === 1)) b.goto(target);
  else b.gotoOffset(targetOffset(b, target));
};

const takeIf = (b: Builder, taken: Value, before: () => void = () => {}): void => {
  if (!b.form.flat) b.if(taken, () => void checkTarget(b, targetOffset(b, 0)));
  before();
  b.if(
    taken,
    () => transfer(b, 0),
    () => transfer(b, 1),
  );
};

const sizes = [2, 4] as const;
const flat = { flat: true } as const;

/** LOOP, LOOPE, LOOPNE: the count register's width is the address size. */
const loop = (name: string, also: (b: Builder) => Value | null): InstructionSpec => ({
  name,
  sizes,
  shapes: [[]],
  variants: { flat: true, addressSizes: [2, 4] },
  operands: [],
  endsBlock: true,
  body(b) {
    const width = b.form.addressSize;
    const count = b.sub(b.reg(Gpr.ECX), 1);
    const nonzero = b.ne(b.zeroExtend(count, width), 0);
    const extra = also(b);
    takeIf(b, extra === null ? nonzero : b.and(nonzero, extra), () => b.setReg(Gpr.ECX, count, width));
  },
});

export const branches: readonly InstructionSpec[] = [
  {
    name: 'jmp',
    sizes,
    shapes: [[]],
    variants: flat,
    operands: [],
    hot: true,
    endsBlock: true,
    body(b) {
      if (!b.form.flat) checkTarget(b, targetOffset(b, 0));
      transfer(b, 0);
    },
  },
  {
    name: 'j',
    sizes,
    shapes: [[]],
    variants: { flat: true, conditions: true },
    operands: [],
    hot: true,
    endsBlock: true,
    body: (b) => takeIf(b, condition(b, b.form.condition)),
  },
  loop('loop', () => null),
  loop('loope', (b) => condition(b, 4)),
  loop('loopne', (b) => condition(b, 5)),
  {
    name: 'jcxz',
    sizes,
    shapes: [[]],
    variants: { flat: true, addressSizes: [2, 4] },
    operands: [],
    endsBlock: true,
    body: (b) => takeIf(b, b.eqz(b.zeroExtend(b.reg(Gpr.ECX), b.form.addressSize))),
  },
  {
    name: 'call',
    sizes,
    shapes: [[]],
    variants: flat,
    operands: [],
    hot: true,
    endsBlock: true,
    body(b) {
      if (!b.form.flat) checkTarget(b, targetOffset(b, 0));
      push(b, b.zeroExtend(b.nextOffset(), b.form.size), b.form.size);
      transfer(b, 0);
    },
  },
  {
    name: 'jmp.indirect',
    sizes,
    shapes: [['reg'], ['mem']],
    variants: flat,
    operands: [{ use: 'read' }],
    hot: true,
    endsBlock: true,
    body: (b, target) => b.gotoOffset(checkTarget(b, target)),
  },
  {
    name: 'call.indirect',
    sizes,
    shapes: [['reg'], ['mem']],
    variants: flat,
    operands: [{ use: 'read' }],
    hot: true,
    endsBlock: true,
    body(b, target) {
      checkTarget(b, target);
      push(b, b.zeroExtend(b.nextOffset(), b.form.size), b.form.size);
      b.gotoOffset(target);
    },
  },
  {
    name: 'ret',
    sizes,
    shapes: [['imm']],
    variants: flat,
    operands: [{ use: 'none' }],
    hot: true,
    endsBlock: true,
    body(b) {
      const target = checkTarget(b, peek(b, b.form.size));
      release(b, b.add(b.immediate(), b.form.size));
      b.gotoOffset(target);
    },
  },
  // A block that ended for another reason than a transfer: its length limit or its page.
  {
    name: 'continue',
    sizes: [4],
    shapes: [[]],
    variants: flat,
    operands: [],
    hot: true,
    endsBlock: true,
    body: (b) => transfer(b, 1),
  },
];
