/** Everything a guest could know of its machine, so that runs under different techniques can be compared. */
import { createHash } from 'node:crypto';
import type { Machine } from '../../src/machine/machine.ts';
import { Fpu } from '../../src/x86/fpu.ts';
import { gprNames, SystemSegment, segmentNames } from '../../src/x86/registers.ts';
import { SegmentField, STATE_END, State, System } from '../../src/x86/state.ts';

const hexadecimal = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

const SYSTEM = {
  CPL: System.CPL,
  CR0: System.CR0,
  CR2: System.CR2,
  CR3: System.CR3,
  CR4: System.CR4,
  EFER: System.EFER,
  GDTR_BASE: System.GDTR_BASE,
  GDTR_LIMIT: System.GDTR_LIMIT,
  IDTR_BASE: System.IDTR_BASE,
  IDTR_LIMIT: System.IDTR_LIMIT,
  SYSENTER_CS: System.SYSENTER_CS,
  SYSENTER_ESP: System.SYSENTER_ESP,
  SYSENTER_EIP: System.SYSENTER_EIP,
} as const;
const HIDDEN = [SegmentField.SELECTOR, SegmentField.BASE, SegmentField.LIMIT, SegmentField.ATTRIBUTES];

/** Registers by name, hidden parts included, and digests of the FPU and of memory. */
export const snapshot = (machine: Machine): Readonly<Record<string, string>> => {
  const { cpu, memory } = machine;
  const state: Record<string, string> = { EIP: hexadecimal(cpu.eip), EFLAGS: hexadecimal(cpu.eflags) };
  for (const [i, name] of gprNames.entries()) state[name] = hexadecimal(cpu.gpr(i));
  for (const [name, field] of Object.entries(SYSTEM)) state[name] = hexadecimal(cpu.sys(field));
  for (let i = 0; i < 8; i++) state[`PDPTES${i}`] = hexadecimal(cpu.sys(System.PDPTES + 4 * i));
  for (let i = 0; i < 8; i++) state[`DR${i}`] = hexadecimal(cpu.sys(System.DR + 4 * i));
  const segments = [
    ...segmentNames.entries(),
    [SystemSegment.LDTR, 'LDTR'],
    [SystemSegment.TR, 'TR'],
  ] as const;
  for (const [i, name] of segments)
    state[name] = HIDDEN.map((field) => hexadecimal(cpu.segment(i, field))).join(' ');
  const digest = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');
  state.FPU = digest(memory.bytes.subarray(State.FPU, Fpu.XMM + 8 * 16));
  state.memoryTypes = digest(memory.bytes.subarray(State.MEMORY_TYPES, STATE_END));
  const pdptes = cpu.system + System.PDPTES;
  state.PDPTEs = Buffer.from(memory.bytes.subarray(pdptes, pdptes + 32)).toString('hex');
  state.memory = digest(memory.ram());
  return state;
};
