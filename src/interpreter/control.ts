/** Who is in control of the processor, as the processor sees it. */
import type { Instruction } from '../decoder/instruction.ts';
import type { Cpu, Operands } from '../instructions/cpu.ts';
import type { Treatment } from '../translator/encode.ts';
import type { CpuState } from '../x86/state.ts';
import type { Exit } from './exits.ts';

/** Receives every event and decides what instructions run on. */
export interface Control {
  /** The processor as the guest believes it to be. */
  readonly guestState: CpuState;
  /** The guest state was set from outside, by a loader. */
  entered(): void;
  /** The A20 gate: physical addresses pass unchanged while it is enabled, else with bit 20 clear. */
  setA20(enabled: boolean): void;
  /** The state and memory a callout runs on. @param virtual the record asks for the guest's virtual state */
  cpu(virtual: boolean): ControlledCpu;
  /** Executes a callout that asks for the guest's virtual state; without this it is run on `cpu(true)`. @throws Fault */
  execute?(number: number, operands: Operands): void;
  /** Something outside the processor asks for an interrupt, or an NMI. */
  onRequest?(line: 'interrupt' | 'nmi'): void;
  /** An exception of the instruction at State.EIP. */
  onFault(vector: number, error: number): void;
  /** Whether an external interrupt may be taken now. */
  interruptsEnabled(): boolean;
  /** An external interrupt is taken. */
  onInterrupt(vector: number): void;
  treatment(instruction: Instruction, mode: number): Treatment;
  /** Where to count the executions of the instruction at an address, 0 where not to; see Translator. */
  counter?(physical: number): number;
  /** A page was written that is watched for Watch.PAGE_TABLE. */
  onTracedWrite?(physical: number, size: number): void;
  /** Looks on when instructions are executed that `treatment` wants witnessed. */
  readonly witness?: Witness;
}

export interface Witness {
  /**
   * Called before the instruction is executed; changes nothing.
   * @param record the instruction as it would be executed on the guest's virtual state
   */
  foresee(record: number): void;
  /** Called when the processor has executed it, or could not. @param exit FAULT with State.FAULT_VECTOR, or another */
  judge(exit: Exit): void;
}

/** A Cpu whose current instruction the processor can set. */
export interface ControlledCpu extends Cpu {
  instructionEip: number;
}
