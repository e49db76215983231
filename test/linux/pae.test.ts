/**
 * Debian's kernel for processors with PAE boots to a shell under `native` and `bt`: three-level page tables, entries
 * of 64 bits, and the execute-disable bit on everything that is not code.
 */
import { describe, expect, it } from 'vitest';
import { BANNER } from '../../guests/debian/initramfs.ts';
import { present } from '../kernels/kernel-run.ts';
import { type Run, runLinux } from './linux-run.ts';

const command = {
  identity: 'uname -r',
  processor: 'cat /proc/cpuinfo',
  hash: 'seq 1000 | sha256sum',
  processes: 'for i in 1 2 3 4 5 6 7 8; do (echo $i) & done; wait',
} as const;
const exchanges = [...Object.values(command).map((type) => ({ type })), { type: 'exit' }];

const runs = new Map<string, Promise<Run>>();
const boot = (technique: 'native' | 'bt'): Promise<Run> => {
  let made = runs.get(technique);
  if (!made) runs.set(technique, (made = runLinux(technique, { kernel: 'vmlinuz-pae', exchanges })));
  return made;
};

describe.skipIf(!present('vmlinuz-pae', 'initrd.gz'))('Linux with PAE', { timeout: 600_000 }, () => {
  it.each(['native', 'bt'] as const)('works under %s', async (technique) => {
    const { boot: text, answers, prompted, outcome } = await boot(technique);
    expect(prompted, text.slice(-2000)).toBe(true);
    expect(text).toMatch(new RegExp(`^${BANNER}\\d+\\.\\d+\\.\\S+-686-pae\\. Leave`, 'm'));
    expect(text).toContain('NX (Execute Disable) protection: active');
    expect(text).toContain('NX-protecting the kernel data');
    expect(text).not.toMatch(/\bBUG\b|\bOops\b|WARNING: CPU|Call Trace|invalid opcode|segfault/);
    expect(answers.get(command.identity)).toMatch(/^\d+\.\d+\.\S+-686-pae\n$/);
    expect(answers.get(command.processor)).toMatch(/^flags\s*: .*\bpae\b.*\bnx\b/m);
    expect(answers.get(command.hash)).toBe(
      '67d4ff71d43921d5739f387da09746f405e425b07d727e4c69d029461d1f051f  -\n',
    );
    expect(answers.get(command.processes)!.match(/^[1-8]$/gm)).toHaveLength(8);
    expect(outcome).toEqual({ kind: 'power-off' });
  });

  it('cannot tell bt from native', async () => {
    const [native, bt] = [await boot('native'), await boot('bt')];
    expect(bt.console).toBe(native.console);
    expect(bt.statistics.instructions).toBe(native.statistics.instructions);
    expect(bt.state).toEqual(native.state);
  });
});
