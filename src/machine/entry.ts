/** Puts the processor into the state a boot protocol prescribes. */
import type { EntryState, RegisterName } from '../loader/image.ts';
import { FpuState } from '../x86/fpu.ts';
import { presetMemoryTypes } from '../x86/memory-types.ts';
import { CR0, gprNames, Seg, SystemSegment } from '../x86/registers.ts';
import { type CpuState, System } from '../x86/state.ts';
import { HIGHEST_RAM_END } from './e820.ts';

const FLAT_LIMIT = 0xffffffff;
const CODE = 0x00c09b00;
const DATA = 0x00c09300;
/** Of real mode: 16 bits, byte granularity. */
const REAL_CODE = 0x00009b00;
const REAL_DATA = 0x00009300;
/** The limit and interrupt table a reset leaves (SDM vol. 3, table 9-1). */
const RESET_LIMIT = 0xffff;
const REAL_MODE_IDT_LIMIT = 0x3ff;

export const enter = (state: CpuState, entry: EntryState): void => {
  for (const [i, name] of gprNames.entries()) state.setGpr(i, entry.registers[name as RegisterName] ?? 0);
  const flat = entry.mode === 'protected-flat';
  state.setSys(System.CR0, flat ? CR0.PE | CR0.ET : CR0.ET);
  for (const register of [System.CR2, System.CR3, System.CR4, System.EFER]) state.setSys(register, 0);
  for (let i = 0; i < 8; i++) state.setSys(System.PDPTES + i * 4, 0);
  state.cpl = 0;
  state.eflags = 2;
  state.eip = entry.eip;
  state.setSys(System.GDTR_BASE, flat ? entry.gdt.base : 0);
  state.setSys(System.GDTR_LIMIT, flat ? entry.gdt.limit : RESET_LIMIT);
  state.setSys(System.IDTR_BASE, 0);
  state.setSys(System.IDTR_LIMIT, REAL_MODE_IDT_LIMIT);
  if (flat) state.setSegment(Seg.CS, entry.codeSelector, 0, FLAT_LIMIT, CODE);
  else state.setSegment(Seg.CS, entry.codeSegment, entry.codeSegment << 4, RESET_LIMIT, REAL_CODE);
  for (const segment of [Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS])
    if (flat) state.setSegment(segment, entry.dataSelector, 0, FLAT_LIMIT, DATA);
    else state.setSegment(segment, entry.dataSegment, entry.dataSegment << 4, RESET_LIMIT, REAL_DATA);
  state.setSegment(SystemSegment.LDTR, 0, 0, RESET_LIMIT, 0x8200);
  state.setSegment(SystemSegment.TR, 0, 0, RESET_LIMIT, 0x8b00);
  new FpuState(state.words).reset();
  presetMemoryTypes(state.words, HIGHEST_RAM_END);
};
