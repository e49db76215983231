/** The page of a comparison, with a technique under which the guest goes wrong and one that cannot run. */
import { afterAll, describe, expect, test } from 'vitest';
import { compareRuns } from '../../src/laboratory/compare.ts';
import { knownCosts } from '../../src/laboratory/costs.ts';
import type { RunReport } from '../../src/laboratory/run.ts';
import { comparisonPage, page } from '../../src/report/index.ts';
import { runGuestFor } from '../laboratory/experiments.ts';
import { hasBrowser, Reader } from './browser.ts';
import { HOSTILE } from './sample.ts';

const reports: RunReport[] = [];
for (const technique of ['native', 'trap', 'bt', 'hw'])
  reports.push(await runGuestFor('sensitive/pushf', technique));
const comparison = compareRuns(reports, {
  subject: {
    kernel: `guests/${HOSTILE}`,
    append: HOSTILE,
    modules: [],
    memory: 16 << 20,
    cpu: 'pentium4',
    engine: 'core',
    cacheSize: 4 << 20,
    clock: 'virtual',
  },
  costs: knownCosts['pentium-4'],
  simultaneous: 2,
  interrupted: false,
  symbolAt: () => HOSTILE,
});
const refused = {
  ...comparison.runs[3]!,
  technique: 'other',
  end: { kind: 'refused', reason: HOSTILE },
  verdict: { kind: 'refused', reason: HOSTILE },
  place: null,
  statistics: null,
  modelled: null,
  samples: [],
  consoleEnd: [],
  warnings: [HOSTILE],
} as const;
const html = await page(comparisonPage({ ...comparison, runs: [...comparison.runs, refused] }));

/** Each figure's title and basis. */
const figures = [...html.matchAll(/<h3>(.*?)<\/h3>[\s\S]*?<span class="basis">(\w+)\./g)].map(
  ([, title, basis]) => [title, basis] as const,
);

test('what went wrong under trap is shown', () => {
  expect(html).toContain('trap: the first difference that shows');
  expect(html).toContain('refused: &lt;/title&gt;');
});

test('what is counted, measured and modelled has figures of its own', () => {
  const basisOf = Object.fromEntries(figures);
  expect(basisOf['Interventions in a million instructions']).toBe('Counted');
  expect(basisOf['Events, technique by technique']).toBe('Counted');
  expect(basisOf['Hit rate over time']).toBe('Counted');
  expect(basisOf['Host time']).toBe('Measured');
  expect(basisOf['Modelled cycles']).toBe('Modelled');
  expect(figures.filter(([, basis]) => basis === 'Measured').length).toBe(2);
  expect(figures.filter(([, basis]) => basis === 'Modelled').length).toBe(2);
});

test('a comparison without a single run has a page', async () => {
  const empty = await page(
    comparisonPage({ ...comparison, reference: null, interrupted: true, runs: [refused] }),
  );
  expect(empty).toContain('early, by the user');
  expect(empty).not.toContain('NaN');
});

describe.skipIf(!hasBrowser())('in a browser', () => {
  const reader = new Reader();
  afterAll(() => reader.close());

  test('its plots are there and legible', async () => {
    const opened = await reader.open(html);
    expect(opened).toMatchObject({
      complaints: [],
      requests: [],
      illegible: [],
      wide: [],
      overflows: false,
      scripts: 0,
    });
    expect(opened.plots.length).toBeGreaterThanOrEqual(8);
    for (const plot of opened.plots) expect(plot.marks, plot.title).toBeGreaterThan(0);
  });
});
