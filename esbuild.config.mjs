/**
 * Builds dist/: the API (index.js), the command line (cli.js) and the development tools, and what the command
 * line would otherwise have to make at every start: the interpreter core and the embedded guest.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));
const target = 'node20.19';

/**
 * Runs a module of the sources, which must be bundled first, and hands back what it exports.
 * @param {string} path from the root
 */
const importSource = async (path) => {
  const folder = await mkdtemp(`${root}node_modules/.ringdown-build-`);
  const outfile = `${folder}/module.mjs`;
  try {
    await build({
      entryPoints: [root + path],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target,
      packages: 'external',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** @type {Readonly<Record<string, () => Promise<Uint8Array>>>} */
const makers = {
  'core.wasm': async () => (await importSource('src/interpreter/core.ts')).generateCore(),
  'hello.elf': async () => {
    const { buildGuest } = await importSource('guests/assemble.ts');
    const { sourcesIn } = await importSource('guests/files.ts');
    return (await buildGuest('hello', sourcesIn(`${root}guests`))).image;
  },
};

/**
 * Files generated from the sources, imported as `generated:<name>`: such an import gives the file's path from
 * the bundle. Names carry a hash of the content, so that a bundle never finds another build's file.
 * @type {import('esbuild').Plugin}
 */
const generated = {
  name: 'generated',
  setup(bundling) {
    bundling.onResolve({ filter: /^generated:/ }, ({ path }) => ({
      path: path.slice('generated:'.length),
      namespace: 'generated',
    }));
    bundling.onLoad({ filter: /./, namespace: 'generated' }, async ({ path }) => ({
      contents: await makers[path](),
      loader: 'file',
    }));
  },
};

/**
 * Builds everything but the type declarations, which `tsc` writes.
 * @param {string} dist where to; must be below the root, for the packages in node_modules to be found
 */
export const buildBundles = async (dist) => {
  const common = /** @type {const} */ ({
    bundle: true,
    format: 'esm',
    target,
    outdir: dist,
    sourcemap: 'linked',
    logLevel: 'warning',
    write: false,
  });
  const results = await Promise.all([
    build({
      ...common,
      entryPoints: { index: `${root}src/index.ts` },
      platform: 'neutral',
      packages: 'external',
    }),
    build({
      ...common,
      entryPoints: {
        cli: `${root}src/cli/main.ts`,
        'comparison-thread': `${root}src/cli/comparison-thread.ts`,
        vectors: `${root}test/vectors/main.ts`,
        fuzz: `${root}test/fuzz/main.ts`,
        'fuzz-worker': `${root}test/fuzz/worker.ts`,
        guests: `${root}guests/cli.ts`,
        'guest-debian': `${root}guests/debian/cli.ts`,
        'bench-boot': `${root}bench/boot.ts`,
        'bench-cpu': `${root}bench/cpu.ts`,
        'bench-nano': `${root}bench/nano.ts`,
        'nano-thread': `${root}bench/nano-thread.ts`,
        'bench-laboratory': `${root}bench/laboratory.ts`,
        'bench-techniques': `${root}bench/techniques.ts`,
        'bench-cache': `${root}bench/cache.ts`,
      },
      platform: 'node',
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      assetNames: '[name]-[hash]',
      // What is small and always needed is faster inside; these bring files of their own or are rarely used.
      external: ['@observablehq/plot', 'capstone-wasm', 'keystone-wasm', 'linkedom', 'pino', 'v86'],
      // commander is a CommonJS package.
      banner: {
        js:
          "import { createRequire as requireFor } from 'node:module';\n" +
          'const require = requireFor(import.meta.url);',
      },
      plugins: [generated],
    }),
  ]);
  // Only now: a build that fails leaves the last one as it is.
  await rm(dist, { recursive: true, force: true });
  for (const { path, contents } of results.flatMap(({ outputFiles }) => outputFiles)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents);
  }
  await chmod(`${dist}/cli.js`, 0o755);
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildBundles(`${root}dist`);
