import { LoadError, viewOf } from './image.ts';

/**
 * The setup header of a bzImage (Linux kernel documentation, "The Linux/x86 Boot Protocol"). Offsets in
 * bytes from the start of the file, which are also offsets into the boot parameters.
 */
export const SetupHeader = {
  START: 0x1f1,
  SETUP_SECTORS: 0x1f1,
  /** In units of 16 bytes; 16 bits wide before protocol 2.04. */
  SYSTEM_SIZE: 0x1f4,
  VIDEO_MODE: 0x1fa,
  BOOT_FLAG: 0x1fe,
  /** Operand of the short jump over the header: what it reaches is the header's end. */
  JUMP: 0x201,
  MAGIC: 0x202,
  VERSION: 0x206,
  LOADER_TYPE: 0x210,
  LOAD_FLAGS: 0x211,
  CODE32_START: 0x214,
  RAMDISK_ADDRESS: 0x218,
  RAMDISK_SIZE: 0x21c,
  HEAP_END: 0x224,
  COMMAND_LINE: 0x228,
  RAMDISK_LIMIT: 0x22c,
  ALIGNMENT: 0x230,
  RELOCATABLE: 0x234,
  EXTENDED_LOAD_FLAGS: 0x236,
  COMMAND_LINE_SIZE: 0x238,
  PAYLOAD_OFFSET: 0x248,
  PAYLOAD_SIZE: 0x24c,
  PREFERRED_ADDRESS: 0x258,
  MEMORY_SIZE: 0x260,
  /** Where the boot parameters go on with other things. */
  LIMIT: 0x290,
} as const;

/** Protocol versions that brought a field: major in the high byte, minor in the low one. */
const Protocol = {
  OLDEST: 0x202,
  RAMDISK_LIMIT: 0x203,
  WIDE_SYSTEM_SIZE: 0x204,
  RELOCATABLE: 0x205,
  COMMAND_LINE_SIZE: 0x206,
  PAYLOAD: 0x208,
  PREFERRED_ADDRESS: 0x20a,
  EXTENDED_LOAD_FLAGS: 0x20c,
  ACPI_RSDP: 0x20e,
} as const;

const BOOT_SIGNATURE = 0xaa55;
/** "HdrS". */
const HEADER_SIGNATURE = 0x53726448;
const LOADED_HIGH = 1 << 0;
const XLF_KERNEL_64 = 1 << 0;
const SECTOR = 512;
const PARAGRAPH = 16;

/** Before the field for it: "255 bytes", and the highest byte of an initial RAM disk. */
const OLD_COMMAND_LINE_SIZE = 255;
const OLD_RAMDISK_LIMIT = 0x37ffffff;
/** Where the protected-mode part of a bzImage is loaded unless it is relocatable. */
const LOAD_HIGH_ADDRESS = 0x100000;

/** What the header says, with the protocol's defaults for fields newer than the kernel. */
export interface LinuxHeader {
  /** The header's own bytes, from `SetupHeader.START`. */
  readonly bytes: Uint8Array;
  /** The real-mode part of the file: boot sector and setup code. */
  readonly setup: Uint8Array;
  /** The protected-mode part of the file. */
  readonly code: Uint8Array;
  /** Where in `code` the compressed kernel is; undefined when the header does not say. */
  readonly payload: { readonly offset: number; readonly size: number } | undefined;
  /** Whether the header names no entry point of the protected-mode part: only the setup code can start it. */
  readonly realMode: boolean;
  /** Physical address to load it at, at the least. */
  readonly loadAddress: number;
  /** The alignment of the load address in bytes; undefined when the address is fixed. */
  readonly alignment: number | undefined;
  /** The memory that the kernel needs before it looks at the memory map; undefined when it does not say. */
  readonly runtime: { readonly address: number; readonly size: number } | undefined;
  /** Longest command line in bytes, without the terminating zero. */
  readonly commandLineSize: number;
  /** Highest address that a byte of the initial RAM disk may have. */
  readonly ramdiskLimit: number;
  readonly takesAcpiRsdp: boolean;
}

export const isLinux = (file: Uint8Array): boolean =>
  file.length >= SetupHeader.VERSION + 2 &&
  viewOf(file).getUint16(SetupHeader.BOOT_FLAG, true) === BOOT_SIGNATURE &&
  viewOf(file).getUint32(SetupHeader.MAGIC, true) === HEADER_SIGNATURE;

