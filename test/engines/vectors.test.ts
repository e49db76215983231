/** Vectors recorded on a real processor: a sample that lives here, and all of them where they can be had. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { compare } from '../vectors/compare.ts';
import { exceptionFor, unexcepted } from '../vectors/exceptions.ts';
import { Harness } from '../vectors/harness.ts';
import { parseVectors } from '../vectors/vector.ts';

const SAMPLE = join(import.meta.dirname, '../vectors/sample');
const CLASSES = ['int', 'seg', 'fault', 'seq', 'smc', 'x87', 'ordinary', 'sse'];
/** Vectors of all classes with EFLAGS.AC set, and with TF set, which ends them behind their first instruction. */
const FLAGS = ['alignment', 'single-step'];
const oracle = process.env.RINGDOWN_ORACLE;

const load = (file: string) => parseVectors(gunzipSync(readFileSync(file)).toString('utf8'));
/** Names that are wrong, with the first difference of each: short enough to read. */
const differences = (harness: Harness, file: string): string[] => {
  const wrong: string[] = [];
  for (const vector of load(file)) {
    if (exceptionFor(vector)) continue;
    const found = unexcepted(vector, compare(vector, harness.run(vector)));
    if (found.length) wrong.push(`${vector.request.get('id')} ${vector.request.get('code')}: ${found[0]}`);
  }
  return wrong;
};

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.create(inject('engine'));
});

describe('the sample of silicon vectors', () => {
  it.each([...CLASSES, ...FLAGS])('class %s', { timeout: 120_000 }, (name) => {
    expect(differences(harness, join(SAMPLE, `${name}.txt.gz`))).toEqual([]);
  });
});

const complete = oracle && existsSync(join(oracle, 'vectors')) ? join(oracle, 'vectors') : undefined;
describe.skipIf(!complete)('all silicon vectors (skipped where RINGDOWN_ORACLE names no folder)', () => {
  const files = complete
    ? readdirSync(complete).filter((f) => CLASSES.some((c) => f.startsWith(`${c}-`)))
    : [];
  it.each(files)('%s', { timeout: 600_000 }, (file) => {
    expect(differences(harness, join(complete!, file))).toEqual([]);
  });
});

describe('the comparison itself', () => {
  it('notices a wrong register, flag and memory byte', () => {
    const [vector] = load(join(SAMPLE, 'seq.txt.gz')).filter((v) => !exceptionFor(v));
    const outcome = harness.run(vector!);
    const registers = {
      ...outcome.registers,
      eax: outcome.registers.eax! ^ 1,
      efl: outcome.registers.efl! ^ 0x10000,
    };
    const memory = new Map(outcome.memory).set(0x13fff0, 0);
    const found = compare(vector!, { ...outcome, registers, memory });
    expect(found.map((d) => d.split(':')[0])).toEqual(['eax', 'eflags', 'memory 13fff0']);
  });
});
