/** Stacks as far transfers and event delivery use them (SDM vol. 1, section 6.2). */
import { Attribute, descriptorBase, descriptorLimit, isData } from '../../x86/descriptors.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Gpr, Seg, type Size } from '../../x86/registers.ts';
import { SegmentField } from '../../x86/state.ts';
import type { Cpu } from '../cpu.ts';
import { type Descriptor, selectorError } from './protection.ts';

/** Mask of the bits of ESP that a stack segment with these attributes uses: its B bit decides. */
const stackMask = (attributes: number): number => (attributes & Attribute.DEFAULT_32 ? -1 : 0xffff);

const currentMask = (cpu: Cpu): number => stackMask(cpu.state.segment(Seg.SS, SegmentField.ATTRIBUTES));

/** Bytes of ESP that the current stack segment uses: SP or ESP. */
export const stackWidth = (cpu: Cpu): Size => (currentMask(cpu) === -1 ? 4 : 2);

/** Writes the part of ESP that the current SS uses; bits 16-31 stay with a 16-bit stack. */
export const setStackPointer = (cpu: Cpu, value: number): void =>
  cpu.state.setReg(Gpr.ESP, stackWidth(cpu), value);

/**
 * Reads from the current stack without popping. @param distance bytes above the top of the stack
 * @throws Fault #SS(0), #PF
 */
export const peek = (cpu: Cpu, distance: number, size: Size): number =>
  cpu.read(Seg.SS, ((cpu.state.gpr(Gpr.ESP) + distance) & currentMask(cpu)) >>> 0, size);

/** Adds to the stack pointer. @param bytes may be negative */
export const moveStackPointer = (cpu: Cpu, bytes: number): void =>
  setStackPointer(cpu, cpu.state.gpr(Gpr.ESP) + bytes);

/** A far return address on its way to the current stack, CS above EIP. */
const returnAddressOffset = (cpu: Cpu, size: Size, item: 1 | 2): number =>
  ((cpu.state.gpr(Gpr.ESP) - item * size) & currentMask(cpu)) >>> 0;

/** Checks that a far return address can be pushed on the current stack. @throws Fault #SS(0), #PF */
export const probeReturnAddress = (cpu: Cpu, size: Size): void => {
  cpu.probeWrite(Seg.SS, returnAddressOffset(cpu, size, 1), size);
  cpu.probeWrite(Seg.SS, returnAddressOffset(cpu, size, 2), size);
};

/** Writes CS and EIP below the top of the stack, which `probeReturnAddress` has checked; ESP stays. */
export const writeReturnAddress = (cpu: Cpu, size: Size): void => {
  cpu.write(Seg.SS, returnAddressOffset(cpu, size, 1), size, cpu.state.selector(Seg.CS));
  cpu.write(Seg.SS, returnAddressOffset(cpu, size, 2), size, cpu.state.eip);
};

/**
 * A stack that is filled before it becomes, or goes on being, the current one. `reserve` makes all checks,
 * after it `push` cannot fault; ESP is written by `commit` once SS is what it shall be.
 */
export class Stack {
  private readonly cpu: Cpu;
  private readonly base: number;
  /** Lowest and highest offset that may be written. */
  private readonly low: number;
  private readonly high: number;
  private readonly mask: number;
  /** Whether the pages are accessed as user pages. */
  private readonly user: boolean;
  /** Error code of the #SS when it is full. */
  private readonly error: number;
  private pointer: number;

  constructor(
    cpu: Cpu,
    base: number,
    low: number,
    high: number,
    mask: number,
    user: boolean,
    error: number,
    pointer: number,
  ) {
    this.cpu = cpu;
    this.base = base;
    this.low = low >>> 0;
    this.high = high >>> 0;
    this.mask = mask;
    this.user = user;
    this.error = error;
    this.pointer = pointer;
  }

  private address(offset: number): number {
    return (this.base + offset) >>> 0;
  }

  /** Checks that `count` items of `size` bytes can be pushed. @throws Fault #SS(error), #PF */
  reserve(count: number, size: Size): void {
    for (let i = 1; i <= count; i++) {
      const offset = ((this.pointer - i * size) & this.mask) >>> 0;
      if (offset < this.low || offset + size - 1 > this.high) throw new Fault(Vector.SS, this.error);
      this.cpu.probeLinearWrite(this.address(offset), size, this.user);
    }
  }

  /** Writes below the last item; `reserve` must have checked the place. */
  push(value: number, size: Size): void {
    this.pointer = ((this.pointer - size) & this.mask) >>> 0;
    this.cpu.writeLinear(this.address(this.pointer), size, value, this.user);
  }

  /** Makes ESP point to the last item. */
  commit(): void {
    setStackPointer(this.cpu, this.pointer);
  }
}

/** The stack of the current SS and ESP, as event delivery uses it. @param ext EXT bit of a #SS */
export const currentStack = (cpu: Cpu, ext: number): Stack => {
  const { state } = cpu;
  return new Stack(
    cpu,
    state.segment(Seg.SS, SegmentField.BASE),
    state.segment(Seg.SS, SegmentField.WRITE_LOW),
    state.segment(Seg.SS, SegmentField.WRITE_HIGH),
    currentMask(cpu),
    state.cpl === 3,
    ext,
    state.gpr(Gpr.ESP),
  );
};

/**
 * The stack that a checked writable data descriptor describes, for a more privileged level.
 * @param cpl privilege the stack will be used at @param ext EXT bit of a #SS, which names the selector
 */
export const innerStack = (
  cpu: Cpu,
  selector: number,
  { low, high }: Descriptor,
  pointer: number,
  cpl: number,
  ext: number,
): Stack => {
  const mask = stackMask(high);
  const limit = descriptorLimit(low, high);
  const down = isData(high) && (high & Attribute.EXPAND_DOWN) !== 0;
  return new Stack(
    cpu,
    descriptorBase(low, high),
    down ? limit + 1 : 0,
    down ? mask >>> 0 : limit,
    mask,
    cpl === 3,
    selectorError(selector, ext),
    pointer,
  );
};
