/** What a section of a page is made of. */
import { html, type Markup } from './html.ts';
import type { Toolkit } from './toolkit.ts';

export interface Content {
  render(toolkit: Toolkit): Markup;
}

/** Paragraphs of plain text. */
export const prose = (...paragraphs: readonly string[]): Content => ({
  render: () => html`${paragraphs.map((text) => html`<p>${text}</p>\n`)}`,
});

/** Text that keeps its lines: a console, a listing. */
export const transcript = (caption: string, text: string): Content => ({
  render: () => html`<figure class="transcript">
<figcaption>${caption}</figcaption>
<pre tabindex="0" aria-label="${caption}">${text}</pre>
</figure>
`,
});

/** Space between two columns, CSS pixels. */
const GAP = 32;

/** Contents next to each other, in two columns where the page is wide enough. */
export const beside = (...contents: readonly Content[]): Content => ({
  render: (toolkit) => {
    const narrow = { ...toolkit, width: (toolkit.width - GAP) / 2 };
    return html`<div class="beside">
${contents.map((content) => html`<div>${content.render(narrow)}</div>\n`)}</div>
`;
  },
});

/** A list of terms and what they mean or are. */
export const facts = (entries: readonly (readonly [name: string, value: string])[]): Content => ({
  render: () => html`<dl>
${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>\n`)}</dl>
`,
});
