/**
 * The system state and code snippets of the privilege matrix, a kernel that prints what each snippet does at
 * every privilege level. Snippets are calls of handlers here; simple instructions between them are played.
 */
import type { CalloutName } from '../../../src/instructions/callouts/index.ts';
import type { Operands } from '../../../src/instructions/cpu.ts';
import { hasErrorCode } from '../../../src/x86/exceptions.ts';
import { Flag } from '../../../src/x86/flags.ts';
import { Gpr, Seg } from '../../../src/x86/registers.ts';
import { System } from '../../../src/x86/state.ts';
import { FakeCpu } from './fake-cpu.ts';
import {
  dataSelector,
  descriptor,
  enterLevel,
  enterProtectedMode,
  enterVirtual8086,
  gate,
  setGdt,
  setIdt,
  TSS_BASE,
} from './tables.ts';

const CODE = 0x20000;
const DATA = 0x21000;
const LAND = 0x20f00;
const LAND2 = 0x20f10;
const STUBS = 0x100020;
const GDT = 0x10c540;
const TSS2 = 0x10ba20;
const FLAT = 0xfffff;

/** GDT entries from 50h on: an LDT, code and data of odd kinds, a second TSS, gates. */
const setUpTables = (cpu: FakeCpu): void => {
  const entries = [
    descriptor(GDT, 0x7f, 0x82, 0),
    ...Array.from({ length: 5 }, () => [0, 0] as const),
    descriptor(0, FLAT, 0x9f, 0xc),
    descriptor(0, FLAT, 0xff, 0xc),
    descriptor(0, FLAT, 0xbf, 0xc),
    descriptor(0, FLAT, 0xf9, 0xc),
    descriptor(0, 0xfff, 0xf7, 4),
    descriptor(DATA, 0xfff, 0xf3, 4),
    descriptor(DATA, 0xfff, 0xf1, 4),
    descriptor(0, FLAT, 0x73, 0xc),
    descriptor(DATA, 0xfff, 0x97, 0),
    descriptor(0, FLAT, 0x7b, 0xc),
    descriptor(DATA, 0xfff, 0xb3, 4),
    descriptor(TSS2, 0x67, 0x89, 0),
    gate(0, 0xd8, 0xe5),
    gate(LAND2, 0x08, 0xec, 2),
    gate(LAND2, 0x19, 0xec, 1),
    gate(LAND2, 0x3b, 0xec),
    gate(LAND2, 0x08, 0x8c),
    gate(LAND2, 0x80, 0xec),
    gate(LAND2, 0x08, 0x6c),
    gate(LAND2, 0x08, 0xee),
  ];
  entries.forEach((entry, i) => {
    setGdt(cpu, 10 + i, entry);
  });
  const stub = (vector: number): number => STUBS + vector * 16;
  for (let v = 0; v < 0xf0; v++) setIdt(cpu, v, gate(stub(v), 8, 0x8e));
  for (const v of [3, 4, 0x32, 0x80, 0x81, 0x82]) setIdt(cpu, v, gate(stub(v), 8, 0xee));
  setIdt(cpu, 0x31, gate(stub(0x31), 8, 0xae));
  setIdt(cpu, 0x33, gate(stub(0x33), 8, 0xef));
  setIdt(cpu, 0x34, gate(stub(0x34), 8, 0x6e));
  setIdt(cpu, 0x35, gate(0, 8, 0x66));
  setIdt(cpu, 0x36, gate(stub(0x36), 0x80, 0xee));
  setIdt(cpu, 0x37, gate(stub(0x37), 0, 0xee));
  setIdt(cpu, 0x38, gate(stub(0x38), 0x10, 0xee));
  setIdt(cpu, 0x39, gate(0, 0xb8, 0xe5));
  cpu.memory.setUint8(TSS_BASE + 0x68 + (0xe8 >> 3), 0);
  for (let i = 0; i < 16; i++) cpu.put(DATA + 4 * i, 0xd0000000 + i);
};

/** Thrown when a snippet's event has been delivered: nothing more of it runs. */
class Ended {}

/** One run of one snippet, from a start state to the event that ends it. */
class Run {
  readonly cpu = new FakeCpu();
  private readonly virtual: boolean;
  private readonly base: number;
  private readonly startData: number;
  private readonly startRegisters: Int32Array;

