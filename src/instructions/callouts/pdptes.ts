/** The PDPTE registers of PAE paging (SDM vol. 3, section 4.4.1). */
import { modelPhysicalBits } from '../../x86/cpu-models.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { CR0, CR4 } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import type { Cpu } from '../cpu.ts';

const PRESENT = 1;
/** Bits 1, 2 and 5 to 8. */
const RESERVED_LOW = 0x1e6;
const WORDS = 8;

/** Whether addresses are translated by PAE paging with these control registers. */
export const usesPae = (cr0: number, cr4: number): boolean => (cr0 & CR0.PG) !== 0 && (cr4 & CR4.PAE) !== 0;

/**
 * Reads the four PDPTEs that a value of CR3 leads to.
 * @returns low and high doublewords in turn, for `installPdptes` @throws Fault #GP(0) for a reserved bit of
 * one that is present
 */
export const readPdptes = (cpu: Cpu, cr3: number): readonly number[] => {
  const reservedHigh = ~((1 << (modelPhysicalBits(cpu.model) - 32)) - 1);
  const table = (cr3 & 0xffffffe0) >>> 0;
  const words = Array.from({ length: WORDS }, (_, i) => cpu.readPhysical(table + i * 4) | 0);
  for (let i = 0; i < WORDS; i += 2) {
    if (words[i]! & PRESENT && (words[i]! & RESERVED_LOW || words[i + 1]! & reservedHigh))
      throw new Fault(Vector.GP);
  }
  return words;
};
export const installPdptes = (cpu: Cpu, words: readonly number[]): void => {
  for (const [i, word] of words.entries()) cpu.state.setSys(System.PDPTES + i * 4, word);
};

/**
 * Gives CR3 a new value, as MOV CR3 and a task switch do; with PAE paging the PDPTE registers follow.
 * @throws Fault #GP(0), with nothing changed, for a reserved bit of a PDPTE that is present
 */
export const loadCr3 = (cpu: Cpu, value: number): void => {
  const { state } = cpu;
  const cr4 = state.sys(System.CR4);
  if (usesPae(state.sys(System.CR0), cr4)) installPdptes(cpu, readPdptes(cpu, value));
  state.setSys(System.CR3, value);
  cpu.pagingChanged((cr4 & CR4.PGE) === 0);
};
