/** The control instructions but for those that move a whole environment (environment.ts, fxsave.ts). */
import { Fault, Vector } from '../../x86/exceptions.ts';
import { FPU_EXCEPTIONS, FpuStatus } from '../../x86/fpu.ts';
import { CR0, Gpr } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import { clearC1, enter, enterNoWait, fpuOf, note, type Run, reportPending } from './unit.ts';

const fninit: Run = (cpu) => enterNoWait(cpu).initialize();

const fnclex: Run = (cpu) => {
  const fpu = enterNoWait(cpu);
  fpu.status &= ~(FPU_EXCEPTIONS | FpuStatus.SF);
};

const fldcw: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  fpu.control = cpu.read(operands.segment, operands.offset, 2);
};

const fnstcw: Run = (cpu, operands) => {
  const fpu = enterNoWait(cpu);
  cpu.write(operands.segment, operands.offset, 2, fpu.control);
};

const fnstsw: Run = (cpu, operands) => {
  const fpu = enterNoWait(cpu);
  cpu.write(operands.segment, operands.offset, 2, fpu.status);
};

const fnstswAx: Run = (cpu) => {
  const fpu = enterNoWait(cpu);
  cpu.state.setReg(Gpr.EAX, 2, fpu.status);
};

const fincstp: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  note(cpu, operands, fpu);
  clearC1(fpu);
  fpu.top++;
};

const fdecstp: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  note(cpu, operands, fpu);
  clearC1(fpu);
  fpu.top--;
};

/** @param pops FFREEP, which has been there since the 8087 without an entry in the manual */
const freeRegister =
  (pops: boolean): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    note(cpu, operands, fpu);
    clearC1(fpu);
    fpu.free(operands.rm);
    if (pops) fpu.pop();
  };

const fnop: Run = (cpu, operands) => {
  note(cpu, operands, enter(cpu));
};

/** FENI, FDISI and FSETPM of the 8087 and 80287: no operation since the 80387. */
const formerControl: Run = (cpu) => {
  enterNoWait(cpu);
};

const fwait: Run = (cpu) => {
  const both = CR0.MP | CR0.TS;
  if ((cpu.state.sys(System.CR0) & both) === both) throw new Fault(Vector.NM);
  reportPending(cpu, fpuOf(cpu.state));
};

export const control: Readonly<Record<string, Run>> = {
  fninit,
  fnclex,
  fldcw,
  fnstcw,
  'fnstsw m16': fnstsw,
  'fnstsw ax': fnstswAx,
  fincstp,
  fdecstp,
  ffree: freeRegister(false),
  ffreep: freeRegister(true),
  fnop,
  fneni: formerControl,
  fwait,
};
