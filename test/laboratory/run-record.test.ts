/** What a recorded run says of itself, and the page that is made from it. */
import { afterAll, describe, expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { createMachine } from '../../src/index.ts';
import { EVERY, PlaceSampler } from '../../src/laboratory/places.ts';
import { type RunRecord, RunRecorder } from '../../src/laboratory/run-record.ts';
import { page, runPage } from '../../src/report/index.ts';
import { hasBrowser, Reader } from '../report/browser.ts';

const image = { name: 'preempt', kernel: (await buildGuest('preempt', sourcesIn())).image, append: '<b>&' };

const record = async (options = {}): Promise<RunRecord> => {
  let recorder: RunRecorder | undefined;
  const machine = await createMachine({
    memory: 16 << 20,
    ...options,
    onSerial: (port, byte) => port === 0 && recorder?.serial(byte),
  });
  machine.load(image);
  recorder = new RunRecorder(machine, image);
  return recorder.finish(await machine.run({ instructions: 6e6 }));
};
const recorded = await record();

test('counters only grow, and end where the statistics are', () => {
  const { samples, statistics } = recorded;
  expect(samples.length).toBeGreaterThan(20);
  for (const [i, sample] of samples.entries())
    for (const [name, value] of Object.entries(samples[i + 1] ?? {}))
      expect(value, name).toBeGreaterThanOrEqual(sample[name as keyof typeof sample]);
  expect(samples[0]!.instructions).toBe(0);
  expect(samples.at(-1)).toMatchObject({
    instructions: statistics.instructions,
    hits: statistics.cache.hits,
    translations: statistics.cache.translations,
  });
});

test('every look finds the guest in one page', () => {
  const { places, statistics } = recorded;
  const looks = places.pages.flatMap(({ counts }) => counts).reduce((a, b) => a + b, 0);
  expect(looks).toBe(Math.floor(statistics.instructions / EVERY));
  for (const { page } of places.pages) expect(page % 4096).toBe(0);
});

test('looks are kept in few intervals, however many there are', () => {
  const cpu = { eip: 0, segment: () => 0 };
  const sampler = new PlaceSampler({ cpu } as never);
  for (let i = 0; i < 1000; i++) {
    cpu.eip = i < 500 ? 0x1234 : 0xc0105678;
    sampler.look();
  }
  const { interval, pages } = sampler.finish();
  expect(pages.map((p) => p.page)).toEqual([0x1000, 0xc0105000]);
  expect(interval).toBe(16 * EVERY);
  expect(pages[0]!.counts).toEqual([...Array(31).fill(16), 4]);
  expect(pages[1]!.counts.slice(31)).toEqual([12, ...Array(30).fill(16), 8]);
});

test('sampling changes nothing that is counted', async () => {
  const machine = await createMachine({ memory: 16 << 20 });
  machine.load(image);
  await machine.run({ instructions: 6e6 });
  const { instructions, guestMilliseconds, callouts, traps, interrupts, cache } = machine.statistics();
  expect(recorded.statistics).toMatchObject({ instructions, guestMilliseconds, callouts, traps, interrupts });
  expect(recorded.statistics.cache.translations).toBe(cache.translations);
});

describe.skipIf(!hasBrowser())('in a browser', () => {
  const reader = new Reader();
  afterAll(() => reader.close());

  test.each(['bt', 'native', 'trap', 'hw'] as const)(
    'its page under %s shows its plots',
    async (technique) => {
      const run = technique === 'bt' ? recorded : await record({ technique });
      const { title, complaints, requests, plots, illegible, overflows } = await reader.open(
        await page(runPage({ ...run, console: '</pre><script>alert(1)</script>' })),
      );
      expect(title).toBe(`preempt under ${technique}`);
      expect(complaints).toEqual([]);
      expect(requests).toEqual([]);
      expect(plots.map((plot) => plot.title)).toEqual(
        expect.arrayContaining(['Hit rate over time', 'Where the guest was', 'Speed over time']),
      );
      for (const plot of plots) expect(plot.marks, plot.title).toBeGreaterThan(0);
      expect(illegible).toEqual([]);
      expect(overflows).toBe(false);
    },
  );
});
