import { type MemoryRange, setUint64, viewOf, zeroTerminated } from './image.ts';

/** The boot information that a Multiboot kernel finds through EBX (Multiboot Specification 0.6.96, section 3.3). */

export interface LoadedModule {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly commandLine: string;
}

/** The ELF section headers in memory: `address` of the first, bytes per header, index of the name section. */
export interface SectionInformation {
  readonly count: number;
  readonly entrySize: number;
  readonly address: number;
  readonly names: number;
}

export interface BootInformation {
  readonly commandLine: string;
  /** Bytes of RAM from address 0, and from 1 MiB, up to the first hole. */
  readonly lowerMemory: number;
  readonly upperMemory: number;
  readonly e820: readonly MemoryRange[];
  readonly modules: readonly LoadedModule[];
  readonly sections: SectionInformation | undefined;
}

/** What the fields of the structure are valid for, by flag bit. */
const Valid = {
  MEMORY: 1 << 0,
  COMMAND_LINE: 1 << 2,
  MODULES: 1 << 3,
  SECTIONS: 1 << 5,
  MEMORY_MAP: 1 << 6,
  LOADER_NAME: 1 << 9,
} as const;

/** Offsets in bytes; every field has 32 bits. */
const Field = {
  FLAGS: 0,
  LOWER_MEMORY: 4,
  UPPER_MEMORY: 8,
  COMMAND_LINE: 16,
  MODULE_COUNT: 20,
  MODULES: 24,
  SECTION_COUNT: 28,
  SECTION_SIZE: 32,
  SECTIONS: 36,
  SECTION_NAMES: 40,
  MEMORY_MAP_SIZE: 44,
  MEMORY_MAP: 48,
  LOADER_NAME: 64,
} as const;

/** Up to and including the framebuffer fields, so that a kernel that looks there reads zeros. */
const STRUCTURE_SIZE = 116;
const MODULE_SIZE = 16;
/** An entry's size field does not count itself. */
const MAP_ENTRY_SIZE = 20;
const LOADER_NAME = 'ringdown';
/** The specification caps the lower memory at 640 KiB. */
const LOWER_MEMORY_LIMIT = 640;

/**
 * Lays the structure out with all it points to in one piece.
 * @returns the piece's size in bytes, and its bytes for the physical address where it will be
 */
export const buildInformation = (
  information: BootInformation,
): { size: number; at: (address: number) => Uint8Array } => {
  const { e820, modules, sections } = information;
  const strings = [information.commandLine, LOADER_NAME, ...modules.map((m) => m.commandLine)].map(
    zeroTerminated,
  );

  const mapOffset = STRUCTURE_SIZE;
  const mapSize = e820.length * (MAP_ENTRY_SIZE + 4);
  const moduleOffset = mapOffset + mapSize;
  const stringOffsets: number[] = [];
  let size = moduleOffset + modules.length * MODULE_SIZE;
  for (const string of strings) {
    stringOffsets.push(size);
    size += string.length;
  }

  const at = (address: number): Uint8Array => {
    const bytes = new Uint8Array(size);
    const view = viewOf(bytes);
    const set = (offset: number, value: number): void => view.setUint32(offset, value, true);

    strings.forEach((string, index) => {
      bytes.set(string, stringOffsets[index]);
    });
    set(Field.COMMAND_LINE, address + stringOffsets[0]);
    set(Field.LOADER_NAME, address + stringOffsets[1]);

    set(Field.LOWER_MEMORY, Math.min(Math.floor(information.lowerMemory / 1024), LOWER_MEMORY_LIMIT));
    set(Field.UPPER_MEMORY, Math.floor(information.upperMemory / 1024));
    set(Field.MEMORY_MAP_SIZE, mapSize);
    set(Field.MEMORY_MAP, address + mapOffset);
    e820.forEach((range, index) => {
      const entry = mapOffset + index * (MAP_ENTRY_SIZE + 4);
      set(entry, MAP_ENTRY_SIZE);
      setUint64(view, entry + 4, range.base);
      setUint64(view, entry + 12, range.size);
      set(entry + 20, range.type);
    });

    set(Field.MODULE_COUNT, modules.length);
    set(Field.MODULES, modules.length === 0 ? 0 : address + moduleOffset);
    modules.forEach((module, index) => {
      const entry = moduleOffset + index * MODULE_SIZE;
      set(entry, module.start);
      set(entry + 4, module.end);
      set(entry + 8, address + stringOffsets[2 + index]);
    });

    let flags = Valid.MEMORY | Valid.COMMAND_LINE | Valid.MODULES | Valid.MEMORY_MAP | Valid.LOADER_NAME;
    if (sections) {
      flags |= Valid.SECTIONS;
      set(Field.SECTION_COUNT, sections.count);
      set(Field.SECTION_SIZE, sections.entrySize);
      set(Field.SECTIONS, sections.address);
      set(Field.SECTION_NAMES, sections.names);
    }
    set(Field.FLAGS, flags);
    return bytes;
  };
  return { size, at };
};
