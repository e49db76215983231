/** What the translation cache is told to do changes what is counted of it, and nothing that a guest can see. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { findGuest } from '../../guests/index.ts';
import { RecordOffset } from '../../src/instructions/record.ts';
import type { MachineOptions } from '../../src/machine/machine.ts';
import { engine, type Run, runGuest, runKernel } from './support.ts';

const ROUNDS = engine === 'reference' ? 2 : 8;
const SECTIONS = 10;
/** Blocks of one instruction: a jump to the next. */
const blocks = (count: number) => `.fill ${count}, 2, 0x00eb`;
/** Rounds through more blocks than the smallest cache can hold, with a function that is called again and again. */
const sweep = (
  await buildGuest(
    'sweep',
    () => `
.long 0x1badb002
.long 0
.long 0xe4524ffe
_start:
  mov $0x200000, %esp
  mov $${ROUNDS}, %esi
  xor %ebx, %ebx
round:
${`  ${blocks(300)}\n  call often\n`.repeat(SECTIONS)}
  movb %bl, %al
  mov $0xe9, %dx
  outb %al, %dx
  dec %esi
  jnz round
  mov $0xf4, %dx
  outb %al, %dx
stop:
  jmp stop
often:
  mov $5, %ecx
again:
  add %ecx, %ebx
  loop again
  ${blocks(150)}
  ret
`,
  )
).image;

const runSweep = async (machine: Partial<MachineOptions>) => {
  let text = '';
  const onDebugConsole = (byte: number) => {
    text += String.fromCharCode(byte);
  };
  const run = await runKernel(sweep, 'bt', { machine: { cacheSize: 64 << 10, ...machine, onDebugConsole } });
  return { ...run, text };
};

/** What a guest, or somebody who looks at its machine, can know. */
const visible = ({ machine, outcome, text, interrupts }: Run) => ({
  outcome,
  text,
  interrupts,
  instructions: machine.processor.retired,
  time: machine.clock.now(),
  registers: Array.from({ length: 8 }, (_, i) => machine.cpu.gpr(i)),
  memory: createHash('sha1').update(machine.memory.ram()).digest('hex'),
});

const variants: Partial<MachineOptions>[] = [
  { eviction: 'units' },
  { eviction: 'flush' },
  { eviction: 'clock' },
  { chaining: false },
  { eviction: 'clock', chaining: false },
  ...[1, 2, 7, 64].map((blockLength) => ({ blockLength })),
  { eviction: 'clock', blockLength: 1 },
];

describe('guests see no difference', () => {
  test.each(variants)('sweep: %o', async (variant) => {
    const plain = await runSweep({ cacheSize: 32 << 20 });
    const run = await runSweep(variant);
    expect(visible(run)).toEqual(visible(plain));
    expect(run.outcome.kind).toBe('exit');
    expect(run.machine.statistics().cache.evictions).toBeGreaterThan(1000);
  });

  const names = engine === 'reference' ? [] : ['smc', 'tasks', 'timer'];
  const plain = new Map(names.map((name) => [name, runGuest(findGuest(name), 'bt')]));
  test.each(names.flatMap((name) => variants.map((variant) => ({ name, variant }))))(
    '$name: $variant',
    async ({ name, variant }) => {
      const run = await runGuest(findGuest(name), 'bt', { machine: { cacheSize: 64 << 10, ...variant } });
      expect(visible(run)).toEqual(visible(await plain.get(name)!));
    },
  );
});

describe('what is counted', () => {
  const statistics = async (machine: Partial<MachineOptions>) =>
    (await runSweep(machine)).machine.statistics();

  test('with room for all, each block is translated and missed once', async () => {
    const { cache } = await statistics({ cacheSize: 32 << 20 });
    expect(cache).toMatchObject({ evictions: 0, retranslations: 0 });
    expect(cache.lookups - cache.hits).toBe(cache.translations);
    expect(cache.lookups).toBeLessThan(2 * cache.translations);
    expect(cache.chainRate).toBeGreaterThan(0.5);
  });

  test('without chaining every block entered is a lookup', async () => {
    const { cache, blocks } = await statistics({ cacheSize: 32 << 20, chaining: false });
    expect(cache).toMatchObject({ links: 0, chainRate: 0, lookups: blocks });
  });

  test('the coarser the eviction, the more is translated again; what is used is spared', async () => {
    const of = async (eviction: MachineOptions['eviction'] & string) =>
      (await statistics({ eviction })).cache.translations;
    const [fifo, units, flush, clock] = [
      await of('fifo'),
      await of('units'),
      await of('flush'),
      await of('clock'),
    ];
    expect(units).toBeGreaterThanOrEqual(fifo);
    expect(flush).toBeGreaterThanOrEqual(units);
    expect(clock).toBeLessThan(fifo);
  });

  test('blocks are no longer than allowed', async () => {
    for (const blockLength of [1, 2, 64]) {
      const { machine } = await runSweep({ cacheSize: 32 << 20, blockLength });
      const lengths = [...machine.processor.cache.blocks()].map(
        ({ record }) => machine.memory.bytes[record + RecordOffset.REMAINING]!,
      );
      expect(Math.max(...lengths)).toBeLessThanOrEqual(blockLength);
      expect(Math.max(...lengths)).toBeGreaterThan(blockLength === 1 ? 0 : 1);
    }
  });
});
