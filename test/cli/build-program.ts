/** Builds the program once for all tests that start it, beside a developer's own build. */
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { buildBundles } from '../../esbuild.config.mjs';

export default async (project: TestProject): Promise<() => Promise<void>> => {
  const dist = fileURLToPath(new URL(`../../node_modules/.ringdown-test-${process.pid}`, import.meta.url));
  await buildBundles(dist);
  project.provide('dist', dist);
  return () => rm(dist, { recursive: true, force: true });
};
