/** Short forms of leak reports. */
import type { LeakReport } from '../../src/index.ts';

/** What was lost by each instruction that leaked, each different loss once, in alphabetical order. */
export const lostBy = ({ places }: LeakReport): Record<string, string[]> => {
  const lost = new Map<string, Set<string>>();
  for (const { instruction, lost: words } of places)
    lost.set(instruction, (lost.get(instruction) ?? new Set()).add(words));
  return Object.fromEntries([...lost].map(([name, words]) => [name, [...words].sort()]));
};
