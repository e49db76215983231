import { type ElfSectionTable, type ElfSegment, parseElf32 } from './elf32.ts';
import {
  type BootModule,
  type EntryState,
  type GuestMemory,
  hex,
  LoadError,
  type LoadOptions,
  viewOf,
} from './image.ts';
import {
  DESCRIPTOR_TABLE_SIZE,
  FLAT_CODE,
  FLAT_DATA,
  Layout,
  PAGE,
  Placement,
  writeDescriptorTable,
} from './layout.ts';
import { checkRequirements, type MultibootAddresses, type MultibootHeader } from './multiboot-header.ts';
import { buildInformation, type LoadedModule, type SectionInformation } from './multiboot-information.ts';

/** What EAX holds at entry: "a Multiboot loader started you" (section 3.2). */
const BOOTED_BY_MULTIBOOT = 0x2badb002;

/**
 * Loads a kernel by the Multiboot Specification 0.6.96: an ELF executable, or any file whose header brings
 * its own load addresses.
 * @throws LoadError when the file is damaged or demands what there is not
 */
export const loadMultiboot = (
  kernel: Uint8Array,
  header: MultibootHeader,
  options: LoadOptions,
  memory: GuestMemory,
): EntryState => {
  checkRequirements(header, options.name);
  const placement = new Placement(options.e820, memory);
  const image = header.addresses
    ? loadFlat(kernel, header.offset, header.addresses, options.name, memory, placement)
    : loadElf(kernel, options.name, memory, placement);

  const modules = (options.modules ?? []).map((module) => loadModule(module, image.end, memory, placement));
  const sections = image.sections && loadSections(kernel, image.sections, image.end, memory, placement);

  const place = (size: number, alignment: number, from: number): number => {
    const address = placement.takeLowest(size, alignment, from);
    if (address === undefined) {
      throw new LoadError(
        `${options.name} leaves no room in memory for the ${size} bytes of boot information`,
      );
    }
    return address;
  };
  const gdt = writeDescriptorTable(memory, place(DESCRIPTOR_TABLE_SIZE, 16, Layout.DESCRIPTOR_TABLE));
  const information = buildInformation({
    commandLine: options.append ? `${options.name} ${options.append}` : options.name,
    lowerMemory: placement.ramFrom(0),
    upperMemory: placement.ramFrom(Layout.EXTENDED),
    e820: options.e820,
    modules,
    sections,
  });
  const address = place(information.size, 16, Layout.INFORMATION);
  memory.write(address, information.at(address));

  return {
    mode: 'protected-flat',
    eip: image.entry,
    registers: { eax: BOOTED_BY_MULTIBOOT, ebx: address },
    gdt,
    codeSelector: FLAT_CODE,
    dataSelector: FLAT_DATA,
  };
};

interface LoadedKernel {
  readonly entry: number;
  /** First address after the kernel. */
  readonly end: number;
  readonly sections: ElfSectionTable | undefined;
}

const loadElf = (file: Uint8Array, name: string, memory: GuestMemory, placement: Placement): LoadedKernel => {
  const image = parseElf32(file, name);
  let end = 0;
  for (const segment of image.segments) {
    const skipped = headersOutsideRam(segment, placement);
    const physical = segment.physical + skipped;
    const fileSize = Math.max(segment.fileSize - skipped, 0);
    const memorySize = segment.memorySize - skipped;
    placement.claim(physical, memorySize, `${name}: segment ${segment.index}`);
    memory.write(physical, file.subarray(segment.offset + skipped, segment.offset + skipped + fileSize));
    memory.fill(physical + fileSize, memorySize - fileSize, 0);
    end = Math.max(end, physical + memorySize);
  }
  return { entry: image.entry, end, sections: image.sections };
};

/** How many bytes at the start of a segment are headers on ROM, where a write would be lost. */
const headersOutsideRam = (segment: ElfSegment, placement: Placement): number => {
  const ram = placement.lowestRam(1, 1, segment.physical) ?? segment.physical;
  const outside = Math.min(ram - segment.physical, segment.memorySize);
  return outside <= segment.headerBytes ? outside : 0;
};

