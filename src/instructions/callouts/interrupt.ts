/** Delivery of interrupts and exceptions (SDM vol. 2, INT n; vol. 3, chapter 6, and section 20.3 for V86). */
import {
  Attribute,
  descriptorDpl,
  descriptorType,
  isCode,
  isConformingCode,
  SystemType,
} from '../../x86/descriptors.ts';
import { Fault, hasErrorCode, SelectorError, Vector } from '../../x86/exceptions.ts';
import { Flag } from '../../x86/flags.ts';
import { Gpr, Seg, type Size } from '../../x86/registers.ts';
import { Shadow, State, System } from '../../x86/state.ts';
import type { Cpu, EventKind } from '../cpu.ts';
import { enterReal } from './far-transfer.ts';
import { enterPrivilegeStack, fetchPrivilegeStack } from './privilege-stack.ts';
import {
  checkInstructionPointer,
  type Descriptor,
  fetchDescriptor,
  installCode,
  installNull,
  isNull,
  isProtected,
  isVirtual8086,
  markAccessed,
  selectorError,
} from './protection.ts';
import { currentStack, type Stack } from './stack.ts';
import { fetchAvailableTss, switchTask } from './task-switch.ts';

/** DR7.GD: cleared on entry to the #DB handler, so that it may use the debug registers. */
const GENERAL_DETECT = 1 << 13;

/** Whether the instruction will be restarted, which is when RF is set in the image (SDM vol. 3, 17.3.1.1). */
const setsResume = (vector: number, kind: EventKind): boolean =>
  kind === 'exception' &&
  vector !== Vector.DB &&
  vector !== Vector.NMI &&
  vector !== Vector.BP &&
  vector !== Vector.OF &&
  vector !== Vector.MC;

const readVector = (cpu: Cpu, offset: number, size: Size): number =>
  cpu.readLinear((cpu.state.sys(System.IDTR_BASE) + offset) >>> 0, size, false);

/** Whether `length` bytes of the IDT from an offset on lie within its limit. */
const withinTable = (cpu: Cpu, offset: number, length: number): boolean =>
  offset + length - 1 <= cpu.state.sys(System.IDTR_LIMIT) >>> 0;

const deliverReal = (cpu: Cpu, vector: number): void => {
  const { state } = cpu;
  if (!withinTable(cpu, vector * 4, 4)) throw new Fault(Vector.GP);
  const offset = readVector(cpu, vector * 4, 2);
  const selector = readVector(cpu, vector * 4 + 2, 2);
  const stack = currentStack(cpu, 0);
  stack.reserve(3, 2);
  stack.push(state.eflags, 2);
  stack.push(state.selector(Seg.CS), 2);
  stack.push(state.eip, 2);
  stack.commit();
  state.changeFlags(Flag.IF | Flag.TF | Flag.RF | Flag.AC, 0);
  enterReal(cpu, selector, offset);
};

interface Gate {
  readonly low: number;
  readonly high: number;
}

/** Reads and checks the vector's gate. @throws Fault #GP, #NP with the vector as error code */
const fetchGate = (cpu: Cpu, vector: number, kind: EventKind, ext: number): Gate => {
  const error = (vector << 3) | SelectorError.IDT | ext;
  if (!withinTable(cpu, vector * 8, 8)) throw new Fault(Vector.GP, error);
  const low = readVector(cpu, vector * 8, 4);
  const high = readVector(cpu, vector * 8 + 4, 4);
  if (high & Attribute.SEGMENT) throw new Fault(Vector.GP, error);
  switch (descriptorType(high)) {
    case SystemType.TASK_GATE:
    case SystemType.INTERRUPT_GATE16:
    case SystemType.TRAP_GATE16:
    case SystemType.INTERRUPT_GATE32:
    case SystemType.TRAP_GATE32:
      break;
    default:
      throw new Fault(Vector.GP, error);
  }
  if (kind === 'software' && descriptorDpl(high) < cpu.state.cpl) throw new Fault(Vector.GP, error);
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, error);
  return { low, high };
};

/** The handler's code segment. @throws Fault #GP, #NP with the selector */
const fetchHandlerCode = (cpu: Cpu, selector: number, ext: number): Descriptor => {
  if (isNull(selector)) throw new Fault(Vector.GP, ext);
  const descriptor = fetchDescriptor(cpu, selector, Vector.GP, ext);
  const { high } = descriptor;
  if (!isCode(high) || descriptorDpl(high) > cpu.state.cpl) {
    throw new Fault(Vector.GP, selectorError(selector, ext));
  }
  if ((high & Attribute.PRESENT) === 0) throw new Fault(Vector.NP, selectorError(selector, ext));
  return descriptor;
};

