/** The packages that draw. They are loaded when a page is written, never before. */

export interface Toolkit {
  readonly Plot: typeof import('@observablehq/plot');
  /** What SVG elements are made by; nothing is ever added to it. */
  readonly document: Document;
  /** Of a plot, CSS pixels. */
  readonly width: number;
}

/** Width of the text column. */
export const PAGE_WIDTH = 720;

export const loadToolkit = async (): Promise<Toolkit> => {
  const [Plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  return { Plot, document: document as unknown as Document, width: PAGE_WIDTH };
};
