/** Who takes part in the boot benchmark, and how each is started. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Command } from './child.ts';
import { V86_FIRMWARE, type V86Run } from './v86.ts';

/** What every contestant boots. */
export interface Boot {
  readonly kernel: string;
  /** Absent for a Multiboot kernel. */
  readonly initrd?: string;
  readonly commandLine: string;
  /** Guest RAM, MiB. */
  readonly memory: number;
}

export interface Contestant {
  readonly name: string;
  readonly ours: boolean;
  /** So slow that it runs fewer rounds. */
  readonly slow: boolean;
  /** Why it cannot take part here, else null. */
  readonly absent: string | null;
  command(boot: Boot): Command;
}

export interface Places {
  /** The built command line of Ringdown. */
  readonly cli: string;
  /** The script of this process, which runs v86 when it is given V86_ARGUMENT. */
  readonly script: string;
  readonly firmware: string;
}

/** With this as first argument, and a V86Run in JSON as second, the benchmark's script is v86. */
export const V86_ARGUMENT = '--as-v86';

/** @param more options of `ringdown run` */
export const ringdown = (
  technique: string,
  { cli }: Pick<Places, 'cli'>,
  more: readonly string[] = [],
): Contestant => ({
  name: `ringdown ${technique}`,
  ours: true,
  slow: false,
  absent: existsSync(cli) ? null : `not built: ${cli} (npm run build)`,
  command: ({ kernel, initrd, commandLine, memory }) => ({
    file: process.execPath,
    arguments: [
      cli,
      'run',
      kernel,
      ...(initrd === undefined ? [] : ['--initrd', initrd]),
      '--append',
      commandLine,
      '-m',
      `${memory}M`,
      '--technique',
      technique,
      '--no-reboot',
      ...more,
    ],
  }),
});

const v86Module = (): string | null => {
  try {
    return createRequire(import.meta.url).resolve('v86');
  } catch {
    return null;
  }
};

const v86 = (jit: boolean, { script, firmware }: Places): Contestant => {
  const module = v86Module();
  const missing = Object.values(V86_FIRMWARE).find((file) => !existsSync(join(firmware, file)));
  return {
    name: jit ? 'v86' : 'v86 no JIT',
    ours: false,
    slow: !jit,
    absent:
      module === null
        ? 'not installed (npm ci)'
        : missing
          ? `its firmware is not installed: ${join(firmware, missing)} (Debian package seabios)`
          : null,
    command({ kernel, initrd, commandLine, memory }) {
      const run: V86Run = {
        module: module!,
        firmware,
        kernel,
        commandLine,
        jit,
        ...(initrd !== undefined && { initrd }),
        memory: memory * 2 ** 20,
      };
      return { file: process.execPath, arguments: [script, V86_ARGUMENT, JSON.stringify(run)] };
    },
  };
};

const QEMU = 'qemu-system-i386';
const qemu = (): Contestant => ({
  name: 'qemu tcg',
  ours: false,
  slow: false,
  absent: spawnSync(QEMU, ['--version']).status === 0 ? null : `not installed: ${QEMU}`,
  command: ({ kernel, initrd, commandLine, memory }) => ({
    file: QEMU,
    arguments: [
      '-accel',
      'tcg',
      '-m',
      `${memory}`,
      '-kernel',
      kernel,
      ...(initrd === undefined ? [] : ['-initrd', initrd]),
      '-append',
      commandLine,
      '-display',
      'none',
      '-monitor',
      'none',
      '-serial',
      'stdio',
      '-nic',
      'none',
      '-no-reboot',
    ],
  }),
});

/** Ours first; the first of all is the one that the others are compared with. */
export const contestants = (places: Places): readonly Contestant[] => [
  ringdown('bt', places),
  ringdown('native', places),
  v86(true, places),
  v86(false, places),
  qemu(),
];