  /** @param cx and @param dx ECX and EDX on entry */
  constructor(cpl: number, iopl: number, virtual: boolean, cx: number, dx: number) {
    const { cpu } = this;
    const { state } = cpu;
    this.virtual = virtual;
    this.base = virtual ? 0 : CODE;
    this.startData = virtual ? 0x2000 : dataSelector(cpl);
    this.startRegisters = Int32Array.of(
      0x11111111,
      cx,
      dx,
      0x44444444,
      0,
      0x55555555,
      0x66666666,
      0x77777777,
    );
    enterProtectedMode(cpu);
    setUpTables(cpu);
    const flags = 2 | (iopl << 12);
    if (virtual) enterVirtual8086(cpu, flags | Flag.VM);
    else enterLevel(cpu, cpl, flags);
    for (let i = 0; i < 8; i++) if (i !== Gpr.ESP) state.setGpr(i, this.startRegisters[i]);
    new Uint8Array(cpu.memory.buffer, 0x28000, 0xd000).fill(0);
    state.setSys(System.CR3, 0);
  }

  /** Executes a handler at an offset of the snippet. @param length of the instruction */
  op(at: number, length: number, name: CalloutName, operands: Partial<Operands> = {}): void {
    const { cpu } = this;
    cpu.state.eip = this.base + at;
    const before = cpu.state.selector(Seg.CS);
    cpu.execute(name, operands, length);
    const { eip } = cpu.state;
    if (eip === this.base + at + length && cpu.state.selector(Seg.CS) === before) return;
    if (eip === LAND || (this.virtual && eip === 0xf00)) cpu.execute('int_n', { immediate: 0x81 });
    else if (eip === LAND2) cpu.execute('int_n', { immediate: 0x82 });
    throw new Ended();
  }

  /** Runs a snippet and the INT 80h behind it. @returns what the matrix prints */
  result(snippet: (run: Run) => number): string {
    try {
      this.cpu.state.eip = this.base + snippet(this);
      this.cpu.execute('int_n', { immediate: 0x80 });
    } catch (thrown) {
      if (!(thrown instanceof Ended)) throw thrown;
    }
    return this.print();
  }

  push(value: number, size: 2 | 4 = 4): void {
    const { state } = this.cpu;
    const esp = state.gpr(Gpr.ESP) - size;
    state.setGpr(Gpr.ESP, esp);
    this.cpu.write(Seg.SS, esp, size, value);
  }

  gpr(index: number, value: number): void {
    this.cpu.state.setGpr(index, value);
  }

  get cx(): number {
    return this.cpu.state.gpr(Gpr.ECX);
  }
  get dx(): number {
    return this.cpu.state.gpr(Gpr.EDX);
  }

  private print(): string {
    const { cpu, virtual } = this;
    const { state } = cpu;
    const vector = (state.eip - STUBS) / 16;
    let frame = state.gpr(Gpr.ESP);
    let error = 0;
    if (hasErrorCode(vector)) {
      error = cpu.dword(frame);
      frame += 4;
    }
    const at = (index: number): number => cpu.dword(frame + 4 * index);
    const names: Record<number, string> = { 128: 'done', 129: 'land', 130: 'gate' };
    const out = [names[vector] ?? `exc v=${hex8(vector)} err=${hex8(error)}`];
    const outer = (at(1) & 3) !== 0 || (at(2) & Flag.VM) !== 0;
    const esp = outer ? at(3) : frame + 12;
    const ss = outer ? at(4) & 0xffff : state.selector(Seg.SS);
    out.push(`ip=${hex8(at(0) - this.base)} cs=${hex4(at(1))} fl=${hex8(at(2))}`);
    out.push(`ss=${hex4(ss)} sp=${hex8(esp)}`);
    for (const [name, index] of REGISTERS) {
      if (state.gpr(index) !== this.startRegisters[index]) out.push(`${name}=${hex8(state.gpr(index))}`);
    }
    for (const [name, index, framed] of SEGMENTS) {
      const selector = virtual ? at(framed) & 0xffff : state.selector(index);
      if (selector !== this.startData) out.push(`${name}=${hex4(selector)}`);
    }
    for (let i = 0; i < 16; i++) {
      const value = cpu.dword(DATA + 4 * i);
      if (value !== 0xd0000000 + i) out.push(`[${hex8(4 * i).slice(6)}]=${hex8(value)}`);
    }
    if ((state.sys(System.CR0) & ~0x10) !== 1) out.push(`cr0=${hex8(state.sys(System.CR0))}`);
    if (vector === 1) out.push(`dr6=${hex8(state.sys(System.DR + 24))}`);
    if (vector === 0x81 || vector === 0x82) {
      const top = virtual ? (ss << 4) + (esp & 0xffff) : esp;
      out.push(`stk ${[0, 1, 2, 3, 4, 5].map((i) => hex8(cpu.dword(top + 4 * i))).join(' ')}`);
    }
    return out.join(' ');
  }
}

