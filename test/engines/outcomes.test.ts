/** How runs end, and that no guest gets beyond its memory: small kernels on every technique. */
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import type { TechniqueName } from '../../src/machine/machine.ts';
import { type Run, runKernel } from './support.ts';

const techniques = ['native', 'trap', 'bt', 'hw', 'hw+nested'] as const;

/** Runs the instructions as `main` of a guest with the usual tables. */
const run = async (main: string, technique: TechniqueName): Promise<Run> => {
  const source = `.include "lib/start.s"\nmain:\n${main}\n`;
  const library = sourcesIn();
  const read = (path: string) => (path === 'inline.s' ? Promise.resolve(source) : library(path));
  const { image } = await buildGuest('inline', read);
  return runKernel(image, technique, { instructions: 2e6 });
};

/** Turns paging on with the directory at CR3. */
const paging = (cr3: string) => `
    mov $${cr3}, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
`;
/** Page tables at 200000h: linear 0 to 4 MiB to itself, and one entry for 4 to 8 MiB. */
const identity = (entry: string) => `
    movl $0x201007, 0x200000
    movl $${entry}, 0x200004
    xor %ecx, %ecx
1:  mov %ecx, %eax
    shl $12, %eax
    or $7, %eax
    mov %eax, 0x201000(,%ecx,4)
    inc %ecx
    cmp $1024, %ecx
    jb 1b
`;
const succeed = `
    xor %eax, %eax
    ret
`;

describe.each(techniques)('%s', (technique) => {
  test.each([
    ['reset control register', 'mov $0xcf9, %edx\n mov $6, %al\n outb %al, %dx', { kind: 'reset' }],
    ['keyboard controller', 'mov $0xfe, %al\n outb %al, $0x64', { kind: 'reset' }],
    ['port 92h', 'mov $1, %al\n outb %al, $0x92', { kind: 'reset' }],
    ['debug exit', 'mov $5, %al\n outb %al, $0xf4', { kind: 'exit', status: 11 }],
    ['HLT with interrupts off', 'cli\n hlt', { kind: 'halted' }],
  ])('%s', async (_name, main, outcome) => {
    const { outcome: ended } = await run(`${main}\n1: jmp 1b`, technique);
    expect(ended).toEqual(outcome);
  });

  test('an endless loop can be stopped', async () => {
    expect((await run('1: jmp 1b', technique)).outcome).toEqual({ kind: 'stopped' });
  });

  const hostile: readonly (readonly [string, string])[] = [
    ['page directory in a hole', paging('0xe0000000')],
    ['page directory in the pages of a monitor', paging('0xf0000000')],
    ['page directory in the last page', paging('0xfffff000')],
    ['page directory beyond RAM', paging('0x1000000')],
    ['page directory in ROM', paging('0xff000')],
    ['IDT in a hole', 'movl $0xe0000000, idt_pointer + 2\n lidt idt_pointer\n ud2'],
    ['IDT that wraps at 4 GiB', 'movl $0xffffffc0, idt_pointer + 2\n lidt idt_pointer\n ud2'],
    ['jump into a hole', 'movw $0, idt_pointer\n lidt idt_pointer\n mov $0xe0000000, %eax\n jmp *%eax'],
    [
      'GDT in a hole',
      'movl $0xe0000000, gdt_pointer + 2\n lgdt gdt_pointer\n movw $0, idt_pointer\n lidt idt_pointer\n mov $8, %eax\n mov %eax, %ss',
    ],
  ];
  test.each(hostile)('%s: the processor shuts down', async (_name, main) => {
    const { outcome, machine } = await run(`${main}\n1: jmp 1b`, technique);
    expect(outcome).toMatchObject({ kind: 'shutdown', reason: expect.stringContaining('triple fault') });
    expect(machine.cpu.cpl).toBe(0);
  });

  test('memory behind RAM, mapped or not, reads as all ones and keeps nothing', async () => {
    const main = `${identity('0xf0000087')}
    mov %cr4, %eax
    or $0x10, %eax
    mov %eax, %cr4
    ${paging('0x200000')}
    mov $0x400000, %edi
    mov $0x100000, %ecx
    mov $0x5a5a5a5a, %eax
    rep stosl
    mov %esp, %ebx
    mov $0x500000, %esp
    push $5
    pop %eax
    mov %ebx, %esp
    cmp $-1, %eax
    jne 2f
    mov $0x400000, %esi
    mov $0x1000, %ecx
1:  lodsl
    cmp $-1, %eax
    jne 2f
    loop 1b
    ${succeed}
2:  mov $1, %eax
    ret`;
    expect((await run(main, technique)).outcome).toEqual({ kind: 'exit', status: 1 });
  });

  test('with A20 masked the second megabyte is the first', async () => {
    // The code goes on where it is copied to, below 1 MiB, before the gate closes.
    const main = `
    movl $0x11111111, 0x7000
    movl $0x22222222, 0x107000
    mov $code, %esi
    mov $0x8000, %edi
    mov $code_end - code, %ecx
    rep movsb
    mov $0x8000, %eax
    call *%eax
    cmp $0x11111111, %ebx
    jne 1f
    cmp $0x22222222, %ecx
    jne 1f
    ${succeed}
1:  mov $1, %eax
    ret
code:
    mov %esp, %ebp
    mov $0x9000, %esp
    mov $0xdd, %al
    outb %al, $0x64
    mov 0x107000, %ebx
    mov $0xdf, %al
    outb %al, $0x64
    mov 0x107000, %ecx
    mov %ebp, %esp
    ret
code_end:`;
    expect((await run(main, technique)).outcome).toEqual({ kind: 'exit', status: 1 });
  });
});

