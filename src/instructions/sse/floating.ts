/** Floating-point arithmetic, comparisons and conversions: operands, and who computes. */

import type { Builder } from '../builder.ts';
import { setStatusFlags } from '../flags.ts';
import type { Packed, PackedSize } from '../packed.ts';
import type { InstructionSpec } from '../spec.ts';
import { computationNumber, computations } from './computations.ts';
import {
  either,
  enterMmxState,
  generalSource,
  mergeLow,
  regRegister,
  reportPending,
  requireSse,
  setGpr,
  setReg,
  source,
  vectorSpec,
  zero,
} from './operands.ts';
import { quickComputations } from './quick.ts';

type RegisterFile = 'xmm' | 'mmx' | 'general' | 'flags';

/** What is not as the suffix of the name says: PS and PD 16 bytes in memory, SS 4, SD 8, all of XMM registers. */
const exceptions: Readonly<Record<string, { size?: PackedSize; from?: RegisterFile; to?: RegisterFile }>> = {
  comiss: { to: 'flags' },
  ucomiss: { to: 'flags' },
  comisd: { to: 'flags' },
  ucomisd: { to: 'flags' },
  cvtps2pd: { size: 8 },
  cvtpd2ps: { size: 16 },
  cvtss2sd: { size: 4 },
  cvtsd2ss: { size: 8 },
  cvtdq2ps: { size: 16 },
  cvtdq2pd: { size: 8 },
  cvtps2dq: { size: 16 },
  cvttps2dq: { size: 16 },
  cvtpd2dq: { size: 16 },
  cvttpd2dq: { size: 16 },
  cvtpi2ps: { size: 8, from: 'mmx' },
  cvtpi2pd: { size: 8, from: 'mmx' },
  cvtps2pi: { size: 8, to: 'mmx' },
  cvttps2pi: { size: 8, to: 'mmx' },
  cvtpd2pi: { size: 16, to: 'mmx' },
  cvttpd2pi: { size: 16, to: 'mmx' },
  cvtsi2ss: { size: 4, from: 'general' },
  cvtsi2sd: { size: 4, from: 'general' },
  cvtss2si: { size: 4, to: 'general' },
  cvttss2si: { size: 4, to: 'general' },
  cvtsd2si: { size: 8, to: 'general' },
  cvttsd2si: { size: 8, to: 'general' },
};

const sizeBySuffix = (name: string): PackedSize => (name.endsWith('ss') ? 4 : name.endsWith('sd') ? 8 : 16);

const readSource = (b: Builder, from: RegisterFile, size: PackedSize): Packed => {
  if (from === 'general') return b.withLane32(zero(b), 0, generalSource(b, 4));
  return source(b, from === 'mmx' ? 8 : 16, size);
};

/** The bytes of the destination that an instruction replaces, where the others stay. */
const replaced = (name: string): 4 | 8 | 16 => {
  if (/^(add|sub|mul|div|min|max|sqrt|cmp)ss$|2ss$/.test(name)) return 4;
  return /^(add|sub|mul|div|min|max|sqrt|cmp)sd$|2sd$/.test(name) ? 8 : 16;
};

/** The quick result where it is proven to be right, else the computed one. */
const resultOf = (b: Builder, name: string, number: number, first: Packed, second: Packed): Packed => {
  const predicate = name.startsWith('cmp') ? b.immediate() : 0;
  const quick = quickComputations[name];
  // Segmented accesses are too rare to be worth the room.
  if (!quick || b.form.address === 'segmented') return b.compute(number, first, second, predicate);
  const { result, proven, exact } = quick(b, first, second);
  const bytes = replaced(name);
  const delivered = b.packedVariable(bytes === 16 ? result : mergeLow(b, result, first, bytes));
  const compute = () => delivered.set(b.compute(number, first, second, predicate));
  b.if(b.eqz(proven), () => (exact ? b.if(b.eqz(exact()), compute) : compute()));
  return delivered.get();
};

const instruction = (name: string): InstructionSpec => {
  const { size = sizeBySuffix(name), from = 'xmm', to = 'xmm' } = exceptions[name] ?? {};
  const number = computationNumber(name);
  return vectorSpec(name, either, (b) => {
    requireSse(b);
    // A conversion from memory touches no MMX register.
    const touchesMmx = to === 'mmx' || (from === 'mmx' && b.form.operands[0] === 'reg');
    if (touchesMmx) reportPending(b);
    const second = readSource(b, from, size);
    const first = to === 'xmm' || to === 'flags' ? regRegister(b, 16) : second;
    if (touchesMmx) {
      // Stays even if the computation raises #XM.
      enterMmxState(b);
      b.commit();
    }
    const result = resultOf(b, name, number, first, second);
    if (to === 'xmm') setReg(b, 16, result);
    else if (to === 'mmx') setReg(b, 8, result);
    else if (to === 'general') setGpr(b, b.lane32(result, 0));
    else setStatusFlags(b, b.lane32(result, 0));
  });
};

export const floating: readonly InstructionSpec[] = computations.map(({ name }) => instruction(name));