/**
 * Reads the header of a file that `isLinux` recognised.
 * @throws LoadError for what neither the 32-bit boot protocol nor a high kernel's setup code can start, and for
 * truncated files
 */
export const parseLinuxHeader = (file: Uint8Array, name: string): LinuxHeader => {
  const view = viewOf(file);
  const version = view.getUint16(SetupHeader.VERSION, true);
  const protocol = `${version >> 8}.${String(version & 0xff).padStart(2, '0')}`;
  if (version < Protocol.OLDEST) {
    throw new LoadError(
      `${name} is too old: it speaks version ${protocol} of the Linux boot protocol, not 2.02`,
    );
  }

  const setupSize = ((file[SetupHeader.SETUP_SECTORS] || 4) + 1) * SECTOR;
  if (file.length < setupSize) {
    throw new LoadError(
      `${name} is truncated: its setup code ends at byte ${setupSize}, the file has ${file.length}`,
    );
  }
  const codeEnd = protectedModeEnd(view, setupSize, version);
  // A kernel before the days of checksums was not padded to whole paragraphs.
  if (codeEnd - file.length >= PARAGRAPH || file.length === setupSize) {
    throw new LoadError(
      `${name} is truncated: its kernel ends at byte ${codeEnd}, the file has ${file.length}`,
    );
  }
  if ((file[SetupHeader.LOAD_FLAGS] & LOADED_HIGH) === 0) {
    throw new LoadError(`${name} is a zImage, which is loaded below 640 KiB; build a bzImage instead`);
  }
  if (version >= Protocol.EXTENDED_LOAD_FLAGS) {
    if (view.getUint16(SetupHeader.EXTENDED_LOAD_FLAGS, true) & XLF_KERNEL_64) {
      throw new LoadError(`${name} is a 64-bit kernel; this processor has no long mode`);
    }
  }

  const word = (since: number, offset: number, fallback: number): number =>
    version >= since ? view.getUint32(offset, true) : fallback;
  const relocatable = version >= Protocol.RELOCATABLE && file[SetupHeader.RELOCATABLE] !== 0;
  const statesRuntime = version >= Protocol.PREFERRED_ADDRESS;
  const preferred = statesRuntime
    ? Number(view.getBigUint64(SetupHeader.PREFERRED_ADDRESS, true))
    : LOAD_HIGH_ADDRESS;
  const headerEnd = Math.min(SetupHeader.MAGIC + file[SetupHeader.JUMP], SetupHeader.LIMIT);
  return {
    bytes: file.subarray(SetupHeader.START, headerEnd),
    setup: file.subarray(0, setupSize),
    code: file.subarray(setupSize, codeEnd),
    payload:
      version >= Protocol.PAYLOAD
        ? {
            offset: word(Protocol.PAYLOAD, SetupHeader.PAYLOAD_OFFSET, 0),
            size: word(Protocol.PAYLOAD, SetupHeader.PAYLOAD_SIZE, 0),
          }
        : undefined,
    realMode: view.getUint32(SetupHeader.CODE32_START, true) === 0,
    loadAddress: relocatable ? Math.max(preferred, LOAD_HIGH_ADDRESS) : LOAD_HIGH_ADDRESS,
    alignment: relocatable ? Math.max(view.getUint32(SetupHeader.ALIGNMENT, true), 1) : undefined,
    runtime: statesRuntime
      ? { address: preferred, size: view.getUint32(SetupHeader.MEMORY_SIZE, true) }
      : undefined,
    commandLineSize: word(Protocol.COMMAND_LINE_SIZE, SetupHeader.COMMAND_LINE_SIZE, OLD_COMMAND_LINE_SIZE),
    ramdiskLimit: word(Protocol.RAMDISK_LIMIT, SetupHeader.RAMDISK_LIMIT, OLD_RAMDISK_LIMIT),
    takesAcpiRsdp: version >= Protocol.ACPI_RSDP,
  };
};

/** Where the protected-mode part ends in the file; a signature may follow it. */
const protectedModeEnd = (view: DataView, setupSize: number, version: number): number =>
  version >= Protocol.WIDE_SYSTEM_SIZE
    ? setupSize + view.getUint32(SetupHeader.SYSTEM_SIZE, true) * PARAGRAPH
    : Math.max(view.byteLength, setupSize + 1);
