/** Every guest of this folder. */
import { entry, fails, type GuestEntry, RING_1, same, sensitive } from './entry.ts';

export type { GuestEntry } from './entry.ts';

const IRET_LOSES =
  'IRET from ring 1 to ring 3 does not trap and silently keeps IF and IOPL, which the monitor never learns';

/** Whole kernels. */
const kernels: readonly GuestEntry[] = [
  entry(
    'hello',
    'a small kernel that tells what it sees, with a prime sieve under paging and timer interrupts',
    {
      failing: [],
      lines: [/I am in ring 1$/, /after CLI 1,/, /after POPF clears it 1$/, /PUSHF after CLI surprised me/],
      reason: 'it prints what MOV from CS, PUSHF, SGDT, SIDT and STR say, and counts their wrong answers',
    },
    { timeoutSeconds: 60, shortRun: 'Paging is on: 4096 pages of 4096 bytes.' },
  ),
  entry('red-pill', 'looks for a monitor, from ring 0 and from ring 3, by what the seventeen tell', {
    failing: [],
    lines: [
      /^ {2}SIDT: FFC10000, which should be /,
      /^Seen from the kernel: 8 of 8 answers were not mine$/,
      /^Seen from user mode: 7 of 8 answers were not mine$/,
      /^a monitor is here: GDT at FFC00000, IDT at FFC10000, my kernel in ring 1$/,
    ],
    reason: 'every answer is the processor’s own, of the monitor; only CS is as it should be, in ring 3',
  }),
  entry(
    'preempt',
    'preemptive processes in ring 3: address spaces, demand paging, copy on write, system calls',
    same(
      `${IRET_LOSES}: ticks reach a process only behind an STI, which it gets by SYSENTER; it takes longer, no more`,
    ),
    { timeoutSeconds: 60 },
  ),
  entry(
    'paging',
    'the MMU: rights, A and D, 4 MiB pages, error codes, changed tables',
    {
      ...same('paging is controlled by privileged instructions, and ring 1 is supervisor like ring 0'),
      mayFail: RING_1,
    },
    { tcgFails: ['absent page read and written in ring 3'] },
  ),
  entry(
    'pae',
    'PAE paging with execute-disable, PDPTE registers, PSE-36',
    same('paging is controlled by privileged instructions, and ring 1 is supervisor like ring 0'),
    {
      // TCG has no PDPTE registers, reports reserved bits without P, and takes any bit of EFER.
      tcgFails: [
        'a PDPTE has no A',
        'bit 52 of a PTE',
        'bit 52 of a PTE by a write',
        'bit 52 of a PTE by a fetch',
        'bit 62 of a PDE',
        'bit 13 of a 2 MiB PDE',
        'bit 20 of a 2 MiB PDE',
        'MOV CR3 with bit 1 of a PDPTE',
        'CR3 after it',
        'PDPTE changed',
        'PDPTE changed: CR2',
        'PDPTE changed INVLPG',
        'PDPTE changed INVLPG: CR2',
        'bit 63 without NXE',
        'executed without NXE',
        'reserved bit of EFER',
        'bit 21 of a 4 MiB PDE',
      ],
    },
  ),
  entry('smc', 'self-modifying code', same('it runs in ring 0 and uses nothing sensitive but CPUID')),
  entry('real', 'real mode and back', {
    failing: [],
    refused: true,
    reason: 'in real mode nothing traps and no segment can be shadowed',
  }),
  entry('unreal', 'real mode with limits of 4 GiB', {
    failing: [],
    refused: true,
    reason: 'in real mode nothing traps and no segment can be shadowed',
  }),
  entry(
    'cached-segments',
    'segment registers whose hidden part the tables no longer have',
    fails(['CS then'], 'MOV from CS shows RPL 1; hidden parts are the processor’s own, and right'),
    { tcgFails: ['limit when loaded again'] },
  ),
  entry('mode-switch', 'CR0.PE set and cleared with stale segments', {
    failing: [],
    refused: true,
    reason: 'in real mode nothing traps and no segment can be shadowed',
  }),
  entry('protected-286', 'protected mode of an 80286: LMSW, 16-bit gates, TSS and LDT, ring 3 and back', {
    failing: [],
    refused: true,
    reason: 'it begins in real mode, where nothing traps and no segment can be shadowed',
  }),
  entry(
    'gates',
    'call, interrupt and trap gates of both sizes: parameters, inner stacks and their faults, returns outwards',
    {
      failing: [],
      lines: [/^ {2}CS 00000009 SS 00000011 /, /EFLAGS 00000246 stack/],
      reason: 'it prints CS, SS and EFLAGS behind each gate, which show ring 1 and the monitor’s IF',
    },
  ),
  entry(
    'tasks',
    'hardware task switches of all kinds and sizes, and everything that can be wrong with them',
    {
      failing: [],
      hangs: true,
      reason:
        'STR and SLDT show the monitor’s task; IRET with NT looks for its caller in the monitor’s TSS, and faults',
    },
  ),
  entry('task-paging', 'task switches under paging: CR3, PDPTE registers, page faults in either task', {
    failing: [],
    lines: [/^unexpected interrupt 0000000A error 0000FFFC /],
    reason: 'IRET with NT looks for its caller in the monitor’s TSS, and faults',
  }),
  entry(
    'virtual-8086',
    'virtual-8086 mode and ring 3 with virtual interrupts (VME, PVI), a line for each instruction and IOPL',
    {
      failing: [],
      lines: [/^ {2}PUSHFD vector 0D .* FC 00000202 /],
      reason: `${IRET_LOSES}; and PUSHF in ring 3 shows the monitor's IF`,
    },
  ),
  entry(
    'debug',
    'single steps, breakpoints on execution, general detection and the T flag of a task, traced',
    {
      failing: [],
      lines: [/^steps in ring 0: 07\/4000t /, /^HLT: 07\/4000t 08\/4000t end /],
      reason: 'debug registers trap and TF is the guest’s; what LTR and task switches mean is another matter',
    },
  ),
  entry('watchpoints', 'breakpoints on data and ports, traced', same('debug registers trap')),
  entry('alignment', 'alignment checks', same('AM traps with CR0, and AC is the guest’s'), {
    // TCG checks no alignment.
    tcgFails: [
      'word at 1',
      'EIP of the fault',
      'doubleword read at 2',
      'doubleword written at 2',
      'doubleword added to at 3',
      'CMPXCHG8B at 4',
      'word across a page',
      'PUSH',
      'ESP of the fault',
      'CALL',
      'PUSHA',
      'POPF',
      'IRET',
      'LES of 16:32 at 2',
      'LES of 16:16 at 2',
      'MOV to ES',
      'BT of a doubleword',
      'BOUND',
      'REP MOVS of doublewords',
      'ECX of the fault',
      'REP STOS of doublewords',
      'FLD of a double at 4',
      'FLD of an extended at 4',
      'FSAVE at 2',
      'FSTENV at 2',
      'AC set by POPF',
    ],
  }),
  entry('triple', 'a triple fault on purpose', same('LIDT traps; the shutdown is the virtual processor’s'), {
    exitStatus: 'shutdown',
  }),
  entry(
    'fpu',
    'x87 exceptions: #NM, #MF and IRQ 13',
    fails(
      ["FCS is the kernel's code segment"],
      'FNSTENV shows the selector of the last instruction, which has RPL 1; CR0.EM, TS, MP and NE are the guest’s',
    ),
    {
      tcgFails: [
        '#MF at the next waiting instruction',
        'EIP of #MF',
        'FERR# is IRQ 13',
        'the handler used the FPU with IGNNE#',
        'a second error',
      ],
    },
  ),
  entry(
    'simd',
    'MMX and SSE: enabling, lazy switching, #XM, FERR#',
    same('CR0.EM, TS and NE and CR4.OSFXSR and OSXMMEXCPT are the guest’s'),
    {
      tcgFails: [
        'MMX with EM and TS',
        'division by zero, unmasked',
        'EIP of #XM',
        'the destination is as it was',
        'without OSXMMEXCPT',
        'reserved bit of MXCSR',
        'pending x87 error',
        'FERR# is IRQ 13',
      ],
    },
  ),
  entry('timer', 'PIT, PIC, RTC and UART interrupts, HLT', same('CLI, STI, HLT, IN and OUT all trap'), {
    timeoutSeconds: 60,
  }),
  entry(
    'nanobenchmarks',
    'one event many times over: system calls, faults, ports, control registers, page-table entries',
    same('it looks at no sensitive register'),
  ),
];

