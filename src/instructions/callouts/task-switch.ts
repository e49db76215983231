/** Hardware task switches (SDM vol. 3, section 7.3). */
import { DR6, debugRegister } from '../../x86/debug.ts';
import {
  ATTRIBUTES_MASK,
  Attribute,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  descriptorType,
  isCode,
  isConformingCode,
  isReadable,
  isWritableData,
  SystemType,
} from '../../x86/descriptors.ts';
import { Fault, LateFault, Vector } from '../../x86/exceptions.ts';
import { Flag } from '../../x86/flags.ts';
import { CR0, Seg, type Size, SystemSegment } from '../../x86/registers.ts';
import { SegmentField, System } from '../../x86/state.ts';
import type { Cpu } from '../cpu.ts';
import { loadCr3 } from './pdptes.ts';
import {
  type Descriptor,
  fetchDescriptor,
  installRealSegment,
  installSegment,
  isNull,
  isVirtual8086,
  markAccessed,
  selectorError,
} from './protection.ts';
import { currentStack } from './stack.ts';
import { checkPendingVirtualInterrupt } from './virtual-8086.ts';

/** What starts a switch: JMP; CALL, interrupt or exception, which nest; IRET with NT set. */
export type SwitchCause = 'jump' | 'nest' | 'return';

/** Where the fields of a task state segment lie, in bytes (SDM vol. 3, sections 7.2.1 and 7.6). */
interface TssFormat {
  /** Width of EIP, EFLAGS and the general registers. */
  readonly size: Size;
  /** Lowest limit of a TSS that is switched to, and of one whose task is left. */
  readonly newLimit: number;
  readonly oldLimit: number;
  readonly eip: number;
  readonly eflags: number;
  /** Eight registers in ModRM order. */
  readonly registers: number;
  /** Segment registers from ES on, each in a slot of `size` bytes. */
  readonly selectors: number;
  readonly selectorCount: number;
  readonly ldt: number;
}

const FORMAT16: TssFormat = {
  size: 2,
  newLimit: 0x2b,
  oldLimit: 0x29,
  eip: 0x0e,
  eflags: 0x10,
  registers: 0x12,
  selectors: 0x22,
  selectorCount: 4,
  ldt: 0x2a,
};
const FORMAT32: TssFormat = {
  size: 4,
  newLimit: 0x67,
  oldLimit: 0x5f,
  eip: 0x20,
  eflags: 0x24,
  registers: 0x28,
  selectors: 0x48,
  selectorCount: 6,
  ldt: 0x60,
};
const LINK = 0x00;
/** Fields that only the 32-bit format has. */
const PAGE_DIRECTORY = 0x1c;
const TRAP = 0x64;

/** Bit 1 of a TSS descriptor's type tells busy from available. */
const BUSY = 1 << 9;
/** LE and L0 to L3: breakpoints of one task (SDM vol. 3, section 17.2.4). */
const DR7_LOCAL = 0x155;

const formatOf = (attributes: number): TssFormat => (descriptorType(attributes) & 8 ? FORMAT32 : FORMAT16);

/**
 * The TSS that a CALL, JMP, interrupt or exception goes to by a task gate.
 * @param ext EXT bit of the error codes @throws Fault #GP, #NP with the TSS selector, #PF
 */
export const fetchAvailableTss = (cpu: Cpu, selector: number, ext: number): Descriptor => {
  const error = selectorError(selector, ext);
  if (selector & 4 || isNull(selector)) throw new Fault(Vector.GP, error);
  const descriptor = fetchDescriptor(cpu, selector, Vector.GP, ext);
  const { high } = descriptor;
  const type = descriptorType(high);
  if ((high & Attribute.SEGMENT) !== 0 || (type !== SystemType.TSS16 && type !== SystemType.TSS32)) {
    throw new Fault(Vector.GP, error);
  }
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, error);
  return descriptor;
};

