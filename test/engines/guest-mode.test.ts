/** Guest mode: what exits, how often, and what does not. */
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { guests } from '../../guests/index.ts';
import type { Machine, TechniqueName } from '../../src/machine/machine.ts';
import { SystemSegment } from '../../src/x86/registers.ts';
import { engine, type Run, runGuest, runKernel } from './support.ts';

/** Guests that are long for the reference engine, which runs the same records. */
const long = test.skipIf(engine === 'reference');

const read = sourcesIn();
const build = (source: string): Promise<Uint8Array> =>
  buildGuest('exits', async (path) => (path === 'exits.s' ? source : read(path))).then(({ image }) => image);
const guestNamed = (name: string) => guests.find((guest) => guest.name === name)!;

const total = (exits: Readonly<Record<string, number>>): number =>
  Object.values(exits).reduce((sum, n) => sum + n, 0);

interface Stretch {
  readonly name: string;
  readonly operations: number;
  readonly before: Readonly<Record<string, number>>;
}

/** Stretches of a guest between marks on port E9h: `NAME OPERATIONS<LF>`, and a full stop. */
class Stretches {
  /** Exits and operations of all stretches of a name. */
  readonly found = new Map<string, { operations: number; exits: Map<string, number> }>();
  machine!: Machine;
  #line = '';
  #open: Stretch | undefined;

  mark(byte: number): void {
    const character = String.fromCharCode(byte);
    if (character === '.' && this.#open) this.#close(this.#open);
    else if (character === '\n') {
      const [name = '', operations] = this.#line.split(' ');
      this.#line = '';
      this.#open = { name, operations: Number(operations), before: this.machine.statistics().exits };
    } else this.#line += character;
  }
  #close({ name, operations, before }: Stretch): void {
    const { exits } = this.machine.statistics();
    const entry = this.found.get(name) ?? { operations: 0, exits: new Map<string, number>() };
    entry.operations += operations;
    for (const [reason, n] of Object.entries(exits))
      entry.exits.set(reason, (entry.exits.get(reason) ?? 0) + n - (before[reason] ?? 0));
    // The mark itself.
    entry.exits.set('I/O instruction', entry.exits.get('I/O instruction')! - 1);
    this.found.set(name, entry);
    this.#open = undefined;
  }
  /** Exits for an operation, to one decimal, zeros left out. */
  get exits(): Record<string, Record<string, number>> {
    return Object.fromEntries(
      [...this.found].map(([name, { operations, exits }]) => {
        const each = [...exits].map(
          ([reason, n]) => [reason, Math.round((10 * n) / operations) / 10] as const,
        );
        return [name, Object.fromEntries(each.filter(([, n]) => n > 0))];
      }),
    );
  }
}
const stretchesOf = async (
  run: (options: Parameters<typeof runGuest>[2]) => Promise<Run>,
): Promise<{ exits: Record<string, Record<string, number>>; run: Run }> => {
  const stretches = new Stretches();
  const done = await run({
    machine: { onDebugConsole: (byte) => stretches.mark(byte) },
    prepare: (machine) => {
      stretches.machine = machine;
    },
  });
  return { exits: stretches.exits, run: done };
};

const IO = { 'I/O instruction': 1 };
const FAULT = { 'exception or NMI': 1 };

describe('nanobenchmarks', () => {
  const quiet = ['loop', 'crwr', 'callret', 'clisti', 'pushfpopf', 'rdtsc', 'segload'];
  const transfers = ['syscall', 'int80', 'divzero'];
  const without = (exits: Record<string, object>, names: readonly string[]) =>
    names.filter((name) => Object.keys(exits[name]!).length > 0);

  test.each(['hw', 'hw+vtlb'] as const)('shadows: input, page faults, CR3 loads: %s', async (technique) => {
    const { exits } = await stretchesOf((options) =>
      runGuest(guestNamed('nanobenchmarks'), technique, options),
    );
    expect(without(exits, [...quiet, ...transfers])).toEqual([]);
    expect(exits.in).toEqual(IO);
    expect(exits.pgfault).toEqual(FAULT);
    const shadow = technique === 'hw';
    // Kept tables need nothing behind a CR3 load; four pages, and the kernel's, are faulted in again without them.
    expect(exits.cr3).toEqual({ 'control-register access': 1, ...(!shadow && { 'exception or NMI': 5 }) });
    for (const name of ['ptemod_same', 'ptemod_absent', 'ptemod_present'])
      expect(exits[name], name).toEqual(shadow ? FAULT : {});
  });
  test('nested paging: input alone', async () => {
    const { exits } = await stretchesOf((options) =>
      runGuest(guestNamed('nanobenchmarks'), 'hw+nested', options),
    );
    const { in: input, ...others } = exits;
    expect(input).toEqual(IO);
    expect(without(others, Object.keys(others))).toEqual([]);
  });
});