describe.each(['native', 'bt', 'hw', 'hw+nested'] as const)('virtual-8086 mode under %s', (technique) => {
  /** Enters V86 mode at 0100:0000 with an IOPL; the first exception ends the run. */
  const enterV86 = (code: string, eflags: string) => `
    mov $v86_code, %esi
    mov $0x1000, %edi
    mov $v86_code_end - v86_code, %ecx
    rep movsb
    handle 0x0d, v86_fault
    push $0
    push $0
    push $0x100
    push $0
    push $0x100
    push $0x800
    push $${eflags}
    push $0x100
    push $0
    iretl
v86_fault:
    mov frame_eip(%ebp), %ebx
    mov frame_eflags(%ebp), %ecx
    movzwl 0x1200, %edx
    mov frame_cs(%ebp), %esi
    xor %eax, %eax
    jmp exit
v86_code:
    ${code}
v86_code_end:`;
  // mov $0x1234, %ax; mov %ax, 0x200
  const STORE = '.byte 0xb8, 0x34, 0x12, 0xa3, 0x00, 0x02';
  test.each([
    ['CLI with IOPL 0 faults', '.byte 0xfa', '0x20202', 6, 0x20202],
    ['CLI with IOPL 3 works, HLT faults', '.byte 0xfa, 0xf4', '0x23202', 7, 0x23002],
    ['PUSHF with IOPL 0 faults', '.byte 0x9c', '0x20202', 6, 0x20202],
    ['INT with IOPL 0 faults', '.byte 0xcd, 0x80', '0x20202', 6, 0x20202],
    [
      'MOV to a segment register loads 16 times the selector',
      '.byte 0x8e, 0xd8, 0xa1, 0x00, 0x00, 0xf4',
      '0x20202',
      11,
      0x20202,
    ],
  ])('%s', async (_name, code, eflags, eip, flags) => {
    const { outcome, machine } = await run(enterV86(`${STORE}\n ${code}`, eflags), technique);
    expect(outcome).toEqual({ kind: 'exit', status: 1 });
    // EBX, ECX, EDX, ESI: what the handler found.
    expect(machine.cpu.gpr(3)).toBe(eip);
    expect(machine.cpu.gpr(1) & ~0x10000).toBe(flags);
    expect(machine.cpu.gpr(6)).toBe(0x100);
  });
});
