/** What of a kernel's file is code before the kernel has run. */
import type { KernelImage } from '../index.ts';
import { detectKernel } from '../loader/detect.ts';
import { readSections, SectionFlag, SectionType } from '../loader/elf-sections.ts';
import { type ElfSegment, isElf, parseElf32 } from '../loader/elf32.ts';
import { type LinuxHeader, parseLinuxHeader } from '../loader/linux-header.ts';
import type { MultibootAddresses } from '../loader/multiboot-header.ts';

/** A run of bytes that is code, or holds code. */
export interface CodeRange {
  /** Section, segment or part of a Linux kernel. */
  readonly name: string;
  /** Address of the first byte, in linear and in physical space. */
  readonly linear: number;
  readonly physical: number;
  readonly bytes: Uint8Array;
  readonly bits: 16 | 32;
}

export interface StaticCode {
  readonly ranges: readonly CodeRange[];
  /** Linear addresses where execution may begin. */
  readonly entries: readonly number[];
  /** What was left out, and what the reader must know; one sentence each. */
  readonly notes: readonly string[];
}

/** @throws LoadError when the file is no kernel that can be loaded */
export const codeRanges = ({ kernel, name }: KernelImage): StaticCode => {
  const kind = detectKernel(kernel, name);
  if (kind.protocol === 'linux') return linuxRanges(parseLinuxHeader(kernel, name));
  const { header } = kind;
  if (header.addresses)
    return {
      ranges: [flatRange(kernel, header.offset, header.addresses)],
      entries: [header.addresses.entry],
      notes: [MIXED],
    };
  return isElf(kernel)
    ? elfRanges(kernel, name)
    : { ranges: [], entries: [], notes: ['the file has no code that could be found'] };
};

const MIXED = 'the file does not tell code from data: data was read as code as well';

const elfRanges = (file: Uint8Array, name: string): StaticCode => {
  const { entry, segments, sections: table } = parseElf32(file, name);
  const entered = segments.find((s) => s.physical <= entry && entry < s.physical + s.memorySize);
  const entries = entered ? [entry - entered.physical + entered.virtual] : [];
  const sections = table ? readSections(file, table) : [];
  const wanted = SectionFlag.ALLOCATED | SectionFlag.EXECUTABLE;
  const code = sections.filter(
    ({ type, flags, bytes }) =>
      type === SectionType.PROGRAM && (flags & wanted) === wanted && bytes.length > 0,
  );
  if (code.length === 0) {
    const ranges = segments
      .filter(({ executable }) => executable)
      .map((segment) => segmentRange(file, segment));
    return { ranges, entries, notes: ['the file has no sections: executable segments were read whole'] };
  }
  const ranges = code.map(({ name: section, address, bytes }): CodeRange => {
    const home = segments.find(
      ({ virtual, memorySize }) => virtual <= address && address < virtual + memorySize,
    );
    const physical = home ? address - home.virtual + home.physical : address;
    return { name: section, linear: address, physical, bytes, bits: 32 };
  });
  return { ranges, entries, notes: [] };
};
const segmentRange = (file: Uint8Array, segment: ElfSegment): CodeRange => ({
  name: `segment ${segment.index}`,
  linear: segment.virtual,
  physical: segment.physical,
  bytes: file.subarray(segment.offset, segment.offset + segment.fileSize),
  bits: 32,
});

/** A Multiboot kernel that is no ELF file is loaded in one piece. */
const flatRange = (file: Uint8Array, headerOffset: number, addresses: MultibootAddresses): CodeRange => {
  const { header, load, loadEnd } = addresses;
  const start = Math.max(headerOffset - (header - load), 0);
  const end = loadEnd === 0 ? file.length : start + loadEnd - load;
  return { name: 'image', linear: load, physical: load, bytes: file.subarray(start, end), bits: 32 };
};

/** Where a boot loader has the setup code of a Linux kernel (Linux/x86 Boot Protocol, "Memory layout"). */
const SETUP_ADDRESS = 0x90000;
/** Offset of its jump over the header. */
const SETUP_ENTRY = 0x200;

const linuxRanges = ({ setup, code, payload, loadAddress }: LinuxHeader): StaticCode => {
  const part = (name: string, from: number, to: number): CodeRange => ({
    name,
    linear: loadAddress + from,
    physical: loadAddress + from,
    bytes: code.subarray(from, to),
    bits: 32,
  });
  const setupRange: CodeRange = {
    name: 'setup code',
    linear: SETUP_ADDRESS,
    physical: SETUP_ADDRESS,
    bytes: setup,
    bits: 16,
  };
  const entries = [SETUP_ADDRESS + SETUP_ENTRY, loadAddress];
  if (!payload || payload.size === 0 || payload.offset + payload.size > code.length)
    return { ranges: [setupRange, part('kernel', 0, code.length)], entries, notes: [MIXED] };
  const packed = Math.round(payload.size / 1024).toLocaleString('en');
  return {
    ranges: [
      setupRange,
      part('decompressor, head', 0, payload.offset),
      part('decompressor', payload.offset + payload.size, code.length),
    ],
    entries,
    notes: [
      `the kernel proper, ${packed} KiB of the file, is compressed: what it holds shows when it runs`,
      MIXED,
    ],
  };
};
