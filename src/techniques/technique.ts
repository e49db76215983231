/** A virtualization technique: which ring the guest kernel runs in, and what the translator rewrites. */
import type { Instruction } from '../decoder/instruction.ts';
import type { Treatment } from '../translator/encode.ts';

export interface Technique {
  readonly name: string;
  /** One line for help texts and reports. */
  readonly description: string;
  /** Physical ring of the guest kernel; null when there is no monitor and it has ring 0. */
  readonly kernelRing: 1 | 3 | null;
  /** Whether guest kernel code is rewritten, so that even real mode can be run. */
  readonly rewrites: boolean;
  /** @param kernel whether the code runs at a virtual CPL below 3 */
  treatment(instruction: Instruction, kernel: boolean): Treatment;
  /** What differs in a variant, by the word that selects it: `NAME+VARIANT`. */
  readonly variants?: Readonly<Record<string, Partial<Omit<Technique, 'name' | 'variants'>>>>;
}
