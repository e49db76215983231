/** The vectors that are not compared, each kind with its reason. */
import type { Vector } from './vector.ts';

interface Exception {
  readonly reason: string;
  applies(vector: Vector): boolean;
}

const feature = (name: string): ((v: Vector) => boolean) => (v) => v.request.get('feat') === name;
const marked = (kind: string): ((v: Vector) => boolean) => (v) => v.request.get('impl') === kind;

export const exceptions: readonly Exception[] = [
  { reason: 'POPCNT is a later processor\'s', applies: feature('popcnt') },
  { reason: 'TZCNT is a later processor\'s: F3 0F BC is BSF here', applies: feature('tzcnt') },
  { reason: 'LZCNT is a later processor\'s: F3 0F BD is BSR here', applies: feature('lzcnt') },
  { reason: 'EVEX prefixes are later processors\': 62h with mod 3 is BOUND, #UD', applies: feature('noevex') },
  {
    reason: 'ICEBP pushes the address behind it (SDM vol. 3, table 6-1: #DB is a trap); the recording host pushed its own',
    applies: (v) => v.request.get('code') === 'f1',
  },
  {
    reason: 'the selector names a descriptor of the recording host\'s own GDT',
    applies: (v) => ['ds', 'es', 'fs', 'gs'].some((s) => /^0*(28|2b|30|32|33|78|7b)$/.test(v.answer.get(s) ?? '')),
  },
  {
    reason: 'LAR and LSL of system descriptors follow the long-mode rules of the recording host',
    applies: marked('lar-limit-bits'),
  },
  { reason: 'with NT set IRET in long mode is #GP(0); here it returns to a task', applies: marked('iret-nt-in-long-mode') },
  { reason: 'PUSH of a segment register leaves the upper half unwritten or clears it, by model', applies: marked('push-seg-upper-half') },
  { reason: 'AAM and AAD with a base other than ten set undefined flags by model', applies: marked('bad-bcd') },
];

/** @returns the reason not to compare a vector, or undefined */
export const exceptionFor = (vector: Vector): string | undefined =>
  exceptions.find((e) => e.applies(vector))?.reason;
