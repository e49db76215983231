/** PUSH, POP, PUSHA, POPA, ENTER, LEAVE, PUSHF, POPF and the stack accesses that calls and returns share. */
import { Attribute } from '../x86/descriptors.ts';
import { Vector } from '../x86/exceptions.ts';
import { Flag, IOPL_SHIFT } from '../x86/flags.ts';
import { CR4, Gpr, Seg, type Size } from '../x86/registers.ts';
import { SegmentField, SHARED_FLAGS, State, System, SystemBase, segmentAddress } from '../x86/state.ts';
import type { Builder, Input, Value } from './builder.ts';
import { setStatusFlags, statusFlags } from './flags.ts';
import type { InstructionSpec } from './spec.ts';

/** Bits of ESP that address the stack: all 32, or 16 where SS.B is clear (SDM vol. 3, section 6.2.3 of vol. 1). */
export const stackMask = (b: Builder): Value => {
  if (b.form.flat) return b.constant(-1);
  const attributes = b.loadState(segmentAddress(SystemBase.PHYSICAL, Seg.SS) + SegmentField.ATTRIBUTES);
  return b.select(b.and(attributes, Attribute.DEFAULT_32), -1, 0xffff);
};

/** A new stack pointer with ESP's bits outside the mask. */
const wrapStackPointer = (b: Builder, value: Value): Value => {
  if (b.form.flat) return value;
  const mask = stackMask(b);
  return b.or(b.and(value, mask), b.and(b.reg(Gpr.ESP), b.not(mask)));
};
/** Writes the stack pointer, leaving the bits outside the mask. */
export const setStackPointer = (b: Builder, value: Value): void =>
  b.setReg(Gpr.ESP, wrapStackPointer(b, value));

const stackOffset = (b: Builder, value: Value): Value => (b.form.flat ? value : b.and(value, stackMask(b)));

/** Linear address of an access at a stack pointer value. */
export const stackLinear = (b: Builder, pointer: Value, size: number, access: 'read' | 'write'): Value =>
  b.linear(Seg.SS, stackOffset(b, pointer), size, access);

/** Pushes one value. */
export const push = (b: Builder, value: Input, size: Size): void => {
  const pointer = b.sub(b.reg(Gpr.ESP), size);
  b.store(stackLinear(b, pointer, size, 'write'), size, value);
  setStackPointer(b, pointer);
};

/** Reads the top of the stack without moving the pointer. @param depth bytes below the top */
export const peek = (b: Builder, size: Size, depth = 0): Value =>
  b.load(stackLinear(b, b.add(b.reg(Gpr.ESP), depth), size, 'read'), size);

/** Moves the stack pointer up. */
export const release = (b: Builder, bytes: Input): void => setStackPointer(b, b.add(b.reg(Gpr.ESP), bytes));

const wordSizes: readonly Size[] = [2, 4];
const flat = { flat: true } as const;

const iopl = (b: Builder): Value => b.and(b.shrU(b.system(System.FLAGS), IOPL_SHIFT), 3);

/** Whether a bit of CR4 is clear. */
const isOff = (b: Builder, extension: number): Value => b.eqz(b.and(b.system(System.CR4), extension));

/**
 * CLI and STI where CPL is above IOPL: the virtual interrupt flag takes the place of IF, if the virtual-8086 or
 * the protected-mode extension is there (SDM vol. 3, section 20.4), else they are not allowed.
 */
const requireVirtualInterruptFlag = (b: Builder): void => {
  const v86 = b.ne(b.and(b.system(System.FLAGS), Flag.VM), 0);
  const extension = b.select(v86, CR4.VME, CR4.PVI);
  const absent = b.eqz(b.and(b.system(System.CR4), extension));
  b.if(b.or(absent, b.ne(b.cpl(), 3)), () => b.raise(Vector.GP, 0));
};