const hex8 = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
const hex4 = (value: number): string => hex8(value & 0xffff).slice(4);

const REGISTERS = [
  ['di', Gpr.EDI],
  ['si', Gpr.ESI],
  ['bp', Gpr.EBP],
  ['bx', Gpr.EBX],
  ['dx', Gpr.EDX],
  ['cx', Gpr.ECX],
  ['ax', Gpr.EAX],
] as const;

/** Names, register numbers, and places in the frame that virtual-8086 mode leaves behind. */
const SEGMENTS = [
  ['gs', Seg.GS, 8],
  ['fs', Seg.FS, 7],
  ['es', Seg.ES, 5],
  ['ds', Seg.DS, 6],
] as const;

const D = { memory: true, segment: Seg.DS, offset: DATA } as const;
const V = { memory: true, segment: Seg.DS, offset: 0x1000, size: 2, addressSize: 2 } as const;
const AX = { rm: Gpr.EAX } as const;
const CX = { rm: Gpr.ECX } as const;

/** Writes a far pointer to DATA: offset, and the selector in CX. */
const farPointer = (run: Run, offset: number): void => {
  run.cpu.write(Seg.DS, DATA, 4, offset);
  run.cpu.write(Seg.DS, DATA + 4, 2, run.cx & 0xffff);
};

const privileged =
  (name: CalloutName, length: number, operands: Partial<Operands> = {}) =>
  (run: Run) => {
    run.op(0, length, name, operands);
    return length;
  };

const portInDx =
  (port: number, length: number, size: 1 | 2 | 4, tail: number) =>
  (run: Run): number => {
    run.cpu.state.setReg(Gpr.EDX, 2, port);
    run.op(4, length, 'in_dx', { size });
    run.cpu.state.setReg(Gpr.EAX, size, 0);
    return 4 + length + tail;
  };

