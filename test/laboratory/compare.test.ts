/** One guest under several techniques: what each run comes to, judged by the reference. */
import { expect, test } from 'vitest';
import { compareRuns } from '../../src/laboratory/compare.ts';
import type { Comparison, Subject } from '../../src/laboratory/comparison.ts';
import { knownCosts } from '../../src/laboratory/costs.ts';
import { type Experiment, GuestRun, type RunReport } from '../../src/laboratory/run.ts';
import { MOST_SAMPLES } from '../../src/laboratory/samples.ts';
import { experimentWith, runGuestFor } from './experiments.ts';
import { inlineImage } from './support.ts';

const subject: Subject = {
  kernel: 'guest',
  modules: [],
  memory: 16 << 20,
  cpu: 'pentium4',
  engine: 'core',
  cacheSize: 4 << 20,
  clock: 'virtual',
};
const compared = (reports: readonly RunReport[]): Comparison =>
  compareRuns(reports, {
    subject,
    costs: knownCosts['pentium-4'],
    simultaneous: 1,
    interrupted: false,
    symbolAt: (linear) => (linear >= 0x100000 && linear < 0x200000 ? 'kernel' : undefined),
  });

const compareGuest = async (
  guest: string,
  techniques: readonly string[],
  options: Partial<Experiment> = {},
): Promise<Comparison> => {
  const reports: RunReport[] = [];
  for (const technique of techniques) reports.push(await runGuestFor(guest, technique, options));
  return compared(reports);
};
const verdictsOf = ({ runs }: Comparison) =>
  Object.fromEntries(runs.map(({ technique, verdict }) => [technique, verdict]));

test('a sensitive instruction that lies under trap', async () => {
  const comparison = await compareGuest('sensitive/pushf', ['native', 'trap', 'bt', 'hw']);
  const { native, trap, bt, hw } = verdictsOf(comparison);
  expect(native).toEqual({ kind: 'reference' });
  expect(bt).toEqual({ kind: 'same' });
  expect(hw).toEqual({ kind: 'same' });
  expect(trap).toMatchObject({ kind: 'wrong', difference: { kind: 'console' } });
  expect(comparison.reference).toBe('native');
  const [first, ...others] = comparison.runs.filter(({ technique }) => technique !== 'trap');
  for (const { statistics } of others) expect(statistics!.instructions).toBe(first!.statistics!.instructions);
  // Plain data: nothing is lost on its way to a file or a thread.
  expect(JSON.parse(JSON.stringify(comparison))).toEqual(comparison);
  expect(structuredClone(comparison)).toEqual(comparison);
});

test('a guest that ends in a shutdown everywhere, and one that a technique cannot run', async () => {
  const triple = await compareGuest('triple', ['native', 'trap', 'bt']);
  expect(verdictsOf(triple)).toMatchObject({ native: { kind: 'reference' }, bt: { kind: 'same' } });
  expect(triple.runs[0]!.place).toMatchObject({ symbol: 'kernel' });
  const real = await compareGuest('real', ['native', 'trap']);
  const { verdict } = real.runs[1]!;
  expect(verdict).toMatchObject({ kind: 'crashed', reason: expect.stringContaining('real mode') });
});

test('without a reference nothing is right or wrong', async () => {
  const comparison = await compareGuest('sensitive/pushf', ['trap']);
  expect(comparison.reference).toBeNull();
  expect(verdictsOf(comparison)).toEqual({ trap: { kind: 'unjudged' } });
});

test('a run that stops early is wrong as soon as the console differs, else unfinished', async () => {
  const reference = await runGuestFor('sensitive/pushf', 'native');
  const early = await runGuestFor('sensitive/pushf', 'bt', { limits: { instructions: 5000 } });
  expect(early.end).toEqual({ kind: 'limit', reached: 'instructions' });
  expect(early.statistics!.instructions).toBe(5000);
  expect(early.console.length).toBeGreaterThan(0);
  expect(verdictsOf(compared([reference, early])).bt).toEqual({ kind: 'unfinished' });
  const console = `${early.console.slice(0, -1)}!`;
  expect(verdictsOf(compared([reference, { ...early, console }])).bt).toMatchObject({ kind: 'wrong' });
});

