import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { kernelRelease, main } from '../../guests/debian/fetch.ts';
import { type Outcome, parseKernelPackage, type System } from '../../guests/debian/packages.ts';
import { bytesOf, MIB, makeBzImage, makeElf } from '../loader/files.ts';

const KERNEL = 'linux-image-6.1.0-50-686';

const kernelFile = (): Uint8Array => {
  const file = makeBzImage();
  new DataView(file.buffer).setUint16(0x20e, 0x340 - 0x200, true);
  file.set(bytesOf('6.1.0-50-686 (builder@example.org) #1 SMP\0'), 0x340);
  return file;
};
const busyboxFile = () => makeElf({ segments: [{ physical: MIB, data: bytesOf('busybox') }], entry: MIB });

const gnumachFile = () => {
  const header = new Uint8Array(12);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0x1badb002, true);
  view.setUint32(8, -0x1badb002, true);
  return makeElf({ segments: [{ physical: MIB, data: header }], entry: MIB });
};
/** What each package has that we want: folder, file, bytes. */
const contents: Readonly<Record<string, readonly (readonly [string, string, Uint8Array])[]>> = {
  [KERNEL]: [['boot', 'vmlinuz-6.1.0-50-686', kernelFile()]],
  [`${KERNEL}-pae`]: [
    ['boot', 'vmlinuz-6.1.0-50-686-pae', kernelFile()],
    ...['crypto', 'arch/x86/crypto', 'lib/raid6'].flatMap((folder) =>
      ['cryptd', 'crypto_simd', 'serpent_generic', 'serpent-sse2-i586', 'raid6_pq', 'xor'].map(
        (name) => [`lib/modules/6.1.0-50-686-pae/kernel/${folder}`, `${name}.ko`, busyboxFile()] as const,
      ),
    ),
  ],
  'busybox-static': [['bin', 'busybox', busyboxFile()]],
  'memtest86+': [['boot', 'memtest86+ia32.bin', kernelFile()]],
  'gnumach-image-1.8-486': [['boot', 'gnumach-1.8-486.gz', gzipSync(gnumachFile())]],
  ipxe: [['boot', 'ipxe.lkrn', kernelFile()]],
};

describe('the kernel package', () => {
  it('is what the metapackage depends on', () => {
    const listing = `linux-image-686:i386\n  Depends: ${KERNEL}:i386\n`;
    expect(parseKernelPackage(listing, '686')).toBe(KERNEL);
    expect(parseKernelPackage(listing, '686-pae')).toBeUndefined();
  });
  it('is the newest by number', () => {
    const listing =
      ' |Depends: linux-image-6.1.0-9-686\n  Depends: linux-image-6.1.0-10-686\n  Depends: linux-image-6.1.0-11-686-pae\n';
    expect(parseKernelPackage(listing, '686')).toBe('linux-image-6.1.0-10-686');
    expect(parseKernelPackage(listing, '686-pae')).toBe('linux-image-6.1.0-11-686-pae');
  });
  it('may be missing', () => {
    expect(parseKernelPackage('E: No packages found', '686')).toBeUndefined();
  });
});

it('reads the release from a bzImage', () => {
  expect(kernelRelease(kernelFile())).toBe('6.1.0-50-686');
});

