/** All x87 instructions, FXSAVE and FXRSTOR. */
import { comparing } from './comparing.ts';
import { computing } from './computing.ts';
import { control } from './control.ts';
import { environment } from './environment.ts';
import { fxsaveInstructions } from './fxsave.ts';
import { transcendental } from './transcendental.ts';
import { transfer } from './transfer.ts';
import type { Run } from './unit.ts';

export { x87Handler, x87Opcode } from './decode.ts';

/** A callout; no x87 instruction ends a block. */
export interface X87Callout {
  readonly run: Run;
  readonly endsBlock: false;
}

/**
 * Callouts by handler name (`x87Handler` tells it; `fwait`, `fxsave` and `fxrstor` besides). Register forms
 * find i of ST(i) in `operands.rm`; `operands.immediate` is the instruction's FOP (`x87Opcode`).
 */
export const x87: Readonly<Record<string, X87Callout>> = Object.fromEntries(
  Object.entries({
    ...transfer,
    ...computing,
    ...transcendental,
    ...comparing,
    ...control,
    ...environment,
    ...fxsaveInstructions,
  }).map(([name, run]) => [name, { run, endsBlock: false as const }]),
);
