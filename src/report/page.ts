/** A page: one HTML file that needs nothing else, no script, no other file, no network. */
import type { Content } from './content.ts';
import { html, type Markup, raw } from './html.ts';
import { STYLE } from './style.ts';
import { loadToolkit } from './toolkit.ts';

export interface Section {
  readonly heading: string;
  readonly contents: readonly Content[];
}

export interface Page {
  readonly title: string;
  /** What was done, when, on what: one line under the title. */
  readonly subtitle?: string;
  /** Before the first heading. */
  readonly opening?: readonly Content[];
  readonly sections: readonly Section[];
}

/** The browser is told to load and run nothing, whatever the page says. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

const identifier = (index: number): string => `section-${index + 1}`;

const contents = (sections: readonly Section[]): Markup => html`<nav aria-label="Contents"><ol>
${sections.map(({ heading }, i) => html`<li><a href="#${identifier(i)}">${heading}</a></li>\n`)}</ol></nav>
`;

/** @returns a whole HTML document */
export const page = async ({ title, subtitle, opening = [], sections }: Page): Promise<string> => {
  const toolkit = await loadToolkit();
  const render = (content: Content) => content.render(toolkit);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Ringdown">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${subtitle !== undefined && html`<p class="subtitle">${subtitle}</p>\n`}</header>
<main>
${opening.map(render)}${sections.length > 2 && contents(sections)}${sections.map(
  (section, i) => html`<section id="${identifier(i)}">
<h2>${section.heading}</h2>
${section.contents.map(render)}</section>
`,
)}</main>
</body>
</html>
`.text;
};
