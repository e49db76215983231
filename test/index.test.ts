/** The API: what it exports, that it needs nothing of Node, and that it works without Node. */
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../guests/assemble.ts';
import { readExpected, sourcesIn } from '../guests/files.ts';
import * as api from '../src/index.ts';

const entry = fileURLToPath(new URL('../src/index.ts', import.meta.url));
const triple = (await buildGuest('triple', sourcesIn())).image;

test('the list of exports', () => {
  expect(Object.keys(api).sort()).toEqual([
    'LoadError',
    'Machine',
    'MachineError',
    'cpuModels',
    'createMachine',
    'evictionPolicies',
    'techniqueNamed',
    'techniqueNames',
  ]);
});

describe('a machine', () => {
  const collect = async (options: api.CreateOptions = {}) => {
    const bytes: number[] = [];
    const onSerial = (port: number, byte: number) => void (port === 0 && bytes.push(byte));
    const machine = await api.createMachine({ memory: 16 << 20, ...options, onSerial });
    return { machine, text: () => String.fromCharCode(...bytes) };
  };

  test.each(['core', 'reference'] as const)('loads, runs and counts on the engine %s', async (engine) => {
    const { machine, text } = await collect({ engine });
    machine.load({ name: 'triple', kernel: triple });
    expect(await machine.run()).toMatchObject({ kind: 'shutdown' });
    expect(text()).toBe(await readExpected('triple'));
    expect(machine.statistics()).toMatchObject({ engine, technique: 'bt' });
    expect(machine.statistics().instructions).toBeGreaterThan(100);
  });

  test('stops when it is told to', async () => {
    const { machine } = await collect();
    machine.load({ name: 'hello', kernel: (await buildGuest('hello', sourcesIn())).image });
    setTimeout(() => machine.stop(), 20);
    expect(await machine.run()).toEqual({ kind: 'stopped' });
  });

  test('refuses what cannot be, with errors of its own', async () => {
    await expect(api.createMachine({ memory: 12345 })).rejects.toThrow(api.MachineError);
    for (const blockLength of [0, 65, 1.5])
      await expect(api.createMachine({ blockLength })).rejects.toThrow('must be a whole number from 1 to 64');
    const eviction = 'toString' as api.EvictionName;
    await expect(api.createMachine({ eviction })).rejects.toThrow('there are fifo, units, flush, clock');
    const { machine } = await collect();
    expect(() => machine.load({ name: 'x', kernel: new Uint8Array(100) })).toThrow(api.LoadError);
  });
});

/** Bundles the API as a page would. */
const bundle = (external: string[]) =>
  build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'ringdown',
    target: 'es2022',
    external,
    logLevel: 'silent',
  });

describe('in a browser', () => {
  test('our own code imports no module of Node', async () => {
    const { outputFiles, metafile } = await bundle(['capstone-wasm']);
    const imported = Object.values(metafile.outputs).flatMap(({ imports }) =>
      imports.map(({ path }) => path),
    );
    expect(imported).toEqual(['capstone-wasm']);
    expect(outputFiles[0].text).not.toMatch(/['"]node:/);
    expect(imported.filter((path) => builtinModules.includes(path))).toEqual([]);
  });

  test('a guest runs with nothing but what a page has', async () => {
    // The one module that capstone-wasm names is asked for only where it finds itself in Node.
    const { outputFiles } = await bundle(['module']);
    const { WebAssembly, TextEncoder, TextDecoder, performance, setTimeout, clearTimeout, URL, console } =
      globalThis;
    const page: Record<string, unknown> = {
      WebAssembly,
      TextEncoder,
      TextDecoder,
      performance,
      setTimeout,
      clearTimeout,
      URL,
      console,
      kernel: triple,
      capstone: readFileSync(new URL('../node_modules/capstone-wasm/dist/capstone.wasm', import.meta.url)),
    };
    page.window = page;
    createContext(page);
    runInContext(outputFiles[0].text, page);
    const run = `(async () => {
      let text = '';
      const onSerial = (port, byte) => { text += String.fromCharCode(byte); };
      const machine = await ringdown.createMachine({ memory: 16 << 20, capstone, onSerial });
      machine.load({ name: 'triple', kernel });
      const outcome = await machine.run();
      return { outcome, text };
    })()`;
    const result = (await runInContext(run, page)) as { text: string; outcome: api.Outcome };
    expect(result.outcome).toMatchObject({ kind: 'shutdown' });
    expect(result.text).toBe(await readExpected('triple'));
  });
});
