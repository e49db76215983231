/** Comparisons, minimum and maximum (SDM vol. 2: CMPPS, COMISS, UCOMISS, MINPS, MAXPS). */
import { Flag } from '../../x86/flags.ts';
import { FpuStatus } from '../../x86/fpu.ts';
import { Kind } from '../x87/float80.ts';
import { checkDenormal, type LaneOperation } from './arithmetic.ts';
import type { Format, Operand } from './format.ts';
import { FIRST, PREDICATE, RESULT, SECOND, type SimdUnit } from './unit.ts';

/** Copies an operand's bits, signaling NaNs included. */
const storeAsIs = (unit: SimdUnit, format: Format, at: number, x: Operand): void => {
  unit.words[at] = x.low;
  if (format.words === 2) unit.words[at + 1] = x.high;
};

/**
 * The second operand is the result unless the first is really beyond it: also of two zeros, and if one of them
 * is a NaN, which is reported even if quiet.
 */
const select =
  (isBeyond: (a: number, b: number) => boolean): LaneOperation =>
  (unit, format, at, a, b) => {
    if (a.kind >= Kind.QNAN || b.kind >= Kind.QNAN) {
      unit.before |= FpuStatus.IE;
      storeAsIs(unit, format, at, b);
      return;
    }
    checkDenormal(unit, a, b);
    storeAsIs(unit, format, at, isBeyond(a.value, b.value) ? a : b);
  };

export const minimum = select((a, b) => a < b);
export const maximum = select((a, b) => a > b);

/** How two operands compare; each is a bit. */
const Relation = { LESS: 1, EQUAL: 2, GREATER: 4, UNORDERED: 8 } as const;

/** Compares and reports exceptions. @param signaling whether a quiet NaN is reported */
const compare = (unit: SimdUnit, a: Operand, b: Operand, signaling: boolean): number => {
  if (a.kind >= Kind.QNAN || b.kind >= Kind.QNAN) {
    if (signaling || a.kind === Kind.SNAN || b.kind === Kind.SNAN) unit.before |= FpuStatus.IE;
    return Relation.UNORDERED;
  }
  checkDenormal(unit, a, b);
  if (a.value < b.value) return Relation.LESS;
  return a.value > b.value ? Relation.GREATER : Relation.EQUAL;
};

/** The relations for which each predicate is true: EQ LT LE UNORD NEQ NLT NLE ORD. */
const PREDICATES = [
  Relation.EQUAL,
  Relation.LESS,
  Relation.LESS | Relation.EQUAL,
  Relation.UNORDERED,
  Relation.LESS | Relation.GREATER | Relation.UNORDERED,
  Relation.EQUAL | Relation.GREATER | Relation.UNORDERED,
  Relation.GREATER | Relation.UNORDERED,
  Relation.LESS | Relation.EQUAL | Relation.GREATER,
] as const;
/** The predicates LT, LE, NLT and NLE report quiet NaNs; a bit each. */
const SIGNALING = 0b0110_0110;

/** CMPPS and its kin: a mask of ones where the predicate holds. */
export const compareToMask: LaneOperation = (unit, format, at, a, b) => {
  const predicate = unit.words[PREDICATE] & 7;
  const relation = compare(unit, a, b, ((SIGNALING >> predicate) & 1) !== 0);
  const mask = PREDICATES[predicate] & relation ? -1 : 0;
  unit.words[at] = mask;
  if (format.words === 2) unit.words[at + 1] = mask;
};

/** ZF, PF and CF by relation. */
const flagsOf = (relation: number): number => {
  if (relation === Relation.UNORDERED) return Flag.ZF | Flag.PF | Flag.CF;
  return relation === Relation.EQUAL ? Flag.ZF : relation === Relation.LESS ? Flag.CF : 0;
};

/** COMISS, UCOMISS and their kin. @param signaling whether a quiet NaN is reported */
export const compareToFlags =
  (format: Format, signaling: boolean) =>
  (unit: SimdUnit): number => {
    unit.begin();
    format.load(unit, FIRST, unit.left);
    format.load(unit, SECOND, unit.right);
    unit.words[RESULT] = flagsOf(compare(unit, unit.left, unit.right, signaling));
    return unit.finish();
  };
