import { isElf, parseElf32 } from './elf32.ts';
import { LoadError } from './image.ts';
import { isLinux } from './linux-header.ts';
import { findMultibootHeader, hasMultiboot2Header, type MultibootHeader } from './multiboot-header.ts';

/** The kinds of kernel that can be loaded. */
export type KernelKind =
  | { readonly protocol: 'linux' }
  | { readonly protocol: 'multiboot'; readonly header: MultibootHeader };

/** Files that users mistake for kernels: bytes at an offset, and what to tell them. */
const strangers: readonly { offset: number; bytes: readonly number[]; reason: string }[] = [
  { offset: 0, bytes: [0x1f, 0x8b], reason: 'is compressed with gzip; decompress it first' },
  { offset: 0, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a], reason: 'is compressed with xz; decompress it first' },
  { offset: 0, bytes: [0x42, 0x5a, 0x68], reason: 'is compressed with bzip2; decompress it first' },
  { offset: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], reason: 'is compressed with zstd; decompress it first' },
  { offset: 0, bytes: [0x04, 0x22, 0x4d, 0x18], reason: 'is compressed with lz4; decompress it first' },
  { offset: 0, bytes: [0x02, 0x21, 0x4c, 0x18], reason: 'is compressed with lz4; decompress it first' },
  { offset: 0, bytes: [0x5d, 0, 0], reason: 'is compressed with lzma; decompress it first' },
  { offset: 0, bytes: [0x50, 0x4b, 3, 4], reason: 'is a ZIP archive, not a kernel' },
  {
    offset: 0,
    bytes: [0x30, 0x37, 0x30, 0x37, 0x30],
    reason: 'is a cpio archive (an initial RAM disk), not a kernel',
  },
  {
    offset: 0,
    bytes: [0x21, 0x3c, 0x61, 0x72, 0x63, 0x68],
    reason: 'is an archive or package, not a kernel',
  },
  { offset: 0, bytes: [0x51, 0x46, 0x49, 0xfb], reason: 'is a QCOW disk image, not a kernel' },
  { offset: 0x8001, bytes: [0x43, 0x44, 0x30, 0x30, 0x31], reason: 'is a CD image, not a kernel' },
  { offset: 257, bytes: [0x75, 0x73, 0x74, 0x61, 0x72], reason: 'is a tar archive, not a kernel' },
  { offset: 0x38, bytes: [0x41, 0x52, 0x4d, 0x64], reason: 'is a Linux kernel for AArch64, not for x86' },
  { offset: 0, bytes: [0x4d, 0x5a], reason: 'is a Windows or EFI program, not a kernel' },
  { offset: 510, bytes: [0x55, 0xaa], reason: 'is a boot sector or disk image; only kernels can be loaded' },
];

/**
 * Tells by which protocol a file is to be loaded.
 * @param name the file as the user wrote it, for the message
 * @throws LoadError saying what the file is instead
 */
export const detectKernel = (file: Uint8Array, name: string): KernelKind => {
  if (isLinux(file)) return { protocol: 'linux' };
  const header = findMultibootHeader(file);
  if (header) return { protocol: 'multiboot', header };
  throw new LoadError(`${name} ${reasonToRefuse(file, name)}`);
};

const reasonToRefuse = (file: Uint8Array, name: string): string => {
  if (file.length === 0) return 'is empty';
  if (hasMultiboot2Header(file)) return 'is a Multiboot 2 kernel; only Multiboot 1 and Linux can be loaded';
  if (isElf(file)) {
    parseElf32(file, name);
    return isLinuxExecutable(file)
      ? 'is the bare executable of a Linux kernel; use the bzImage (vmlinuz) made from it'
      : 'is an ELF executable without a Multiboot header in its first 8192 bytes';
  }
  const stranger = strangers.find(({ offset, bytes }) => bytes.every((byte, i) => file[offset + i] === byte));
  if (stranger) return stranger.reason;
  if (isText(file)) return 'is a text file, not a kernel';
  return 'is neither a Linux kernel nor a Multiboot kernel';
};

const includesText = (file: Uint8Array, text: string): boolean => {
  const wanted = new TextEncoder().encode(text);
  for (let at = file.indexOf(wanted[0]); at !== -1; at = file.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, i) => file[at + i] === byte)) return true;
  }
  return false;
};

/** Every Linux kernel carries its version line, "Linux version 6.1.0 …". */
const isLinuxExecutable = (file: Uint8Array): boolean => includesText(file, 'Linux version ');

const TEXT_SAMPLE = 1024;

const isText = (file: Uint8Array): boolean => {
  const sample = file.subarray(0, TEXT_SAMPLE);
  return sample.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d)) && !sample.includes(0x7f);
};
