/**
 * Debian's kernel for processors with PAE boots to a shell under `native` and `bt`: three-level page tables, entries
 * of 64 bits, and the execute-disable bit on everything that is not code. It then loads modules that calculate with
 * SSE and SSE2, of which the kernel's cryptographic interface tests each when it is registered.
 */
import { describe, expect, it } from 'vitest';
import { writeCpio } from '../../guests/debian/cpio.ts';
import { BANNER } from '../../guests/debian/initramfs.ts';
import { MODULE_FILES } from '../../guests/debian/wanted.ts';
import { present } from '../kernels/kernel-run.ts';
import { debianFile, type Run, runLinux } from './linux-run.ts';

const command = {
  identity: 'uname -r',
  processor: 'cat /proc/cpuinfo',
  hash: 'seq 1000 | sha256sum',
  insert: MODULE_FILES.map((file) => `insmod /${file}`).join(' && '),
  ciphers: 'grep -E "^(driver|selftest)" /proc/crypto',
  messages: 'dmesg',
  processes: 'for i in 1 2 3 4 5 6 7 8; do (echo $i) & done; wait',
} as const;
const exchanges = [...Object.values(command).map((type) => ({ type })), { type: 'exit' }];

/** The modules, as the guest finds them in its root. */
const overlay = (): Uint8Array =>
  writeCpio([
    { type: 'directory', path: MODULE_FILES[0]!.split('/')[0]!, mode: 0o755 },
    ...MODULE_FILES.map((path) => ({ type: 'file', path, mode: 0o644, bytes: debianFile(path) }) as const),
  ]);

const runs = new Map<string, Promise<Run>>();
const boot = (technique: 'native' | 'bt'): Promise<Run> => {
  let made = runs.get(technique);
  if (!made)
    runs.set(
      technique,
      (made = runLinux(technique, { kernel: 'vmlinuz-pae', overlay: overlay(), exchanges })),
    );
  return made;
};

describe.skipIf(!present('vmlinuz-pae', 'initrd.gz', ...MODULE_FILES))(
  'Linux with PAE',
  { timeout: 600_000 },
  () => {
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
      const selfTests = answers.get(command.ciphers)!.matchAll(/^driver\s*: (\S+)\nselftest\s*: (\w+)$/gm);
      const verdicts = new Map(Array.from(selfTests, ([, driver, verdict]) => [driver, verdict]));
      expect(verdicts.get('ecb-serpent-sse2')).toBe('passed');
      expect(verdicts.get('cbc-serpent-sse2')).toBe('passed');
      expect(new Set(verdicts.values())).toEqual(new Set(['passed']));
      const messages = answers.get(command.messages)!;
      expect(messages).toMatch(/raid6: using algorithm sse2x[12] gen/);
      expect(messages).toMatch(/xor: using function: \S*sse/);
      expect(messages).not.toMatch(/alg: .*fail|\bBUG\b|\bOops\b|WARNING: CPU|Call Trace|invalid opcode/);
      expect(answers.get(command.processes)!.match(/^[1-8]$/gm)).toHaveLength(8);
      expect(outcome).toEqual({ kind: 'power-off' });
    });

    it('cannot tell bt from native', async () => {
      const [native, bt] = [await boot('native'), await boot('bt')];
      expect(bt.console).toBe(native.console);
      expect(bt.statistics.instructions).toBe(native.statistics.instructions);
      expect(bt.state).toEqual(native.state);
    });
  },
);
