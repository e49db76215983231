import {
  type BootModule,
  type EntryState,
  type GuestMemory,
  hex,
  LoadError,
  type LoadOptions,
  type MemoryRange,
  setUint64,
  viewOf,
  zeroTerminated,
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
import { type LinuxHeader, parseLinuxHeader, SetupHeader } from './linux-header.ts';
import { loadSetup, SETUP_COMMAND_LINE_SIZE } from './linux-real-mode.ts';

/** Offsets in the boot parameters beside the setup header ("The Linux/x86 Boot Protocol", "zero page"). */
const BootParameter = {
  /** KiB above 1 MiB as INT 15h, AH=88h reports them, in 16 bits. */
  EXTENDED_MEMORY: 0x002,
  ACPI_RSDP: 0x070,
  /** The same in 32 bits. */
  ALTERNATIVE_MEMORY: 0x1e0,
  E820_COUNT: 0x1e8,
  E820_TABLE: 0x2d0,
  SIZE: 0x1000,
} as const;

const E820_ENTRY_SIZE = 20;
const E820_LIMIT = 128;
/** "A loader without an assigned number." */
const UNDEFINED_LOADER = 0xff;
/** "Normal": what a loader that sets no video mode leaves. */
const NORMAL_VIDEO_MODE = 0xffff;
/** Initial RAM disks that follow one another start on this boundary (kernel documentation, initramfs buffer format). */
const RAMDISK_ALIGNMENT = 4;

/**
 * Loads a bzImage by the 32-bit boot protocol, versions 2.02 to 2.15; or for its setup code to start in real mode, if
 * it has no entry point for the former. Several modules become one initial RAM
 * disk. The screen information stays zero, which tells the kernel that there is no VGA console.
 * @throws LoadError when the kernel cannot be started on this machine
 */
export const loadLinux = (kernel: Uint8Array, options: LoadOptions, memory: GuestMemory): EntryState => {
  const { name } = options;
  const header = parseLinuxHeader(kernel, name);
  const placement = new Placement(options.e820, memory);

  const commandLine = zeroTerminated(options.append ?? '');
  const space = header.realMode ? SETUP_COMMAND_LINE_SIZE : Layout.INFORMATION_END - Layout.INFORMATION - 1;
  const commandLineLimit = Math.min(header.commandLineSize, space);
  if (commandLine.length - 1 > commandLineLimit) {
    throw new LoadError(
      `the command line has ${commandLine.length - 1} bytes; ${name} takes at most ${commandLineLimit}`,
    );
  }
  if (header.realMode) {
    memory.write(placeKernel(header, name, placement), header.code);
    const ramdisk = loadRamdisk(options.modules ?? [], header.ramdiskLimit, memory, placement);
    return loadSetup(header, commandLine, ramdisk, options, memory, placement);
  }
  placement.claim(Layout.BOOT_PARAMETERS, BootParameter.SIZE, `${name}: its parameter block`);
  placement.claim(Layout.DESCRIPTOR_TABLE, DESCRIPTOR_TABLE_SIZE, `${name}: its descriptor table`);
  placement.claim(Layout.INFORMATION, commandLine.length, `${name}: its command line`);

  const loadAddress = placeKernel(header, name, placement);
  memory.write(loadAddress, header.code);
  memory.write(Layout.INFORMATION, commandLine);
  const ramdisk = loadRamdisk(options.modules ?? [], header.ramdiskLimit, memory, placement);

  const parameters = new Uint8Array(BootParameter.SIZE);
  parameters.set(header.bytes, SetupHeader.START);
  const view = viewOf(parameters);
  view.setUint16(SetupHeader.VIDEO_MODE, NORMAL_VIDEO_MODE, true);
  view.setUint8(SetupHeader.LOADER_TYPE, UNDEFINED_LOADER);
  view.setUint32(SetupHeader.CODE32_START, loadAddress, true);
  view.setUint32(SetupHeader.RAMDISK_ADDRESS, ramdisk.address, true);
  view.setUint32(SetupHeader.RAMDISK_SIZE, ramdisk.size, true);
  view.setUint32(SetupHeader.COMMAND_LINE, Layout.INFORMATION, true);
  setMemoryMap(view, options.e820, placement.ramFrom(Layout.EXTENDED));
  if (header.takesAcpiRsdp && options.acpiRsdp) setUint64(view, BootParameter.ACPI_RSDP, options.acpiRsdp);
  memory.write(Layout.BOOT_PARAMETERS, parameters);

  return {
    mode: 'protected-flat',
    eip: loadAddress,
    registers: { esi: Layout.BOOT_PARAMETERS, ebx: 0, ebp: 0, edi: 0 },
    gdt: writeDescriptorTable(memory, Layout.DESCRIPTOR_TABLE),
    codeSelector: FLAT_CODE,
    dataSelector: FLAT_DATA,
  };
};

/**
 * Chooses where the kernel is loaded, and reserves that and the place to which it will unpack itself.
 * @returns the load address, which is the entry point too
 */
const placeKernel = (header: LinuxHeader, name: string, placement: Placement): number => {
  const { alignment, code, loadAddress, runtime } = header;
  if (alignment === undefined) {
    placement.claim(loadAddress, code.length, name);
    if (runtime) placement.claim(runtime.address, runtime.size, name);
    return loadAddress;
  }
  // Loaded where it is to run, the kernel needs no second place to move to.
  const size = Math.max(code.length, runtime?.size ?? 0);
  const address = placement.lowestRam(size, alignment, loadAddress) ?? loadAddress;
  placement.claim(address, size, name);
  return address;
};

/** The highest page-aligned place that the kernel can reach keeps clear of all that it unpacks. */
const loadRamdisk = (
  modules: readonly BootModule[],
  limit: number,
  memory: GuestMemory,
  placement: Placement,
): { address: number; size: number } => {
  let size = 0;
  const offsets = modules.map(({ bytes }) => {
    const offset = Math.ceil(size / RAMDISK_ALIGNMENT) * RAMDISK_ALIGNMENT;
    size = offset + bytes.length;
    return offset;
  });
  if (size === 0) return { address: 0, size: 0 };

  const address = placement.takeHighest(size, PAGE, limit + 1);
  if (address === undefined) {
    throw new LoadError(
      `${modules.map((module) => module.name).join(', ')} does not fit in memory: the initial RAM disk has ` +
        `${size} bytes, the largest free place up to ${hex(limit)} has ${placement.largestFree(PAGE, limit + 1)}`,
    );
  }
  memory.fill(address, size, 0);
  modules.forEach(({ bytes }, index) => {
    memory.write(address + offsets[index], bytes);
  });
  return { address, size };
};

const setMemoryMap = (view: DataView, e820: readonly MemoryRange[], extendedMemory: number): void => {
  if (e820.length > E820_LIMIT) {
    throw new LoadError(`the memory map has ${e820.length} entries; Linux takes at most ${E820_LIMIT}`);
  }
  const kibibytes = Math.floor(extendedMemory / 1024);
  view.setUint16(BootParameter.EXTENDED_MEMORY, Math.min(kibibytes, 0xffff), true);
  view.setUint32(BootParameter.ALTERNATIVE_MEMORY, kibibytes, true);
  view.setUint8(BootParameter.E820_COUNT, e820.length);
  e820.forEach((range, index) => {
    const at = BootParameter.E820_TABLE + index * E820_ENTRY_SIZE;
    setUint64(view, at, range.base);
    setUint64(view, at + 8, range.size);
    view.setUint32(at + 16, range.type, true);
  });
};
