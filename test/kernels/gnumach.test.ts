/**
 * GNU Mach, the Hurd's microkernel: Multiboot, kernel space shifted by segment bases, its own drivers. It is given
 * no modules, so it comes through all of its own start and then panics for want of a bootstrap program. With
 * `console=com0` its console is the first serial port.
 */
import { describe, expect, it } from 'vitest';
import { type KernelResult, present, runKernel } from './kernel-run.ts';

const PANIC = 'bootstrap_create: No bootstrap code loaded with the kernel!\r\n';

const runs = new Map<string, Promise<KernelResult>>();
const boot = (technique: 'native' | 'bt'): Promise<KernelResult> => {
  let made = runs.get(technique);
  if (!made)
    runs.set(
      technique,
      (made = runKernel({
        file: 'gnumach',
        append: 'console=com0',
        technique,
        memory: 64 << 20,
        // Its drivers wait for absent hardware by counting time in loops.
        nanosecondsPerInstruction: 200,
        limit: 2e9,
        // What follows is a wait for somebody to read it, and a reset.
        until: PANIC,
      })),
    );
  return made;
};

describe.skipIf(!present('gnumach'))('GNU Mach', { timeout: 300_000 }, () => {
  it.each(['native', 'bt'] as const)('ends in its panic under %s', async (technique) => {
    const { console: text, outcome, warnings } = await boot(technique);
    expect(text).toContain('GNU Mach 1.8');
    expect(text).toContain('biosmem: 000000000000100000:000000000004000000, available');
    expect(text).toContain('pcibios_init: Using configuration type 1');
    expect(text).toContain('RTC time is 2024-01-01 12:00');
    expect(text.endsWith(PANIC), text.slice(-500)).toBe(true);
    expect(outcome).toEqual({ kind: 'stopped' });
    expect(warnings).toEqual([]);
  });

  it('cannot tell bt from native', async () => {
    const [native, bt] = [await boot('native'), await boot('bt')];
    expect(bt.console).toBe(native.console);
    expect(bt.statistics.instructions).toBe(native.statistics.instructions);
  });
});
