/** The page of an audit, with names that are hostile, and of one without a run. */
import { afterAll, describe, expect, test } from 'vitest';
import { audit } from '../../src/laboratory/audit.ts';
import { runProfiled } from '../../src/laboratory/profiled-run.ts';
import { symbolsOfKernel } from '../../src/laboratory/symbols.ts';
import { auditPage, page } from '../../src/report/index.ts';
import { guestImage } from '../laboratory/support.ts';
import { hasBrowser, Reader } from './browser.ts';
import { HOSTILE } from './sample.ts';

const image = { ...(await guestImage('sensitive/popf')), name: HOSTILE };
const symbols = symbolsOfKernel(image.kernel, image.name);
const run = await runProfiled({ image, machine: { memory: 16 << 20 }, limits: { instructions: 2e6 } });
const result = await audit({ image, symbols, run });
const sites = result.sites.map((site) => ({ ...site, symbol: HOSTILE }));
const html = await page(auditPage({ ...result, sites }, 20));

test('what is shown', () => {
  for (const text of ['POPF', 'silently leaves IF and IOPL', 'Instructions executed, by page'])
    expect(html).toContain(text);
  expect(html).not.toContain('NaN');
});

test('an audit of a file alone has no plots', async () => {
  const alone = await page(auditPage(await audit({ image, symbols }), 20));
  expect(alone).toContain('POPF');
  expect(alone).not.toContain('<figure class="plot"');
});

if (hasBrowser())
  describe('in a browser', () => {
    const reader = new Reader();
    afterAll(() => reader.close());

    test.each([1000, 420])('%i pixels wide', async (width) => {
      const opened = await reader.open(html, width);
      expect(opened).toMatchObject({
        complaints: [],
        requests: [],
        illegible: [],
        overflows: false,
        scripts: 0,
      });
      expect(opened.plots.map(({ title, marks }) => [title, marks > 0])).toEqual([
        ['Executions of sensitive and privileged instructions', true],
        ['Instructions executed, by page', true],
      ]);
    });
  });
