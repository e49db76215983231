import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseElf32 } from '../../src/loader/elf32.ts';
import { LoadError } from '../../src/loader/image.ts';
import { isLinux, parseLinuxHeader } from '../../src/loader/linux-header.ts';
import { buildInitramfs, COMMAND_LINE, MEMORY } from './initramfs.ts';
import {
  BUSYBOX_PACKAGE,
  FetchError,
  hasPackageClient,
  type Outcome,
  PackageClient,
  type System,
} from './packages.ts';

/** Where the guest's files go unless told otherwise, from the repository's root. */
export const DEFAULT_FOLDER = '.guests/debian';

const USAGE = `Usage: npm run guest:debian -- [--force] [--output <folder>]

Fetches Debian's kernel for i686 and a static BusyBox, and builds an initial file system for them.
Files that are there already are kept; --force fetches them again.`;

/** What is known of a file's origin; a file that the user supplied has no package. */
interface Origin {
  readonly package?: string;
  readonly version?: string;
  readonly sha256: string;
}

/** The contents of versions.json. */
export interface Versions {
  readonly kernel: Origin & { readonly release: string };
  readonly busybox: Origin;
  readonly initrd: Origin;
  readonly commandLine: string;
}

/** The version line inside a bzImage up to its first space: what `uname -r` prints. */
export const kernelRelease = (kernel: Uint8Array): string => {
  const start = (kernel[0x20e] | (kernel[0x20f] << 8)) + 0x200;
  const line = new TextDecoder().decode(kernel.subarray(start, kernel.indexOf(0, start)));
  return line.split(' ', 1)[0];
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Writes a file under a temporary name first, so that it is never there in part; keeps one that is equal. */
const writeWhole = async (path: string, bytes: Uint8Array): Promise<void> => {
  if (existsSync(path) && sha256(await readFile(path)) === sha256(bytes)) return;
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, bytes);
  await rename(temporary, path);
};

const supplyInstead = (folder: string): string =>
  `there is no apt-get with dpkg-deb here; supply a Linux bzImage for i686 as ${join(folder, 'vmlinuz')} and a ` +
  `static i386 BusyBox as ${join(folder, 'busybox')}, then run this again to build ${join(folder, 'initrd.gz')}`;

interface Fetched {
  readonly package: string;
  readonly version: string;
}

/** Brings the missing files into the folder. @returns the packages that they came from */
const fetchMissing = async (
  folder: string,
  force: boolean,
  system: System,
): Promise<{ kernel?: Fetched; busybox?: Fetched }> => {
  const needsKernel = force || !existsSync(join(folder, 'vmlinuz'));
  const needsBusybox = force || !existsSync(join(folder, 'busybox'));
  if (!needsKernel && !needsBusybox) return {};
  if (!(await hasPackageClient(system))) throw new FetchError(supplyInstead(folder), 2);

  const client = await PackageClient.open(system);
  const kernelPackage = needsKernel ? await client.kernelPackage() : undefined;
  const wanted = [...(kernelPackage ? [kernelPackage] : []), ...(needsBusybox ? [BUSYBOX_PACKAGE] : [])];
  const scratch = await mkdtemp(join(folder, '.fetch-'));
  try {
    const versions = await client.unpack(wanted, scratch);
    const fetched = (name: string): Fetched => ({ package: name, version: versions.get(name) ?? '' });
    if (needsBusybox) await rename(join(scratch, BUSYBOX_PACKAGE, 'bin/busybox'), join(folder, 'busybox'));
    if (kernelPackage) {
      const boot = join(scratch, kernelPackage, 'boot');
      for (const name of ['System.map', 'vmlinuz']) {
        const file = (await readdir(boot)).find((candidate) => candidate.startsWith(`${name}-`));
        if (file === undefined) throw new FetchError(`${kernelPackage} has no /boot/${name}`, 1);
        await rename(join(boot, file), join(folder, name));
      }
    }
    return {
      ...(kernelPackage && { kernel: fetched(kernelPackage) }),
      ...(needsBusybox && { busybox: fetched(BUSYBOX_PACKAGE) }),
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

const readVersions = async (path: string): Promise<Partial<Versions>> => {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return {};
  }
};

/** The package recorded for a file, if the file is still the same. */
const recorded = (origin: Origin | undefined, hash: string): Partial<Origin> =>
  origin?.sha256 === hash ? origin : {};

/** Makes the guest's files. @throws FetchError or LoadError for the user */
const makeGuest = async (folder: string, force: boolean, system: System): Promise<void> => {
  await mkdir(folder, { recursive: true });
  const fetched = await fetchMissing(folder, force, system);

  const kernelPath = join(folder, 'vmlinuz');
  const kernel = await readFile(kernelPath);
  if (!isLinux(kernel)) throw new FetchError(`${kernelPath} is not a Linux bzImage`, 1);
  parseLinuxHeader(kernel, kernelPath);
  const busyboxPath = join(folder, 'busybox');
  const busybox = await readFile(busyboxPath);
  parseElf32(busybox, busyboxPath);

  const initrd = buildInitramfs(busybox);
  await writeWhole(join(folder, 'initrd.gz'), initrd);

  const versionsPath = join(folder, 'versions.json');
  const before = await readVersions(versionsPath);
  const [kernelHash, busyboxHash] = [sha256(kernel), sha256(busybox)];
  const versions: Versions = {
    kernel: {
      ...(fetched.kernel ?? recorded(before.kernel, kernelHash)),
      release: kernelRelease(kernel),
      sha256: kernelHash,
    },
    busybox: { ...(fetched.busybox ?? recorded(before.busybox, busyboxHash)), sha256: busyboxHash },
    initrd: { sha256: sha256(initrd) },
    commandLine: COMMAND_LINE,
  };
  await writeWhole(versionsPath, new TextEncoder().encode(`${JSON.stringify(versions, undefined, 2)}\n`));

  system.report(
    `Linux ${versions.kernel.release} is in ${folder}. Boot vmlinuz with initrd.gz, ${MEMORY} MiB of`,
  );
  system.report(`memory and the command line "${COMMAND_LINE}".`);
};

/** The real system. Messages are read, so they must not be translated. */
export const hostSystem: System = {
  isRoot: process.getuid?.() === 0,
  report: (line) => console.log(line),
  run: (command, args, folder) =>
    new Promise<Outcome>((resolve, reject) => {
      const child = spawn(command, args, {
        ...(folder !== undefined && { cwd: folder }),
        env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (data) => {
        stdout += data;
      });
      child.stderr.on('data', (data) => {
        stderr += data;
      });
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') resolve({ status: undefined, stdout, stderr });
        else reject(error);
      });
      child.on('close', (status) => resolve({ status: status ?? 1, stdout, stderr }));
    }),
};

/**
 * The command.
 * @param args without the program's own name
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage or something must be supplied first
 */
export const main = async (args: readonly string[], system: System = hostSystem): Promise<number> => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        force: { type: 'boolean', default: false },
        output: { type: 'string', default: DEFAULT_FOLDER },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) system.report(USAGE);
    else await makeGuest(values.output, values.force, system);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`guest:debian: ${error.message}`);
    if (error instanceof FetchError) return error.exitCode;
    const wrongUsage = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    return wrongUsage || error instanceof LoadError ? 2 : 1;
  }
};
