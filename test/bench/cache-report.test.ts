/** The cache benchmark: parts of runs, and what is printed and drawn of them. */
import { afterAll, describe, expect, test } from 'vitest';
import {
  type CacheReport,
  cachePage,
  cacheReportText,
  nameOf,
  type Point,
} from '../../bench/cache-report.ts';
import { DEFAULTS, type Knobs, run, type Subject } from '../../bench/cache-runs.ts';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { generateCore } from '../../src/interpreter/core.ts';
import { page } from '../../src/report/index.ts';
import { hasBrowser, Reader } from '../report/browser.ts';

const core = generateCore() as Uint8Array<ArrayBuffer>;
const options = { core, milliseconds: 60_000, signal: new AbortController().signal };
const subject: Subject = {
  name: 'smc',
  image: { name: 'smc', kernel: (await buildGuest('smc', sourcesIn())).image },
  memory: 16 << 20,
  marks: [],
};
const variants: Knobs[] = [
  DEFAULTS,
  { ...DEFAULTS, cacheSize: 128 << 10 },
  { ...DEFAULTS, cacheSize: 64 << 10 },
  { ...DEFAULTS, cacheSize: 128 << 10, eviction: 'clock' },
  { ...DEFAULTS, cacheSize: 64 << 10, eviction: 'clock' },
  { ...DEFAULTS, chaining: false },
  { ...DEFAULTS, blockLength: 1 },
];
const points: Point[] = [];
for (const knobs of variants) points.push({ knobs, parts: (await run(subject, knobs, options)).parts });
points.push({ knobs: { ...DEFAULTS, blockLength: 64 }, parts: [], problem: 'no time was left' });

const report: CacheReport = {
  date: '2026-01-01T00:00:00.000Z',
  host: '2 x processor',
  node: 'v20',
  load: [0.5, 1],
  quick: true,
  seconds: 5,
  defaults: DEFAULTS,
  subjects: [
    { name: 'smc', description: 'Code that is rewritten.', points, drift: 1.02, differing: ['flush'] },
  ],
};

test('a run is counted in parts', async () => {
  const [whole] = points[0]!.parts;
  const text = (await run(subject, DEFAULTS, options)).console;
  const [first, second] = text.split('\n').map((line) => line.trim());
  const marks = [{ text: first!, begins: 'middle' }, { text: second! }];
  const { parts, problem } = await run({ ...subject, marks }, DEFAULTS, options);
  expect(problem).toBeUndefined();
  expect(parts.map(({ name }) => name)).toEqual(['boot', 'middle']);
  expect(parts[0]!.instructions + parts[1]!.instructions).toBeLessThan(whole!.instructions);
  for (const { cache, instructions } of [...parts, whole!]) {
    expect(instructions).toBeGreaterThan(100);
    expect(cache.lookups).toBe(cache.hits + cache.misses);
    expect(cache.translations).toBeGreaterThan(0);
  }
});

test('what does not come to its end is told', async () => {
  const late = await run(subject, DEFAULTS, { ...options, milliseconds: 0 });
  expect(late).toMatchObject({ parts: [], problem: 'not done after 0 s' });
  const lost = await run({ ...subject, marks: [{ text: 'never printed' }] }, DEFAULTS, options);
  expect(lost).toMatchObject({ parts: [], problem: 'exit before never printed' });
});

test('settings are named by what is not the default', () => {
  expect(points.map(({ knobs }) => nameOf(knobs))).toEqual([
    'defaults',
    '128 KiB',
    '64 KiB',
    '128 KiB, clock',
    '64 KiB, clock',
    'no chaining',
    'blocks of 1',
    'blocks of 64',
  ]);
});

test('the table has every setting, and what went wrong', () => {
  const text = cacheReportText(report);
  for (const { knobs, parts } of points)
    if (parts.length > 0) expect(text).toMatch(new RegExp(`^${nameOf(knobs)} +[\\d.]+ `, 'm'));
  expect(text).toContain('smc: no time was left: blocks of 64');
  expect(text).toContain('smc: the guest saw a difference: flush');
  expect(text).toContain('smc: the defaults took 1.02 times as long at the end');
});

describe.skipIf(!hasBrowser())('in a browser', () => {
  const reader = new Reader();
  afterAll(() => reader.close());

  test('the page has its plots', async () => {
    const opened = await reader.open(await page(cachePage(report)));
    expect(opened).toMatchObject({ complaints: [], requests: [], illegible: [], wide: [], overflows: false });
    expect(opened.plots.map(({ title }) => title)).toEqual([
      'Misses against cache size',
      'Hit rate against cache size',
      'Host time against cache size',
      'Lookups with and without chaining',
      'Host time with and without chaining',
      'Instructions in a block, as executed',
      'Host time against block length',
    ]);
    for (const plot of opened.plots) expect(plot.marks, plot.title).toBeGreaterThan(1);
  });
});
