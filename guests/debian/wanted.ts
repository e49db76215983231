/** The files that come out of Debian's packages: which package, where in it, and what they must be. */
import { gunzipSync } from 'node:zlib';
import { isElf, parseElf32 } from '../../src/loader/elf32.ts';
import { isLinux, parseLinuxHeader } from '../../src/loader/linux-header.ts';
import { findMultibootHeader } from '../../src/loader/multiboot-header.ts';
import { FetchError, type KernelFlavour } from './packages.ts';

export interface Wanted {
  /** Its key in versions.json. */
  readonly key: string;
  /** Its name in the guest's folder. */
  readonly file: string;
  /** The package (the same for every processor if `independent`), or the flavour of the current kernel's package. */
  readonly source:
    | { readonly package: string; readonly independent?: true }
    | { readonly kernel: KernelFlavour };
  /** Folder in the package, in which `*` is the only entry of the folder before it; and how the file's name begins. */
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

/**
 * Modules of the kernel with PAE, in the order in which they can be loaded: those that calculate with SSE and SSE2,
 * and what they need.
 */
const MODULES = [
  'crypto/cryptd',
  'crypto/crypto_simd',
  'crypto/serpent_generic',
  'arch/x86/crypto/serpent-sse2-i586',
  'lib/raid6/raid6_pq',
  'crypto/xor',
] as const;

/** Where the modules are, from the guest's folder, in the order in which they can be loaded. */
export const MODULE_FILES = MODULES.map((path) => `modules-pae/${path.split('/').at(-1)}.ko`);

const kernelModule = (path: string, index: number): Wanted => {
  const parts = path.split('/');
  return {
    key: parts.at(-1)!,
    file: MODULE_FILES[index]!,
    source: { kernel: '686-pae' },
    folder: ['lib/modules/*/kernel', ...parts.slice(0, -1)].join('/'),
    member: `${parts.at(-1)}.ko`,
    required: false,
    check: (bytes, name) => {
      if (!isElf(bytes)) throw new FetchError(`${name} is not a kernel module`, 1);
    },
  };
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
  ...MODULES.map(kernelModule),
];

/** The file as the guest's folder has it: kernels are stored as a boot loader would hand them over. */
export const unpacked = ({ compressed }: Wanted, bytes: Uint8Array): Uint8Array =>
  compressed ? gunzipSync(bytes) : bytes;
