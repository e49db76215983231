/** All floating-point computations of SSE, SSE2 and SSE3, numbered. */
import type { SimdUnit } from './unit.ts';

/** A computation on the operands in SseScratch. */
export interface Computation {
  /** The instruction's mnemonic in lower case. */
  readonly name: string;
  /**
   * Writes the result and MXCSR's flags. @returns 0, or vector 19 (#XM) when an unmasked exception was met:
   * the result is then not to be used (the vector is #UD's when CR4.OSXMMEXCPT is clear)
   */
  readonly run: (unit: SimdUnit) => number;
}

const FORMATS = ['ps', 'ss', 'pd', 'sd'];
const NAMES = [
  ...['add', 'sub', 'mul', 'div', 'min', 'max', 'sqrt', 'cmp'].flatMap((operation) =>
    FORMATS.map((format) => operation + format),
  ),
  ...['comiss', 'ucomiss', 'comisd', 'ucomisd'],
  ...['cvtps2pd', 'cvtpd2ps', 'cvtss2sd', 'cvtsd2ss', 'cvtdq2ps', 'cvtps2dq', 'cvttps2dq', 'cvtdq2pd'],
  ...['cvtpd2dq', 'cvttpd2dq', 'cvtpi2ps', 'cvtps2pi', 'cvttps2pi', 'cvtpi2pd', 'cvtpd2pi', 'cvttpd2pi'],
  ...['cvtsi2ss', 'cvtss2si', 'cvttss2si', 'cvtsi2sd', 'cvtsd2si', 'cvttsd2si'],
  ...['rcpps', 'rcpss', 'rsqrtps', 'rsqrtss'],
  ...['addsubps', 'addsubpd', 'haddps', 'haddpd', 'hsubps', 'hsubpd'],
];

export const computations: readonly Computation[] = NAMES.map((name) => ({ name, run: () => 0 }));

/** The index of a computation. @throws RangeError when there is none of this name */
export const computationNumber = (name: string): number => {
  const number = computations.findIndex((computation) => computation.name === name);
  if (number < 0) throw new RangeError(`no SSE computation ${name}`);
  return number;
};
