/** A Multiboot kernel that says one byte on COM1 with its third instruction, to time how a machine starts. */
import { writeElf } from '../guests/elf.ts';

const ORIGIN = 0x100000;
// Multiboot 0.6.96, section 3.1: magic, flags, and what makes their sum zero.
const MAGIC = 0x1badb002;
const HEADER = [MAGIC, 0, -MAGIC];

// biome-ignore format: one instruction a line
const CODE = [
  0x66, 0xba, 0xf8, 0x03, // mov dx, 0x3f8
  0xb0, 0x0a,             // mov al, '\n'
  0xee,                   // out dx, al
  0xf4,                   // hlt
  0xeb, 0xfd,             // jmp to the hlt
];

/** What the guest prints: five bits, the word length of a 16550A after reset. */
export const FIRST_OUTPUT = '\n';

/** The kernel as an ELF file. */
export const firstOutputGuest = (): Uint8Array => {
  const code = new Uint8Array(HEADER.length * 4 + CODE.length);
  const view = new DataView(code.buffer);
  for (const [i, word] of HEADER.entries()) view.setInt32(i * 4, word, true);
  code.set(CODE, HEADER.length * 4);
  return writeElf({
    code,
    origin: ORIGIN,
    entry: ORIGIN + HEADER.length * 4,
    memorySize: code.length,
    symbols: new Map(),
  });
};
