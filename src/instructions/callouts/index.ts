/** The table of callouts: the long, rare instructions, by the name a record or builder calls them with. */
import type { Cpu, Operands } from '../cpu.ts';
import { clts, lmsw, movFromControl, movToControl, smsw } from './control-registers.ts';
import { cpuid } from './cpuid.ts';
import { movFromDebug, movToDebug } from './debug-registers.ts';
import { lgdt, lidt, lldt, ltr, sgdt, sidt, sldt, str } from './descriptor-tables.ts';
import { breakpoint, debugTrap, overflow, softwareInterrupt, undefinedOpcode } from './exception.ts';
import { farReturn } from './far-return.ts';
import { farCall, farCallMemory, farJump, farJumpMemory } from './far-transfer.ts';
import { inDx, inImmediate, ins, outDx, outImmediate, outs } from './io.ts';
import { iret } from './iret.ts';
import { bound, hlt, invalidateCaches, invlpg } from './miscellaneous.ts';
import { rdmsr, rdpmc, rdtsc, wrmsr } from './msr.ts';
import { arpl, lar, lsl, verr, verw } from './query.ts';
import { lds, les, lfs, lgs, lss, movToSegment, popSegment } from './segment-load.ts';
import { sysenter, sysexit } from './sysenter.ts';

export { cpuidLeaf } from './cpuid.ts';
export { deliverEvent, deliverException } from './exception.ts';
export { Feature } from './features.ts';
export { deliver } from './interrupt.ts';
export { loadCr3 } from './pdptes.ts';
export { loadSegment } from './segment-load.ts';
export { isVirtualInterruptPending } from './virtual-8086.ts';

export interface Callout {
  /** Executes the instruction. @throws Fault before its first architectural change */
  readonly run: (cpu: Cpu, operands: Operands) => void;
  /** Whether what comes next may not follow in the block: EIP or mapping may be another, or usually the mode is. */
  readonly endsBlock: boolean;
}

const inside = (run: Callout['run']): Callout => ({ run, endsBlock: false });
const last = (run: Callout['run']): Callout => ({ run, endsBlock: true });

export const callouts = {
  mov_to_sreg: inside(movToSegment),
  pop_sreg: inside(popSegment),
  les: inside(les),
  lds: inside(lds),
  lss: inside(lss),
  lfs: inside(lfs),
  lgs: inside(lgs),

  lgdt: inside(lgdt),
  lidt: inside(lidt),
  sgdt: inside(sgdt),
  sidt: inside(sidt),
  lldt: inside(lldt),
  ltr: inside(ltr),
  sldt: inside(sldt),
  str: inside(str),
  lar: inside(lar),
  lsl: inside(lsl),
  verr: inside(verr),
  verw: inside(verw),
  arpl: inside(arpl),

  jmp_far: last(farJump),
  jmp_far_mem: last(farJumpMemory),
  call_far: last(farCall),
  call_far_mem: last(farCallMemory),
  retf: last(farReturn),
  iret: last(iret),
  int_n: last(softwareInterrupt),
  int3: last(breakpoint),
  into: last(overflow),
  int1: last(debugTrap),
  ud: last(undefinedOpcode),
  bound: inside(bound),
  sysenter: last(sysenter),
  sysexit: last(sysexit),

  mov_from_cr: inside(movFromControl),
  mov_to_cr: last(movToControl),
  mov_from_dr: inside(movFromDebug),
  mov_to_dr: inside(movToDebug),
  clts: last(clts),
  lmsw: last(lmsw),
  smsw: inside(smsw),
  rdmsr: inside(rdmsr),
  wrmsr: last(wrmsr),
  rdtsc: inside(rdtsc),
  rdpmc: inside(rdpmc),
  cpuid: inside(cpuid),

  in_imm: inside(inImmediate),
  in_dx: inside(inDx),
  out_imm: inside(outImmediate),
  out_dx: inside(outDx),
  ins: last(ins),
  outs: last(outs),
  hlt: last(hlt),
  invlpg: last(invlpg),
  invd: inside(invalidateCaches),
  wbinvd: inside(invalidateCaches),
} as const satisfies Record<string, Callout>;

export type CalloutName = keyof typeof callouts;
