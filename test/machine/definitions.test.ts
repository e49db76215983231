/** The page of definitions names everything that is counted. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { newCacheCounters } from '../../src/cache/counters.ts';
import { createMachine, type Statistics } from '../../src/index.ts';

const page = readFileSync(new URL('../../src/machine/definitions.md', import.meta.url), 'utf8');
const defined = new Set([...page.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name));

/** Of one run each: identity, not figures. */
const NAMES = new Set(['technique', 'engine']);
/** Figures that have parts with names of their own, rather than counts by name. */
const STRUCTURES = new Set(['cache', 'rewritten', 'monitor', 'shadow', 'adaptation', 'guestMode', 'tlb']);

const figuresOf = (statistics: Statistics): string[] =>
  Object.entries(statistics).flatMap(([name, value]) => {
    if (NAMES.has(name)) return [];
    if (!STRUCTURES.has(name)) return [name];
    return Object.keys((value ?? {}) as object);
  });

test.each(['native', 'trap', 'bt', 'bt-adaptive', 'hw', 'hw+nested'] as const)(
  'of a run under %s',
  async (technique) => {
    const machine = await createMachine({ memory: 2 << 20, technique });
    const figures = figuresOf(machine.statistics());
    expect(figures).toEqual(expect.arrayContaining(Object.keys(newCacheCounters())));
    expect(figures.filter((name) => !defined.has(name))).toEqual([]);
  },
);
