/** The processor's state at the start of a case: what its mode has, then what the case says. */
import { descriptorDpl } from '../../src/x86/descriptors.ts';
import { Flag } from '../../src/x86/flags.ts';
import { Fpu, FpuState } from '../../src/x86/fpu.ts';
import { CR0, CR4, gprNames, Seg, SystemSegment, segmentNames } from '../../src/x86/registers.ts';
import { type CpuState, State, System } from '../../src/x86/state.ts';
import type { Case } from './case.ts';
import { Area, codeOffset, GDT_LIMIT, IDT_LIMIT, noiseOf, Selector, segmentOf, TSS_LIMIT } from './layout.ts';

const gprSetters = gprNames.map((name, i) => [name, (s: CpuState, v: number) => s.setGpr(i, v)] as const);
const systemSetters = [
  ['cr0', System.CR0],
  ['cr2', System.CR2],
  ['cr3', System.CR3],
  ['cr4', System.CR4],
  ['gdt', System.GDTR_BASE],
  ['gdtlimit', System.GDTR_LIMIT],
  ['idt', System.IDTR_BASE],
  ['idtlimit', System.IDTR_LIMIT],
  ['efer', System.EFER],
  ['sysentercs', System.SYSENTER_CS],
  ['sysenteresp', System.SYSENTER_ESP],
  ['sysentereip', System.SYSENTER_EIP],
  ...[0, 1, 2, 3, 6, 7].map((n) => [`dr${n}`, System.DR + 4 * n] as const),
].map(([name, at]) => [name as string, (s: CpuState, v: number) => s.setSys(at as number, v)] as const);

/** What `Case.registers` may name. */
export const registerSetters: ReadonlyMap<string, (state: CpuState, value: number) => void> = new Map([
  ...gprSetters,
  ...systemSetters,
  ['eip', (s: CpuState, v: number) => (s.eip = v)],
  ['efl', (s: CpuState, v: number) => (s.eflags = v)],
  ['mxcsr', (s: CpuState, v: number) => (s.words[Fpu.MXCSR >> 2] = v)],
]);

/** What `Case.segments` may name, with the register's number. */
export const segmentNumbers: ReadonlyMap<string, number> = new Map([
  ...segmentNames.map((name, i) => [name as string, i] as const),
  ['ldtr', SystemSegment.LDTR],
  ['tr', SystemSegment.TR],
]);

const REAL_ATTRIBUTES = 0x9300;
const V86_ATTRIBUTES = 0xf300;

const loadSegments = (c: Case, state: CpuState): void => {
  const all = [Seg.ES, Seg.CS, Seg.SS, Seg.DS, Seg.FS, Seg.GS];
  const load = (segment: number, selector: number) => state.setSegment(segment, ...segmentOf(selector));
  if (c.mode === 'real' || c.mode === 'unreal' || c.mode === 'v86') {
    const attributes = c.mode === 'v86' ? V86_ATTRIBUTES : REAL_ATTRIBUTES;
    for (const segment of all) state.setSegment(segment, Area.ARENA >> 4, Area.ARENA, 0xffff, attributes);
    if (c.mode === 'unreal')
      for (const segment of [Seg.DS, Seg.ES, Seg.FS]) state.setSegment(segment, 0, 0, 0xffffffff, 0xc09300);
    return;
  }
  const wide = c.mode !== 'p16';
  for (const segment of all) load(segment, wide ? Selector.data32(c.cpl) : Selector.data16(c.cpl));
  load(Seg.CS, wide ? Selector.code32(c.cpl) : Selector.code16(c.cpl));
  if (c.mode !== 'segmented') return;
  load(Seg.DS, Selector.data16(3));
  load(Seg.ES, Selector.DOWN32);
  load(Seg.FS, Selector.READ_ONLY);
  load(Seg.GS, Selector.DOWN16);
};

const loadFpu = (c: Case, state: CpuState): void => {
  const fpu = new FpuState(state.words);
  fpu.reset();
  fpu.initialize();
  if (c.fpu === 0) return;
  state.bytes.set(noiseOf(c.fpu, 0x80), Fpu.REGISTERS);
  for (let i = 0; i < 8; i++) {
    // Bits 80-127 of an x87 register do not exist.
    state.bytes.fill(0, Fpu.REGISTERS + i * 16 + 10, Fpu.REGISTERS + i * 16 + 16);
  }
  fpu.control = 0x37f ^ (c.fpu & 0xc00);
  fpu.top = c.fpu & 7;
  fpu.occupied = (c.fpu >> 4) & 0xff;
  state.bytes.set(noiseOf(c.fpu + 0x80, 0x80), Fpu.XMM);
};

/** Loads the state; the memory behind it must be zero. */
export const loadState = (c: Case, state: CpuState): void => {
  const real = c.mode === 'real' || c.mode === 'unreal';
  const paged = !real && c.paging !== 'off';
  state.setSys(System.CR0, real ? CR0.ET : CR0.PE | CR0.ET | CR0.MP | CR0.NE | (paged ? CR0.PG | CR0.WP : 0));
  state.setSys(System.CR3, Area.TOP);
  const extensions = c.paging === 'pae' ? CR4.PAE : c.paging === 'legacy' ? CR4.PSE : 0;
  state.setSys(System.CR4, CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.PGE | extensions);
  state.setSys(System.GDTR_BASE, Area.GDT);
  state.setSys(System.GDTR_LIMIT, GDT_LIMIT);
  state.setSys(System.IDTR_BASE, real ? 0 : Area.IDT);
  state.setSys(System.IDTR_LIMIT, real ? 0x3ff : IDT_LIMIT);
  state.setSys(System.DR + 4 * 6, 0xffff0ff0 | 0);
  state.setSys(System.DR + 4 * 7, 0x400);
  state.setSegment(SystemSegment.TR, Selector.TSS, Area.TSS, TSS_LIMIT, 0x8b00);
  state.setSegment(SystemSegment.LDTR, Selector.LDT, Area.LDT, 0x5f, 0x8200);
  loadFpu(c, state);
  state.cpl = real ? 0 : c.mode === 'v86' ? 3 : c.cpl;
  state.eflags = 2 | (c.mode === 'v86' ? Flag.VM | Flag.IOPL : 0);
  loadSegments(c, state);
  state.setGpr(4, c.mode === 'p32' || c.mode === 'segmented' ? Area.ARENA + 0x4800 : 0x4800);
  state.eip = codeOffset(c);
  for (const [name, value] of Object.entries(c.registers)) {
    const set = registerSetters.get(name);
    if (!set) throw new Error(`there is no register ${name}`);
    set(state, value);
  }
  for (const [name, [selector, base, limit, attributes]] of Object.entries(c.segments)) {
    const number = segmentNumbers.get(name);
    if (number === undefined) throw new Error(`there is no segment register ${name}`);
    state.setSegment(number, selector ?? 0, base ?? 0, limit ?? 0, attributes ?? 0);
  }
  // A stack segment's privilege is the CPL (SDM vol. 3, section 5.5).
  if (!real && c.mode !== 'v86' && c.segments.ss) state.cpl = descriptorDpl(c.segments.ss[3] ?? 0);
};

/** The registers that lie between two addresses of the state, for comparisons. */
export const FPU_STATE = { start: State.FPU, end: Fpu.XMM + 0x80 } as const;
