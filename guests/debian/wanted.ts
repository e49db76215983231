/** The files that come out of Debian's packages: which package, where in it, and what they must be. */
import { gunzipSync } from 'node:zlib';
import { parseElf32 } from '../../src/loader/elf32.ts';
import { isLinux, parseLinuxHeader } from '../../src/loader/linux-header.ts';
import { findMultibootHeader } from '../../src/loader/multiboot-header.ts';
import { FetchError, type KernelFlavour } from './packages.ts';

export interface Wanted {
  /** Its key in versions.json. */
  readonly key: 'kernel' | 'busybox' | 'pae' | 'memtest' | 'gnumach' | 'ipxe';
  /** Its name in the guest's folder. */
  readonly file: string;
  /** The package (the same for every processor if `independent`), or the flavour of the current kernel's package. */
  readonly source:
    | { readonly package: string; readonly independent?: true }
    | { readonly kernel: KernelFlavour };
  /** Folder in the package, and how the file's name begins there. */
  readonly folder: string;
  readonly member: string;
  readonly compressed?: true;
  /** Whether the boot of Linux needs it; the others are kernels for themselves. */
  readonly required: boolean;
  /** @throws FetchError or LoadError when the file cannot serve */
  check(bytes: Uint8Array, path: string): void;
}

const checkLinux = (bytes: Uint8Array, path: string): void => {
  if (!isLinux(bytes)) throw new FetchError(`${path} is not a Linux bzImage`, 1);
  parseLinuxHeader(bytes, path);
};
const checkMultiboot = (bytes: Uint8Array, path: string): void => {
  parseElf32(bytes, path);
  if (!findMultibootHeader(bytes)) throw new FetchError(`${path} has no Multiboot header`, 1);
};

export const wanted: readonly Wanted[] = [
  {
    key: 'kernel',
    file: 'vmlinuz',
    source: { kernel: '686' },
    folder: 'boot',
    member: 'vmlinuz-',
    required: true,
    check: checkLinux,
  },
  {
    key: 'busybox',
    file: 'busybox',
    source: { package: 'busybox-static' },
    folder: 'bin',
    member: 'busybox',
    required: true,
    check: (bytes, path) => void parseElf32(bytes, path),
  },
  {
    key: 'pae',
    file: 'vmlinuz-pae',
    source: { kernel: '686-pae' },
    folder: 'boot',
    member: 'vmlinuz-',
    required: false,
    check: checkLinux,
  },
  {
    key: 'memtest',
    file: 'memtest86+.bin',
    source: { package: 'memtest86+' },
    folder: 'boot',
    member: 'memtest86+ia32.bin',
    required: false,
    check: checkLinux,
  },
  {
    key: 'gnumach',
    file: 'gnumach',
    source: { package: 'gnumach-image-1.8-486' },
    folder: 'boot',
    member: 'gnumach-1.8-486',
    compressed: true,
    required: false,
    check: checkMultiboot,
  },
  {
    key: 'ipxe',
    file: 'ipxe.lkrn',
    source: { package: 'ipxe', independent: true },
    folder: 'boot',
    member: 'ipxe.lkrn',
    required: false,
    check: checkLinux,
  },
];

/** The file as the guest's folder has it: kernels are stored as a boot loader would hand them over. */
export const unpacked = ({ compressed }: Wanted, bytes: Uint8Array): Uint8Array =>
  compressed ? gunzipSync(bytes) : bytes;
