/** The form of an instruction: everything about it that is known when it is translated. */
import type { ConditionCode } from '../x86/flags.ts';
import type { Size } from '../x86/registers.ts';
import type { SystemBase } from '../x86/state.ts';

export type OperandKind = 'reg' | 'mem' | 'imm';

/**
 * How a memory operand is addressed: `base` and `index` only where blocks are flat (all of CS, SS, DS, ES
 * are 32-bit, base 0, limit 4 GiB), without and with an index; `segmented` covers the rest.
 */
export type AddressKind = 'none' | 'base' | 'index' | 'segmented';

export interface Form {
  /** Operand size in bytes. */
  readonly size: Size;
  readonly operands: readonly OperandKind[];
  readonly address: AddressKind;
  /** Whether the block is flat; matters to stack, string and transfer instructions. */
  readonly flat: boolean;
  /** Whose system state privileged parts work on. */
  readonly system: SystemBase;
  readonly condition: ConditionCode;
  /** REP prefix: 0 none, 1 REP or REPE, 2 REPNE. */
  readonly rep: 0 | 1 | 2;
  /** Address size in bytes, for string instructions and loops. */
  readonly addressSize: 2 | 4;
}
