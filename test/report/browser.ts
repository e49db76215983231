/** Debian's chromium opens a page as a reader does: from a file, with an empty profile. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { it } from 'vitest';

const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Whether the browser is there. If not, a test says so, which fails where it is required. */
export const hasBrowser = (): boolean => {
  if (existsSync(CHROMIUM)) return true;
  const message = `${CHROMIUM} is missing: apt-get install chromium`;
  if (process.env.RINGDOWN_REQUIRE_CHROMIUM)
    it('has its browser', () => {
      throw new Error(message);
    });
  else {
    console.warn(`SKIPPED: ${message}`);
    it.skip(message, () => {});
  }
  return false;
};

export interface Plot {
  readonly title: string;
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** Shapes that stand for values: not axes, grid lines and text. */
  readonly marks: number;
}

/** What a reader's browser makes of a page. */
export interface Opened {
  readonly title: string;
  /** Messages on the console and exceptions. */
  readonly complaints: readonly string[];
  /** Addresses asked for besides the page. */
  readonly requests: readonly string[];
  /** Figures with plots in order. */
  readonly plots: readonly Plot[];
  /** Text of plots that leaves the page, or lies over other text of the same plot. */
  readonly illegible: readonly string[];
  /** Whether the page is wider than the window. */
  readonly overflows: boolean;
  /** First cells of tables that are wider than the column of text, and so cut on paper. */
  readonly wide: readonly string[];
  readonly scripts: number;
  /** A tree of what assistive technology is told. */
  readonly accessible: string;
  readonly pdf: Buffer;
}

/** Runs in the browser: everything it needs must be inside. */
const inspect = () => {
  const plots = [...document.querySelectorAll('figure.plot')].flatMap((figure) => {
    const svg = figure.querySelector(':scope > svg');
    return svg ? [{ svg, title: figure.querySelector('h3')?.textContent ?? '' }] : [];
  });
  const isMark = (group: Element) =>
    /^(line|dot|bar|rule|cell)$/.test(group.getAttribute('aria-label') ?? '');
  const illegible = plots.flatMap(({ svg, title }) => {
    const texts = [...svg.querySelectorAll('text')]
      .map((text) => ({ text: text.textContent ?? '', box: text.getBoundingClientRect() }))
      .filter(({ text }) => text.trim() !== '');
    const outside = texts.filter(
      ({ box }) => box.left < 0 || box.right > document.documentElement.clientWidth || box.height < 4,
    );
    const over = texts.filter(({ box: a }, i) =>
      texts.slice(i + 1).some(({ box: b }) => {
        const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        return width > 2 && height > 4;
      }),
    );
    return [...outside, ...over].map(({ text }) => `${title}: ${text}`);
  });
  return {
    plots: plots.map(({ svg, title }) => {
      const { width, height } = svg.getBoundingClientRect();
      const marks = [...svg.querySelectorAll('g')]
        .filter(isMark)
        .reduce((sum, group) => sum + group.querySelectorAll('path, rect, circle, line').length, 0);
      return { title, width, height, marks };
    }),
    illegible,
    overflows: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    wide: [...document.querySelectorAll('.scroll')]
      .filter((box) => box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1)
      .map((box) => box.querySelector('th')?.textContent ?? ''),
    scripts: document.scripts.length,
  };
};

/** A browser for the pages of a test file. */
export class Reader {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ringdown-report-'));
  #launched: Promise<Browser> | undefined;

  get #browser(): Promise<Browser> {
    this.#launched ??= chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
    return this.#launched;
  }

  /** @param width of the window, CSS pixels */
  async open(html: string, width = 1000): Promise<Opened> {
    const file = join(this.#folder, 'page.html');
    writeFileSync(file, html);
    const browser = await this.#browser;
    // Each context has a new, empty profile.
    const context = await browser.newContext({ viewport: { width, height: 900 } });
    try {
      const page = await context.newPage();
      const complaints: string[] = [];
      const requests: string[] = [];
      const address = pathToFileURL(file).href;
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('dialog', (dialog) => complaints.push(`a dialog: ${dialog.message()}`));
      page.on('request', (request) => {
        if (request.url() !== address) requests.push(request.url());
      });
      await page.goto(address);
      const title = await page.title();
      const accessible = await page.locator('body').ariaSnapshot();
      const pdf = await page.pdf();
      return { title, complaints, requests, accessible, pdf, ...(await page.evaluate(inspect)) };
    } finally {
      await context.close();
    }
  }
  async close(): Promise<void> {
    await (await this.#launched)?.close();
    rmSync(this.#folder, { recursive: true });
  }
}
