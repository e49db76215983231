/** Conversions between singles, doubles and 32-bit integers (SDM vol. 1, section 11.4.4; table 11-1). */
import { FpuStatus } from '../../x86/fpu.ts';
import { Kind } from '../x87/float80.ts';
import { Rounding } from '../x87/rounding.ts';
import { checkDenormal } from './arithmetic.ts';
import { deliver, type Format, type Operand, single32, storeInfinity, storeZero } from './format.ts';
import { RESULT, SECOND, type SimdUnit } from './unit.ts';

/** Bits of a NaN that the narrower format has no place for, and the difference in the exponents' width. */
const NARROWING = 29;

/** Converts a NaN: quiet, its fraction's leftmost bits kept. */
const convertNaN = (unit: SimdUnit, to: Format, at: number, x: Operand): void => {
  if (x.kind === Kind.SNAN) unit.before |= FpuStatus.IE;
  const sign = x.sign << 31;
  if (to === single32) {
    unit.words[at] = sign | 0x7fc00000 | ((x.high & 0x7ffff) << 3) | (x.low >>> NARROWING);
  } else {
    unit.words[at] = x.low << NARROWING;
    unit.words[at + 1] = sign | 0x7ff80000 | ((x.low & 0x3fffff) >>> 3);
  }
};

const convertLane = (unit: SimdUnit, from: Format, source: number, to: Format, at: number): void => {
  const x = unit.right;
  from.load(unit, source, x);
  if (x.kind >= Kind.QNAN) {
    convertNaN(unit, to, at, x);
    return;
  }
  checkDenormal(unit, x, x);
  if (x.kind === Kind.INFINITY) storeInfinity(unit, to, at, x.sign);
  else if (x.kind === Kind.ZERO) storeZero(unit, to, at, x.sign);
  else deliver(unit, to, at, x.significand, 0, x.exponent);
};

const integerToLane = (unit: SimdUnit, source: number, to: Format, at: number): void => {
  const integer = unit.words[source];
  if (integer === 0) storeZero(unit, to, at, 0);
  else deliver(unit, to, at, integer, 0, 0);
};

const INTEGER_INDEFINITE = -0x80000000;

/** Rounds to an integer. @param x finite */
const roundToInteger = (x: number, rounding: number): number => {
  if (rounding === Rounding.ZERO) return Math.trunc(x);
  if (rounding === Rounding.UP) return Math.ceil(x);
  const floor = Math.floor(x);
  if (rounding === Rounding.DOWN) return floor;
  const fraction = x - floor;
  if (fraction !== 0.5) return fraction < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
};

const laneToInteger = (unit: SimdUnit, from: Format, source: number, truncate: boolean, at: number): void => {
  const x = unit.right;
  from.load(unit, source, x);
  const rounding = truncate ? Rounding.ZERO : unit.context.rounding;
  const integer = x.kind >= Kind.QNAN ? Number.NaN : roundToInteger(x.value, rounding);
  if (integer >= -0x80000000 && integer <= 0x7fffffff) {
    unit.words[at] = integer;
    if (integer !== x.value) unit.context.flags |= FpuStatus.PE;
  } else {
    unit.words[at] = INTEGER_INDEFINITE;
    unit.before |= FpuStatus.IE;
  }
};

/** Runs a conversion on some lanes. @param keep whether the rest of the destination stays; else it is zero */
const convertLanes =
  (lanes: number, keep: boolean, lane: (unit: SimdUnit, index: number) => void) =>
  (unit: SimdUnit): number => {
    unit.begin();
    if (keep) unit.keepFirst();
    else unit.words.fill(0, RESULT, RESULT + 4);
    for (let index = 0; index < lanes; index++) lane(unit, index);
    return unit.finish();
  };

/** Between the two formats; `lanes` from the lowest. */
export const convertFormat = (from: Format, to: Format, lanes: number, keep: boolean) =>
  convertLanes(lanes, keep, (unit, index) =>
    convertLane(unit, from, SECOND + index * from.words, to, RESULT + index * to.words),
  );

export const convertFromInteger = (to: Format, lanes: number, keep: boolean) =>
  convertLanes(lanes, keep, (unit, index) =>
    integerToLane(unit, SECOND + index, to, RESULT + index * to.words),
  );

export const convertToInteger = (from: Format, lanes: number, truncate: boolean) =>
  convertLanes(lanes, false, (unit, index) =>
    laneToInteger(unit, from, SECOND + index * from.words, truncate, RESULT + index),
  );
