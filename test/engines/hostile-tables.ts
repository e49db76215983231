/** Pieces of kernels whose descriptor tables, task state segments and stacks lie where none can be. */
import { farJump, type Hostile, mapped, spare } from './hostile.ts';

/** A TSS of 68h bytes at a base in the spare descriptor. @param access of the descriptor */
const tss = (base: number, access = 0x89): string =>
  `${spare(base, access)} movw $0x67, gdt_spare\n movb $0, gdt_spare + 6\n`;
const farCall = (selector: string): string => `.byte 0x9a\n .long 0\n .word ${selector}\n`;
const loadTable = (instruction: string, base: number, limit = 0xffff): string =>
  `movw $${limit}, ${instruction}_pointer\n movl $${base}, ${instruction}_pointer + 2\n l${instruction} ${instruction}_pointer\n`;
/** Everything that looks a selector up. */
const lookUp = (selector: string): string => `
    mov $${selector}, %eax
    lar %eax, %ebx
    lsl %eax, %ecx
    verr %ax
    verw %ax
    mov %eax, %gs
    mov %eax, %fs
    lldt %ax
    ltr %ax
    ${farCall(selector)}`;
/** Everything that pushes and pops. */
const useStack =
  'push %eax\n pusha\n enter $16, $3\n call 9f\n9: pop %ebx\n popa\n push $0\n popfl\n int $DONE';

/** In MiB, memory ends at 8: the hole behind it begins inside a TSS. */
const ACROSS_END_OF_RAM = 0x7fffd0;

export const brokenTables: readonly Hostile[] = [
  {
    name: 'JMP to a TSS across the end of RAM',
    ring: 0,
    setup: tss(ACROSS_END_OF_RAM),
    piece: farJump('SPARE_SELECTOR', '0'),
  },
  {
    name: 'CALL of a TSS across the end of RAM',
    ring: 0,
    setup: tss(ACROSS_END_OF_RAM),
    piece: farCall('SPARE_SELECTOR'),
  },
  {
    name: 'TSS across the end of the address space',
    ring: 0,
    setup: tss(0xffffffd0),
    piece: farCall('SPARE_SELECTOR'),
  },
  {
    name: 'TSS on page tables that end within it',
    ring: 0,
    setup: `${mapped('0')} ${tss(0x3fffd0)}`,
    piece: farCall('SPARE_SELECTOR'),
  },
  {
    name: 'old TSS in a hole',
    ring: 0,
    setup: `${tss(0xe0000000)} mov $SPARE_SELECTOR, %eax\n ltr %ax\n movb $0x89, gdt_tss + 5`,
    piece: farJump('TSS_SELECTOR', '0'),
  },
  {
    name: 'inner stack from a TSS in a hole',
    ring: 3,
    setup: `${tss(0xe0000000)} mov $SPARE_SELECTOR, %eax\n ltr %ax`,
    piece: 'int $DONE',
  },
  {
    name: 'a task that links to itself',
    ring: 0,
    setup: 'movw $TSS_SELECTOR, tss',
    piece: 'pushl $0x4002\n popfl\n iretl',
  },
  {
    name: 'a task gate to itself as double fault handler',
    ring: 0,
    setup: 'movl $TSS_SELECTOR << 16, idt + 64\n movl $0x8500, idt + 68\n movw $0, idt + 106',
    piece: 'mov $0xfff8, %eax\n mov %eax, %fs',
  },
  {
    name: 'TSS without any stack',
    ring: 3,
    setup: 'movw $0, gdt_tss\n movb $0x89, gdt_tss + 5\n mov $TSS_SELECTOR, %eax\n ltr %ax',
    piece: 'int $DONE',
  },
  {
    name: 'TR never loaded anew',
    ring: 0,
    setup: 'movl $0, gdt_tss\n movl $0, gdt_tss + 4',
    piece: `${tss(0x300000)} ${farJump('SPARE_SELECTOR', '0')}`,
  },
  { name: 'GDT in a hole', ring: 0, piece: loadTable('gdt', 0xe0000000) + lookUp('0x1238') },
  {
    name: 'GDT across the end of the address space',
    ring: 0,
    piece: loadTable('gdt', 0xfffffff4) + lookUp('0x08'),
  },
  { name: 'GDT across the end of RAM', ring: 0, piece: loadTable('gdt', 0x7ff004) + lookUp('0xff8') },
  {
    name: 'LDT over everything',
    ring: 0,
    setup: `${spare(0, 0x82)} mov $SPARE_SELECTOR, %eax\n lldt %ax`,
    piece: lookUp('0xffff'),
  },
  { name: 'IDT in a hole', ring: 0, piece: `${loadTable('idt', 0xe0000000)} int $DONE` },
  {
    name: 'IDT across the end of the address space',
    ring: 0,
    piece: `${loadTable('idt', 0xfffffdf4)} int $DONE`,
  },
  { name: 'IDT that ends within a gate', ring: 3, piece: 'int $DONE', setup: loadTable('idt', 0, 0x203) },
  { name: 'stack pointer 0, ring 3', ring: 3, piece: `xor %esp, %esp\n ${useStack}` },
  { name: 'stack pointer 2, ring 3', ring: 3, piece: `mov $2, %esp\n ${useStack}` },
  {
    name: 'stack with a limit of 0',
    ring: 0,
    setup: `${spare(0x300000, 0x93)} movw $0, gdt_spare\n movb $0x40, gdt_spare + 6`,
    piece: `mov $SPARE_SELECTOR, %eax\n mov %eax, %ss\n ${useStack}`,
  },
  {
    name: 'every descriptor there is',
    ring: 0,
    setup: 'movl $0x5ac3a55a, %ebx\n mov $TSS_SELECTOR, %eax',
    piece: `mov $4000, %edi
1:  imul $0x41c64e6d, %ebx, %ebx
    add $0x3039, %ebx
    movl %ebx, gdt_spare
    imul $0x41c64e6d, %ebx, %ebx
    add $0x3039, %ebx
    movl %ebx, gdt_spare + 4
    mov $SPARE_SELECTOR, %ecx
    lar %ecx, %edx
    lsl %ecx, %edx
    verr %cx
    verw %cx
    dec %edi
    jnz 1b
    mov %ecx, %fs
    movl %fs:0, %edx
    movl %edx, %fs:4`,
  },
  {
    name: 'redirected INT without a TSS to say so',
    ring: 0,
    setup: 'mov %cr4, %eax\n or $1, %eax\n mov %eax, %cr4\n movw $0xffff, tss_io_map_base + 2',
    piece:
      'push $0\n push $0\n push $0\n push $0\n push $0x2000\n push $0x100\n push $0x20202\n push $0x2000\n push $0\n movw $0x21cd, 0x20000\n iretl',
  },
];