/** The seventeen of Robin and Irvine; `mov-seg`, `push-seg` and `pop-seg` stand for all segment registers. */
const seventeen: readonly GuestEntry[] = [
  sensitive(
    'sgdt',
    'SGDT',
    fails(
      [
        'limit in ring 0',
        'base in ring 0',
        'limit in ring 3',
        'base in ring 3',
        'limit after LGDT',
        'base after LGDT',
      ],
      'SGDT does not trap and stores the GDTR of the monitor',
    ),
  ),
  sensitive(
    'sidt',
    'SIDT',
    fails(
      ['limit in ring 0', 'base in ring 0', 'limit in ring 3', 'base in ring 3', 'base after LIDT'],
      'SIDT does not trap and stores the IDTR of the monitor',
    ),
  ),
  sensitive(
    'sldt',
    'SLDT',
    fails(
      [
        'no LDT in ring 0',
        'selector in ring 0, to 32 bits',
        'selector in ring 0, to 16 bits',
        'selector in ring 0, to memory',
        'selector in ring 3',
      ],
      'SLDT does not trap and stores the LDTR of the monitor',
    ),
  ),
  sensitive(
    'smsw',
    'SMSW',
    same(
      'SMSW does not trap and stores the real CR0, which differs in PG and WP only: the monitor lets the guest ' +
        'have the FPU, and with it MP, EM and TS',
    ),
  ),
  sensitive(
    'str',
    'STR',
    fails(
      [
        'selector in ring 0, to 32 bits',
        'selector in ring 0, to 16 bits',
        'selector in ring 0, to memory',
        'selector in ring 3',
        'selector after another LTR',
      ],
      'STR does not trap and stores the task register of the monitor',
    ),
  ),
  sensitive(
    'pushf',
    'PUSHF',
    fails(
      [
        'IF after CLI',
        'IOPL after it was set',
        'IOPL 1 after it was set',
        'IF in a 16-bit PUSHF after CLI',
        'IF clear in ring 3',
        'IOPL 3 in ring 3',
      ],
      'PUSHF pushes the real EFLAGS: IF always set, IOPL always 0',
    ),
  ),
  sensitive('popf', 'POPF', {
    failing: ['POPF enables interrupts in ring 0'],
    hangs: true,
    reason:
      'POPF in ring 1 with IOPL 0 silently keeps IF and IOPL: the interrupt it should hold off is taken ' +
      'before the guest can see it pending',
  }),
  sensitive(
    'lar',
    'LAR',
    fails(
      [
        'ring 0 code in ring 0',
        'ring 0 data in ring 0',
        'execute-only code in ring 0',
        'absent data in ring 0',
        'busy TSS in ring 0',
        'LDT in ring 0',
        'conforming code in ring 3',
      ],
      'LAR reads the shadow descriptors: DPL 1 instead of 0, accessed, and gates and TSS not present, so that ' +
        'using them traps; it checks against the real CPL',
    ),
  ),
  sensitive(
    'lsl',
    'LSL',
    fails(
      ['ring 0 data in ring 1: ZF'],
      'LSL checks shadow descriptors against the real CPL: rings 0 and 1 are the same',
    ),
  ),
  sensitive(
    'verr',
    'VERR',
    fails(
      ['ring 0 data in ring 1', 'ring 0 code in ring 1'],
      'VERR checks shadow descriptors against the real CPL: rings 0 and 1 are the same',
    ),
  ),
  sensitive(
    'verw',
    'VERW',
    fails(
      ['ring 0 data in ring 1'],
      'VERW checks shadow descriptors against the real CPL: rings 0 and 1 are the same',
    ),
  ),
  sensitive(
    'push-seg',
    'PUSH of a segment register',
    fails(
      ['push CS in ring 0', 'push SS in ring 0', '16-bit push CS in ring 0'],
      'the pushed selectors of CS and SS have RPL 1',
    ),
  ),
  sensitive(
    'pop-seg',
    'POP of a segment register',
    fails(['SS popped in ring 0'], 'SS must be loaded with RPL 1, and MOV from SS shows it'),
  ),
  sensitive(
    'mov-seg',
    'MOV to and from segment registers',
    fails(
      ['CS in ring 0', 'SS in ring 0', 'loading sets the accessed bit'],
      'the selectors of CS and SS have RPL 1; the accessed bit is set in the shadow, not in the table of the guest',
    ),
    { tcgFails: ['access through a null ES'] },
  ),
  sensitive(
    'call-far',
    'far CALL',
    fails(['CS pushed in ring 0', 'CS behind the gate'], 'CS is pushed with RPL 1, and MOV from CS shows it'),
  ),
  sensitive(
    'jmp-far',
    'far JMP',
    fails(
      [
        'CS after a jump in ring 0',
        'CS after an indirect jump in ring 0',
        'CS in conforming code, in ring 0',
      ],
      'CS is loaded with RPL 1, and MOV from CS shows it',
    ),
  ),
  sensitive(
    'ret-far',
    'far RET',
    fails(
      ['CS after a return within ring 0', 'SS after the return to ring 1'],
      'a return to ring 1 is one within the ring, and pops no stack',
    ),
  ),
  sensitive(
    'int-n',
    'INT n',
    fails(
      ['IF pushed', "IF in an interrupt gate's handler"],
      `the interrupt itself goes through the monitor, but ${IRET_LOSES}; PUSHF in the handler shows IF set`,
    ),
  ),
];

