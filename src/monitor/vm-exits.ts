/** VM exits: their reasons (SDM vol. 3, appendix C), and which instructions cause them (section 25.1). */
import { numberedCallouts } from '../instructions/operands.ts';

/** Basic exit reasons, those that a guest here can cause. */
export const ExitReason = {
  EXCEPTION_OR_NMI: 0,
  EXTERNAL_INTERRUPT: 1,
  TRIPLE_FAULT: 2,
  INTERRUPT_WINDOW: 7,
  NMI_WINDOW: 8,
  TASK_SWITCH: 9,
  CPUID: 10,
  HLT: 12,
  INVD: 13,
  INVLPG: 14,
  RDPMC: 15,
  RDTSC: 16,
  CONTROL_REGISTER: 28,
  MOV_DR: 29,
  IO: 30,
  RDMSR: 31,
  WRMSR: 32,
  GDTR_OR_IDTR: 46,
  LDTR_OR_TR: 47,
  EPT_VIOLATION: 48,
  WBINVD: 54,
} as const;
export type ExitReason = (typeof ExitReason)[keyof typeof ExitReason];

/** The manual's names. */
export const exitReasonNames: Readonly<Record<ExitReason, string>> = {
  [ExitReason.EXCEPTION_OR_NMI]: 'exception or NMI',
  [ExitReason.EXTERNAL_INTERRUPT]: 'external interrupt',
  [ExitReason.TRIPLE_FAULT]: 'triple fault',
  [ExitReason.INTERRUPT_WINDOW]: 'interrupt window',
  [ExitReason.NMI_WINDOW]: 'NMI window',
  [ExitReason.TASK_SWITCH]: 'task switch',
  [ExitReason.CPUID]: 'CPUID',
  [ExitReason.HLT]: 'HLT',
  [ExitReason.INVD]: 'INVD',
  [ExitReason.INVLPG]: 'INVLPG',
  [ExitReason.RDPMC]: 'RDPMC',
  [ExitReason.RDTSC]: 'RDTSC',
  [ExitReason.CONTROL_REGISTER]: 'control-register access',
  [ExitReason.MOV_DR]: 'MOV DR',
  [ExitReason.IO]: 'I/O instruction',
  [ExitReason.RDMSR]: 'RDMSR',
  [ExitReason.WRMSR]: 'WRMSR',
  [ExitReason.GDTR_OR_IDTR]: 'access to GDTR or IDTR',
  [ExitReason.LDTR_OR_TR]: 'access to LDTR or TR',
  [ExitReason.EPT_VIOLATION]: 'EPT violation',
  [ExitReason.WBINVD]: 'WBINVD',
};

/** One more than the highest reason. */
export const EXIT_REASONS = 1 + Math.max(...Object.values(ExitReason));

/** No reason: the instruction never exits. */
export const NO_EXIT = -1;

const byCallout: Readonly<Record<string, ExitReason>> = {
  cpuid: ExitReason.CPUID,
  hlt: ExitReason.HLT,
  invd: ExitReason.INVD,
  wbinvd: ExitReason.WBINVD,
  invlpg: ExitReason.INVLPG,
  rdpmc: ExitReason.RDPMC,
  rdtsc: ExitReason.RDTSC,
  mov_to_cr: ExitReason.CONTROL_REGISTER,
  mov_from_cr: ExitReason.CONTROL_REGISTER,
  clts: ExitReason.CONTROL_REGISTER,
  lmsw: ExitReason.CONTROL_REGISTER,
  mov_to_dr: ExitReason.MOV_DR,
  mov_from_dr: ExitReason.MOV_DR,
  in_imm: ExitReason.IO,
  in_dx: ExitReason.IO,
  out_imm: ExitReason.IO,
  out_dx: ExitReason.IO,
  ins: ExitReason.IO,
  outs: ExitReason.IO,
  rdmsr: ExitReason.RDMSR,
  wrmsr: ExitReason.WRMSR,
  lgdt: ExitReason.GDTR_OR_IDTR,
  lidt: ExitReason.GDTR_OR_IDTR,
  sgdt: ExitReason.GDTR_OR_IDTR,
  sidt: ExitReason.GDTR_OR_IDTR,
  lldt: ExitReason.LDTR_OR_TR,
  ltr: ExitReason.LDTR_OR_TR,
  sldt: ExitReason.LDTR_OR_TR,
  str: ExitReason.LDTR_OR_TR,
};
/** Why the instruction of a callout exits, if it does, by the callout's number. */
export const exitReasonOfCallout: readonly (ExitReason | typeof NO_EXIT)[] = numberedCallouts.map(
  ({ name }) => byCallout[name] ?? NO_EXIT,
);
