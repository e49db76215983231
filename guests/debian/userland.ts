/** Debian's kernel with a userland of C programs: benchmarks that print a checksum each. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FetchError, lastLine, type System } from './packages.ts';

/** Where the workloads are looked for unless told otherwise, from the repository's root. */
const DEFAULT_WORKLOADS = '../shared/workloads';

/** What is made of them, in the guest's folder: an initial file system, and a Multiboot kernel of nanobenchmarks. */
export const USERLAND = 'initrd-userland.gz';
export const BARE = 'micro.elf';

/**
 * The folder of the workloads: the one that is named, by option or by RINGDOWN_WORKLOADS, or the usual one.
 * @returns undefined when there is none
 * @throws FetchError when one is named and has no workloads
 */
const workloadsFolder = (named: string | undefined): string | undefined => {
  const folder = resolve(named ?? DEFAULT_WORKLOADS);
  if (existsSync(join(folder, 'build.sh'))) return folder;
  if (named === undefined) return undefined;
  throw new FetchError(`${folder} has no build.sh: it is not the folder of the workloads`, 2);
};

/** Why the machine cannot build the workloads, if it cannot. */
const obstacle = async (scratch: string, system: System): Promise<string | undefined> => {
  if (!system.isRoot) return 'its device file can only be made by root';
  if ((await system.run('cpio', ['--version'])).status === undefined) return 'there is no cpio';
  await writeFile(join(scratch, 'empty.c'), 'int main(void) { return 0; }\n');
  const { status } = await system.run('gcc', ['-m32', '-static', '-o', 'empty', 'empty.c', '-lm'], scratch);
  return status === 0 ? undefined : 'there is no gcc that makes i386 programs (Debian package gcc-multilib)';
};

/**
 * Builds the userland in the guest's folder, which has BusyBox already. Where that cannot be done, it says so.
 * @param named folder of the workloads
 * @throws FetchError when the workloads do not compile
 */
export const buildUserland = async (
  folder: string,
  named: string | undefined,
  system: System,
): Promise<void> => {
  const workloads = workloadsFolder(named);
  if (workloads === undefined) {
    system.report(`SKIPPED: the userland: there are no workloads in ${DEFAULT_WORKLOADS}`);
    return;
  }
  await mkdir(folder, { recursive: true });
  const scratch = resolve(await mkdtemp(join(folder, '.userland-')));
  try {
    const reason = await obstacle(scratch, system);
    if (reason !== undefined) {
      system.report(`SKIPPED: the userland: ${reason}`);
      return;
    }
    system.report(`Building the workloads of ${workloads} …`);
    // Their scripts write beside their sources.
    const sources = join(scratch, 'workloads');
    await cp(workloads, sources, { recursive: true });
    const build = async (...args: string[]): Promise<void> => {
      const outcome = await system.run('sh', args, scratch);
      if (outcome.status !== 0) throw new FetchError(`${args[0]}: ${lastLine(outcome)}`, 1);
    };
    await build(join(sources, 'build.sh'), resolve(folder, 'busybox'), scratch);
    await build(join(sources, 'bare/build.sh'));
    await rename(join(scratch, 'initrd.gz'), join(folder, USERLAND));
    await rename(join(sources, 'bare/micro.elf'), join(folder, BARE));
    system.report(
      `${USERLAND} and ${BARE} are in ${folder}. Boot vmlinuz with the former and "wl=all rounds=1".`,
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};
