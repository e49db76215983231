import { gzipSync } from 'node:zlib';
import { writeCpio } from './cpio.ts';

/** The guest's command line: its console is the first serial port, and a panic resets instead of hanging. */
export const COMMAND_LINE = 'console=ttyS0 panic=-1';

/** Memory that the guest boots in comfortably, in MiB. */
export const MEMORY = 256;

/** How the line begins that /init prints once user space runs; the kernel's release follows. */
export const BANNER = 'Ringdown guest: Linux ';

/** What the shell prints when it waits for a command. */
export const PROMPT = '/ # ';

/**
 * The first process. The shell gets a session and a controlling terminal of its own, without which it has
 * neither job control nor Ctrl-C; when it ends, the machine goes off.
 */
const INIT = `#!/bin/busybox sh
export PATH=/bin HOME=/root TERM=linux
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s /bin
echo
echo "${BANNER}$(uname -r). Leave the shell to power off."
setsid cttyhack sh
poweroff -f
`;

/**
 * Builds the initial file system: BusyBox, /init and the mount points.
 * @param busybox a statically linked i386 BusyBox
 * @returns the gzipped cpio archive; equal input gives equal bytes
 */
export const buildInitramfs = (busybox: Uint8Array): Uint8Array => {
  const directory = (path: string, mode = 0o755) => ({ type: 'directory', path, mode }) as const;
  const archive = writeCpio([
    directory('bin'),
    directory('dev'),
    directory('proc'),
    directory('root', 0o700),
    directory('sys'),
    directory('tmp', 0o1777),
    // The kernel opens it for /init before devtmpfs is mounted.
    { type: 'character device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { type: 'file', path: 'bin/busybox', mode: 0o755, bytes: busybox },
    { type: 'file', path: 'init', mode: 0o755, bytes: new TextEncoder().encode(INIT) },
  ]);
  // zlib leaves the header's time stamp zero.
  return gzipSync(archive, { level: 9 });
};
