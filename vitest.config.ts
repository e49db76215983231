import { defineConfig } from 'vitest/config';

declare module 'vitest' {
  export interface ProvidedContext {
    /** What executes instructions: the suite in test/engines runs once with each. */
    engine: 'core' | 'reference';
    /** A folder with the program as the build makes it. */
    dist: string;
  }
}

const engineProject = (engine: 'core' | 'reference') => ({
  extends: true as const,
  test: { name: engine, include: ['test/engines/**/*.test.ts'], provide: { engine } },
});

export default defineConfig({
  test: {
    // Programs are started and kernels are booted, on machines that have other work too.
    testTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/engines/**'],
          globalSetup: ['test/cli/build-program.ts'],
        },
      },
      engineProject('core'),
      engineProject('reference'),
    ],
  },
});
