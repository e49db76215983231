/** Where an 80286 and its successors differ, by their manuals: each reason allows cases to end differently. */
import { Vector } from '../../src/x86/exceptions.ts';
import { Flag } from '../../src/x86/flags.ts';
import type { Case } from './case.ts';
import type { Result } from './harness.ts';

const ARITHMETIC = Flag.SF | Flag.ZF | Flag.AF | Flag.PF;
const SHIFTS = ['C0', 'C1', 'D0', 'D1', 'D2', 'D3'];

/** Flags that the manual (SDM vol. 1, appendix A) leaves undefined and processors set differently. */
const undefinedFlags: ReadonlyMap<string, number> = new Map([
  ['27', Flag.OF],
  ['2F', Flag.OF],
  ['37', Flag.OF | Flag.SF | Flag.ZF | Flag.PF],
  ['3F', Flag.OF | Flag.SF | Flag.ZF | Flag.PF],
  ['69', ARITHMETIC],
  ['6B', ARITHMETIC],
  ['D5', Flag.OF | Flag.AF | Flag.CF],
  ...SHIFTS.flatMap((opcode) => [4, 5, 6, 7].map((reg): [string, number] => [`${opcode}.${reg}`, Flag.AF])),
  ...['F6', 'F7'].flatMap((opcode): [string, number][] => [
    [`${opcode}.4`, ARITHMETIC],
    [`${opcode}.5`, ARITHMETIC],
    [`${opcode}.6`, ARITHMETIC | Flag.CF | Flag.OF],
    [`${opcode}.7`, ARITHMETIC | Flag.CF | Flag.OF],
  ]),
]);

export const undefinedFlagsOf = ({ operation }: Case): number => undefinedFlags.get(operation) ?? 0;

const LOCK = 0xf0;
const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, LOCK, 0xf2, 0xf3]);
/** The prefixes of an instruction, and where its opcode is. */
const prefixesOf = ({ bytes }: Case): Uint8Array => {
  const opcode = bytes.findIndex((byte) => !PREFIXES.has(byte));
  return bytes.subarray(0, opcode);
};
/** The HLT behind the instruction counts too. */
const lengthOf = ({ bytes }: Case): number => bytes.length - 1;
const LONGEST_80286_INSTRUCTION = 10;
const STRINGS = new Set(['6D', '6F', 'A5', 'A7', 'AB', 'AD', 'AF']);
/** Their flags, and those an exception pushes, are the last comparison's. */
const COMPARISONS = new Set(['A7', 'AF']);
const namesFsOrGs = (one: Case): boolean => {
  const modrm = one.bytes[prefixesOf(one).length + 1]!;
  return (one.operation === '8C' || one.operation === '8E') && ((modrm >> 4) & 3) === 2;
};

/** By what makes them differ. */
export const reasons: Readonly<Record<string, (one: Case, result: Result) => boolean>> = {
  'LOCK with an instruction that does not take it is #UD since the 80386 (SDM vol. 3, section 22.18)': (
    one,
    { raised },
  ) => raised === Vector.UD && prefixesOf(one).includes(LOCK),
  'an instruction may have 15 bytes rather than 10 since the 80386 (SDM vol. 3, section 22.26)': (
    one,
    { raised },
  ) => raised < 0 && lengthOf(one) > LONGEST_80286_INSTRUCTION,
  'FS and GS exist since the 80386': (one, { raised }) => raised < 0 && namesFsOrGs(one),
  'a violation of the limit of SS is interrupt 12 rather than 13 since the 80386 (SDM vol. 3, section 20.1.4)':
    (_one, { raised }) => raised === Vector.SS,
  'a string instruction that faults leaves registers and flags as they were since the 80386 (SDM vol. 3, section 6.5)':
    ({ operation }, { raised, differences }) => {
      const flags = COMPARISONS.has(operation) ? '|fl|[0-9a-f]{2,}' : '';
      const changed = new RegExp(`^(si|di|cx${flags}): `);
      return (
        raised === Vector.GP && STRINGS.has(operation) && differences.every((text) => changed.test(text))
      );
    },
};
