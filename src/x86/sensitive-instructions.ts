/**
 * The instructions a monitor must care about, and why: Popek and Goldberg's classes, Robin and Irvine's list
 * ("Analysis of the Intel Pentium's Ability to Support a Secure Virtual Machine Monitor", USENIX Security 2000), and
 * what naive trap-and-emulate gets wrong where the guest's kernel runs in ring 1.
 *
 * The list counts seventeen instructions; counted mnemonic by mnemonic it has eighteen entries. Its relatives here
 * have the same fault and are missing there, or came later.
 */

/** What keeps an instruction from being executed in an outer ring. */
export type Privilege =
  /** CPL 0 is required: #GP otherwise. */
  | 'CPL'
  /** CPL must not be above IOPL, or the TSS must permit the port. */
  | 'IOPL'
  /** A bit of CR4 says whether CPL 0 is required: TSD, PCE. */
  | 'CR4'
  | 'none';

/**
 * Robin and Irvine's requirement 3: what a sensitive instruction touches. 3A the mode of the machine; 3B sensitive
 * registers and memory, such as a clock or interrupt registers; 3C the protection, memory or relocation system;
 * 3D I/O.
 */
export type Condition = '3A' | '3B' | '3C' | '3D';

export interface SensitiveInstruction {
  /** In the manual's words: `SGDT`, `MOV from segment register`. */
  readonly name: string;
  readonly privilege: Privilege;
  /** Popek and Goldberg: it can change the resources or the mode (control), or its result depends on them (behaviour). */
  readonly control: boolean;
  readonly behaviour: boolean;
  readonly condition: Condition;
  /** Its mnemonic in Robin and Irvine's list of unprivileged ones, and the group it is in there; null if not in it. */
  readonly listed: {
    readonly mnemonic: string;
    readonly group: 'sensitive register' | 'protection system';
  } | null;
  /** What trap-and-emulate gets wrong in code of the guest's kernel (CPL 0 to 2) and user (CPL 3); null if nothing. */
  readonly lost: { readonly kernel: string | null; readonly user: string | null };
}

type Sensitivity = 'control' | 'behaviour' | 'both';
const entry = (
  name: string,
  privilege: Privilege,
  sensitivity: Sensitivity,
  condition: Condition,
  listed: SensitiveInstruction['listed'],
  kernel: string | null,
  user: string | null = null,
): SensitiveInstruction => ({
  name,
  privilege,
  control: sensitivity !== 'behaviour',
  behaviour: sensitivity !== 'control',
  condition,
  listed,
  lost: { kernel, user },
});

/** One that CPL 0 is required for: it traps, and nothing is lost. */
const privileged = (name: string, sensitivity: Sensitivity, condition: Condition): SensitiveInstruction =>
  entry(name, 'CPL', sensitivity, condition, null, null);
const portAccess = (name: string): SensitiveInstruction => entry(name, 'IOPL', 'both', '3D', null, null);
/** One of the list's sensitive register instructions: condition 3B. */
const register = (name: string, sensitivity: Sensitivity, kernel: string, user: string | null) =>
  entry(name, 'none', sensitivity, '3B', { mnemonic: name, group: 'sensitive register' }, kernel, user);
/** One of its protection system instructions: condition 3C. */
const protection = (
  mnemonic: string,
  name: string,
  sensitivity: Sensitivity,
  kernel: string | null,
  user: string | null = null,
) => entry(name, 'none', sensitivity, '3C', { mnemonic, group: 'protection system' }, kernel, user);

const QUERY = 'sees the shadow descriptor and checks it at the real CPL: rings 0 and 1 are one';
const LOADED = 'RPL and DPL 1 for 0 in SS; the accessed bit is not set in the guest’s table';
const LOADED_BY_USER = 'the accessed bit is not set in the guest’s table';
const TRANSFER = 'CS gets RPL 1; no change of stacks between rings 0 and 1';
const x87 = (name: string) =>
  entry(name, 'none', 'behaviour', '3C', null, 'the selectors it stores have RPL 1');

