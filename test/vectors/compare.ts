/** Compares what a vector's snippet did with what silicon did. */
import type { Outcome } from './harness.ts';
import { type Vector, hex, lists } from './vector.ts';

const DEFAULTS: Readonly<Record<string, number>> = { cs: 0x1e7, ss: 0x1ef, ds: 0x1ef, es: 0x1ef, fs: 0x1ef, gs: 0x1ef };
const COMPARED = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eip', 'cs', 'ss', 'ds', 'es', 'fs', 'gs'];
/** IF and IOPL are the host kernel's. */
const NOT_THE_SNIPPETS = 0x3200;

const memoryOf = (text: string | undefined): Map<number, number> => {
  const map = new Map<number, number>();
  for (const [at, bytes] of lists(text))
    for (let i = 0; i < bytes!.length; i += 2)
      map.set(Number.parseInt(at!, 16) + i / 2, Number.parseInt(bytes!.slice(i, i + 2), 16));
  return map;
};
const show = (n: number | undefined): string => (n === undefined ? 'unchanged' : n.toString(16));

/** C1 tells whether a result was rounded up. */
const C1 = 1 << 9;

/**
 * Whether two images of the FPU agree where its instruction is transcendental: its results may be off by less
 * than a unit in the last place, and so may the direction of their rounding (SDM vol. 1, section 8.3.10).
 */
const withinOneUnit = (a: string, b: string): boolean => {
  const others = b.split(':');
  return a.split(':').every((field, i) => {
    const other = others[i] ?? '';
    if (i === 1) return ((Number.parseInt(field, 16) ^ Number.parseInt(other, 16)) & ~C1) === 0;
    if (i < 3 || field === other) return field === other;
    const [x, y] = [orderedRegister(field), orderedRegister(other)];
    return x - y === 1n || y - x === 1n;
  });
};
/** A register's 80 bits, lowest byte first in hexadecimal, as an integer whose neighbours are neighbours. */
const orderedRegister = (digits: string): bigint => {
  const bytes = digits.match(/../g)!.reverse().join('');
  const significand = BigInt(`0x${bytes.slice(4)}`) & 0x7fffffffffffffffn;
  return (BigInt(`0x${bytes.slice(0, 4)}`) << 63n) | significand;
};

/** @returns one line for each difference; none when the outcome is silicon's */
export const compare = ({ request, answer }: Vector, outcome: Outcome): string[] => {
  const differences: string[] = [];
  const check = (name: string, want: number, got: number) => {
    if (want >>> 0 !== got >>> 0) differences.push(`${name}: silicon ${show(want >>> 0)}, here ${show(got >>> 0)}`);
  };
  check('vector', hex(answer, 'vec'), outcome.vector);
  check('error code', hex(answer, 'err'), outcome.error);
  check('cr2', hex(answer, 'cr2'), outcome.cr2);
  for (const name of COMPARED) {
    const initial = hex(request, name, DEFAULTS[name] ?? (name === 'esp' ? 0x120000 : 0));
    check(name, hex(answer, name, initial), outcome.registers[name]!);
  }
  const mask = ~(hex(request, 'undef') | NOT_THE_SNIPPETS);
  check('eflags', hex(answer, 'efl') & mask, outcome.registers.efl! & mask);
  // A snippet may leave undefined flags in memory by PUSHF; such bytes are told by the vector's own mask.
  const want = memoryOf(answer.get('mem'));
  for (const at of new Set([...want.keys(), ...outcome.memory.keys()])) {
    if (want.get(at) === outcome.memory.get(at)) continue;
    // Silicon's answer joins changed runs over short gaps of unchanged bytes.
    if (!outcome.memory.has(at) && want.get(at) === outcome.initial(at)) continue;
    differences.push(`memory ${show(at)}: silicon ${show(want.get(at))}, here ${show(outcome.memory.get(at))}`);
    break;
  }
  const fpu = answer.get('fpu') ?? request.get('fpu');
  const same = request.get('impl') === 'transcendental' ? withinOneUnit : (a: string, b: string) => a === b;
  if (fpu !== undefined && !same(fpu, outcome.fpu)) differences.push(`fpu: silicon ${fpu}, here ${outcome.fpu}`);
  const xmm = answer.get('xmm') ?? request.get('xmm');
  if (xmm !== undefined && xmm !== outcome.xmm) {
    const [silicon, here] = [xmm.split(':'), outcome.xmm.split(':')];
    const n = silicon.findIndex((register, i) => register !== here[i]);
    differences.push(`xmm${n}: silicon ${silicon[n]}, here ${here[n]}`);
  }
  check('mxcsr', hex(answer, 'mxcsr', hex(request, 'mxcsr', 0x1f80)), outcome.mxcsr);
  return differences;
};
