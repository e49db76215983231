/** Single instructions against what silicon did with them. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { x87, x87Handler } from '../../../src/instructions/x87/x87.ts';
import { FlatMachine, recorded, runVector, tokens } from './support.ts';

const machine = new FlatMachine();

const sample = (file: string): string[] =>
  readFileSync(new URL(file, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

const handlerOf = (line: string): string => {
  const [, opcode, modrm] = /code=(..)(..)/.exec(line)!;
  return x87Handler(parseInt(opcode, 16), parseInt(modrm, 16)) ?? '#UD';
};

describe('the sample', () => {
  const lines = sample('vectors.txt');

  test.each(lines.map((line) => [handlerOf(line), line]))('%s', (_name, line) => {
    const [request, answer] = line.split(' > ').map(tokens);
    expect(runVector(machine, request)).toEqual(recorded(request, answer));
  });

  test('has every handler that is not tested elsewhere', () => {
    const elsewhere = /^(fx|fn?st(env|cw)|fldenv|fnsave|frstor|fwait|f2xm1|fyl2x|fpatan|fptan|fsin|fcos)/;
    const missing = new Set(Object.keys(x87).filter((name) => !elsewhere.test(name)));
    for (const line of lines) missing.delete(handlerOf(line));
    expect([...missing]).toEqual([]);
  });
});

/** A number's place among all numbers of its sign: neighbours differ by one. */
const ordinal = (register: string): bigint => {
  const bytes = register.match(/../g)!.reverse().join('');
  const bits = BigInt(`0x${bytes}`);
  const magnitude = (((bits >> 64n) & 0x7fffn) << 63n) + (bits & 0x7fffffffffffffffn);
  return bits >> 79n ? -magnitude : magnitude;
};

describe('transcendental instructions', () => {
  const C1 = 0x200;

  test.each(sample('transcendental.txt').map((line) => [handlerOf(line), line]))(
    '%s is within one ulp',
    (_, line) => {
      const [request, answer] = line.split(' > ').map(tokens);
      const got = runVector(machine, request).fpu.split(':');
      const want = recorded(request, answer).fpu.split(':');
      expect(parseInt(got[1], 16) & ~C1).toBe(parseInt(want[1], 16) & ~C1);
      expect(got[2]).toBe(want[2]);
      for (let i = 3; i < 11; i++) {
        const distance = ordinal(got[i]) - ordinal(want[i]);
        expect(distance >= -1n && distance <= 1n, `ST(${i - 3}) ${got[i]} ${want[i]}`).toBe(true);
      }
    },
  );
});

const oracle = process.env.RINGDOWN_ORACLE;
const all = `${oracle}/vectors/x87-1.txt.gz`;

describe.skipIf(!oracle || !existsSync(all))('all recorded vectors (RINGDOWN_ORACLE)', () => {
  test('do not differ', () => {
    const differing: string[] = [];
    for (const line of gunzipSync(readFileSync(all)).toString().split('\n')) {
      // Transcendental results may differ in the last bit.
      if (line === '' || line.includes(' impl=transcendental')) continue;
      const [request, answer] = line.split('\t').map((half) => tokens(half.slice(2)));
      const got = runVector(machine, request);
      const want = recorded(request, answer);
      const same =
        got.vector === want.vector &&
        got.eip === want.eip &&
        got.statusFlags === want.statusFlags &&
        got.eax === want.eax &&
        got.fpu === want.fpu &&
        got.memory.size === want.memory.size &&
        [...want.memory].every(([address, byte]) => got.memory.get(address) === byte);
      if (!same) differing.push(`${request.id} ${handlerOf(line)}`);
    }
    expect(differing).toEqual([]);
  }, 60_000);
});