/** Reads the first and last byte of at most a page. @throws Fault #PF */
const probeRead = (cpu: Cpu, linear: number, length: number): void => {
  cpu.readLinear(linear, 1, false);
  cpu.readLinear((linear + length - 1) >>> 0, 1, false);
};

/** Sets or clears the busy bit of a TSS descriptor; one that the table has lost meanwhile is left alone. */
const markBusy = (cpu: Cpu, selector: number, busy: boolean): void => {
  const descriptor = cpu.readDescriptor(selector);
  if (descriptor === null) return;
  const high = busy ? descriptor.high | BUSY : descriptor.high & ~BUSY;
  cpu.writeDescriptorHigh(selector, high);
};

/** Proves that a TSS descriptor can be written by doing so. @throws Fault #PF */
const probeBusy = (cpu: Cpu, selector: number): void => {
  const descriptor = cpu.readDescriptor(selector);
  if (descriptor !== null) cpu.writeDescriptorHigh(selector, descriptor.high);
};

const saveTask = (cpu: Cpu, base: number, format: TssFormat, image: number): void => {
  const { state } = cpu;
  const { size } = format;
  const put = (offset: number, width: Size, value: number): void =>
    cpu.writeLinear((base + offset) >>> 0, width, value, false);
  put(format.eip, size, state.eip);
  put(format.eflags, size, image);
  for (let i = 0; i < 8; i++) put(format.registers + i * size, size, state.gpr(i));
  for (let i = 0; i < format.selectorCount; i++) put(format.selectors + i * size, 2, state.selector(i));
};

/** What a TSS says about its task. */
interface TaskState {
  readonly eip: number;
  readonly eflags: number;
  readonly registers: readonly number[];
  /** ES CS SS DS FS GS. */
  readonly selectors: readonly number[];
  readonly ldt: number;
  readonly cr3: number;
  readonly trap: boolean;
}

/** A 16-bit TSS leaves the upper half of the general registers all ones, and FS and GS null. */
const readTask = (cpu: Cpu, base: number, format: TssFormat): TaskState => {
  const { size } = format;
  const get = (offset: number, width: Size): number => cpu.readLinear((base + offset) >>> 0, width, false);
  const wide = size === 4;
  const high = wide ? 0 : 0xffff0000;
  return {
    eip: get(format.eip, size),
    eflags: get(format.eflags, size),
    registers: Array.from({ length: 8 }, (_, i) => get(format.registers + i * size, size) | high),
    selectors: Array.from({ length: 6 }, (_, i) =>
      i < format.selectorCount ? get(format.selectors + i * size, 2) : 0,
    ),
    ldt: get(format.ldt, 2),
    cr3: wide ? get(PAGE_DIRECTORY, 4) : cpu.state.sys(System.CR3),
    trap: wide && (get(TRAP, 2) & 1) !== 0,
  };
};

/** The descriptor of a selector, or null for a null selector and one beyond its table. @throws Fault #PF */
const lookUp = (cpu: Cpu, selector: number): Descriptor | null =>
  isNull(selector) ? null : cpu.readDescriptor(selector);

/**
 * Loads the LDT and the segment registers of a protected-mode task, in the order of the checks of SDM vol. 3,
 * table 7-1. The selectors are in the registers already, with hidden parts that allow nothing.
 * @throws Fault #TS, #NP, #SS with the selector, #PF
 */
