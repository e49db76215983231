/** No guest gets beyond its memory, and a hostile one sees under a monitor what it sees without. */
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import type { TechniqueName } from '../../src/machine/machine.ts';
import { expectContained } from './containment.ts';
import { type Hostile, hostileKernel, hostiles, PATTERN } from './hostile.ts';
import { brokenTables } from './hostile-tables.ts';
import { snapshot } from './snapshot.ts';
import { engine, type Run, runKernel } from './support.ts';

const library = sourcesIn();
/** MiB, as the pieces have it. */
const MEMORY = 8;

const imageOf = async (hostile: Hostile): Promise<Uint8Array> => {
  const source = hostileKernel(hostile);
  const read = (path: string) => (path === 'inline.s' ? Promise.resolve(source) : library(path));
  return (await buildGuest('inline', read)).image;
};
const whatTheGuestSaw = ({ machine, outcome, text }: Run) => ({
  outcome,
  text,
  retired: machine.processor.retired,
  ...snapshot(machine),
});

describe('a hostile guest', () => {
  test.each([...hostiles, ...brokenTables])('$name', async (hostile) => {
    const image = await imageOf(hostile);
    const run = async (technique: TechniqueName) => {
      const run = await runKernel(image, technique, { instructions: 1e6 }, hostile.name, MEMORY);
      expectContained(run.machine, PATTERN);
      return run;
    };
    const native = await run('native');
    expect(native.outcome.kind).not.toBe('stopped');
    for (const technique of ['bt', 'hw', 'hw+nested'] as const)
      expect(whatTheGuestSaw(await run(technique)), technique).toEqual(whatTheGuestSaw(native));
    if (engine === 'core') await run('trap');
  });
});
