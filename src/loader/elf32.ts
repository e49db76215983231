import { hex, LoadError, viewOf } from './image.ts';

/**
 * Static i386 executables (System V ABI, chapter 4 "Object files" and 5 "Program loading"; Intel386
 * supplement).
 */

/** A part of the file to be loaded (PT_LOAD). Offsets and sizes in bytes. */
export interface ElfSegment {
  /** Position in the program header table, as `readelf -l` lists it. */
  readonly index: number;
  readonly offset: number;
  readonly fileSize: number;
  readonly virtual: number;
  readonly physical: number;
  /** At least `fileSize`; the rest is to be zeroed. */
  readonly memorySize: number;
  /** Whether it may be executed (PF_X). */
  readonly executable: boolean;
  /**
   * How many of its first bytes hold nothing but the ELF and program headers and zeros up to the contents.
   * Linkers put them on the page before the text, which for a kernel linked to 1 MiB is ROM.
   */
  readonly headerBytes: number;
}

export interface ElfImage {
  /** Entry point as a physical address. */
  readonly entry: number;
  /** Never empty. */
  readonly segments: readonly ElfSegment[];
  /** The section header table, when there is a complete one. */
  readonly sections: ElfSectionTable | undefined;
}

export interface ElfSectionTable {
  readonly offset: number;
  readonly count: number;
  /** Bytes per header. */
  readonly entrySize: number;
  /** Index of the section that holds the section names. */
  readonly names: number;
}

const HEADER_SIZE = 52;
const PROGRAM_HEADER_SIZE = 32;
export const SECTION_HEADER_SIZE = 40;

const FileType = { RELOCATABLE: 1, EXECUTABLE: 2, DYNAMIC: 3, CORE: 4 } as const;
const SegmentType = { LOAD: 1, DYNAMIC: 2, INTERPRETER: 3 } as const;
/** Flag of a segment that may be executed. */
const PF_X = 1;
const MACHINE_386 = 3;
const MACHINE_X86_64 = 62;

const machineNames: Readonly<Record<number, string>> = {
  2: 'SPARC',
  8: 'MIPS',
  20: 'PowerPC',
  21: '64-bit PowerPC',
  22: 'S/390',
  40: 'ARM',
  [MACHINE_X86_64]: 'x86-64',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
};

export const isElf = (file: Uint8Array): boolean =>
  file[0] === 0x7f && file[1] === 0x45 && file[2] === 0x4c && file[3] === 0x46;

/**
 * Reads the headers of an executable for this processor.
 * @throws LoadError when the file is anything else, or ends before what its headers describe
 */
export const parseElf32 = (file: Uint8Array, name: string): ElfImage => {
  const refuse = (reason: string): never => {
    throw new LoadError(`${name} ${reason}`);
  };
  const requireBytes = (end: number, what: string): void => {
    if (end > file.length) refuse(`is truncated: ${what} ends at byte ${end}, the file has ${file.length}`);
  };

  const view = viewOf(file);
  requireBytes(HEADER_SIZE, 'its ELF header');
  const machine = view.getUint16(18, file[5] !== 2);
  const machineName = machineNames[machine] ?? `machine ${machine}`;
  if (file[4] === 2) {
    const forThisFamily = machine === MACHINE_X86_64;
    refuse(
      forThisFamily
        ? 'is a 64-bit ELF file; this processor has no long mode'
        : `is a 64-bit ELF file for ${machineName}, not for a 32-bit x86 processor`,
    );
  }
  if (file[4] !== 1) refuse(`is an ELF file of unknown class ${file[4]}`);
  if (machine !== MACHINE_386 || file[5] !== 1) {
    refuse(`is an ELF file for ${machineName}, not for a 32-bit x86 processor`);
  }

  const type = view.getUint16(16, true);
  if (type === FileType.RELOCATABLE) refuse('is an object file, not linked into an executable');
  if (type === FileType.DYNAMIC) refuse('is dynamically linked or position-independent; link it statically');
  if (type === FileType.CORE) refuse('is a core dump, not an executable');
  if (type !== FileType.EXECUTABLE) refuse(`is an ELF file of unknown type ${type}`);

  const tableOffset = view.getUint32(28, true);
  const headerSize = view.getUint16(42, true);
  const headerCount = view.getUint16(44, true);
  if (headerCount === 0) refuse('has no program headers: there is nothing to load');
  if (headerSize < PROGRAM_HEADER_SIZE) refuse(`has program headers of ${headerSize} bytes instead of 32`);
  const headersEnd = tableOffset + headerSize * headerCount;
  requireBytes(headersEnd, 'its program header table');

  const segments: ElfSegment[] = [];
  for (let index = 0; index < headerCount; index++) {
    const at = tableOffset + index * headerSize;
    const word = (offset: number): number => view.getUint32(at + offset, true);
    const segmentType = word(0);
    if (segmentType === SegmentType.DYNAMIC || segmentType === SegmentType.INTERPRETER) {
      refuse('is dynamically linked; link it statically');
    }
    const [offset, virtual, physical, fileSize, memorySize] = [4, 8, 12, 16, 20].map(word);
    const headerBytes = offset === 0 ? leadingHeaders(file, headersEnd, fileSize) : 0;
    const executable = (word(24) & PF_X) !== 0;
    const segment = { index, offset, virtual, physical, fileSize, memorySize, executable, headerBytes };
    if (segmentType !== SegmentType.LOAD || segment.memorySize === 0) continue;
    if (segment.fileSize > segment.memorySize) {
      refuse(
        `is damaged: segment ${index} has ${segment.fileSize} bytes in the file, ${segment.memorySize} in memory`,
      );
    }
    requireBytes(segment.offset + segment.fileSize, `segment ${index}`);
    segments.push(segment);
  }
  if (segments.length === 0) refuse('has no loadable segment: there is nothing to load');

  const stated = view.getUint32(24, true);
  const entry = physicalEntry(stated, segments);
  if (!segments.some((s) => s.physical <= entry && entry < s.physical + s.memorySize)) {
    refuse(`has its entry point at ${hex(stated)}, outside every segment`);
  }
  return { entry, segments, sections: sectionTable(file) };
};

const leadingHeaders = (file: Uint8Array, headersEnd: number, fileSize: number): number => {
  let end = headersEnd;
  while (end < fileSize && file[end] === 0) end++;
  return Math.min(end, fileSize);
};

/**
 * Kernels linked for a high virtual address differ in what they call their entry point. One inside a
 * segment's virtual range is virtual; any other is meant physically.
 */
const physicalEntry = (entry: number, segments: readonly ElfSegment[]): number => {
  const home = segments.find((s) => s.virtual <= entry && entry < s.virtual + s.memorySize);
  return home ? entry - home.virtual + home.physical : entry;
};

/** Sections are not needed to run a kernel, so an unusable table counts as none. */
const sectionTable = (file: Uint8Array): ElfSectionTable | undefined => {
  const view = viewOf(file);
  const offset = view.getUint32(32, true);
  const entrySize = view.getUint16(46, true);
  const count = view.getUint16(48, true);
  const names = view.getUint16(50, true);
  const usable = offset !== 0 && count !== 0 && entrySize >= SECTION_HEADER_SIZE;
  return usable && offset + entrySize * count <= file.length
    ? { offset, count, entrySize, names }
    : undefined;
};