/** Each returns the length of its snippet. */
export const snippets: Record<string, (run: Run) => number> = {
  sgdt: privileged('sgdt', 7, D),
  sidt: privileged('sidt', 7, D),
  sldt: privileged('sldt', 3, AX),
  sldt_m: (run) => {
    run.op(0, 7, 'sldt', D);
    run.cpu.put(DATA, 0xd0000000);
    return 7;
  },
  str: privileged('str', 3, AX),
  smsw: privileged('smsw', 3, AX),
  smsw16: privileged('smsw', 4, { ...AX, size: 2 }),
  smsw_m: privileged('smsw', 7, D),
  lmsw: (run) => {
    run.op(0, 4, 'smsw', { ...AX, size: 2 });
    run.op(4, 3, 'lmsw', AX);
    return 7;
  },
  lmsw_clear_pe: (run) => {
    run.cpu.state.setReg(Gpr.EAX, 2, 0);
    run.op(4, 3, 'lmsw', AX);
    run.op(7, 4, 'smsw', { ...AX, size: 2 });
    return 11;
  },
  mov_from_cr0: privileged('mov_from_cr', 3, { ...AX, reg: 0 }),
  mov_from_cr2: privileged('mov_from_cr', 3, { ...AX, reg: 2 }),
  mov_from_cr3: privileged('mov_from_cr', 3, { ...AX, reg: 3 }),
  mov_from_cr4: privileged('mov_from_cr', 3, { ...AX, reg: 4 }),
  mov_to_cr0_same: (run) => moveImmediate(run, 0x11, 'mov_to_cr', 0),
  mov_cr0_pg_without_pe: (run) => moveImmediate(run, 0x80000010, 'mov_to_cr', 0),
  mov_cr0_nw_without_cd: (run) => moveImmediate(run, 0x20000011, 'mov_to_cr', 0),
  mov_cr4_reserved: (run) => moveImmediate(run, 0x80000000, 'mov_to_cr', 4),
  mov_to_cr3: (run) => {
    run.gpr(Gpr.EAX, 0);
    run.cpu.state.setStatusFlags(Flag.ZF | Flag.PF);
    run.op(2, 3, 'mov_to_cr', { ...AX, reg: 3 });
    return 5;
  },
  mov_cr1: privileged('mov_from_cr', 3, { ...AX, reg: 1 }),
  mov_cr5: privileged('mov_from_cr', 3, { ...AX, reg: 5 }),
  mov_from_dr7: privileged('mov_from_dr', 3, { ...AX, reg: 7 }),
  mov_to_dr6: (run) => {
    moveImmediate(run, 0xffff0ff0, 'mov_to_dr', 6);
    run.op(8, 3, 'mov_from_dr', { ...AX, reg: 6 });
    return 11;
  },
  dr_gd: (run) => {
    moveImmediate(run, 0x2400, 'mov_to_dr', 7);
    run.op(8, 3, 'mov_from_dr', { ...CX, reg: 0 });
    return 11;
  },
  mov_dr4_de0: (run) => {
    run.op(0, 3, 'mov_from_dr', { ...AX, reg: 4 });
    run.gpr(Gpr.EAX, 0);
    return 8;
  },
  clts: privileged('clts', 2),
  lgdt: (run) => {
    run.op(0, 7, 'sgdt', D);
    run.op(7, 7, 'lgdt', D);
    return 14;
  },
  lidt: (run) => {
    run.op(0, 7, 'sidt', D);
    run.op(7, 7, 'lidt', D);
    return 14;
  },
  lldt: (run) => {
    run.op(0, 3, 'lldt', CX);
    run.op(3, 3, 'sldt', AX);
    return 6;
  },
  ltr: (run) => {
    run.op(0, 3, 'ltr', CX);
    run.op(3, 3, 'str', AX);
    return 6;
  },
  invlpg: privileged('invlpg', 7, D),
  wbinvd: privileged('wbinvd', 2),
  invd_ud: privileged('ud', 2),
  in_al: (run) => {
    run.op(0, 2, 'in_imm', { immediate: 0x61, size: 1 });
    run.cpu.state.setReg(Gpr.EAX, 1, 0);
    return 4;
  },
  out_al: (run) => {
    run.cpu.state.setReg(Gpr.EAX, 1, 0);
    run.op(2, 2, 'out_imm', { immediate: 0x80 - 0x100, size: 1 });
    return 4;
  },
  in_bitmap_ok: portInDx(0xe8, 1, 1, 2),
  in_bitmap_word_cross: portInDx(0xef, 2, 2, 4),
  in_bitmap_dword: portInDx(0xe8, 1, 4, 5),
  in_beyond_tss: portInDx(0x400, 1, 1, 2),
  ins_out: (run) => {
    run.cpu.state.setReg(Gpr.EDX, 2, 0x61);
    run.gpr(Gpr.EDI, DATA);
    run.op(9, 1, 'ins', { size: 1 });
    run.cpu.put(DATA, 0xd0000000);
    return 17;
  },
  int3: privileged('int3', 1),
  icebp: privileged('int1', 1),
  int_b3: privileged('int_n', 2, { immediate: 3 }),
  into: (run) => {
    run.gpr(Gpr.EAX, 0x80000000);
    run.cpu.state.setStatusFlags(Flag.OF | Flag.SF | Flag.AF | Flag.PF);
    run.op(6, 1, 'into');
    return 7;
  },
  int_dpl0: privileged('int_n', 2, { immediate: 0x30 }),
  int_dpl1: privileged('int_n', 2, { immediate: 0x31 }),
  int_dpl3: privileged('int_n', 2, { immediate: 0x32 }),
  int_trapgate: privileged('int_n', 2, { immediate: 0x33 }),
  int_np: privileged('int_n', 2, { immediate: 0x34 }),
  int_beyond_idt: privileged('int_n', 2, { immediate: 0xf8 }),
  int_gate16: privileged('int_n', 2, { immediate: 0x35 }),
  int_conforming: privileged('int_n', 2, { immediate: 0x36 }),
  int_null_cs: privileged('int_n', 2, { immediate: 0x37 }),
  int_data_cs: privileged('int_n', 2, { immediate: 0x38 }),
  int_taskgate_np: privileged('int_n', 2, { immediate: 0x39 }),
  tf_int: (run) => {
    run.cpu.state.eflags |= Flag.TF;
    run.op(9, 2, 'int_n', { immediate: 0x32 });
    return 11;
  },
  bound_hit: (run) => {
    run.gpr(Gpr.EAX, 10);
    run.cpu.put(DATA, 0, 5);
    run.op(0x19, 6, 'bound', { ...D, reg: Gpr.EAX });
    return 0x1f;
  },
  arpl: (run) => {
    run.cpu.state.setReg(Gpr.EAX, 2, 0x13);
    run.op(4, 2, 'arpl', { ...CX, reg: Gpr.EAX });
    return 6;
  },
  lar: (run) => {
    run.gpr(Gpr.EAX, 0x5a5a5a5a);
    run.op(5, 3, 'lar', { ...CX, reg: Gpr.EAX });
    return 8;
  },
  lsl: (run) => {
    run.gpr(Gpr.EAX, 0x5a5a5a5a);
    run.op(5, 3, 'lsl', { ...CX, reg: Gpr.EAX });
    return 8;
  },
  verr: privileged('verr', 3, CX),
  verw: privileged('verw', 3, CX),
  mov_ds: privileged('mov_to_sreg', 2, { ...CX, reg: Seg.DS }),
  mov_es: (run) => {
    run.op(0, 2, 'mov_to_sreg', { ...CX, reg: Seg.ES });
    run.gpr(Gpr.EAX, run.cpu.state.selector(Seg.ES));
    return 4;
  },
  mov_ss: privileged('mov_to_sreg', 2, { ...CX, reg: Seg.SS }),
  mov_cs_ud: privileged('mov_to_sreg', 2, { ...CX, reg: Seg.CS }),
  pop_gs: (run) => {
    run.push(run.cx);
    run.op(1, 2, 'pop_sreg', { reg: Seg.GS });
    return 3;
  },
  push_pop_seg: (run) => {
    run.push(run.cpu.state.selector(Seg.DS));
    run.op(1, 1, 'pop_sreg', { reg: Seg.ES });
    run.gpr(Gpr.EAX, run.cpu.state.selector(Seg.ES));
    return 4;
  },
  lds: (run) => {
    farPointer(run, 0x12345678);
    run.op(0x11, 6, 'lds', { ...D, reg: Gpr.EAX });
    return 0x17;
  },
  lss: (run) => {
    farPointer(run, 0x28000);
    run.op(0x11, 7, 'lss', { ...D, reg: Gpr.ESP });
    return 0x18;
  },
  jmp_far: (run) => {
    farPointer(run, LAND);
    run.op(0x11, 6, 'jmp_far_mem', D);
    return 0x17;
  },
  call_far: (run) => {
    run.push(0x1111);
    run.push(0x2222);
    farPointer(run, LAND);
    run.op(0x1b, 6, 'call_far_mem', D);
    return 0x21;
  },
  retf: (run) => {
    for (const value of [run.dx, 0x2c000, run.cx, LAND]) run.push(value);
    run.op(0xc, 1, 'retf');
    return 0xd;
  },
  retf8: (run) => {
    for (const value of [run.dx, 0x2c000, 0xaaaa, 0xbbbb, run.cx, LAND]) run.push(value);
    run.op(0x16, 3, 'retf', { immediate: 8 });
    return 0x19;
  },
  iretd: (run) => {
    for (const value of [run.dx, 0x2c000, 0x7202, run.cx, LAND]) run.push(value);
    run.op(0x11, 1, 'iret');
    return 0x12;
  },
  retf_null_cs: (run) => {
    run.push(0);
    run.push(LAND);
    run.op(7, 1, 'retf');
    return 8;
  },
  seg_execonly_read: (run) => {
    run.gpr(Gpr.ECX, 0x9b);
    run.op(5, 2, 'mov_to_sreg', { ...CX, reg: Seg.ES });
    return 7;
  },
  ss_null: (run) => {
    run.gpr(Gpr.ECX, 0);
    run.cpu.state.setStatusFlags(Flag.ZF | Flag.PF);
    run.op(2, 2, 'mov_to_sreg', { ...CX, reg: Seg.SS });
    return 4;
  },
  cpuid_ok: (run) => {
    run.gpr(Gpr.EAX, 0);
    run.op(2, 2, 'cpuid');
    for (const index of [Gpr.EAX, Gpr.EBX, Gpr.ECX, Gpr.EDX]) run.gpr(index, 0);
    run.cpu.state.setStatusFlags(Flag.ZF | Flag.PF);
    return 12;
  },
  sysenter_msr0: privileged('sysenter', 2),
  rdtsc_ok: (run) => {
    run.op(0, 2, 'rdtsc');
    run.gpr(Gpr.EAX, 0);
    run.gpr(Gpr.EDX, 0);
    run.cpu.state.setStatusFlags(Flag.ZF | Flag.PF);
    return 6;
  },
  v_int32: privileged('int_n', 2, { immediate: 0x32 }),
  v_int30: privileged('int_n', 2, { immediate: 0x30 }),
  v_int3: privileged('int3', 1),
  v_into: (run) => {
    run.cpu.state.setReg(Gpr.EAX, 2, 0x8000);
    run.cpu.state.setStatusFlags(Flag.OF | Flag.SF | Flag.AF | Flag.PF);
    run.op(4, 1, 'into');
    return 5;
  },
  v_iret: (run) => {
    for (const value of [0x3202, 0x2000, 0xf00]) run.push(value, 2);
    run.op(9, 1, 'iret', { size: 2 });
    return 10;
  },
  v_iretd: (run) => {
    for (const value of [0x23202, 0x2000, 0xf00]) run.push(value);
    run.op(0x12, 2, 'iret');
    return 0x14;
  },
  v_hlt: privileged('hlt', 1),
  v_in: (run) => {
    run.op(0, 2, 'in_imm', { immediate: 0x61, size: 1 });
    run.cpu.state.setReg(Gpr.EAX, 1, 0);
    return 4;
  },
  v_in_bitmap: (run) => {
    run.gpr(Gpr.EDX, 0xe8);
    run.op(3, 1, 'in_dx', { size: 1 });
    run.cpu.state.setReg(Gpr.EAX, 1, 0);
    return 6;
  },
  v_smsw: privileged('smsw', 3, { ...AX, size: 2 }),
  v_sgdt: privileged('sgdt', 5, V),
  v_lgdt: privileged('lgdt', 5, V),
  v_mov_cr0: privileged('mov_from_cr', 3, { ...AX, reg: 0 }),
  v_lar: privileged('lar', 3, { ...CX, size: 2 }),
  v_verr: privileged('verr', 3, CX),
  v_str: privileged('str', 3, { ...AX, size: 2 }),
  v_arpl: privileged('arpl', 2, { ...CX, reg: Gpr.EAX }),
  v_seg_load: (run) => {
    run.cpu.state.setReg(Gpr.EAX, 2, 0x1234);
    run.op(3, 2, 'mov_to_sreg', { ...AX, reg: Seg.ES });
    run.cpu.state.setReg(Gpr.EBX, 2, run.cpu.state.selector(Seg.ES));
    return 7;
  },
  v_farjmp: privileged('jmp_far', 5, { immediate: 0xf00, immediate2: 0x2000, size: 2 }),
  ljmp_tss: privileged('jmp_far', 7, { immediate: 0, immediate2: 0xd8 }),
  lcall_tss: privileged('call_far', 7, { immediate: 0, immediate2: 0xd8 }),
  taskgate_call: privileged('call_far', 7, { immediate: 0, immediate2: 0xe3 }),
  tss_busy_jmp: privileged('jmp_far', 7, { immediate: 0, immediate2: 0x48 }),
};

const moveImmediate = (run: Run, value: number, name: CalloutName, reg: number): number => {
  run.gpr(Gpr.EAX, value);
  run.op(5, 3, name, { ...AX, reg });
  return 8;
};

export interface Case {
  readonly name: string;
  readonly cpl: number;
  readonly iopl: number;
  readonly virtual: boolean;
  readonly cx: number;
  readonly dx: number;
}

/** Runs a case. @returns what the matrix prints behind the colon */
export const runCase = ({ name, cpl, iopl, virtual, cx, dx }: Case): string =>
  new Run(cpl, iopl, virtual, cx, dx).result(snippets[name]);