const qualifySegments = (cpu: Cpu, task: TaskState, ext: number): void => {
  const { state } = cpu;
  const refusal = (vector: number, selector: number): Fault =>
    new Fault(vector, selectorError(selector, ext));
  const isPresent = ({ high }: Descriptor): boolean => (high & Attribute.PRESENT) !== 0;
  const codeSelector = task.selectors[Seg.CS]!;
  const stackSelector = task.selectors[Seg.SS]!;
  const cpl = codeSelector & 3;

  const ldtPresent = loadLocalTable(cpu, task.ldt, ext);
  const code = lookUp(cpu, codeSelector);
  const stack = lookUp(cpu, stackSelector);
  const stackIsWritable = stack !== null && isWritableData(stack.high);
  // A good stack comes first, so that the faults of all other segments can use it.
  if (
    stackIsWritable &&
    isPresent(stack) &&
    descriptorDpl(stack.high) === cpl &&
    (stackSelector & 3) === cpl
  ) {
    markAccessed(cpu, stackSelector, stack);
    installSegment(cpu, Seg.SS, stackSelector, stack);
    state.cpl = cpl;
  }

  if (code !== null && isCode(code.high)) {
    const dpl = descriptorDpl(code.high);
    if (isConformingCode(code.high) ? dpl > cpl : dpl !== cpl) throw refusal(Vector.TS, codeSelector);
  }
  if (!stackIsWritable) throw refusal(Vector.TS, stackSelector);
  if (!isPresent(stack)) throw refusal(Vector.SS, stackSelector);
  if (descriptorDpl(stack.high) !== cpl) throw refusal(Vector.TS, stackSelector);
  if (!ldtPresent) throw refusal(Vector.TS, task.ldt);
  if (code === null || !isCode(code.high)) throw refusal(Vector.TS, codeSelector);
  if (!isPresent(code)) throw refusal(Vector.NP, codeSelector);
  if ((stackSelector & 3) !== cpl) throw refusal(Vector.TS, stackSelector);
  markAccessed(cpu, codeSelector, code);
  installSegment(cpu, Seg.CS, codeSelector, code);

  for (const segment of [Seg.DS, Seg.ES, Seg.FS, Seg.GS]) {
    const selector = task.selectors[segment]!;
    if (isNull(selector)) continue;
    const data = lookUp(cpu, selector);
    if (data === null || !isReadable(data.high)) throw refusal(Vector.TS, selector);
    if (!isPresent(data)) throw refusal(Vector.NP, selector);
    if (!isConformingCode(data.high) && descriptorDpl(data.high) < Math.max(cpl, selector & 3)) {
      throw refusal(Vector.TS, selector);
    }
    markAccessed(cpu, selector, data);
    installSegment(cpu, segment, selector, data);
  }
};

/** @returns whether the LDT is present; a null selector counts as that @throws Fault #TS(selector), #PF */
const loadLocalTable = (cpu: Cpu, selector: number, ext: number): boolean => {
  const error = selectorError(selector, ext);
  if (isNull(selector)) return true;
  if (selector & 4) throw new Fault(Vector.TS, error);
  const descriptor = fetchDescriptor(cpu, selector, Vector.TS, ext);
  const { low, high } = descriptor;
  if ((high & Attribute.SEGMENT) !== 0 || descriptorType(high) !== SystemType.LDT) {
    throw new Fault(Vector.TS, error);
  }
  if ((high & Attribute.PRESENT) === 0) return false;
  cpu.state.setSegment(
    SystemSegment.LDTR,
    selector,
    descriptorBase(low, high),
    descriptorLimit(low, high),
    high & ATTRIBUTES_MASK,
  );
  return true;
};

/**
 * Puts a task's state into the registers. Until the stack segment is good the CPL is 3, so that the handler
 * of the fault gets the stack that the new TSS holds for it.
 * @param error pushed on the new task's stack, or null @throws Fault in the new task's context
 */