/** Loads one contiguous piece of the file, placed so that the header comes to its stated address. */
const loadFlat = (
  file: Uint8Array,
  headerOffset: number,
  { header, load, loadEnd, bssEnd, entry }: MultibootAddresses,
  name: string,
  memory: GuestMemory,
  placement: Placement,
): LoadedKernel => {
  const start = headerOffset - (header - load);
  if (load > header || start < 0) {
    throw new LoadError(
      `${name} has a damaged Multiboot header: load address ${hex(load)} does not precede it in the file`,
    );
  }
  const end = loadEnd === 0 ? load + file.length - start : loadEnd;
  if (end <= header || (bssEnd !== 0 && bssEnd < end)) {
    throw new LoadError(`${name} has a damaged Multiboot header: its load addresses are out of order`);
  }
  const fileEnd = start + end - load;
  if (fileEnd > file.length) {
    throw new LoadError(
      `${name} is truncated: its image ends at byte ${fileEnd}, the file has ${file.length}`,
    );
  }
  const memoryEnd = bssEnd === 0 ? end : bssEnd;
  placement.claim(load, memoryEnd - load, name);
  memory.write(load, file.subarray(start, fileEnd));
  memory.fill(end, memoryEnd - end, 0);
  return { entry, end: memoryEnd, sections: undefined };
};

/** Modules follow the kernel, each in pages of its own; header flag bit 0 asks for the boundary. */
const loadModule = (
  { name, bytes, commandLine }: BootModule,
  kernelEnd: number,
  memory: GuestMemory,
  placement: Placement,
): LoadedModule => {
  const from = Math.max(kernelEnd, Layout.EXTENDED);
  const start = placement.takeLowest(Math.ceil(bytes.length / PAGE) * PAGE, PAGE, from);
  if (start === undefined) {
    throw new LoadError(
      `${name} does not fit in memory: it has ${bytes.length} bytes, the largest free place has ` +
        `${placement.largestFree(PAGE, 2 ** 32)}`,
    );
  }
  memory.write(start, bytes);
  return { start, end: start + bytes.length, commandLine };
};

const SectionField = { TYPE: 4, ADDRESS: 12, OFFSET: 16, SIZE: 20, ALIGNMENT: 32 } as const;
const NO_BITS = 8;

/**
 * Puts the section headers into memory, and with them the sections that no segment brought there: symbols,
 * names, debugging information. Their headers then hold the addresses (section 3.3, flag bit 5).
 * @returns undefined when they do not fit: a kernel is to run without them
 */
const loadSections = (
  file: Uint8Array,
  { offset, count, entrySize, names }: ElfSectionTable,
  kernelEnd: number,
  memory: GuestMemory,
  placement: Placement,
): SectionInformation | undefined => {
  const from = Math.max(kernelEnd, Layout.EXTENDED);
  // A copy; file.slice would give none where it is a Buffer of Node.
  const headers = Uint8Array.from(file.subarray(offset, offset + count * entrySize));
  const view = viewOf(headers);
  for (let at = 0; at < headers.length; at += entrySize) {
    const word = (field: number): number => view.getUint32(at + field, true);
    const fileOffset = word(SectionField.OFFSET);
    const size = word(SectionField.SIZE);
    const elsewhere = word(SectionField.ADDRESS) === 0 && word(SectionField.TYPE) !== NO_BITS;
    if (!elsewhere || size === 0 || fileOffset + size > file.length) continue;
    const address = placement.takeLowest(size, Math.max(word(SectionField.ALIGNMENT), 4), from);
    if (address === undefined) return undefined;
    memory.write(address, file.subarray(fileOffset, fileOffset + size));
    view.setUint32(at + SectionField.ADDRESS, address, true);
  }
  const address = placement.takeLowest(headers.length, 8, from);
  if (address === undefined) return undefined;
  memory.write(address, headers);
  return { count, entrySize, address, names };
};
