/** Real mode as recorded on an 80286, from the folder that RINGDOWN_ORACLE names. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { type Case, parseCases } from '../real-mode/case.ts';
import { RealModeHarness } from '../real-mode/harness.ts';
import { reasons, undefinedFlagsOf } from '../real-mode/reasons.ts';
import { engine } from './support.ts';

const file = `${process.env.RINGDOWN_ORACLE}/third-party/sst286-real.txt.gz`;
const runs = process.env.RINGDOWN_ORACLE !== undefined && existsSync(file);
/** One case in so many is run: all by the core. */
const STRIDE = engine === 'reference' ? 8 : 1;

describe.skipIf(!runs)('real mode of an 80286 (skipped where RINGDOWN_ORACLE names no folder)', () => {
  let harness: RealModeHarness;
  const groups = new Map<string, Case[]>();
  const used = new Set<string>();
  beforeAll(async () => {
    harness = new RealModeHarness(engine, await createDecoder());
    for (const one of parseCases(gunzipSync(readFileSync(file)).toString())) {
      const group = one.operation.slice(0, 1);
      groups.set(group, [...(groups.get(group) ?? []), one]);
    }
  });

  test.each([...'0123456789ABCDEF'])('opcodes %s0 and up', { timeout: 300_000 }, (group) => {
    const wrong: string[] = [];
    let count = 0;
    for (const one of groups.get(group)!.filter((_, i) => i % STRIDE === 0)) {
      count++;
      const result = harness.run(one, undefinedFlagsOf(one));
      if (result.differences.length === 0) continue;
      const reason = Object.keys(reasons).find((name) => reasons[name]!(one, result));
      if (reason !== undefined) used.add(reason);
      else
        wrong.push(`${Buffer.from(one.bytes).toString('hex')} ${one.name}: ${result.differences.join('; ')}`);
    }
    expect(wrong).toEqual([]);
    expect(harness.wroteNothingElse()).toBe(true);
    expect(count).toBeGreaterThan(100);
  });

  test.skipIf(STRIDE > 1)('every reason to differ is one that occurs', () => {
    expect([...used].sort()).toEqual(Object.keys(reasons).sort());
  });
});
