/** A profile is conserved: the executions of all instructions sum up to the instructions retired. */
import { expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { guests } from '../../guests/index.ts';
import type { BlockProfile } from '../../src/cache/profile.ts';
import { techniques } from '../../src/techniques/index.ts';
import { engine, type Run, runGuest, runKernel } from './support.ts';

/** Faults, interrupts, code that changes itself, single steps, real mode, blocks across pages. */
const SUBJECTS = ['paging', 'smc', 'real', 'timer', 'debug'];

const executed = (blocks: readonly BlockProfile[]): number =>
  blocks.reduce((sum, { executions }) => sum + executions.reduce((a, b) => a + b, 0), 0);

const expectConserved = ({ machine }: Run): void => {
  const profile = machine.processor.profile!;
  const blocks = profile.blocks();
  expect(blocks.flatMap(({ executions }) => [...executions]).filter((n) => n < 0)).toEqual([]);
  expect(executed(blocks) + profile.elsewhere).toBe(machine.processor.retired);
  // Asked again it has not changed.
  expect(executed(profile.blocks())).toBe(executed(blocks));
};

test.each(SUBJECTS)('%s', { timeout: 120_000 }, async (name) => {
  const guest = guests.find((g) => g.name === name)!;
  for (const technique of Object.keys(techniques) as (keyof typeof techniques)[]) {
    // A cache so small that blocks are evicted all the time.
    const run = await runGuest(guest, technique, {
      until: guest.shortRun,
      instructions: engine === 'core' ? 1e6 : 5e4,
      machine: { profile: true, cacheSize: 64 << 10 },
    });
    expectConserved(run);
  }
});

const build = async (main: string): Promise<Uint8Array> => {
  const library = sourcesIn();
  const read = (path: string) =>
    path === 'inline.s' ? Promise.resolve(`.include "lib/start.s"\nmain:\n${main}\n`) : library(path);
  return (await buildGuest('inline', read)).image;
};

test('each instruction has its own executions', async () => {
  const image = await build(`
    mov $1000, %ecx
1:  nop
    dec %ecx
    jnz 1b
    cld
    mov $0x200000, %edi
    mov $3000, %ecx
    rep stosl
    nop
    cli
    hlt`);
  const run = await runKernel(image, 'native', { machine: { profile: true } });
  expectConserved(run);
  const all = run.machine.processor.profile!.blocks();
  const byOpcode = (opcode: number): number[] =>
    all.flatMap(({ bytes, lengths, executions }) => {
      let at = 0;
      return [...lengths].flatMap((length, i) => {
        const here = bytes[at] === opcode ? [executions[i]!] : [];
        at += length;
        return here;
      });
    });
  const times = (n: number) => (counts: number[]) => counts.reduce((a, b) => a + b, 0) === n;
  expect(byOpcode(0x49)).toSatisfy(times(1000));
  // Twelve thousand bytes in three pages: a repeated instruction is executed anew in each.
  expect(byOpcode(0xf3)).toSatisfy(times(3));
  expect(byOpcode(0xf4)).toEqual([1]);
});

/** Executions by physical address of the instruction. */
const byAddress = (blocks: readonly BlockProfile[]): Map<number, number> => {
  const counts = new Map<number, number>();
  for (const { physical, lengths, executions } of blocks) {
    let at = physical;
    for (const [i, length] of lengths.entries()) {
      if (executions[i]! > 0) counts.set(at, (counts.get(at) ?? 0) + executions[i]!);
      at += length;
    }
  }
  return counts;
};

test.each(['nanobenchmarks', 'paging'])(
  'every technique but trap executes the same where: %s',
  async (name) => {
    const guest = guests.find((g) => g.name === name)!;
    const counted = async (technique: keyof typeof techniques) => {
      const { machine } = await runGuest(guest, technique, {
        until: guest.shortRun,
        machine: { profile: true },
      });
      return byAddress(machine.processor.profile!.blocks());
    };
    const native = await counted('native');
    for (const technique of ['bt', 'bt-adaptive', 'hw'] as const)
      expect(await counted(technique)).toEqual(native);
  },
);

test('both engines count the same', async () => {
  const image = await build(`
    lea 1f, %eax
    mov $30000, %ecx
    cld
    mov $0x200000, %edi
1:  movl %ecx, (%edi)
    lodsl
    loop 1b
    cli
    hlt`);
  const counted = async (of: 'core' | 'reference') => {
    const { machine } = await runKernel(image, 'bt', { machine: { profile: true, engine: of } });
    return machine.processor.profile!.blocks();
  };
  expect(await counted('core')).toEqual(await counted('reference'));
});

test('without a profile nothing is counted', async () => {
  const run = await runKernel(await build('cli\n hlt'), 'native');
  expect(run.machine.processor.profile).toBeUndefined();
});
