import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { LoadError } from '../../src/loader/image.ts';
import { buildInitramfs, COMMAND_LINE, MEMORY } from './initramfs.ts';
import {
  FetchError,
  hasPackageClient,
  type KernelFlavour,
  type Outcome,
  PackageClient,
  type System,
} from './packages.ts';
import { buildUserland } from './userland.ts';
import { unpacked, type Wanted, wanted } from './wanted.ts';

/** Where the guest's files go unless told otherwise, from the repository's root. */
export const DEFAULT_FOLDER = '.guests/debian';

const USAGE = `Usage: npm run guest:debian -- [--force] [--output <folder>] [--userland [--workloads <folder>]]

Fetches Debian's kernel for i686 and a static BusyBox, and builds an initial file system for them; and fetches
other kernels: the one with PAE, memtest86+, GNU Mach and iPXE.
Files that are there already are kept; --force fetches them again.

--userland also builds a larger initial file system of benchmarks, from the folder of the workloads, which
RINGDOWN_WORKLOADS can name as well.`;

/** What is known of a file's origin; a file that the user supplied has no package. */
interface Origin {
  readonly package?: string;
  readonly version?: string;
  readonly sha256: string;
}

/** What versions.json says of the files, by key; it also has the initial file system's hash and the command line. */
type Versions = Readonly<Record<string, Origin>>;

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

const filesOf = async (folder: string): Promise<readonly string[]> =>
  existsSync(folder) ? await readdir(folder) : [];

/** The folder in an unpacked package that a path means in which `*` is the only entry of the folder before it. */
const folderIn = async (root: string, path: string): Promise<string> => {
  let folder = root;
  for (const part of path.split('/'))
    folder = join(folder, part === '*' ? ((await filesOf(folder))[0] ?? part) : part);
  return folder;
};

const kernelOf = ({ source }: Wanted): KernelFlavour | undefined =>
  'kernel' in source ? source.kernel : undefined;

/** Brings the missing files into the folder. @returns the packages that they came from, by key */
const fetchMissing = async (
  folder: string,
  force: boolean,
  system: System,
): Promise<Record<string, Fetched>> => {
  const absent = wanted.filter(({ file }) => force || !existsSync(join(folder, file)));
  // A kernel and its modules go together.
  const missing = wanted.filter(({ file, source }) =>
    absent.some((one) => one.file === file || ('kernel' in source && kernelOf(one) === source.kernel)),
  );
  if (missing.length === 0) return {};
  if (!(await hasPackageClient(system))) {
    if (missing.some(({ required }) => required)) throw new FetchError(supplyInstead(folder), 2);
    const names = missing.map(({ file }) => file).join(', ');
    system.report(`There is no apt-get with dpkg-deb here; done without ${names}.`);
    return {};
  }

  const client = await PackageClient.open(system);
  const packages = new Map<Wanted, string>();
  const kernels = new Map<KernelFlavour, string>();
  const independent: string[] = [];
  for (const item of missing) {
    const { source } = item;
    if ('package' in source) {
      packages.set(item, source.package);
      if (source.independent) independent.push(source.package);
      continue;
    }
    const kernel = kernels.get(source.kernel) ?? (await client.kernelPackage(source.kernel));
    kernels.set(source.kernel, kernel);
    packages.set(item, kernel);
  }
  const scratch = await mkdtemp(join(folder, '.fetch-'));
  try {
    const versions = await client.unpack([...new Set(packages.values())], scratch, independent);
    const fetched: Record<string, Fetched> = {};
    for (const [item, name] of packages) {
      const from = await folderIn(join(scratch, name), item.folder);
      const found = (await filesOf(from)).find((candidate) => candidate.startsWith(item.member));
      if (found === undefined) throw new FetchError(`${name} has no /${item.folder}/${item.member}`, 1);
      const bytes = unpacked(item, await readFile(join(from, found)));
      item.check(bytes, `${found} of ${name}`);
      await mkdir(dirname(join(folder, item.file)), { recursive: true });
      await writeWhole(join(folder, item.file), bytes);
      fetched[item.key] = { package: name, version: versions.get(name) ?? '' };
    }
    return fetched;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

const readVersions = async (path: string): Promise<Versions> => {
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

  const versionsPath = join(folder, 'versions.json');
  const before = await readVersions(versionsPath);
  const origins: Record<string, Origin> = {};
  for (const { key, file, check } of wanted) {
    const path = join(folder, file);
    if (!existsSync(path)) continue;
    const bytes = await readFile(path);
    check(bytes, path);
    const hash = sha256(bytes);
    origins[key] = { ...(fetched[key] ?? recorded(before[key], hash)), sha256: hash };
  }
  const initrd = buildInitramfs(await readFile(join(folder, 'busybox')));
  await writeWhole(join(folder, 'initrd.gz'), initrd);

  const release = kernelRelease(await readFile(join(folder, 'vmlinuz')));
  const versions = {
    ...origins,
    kernel: { ...origins.kernel, release },
    initrd: { sha256: sha256(initrd) },
    commandLine: COMMAND_LINE,
  };
  await writeWhole(versionsPath, new TextEncoder().encode(`${JSON.stringify(versions, undefined, 2)}\n`));

  system.report(`Linux ${release} is in ${folder}. Boot vmlinuz with initrd.gz, ${MEMORY} MiB of`);
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
        userland: { type: 'boolean', default: false },
        workloads: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      system.report(USAGE);
      return 0;
    }
    await makeGuest(values.output, values.force, system);
    const workloads = values.workloads ?? process.env.RINGDOWN_WORKLOADS;
    if (values.userland) await buildUserland(values.output, workloads, system);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`guest:debian: ${error.message}`);
    if (error instanceof FetchError) return error.exitCode;
    const wrongUsage = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    return wrongUsage || error instanceof LoadError ? 2 : 1;
  }
};
