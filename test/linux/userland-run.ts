/**
 * Programs of C on Debian's kernel: integers, strings, x87, SSE2, system calls, signals, page faults, processes,
 * code written at run time. Each prints a checksum of what it calculated, which must be the one that QEMU prints.
 */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MarkerReader } from '../../bench/markers.ts';
import recorded from '../../guests/debian/checksums.json' with { type: 'json' };
import { COMMAND_LINE, MEMORY } from '../../guests/debian/initramfs.ts';
import { USERLAND } from '../../guests/debian/userland.ts';
import { runKernel } from '../kernels/kernel-run.ts';

const MISSING = `.guests/debian/${USERLAND} is missing: npm run guest:debian -- --userland makes it, with gcc -m32`;
const present = existsSync(new URL(`../../.guests/debian/${USERLAND}`, import.meta.url));

/** Declares the test, which is skipped without the programs: not every machine can compile them. */
export const itRunsTheUserland = (technique: 'native' | 'bt'): void => {
  if (!present) console.warn(`SKIPPED: ${MISSING}`);
  it.skipIf(!present)(
    `every program prints the right checksum under ${technique}`,
    { timeout: 1_800_000 },
    async () => {
      const reader = new MarkerReader();
      const { outcome, console: text } = await runKernel({
        file: 'vmlinuz',
        initrd: USERLAND,
        append: `${COMMAND_LINE} quiet wl=all rounds=1 scale=${recorded.scale}`,
        technique,
        memory: MEMORY << 20,
        limit: 100e9,
        onConsole: (byte) => {
          reader.receive(String.fromCharCode(byte), 0);
          return false;
        },
      });
      expect(reader.failures, text.slice(-1000)).toEqual([]);
      expect(Object.fromEntries(reader.rounds.map(({ name, checksum }) => [name, checksum]))).toEqual(
        recorded.checksums,
      );
      expect(outcome, text.slice(-1000)).toEqual({ kind: 'power-off' });
    },
  );
};
