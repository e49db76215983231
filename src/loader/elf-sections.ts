/** Sections and symbols of an ELF file (System V ABI, chapter 4). Running a kernel needs neither. */
import type { ElfSectionTable } from './elf32.ts';
import { viewOf } from './image.ts';

export const SectionType = { PROGRAM: 1, SYMBOLS: 2, NO_BITS: 8 } as const;
export const SectionFlag = { ALLOCATED: 2, EXECUTABLE: 4 } as const;

export interface ElfSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Virtual. */
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Of a symbol table: the index of the section with its names. */
  readonly link: number;
}

export interface ElfSymbol {
  readonly name: string;
  /** Virtual address, or a number without one. */
  readonly value: number;
  /** Bytes; 0 when the symbol has none or it is not known. */
  readonly size: number;
}

const SYMBOL_SIZE = 16;
const MOST_NAME = 1024;

/** What a terminal would act on instead of showing it. */
const CONTROL_CHARACTERS = /\p{Cc}/gu;
/** Text from a file that may have been made to deceive. */
export const shown = (text: string): string => text.replace(CONTROL_CHARACTERS, '?');

const textAt = (bytes: Uint8Array, offset: number): string => {
  const end = bytes.indexOf(0, offset);
  const last = Math.min(end < 0 ? bytes.length : end, offset + MOST_NAME);
  return shown(new TextDecoder().decode(bytes.subarray(offset, last)));
};

/** Every section; the contents are cut off where the file ends. */
export const readSections = (file: Uint8Array, table: ElfSectionTable): ElfSection[] => {
  const view = viewOf(file);
  const sections = Array.from({ length: table.count }, (_, i) => {
    const at = table.offset + i * table.entrySize;
    const word = (offset: number): number => view.getUint32(at + offset, true);
    const type = word(4);
    const [start, size] = [word(16), type === SectionType.NO_BITS ? 0 : word(20)];
    const bytes = file.subarray(Math.min(start, file.length), Math.min(start + size, file.length));
    return { nameAt: word(0), type, flags: word(8), address: word(12), bytes, link: word(24) };
  });
  const names = sections[table.names]?.bytes ?? new Uint8Array();
  return sections.map(({ nameAt, ...section }) => ({ ...section, name: textAt(names, nameAt) }));
};

/** Symbols with a name and a value, in the file's order. */
export const readSymbols = (sections: readonly ElfSection[]): ElfSymbol[] =>
  sections
    .filter(({ type }) => type === SectionType.SYMBOLS)
    .flatMap(({ bytes, link }) => {
      const names = sections[link]?.bytes ?? new Uint8Array();
      const view = viewOf(bytes);
      return Array.from({ length: Math.floor(bytes.length / SYMBOL_SIZE) }, (_, i): ElfSymbol => {
        const at = i * SYMBOL_SIZE;
        const word = (offset: number): number => view.getUint32(at + offset, true);
        return { name: textAt(names, word(0)), value: word(4), size: word(8) };
      });
    })
    .filter(({ name, value }) => name !== '' && value !== 0);
