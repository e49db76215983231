/** Pages as a browser shows them. */
import { afterAll, describe, expect, test } from 'vitest';
import { page } from '../../src/report/index.ts';
import { hasBrowser, Reader } from './browser.ts';
import { HOSTILE, samplePage } from './sample.ts';

const html = await page(samplePage);

test('a page is one file without scripts, whatever names it shows', () => {
  expect(html).toMatch(/^<!doctype html>/);
  expect(html).not.toMatch(/<script|<img|<link|<iframe|\bon\w+="|@import|url\(/i);
  expect(html).not.toMatch(/(?:href|src)="(?!#)/);
  expect(html).not.toContain('\0');
  expect(html).toContain('&lt;script&gt;alert(1)');
});

test('each plot says where its values come from, and has its numbers in a table', () => {
  const figures = html.split('<figure class="plot">').slice(1);
  expect(figures.length).toBe(9);
  for (const figure of figures) expect(figure).toMatch(/<span class="basis">(Counted|Measured|Modelled)\.</);
  const plots = figures.filter((figure) => figure.includes('role="img"'));
  expect(plots.length).toBe(8);
  for (const plot of plots) expect(plot).toMatch(/<table>[\s\S]*<\/table>/);
});

test('a plot without values says so', () => {
  expect(html).toMatch(/<h3>Nothing<\/h3>\s*<p class="none">There is nothing to show/);
});

test('the same data make the same page', async () => {
  expect(await page(samplePage)).toBe(html);
});

describe.skipIf(!hasBrowser())('in a browser', () => {
  const reader = new Reader();
  afterAll(() => reader.close());

  test('a page opens without a complaint or a request, and its plots are there', async () => {
    const { title, complaints, requests, scripts, plots, illegible, overflows, accessible, pdf } =
      await reader.open(html);
    expect(title).toBe(samplePage.title);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
    expect(scripts).toBe(0);
    expect(plots.length).toBe(8);
    for (const plot of plots) {
      expect(plot.marks, plot.title).toBeGreaterThan(1);
      expect(plot.width, plot.title).toBeGreaterThan(300);
      expect(plot.height, plot.title).toBeGreaterThan(90);
    }
    expect(illegible).toEqual([]);
    expect(overflows).toBe(false);
    // Names are text, also for those who listen.
    expect(accessible).toContain('img "Hit rate over time.');
    expect(accessible).toContain(HOSTILE.slice(0, 8));
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
  });

  test('a small window only makes it narrower', async () => {
    const { overflows, complaints } = await reader.open(html, 360);
    expect(overflows).toBe(false);
    expect(complaints).toEqual([]);
  });
});
