/** All floating-point computations of SSE, SSE2 and SSE3, numbered. */

import { rcpps, rcpss, rsqrtps, rsqrtss } from './approximating.ts';
import { add, divide, type LaneOperation, multiply, squareRoot, subtract } from './arithmetic.ts';
import { compareToFlags, compareToMask, maximum, minimum } from './comparing.ts';
import { convertFormat, convertFromInteger, convertToInteger } from './converting.ts';
import { double64, type Format, single32 } from './format.ts';
import { FIRST, RESULT, SECOND, type SimdUnit } from './unit.ts';

type Run = (unit: SimdUnit) => number;

/** A computation on the operands in SseScratch. */
export interface Computation {
  /** The instruction's mnemonic in lower case. */
  readonly name: string;
  /**
   * Writes the result and MXCSR's flags. @returns 0, or vector 19 (#XM) when an unmasked exception was met:
   * the result is then not to be used (the vector is #UD's when CR4.OSXMMEXCPT is clear)
   */
  readonly run: Run;
}

const runLane = (unit: SimdUnit, format: Format, operation: LaneOperation, lane: number): void => {
  const offset = lane * format.words;
  format.load(unit, FIRST + offset, unit.left);
  format.load(unit, SECOND + offset, unit.right);
  operation(unit, format, RESULT + offset, unit.left, unit.right);
};

/** Each lane of the destination with the same of the source. @param second the operation of odd lanes */
const packed =
  (format: Format, operation: LaneOperation, second = operation): Run =>
  (unit) => {
    unit.begin();
    for (let lane = 0; lane < format.lanes; lane++) {
      runLane(unit, format, lane & 1 ? second : operation, lane);
    }
    return unit.finish();
  };

/** The lowest lane only; the others stay. */
const scalar =
  (format: Format, operation: LaneOperation): Run =>
  (unit) => {
    unit.begin();
    unit.keepFirst();
    runLane(unit, format, operation, 0);
    return unit.finish();
  };

/** Neighbouring lanes with each other: the destination's give the low half, the source's the high half. */
const horizontal =
  (format: Format, operation: LaneOperation): Run =>
  (unit) => {
    unit.begin();
    for (let lane = 0; lane < format.lanes; lane++) {
      // FIRST and SECOND lie next to each other.
      const pair = FIRST + 2 * lane * format.words;
      format.load(unit, pair, unit.left);
      format.load(unit, pair + format.words, unit.right);
      operation(unit, format, RESULT + lane * format.words, unit.left, unit.right);
    }
    return unit.finish();
  };

const laneOperations: Readonly<Record<string, LaneOperation>> = {
  add,
  sub: subtract,
  mul: multiply,
  div: divide,
  min: minimum,
  max: maximum,
  sqrt: squareRoot,
  cmp: compareToMask,
};

const laneByLane = Object.entries(laneOperations).flatMap(([name, operation]): [string, Run][] => [
  [`${name}ps`, packed(single32, operation)],
  [`${name}ss`, scalar(single32, operation)],
  [`${name}pd`, packed(double64, operation)],
  [`${name}sd`, scalar(double64, operation)],
]);

const others: Readonly<Record<string, Run>> = {
  comiss: compareToFlags(single32, true),
  ucomiss: compareToFlags(single32, false),
  comisd: compareToFlags(double64, true),
  ucomisd: compareToFlags(double64, false),

  cvtps2pd: convertFormat(single32, double64, 2, false),
  cvtpd2ps: convertFormat(double64, single32, 2, false),
  cvtss2sd: convertFormat(single32, double64, 1, true),
  cvtsd2ss: convertFormat(double64, single32, 1, true),

  cvtdq2ps: convertFromInteger(single32, 4, false),
  cvtdq2pd: convertFromInteger(double64, 2, false),
  cvtpi2ps: convertFromInteger(single32, 2, true),
  cvtpi2pd: convertFromInteger(double64, 2, false),
  cvtsi2ss: convertFromInteger(single32, 1, true),
  cvtsi2sd: convertFromInteger(double64, 1, true),

  cvtps2dq: convertToInteger(single32, 4, false),
  cvttps2dq: convertToInteger(single32, 4, true),
  cvtpd2dq: convertToInteger(double64, 2, false),
  cvttpd2dq: convertToInteger(double64, 2, true),
  cvtps2pi: convertToInteger(single32, 2, false),
  cvttps2pi: convertToInteger(single32, 2, true),
  cvtpd2pi: convertToInteger(double64, 2, false),
  cvttpd2pi: convertToInteger(double64, 2, true),
  cvtss2si: convertToInteger(single32, 1, false),
  cvttss2si: convertToInteger(single32, 1, true),
  cvtsd2si: convertToInteger(double64, 1, false),
  cvttsd2si: convertToInteger(double64, 1, true),

  rcpps,
  rcpss,
  rsqrtps,
  rsqrtss,

  addsubps: packed(single32, subtract, add),
  addsubpd: packed(double64, subtract, add),
  haddps: horizontal(single32, add),
  haddpd: horizontal(double64, add),
  hsubps: horizontal(single32, subtract),
  hsubpd: horizontal(double64, subtract),
};

export const computations: readonly Computation[] = [...laneByLane, ...Object.entries(others)].map(
  ([name, run]) => ({ name, run }),
);

/** The index of a computation. @throws RangeError when there is none of this name */
export const computationNumber = (name: string): number => {
  const number = computations.findIndex((computation) => computation.name === name);
  if (number < 0) throw new RangeError(`no SSE computation ${name}`);
  return number;
};
