/** Compares every handler with the recorded privilege matrix, where the oracle folder is at hand. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Case, runCase, snippets } from './privilege-matrix.ts';

const oracle = process.env.RINGDOWN_ORACLE;
const path = `${oracle}/pmx/pmx-reference.txt.gz`;
const present = oracle !== undefined && existsSync(path);

/** Snippets that take a stack selector too; the record keeps the last one tried, a read-only segment. */
const READ_ONLY = 0xb3;
const BOTH = new Set(['retf', 'retf8', 'iretd']);

interface Line {
  readonly input: Case;
  readonly text: string;
  readonly expected: string;
}

const parse = (reference: string): Line[] => {
  const lines: Line[] = [];
  for (const line of reference.split('\n')) {
    const match = /^[? ] (\w+) (?:cpl(\d)|v86) iopl(\d)(?: sel(\w+))? : (.*)$/.exec(line);
    if (!match || !(match[1] in snippets)) continue;
    const [, name, cpl, iopl, selector, expected] = match;
    const virtual = cpl === undefined;
    const input = {
      name,
      cpl: virtual ? 3 : Number(cpl),
      iopl: Number(iopl),
      virtual,
      cx: selector ? Number.parseInt(selector, 16) : virtual ? 0x10 : 0x33333333,
      dx: BOTH.has(name) ? READ_ONLY : selector || virtual ? 0 : 0x22222222,
    };
    lines.push({ input, text: line.slice(2, line.indexOf(':')), expected });
  }
  return lines;
};

/** The lines of task switches show both TSSs, which the snippets here do not set up. */
const isTaskSwitch = (expected: string): boolean => expected.includes(' tr=');
/** The recorded handler itself goes astray: it runs at the level it interrupted, or on a based 16-bit stack. */
const isHandlerAstray = ({ name, cpl, cx }: Case): boolean =>
  (name === 'int_conforming' && cpl > 0) ||
  ((name === 'mov_ss' || name === 'lss') && cpl === 0 && cx === 0xc0);

describe.skipIf(!present)('the recorded privilege matrix', () => {
  const lines = present ? parse(gunzipSync(readFileSync(path)).toString()) : [];
  const byName = new Map<string, Line[]>();
  for (const line of lines) byName.set(line.input.name, [...(byName.get(line.input.name) ?? []), line]);

  it('covers every snippet', () => {
    expect([...byName.keys()].sort()).toEqual(Object.keys(snippets).sort());
    expect(lines.length).toBeGreaterThan(3000);
  });

  it.each([...byName.entries()])('%s', (_name, group) => {
    const wanted = group.filter(({ input, expected }) => !isTaskSwitch(expected) && !isHandlerAstray(input));
    const got = wanted.map(({ input, text }) => `${text}: ${runCase(input)}`);
    expect(got).toEqual(wanted.map(({ text, expected }) => `${text}: ${expected}`));
  });
});