/** Their relatives, and privileged instructions, which trap. */
const related: readonly GuestEntry[] = [
  sensitive(
    'iret',
    'IRET',
    fails(
      [
        'CS within ring 0',
        'IF and IOPL after IRET in ring 3',
        'IF and IOPL after IRET in ring 3 with IOPL 3',
        'SS in ring 1',
      ],
      `within ring 0 it faults and is emulated; but ${IRET_LOSES}`,
    ),
  ),
  sensitive(
    'cli-sti',
    'CLI and STI',
    fails(
      ['CLI in ring 3 with IOPL 3', 'STI in ring 3 with IOPL 3', 'STI in ring 3 with IOPL 3 lets it in'],
      `they trap; but ${IRET_LOSES}, so that the monitor refuses them in ring 3`,
    ),
  ),
  sensitive('cpuid', 'CPUID', same('its answer is the same in all rings; POPF does change ID in ring 1')),
  sensitive('rdtsc', 'RDTSC', {
    ...same('with CR4.TSD it traps outside ring 0, without it the counter may be read'),
    mayFail: RING_1,
  }),
  sensitive(
    'io',
    'IN and OUT',
    fails(
      ['ports in ring 3 with IOPL 3'],
      `they trap; but ${IRET_LOSES}, so that the monitor refuses them in ring 3`,
    ),
  ),
  sensitive(
    'load-far-pointer',
    'LDS, LES, LFS, LGS and LSS',
    fails(['SS by LSS in ring 0'], 'SS must be loaded with RPL 1, and MOV from SS shows it'),
  ),
  sensitive(
    'fnstenv',
    'FNSTENV and FNSAVE',
    fails(
      ['CS of an instruction in ring 0', 'selector of an operand in SS', 'CS restored by FRSTOR'],
      'the processor notes the selectors it really uses, with RPL 1',
    ),
    { tcgFails: ['CS restored by FRSTOR'] },
  ),
  sensitive('arpl', 'ARPL', fails(['RPL 0 by CS in ring 0'], 'CS has RPL 1')),
  sensitive(
    'sysenter',
    'SYSENTER and SYSEXIT',
    fails(
      ['CS after SYSENTER', 'SS after SYSENTER', 'IF after SYSENTER'],
      'both fault and are emulated; MOV from CS and SS then shows RPL 1, PUSHF shows IF set',
    ),
  ),
  sensitive('hlt', 'HLT', { ...same('it traps'), mayFail: RING_1 }),
  sensitive('mov-cr', 'MOV to and from control registers', { ...same('they trap'), mayFail: RING_1 }),
  sensitive('mov-dr', 'MOV to and from debug registers', { ...same('they trap'), mayFail: RING_1 }),
  sensitive('lgdt', 'LGDT', { ...same('it traps'), mayFail: RING_1 }),
  sensitive('lidt', 'LIDT', { ...same('it traps'), mayFail: RING_1 }),
  sensitive('lldt', 'LLDT', { ...same('it traps'), mayFail: RING_1 }),
  sensitive('ltr', 'LTR', { ...same('it traps'), mayFail: RING_1 }),
  sensitive('invlpg', 'INVLPG and WBINVD', { ...same('they trap'), mayFail: RING_1 }),
  sensitive('clts-lmsw', 'CLTS and LMSW', { ...same('they trap'), mayFail: RING_1 }),
];

export const guests: readonly GuestEntry[] = [...kernels, ...seventeen, ...related];

/** The guest of that name. Throws if there is none. */
export function findGuest(name: string): GuestEntry {
  const found = guests.find((guest) => guest.name === name);
  if (!found) throw new Error(`no guest named ${name}; there are: ${guests.map((g) => g.name).join(', ')}`);
  return found;
}
