/**
 * The x87 instructions that compiled code consists of, for the operands it has: normal numbers and zeros, all
 * exceptions masked, double extended precision, round to nearest. Each has the name of its callout, to which it
 * leaves everything else.
 */
import type { InstructionSpec } from '../../spec.ts';
import { arithmetic } from './arithmetic.ts';
import { roots } from './square-root.ts';
import { transfer } from './transfer.ts';

export const ordinary: readonly InstructionSpec[] = [...arithmetic, ...roots, ...transfer];