/** Each stretch is one instruction, or what is said. */
const SOURCE = `
.include "lib/start.s"
.include "lib/marks.s"
.include "lib/rings.s"
.set DIRECTORY, 0x200000
.set WP, 0x10000
.set TS, 8
.set PGE, 0x80

main:
    call rings_initialize
    mov $0x100000, %eax             # uses all pages of code and stacks once
1:  mov (%eax), %edx
    add $0x1000, %eax
    cmp $memory_end, %eax
    jb 1b
    begin cpuid
    cpuid
    end
    begin rdpmc
    at_ring 0, 1f
    rdpmc
1:  end
    check_fault "no performance counters", 13, 0
    begin rdtsc
    rdtsc
    end
    begin invd
    invd
    end
    begin wbinvd
    wbinvd
    end
    begin clts
    clts
    end
    smsw %ax
    begin lmsw
    lmsw %ax
    end
    begin sgdt
    sgdt table
    end
    begin str
    str %ax
    end
    begin sgdt_sldt
    sgdt table
    sldt %ax
    end
    mov %cr0, %eax
    begin same_cr0
    mov %eax, %cr0
    end
    mov %cr0, %eax
    xor $TS, %eax
    begin cr0_ts
    mov %eax, %cr0
    end
    mov %cr0, %eax
    xor $WP, %eax
    begin cr0_wp
    mov %eax, %cr0
    end
    mov %cr4, %eax
    xor $PGE, %eax
    begin cr4_pge
    mov %eax, %cr4
    end
    begin from_cr3
    mov %cr3, %eax
    end
    begin from_cr0
    mov %cr0, %eax
    end
    mov $DIRECTORY, %eax
    begin to_cr3
    mov %eax, %cr3
    end
    begin invlpg
    invlpg 0x800000
    end
    begin from_dr
    mov %dr7, %eax
    end
    mov $0x174, %ecx
    begin rdmsr
    rdmsr
    end
    begin wrmsr
    wrmsr
    end
    begin wrmsr_fault
    at_ring 0, 1f
    mov $0x12345, %ecx
    wrmsr
1:  end
    check_fault "no such MSR", 13, 0
    mov $9, %ecx
    mov $0x80, %edx
    mov $scratch, %esi
    begin rep_outsb
    rep outsb
    end
    begin device
    mov 0xa0000, %eax
    mov %eax, 0xb8000
    end
    begin video_update
    incl 0xa0000
    end

    at_ring 3, 1f
    cpuid
    int $DONE
1:  check_done "CPUID in ring 3"
    begin user_hlt
    at_ring 3, 1f
    hlt
1:  end
    check_fault "HLT in ring 3", 13, 0
    begin user_in
    at_ring 3, 1f
    inb $0x80, %al
1:  end
    check_fault "IN in ring 3", 13, 0
    begin user_debug_register
    at_ring 3, 1f
    mov %dr0, %eax
1:  end
    check_fault "MOV DR in ring 3", 13, 0
    jmp verdict

.balign 8, 0
table:
    .long 0, 0
scratch:
    .long 0, 0, 0
`;

const INTERRUPTS = `
.include "lib/start.s"
.include "lib/timer.s"
.include "lib/marks.s"
main:
    call pic_initialize
    call request_timer_interrupt
    sti                             # uses all pages that an interrupt needs
    nop
    cli

    call request_timer_interrupt
    begin window
    sti
    nop
    cli
    end

    call request_timer_interrupt
    out_byte PIC1 + 1, 0xff
    sti
    begin unmask
    out_byte PIC1 + 1, 0xfe
    end
    cli
    xor %eax, %eax
    ret
`;

describe('instructions', async () => {
  const kernel = await build(SOURCE);
  const exitsUnder = async (technique: TechniqueName) => {
    const { exits, run } = await stretchesOf((options) => runKernel(kernel, technique, options));
    expect(run.text).toContain('6 checks, 0 failed');
    // Of what may exit, the processor executes what does not.
    expect(run.machine.statistics().longInstructions.mov_to_cr).toBe(
      technique.startsWith('hw+nested') ? 5 : 2,
    );
    const named = Object.entries(exits).map(([name, reasons]) => {
      // Pages of the guest that the stretch is the first to use.
      const { 'exception or NMI': _, ...others } = reasons;
      return [name, others] as const;
    });
    return Object.fromEntries(named.filter(([, reasons]) => total(reasons) > 0));
  };
  const always = {
    cpuid: { CPUID: 1 },
    rdpmc: { RDPMC: 1 },
    invd: { INVD: 1 },
    from_dr: { 'MOV DR': 1 },
    rdmsr: { RDMSR: 1 },
    wrmsr: { WRMSR: 1 },
    wrmsr_fault: { WRMSR: 1 },
    rep_outsb: IO,
    user_debug_register: { 'MOV DR': 1 },
  };
  const CR = { 'control-register access': 1 };

  test.each(['hw', 'hw+vtlb'] as const)('shadows: %s', async (technique) => {
    expect(await exitsUnder(technique)).toEqual({
      ...always,
      cr0_wp: CR,
      cr4_pge: CR,
      from_cr3: CR,
      to_cr3: CR,
      ...(technique === 'hw+vtlb' && { invlpg: { INVLPG: 1 } }),
    });
  });
  test('nested paging', async () => {
    const { device, video_update, ...others } = await exitsUnder('hw+nested');
    expect(others).toEqual(always);
    expect(device).toEqual({ 'EPT violation': 2 });
    expect(video_update).toEqual({ 'EPT violation': 1 });
  });
  test('further controls', async () => {
    const exits = await exitsUnder('hw+nested+rdtsc+tables');
    expect(exits).toMatchObject({
      ...always,
      rdtsc: { RDTSC: 1 },
      sgdt: { 'access to GDTR or IDTR': 1 },
      str: { 'access to LDTR or TR': 1 },
      sgdt_sldt: { 'access to GDTR or IDTR': 1, 'access to LDTR or TR': 1 },
    });
  });
});

