/**
 * Pieces of hostile kernels, each with the ring it runs in. The frame around them records how each piece ended,
 * restores paging and segments as well as it can, prints what the guest saw, and exits.
 */

/** What the pieces write wherever they can. */
export const PATTERN = 0x5aa5c33c;

/** The start of the monitor's physical pages, beyond every guest's RAM. */
const MONITOR = '0xf0000000';

const DIRECTORY = 0x200000;
const TABLE = 0x201000;

/** Page tables with 0 to 4 MiB to itself and `entry` for the 4 MiB behind; CR4.PSE on; paging not yet. */
const tables = (entry: string): string => `
    movl $${TABLE + 7}, ${DIRECTORY}
    movl $${entry}, ${DIRECTORY + 4}
    xor %ecx, %ecx
8:  mov %ecx, %eax
    shl $12, %eax
    or $7, %eax
    mov %eax, ${TABLE}(,%ecx,4)
    inc %ecx
    cmp $1024, %ecx
    jb 8b
    mov %cr4, %eax
    or $0x10, %eax
    mov %eax, %cr4
`;
const turnPagingOn = (cr3: string | number = DIRECTORY): string => `
    mov $${cr3}, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
`;
export const mapped = (entry: string): string => tables(entry) + turnPagingOn();
/** Writes and reads at a linear address in every way there is. */
const assault = (address: string): string => `
    mov $${address}, %edi
    mov $0x1000, %ecx
    mov $${PATTERN}, %eax
    rep stosl
    mov $${address}, %edi
    xchg %eax, (%edi)
    lock cmpxchg %ebx, 4(%edi)
    lock incl 8(%edi)
    btsl $5, 12(%edi)
    movl $${PATTERN}, 0xffe(%edi)
    movw $0xc33c, 0xfff(%edi)
    mov %esp, %ebp
    lea 0x2000(%edi), %esp
    pushl $${PATTERN}
    pushal
    pushfl
    call 9f
9:  pop %eax
    mov %ebp, %esp
    fildl (%edi)
    fistpl 16(%edi)
    fnsave 32(%edi)
    sidt 256(%edi)
    smsw 264(%edi)
    mov (%edi), %ebx
    mov 0xffe(%edi), %ecx
    mov 0x1ffc(%edi), %edx
`;
export const farJump = (selector: string, offset: string): string =>
  `.byte 0xea\n .long ${offset}\n .word ${selector}\n`;
/** The spare descriptor: 4 GiB of 32-bit data or code with a base. */
export const spare = (base: number, access: number): string => `
    movl $${(((base & 0xffff) << 16) | 0xffff) >>> 0}, gdt_spare
    movl $${((base & 0xff000000) | 0xcf0000 | (access << 8) | ((base >>> 16) & 0xff)) >>> 0}, gdt_spare + 4
`;
const setCr0 = (and: string, or: string): string => `
    mov %cr0, %eax
    and $${and}, %eax
    or $${or}, %eax
    mov %eax, %cr0
`;

export interface Hostile {
  readonly name: string;
  readonly ring: 0 | 1 | 2 | 3;
  /** Before the piece, in ring 0. */
  readonly setup?: string;
  readonly piece: string;
  /** EFLAGS in the outer ring. */
  readonly eflags?: string;
}

const rings = [0, 1, 2, 3] as const;
const inRings = (
  name: string,
  rest: Omit<Hostile, 'name' | 'ring'>,
  of: readonly (0 | 1 | 2 | 3)[] = rings,
): Hostile[] => of.map((ring) => ({ name: `${name}, ring ${ring}`, ring, ...rest }));

