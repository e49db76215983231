/**
 * The silicon peer: builds the recorder that RINGDOWN_ORACLE has, lets this host's processor execute fresh
 * snippets of its generator, and compares with ours.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare } from '../vectors/compare.ts';
import { exceptionFor, unexcepted } from '../vectors/exceptions.ts';
import { Harness } from '../vectors/harness.ts';
import { parseVectors, type Vector } from '../vectors/vector.ts';

const CLASSES = ['int', 'seg', 'fault', 'seq', 'smc', 'x87', 'sse'];
const BATCH = 500;
const MOST_SHOWN = 10;

/** Copies the recorder away from its folder, which may be read-only, and builds it. @returns where, or why not */
const build = (folder: string, into: string): string | undefined => {
  for (const name of ['silicon32.c', 'build.sh', 'gen32.mjs'])
    if (!existsSync(join(folder, name))) return `${join(folder, name)} is missing`;
    else copyFileSync(join(folder, name), join(into, name));
  const { status, stderr, error } = spawnSync('sh', ['build.sh'], { cwd: into, encoding: 'utf8' });
  return status === 0 ? undefined : `the recorder cannot be built: ${error?.message ?? stderr}`;
};

const record = (folder: string, name: string, seed: number): Vector[] =>
  parseVectors(
    execFileSync(process.execPath, ['gen32.mjs', '--vectors', name, String(BATCH), String(seed)], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    }),
  );

/**
 * Compares for a third of the time. @param say prints a line
 * @returns an exit code: 0 all the same, 1 something differs, 2 there is no recorder
 */
export const runSiliconPeer = async (
  seed: number,
  seconds: number,
  say: (text: string) => void,
): Promise<number> => {
  const oracle = process.env.RINGDOWN_ORACLE;
  if (!oracle) {
    say('fuzz: the silicon peer needs RINGDOWN_ORACLE to name the folder with its recorder');
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'ringdown-silicon-'));
  try {
    const problem = build(join(oracle, 'silicon'), folder);
    if (problem !== undefined) {
      say(`fuzz: ${problem}`);
      return 2;
    }
    const harnesses = [await Harness.create('core'), await Harness.create('reference')];
    const end = Date.now() + (seconds * 1000) / 3;
    const counts = new Map<string, { run: number; different: number }>();
    for (let round = 0; Date.now() < end; round++) {
      for (const name of CLASSES) {
        if (Date.now() >= end) break;
        const tally = counts.get(name) ?? { run: 0, different: 0 };
        counts.set(name, tally);
        for (const vector of record(folder, name, seed * 1000 + round)) {
          if (exceptionFor(vector)) continue;
          const outcome = harnesses[tally.run++ % 2]!.run(vector);
          const found = unexcepted(vector, compare(vector, outcome));
          if (found.length > 0 && tally.different++ < MOST_SHOWN)
            say(`silicon: ${vector.request.get('id')} ${vector.request.get('code')}: ${found[0]}`);
        }
      }
    }
    for (const [name, { run, different }] of counts)
      say(`silicon: class ${name}: ${run} vectors, ${different} differ`);
    return [...counts.values()].some(({ different }) => different > 0) ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
};
