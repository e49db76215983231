/** Debian's kernel boots without a difference between no monitor and a monitor, compared instruction for instruction. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMAND_LINE, MEMORY, PROMPT } from '../../guests/debian/initramfs.ts';
import { createMachine, type TechniqueName } from '../../src/index.ts';
import { lockstep } from '../../src/laboratory/lockstep.ts';
import { debianFile } from './linux-run.ts';

const present = existsSync(new URL('../../.guests/debian/vmlinuz', import.meta.url));
if (!present) console.warn('SKIPPED: .guests/debian is missing: npm run guest:debian makes it');

describe.skipIf(!present)('the whole boot', () => {
  const machine =
    (technique: TechniqueName) => async (output: { onSerial(port: number, byte: number): void }) => {
      const made = await createMachine({ technique, memory: MEMORY << 20, ...output });
      const modules = [{ name: 'initrd.gz', bytes: debianFile('initrd.gz'), commandLine: '' }];
      made.load({ name: 'vmlinuz', kernel: debianFile('vmlinuz'), append: COMMAND_LINE, modules });
      return made;
    };

  it.each(['bt', 'hw'] as const)('native and %s', { timeout: 1_200_000 }, async (technique) => {
    const result = await lockstep(machine('native'), machine(technique), { until: PROMPT });
    expect(result.divergence).toBeNull();
    expect(result.ending).toEqual({ kind: 'until' });
    expect(result.instructions).toBeGreaterThan(6e9);
  });
});
