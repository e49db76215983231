/** IRET and IRETD (SDM vol. 2, IRET). */
import { Attribute, descriptorType, SystemType } from '../../x86/descriptors.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Flag, STATUS_FLAGS } from '../../x86/flags.ts';
import { Gpr, Seg, SystemSegment } from '../../x86/registers.ts';
import { SegmentField } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { returnTo } from './far-return.ts';
import { checkRealOffset, enterReal } from './far-transfer.ts';
import { supportsVirtualInterrupts } from './features.ts';
import {
  fetchDescriptor,
  installRealSegment,
  ioPrivilege,
  isNull,
  isProtected,
  isVirtual8086,
  selectorError,
} from './protection.ts';
import { moveStackPointer, peek } from './stack.ts';
import { switchTask } from './task-switch.ts';
import { checkPendingVirtualInterrupt, checkVirtualFlags, hasVme } from './virtual-8086.ts';

const ANY_LEVEL = STATUS_FLAGS | Flag.TF | Flag.DF | Flag.NT;
const ANY_LEVEL_HIGH = Flag.RF | Flag.AC | Flag.ID;

/** Loads the flags of `mask` from an image. */
const loadFlags = (cpu: Cpu, image: number, mask: number): void => cpu.state.changeFlags(mask, image);

/** The flags IRET may change at a privilege level in protected mode. */
const changeableFlags = (cpu: Cpu, size: number): number => {
  const { cpl } = cpu.state;
  let mask = size === 4 ? ANY_LEVEL | ANY_LEVEL_HIGH : ANY_LEVEL;
  if (cpl <= ioPrivilege(cpu)) mask |= Flag.IF;
  if (cpl === 0) {
    mask |= Flag.IOPL;
    if (size === 4 && supportsVirtualInterrupts(cpu)) mask |= Flag.VIF | Flag.VIP;
  }
  return mask;
};

const frameItem = (cpu: Cpu, index: number, size: 2 | 4): number => peek(cpu, index * size, size);

const returnReal = (cpu: Cpu, size: 2 | 4, mask: number): void => {
  const eip = frameItem(cpu, 0, size) >>> 0;
  const selector = frameItem(cpu, 1, size) & 0xffff;
  const image = frameItem(cpu, 2, size);
  checkRealOffset(cpu, eip);
  moveStackPointer(cpu, 3 * size);
  loadFlags(cpu, image, size === 4 ? mask | ANY_LEVEL_HIGH : mask);
  enterReal(cpu, selector, eip);
};

/** IRET of virtual-8086 mode with an IOPL below 3, which needs VME (SDM vol. 2, IRET). */
const returnVirtual = (cpu: Cpu, size: 2 | 4): void => {
  if (size === 4 || !hasVme(cpu)) throw new Fault(Vector.GP);
  const eip = frameItem(cpu, 0, 2);
  const selector = frameItem(cpu, 1, 2);
  const image = checkVirtualFlags(cpu, frameItem(cpu, 2, 2));
  checkRealOffset(cpu, eip);
  moveStackPointer(cpu, 6);
  loadFlags(cpu, image, ANY_LEVEL | Flag.VIF);
  enterReal(cpu, selector, eip);
};

/** IRETD from CPL 0 with VM set in the image: EIP CS EFLAGS ESP SS ES DS FS GS lie on the stack. */
const returnToVirtual8086 = (cpu: Cpu, eip: number, image: number): void => {
  const { state } = cpu;
  const selectorAt = (index: number): number => frameItem(cpu, index, 4) & 0xffff;
  const pointer = frameItem(cpu, 3, 4);
  const selectors: [number, number][] = [
    [Seg.CS, selectorAt(1)],
    [Seg.SS, selectorAt(4)],
    [Seg.ES, selectorAt(5)],
    [Seg.DS, selectorAt(6)],
    [Seg.FS, selectorAt(7)],
    [Seg.GS, selectorAt(8)],
  ];
  if (eip > 0xffff) throw new Fault(Vector.GP);
  loadFlags(cpu, image, changeableFlags(cpu, 4) | Flag.VM);
  state.cpl = 3;
  for (const [segment, selector] of selectors) installRealSegment(cpu, segment, selector);
  state.setGpr(Gpr.ESP, pointer);
  state.eip = eip;
  cpu.modeChanged();
};

/** IRET with NT set: back to the task whose selector the current TSS links to. */
const returnFromTask = (cpu: Cpu): void => {
  const link = cpu.readLinear(cpu.state.segment(SystemSegment.TR, SegmentField.BASE) >>> 0, 2, false);
  const error = selectorError(link, 0);
  if (link & 4 || isNull(link)) throw new Fault(Vector.TS, error);
  const descriptor = fetchDescriptor(cpu, link, Vector.TS);
  const { high } = descriptor;
  const type = descriptorType(high);
  if (
    (high & Attribute.SEGMENT) !== 0 ||
    (type !== SystemType.TSS16_BUSY && type !== SystemType.TSS32_BUSY)
  ) {
    throw new Fault(Vector.TS, error);
  }
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, error);
  switchTask(cpu, link, descriptor, 'return', cpu.state.eflags);
};

const returnProtected = (cpu: Cpu, size: 2 | 4): void => {
  if (cpu.state.flag(Flag.NT)) {
    returnFromTask(cpu);
    return;
  }
  const eip = frameItem(cpu, 0, size) >>> 0;
  const selector = frameItem(cpu, 1, size) & 0xffff;
  const image = frameItem(cpu, 2, size);
  if (size === 4 && image & Flag.VM && cpu.state.cpl === 0) {
    returnToVirtual8086(cpu, eip, image);
    return;
  }
  returnTo(cpu, selector, eip, size, 3 * size, 0, () => loadFlags(cpu, image, changeableFlags(cpu, size)));
};

export const iret = (cpu: Cpu, operands: Operands): void => {
  cpu.unblockNmi();
  const interruptible = cpu.state.flag(Flag.IF);
  const size = operands.size === 2 ? 2 : 4;
  if (!isProtected(cpu)) returnReal(cpu, size, ANY_LEVEL | Flag.IF | Flag.IOPL);
  else if (isVirtual8086(cpu)) {
    if (ioPrivilege(cpu) === 3) returnReal(cpu, size, ANY_LEVEL | Flag.IF);
    else returnVirtual(cpu, size);
  } else {
    returnProtected(cpu, size);
    checkPendingVirtualInterrupt(cpu);
  }
  if (!interruptible && cpu.state.flag(Flag.IF)) cpu.interruptsEnabled();
};