/** Whether PUSHF and POPF are in virtual-8086 mode with an IOPL below 3. */
const isRestrictedV86 = (b: Builder): Value => {
  const v86 = b.ne(b.and(b.system(System.FLAGS), Flag.VM), 0);
  return b.and(v86, b.ne(iopl(b), 3));
};

/** The flag bits that a program may see as its own: everything but VM and RF (SDM vol. 2, PUSHF). */
const flagsImage = (b: Builder): Value => {
  const shared = b.and(b.loadState(State.FLAGS), SHARED_FLAGS & ~Flag.RF);
  const virtualised = b.and(b.system(System.FLAGS), Flag.IF | Flag.IOPL | Flag.VIF | Flag.VIP);
  return b.or(b.or(statusFlags(b), shared), b.or(virtualised, 2));
};

/** Distance of VIF above IF. */
const VIF_ABOVE_IF = 10;

/** PUSHF in virtual-8086 mode shows IOPL 3, and VIF as IF; PUSHFD is not allowed (SDM vol. 2, PUSHF). */
const virtualFlagsImage = (b: Builder): Value => {
  b.if(isOff(b, CR4.VME), () => b.raise(Vector.GP, 0));
  const virtualIf = b.and(b.shrU(b.system(System.FLAGS), VIF_ABOVE_IF), Flag.IF);
  return b.or(b.and(flagsImage(b), ~Flag.IF), b.or(virtualIf, Flag.IOPL));
};

const POPF_SHARED = Flag.TF | Flag.DF | Flag.NT | Flag.AC | Flag.ID;

/**
 * Loads the flags that POPF always changes, and virtualised ones by mask: IOPL changes only at CPL 0, IF only
 * where CPL <= IOPL; silently kept otherwise. VIF and VIP stay (SDM vol. 2, POPF).
 */
const popFlags = (b: Builder): void => {
  const { size } = b.form;
  const restricted = isRestrictedV86(b);
  b.if(size === 4 ? restricted : b.and(restricted, isOff(b, CR4.VME)), () => b.raise(Vector.GP, 0));
  const image = peek(b, size);
  if (size === 2) b.if(restricted, () => checkVirtualFlags(b, image));
  release(b, size);
  const cpl = b.cpl();
  const mayIopl = b.and(b.eqz(cpl), b.eqz(b.and(b.system(System.FLAGS), Flag.VM)));
  const mayIf = b.leU(cpl, iopl(b));
  const mask = b.or(b.select(mayIopl, Flag.IOPL, 0), b.select(mayIf, Flag.IF, 0));
  const old = b.system(System.FLAGS);
  const changed = b.or(b.and(old, b.not(mask)), b.and(image, mask));
  b.setSystem(System.FLAGS, changed);
  if (size === 2) {
    b.if(restricted, () => {
      const virtualIf = b.shl(b.and(image, Flag.IF), VIF_ABOVE_IF);
      b.setSystem(System.FLAGS, b.or(b.and(changed, ~Flag.VIF), virtualIf));
    });
  }
  const sharedMask = size === 2 ? POPF_SHARED & 0xffff : POPF_SHARED;
  const shared = b.loadState(State.FLAGS);
  b.storeState(State.FLAGS, b.or(b.and(shared, ~(sharedMask | Flag.RF)), b.and(image, sharedMask)));
  setStatusFlags(b, image);
  b.pollEvents(b.and(changed, Flag.IF), b.and(image, Flag.TF));
};

/** In virtual-8086 mode TF, and IF while an interrupt is pending, go to the virtual-8086 monitor. */
const checkVirtualFlags = (b: Builder, image: Value): void => {
  const pending = b.and(b.ne(b.and(image, Flag.IF), 0), b.ne(b.and(b.system(System.FLAGS), Flag.VIP), 0));
  b.if(b.or(b.ne(b.and(image, Flag.TF), 0), pending), () => b.raise(Vector.GP, 0));
};