describe('events', () => {
  test.each(['hw', 'hw+nested'] as const)('task switches and shutdown: %s', async (technique) => {
    let loads = 0;
    const tasks = await runGuest(guestNamed('tasks'), technique, {
      prepare({ cpu }) {
        const setSegment = cpu.setSegment.bind(cpu);
        cpu.setSegment = (segment, ...values) => {
          if (segment === SystemSegment.TR) loads++;
          setSegment(segment, ...values);
        };
      },
    });
    const { callouts } = (await runGuest(guestNamed('tasks'), 'bt')).machine.statistics();
    expect(tasks.machine.statistics().exits['task switch']).toBe(loads - callouts.ltr!);
    const triple = await runGuest(guestNamed('triple'), technique);
    expect(triple.machine.statistics().exits['triple fault']).toBe(1);
  });
  long.each(['hw', 'hw+nested'] as const)('interrupts come with an exit: %s', async (technique) => {
    const { machine } = await runGuest(guestNamed('hello'), technique);
    const { exits, interrupts, instructions, direct } = machine.statistics();
    expect(exits).toMatchObject({ HLT: 5, 'external interrupt': 43, 'interrupt window': 1 });
    expect(interrupts).toBe(49);
    expect(direct).toBe(1 - total(exits) / instructions);
  });
  test('one that waits opens a window; one that an access brings about comes with its exit', async () => {
    const kernel = await build(INTERRUPTS);
    const { exits } = await stretchesOf((options) => runKernel(kernel, 'hw+nested', options));
    // The handler ends the interrupt at the controller.
    expect(exits.window).toEqual({ 'interrupt window': 1, ...IO });
    expect(exits.unmask).toEqual({ 'I/O instruction': 2 });
  });
  test('every page fault on shadow tables is hidden, true, or a traced write', async () => {
    const { machine } = await runGuest(guestNamed('paging'), 'hw');
    const { exits, guestMode, monitor } = machine.statistics();
    const { hiddenPageFaults, truePageFaults } = monitor!;
    const { tracedWrites } = guestMode!;
    for (const count of [hiddenPageFaults, truePageFaults, tracedWrites]) expect(count).toBeGreaterThan(0);
    expect(hiddenPageFaults + truePageFaults + tracedWrites).toBe(exits['exception or NMI']);
  });
});

describe('what guest mode cannot run', () => {
  const emulated = async (name: string, technique: TechniqueName) => {
    const { machine } = await runGuest(guestNamed(name), technique);
    const { guestMode, instructions } = machine.statistics();
    return { emulated: guestMode!.emulatedInstructions, instructions };
  };
  long('protected mode needs no emulation', async () => {
    expect((await emulated('hello', 'hw')).emulated).toBe(0);
    expect((await emulated('virtual-8086', 'hw')).emulated).toBe(0);
  });
  test('real mode is emulated, but not for unrestricted guests', async () => {
    const real = await emulated('real', 'hw');
    expect(real.emulated).toBeGreaterThan(100);
    expect(real.emulated).toBeLessThan(real.instructions);
    expect((await emulated('real', 'hw+nested')).emulated).toBe(0);
  });
});

describe('walks', () => {
  long(
    'nested paging: four entries of the second level for each of the first, and for what it leads to',
    async () => {
      const native = (await runGuest(guestNamed('hello'), 'native')).machine.statistics().tlb;
      const nested = (await runGuest(guestNamed('hello'), 'hw+nested')).machine.statistics();
      expect(nested.tlb.misses).toBe(native.misses);
      // No walk of this guest ends in a page fault.
      expect(nested.tlb.entriesRead).toBe(native.entriesRead);
      expect(nested.guestMode!.nestedEntriesRead).toBe((native.entriesRead + native.misses) * 4);
      expect(nested.exits['EPT violation']).toBe(nested.guestMode!.mappedPages);
    },
  );
});
