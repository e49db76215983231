/** Where a run executed, by page. */
import type { BlockProfile } from '../cache/profile.ts';

const PAGE = 4096;
/** Pages that are told; the rest executed less than any of them. */
const MOST_PAGES = 4096;

/** Executions in one page of linear space; programs that had the same addresses share them. */
export interface HotPage {
  readonly linear: number;
  /** Instructions executed in blocks that begin in the page. */
  readonly executions: number;
}

/** In the order of their addresses. */
export const hotPages = (blocks: readonly BlockProfile[]): HotPage[] => {
  const pages = new Map<number, number>();
  for (const { linear, executions } of blocks) {
    const page = linear - (linear % PAGE);
    pages.set(page, (pages.get(page) ?? 0) + executions.reduce((a, b) => a + b, 0));
  }
  return [...pages]
    .map(([linear, executions]) => ({ linear, executions }))
    .filter(({ executions }) => executions > 0)
    .sort((a, b) => b.executions - a.executions)
    .slice(0, MOST_PAGES)
    .sort((a, b) => a.linear - b.linear);
};

export interface HotRegion {
  /** Linear address of its first page. */
  readonly linear: number;
  /** Executions in each of its pages. */
  readonly pages: readonly number[];
}

/** The regions of so many pages that execute the most, in the order of their addresses. */
export const hotRegions = (pages: readonly HotPage[], pagesEach: number, most: number): HotRegion[] => {
  const size = pagesEach * PAGE;
  const regions = new Map<number, number[]>();
  for (const { linear, executions } of pages) {
    const region = linear - (linear % size);
    const counts = regions.get(region) ?? Array<number>(pagesEach).fill(0);
    counts[(linear - region) / PAGE] = executions;
    regions.set(region, counts);
  }
  const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  return [...regions]
    .map(([linear, counts]) => ({ linear, pages: counts }))
    .sort((a, b) => total(b.pages) - total(a.pages))
    .slice(0, most)
    .sort((a, b) => a.linear - b.linear);
};