const enterTask = (cpu: Cpu, task: TaskState, format: TssFormat, ext: number, error: number | null): void => {
  const { state } = cpu;
  if (state.sys(System.CR0) & CR0.PG && task.cr3 !== state.sys(System.CR3) >>> 0) loadCr3(cpu, task.cr3);
  if (isVirtual8086(cpu)) {
    for (const [segment, selector] of task.selectors.entries()) installRealSegment(cpu, segment, selector);
    if (!loadLocalTable(cpu, task.ldt, ext)) throw new Fault(Vector.TS, selectorError(task.ldt, ext));
  } else qualifySegments(cpu, task, ext);

  if (error !== null) {
    const stack = currentStack(cpu, ext);
    stack.reserve(1, format.size);
    stack.push(error, format.size);
    stack.commit();
  }
  if (task.eip > state.segment(Seg.CS, SegmentField.LIMIT) >>> 0) throw new Fault(Vector.GP, ext);
  checkPendingVirtualInterrupt(cpu);
  if (task.trap) cpu.requestDebugTrap(DR6.BT);
};

/**
 * Switches to another task, after the checks of the instruction or gate. state.eip must hold what is saved.
 * @param selector of the new TSS, with @param descriptor present and, but for a return, available
 * @param image EFLAGS to save @param ext EXT bit of error codes
 * @param error the exception's error code, pushed on the new stack; null without one
 * @throws Fault #TS with the selector of either TSS, #PF before anything changed; LateFault once the new task is the current one
 */
export const switchTask = (
  cpu: Cpu,
  selector: number,
  descriptor: Descriptor,
  cause: SwitchCause,
  image: number,
  ext = 0,
  error: number | null = null,
): void => {
  const { state } = cpu;
  const { low, high } = descriptor;
  const format = formatOf(high);
  const base = descriptorBase(low, high);
  const limit = descriptorLimit(low, high);
  const oldSelector = state.selector(SystemSegment.TR);
  const oldFormat = formatOf(state.segment(SystemSegment.TR, SegmentField.ATTRIBUTES));
  const oldBase = state.segment(SystemSegment.TR, SegmentField.BASE);
  const oldLimit = state.segment(SystemSegment.TR, SegmentField.LIMIT) >>> 0;
  if (limit < format.newLimit) throw new Fault(Vector.TS, selectorError(selector, ext));
  if (oldLimit < oldFormat.oldLimit) throw new Fault(Vector.TS, selectorError(oldSelector, ext));

  // Nothing may fault between the first write and the new task.
  const saved = oldFormat.selectors + oldFormat.selectorCount * oldFormat.size - oldFormat.eip;
  cpu.probeLinearWrite((oldBase + oldFormat.eip) >>> 0, saved, false);
  probeRead(cpu, base, format.newLimit + 1);
  if (cause === 'nest') cpu.probeLinearWrite((base + LINK) >>> 0, 2, false);
  else probeBusy(cpu, oldSelector);
  if (cause !== 'return') probeBusy(cpu, selector);
  cpu.taskSwitches();

  if (cause !== 'nest') markBusy(cpu, oldSelector, false);
  saveTask(cpu, oldBase, oldFormat, cause === 'return' ? image & ~Flag.NT : image);
  if (cause === 'nest') cpu.writeLinear((base + LINK) >>> 0, 2, oldSelector, false);
  const task = readTask(cpu, base, format);
  if (cause !== 'return') markBusy(cpu, selector, true);

  state.setSegment(SystemSegment.TR, selector, base, limit, (high & ATTRIBUTES_MASK) | BUSY);
  state.setSys(System.CR0, state.sys(System.CR0) | CR0.TS);
  state.setSys(debugRegister(7), state.sys(debugRegister(7)) & ~DR7_LOCAL);
  cpu.debugRegistersChanged();
  state.eip = task.eip;
  state.eflags = cause === 'nest' ? task.eflags | Flag.NT : task.eflags;
  for (const [i, value] of task.registers.entries()) state.setGpr(i, value);
  for (const [i, value] of task.selectors.entries()) state.setSegment(i, value, 0, 0, 0);
  state.setSegment(SystemSegment.LDTR, task.ldt, 0, 0, 0);
  state.cpl = 3;
  try {
    enterTask(cpu, task, format, ext, error);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new LateFault(thrown.vector, thrown.error);
  } finally {
    cpu.modeChanged();
  }
  cpu.interruptsEnabled();
};
