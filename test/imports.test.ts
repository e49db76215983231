/** Which rooms of src/ may look into which others. The order is a block's journey: nobody looks ahead. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Rooms, and `package:name` for what is installed. A room may always import from itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  x86: [],
  wasm: [],
  devices: [],
  memory: ['x86'],
  decoder: ['x86', 'package:capstone-wasm'],
  instructions: ['x86'],
  loader: ['x86'],
  cache: ['instructions', 'memory'],
  translator: ['cache', 'decoder', 'instructions', 'memory', 'x86'],
  interpreter: ['cache', 'decoder', 'instructions', 'memory', 'translator', 'wasm', 'x86'],
  codegen: ['cache', 'decoder', 'instructions', 'interpreter', 'memory', 'translator', 'wasm', 'x86'],
  techniques: ['decoder', 'translator', 'x86'],
  monitor: ['decoder', 'instructions', 'interpreter', 'memory', 'techniques', 'translator', 'x86'],
  machine: [
    'cache',
    'codegen',
    'decoder',
    'devices',
    'instructions',
    'interpreter',
    'loader',
    'memory',
    'monitor',
    'techniques',
    'translator',
    'x86',
  ],
  debug: ['cache', 'decoder', 'instructions', 'machine', 'memory', 'x86'],
  'index.ts': ['cache', 'decoder', 'interpreter', 'loader', 'machine', 'techniques', 'x86'],
  laboratory: [
    'index.ts',
    'cache',
    'debug',
    'decoder',
    'instructions',
    'interpreter',
    'loader',
    'machine',
    'memory',
    'techniques',
    'translator',
    'x86',
  ],
  report: ['laboratory', 'index.ts', 'package:@observablehq/plot', 'package:linkedom'],
  cli: [
    'index.ts',
    'debug',
    'laboratory',
    'loader',
    'machine',
    'report',
    'package:commander',
    'package:pino',
    'package:yocto-spinner',
    'node',
  ],
};

const source = fileURLToPath(new URL('../src/', import.meta.url));
const files = (readdirSync(source, { recursive: true }) as string[]).filter((file) => file.endsWith('.ts'));

/** Everything a module imports or re-exports, types too. */
const specifiersIn = (text: string): string[] => {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const form = /(?:\bfrom\s*|(?<!\.)\bimport\s*\(\s*|\bimport\s+)(['"])([^'"]+)\1/g;
  return [...code.matchAll(form)].map(([, , specifier]) => specifier);
};

const roomOf = (path: string): string => path.split('/')[0];

/** What an import leads to: a room, `package:name` or `node`; nothing for files that the build makes. */
const destination = (file: string, specifier: string): string | undefined => {
  if (specifier.startsWith('generated:') || specifier.endsWith('/package.json')) return undefined;
  if (specifier.startsWith('.')) return roomOf(normalize(join(dirname(file), specifier)));
  if (specifier.startsWith('node:') || builtinModules.includes(specifier)) return 'node';
  return `package:${specifier}`;
};

const imports = files.flatMap((file) =>
  specifiersIn(readFileSync(source + file, 'utf8'))
    .map((specifier) => ({ file, from: roomOf(file), to: destination(file, specifier) }))
    .filter((entry): entry is { file: string; from: string; to: string } => entry.to !== undefined),
);

test('imports are found at all', () => {
  expect(
    specifiersIn(`import a, { b } from './a.ts';\nexport type { c } from "./c.ts"; import './d.ts';`),
  ).toEqual(['./a.ts', './c.ts', './d.ts']);
  expect(specifiersIn(`/** import x from 'x' */ const y = await import('./y.ts');\n// from 'z'`)).toEqual([
    './y.ts',
  ]);
  expect(imports.length).toBeGreaterThan(files.length);
});

test('every file is in a room of the table', () => {
  expect(files.filter((file) => !(roomOf(file) in allowed))).toEqual([]);
});

describe.each(Object.keys(allowed))('%s', (room) => {
  test('imports only what it may', () => {
    const violations = imports
      .filter(({ from, to }) => from === room && to !== room && !allowed[room].includes(to))
      .map(({ file, to }) => `${file} imports ${to}`);
    expect(violations).toEqual([]);
  });
});

test('the table has no cycles', () => {
  const reach = (room: string, seen: readonly string[]): void => {
    if (seen.includes(room)) throw new Error([...seen, room].join(' -> '));
    for (const next of allowed[room] ?? []) reach(next, [...seen, room]);
  };
  expect(() => Object.keys(allowed).forEach((room) => void reach(room, []))).not.toThrow();
});
