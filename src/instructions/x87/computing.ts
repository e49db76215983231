/** The computing instructions: FADD and its kin, FSQRT, FABS, FPREM, FSCALE and so on. */
import { FpuStatus } from '../../x86/fpu.ts';
import {
  add,
  divide,
  divideReversed,
  multiply,
  type Operation,
  squareRoot,
  subtract,
  subtractReversed,
  type UnaryOperation,
} from './arithmetic.ts';
import { assign, Kind } from './float80.ts';
import { type Load, loadDouble, loadInteger16, loadInteger32, loadSingle } from './memory.ts';
import { Quotient, remainder } from './remainder.ts';
import { extract, roundToIntegral, scale } from './scaling.ts';
import {
  begin,
  commit,
  context,
  deliver,
  enter,
  left,
  loadRegister,
  push,
  type Run,
  result,
  right,
  roomToReplaceAndPush,
  storeRegister,
  underflowInto,
} from './unit.ts';

/** ST(destination) = ST(destination) op ST(source), one of them the top. */
const withRegister =
  (operation: Operation, toTop: boolean, pops: boolean): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    begin(cpu, operands, fpu);
    const destination = toTop ? 0 : operands.rm;
    const source = toTop ? operands.rm : 0;
    let delivered: boolean;
    if (fpu.isEmpty(destination) || fpu.isEmpty(source)) {
      delivered = underflowInto(fpu, destination);
    } else {
      loadRegister(fpu, destination, left);
      loadRegister(fpu, source, right);
      delivered = deliver(fpu, operation(context, left, right, result), destination);
    }
    if (pops && delivered) fpu.pop();
  };

/** ST(0) = ST(0) op memory. */
const withMemory =
  (operation: Operation, load: Load): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    load(cpu, operands, right);
    begin(cpu, operands, fpu);
    if (fpu.isEmpty(0)) {
      underflowInto(fpu, 0);
      return;
    }
    loadRegister(fpu, 0, left);
    deliver(fpu, operation(context, left, right, result), 0);
  };

/** ST(0) = op ST(0). */
export const unary =
  (operation: UnaryOperation): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    begin(cpu, operands, fpu);
    if (fpu.isEmpty(0)) {
      underflowInto(fpu, 0);
      return;
    }
    loadRegister(fpu, 0, left);
    deliver(fpu, operation(context, left, result), 0);
  };

const absolute: UnaryOperation = (_context, x, out) => {
  assign(out, x);
  out.sign = 0;
  return true;
};

const changeSign: UnaryOperation = (_context, x, out) => {
  assign(out, x);
  out.sign ^= 1;
  return true;
};

/** FSCALE: ST(0) scaled by ST(1). */
const fscale: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  begin(cpu, operands, fpu);
  if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
    underflowInto(fpu, 0);
    return;
  }
  loadRegister(fpu, 0, left);
  loadRegister(fpu, 1, right);
  deliver(fpu, scale(context, left, right, result), 0);
};

/** FXTRACT: the exponent replaces ST(0), the significand is pushed. */
const fxtract: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  begin(cpu, operands, fpu);
  if (!roomToReplaceAndPush(fpu)) return;
  loadRegister(fpu, 0, left);
  const delivered = extract(context, left, result, right);
  commit(fpu);
  if (!delivered) return;
  storeRegister(fpu, 0, result);
  push(fpu, right);
};

const quotient = new Quotient();
const QUOTIENT_BITS = FpuStatus.C0 | FpuStatus.C1 | FpuStatus.C3;

const partialRemainder =
  (nearest: boolean): Run =>
  (cpu, operands) => {
    const fpu = enter(cpu);
    begin(cpu, operands, fpu);
    fpu.status &= ~FpuStatus.C2;
    if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
      underflowInto(fpu, 0);
      return;
    }
    loadRegister(fpu, 0, left);
    loadRegister(fpu, 1, right);
    const delivered = remainder(context, left, right, nearest, result, quotient);
    deliver(fpu, delivered, 0);
    if (!delivered || result.kind >= Kind.QNAN) return;
    let codes = quotient.partial ? FpuStatus.C2 : 0;
    if (quotient.bits & 1) codes |= FpuStatus.C1;
    if (quotient.bits & 2) codes |= FpuStatus.C3;
    if (quotient.bits & 4) codes |= FpuStatus.C0;
    fpu.status = (fpu.status & ~QUOTIENT_BITS) | codes;
  };

const forms = (name: string, operation: Operation): Record<string, Run> => ({
  [`f${name}`]: withRegister(operation, true, false),
  [`f${name} st(i)`]: withRegister(operation, false, false),
  [`f${name}p`]: withRegister(operation, false, true),
  [`f${name} m32`]: withMemory(operation, loadSingle),
  [`f${name} m64`]: withMemory(operation, loadDouble),
  [`fi${name} m16`]: withMemory(operation, loadInteger16),
  [`fi${name} m32`]: withMemory(operation, loadInteger32),
});

export const computing: Readonly<Record<string, Run>> = {
  ...forms('add', add),
  ...forms('mul', multiply),
  ...forms('sub', subtract),
  ...forms('subr', subtractReversed),
  ...forms('div', divide),
  ...forms('divr', divideReversed),
  fsqrt: unary(squareRoot),
  fabs: unary(absolute),
  fchs: unary(changeSign),
  frndint: unary(roundToIntegral),
  fscale,
  fxtract,
  fprem: partialRemainder(false),
  fprem1: partialRemainder(true),
};