/** Pushes what every frame ends with. @param error error code, or null without one */
const pushEvent = (cpu: Cpu, stack: Stack, image: number, error: number | null, size: Size): void => {
  stack.push(image, size);
  stack.push(cpu.state.selector(Seg.CS), size);
  stack.push(cpu.state.eip, size);
  if (error !== null) stack.push(error, size);
};

/** Pushed and nulled on the way out of virtual-8086 mode, GS first. */
const DATA_SEGMENTS = [Seg.GS, Seg.FS, Seg.DS, Seg.ES] as const;

const deliverProtected = (cpu: Cpu, vector: number, kind: EventKind, error: number): void => {
  const { state } = cpu;
  const ext = kind === 'software' ? 0 : SelectorError.EXT;
  const gate = fetchGate(cpu, vector, kind, ext);
  const type = descriptorType(gate.high);
  const selector = gate.low >>> 16;
  const image = setsResume(vector, kind) ? state.eflags | Flag.RF : state.eflags;
  const pushed = kind === 'exception' && hasErrorCode(vector) ? error : null;
  if (type === SystemType.TASK_GATE) {
    switchTask(cpu, selector, fetchAvailableTss(cpu, selector, ext), 'nest', image, ext, pushed);
    return;
  }

  const code = fetchHandlerCode(cpu, selector, ext);
  const wide = (type & 8) !== 0;
  const size = wide ? 4 : 2;
  const eip = wide ? (gate.high & 0xffff0000) | (gate.low & 0xffff) : gate.low & 0xffff;
  const items = pushed === null ? 3 : 4;
  const dpl = descriptorDpl(code.high);
  const virtual = isVirtual8086(cpu);
  if (virtual && (isConformingCode(code.high) || dpl !== 0)) {
    throw new Fault(Vector.GP, selectorError(selector, ext));
  }

  if (!isConformingCode(code.high) && dpl < state.cpl) {
    const inner = fetchPrivilegeStack(cpu, dpl, ext);
    const { stack } = inner;
    stack.reserve(items + (virtual ? 6 : 2), size);
    checkInstructionPointer(code, eip, ext);
    markAccessed(cpu, selector, code);
    if (virtual) for (const segment of DATA_SEGMENTS) stack.push(state.selector(segment), size);
    stack.push(state.selector(Seg.SS), size);
    stack.push(state.gpr(Gpr.ESP), size);
    pushEvent(cpu, stack, image, pushed, size);
    enterPrivilegeStack(cpu, inner);
    if (virtual) for (const segment of DATA_SEGMENTS) installNull(cpu, segment, 0);
  } else {
    const stack = currentStack(cpu, ext);
    stack.reserve(items, size);
    checkInstructionPointer(code, eip, ext);
    markAccessed(cpu, selector, code);
    pushEvent(cpu, stack, image, pushed, size);
    stack.commit();
  }

  const interruptGate = (type & 1) === 0;
  const cleared = Flag.TF | Flag.NT | Flag.RF | Flag.VM;
  state.changeFlags(interruptGate ? cleared | Flag.IF : cleared, 0);
  installCode(cpu, selector, code);
  state.eip = eip;
  cpu.modeChanged();
};

/**
 * Delivers an interrupt or exception through the IVT or IDT. state.eip must hold what is to be pushed: the
 * instruction for faults, the one behind it for traps and interrupts. All checks come before the first change.
 * @param vector 0-255 @param kind decides the gate's privilege check, RF in the image and the EXT bit
 * @param error error code, used for exceptions that have one
 * @throws Fault when delivery itself faults; `deliverEvent` handles that
 */
export const deliver = (cpu: Cpu, vector: number, kind: EventKind, error = 0): void => {
  if (isProtected(cpu)) deliverProtected(cpu, vector, kind, error);
  else deliverReal(cpu, vector);
  const { state } = cpu;
  state.setSys(System.SHADOW, Shadow.NONE);
  // An event ends the step of the instruction that raised it (SDM vol. 3, section 17.3.1.4).
  state.words[State.STEP >> 2] = 0;
  if (vector === Vector.DB && kind === 'exception') {
    state.setSys(System.DR + 28, state.sys(System.DR + 28) & ~GENERAL_DETECT);
  }
};
