/** A virtualization technique: which ring the guest kernel runs in, and what the translator rewrites. */
import type { Instruction } from '../decoder/instruction.ts';
import type { Treatment } from '../translator/encode.ts';

/** Optional VM exits by group, as the execution controls have them (SDM vol. 3, section 24.6). */
export type ExitControl = 'descriptor-table' | 'hlt' | 'io' | 'mov-dr' | 'msr' | 'rdpmc' | 'rdtsc' | 'wbinvd';

/** When an instruction that keeps trapping is adapted, and when it is adapted back; see monitor/adaptation.ts. */
export interface AdaptationPolicy {
  /** Traps of an instruction behind which it is adapted. */
  readonly traps: number;
  /** Traps and adapted traps, of whatever instruction, between two looks at all of them. */
  readonly period: number;
  /** Executions between two looks below which an adapted instruction is not judged. */
  readonly executions: number;
  /** Share of them, 0 to 1, that would have trapped; below that it is adapted back. */
  readonly share: number;
  /** Instructions remembered, at most 1024. */
  readonly instructions: number;
}

export interface Technique {
  readonly name: string;
  /** One line for help texts and reports. */
  readonly description: string;
  /** Physical ring of the guest kernel: 0 is that of guest mode; null when there is no monitor and it has ring 0. */
  readonly kernelRing: 0 | 1 | 3 | null;
  /** Whether guest kernel code is rewritten, so that even real mode can be run. */
  readonly rewrites: boolean;
  /**
   * How guest-physical memory is virtualised: by shadow page tables that are kept, the default, by a TLB that CR3
   * loads flush, or in guest mode by a second level of paging.
   */
  readonly mmu?: 'shadow' | 'vtlb' | 'nested';
  /** What exits besides what always does; in guest mode only. Variants add to it. */
  readonly exits?: Readonly<Partial<Record<ExitControl, boolean>>>;
  /** Guest mode can run real mode and unpaged code. */
  readonly unrestrictedGuest?: boolean;
  /** Bits of CR4 that the processor has set besides the guest's own, so that more of the guest traps. */
  readonly processorCr4?: number;
  /** @param kernel whether the code runs at a virtual CPL below 3 */
  treatment(instruction: Instruction, kernel: boolean): Treatment;
  /** Pages of the monitor's memory for shadow page tables that are kept, at least 8. Default all it has. */
  readonly shadowPages?: number;
  /** Instructions that keep trapping are retranslated. */
  readonly adaptation?: AdaptationPolicy;
  /** What differs in a variant, by the word that selects it: `NAME+VARIANT`. */
  readonly variants?: Readonly<Record<string, Partial<Omit<Technique, 'name' | 'variants'>>>>;
}
