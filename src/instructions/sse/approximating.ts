/**
 * RCPPS and RSQRTPS (SDM vol. 2). Their relative error may be up to 1.5 * 2^-12, and which bits come out differs
 * between processors; here the result is the exact one, rounded to nearest. MXCSR has no say, and no exception
 * is met.
 */
import { Kind } from '../x87/float80.ts';
import { single32, storeInfinity, storeZero } from './format.ts';
import { RESULT, SECOND, type SimdUnit } from './unit.ts';

const INDEFINITE = 0xffc00000 | 0;
const GREATEST_RECIPROCATED = 2 ** 126;
const single = new Float32Array(1);
const bits = new Int32Array(single.buffer);

type Approximation = (unit: SimdUnit, at: number) => void;

/** Takes the operand apart, denormals being zeros, and deals with NaNs. @returns whether it is none */
const loadNumber = (unit: SimdUnit, at: number, lane: number): boolean => {
  unit.denormalsAreZeros = true;
  single32.load(unit, SECOND + lane, unit.right);
  if (unit.right.kind < Kind.QNAN) return true;
  single32.storeQuiet(unit, at, unit.right);
  return false;
};

const reciprocal: Approximation = (unit, at) => {
  const { kind, sign, value } = unit.right;
  if (kind === Kind.ZERO) storeInfinity(unit, single32, at, sign);
  else if (Math.abs(value) > GREATEST_RECIPROCATED) storeZero(unit, single32, at, sign);
  else {
    single[0] = 1 / value;
    unit.words[at] = bits[0];
  }
};

const reciprocalRoot: Approximation = (unit, at) => {
  const { kind, sign, value } = unit.right;
  if (kind === Kind.ZERO) storeInfinity(unit, single32, at, sign);
  else if (sign) unit.words[at] = INDEFINITE;
  else {
    single[0] = 1 / Math.sqrt(value);
    unit.words[at] = bits[0];
  }
};

const approximate =
  (lanes: number, approximation: Approximation) =>
  (unit: SimdUnit): number => {
    unit.keepFirst();
    for (let lane = 0; lane < lanes; lane++) {
      if (loadNumber(unit, RESULT + lane, lane)) approximation(unit, RESULT + lane);
    }
    return 0;
  };

export const rcpps = approximate(4, reciprocal);
export const rcpss = approximate(1, reciprocal);
export const rsqrtps = approximate(4, reciprocalRoot);
export const rsqrtss = approximate(1, reciprocalRoot);
