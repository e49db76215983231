/**
 * What all x87 instructions share: entry checks, the register stack, and how exceptions end an instruction.
 * Nothing here survives an instruction: the FPU's state is in the machine's memory (x86/fpu.ts), and the
 * numbers below are scratch, kept so that an instruction allocates nothing.
 */
import { Fault, Frozen, Vector } from '../../x86/exceptions.ts';
import { Fpu, FpuState, FpuStatus } from '../../x86/fpu.ts';
import { CR0, Seg } from '../../x86/registers.ts';
import { type CpuState, State, System, SystemBase, segmentAddress } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { Float80, packTop, setIndefinite, unpack } from './float80.ts';
import { TenBytes } from './formats.ts';
import { Context } from './rounding.ts';

/** An instruction's body. */
export type Run = (cpu: Cpu, operands: Operands) => void;

export const context = new Context();
export const left = new Float80();
export const right = new Float80();
export const result = new Float80();
export const stored = new TenBytes();

let view = new FpuState(new Int32Array(0));

/** The FPU of a processor. */
export const fpuOf = (state: CpuState): FpuState => {
  if (view.words !== state.words) view = new FpuState(state.words);
  return view;
};

/** Entry of an instruction that does not wait for pending exceptions. @throws Fault #NM */
export const enterNoWait = (cpu: Cpu): FpuState => {
  if (cpu.state.sys(System.CR0) & (CR0.EM | CR0.TS)) throw new Fault(Vector.NM);
  return fpuOf(cpu.state);
};

/**
 * Reports a pending unmasked exception (SDM vol. 1, section 8.7). With CR0.NE clear the processor waits for the
 * interrupt that FERR# leads to, unless the system asserts IGNNE#.
 * @throws Fault #MF when CR0.NE is set; Frozen
 */
export const reportPending = (cpu: Cpu, fpu: FpuState): void => {
  if ((fpu.status & FpuStatus.ES) === 0) return;
  if (cpu.state.sys(System.CR0) & CR0.NE) throw new Fault(Vector.MF);
  const rising = fpu.words[Fpu.FERR >> 2] === 0;
  fpu.words[Fpu.FERR >> 2] = 1;
  if (cpu.floatingPointError(rising)) return;
  cpu.halt();
  throw new Frozen();
};

/** Entry of a waiting instruction. @throws Fault #NM, #MF; Frozen */
export const enter = (cpu: Cpu): FpuState => {
  const fpu = enterNoWait(cpu);
  reportPending(cpu, fpu);
  return fpu;
};

/** Prepares the context by the control word. */
export const prepare = (fpu: FpuState): void => context.begin(fpu.words[Fpu.CONTROL >> 2]);

const visibleSelector = ({ words }: CpuState, segment: number): number =>
  words[(segmentAddress(SystemBase.PHYSICAL, segment) + words[State.VISIBLE >> 2]) >> 2];

/**
 * Notes a non-control instruction as the last one (SDM vol. 1, section 8.1.8). To be called when no memory
 * operand can fault any more.
 */
export const note = (cpu: Cpu, operands: Operands, fpu: FpuState): void => {
  const { words } = fpu;
  words[Fpu.FIP >> 2] = cpu.instructionEip;
  words[Fpu.FCS >> 2] = visibleSelector(cpu.state, Seg.CS);
  words[Fpu.FOP >> 2] = operands.immediate & 0x7ff;
  if (operands.memory) {
    words[Fpu.FDP >> 2] = operands.offset;
    words[Fpu.FDS >> 2] = visibleSelector(cpu.state, operands.segment);
  }
};

/** C1 tells about the current instruction only. */
export const clearC1 = (fpu: FpuState): void => {
  fpu.words[Fpu.STATUS >> 2] &= ~FpuStatus.C1;
};

/** Starts a non-control instruction, once its memory operand was read. */
export const begin = (cpu: Cpu, operands: Operands, fpu: FpuState): void => {
  note(cpu, operands, fpu);
  clearC1(fpu);
  prepare(fpu);
};

/** Takes ST(index) apart. */
export const loadRegister = (fpu: FpuState, index: number, x: Float80): void => {
  const at = fpu.registerWord(index);
  unpack(x, fpu.words[at], fpu.words[at + 1], fpu.words[at + 2]);
};

/** Puts a number into ST(index) and marks it as not empty. */
export const storeRegister = (fpu: FpuState, index: number, x: Float80): void => {
  const at = fpu.registerWord(index);
  fpu.words[at] = x.low;
  fpu.words[at + 1] = x.high;
  fpu.words[at + 2] = packTop(x);
  fpu.occupy(index);
};

/** Notes the exceptions and the rounding direction that the context collected in the status word. */
export const commit = (fpu: FpuState): void => {
  const c1 = context.roundedUp ? FpuStatus.C1 : 0;
  if ((context.flags | c1) !== 0) fpu.status |= context.flags | c1;
};

/** Notes a stack fault. @returns whether invalid operations are masked */
const stackFault = (fpu: FpuState, c1: number): boolean => {
  fpu.status = (fpu.status & ~FpuStatus.C1) | FpuStatus.IE | FpuStatus.SF | c1;
  return (context.unmasked & FpuStatus.IE) === 0;
};

/** An empty register was to be read. @returns whether the instruction goes on with the indefinite value */
export const stackUnderflow = (fpu: FpuState): boolean => stackFault(fpu, 0);

/** A push found no room. @returns whether the instruction goes on with the indefinite value */
const stackOverflow = (fpu: FpuState): boolean => stackFault(fpu, FpuStatus.C1);

/** Stack underflow of an instruction with a register destination. @returns whether it is masked */
export const underflowInto = (fpu: FpuState, destination: number): boolean => {
  if (!stackUnderflow(fpu)) return false;
  setIndefinite(result);
  storeRegister(fpu, destination, result);
  return true;
};

/** Checks that a push has room. @returns whether ST(7) is empty; else the masked response was given */
export const roomToPush = (fpu: FpuState): boolean => {
  if (fpu.isEmpty(7)) return true;
  if (stackOverflow(fpu)) {
    setIndefinite(result);
    push(fpu, result);
  }
  return false;
};

/**
 * Checks an instruction that replaces ST(0) and then pushes. @returns whether it may go on; else the masked
 * response was given
 */
export const roomToReplaceAndPush = (fpu: FpuState): boolean => {
  const empty = fpu.isEmpty(0);
  if (!empty && fpu.isEmpty(7)) return true;
  if (empty ? stackUnderflow(fpu) : stackOverflow(fpu)) {
    setIndefinite(result);
    storeRegister(fpu, 0, result);
    push(fpu, result);
  }
  return false;
};

export const push = (fpu: FpuState, x: Float80): void => {
  fpu.top--;
  storeRegister(fpu, 0, x);
};

/** Ends an instruction with a register destination. @returns whether the result was delivered */
export const deliver = (fpu: FpuState, delivered: boolean, destination: number): boolean => {
  commit(fpu);
  if (delivered) storeRegister(fpu, destination, result);
  return delivered;
};