describe('the command', () => {
  let folder: string;
  let errors: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guest-'));
    errors = [];
    vi.spyOn(console, 'error').mockImplementation((line) => errors.push(line));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  });

  /** A Debian system; `answers` replaces what single commands do, in turn for an array. */
  const debian = (answers: Record<string, Partial<Outcome>[]> = {}, isRoot = true) => {
    const commands: string[] = [];
    const system: System = {
      isRoot,
      report: () => {},
      run: async (command, args, cwd = '') => {
        const line = [command, ...args].join(' ');
        commands.push(line);
        const key = Object.keys(answers).find((start) => line.startsWith(start));
        const answer = key === undefined ? undefined : answers[key].shift();
        const outcome = { status: 0, stdout: '', stderr: '', ...answer };
        if (answer) return outcome;
        if (line === 'dpkg --print-architecture') return { ...outcome, stdout: 'amd64\n' };
        if (line === 'dpkg --print-foreign-architectures') return { ...outcome, stdout: 'i386\n' };
        if (command === 'apt-cache')
          return {
            ...outcome,
            stdout: `  Depends: ${KERNEL}${args[1]?.includes('pae') ? '-pae' : ''}:i386\n`,
          };
        if (line.startsWith('apt-get download')) {
          for (const name of args.slice(1)) {
            await writeFile(join(cwd, `${name.replace(':i386', '')}_1.0_i386.deb`), '');
          }
        }
        if (line.startsWith('dpkg-deb -f')) return { ...outcome, stdout: '1.0\n' };
        if (line.startsWith('dpkg-deb -x')) {
          for (const [folder, file, bytes] of contents[args[2]]!) {
            await mkdir(join(cwd, args[2], folder), { recursive: true });
            await writeFile(join(cwd, args[2], folder, file), bytes);
          }
        }
        return outcome;
      },
    };
    return { system, commands };
  };
  const fetch = (system: System, ...args: string[]) => main(['--output', folder, ...args], system);
  const files = async () => (await readdir(folder)).toSorted();
  const ALL = [
    'busybox',
    'gnumach',
    'initrd.gz',
    'ipxe.lkrn',
    'memtest86+.bin',
    'modules-pae',
    'versions.json',
    'vmlinuz',
    'vmlinuz-pae',
  ];

  it('makes all files and leaves nothing else', async () => {
    const { system, commands } = debian();
    expect(await fetch(system)).toBe(0);
    expect(await files()).toEqual(ALL);
    expect(commands).toContain(
      `apt-get download ${KERNEL}:i386 busybox-static:i386 ${KERNEL}-pae:i386 memtest86+:i386 ` +
        'gnumach-image-1.8-486:i386 ipxe',
    );
    expect(commands.some((command) => command.startsWith('apt-get update'))).toBe(false);
    expect(JSON.parse(await readFile(join(folder, 'versions.json'), 'utf8'))).toMatchObject({
      kernel: { package: KERNEL, version: '1.0', release: '6.1.0-50-686' },
      busybox: { package: 'busybox-static', version: '1.0' },
      pae: { package: `${KERNEL}-pae`, version: '1.0' },
      gnumach: { sha256: createHash('sha256').update(gnumachFile()).digest('hex') },
      commandLine: 'console=ttyS0 panic=-1',
    });
  });

  it('keeps what is there, unless forced', async () => {
    await fetch(debian().system);
    const versions = await readFile(join(folder, 'versions.json'), 'utf8');
    const again = debian();
    expect(await fetch(again.system)).toBe(0);
    expect(again.commands).toEqual([]);
    expect(await readFile(join(folder, 'versions.json'), 'utf8')).toBe(versions);
    const forced = debian();
    expect(await fetch(forced.system, '--force')).toBe(0);
    expect(forced.commands.some((command) => command.startsWith('apt-get download'))).toBe(true);
  });

  it('fetches only what is missing', async () => {
    await fetch(debian().system);
    await rm(join(folder, 'busybox'));
    await rm(join(folder, 'versions.json'));
    const { system, commands } = debian();
    expect(await fetch(system)).toBe(0);
    expect(commands).toContain('apt-get download busybox-static:i386');
    expect(JSON.parse(await readFile(join(folder, 'versions.json'), 'utf8')).kernel.package).toBeUndefined();
  });

  it('survives a mirror that fails for some indexes, and retries it once', async () => {
    const trouble = { stderr: 'W: Some index files failed to download. They have been ignored' };
    const { system, commands } = debian({
      'apt-get update': [trouble, trouble],
      'apt-get download': [{ status: 100, stderr: 'E: 404 Not Found' }],
    });
    expect(await fetch(system)).toBe(0);
    expect(commands.filter((command) => command === 'apt-get update')).toHaveLength(2);
    expect(commands.filter((command) => command.startsWith('apt-get download'))).toHaveLength(2);
  });

  it('reports a download that keeps failing, and leaves nothing behind', async () => {
    const failure = { status: 100, stderr: 'W: something\nE: Failed to fetch it\n' };
    expect(await fetch(debian({ 'apt-get download': [failure, failure] }).system)).toBe(1);
    expect(errors).toEqual(['guest:debian: apt-get download: E: Failed to fetch it']);
    expect(await files()).toEqual([]);
  });

  it('enables i386 packages as root, and explains how otherwise', async () => {
    const foreign = () => ({ 'dpkg --print-foreign-architectures': [{ stdout: '\n' }] });
    const asRoot = debian(foreign());
    expect(await fetch(asRoot.system)).toBe(0);
    const added = asRoot.commands.indexOf('dpkg --add-architecture i386');
    expect(added).toBeGreaterThan(0);
    expect(asRoot.commands[added + 1]).toBe('apt-get update');
    await rm(join(folder, 'vmlinuz'));
    expect(await fetch(debian(foreign(), false).system)).toBe(2);
    expect(errors[0]).toContain('run "dpkg --add-architecture i386 && apt-get update" as root first');
  });

  it('says when the package lists have no such kernel', async () => {
    const none = { status: 100, stderr: 'E: No packages found' };
    const { system, commands } = debian({ 'apt-cache depends': [none, none] });
    expect(await fetch(system)).toBe(1);
    expect(errors[0]).toContain('the package lists have no linux-image-686:i386');
    expect(commands).toContain('apt-get update');
  });

  it('says what to supply where there is no package client, and takes it', async () => {
    const bare: System = {
      isRoot: false,
      report: () => {},
      run: async () => ({ status: undefined, stdout: '', stderr: '' }),
    };
    expect(await fetch(bare)).toBe(2);
    for (const name of ['vmlinuz', 'busybox']) expect(errors[0]).toContain(join(folder, name));
    await writeFile(join(folder, 'vmlinuz'), kernelFile());
    await writeFile(join(folder, 'busybox'), busyboxFile());
    expect(await fetch(bare)).toBe(0);
    expect(existsSync(join(folder, 'initrd.gz'))).toBe(true);
  });

  it('refuses supplied files that cannot serve', async () => {
    await writeFile(join(folder, 'vmlinuz'), makeBzImage({ extendedFlags: 1 }));
    await writeFile(join(folder, 'busybox'), busyboxFile());
    expect(await fetch(debian().system)).toBe(2);
    expect(errors[0]).toContain('is a 64-bit kernel');
    await writeFile(join(folder, 'vmlinuz'), kernelFile());
    await writeFile(join(folder, 'busybox'), '#!/bin/sh');
    expect(await fetch(debian().system)).toBe(2);
    expect(errors[1]).toContain('busybox is ');
  });

  it('builds the userland with the scripts of the workloads', async () => {
    const workloads = join(folder, 'workloads');
    await mkdir(workloads);
    await writeFile(join(workloads, 'build.sh'), '');
    const { system, commands } = debian();
    const run: System['run'] = async (command, args, cwd = '') => {
      if (args[0]?.endsWith('bare/build.sh')) {
        await mkdir(join(args[0], '..'), { recursive: true });
        await writeFile(join(args[0], '../micro.elf'), 'micro');
      } else if (command === 'sh') await writeFile(join(cwd, 'initrd.gz'), 'userland');
      return system.run(command, args, cwd);
    };
    expect(await fetch({ ...system, run }, '--userland', '--workloads', workloads)).toBe(0);
    expect(await readFile(join(folder, 'initrd-userland.gz'), 'utf8')).toBe('userland');
    expect(await readFile(join(folder, 'micro.elf'), 'utf8')).toBe('micro');
    expect(commands).toContain('gcc -m32 -static -o empty empty.c -lm');
    expect((await files()).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('does without the userland where it cannot be built, and says so', async () => {
    const workloads = join(folder, 'workloads');
    await mkdir(workloads);
    await writeFile(join(workloads, 'build.sh'), '');
    const { system } = debian({ 'gcc -m32': [{ status: 1, stderr: 'error: sys/cdefs.h: No such file' }] });
    const reports: string[] = [];
    const told = { ...system, report: (line: string) => void reports.push(line) };
    expect(await fetch(told, '--userland', '--workloads', workloads)).toBe(0);
    expect(reports.at(-1)).toMatch(/^SKIPPED: the userland: there is no gcc that makes i386 programs/);
    expect(existsSync(join(folder, 'initrd-userland.gz'))).toBe(false);
    expect(await fetch(debian().system, '--userland', '--workloads', join(folder, 'nowhere'))).toBe(2);
    expect(errors[0]).toContain('it is not the folder of the workloads');
  });

  it('refuses unknown options', async () => {
    expect(await main(['--frobnicate'], debian().system)).toBe(2);
    expect(errors[0]).toContain('--frobnicate');
  });
});
