import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What came of a command. `status` is undefined when there is no such command. */
export interface Outcome {
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** The system that the packages are fetched with. */
export interface System {
  readonly isRoot: boolean;
  /** @param folder where to run it; the current one by default */
  run(command: string, args: readonly string[], folder?: string): Promise<Outcome>;
  /** Tells the user what goes on, one line at a time. */
  report(line: string): void;
}

/** A failure to be told to the user in its message, and the exit code that it leads to. */
export class FetchError extends Error {
  override readonly name = 'FetchError';
  /** 1: something went wrong; 2: something must be supplied first. */
  readonly exitCode: 1 | 2;
  constructor(message: string, exitCode: 1 | 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Debian's kernels for i386, by the end of their names: for processors without PAE, and with it. */
export type KernelFlavour = '686' | '686-pae';

/**
 * Finds the kernel package in what `apt-cache depends` prints; of several the newest.
 * @returns its name without the architecture, for example linux-image-6.1.0-50-686
 */
export const parseKernelPackage = (listing: string, flavour: KernelFlavour): string | undefined => {
  const packages =
    listing.match(new RegExp(`\\blinux-image-\\d[\\d.]*-\\d+-${flavour}(?![-\\w])`, 'g')) ?? [];
  return packages.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
};

/** Whether the system can install i386 packages. */
const hasI386 = async (system: System): Promise<boolean> => {
  const own = await system.run('dpkg', ['--print-architecture']);
  const foreign = await system.run('dpkg', ['--print-foreign-architectures']);
  return `${own.stdout}\n${foreign.stdout}`.split(/\s+/).includes('i386');
};

/** Whether the package client is there at all. */
export const hasPackageClient = async (system: System): Promise<boolean> => {
  for (const tool of ['apt-get', 'apt-cache', 'dpkg', 'dpkg-deb']) {
    if ((await system.run(tool, ['--version'])).status === undefined) return false;
  }
  return true;
};

/** A package client that renews its lists when they prove useless, at most once. */
export class PackageClient {
  readonly #system: System;
  #updated = false;

  private constructor(system: System) {
    this.#system = system;
  }

  /** @throws FetchError when i386 packages are not enabled and cannot be */
  static async open(system: System): Promise<PackageClient> {
    const client = new PackageClient(system);
    if (await hasI386(system)) return client;
    if (!system.isRoot) {
      throw new FetchError(
        'i386 packages are not enabled; run "dpkg --add-architecture i386 && apt-get update" as root first',
        2,
      );
    }
    const added = await system.run('dpkg', ['--add-architecture', 'i386']);
    if (added.status !== 0) throw new FetchError(`dpkg --add-architecture i386: ${lastLine(added)}`, 1);
    await client.#update();
    return client;
  }

  /**
   * @returns the name of Debian's current kernel, on which the package without a version in its name depends
   * @throws FetchError when the lists have no kernel
   */
  async kernelPackage(flavour: KernelFlavour): Promise<string> {
    const metapackage = `linux-image-${flavour}`;
    const look = async () =>
      parseKernelPackage(
        (await this.#system.run('apt-cache', ['depends', `${metapackage}:i386`])).stdout,
        flavour,
      );
    let found = await look();
    if (found === undefined && (await this.#update())) found = await look();
    if (found !== undefined) return found;
    throw new FetchError(
      `the package lists have no ${metapackage}:i386, which is part of Debian 12 (bookworm)` +
        (this.#system.isRoot ? '' : '; run "apt-get update" as root if they are old'),
      1,
    );
  }

  /**
   * Downloads packages into a folder and unpacks each into a subfolder named after it.
   * @param independent those of the packages that are the same for every processor
   * @returns the version of each
   * @throws FetchError when the download fails, with the client's own last line
   */
  async unpack(
    packages: readonly string[],
    folder: string,
    independent: readonly string[] = [],
  ): Promise<Map<string, string>> {
    const names = packages.map((name) => (independent.includes(name) ? name : `${name}:i386`));
    this.#system.report(`Downloading ${packages.join(', ')} …`);
    let download = await this.#system.run('apt-get', ['download', ...names], folder);
    if (download.status !== 0 && (await this.#update())) {
      download = await this.#system.run('apt-get', ['download', ...names], folder);
    }
    if (download.status !== 0) throw new FetchError(`apt-get download: ${lastLine(download)}`, 1);

    const files = await readdir(folder);
    const versions = new Map<string, string>();
    for (const name of packages) {
      const file = files.find((candidate) => candidate.startsWith(`${name}_`) && candidate.endsWith('.deb'));
      if (file === undefined) throw new FetchError(`apt-get download left no file for ${name}`, 1);
      this.#system.report(`Unpacking ${file} …`);
      const unpacked = await this.#system.run('dpkg-deb', ['-x', file, name], folder);
      if (unpacked.status !== 0) throw new FetchError(`dpkg-deb -x ${file}: ${lastLine(unpacked)}`, 1);
      const version = await this.#system.run('dpkg-deb', ['-f', join(folder, file), 'Version']);
      versions.set(name, version.stdout.trim());
    }
    return versions;
  }

  /**
   * Renews the package lists. A mirror that fails for one index may have served those that matter, so the
   * caller tries on and reports what then fails.
   * @returns false when that was not possible or has happened before
   */
  async #update(): Promise<boolean> {
    if (this.#updated || !this.#system.isRoot) return false;
    this.#updated = true;
    this.#system.report('Updating the package lists …');
    let outcome = await this.#system.run('apt-get', ['update']);
    if (isIncomplete(outcome)) outcome = await this.#system.run('apt-get', ['update']);
    if (isIncomplete(outcome)) this.#system.report(`apt-get update: ${lastLine(outcome)}`);
    return true;
  }
}

/** apt-get's exit status is 0 also when it keeps old index files. */
const isIncomplete = ({ status, stderr }: Outcome): boolean =>
  status !== 0 || stderr.includes('Some index files failed to download');

/** What a command said last. */
export const lastLine = ({ stdout, stderr, status }: Outcome): string =>
  (stderr.trim() || stdout.trim()).split('\n').at(-1) || `exit status ${status}`;
