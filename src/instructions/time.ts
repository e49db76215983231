/** RDTSC where time goes by instructions; the callout of its record does the rest. */
import { CR4, Gpr } from '../x86/registers.ts';
import { State, System } from '../x86/state.ts';
import type { Builder } from './builder.ts';
import { type InstructionSpec, leaveToCallout } from './spec.ts';

const readTimestamp = (b: Builder): void => {
  const rate = b.loadState(State.TICKS_PER_INSTRUCTION);
  const allowed = b.or(b.eqz(b.and(b.system(System.CR4), CR4.TSD)), b.eqz(b.cpl()));
  b.if(
    b.and(b.ne(rate, 0), allowed),
    () => {
      const wide = (address: number) => b.loadAtWide(b.constant(address));
      const end = b.wideAdd(wide(State.TICKS), wide(b.form.system + System.TSC_OFFSET));
      const toCome = b.wideMul(b.widen(b.instructionsLeft(), true), b.widen(rate, false));
      const now = b.wideSub(end, toCome);
      b.setReg(Gpr.EAX, b.narrow(now));
      b.setReg(Gpr.EDX, b.high(now));
    },
    () => leaveToCallout(b, 'rdtsc'),
  );
};

export const time: readonly InstructionSpec[] = [
  {
    name: 'rdtsc',
    sizes: [4],
    shapes: [[]],
    operands: [],
    variants: { virtual: true },
    body: readTimestamp,
  },
];