test('the text that is waited for ends a run at the same instruction everywhere', async () => {
  const { runs } = await compareGuest('hello', ['native', 'bt'], { until: 'Paging is on' });
  expect(runs.map(({ end }) => end.kind)).toEqual(['reached', 'reached']);
  expect(runs.map(({ verdict }) => verdict.kind)).toEqual(['reference', 'same']);
  expect(runs[1]!.statistics!.instructions).toBe(runs[0]!.statistics!.instructions);
  expect(runs[0]!.consoleEnd.at(-1)).toMatch(/Paging is on$/);
});

test('samples are in order, and end where the run does', async () => {
  const { samples, statistics } = await runGuestFor('hello', 'bt');
  expect(samples.length).toBeGreaterThan(MOST_SAMPLES / 4);
  expect(samples.length).toBeLessThanOrEqual(MOST_SAMPLES + 1);
  for (const [i, sample] of samples.entries()) {
    const before = samples[i - 1] ?? sample;
    for (const key of Object.keys(sample) as (keyof typeof sample)[])
      expect(sample[key]).toBeGreaterThanOrEqual(before[key]);
  }
  const { instructions, interventions } = statistics!;
  expect(samples.at(-1)).toMatchObject({ instructions, interventions });
});

const experiment = async (main: string, options: Partial<Experiment> = {}): Promise<Experiment> => ({
  ...(await experimentWith('triple', 'native', options)),
  image: await inlineImage(main),
});

test('a guest that waits for ever is not waited for', async () => {
  const { end } = await new GuestRun(await experiment('sti\n1: hlt\n jmp 1b')).run();
  expect(end).toEqual({ kind: 'waiting' });
});

test('a guest that outlasts the reference, or is interrupted, ends', async () => {
  const limits = { milliseconds: 20_000 };
  const outlasting = new GuestRun(await experiment('1: jmp 1b', { limits }));
  outlasting.restrict(1e6);
  const report = await outlasting.run();
  expect(report.end).toEqual({ kind: 'outlasted' });
  const reference = { ...report, technique: 'native', end: { kind: 'halted' } } as const;
  expect(verdictsOf(compared([reference, { ...report, technique: 'bt' }])).bt).toEqual({
    kind: 'wrong',
    difference: {
      kind: 'end',
      expected: 'halted for good',
      seen: 'still running long after the reference had ended',
    },
  });
  const interrupted = new GuestRun(await experiment('1: jmp 1b', { limits }));
  setTimeout(() => interrupted.stop({ kind: 'interrupted' }), 50);
  expect((await interrupted.run()).end).toEqual({ kind: 'interrupted' });
});

test('what cannot be run is refused, and says why', async () => {
  const small = await runGuestFor('triple', 'native', { machine: { memory: 4096 } });
  expect(small.end).toMatchObject({ kind: 'refused', reason: expect.stringContaining('memory of 4096') });
  const text = { ...(await experimentWith('triple', 'bt')), image: { name: 'x', kernel: new Uint8Array(9) } };
  const { end, statistics } = await new GuestRun(text).run();
  expect(end.kind).toBe('refused');
  expect(statistics).toBeNull();
});

test('keys are typed from the start, or when they are asked for', async () => {
  const echo = `
    mov $0x3f8, %dx
    movb $'>', %al
    outb %al, %dx
  1: mov $0x3fd, %dx
    inb %dx, %al
    testb $1, %al
    jz 1b
    mov $0x3f8, %dx
    inb %dx, %al
    outb %al, %dx
    cmpb $'q', %al
    jne 1b
    cli
    hlt`;
  const limits = { instructions: 1e6 };
  for (const options of [{ input: 'abq' }, { input: 'abq', inputAfter: '>' }]) {
    const { end, console } = await new GuestRun(await experiment(echo, { limits, ...options })).run();
    expect(end.kind).toBe('halted');
    expect(console).toMatch(/>abq$/);
  }
  const never = await new GuestRun(await experiment(echo, { limits, input: 'q', inputAfter: '?' })).run();
  expect(never.end.kind).toBe('limit');
});