export const hostiles: readonly Hostile[] = [
  ...inRings(
    'the monitor mapped as a large page',
    { setup: mapped('0xf0000087'), piece: assault('0x400000') },
    [0, 3],
  ),
  ...inRings(
    'the monitor mapped by tables in the monitor',
    { setup: mapped('0xf0005007'), piece: assault('0x400000') },
    [0, 3],
  ),
  ...inRings(
    'code in the monitor',
    { setup: mapped('0xf0000087'), piece: 'mov $0x400000, %eax\n call *%eax' },
    [0, 3],
  ),
  {
    name: 'the end of RAM and the page behind',
    ring: 0,
    setup: mapped('0x00400087'),
    piece: 'mov $0x7ffffe, %edi\n movl $0x11111111, -4(%edi)\n movl $0x5aa5c33c, (%edi)\n mov (%edi), %ebx',
  },
  ...inRings(
    'segments over the monitor',
    {
      setup: spare(0xf0000000, 0xf3),
      piece: `mov $SPARE_SELECTOR + 3, %eax\n mov %eax, %ds\n mov %eax, %es\n ${assault('0')}`,
    },
    [0, 3],
  ),
  ...inRings(
    'segments over the tables a monitor would have',
    {
      setup: spare(0xffc00000, 0xf3),
      piece: `mov $SPARE_SELECTOR + 3, %eax\n mov %eax, %ds\n mov %eax, %es\n ${assault('0x20000')}`,
    },
    [0, 3],
  ),
  {
    name: 'RAM where a monitor would have its TSS',
    ring: 0,
    setup: `${tables('0')}\n movl $${TABLE + 0x1007}, ${DIRECTORY + 0xffc}\n mov $0x300007, %eax\n mov %eax, ${TABLE + 0x1000 + 0x20 * 4}
    movl $0x12345678, 0x300000\n ${turnPagingOn()}`,
    piece:
      'fildl 0xffc20000\n fistpl 0xffc20004\n mov 0xffc20004, %ebx\n fildl 0xffc20004\n fistpl 0x300008\n mov 0x300008, %ecx',
  },
  ...inRings(
    'stack over the monitor',
    {
      setup: spare(0xf0000000, 0xf3),
      piece: 'mov $SPARE_SELECTOR + 3, %eax\n mov %eax, %ss\n push %eax\n pop %ebx',
    },
    [0, 3],
  ),
  {
    name: 'GDT in the monitor',
    ring: 0,
    setup: `${mapped('0xf0000087')} movl $0x400000, gdt_pointer + 2`,
    piece:
      'lgdt gdt_pointer\n mov $0x13, %eax\n mov %eax, %fs\n mov %fs:1, %ebx\n lar %eax, %ecx\n lsl %eax, %edx',
  },
  {
    name: 'LDT in the monitor',
    ring: 0,
    setup: `mov $${MONITOR}, %eax\n mov $gdt_ldt, %ebx\n call set_descriptor_base\n mov $LDT_SELECTOR, %eax\n lldt %ax`,
    piece: 'mov $LDT_DATA, %eax\n mov %eax, %fs\n mov %fs:1, %ebx',
  },
  {
    name: 'IDT in the monitor',
    ring: 0,
    setup: `movl $${MONITOR}, idt_pointer + 2`,
    piece: 'lidt idt_pointer\n int $DONE',
  },
  {
    name: 'TSS in the monitor',
    ring: 3,
    setup: `mov $${MONITOR}, %eax\n mov $gdt_tss, %ebx\n call set_descriptor_base\n movb $0x89, gdt_tss + 5\n mov $TSS_SELECTOR, %eax\n ltr %ax`,
    piece: 'in $0x60, %al\n int $DONE',
  },
  {
    name: 'task switch to a TSS in the monitor',
    ring: 0,
    setup: `${spare(0xf0000000, 0x89)} movl $0x67, gdt_spare\n movb $0, gdt_spare + 6`,
    piece: farJump('SPARE_SELECTOR', '0'),
  },
  {
    name: 'task with page tables in the monitor',
    ring: 0,
    setup: `${mapped('0')} ${spare(0x300000, 0x89)} movw $0x67, gdt_spare\n movb $0, gdt_spare + 6\n movl $${MONITOR}, 0x30001c\n movl $2, 0x300024\n movl $8, 0x30004c\n movl $0x10, 0x300050`,
    piece: farJump('SPARE_SELECTOR', '0'),
  },
  {
    name: 'CR3 in the monitor',
    ring: 0,
    setup: mapped('0'),
    piece: `mov $${MONITOR}, %eax\n mov %eax, %cr3\n mov %eax, %ebx`,
  },
  {
    name: 'PDPTEs in the monitor',
    ring: 0,
    setup: mapped('0'),
    piece: `mov %cr4, %eax\n or $0x20, %eax\n mov $${MONITOR}, %ebx\n mov %ebx, %cr3\n mov %eax, %cr4`,
  },
  {
    name: 'PAE turned on in paging',
    ring: 0,
    setup: mapped('0x400087'),
    piece: 'mov %cr4, %eax\n or $0x20, %eax\n mov %eax, %cr4\n mov 0x400000, %ebx',
  },
  { name: 'PG without PE', ring: 0, setup: tables('0'), piece: setCr0('0xfffffffe', '0x80000000') },
  { name: 'PE cleared in paging', ring: 0, setup: mapped('0'), piece: setCr0('0xfffffffe', '0') },
  { name: 'PG without tables', ring: 0, setup: `movl $0, ${DIRECTORY}`, piece: turnPagingOn() },
  {
    name: 'PG toggled',
    ring: 0,
    setup: mapped('0x400087'),
    piece: `mov %cr0, %eax\n ${Array.from({ length: 8 }, () => 'xor $0x80000000, %eax\n mov %eax, %cr0').join('\n')}\n mov %eax, %ebx`,
  },
  {
    name: 'PE and PG cleared at once',
    ring: 0,
    setup: mapped('0'),
    piece: `${setCr0('0x7ffffffe', '0')} mov %cr0, %ebx\n mov %cs, %ecx\n mov $0x1000, %edx\n mov %edx, %es\n mov %es:0, %edi\n ${setCr0('-1', '1')}`,
  },
  { name: 'reserved bits of CR4', ring: 0, piece: 'mov $-1, %eax\n mov %eax, %cr4' },
  {
    name: 'reserved bits of CR0',
    ring: 0,
    piece: 'mov %cr0, %eax\n or $0x1ffaffc0, %eax\n mov %eax, %cr0\n mov %cr0, %ebx',
  },
  ...inRings('privileged and IOPL tricks', {
    eflags: '0x3202',
    piece:
      'pushfl\n pop %ebx\n cli\n pushfl\n pop %ecx\n push $0x247ed7\n popfl\n pushfl\n pop %edx\n sti\n in $0x61, %al\n wbinvd',
  }),
  ...inRings('IOPL raised by POPF and IRET', {
    eflags: '0x0202',
    piece:
      'push $0x3002\n popfl\n pushfl\n pop %ebx\n push $0x3002\n push %cs\n push $2f\n iretl\n2: pushfl\n pop %ecx\n cli',
  }),
  ...inRings(
    'virtual-8086 mode asked for',
    {
      eflags: '0x3202',
      piece:
        'push $0x23202\n popfl\n pushfl\n pop %ebx\n push $0\n push $0\n push $0\n push $0\n push $0x100\n push $0x100\n push $0x23202\n push $0xffff\n push $0xfff0\n iretl',
    },
    [1, 2, 3],
  ),
  {
    name: 'GDT changed underfoot',
    ring: 0,
    piece:
      'movl $0, gdt + 8\n movl $0, gdt + 12\n movl $0, gdt + 16\n movl $0, gdt + 20\n mov %cs, %ebx\n mov %ss, %ecx\n push %ds\n pop %edx\n mov $0x10, %eax\n mov %eax, %fs',
  },
  {
    name: 'GDT limit zero',
    ring: 3,
    setup: 'movw $0, gdt_pointer\n lgdt gdt_pointer',
    piece: 'mov %cs, %ebx\n push %ds\n pop %ds',
  },
  {
    name: 'code descriptor turned into data',
    ring: 3,
    setup: 'movb $0x2, 5 + gdt + 0x18',
    piece: 'pushfl\n pop %ebx\n push $USER_CODE\n push $2f\n lretl\n2: nop',
  },
  {
    name: 'kernel code made conforming',
    ring: 3,
    setup: 'movb $0x9f, gdt + 8 + 5',
    piece: 'mov %cs, %ebx\n int $DONE',
  },
  {
    name: 'SYSENTER to a wild segment',
    ring: 3,
    setup:
      'mov $0x174, %ecx\n mov $0xfff3, %eax\n xor %edx, %edx\n wrmsr\n mov $0x175, %ecx\n mov $interrupt_stack_top, %eax\n wrmsr\n mov $0x176, %ecx\n mov $sysenter_entry, %eax\n wrmsr\n jmp 1f\nsysenter_entry:\n mov %cs, %ebx\n mov %ss, %ecx\n mov $KERNEL_DATA, %edx\n mov %edx, %ds\n int $DONE\n1:',
    piece: 'sysenter',
  },
  {
    name: 'SYSEXIT to a wild segment',
    ring: 0,
    setup: 'mov $0x174, %ecx\n mov $0xffe3, %eax\n xor %edx, %edx\n wrmsr',
    piece: 'mov $2f, %edx\n mov %esp, %ecx\n sysexit\n2: mov %cs, %ebx\n mov %ss, %ecx\n hlt',
  },
  ...inRings(
    'stack around address 0',
    {
      piece:
        'mov $2, %esp\n push $0x12345678\n pop %ebx\n mov $0, %esp\n push %ebx\n mov $0xfffffffe, %esp\n push %ebx\n pop %ecx\n xor %esp, %esp\n call 2f\n2: pop %edx\n mov $ring_stack_top, %esp',
    },
    [0, 3],
  ),
  {
    name: 'breakpoints on the monitor',
    ring: 0,
    piece: `mov $${MONITOR}, %eax\n mov %eax, %dr0\n mov $0xffc20000, %eax\n mov %eax, %dr1\n mov $0xff040f, %eax\n mov %eax, %dr7\n mov ${MONITOR}, %ebx\n movl $${PATTERN}, 0xffc20000\n mov %dr6, %ecx`,
  },
  {
    name: 'INVLPG and CR3 storm',
    ring: 0,
    setup: mapped('0xf0000087'),
    piece: `mov $50, %ecx\n2: invlpg 0x400000\n movl $${PATTERN}, 0x400000\n mov %cr3, %eax\n mov %eax, %cr3\n mov 0x400000, %ebx\n loop 2b`,
  },
  {
    name: 'alias of running code',
    ring: 0,
    setup: mapped('0x87'),
    piece:
      'mov $2f + 0x400001, %edi\n call 2f\n movl $0x22222222, (%edi)\n call 2f\n jmp 3f\n2: mov $0x11111111, %eax\n xchg %eax, %ebx\n mov %eax, %ecx\n ret\n3: nop',
  },
  {
    name: 'page tables that map themselves',
    ring: 0,
    setup: mapped('0x200007'),
    piece: `mov $0x401000, %edi\n mov (%edi), %ebx\n movl $0xf0000087, 4 + ${DIRECTORY}\n mov %cr3, %eax\n mov %eax, %cr3\n mov 0x400000, %ecx\n movl $${PATTERN}, 0x400000`,
  },
];

/** The kernel around a piece. */
export const hostileKernel = ({ ring, setup = '', piece, eflags = '0x202' }: Hostile): string => `
.include "lib/start.s"
.include "lib/rings.s"
main:
    call rings_initialize
    fninit
    movl $${eflags}, ring_eflags
    ${setup}
    at_ring ${ring}, after
    ${piece}
    int $DONE
after:
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov $0, %ecx
1:  mov result(,%ecx,4), %eax
    call print_hexadecimal
    print " "
    inc %ecx
    cmp $FRAME_SIZE / 4 + 1, %ecx
    jb 1b
    xor %eax, %eax
    ret
`;