/** By the name of the handler or callout that executes the instruction, or of the x87 instruction. */
export const sensitiveInstructions = {
  sgdt: register('SGDT', 'behaviour', 'stores the monitor’s GDTR', 'stores the monitor’s GDTR'),
  sidt: register('SIDT', 'behaviour', 'stores the monitor’s IDTR', 'stores the monitor’s IDTR'),
  sldt: register('SLDT', 'behaviour', 'stores the monitor’s LDTR', 'stores the monitor’s LDTR'),
  smsw: register(
    'SMSW',
    'behaviour',
    'stores the real CR0, with the monitor’s PG and WP',
    'stores the real CR0, with the monitor’s WP',
  ),
  pushf: register(
    'PUSHF',
    'behaviour',
    'pushes IF 1 and IOPL 0 whatever the guest’s are',
    'pushes IF 1 and IOPL 0 whatever the guest’s are',
  ),
  popf: register(
    'POPF',
    'both',
    'silently leaves IF and IOPL as they are',
    'silently leaves IF where IOPL is 3',
  ),

  lar: protection('LAR', 'LAR', 'behaviour', QUERY, 'sees the shadow descriptor'),
  lsl: protection('LSL', 'LSL', 'behaviour', QUERY, 'sees the shadow descriptor'),
  verr: protection('VERR', 'VERR', 'behaviour', QUERY),
  verw: protection('VERW', 'VERW', 'behaviour', QUERY),
  'push.segment': protection('PUSH', 'PUSH segment register', 'behaviour', 'CS and SS show RPL 1 for 0'),
  pop_sreg: protection('POP', 'POP segment register', 'both', LOADED, LOADED_BY_USER),
  'mov.from.segment': protection(
    'MOV',
    'MOV from segment register',
    'behaviour',
    'CS and SS show RPL 1 for 0',
  ),
  mov_to_sreg: protection('MOV', 'MOV to segment register', 'both', LOADED, LOADED_BY_USER),
  call_far: protection('CALL', 'CALL far', 'both', `${TRANSFER}; CS is pushed with RPL 1`),
  call_far_mem: protection('CALL', 'CALL far', 'both', `${TRANSFER}; CS is pushed with RPL 1`),
  jmp_far: protection('JMP', 'JMP far', 'both', 'CS gets RPL 1'),
  jmp_far_mem: protection('JMP', 'JMP far', 'both', 'CS gets RPL 1'),
  retf: protection('RET', 'RET far', 'both', `${TRANSFER}; a return from ring 0 to 1 pops no stack`),
  // Software interrupts go through the processor's interrupt table, which is the monitor's: they lose nothing.
  int_n: protection('INT', 'INT n', 'both', null),
  str: protection('STR', 'STR', 'behaviour', 'stores the monitor’s TR', 'stores the monitor’s TR'),

  int3: entry('INT3', 'none', 'both', '3C', null, null),
  into: entry('INTO', 'none', 'both', '3C', null, null),
  int1: entry('INT1', 'none', 'both', '3C', null, null),
  iret: entry(
    'IRET',
    'none',
    'both',
    '3B',
    null,
    'silently leaves IF and IOPL; from ring 0 to 1 pops no stack',
    'silently leaves IF where IOPL is 3',
  ),
  lds: entry('LDS', 'none', 'both', '3C', null, LOADED_BY_USER, LOADED_BY_USER),
  les: entry('LES', 'none', 'both', '3C', null, LOADED_BY_USER, LOADED_BY_USER),
  lfs: entry('LFS', 'none', 'both', '3C', null, LOADED_BY_USER, LOADED_BY_USER),
  lgs: entry('LGS', 'none', 'both', '3C', null, LOADED_BY_USER, LOADED_BY_USER),
  lss: entry('LSS', 'none', 'both', '3C', null, LOADED, LOADED_BY_USER),
  arpl: entry('ARPL', 'none', 'behaviour', '3C', null, 'adjusts to the RPL 1 that a read of CS has shown'),
  fnstenv: x87('FNSTENV'),
  fnsave: x87('FNSAVE'),
  fxsave: x87('FXSAVE'),
  // It depends on no mode: sensitive to a monitor only that shows its guest another processor.
  cpuid: entry('CPUID', 'none', 'behaviour', '3B', null, null),
  rdtsc: entry('RDTSC', 'CR4', 'behaviour', '3B', null, null),
  rdpmc: entry('RDPMC', 'CR4', 'behaviour', '3B', null, null),
  sysenter: entry('SYSENTER', 'none', 'both', '3A', null, null, null),
  sysexit: privileged('SYSEXIT', 'both', '3A'),

  cli: entry('CLI', 'IOPL', 'both', '3B', null, null),
  sti: entry('STI', 'IOPL', 'both', '3B', null, null),
  hlt: privileged('HLT', 'control', '3A'),
  lgdt: privileged('LGDT', 'control', '3C'),
  lidt: privileged('LIDT', 'control', '3B'),
  lldt: privileged('LLDT', 'control', '3C'),
  ltr: privileged('LTR', 'control', '3C'),
  mov_from_cr: privileged('MOV from control register', 'behaviour', '3A'),
  mov_to_cr: privileged('MOV to control register', 'control', '3A'),
  mov_from_dr: privileged('MOV from debug register', 'behaviour', '3B'),
  mov_to_dr: privileged('MOV to debug register', 'control', '3B'),
  lmsw: privileged('LMSW', 'control', '3A'),
  clts: privileged('CLTS', 'control', '3A'),
  rdmsr: privileged('RDMSR', 'behaviour', '3B'),
  wrmsr: privileged('WRMSR', 'control', '3B'),
  invlpg: privileged('INVLPG', 'control', '3C'),
  invd: privileged('INVD', 'control', '3C'),
  wbinvd: privileged('WBINVD', 'control', '3C'),
  in_imm: portAccess('IN'),
  in_dx: portAccess('IN'),
  out_imm: portAccess('OUT'),
  out_dx: portAccess('OUT'),
  ins: portAccess('INS'),
  outs: portAccess('OUTS'),
} as const satisfies Readonly<Record<string, SensitiveInstruction>>;

const table: Readonly<Record<string, SensitiveInstruction>> = sensitiveInstructions;

/** The facts by the name of what executes an instruction; undefined for an innocuous one. */
export const sensitiveInstructionNamed = (executor: string): SensitiveInstruction | undefined =>
  Object.hasOwn(table, executor) ? table[executor] : undefined;
