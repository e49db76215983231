import { LoadError, viewOf } from './image.ts';

/** The Multiboot header (Multiboot Specification 0.6.96, section 3.1). */
export interface MultibootHeader {
  /** Where it starts in the file, in bytes. */
  readonly offset: number;
  readonly flags: number;
  /** The load addresses, when flag bit 16 says that they replace those of the executable's own header. */
  readonly addresses: MultibootAddresses | undefined;
}

/** Physical addresses in bytes; ends are exclusive. */
export interface MultibootAddresses {
  /** Where the header itself is to be. */
  readonly header: number;
  readonly load: number;
  /** End of what is loaded from the file; 0 means up to the end of the file. */
  readonly loadEnd: number;
  /** End of what is zeroed after it; 0 means that there is nothing to zero. */
  readonly bssEnd: number;
  readonly entry: number;
}

const MAGIC = 0x1badb002;
/** Magic of Multiboot 2, a different protocol. */
const MAGIC_2 = 0xe85250d6;
const SEARCH_LIMIT = 8192;
const ADDRESSES_VALID = 1 << 16;

/** Page-aligned modules, memory information, video mode information. */
const KNOWN_REQUIREMENTS = 0b111;

/**
 * Looks for the header: aligned on four bytes and wholly inside the first 8192 bytes.
 * @returns undefined when the file has none
 */
export const findMultibootHeader = (file: Uint8Array): MultibootHeader | undefined => {
  const view = viewOf(file);
  const end = Math.min(file.length, SEARCH_LIMIT);
  for (let offset = 0; offset + 12 <= end; offset += 4) {
    if (view.getUint32(offset, true) !== MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    const checksum = view.getUint32(offset + 8, true);
    if ((MAGIC + flags + checksum) % 2 ** 32 !== 0) continue;
    const word = (at: number): number => view.getUint32(offset + at, true);
    if ((flags & ADDRESSES_VALID) === 0) return { offset, flags, addresses: undefined };
    if (offset + 32 > end) continue;
    const addresses = {
      header: word(12),
      load: word(16),
      loadEnd: word(20),
      bssEnd: word(24),
      entry: word(28),
    };
    return { offset, flags, addresses };
  }
  return undefined;
};

/** Whether the file has the header of Multiboot 2: 32768 bytes, aligned on eight (section 3.1 there). */
export const hasMultiboot2Header = (file: Uint8Array): boolean => {
  const view = viewOf(file);
  for (let offset = 0; offset + 16 <= Math.min(file.length, 32768); offset += 8) {
    const word = (at: number): number => view.getUint32(offset + at, true);
    if (word(0) === MAGIC_2 && (word(0) + word(4) + word(8) + word(12)) % 2 ** 32 === 0) return true;
  }
  return false;
};

/**
 * Bits 0-15 are demands: a loader that does not know one must not start the kernel. Bit 2 asks for
 * information about the video mode; it is accepted though there is none, because the information's own flags
 * say so, and kernels that set the bit run on a serial console as well.
 * @throws LoadError naming the first unknown demand
 */
export const checkRequirements = (header: MultibootHeader, name: string): void => {
  const unknown = header.flags & 0xffff & ~KNOWN_REQUIREMENTS;
  if (unknown === 0) return;
  const bit = 31 - Math.clz32(unknown & -unknown);
  throw new LoadError(
    `${name} requires a Multiboot feature that the specification does not define (flag bit ${bit})`,
  );
};
