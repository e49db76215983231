/** What an ELF file for one flat 32-bit program holds. Addresses are physical. */
export interface ElfProgram {
  readonly code: Uint8Array;
  /** Where `code` is loaded. */
  readonly origin: number;
  readonly entry: number;
  /** Bytes in memory, at least `code.length`; the loader clears what lies behind the code. */
  readonly memorySize: number;
  /** Written as absolute symbols, for debuggers. */
  readonly symbols: ReadonlyMap<string, number>;
}

// System V ABI, chapters 4 and 5, and its Intel386 supplement.
const EHDR_SIZE = 52;
const PHDR_SIZE = 32;
const SHDR_SIZE = 40;
const SYM_SIZE = 16;
const ET_EXEC = 2;
const EM_386 = 3;
const PT_LOAD = 1;
const SHT = { PROGBITS: 1, SYMTAB: 2, STRTAB: 3 } as const;
const SHF = { WRITE: 1, ALLOC: 2, EXECINSTR: 4 } as const;
const SHN_ABS = 0xfff1;
const SECTION = { text: 1, symtab: 2, strtab: 3, shstrtab: 4 } as const;
const PAGE = 0x1000;

/** A string table (a leading zero byte, then zero-terminated names) under construction. */
class StringTable {
  readonly bytes: number[] = [0];

  add(name: string): number {
    const offset = this.bytes.length;
    this.bytes.push(...new TextEncoder().encode(name), 0);
    return offset;
  }
}

/**
 * An executable ELF32 file: one PT_LOAD segment, readable, writable and executable, at file offset 4096 so
 * that offset and address agree modulo the page size, and a symbol table. A Multiboot header at the start
 * of the code is within the first 8192 bytes of the file, as Multiboot 0.6.96, section 3.1 asks.
 */
export function writeElf(program: ElfProgram): Uint8Array {
  const names = new StringTable();
  const symbolWords: number[][] = [[0, 0, 0, 0]];
  for (const [name, value] of program.symbols) symbolWords.push([names.add(name), value, 0, SHN_ABS << 16]);
  const sectionNames = new StringTable();
  const align = (offset: number): number => (offset + 3) & ~3;

  const symtab = align(PAGE + program.code.length);
  const strtab = symtab + symbolWords.length * SYM_SIZE;
  const shstrtab = strtab + names.bytes.length;
  const { length } = program.code;
  const textFlags = SHF.WRITE | SHF.ALLOC | SHF.EXECINSTR;
  // sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size, sh_link, sh_info, sh_addralign, sh_entsize
  const text = [sectionNames.add('.text'), SHT.PROGBITS, textFlags, program.origin, PAGE, length, 0, 0, 4, 0];
  const symtabSize = symbolWords.length * SYM_SIZE;
  const symbols = [sectionNames.add('.symtab'), SHT.SYMTAB, 0, 0, symtab, symtabSize, SECTION.strtab];
  symbols.push(symbolWords.length, 4, SYM_SIZE);
  const strings = [sectionNames.add('.strtab'), SHT.STRTAB, 0, 0, strtab, names.bytes.length, 0, 0, 1, 0];
  const lastName = sectionNames.add('.shstrtab');
  const last = [lastName, SHT.STRTAB, 0, 0, shstrtab, sectionNames.bytes.length, 0, 0, 1, 0];
  const sections = [new Array<number>(10).fill(0), text, symbols, strings, last];
  const shoff = align(shstrtab + sectionNames.bytes.length);

  const file = new Uint8Array(shoff + sections.length * SHDR_SIZE);
  const view = new DataView(file.buffer);
  const words = (offset: number, values: readonly number[]): void =>
    values.forEach((value, index) => {
      view.setUint32(offset + index * 4, value, true);
    });
  const halves = (offset: number, values: readonly number[]): void =>
    values.forEach((value, index) => {
      view.setUint16(offset + index * 2, value, true);
    });

  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  halves(16, [ET_EXEC, EM_386]);
  words(20, [1, program.entry, EHDR_SIZE, shoff, 0]);
  halves(40, [EHDR_SIZE, PHDR_SIZE, 1, SHDR_SIZE, sections.length, SECTION.shstrtab]);
  const { origin, memorySize } = program;
  words(EHDR_SIZE, [PT_LOAD, PAGE, origin, origin, length, memorySize, 7, PAGE]);
  file.set(program.code, PAGE);
  symbolWords.forEach((symbol, index) => {
    words(symtab + index * SYM_SIZE, symbol);
  });
  file.set(names.bytes, strtab);
  file.set(sectionNames.bytes, shstrtab);
  sections.forEach((section, index) => {
    words(shoff + index * SHDR_SIZE, section);
  });
  return file;
}
