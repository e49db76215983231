/** Where the memories of two machines differ. */
import { PAGE_SIZE, RAM_BASE } from '../memory/layout.ts';
import type { PhysicalMemory } from '../memory/physical.ts';

const PAGE_WORDS = PAGE_SIZE >> 2;

/** Whether a physical page, by number, differs. */
export const differingPage = (a: PhysicalMemory, b: PhysicalMemory, page: number): boolean => {
  const x = a.words;
  const y = b.words;
  const first = (RAM_BASE >> 2) + page * PAGE_WORDS;
  for (let i = first; i < first + PAGE_WORDS; i++) if (x[i] !== y[i]) return true;
  return false;
};

/**
 * Whether what was written differs.
 * @param writes physical address and size in bytes, alternating @param first index of the first that counts
 * @param end index behind the last
 */
export const differsIn = (
  a: PhysicalMemory,
  b: PhysicalMemory,
  writes: readonly number[],
  first: number,
  end: number,
): boolean => {
  for (let i = first; i < end; i += 2) {
    const at = RAM_BASE + writes[i]!;
    for (let k = at; k < at + writes[i + 1]!; k++) if (a.bytes[k] !== b.bytes[k]) return true;
  }
  return false;
};

/** What one access wrote. */
export interface Range {
  readonly physical: number;
  readonly length: number;
}

/** The writes of which at least a byte differs, each place once, in ascending order. */
export const differingWrites = (
  a: PhysicalMemory,
  b: PhysicalMemory,
  writes: readonly number[],
): readonly Range[] => {
  const ranges = new Map<string, Range>();
  for (let i = 0; i < writes.length; i += 2) {
    const [physical, length] = [writes[i]!, writes[i + 1]!];
    if (differsIn(a, b, writes, i, i + 2)) ranges.set(`${physical} ${length}`, { physical, length });
  }
  return [...ranges.values()].sort((x, y) => x.physical - y.physical);
};