export const stack: readonly InstructionSpec[] = [
  {
    name: 'push',
    sizes: wordSizes,
    shapes: [['reg'], ['imm'], ['mem']],
    variants: flat,
    hot: true,
    operands: [{ use: 'read' }],
    body: (b, value) => push(b, value, b.form.size),
  },
  {
    name: 'pop',
    sizes: wordSizes,
    shapes: [['reg']],
    variants: flat,
    hot: true,
    operands: [{ use: 'none' }],
    body(b) {
      const value = peek(b, b.form.size);
      release(b, b.form.size);
      b.setRegOperand(0, value);
    },
  },
  {
    // An ESP-based destination is addressed with the incremented ESP (SDM vol. 2, POP).
    name: 'pop.memory',
    sizes: wordSizes,
    shapes: [['mem']],
    variants: flat,
    operands: [{ use: 'none' }],
    body(b) {
      const { size } = b.form;
      const value = peek(b, size);
      const usesStackPointer = b.eq(b.field('BASE'), State.GPR + Gpr.ESP * 4);
      const address = b.operandLinear(size, 'write', b.select(usesStackPointer, size, 0));
      b.store(address, size, value);
      release(b, size);
    },
  },
  {
    name: 'pusha',
    sizes: wordSizes,
    shapes: [[]],
    variants: flat,
    operands: [],
    body(b) {
      const { size } = b.form;
      const pointer = b.reg(Gpr.ESP);
      for (let i = 0; i < 8; i++) {
        const at = b.sub(pointer, size * (i + 1));
        b.store(stackLinear(b, at, size, 'write'), size, b.zeroExtend(b.reg(i), size));
        b.commit();
      }
      setStackPointer(b, b.sub(pointer, size * 8));
    },
  },
  {
    name: 'popa',
    sizes: wordSizes,
    shapes: [[]],
    variants: flat,
    operands: [],
    body(b) {
      const { size } = b.form;
      const order = [Gpr.EDI, Gpr.ESI, Gpr.EBP, Gpr.ESP, Gpr.EBX, Gpr.EDX, Gpr.ECX, Gpr.EAX];
      const values = order.map((_, i) => peek(b, size, size * i));
      for (const [i, register] of order.entries()) {
        if (register !== Gpr.ESP) b.setReg(register, values[i]!, size);
      }
      release(b, size * 8);
    },
  },
  {
    name: 'leave',
    sizes: wordSizes,
    shapes: [[]],
    variants: flat,
    operands: [],
    hot: true,
    body(b) {
      const { size } = b.form;
      const frame = b.reg(Gpr.EBP);
      const value = b.load(stackLinear(b, frame, size, 'read'), size);
      setStackPointer(b, b.add(frame, size));
      b.setReg(Gpr.EBP, value, size);
    },
  },
  {
    // The immediate holds the frame size in its low 16 bits and the nesting level above.
    name: 'enter',
    sizes: wordSizes,
    shapes: [['imm']],
    variants: flat,
    operands: [{ use: 'read', size: 4 }],
    body(b, immediate) {
      const { size } = b.form;
      const level = b.and(b.shrU(immediate, 16), 31);
      const allocation = b.and(immediate, 0xffff);
      const pointer = b.variable(wrapStackPointer(b, b.sub(b.reg(Gpr.ESP), size)));
      b.store(stackLinear(b, pointer.get(), size, 'write'), size, b.zeroExtend(b.reg(Gpr.EBP), size));
      b.commit();
      const frame = b.variable(pointer.get());
      const display = b.variable(b.reg(Gpr.EBP));
      const remaining = b.variable(level);
      b.while(
        () => b.gtU(remaining.get(), 1),
        () => {
          display.set(b.sub(display.get(), size));
          pointer.set(b.sub(pointer.get(), size));
          const outer = b.load(stackLinear(b, display.get(), size, 'read'), size);
          b.store(stackLinear(b, pointer.get(), size, 'write'), size, outer);
          b.commit();
          remaining.set(b.sub(remaining.get(), 1));
        },
      );
      b.if(level, () => {
        pointer.set(b.sub(pointer.get(), size));
        b.store(stackLinear(b, pointer.get(), size, 'write'), size, b.zeroExtend(frame.get(), size));
        b.commit();
      });
      const final = b.sub(pointer.get(), allocation);
      // The new top of stack must be writable (SDM vol. 2, ENTER).
      b.locate(stackLinear(b, final, size, 'write'), size);
      setStackPointer(b, final);
      b.setReg(Gpr.EBP, frame.get(), size);
    },
  },
  {
    name: 'pushf',
    sizes: wordSizes,
    shapes: [[]],
    variants: { flat: true, virtual: true },
    operands: [],
    hot: true,
    body(b) {
      const { size } = b.form;
      const image = b.variable(flagsImage(b));
      b.if(isRestrictedV86(b), () => {
        if (size === 4) b.raise(Vector.GP, 0);
        else image.set(virtualFlagsImage(b));
      });
      push(b, image.get(), size);
    },
  },
  {
    name: 'popf',
    sizes: wordSizes,
    shapes: [[]],
    variants: { flat: true, virtual: true },
    operands: [],
    hot: true,
    body: popFlags,
  },
  {
    name: 'cli',
    sizes: [4],
    shapes: [[]],
    variants: { virtual: true },
    operands: [],
    hot: true,
    body(b) {
      const flag = b.variable(Flag.IF);
      b.if(b.gtU(b.cpl(), iopl(b)), () => {
        requireVirtualInterruptFlag(b);
        flag.set(Flag.VIF);
      });
      b.setSystem(System.FLAGS, b.and(b.system(System.FLAGS), b.not(flag.get())));
    },
  },
  {
    name: 'sti',
    sizes: [4],
    shapes: [[]],
    variants: { virtual: true },
    operands: [],
    hot: true,
    body(b) {
      const flag = b.variable(Flag.IF);
      b.if(b.gtU(b.cpl(), iopl(b)), () => {
        requireVirtualInterruptFlag(b);
        b.if(b.ne(b.and(b.system(System.FLAGS), Flag.VIP), 0), () => b.raise(Vector.GP, 0));
        flag.set(Flag.VIF);
      });
      const old = b.system(System.FLAGS);
      b.setSystem(System.FLAGS, b.or(old, flag.get()));
      // VIF neither holds off interrupts nor lets them in.
      const opened = b.and(b.eqz(b.and(old, Flag.IF)), b.eq(flag.get(), Flag.IF));
      b.if(opened, () => b.shadowInterrupts());
      b.pollEvents(b.and(b.or(old, flag.get()), Flag.IF));
    },
  },
  {
    // The selector operand comes from the record: a segment register's state, virtual or physical.
    name: 'push.segment',
    sizes: wordSizes,
    shapes: [[]],
    variants: flat,
    operands: [],
    hot: true,
    body(b) {
      const { size } = b.form;
      const selector = b.regOperand(1, 2);
      const pointer = b.sub(b.reg(Gpr.ESP), size);
      // With a 32-bit operand size processors write only the low 16 bits (SDM vol. 2, PUSH).
      b.store(stackLinear(b, pointer, 2, 'write'), 2, selector);
      setStackPointer(b, pointer);
    },
  },
  {
    name: 'mov.from.segment',
    sizes: wordSizes,
    shapes: [['reg'], ['mem']],
    operands: [{ use: 'none' }],
    hot: true,
    body(b) {
      const selector = b.regOperand(1, 2);
      if (b.form.operands[0] === 'mem') b.store(b.operandLinear(2, 'write'), 2, selector);
      else b.setRegOperand(0, selector);
    },
  },
  {
    name: 'cld',
    sizes: [4],
    shapes: [[]],
    operands: [],
    hot: true,
    body: (b) => b.storeState(State.FLAGS, b.and(b.loadState(State.FLAGS), ~Flag.DF)),
  },
  {
    name: 'std',
    sizes: [4],
    shapes: [[]],
    operands: [],
    body: (b) => b.storeState(State.FLAGS, b.or(b.loadState(State.FLAGS), Flag.DF)),
  },
];
