/** The comparison instructions: FCOM, FUCOM, FCOMI and their kin, FTST, FXAM. */
import { Flag } from '../../x86/flags.ts';
import { type FpuState, FpuStatus } from '../../x86/fpu.ts';
import type { Cpu } from '../cpu.ts';
import { compare, Order } from './comparison.ts';
import { Kind, setZero } from './float80.ts';
import { type Load, loadDouble, loadInteger16, loadInteger32, loadSingle } from './memory.ts';
import {
  begin,
  commit,
  context,
  enter,
  left,
  loadRegister,
  note,
  prepare,
  type Run,
  right,
  stackUnderflow,
} from './unit.ts';

const CODES = FpuStatus.C0 | FpuStatus.C2 | FpuStatus.C3;
const UNORDERED_CODES = CODES;

/** C3, C2 and C0 by order, LESS first (SDM vol. 2, table 3-21). */
const codesOf: readonly number[] = [FpuStatus.C0, FpuStatus.C3, 0, UNORDERED_CODES];
/** ZF, PF and CF by order, LESS first (SDM vol. 2, table 3-22). */
const flagsOf: readonly number[] = [Flag.CF, Flag.ZF, 0, Flag.ZF | Flag.PF | Flag.CF];

/** Where the outcome goes. */
type Report = (cpu: Cpu, fpu: FpuState, order: Order) => void;

const toCodes: Report = (_cpu, fpu, order) => {
  fpu.status = (fpu.status & ~(CODES | FpuStatus.C1)) | codesOf[order + 1];
};
const toFlags: Report = (cpu, _fpu, order) => cpu.state.setStatusFlags(flagsOf[order + 1]);

/**
 * Compares `left` with `right`, or finds them unordered when a register was empty. As on silicon the outcome
 * is reported even when an unmasked exception was met. @returns whether none was, so that the stack may pop
 */
const conclude = (cpu: Cpu, fpu: FpuState, empty: boolean, quiet: boolean, report: Report): boolean => {
  if (empty) {
    report(cpu, fpu, Order.UNORDERED);
    return stackUnderflow(fpu);
  }
  const order = compare(context, left, right, quiet);
  commit(fpu);
  report(cpu, fpu, order);
  return (context.flags & context.unmasked) === 0;
};

/** Compares ST(0) with ST(i). */
const withRegister =
  (quiet: boolean, report: Report, pops: 0 | 1 | 2): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    note(cpu, operands, fpu);
    prepare(fpu);
    const other = pops === 2 ? 1 : operands.rm;
    loadRegister(fpu, 0, left);
    loadRegister(fpu, other, right);
    if (!conclude(cpu, fpu, fpu.isEmpty(0) || fpu.isEmpty(other), quiet, report)) return;
    for (let count = 0; count < pops; count++) fpu.pop();
  };

/** Compares ST(0) with memory. */
const withMemory =
  (load: Load, pops: boolean): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    load(cpu, operands, right);
    begin(cpu, operands, fpu);
    loadRegister(fpu, 0, left);
    if (conclude(cpu, fpu, fpu.isEmpty(0), false, toCodes) && pops) fpu.pop();
  };

/** FTST: compares ST(0) with zero. */
const ftst: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  begin(cpu, operands, fpu);
  loadRegister(fpu, 0, left);
  setZero(right, 0);
  conclude(cpu, fpu, fpu.isEmpty(0), false, toCodes);
};

/** C3, C2 and C0 by Kind (SDM vol. 2, FXAM). */
const classCodes: readonly number[] = (() => {
  const codes: number[] = [];
  codes[Kind.ZERO] = FpuStatus.C3;
  codes[Kind.NORMAL] = FpuStatus.C2;
  codes[Kind.DENORMAL] = FpuStatus.C3 | FpuStatus.C2;
  codes[Kind.INFINITY] = FpuStatus.C2 | FpuStatus.C0;
  codes[Kind.QNAN] = FpuStatus.C0;
  codes[Kind.SNAN] = FpuStatus.C0;
  codes[Kind.UNSUPPORTED] = 0;
  return codes;
})();
const EMPTY_CODES = FpuStatus.C3 | FpuStatus.C0;

/** FXAM: classifies ST(0); C1 is its sign, also of an empty register. */
const fxam: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  begin(cpu, operands, fpu);
  loadRegister(fpu, 0, left);
  const codes = fpu.isEmpty(0) ? EMPTY_CODES : classCodes[left.kind];
  fpu.status = (fpu.status & ~CODES) | codes | (left.sign ? FpuStatus.C1 : 0);
};

export const comparing: Readonly<Record<string, Run>> = {
  fcom: withRegister(false, toCodes, 0),
  fcomp: withRegister(false, toCodes, 1),
  fcompp: withRegister(false, toCodes, 2),
  fucom: withRegister(true, toCodes, 0),
  fucomp: withRegister(true, toCodes, 1),
  fucompp: withRegister(true, toCodes, 2),
  fcomi: withRegister(false, toFlags, 0),
  fcomip: withRegister(false, toFlags, 1),
  fucomi: withRegister(true, toFlags, 0),
  fucomip: withRegister(true, toFlags, 1),
  'fcom m32': withMemory(loadSingle, false),
  'fcom m64': withMemory(loadDouble, false),
  'fcomp m32': withMemory(loadSingle, true),
  'fcomp m64': withMemory(loadDouble, true),
  'ficom m16': withMemory(loadInteger16, false),
  'ficom m32': withMemory(loadInteger32, false),
  'ficomp m16': withMemory(loadInteger16, true),
  'ficomp m32': withMemory(loadInteger32, true),
  ftst,
  fxam,
};
