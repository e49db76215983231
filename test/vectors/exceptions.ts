/** What is not compared, each kind with its reason: where processors differ the manual decides. */
import { lists, type Vector } from './vector.ts';

interface Exception {
  readonly reason: string;
  applies(vector: Vector): boolean;
  /** The differences it covers, as `compare` names them; without it the vector is not run at all. */
  readonly covers?: RegExp;
}

/** Whether what was written lies within `bytes` below the initial stack pointer. */
const writesBelowStack = ({ request, answer }: Vector, bytes: number): boolean => {
  const top = Number.parseInt(request.get('esp') ?? '', 16);
  return lists(answer.get('mem')).every(([at]) => {
    const below = top - Number.parseInt(at!, 16);
    return below > 0 && below <= bytes;
  });
};
const faults = ({ answer }: Vector): boolean => answer.get('why') === 'fault';

/** A selector of the GDT, not null. */
const namesGdt = (selector = '0'): boolean => {
  const value = Number.parseInt(selector, 16);
  return (value & 4) === 0 && (value & 0xfff8) !== 0;
};
const feature = (name: string): ((v: Vector) => boolean) => (v) => v.request.get('feat') === name;
const marked = (kind: string): ((v: Vector) => boolean) => (v) => v.request.get('impl') === kind;

export const exceptions: readonly Exception[] = [
  { reason: 'POPCNT is a later processor\'s (SDM vol. 2, POPCNT: #UD without CPUID.1:ECX.POPCNT)', applies: feature('popcnt') },
  { reason: 'TZCNT is a later processor\'s: F3 0F BC is BSF here (SDM vol. 2, TZCNT)', applies: feature('tzcnt') },
  { reason: 'LZCNT is a later processor\'s: F3 0F BD is BSR here (SDM vol. 2, LZCNT)', applies: feature('lzcnt') },
  { reason: 'EVEX prefixes are later processors\': 62h with mod 3 is BOUND, #UD (SDM vol. 2, BOUND)', applies: feature('noevex') },
  {
    reason: 'SSSE3, SSE4, AES, PCLMULQDQ, CRC32 and MOVBE are later processors\'',
    applies: (v) => /^(ssse3|sse41|sse42|aes|pclmul|crc32|movbe)$/.test(v.request.get('feat') ?? ''),
  },
  { reason: 'MOVNTSS and MOVNTSD are SSE4A\'s', applies: (v) => /^sse2?_f[23]0f2b$/.test(v.request.get('name') ?? '') },
  {
    reason: 'RCPPS and RSQRTPS approximate within an error bound, by model (SDM vol. 2)',
    applies: marked('rcp/rsqrt'),
  },
  {
    reason: 'ICEBP pushes the address behind it (SDM vol. 3, table 6-1: #DB is a trap); the recording host pushed its own',
    applies: (v) => v.request.get('code') === 'f1',
  },
  {
    reason: 'the selector names a descriptor of the recording host\'s own GDT, which the tested machine does not have',
    applies: (v) => ['ds', 'es', 'fs', 'gs'].some((s) => namesGdt(v.answer.get(s))),
  },
  {
    reason: 'LAR and LSL of system descriptors follow the long-mode rules of the recording host (SDM vol. 2, LAR and LSL, tables of descriptor types)',
    applies: marked('lar-limit-bits'),
  },
  { reason: 'with NT set IRET in long mode is #GP(0); here it returns to a task (SDM vol. 2, IRET)', applies: marked('iret-nt-in-long-mode') },
  { reason: 'PUSH of a segment register leaves the upper half unwritten or clears it, by model (SDM vol. 2, PUSH)', applies: marked('push-seg-upper-half') },
  { reason: 'FBLD of digits above nine gives an undefined result (SDM vol. 2, FBLD)', applies: marked('bad-bcd') },
  {
    reason: 'a fault in a repeated CMPS or SCAS leaves the flags from before it (SDM vol. 2, REP); some processors show those of the last comparison',
    applies: (v) => faults(v) && /^(66|67)*f[23](66|67)*a[67ef]/.test(v.request.get('code')!) && v.answer.has('ecx'),
    covers: /^eflags/,
  },
  {
    reason: 'a near CALL beyond the limit of CS faults before it pushes (SDM vol. 2, CALL); some processors write below the stack pointer first',
    applies: (v) => faults(v) && v.request.get('name') === 'cs16' && !v.answer.has('esp') && writesBelowStack(v, 4),
    covers: /^memory/,
  },
  {
    reason: 'POPA loads its registers one after the other (SDM vol. 2, POPA); how many it keeps when a later one faults is the model\'s',
    applies: (v) => faults(v) && /^(66)?61/.test(v.request.get('code')!) && !v.answer.has('esp'),
    covers: /^e(di|si|bp|bx|dx|cx|ax)/,
  },
];

/** @returns the reason not to run a vector, or undefined */
export const exceptionFor = (vector: Vector): string | undefined =>
  exceptions.find((e) => !e.covers && e.applies(vector))?.reason;

/** @returns the differences that no exception covers */
export const unexcepted = (vector: Vector, differences: readonly string[]): string[] =>
  differences.filter((d) => !exceptions.some((e) => e.covers?.test(d) && e.applies(vector)));
