/** Physical memory with page tables in it, for tests of the MMU. */
import { Mmu } from '../../src/memory/mmu.ts';
import { a20Mask, Entry, type PagingMode, pagingModel } from '../../src/memory/paging.ts';
import { PhysicalMemory } from '../../src/memory/physical.ts';
import { CR0, CR4 } from '../../src/x86/registers.ts';
import { CpuState, State, System, SystemBase } from '../../src/x86/state.ts';

export const RAM = 8 << 20;
export const DIRECTORY = 0x1000;
const TABLES = 0x100000;
/** Present, writable, user. */
export const USER = Entry.P | Entry.RW | Entry.US;

export const pagingMode = (cr0 = 0, cr4 = 0): PagingMode => ({
  cr0: CR0.PE | CR0.PG | cr0,
  cr3: DIRECTORY,
  cr4,
  efer: 0,
  pdptes: new Int32Array(8),
  addressMask: a20Mask(true),
  model: pagingModel(32, false, true),
});

/** Physical address of the page-table entry for a linear address; the table is made where it is missing. */
export const entryAt = (memory: PhysicalMemory, linear: number, directoryBits: number = USER): number => {
  const index = linear >>> 22;
  const table = TABLES + index * 4096;
  if ((memory.read(DIRECTORY + index * 4, 4) & Entry.P) === 0)
    memory.write(DIRECTORY + index * 4, 4, table | directoryBits);
  return (memory.read(DIRECTORY + index * 4, 4) & ~0xfff) + ((linear >>> 12) & 1023) * 4;
};
export const map = (memory: PhysicalMemory, linear: number, physical: number, bits: number = USER): void =>
  memory.write(entryAt(memory, linear), 4, physical | bits);

/** A whole MMU with paging on (WP and PGE set), for supervisor accesses. */
export const newMmu = (): {
  memory: PhysicalMemory;
  mmu: Mmu;
  state: CpuState;
  error: () => number;
  cr2: () => number;
} => {
  const memory = new PhysicalMemory(RAM, 0, 0x10000);
  const state = new CpuState(memory.memory.buffer, SystemBase.PHYSICAL);
  const mmu = new Mmu(memory, state);
  state.setSys(System.CR0, CR0.PE | CR0.PG | CR0.WP);
  state.setSys(System.CR3, DIRECTORY);
  state.setSys(System.CR4, CR4.PGE | CR4.PSE);
  mmu.user = false;
  return {
    memory,
    mmu,
    state,
    error: () => memory.words[State.FAULT_ERROR >> 2]!,
    cr2: () => state.sys(System.CR2) >>> 0,
  };
};
