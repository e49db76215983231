/** IN OUT INS OUTS (SDM vol. 2; vol. 1, section 18.5 for the permission map). */
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Flag } from '../../x86/flags.ts';
import { Gpr, Seg, type Size, SystemSegment } from '../../x86/registers.ts';
import { SegmentField, State } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { hasTss32 } from './privilege-stack.ts';
import { ioPrivilege, isProtected, isVirtual8086, wrapOffset } from './protection.ts';

/** Offset of the 16-bit I/O map base address in a 32-bit TSS. */
const MAP_BASE = 0x66;

/** Iterations of one execution of a repeated instruction, so that interrupts are not held off for long. */
const CHUNK = 256;

/** Whether the permission map lets all bytes of a port pass. Two bytes of the map are read whatever the size. */
const mapAllows = (cpu: Cpu, port: number, size: number): boolean => {
  if (!hasTss32(cpu)) return false;
  const base = cpu.state.segment(SystemSegment.TR, SegmentField.BASE);
  const limit = cpu.state.segment(SystemSegment.TR, SegmentField.LIMIT) >>> 0;
  if (MAP_BASE + 1 > limit) return false;
  const at = cpu.readLinear((base + MAP_BASE) >>> 0, 2, false) + (port >> 3);
  if (at + 1 > limit) return false;
  const bits = cpu.readLinear((base + at) >>> 0, 2, false) >> (port & 7);
  return (bits & ((1 << size) - 1)) === 0;
};

/** @throws Fault #GP(0) when neither IOPL nor the permission map allows the port */
const requirePort = (cpu: Cpu, port: number, size: number): void => {
  if (!isProtected(cpu)) return;
  const byLevel = !isVirtual8086(cpu) && cpu.state.cpl <= ioPrivilege(cpu);
  if (!byLevel && !mapAllows(cpu, port, size)) throw new Fault(Vector.GP);
};

const input = (cpu: Cpu, port: number, size: Size): void => {
  requirePort(cpu, port, size);
  cpu.state.setReg(Gpr.EAX, size, cpu.in(port, size));
};

const output = (cpu: Cpu, port: number, size: Size): void => {
  requirePort(cpu, port, size);
  cpu.out(port, size, cpu.state.reg(Gpr.EAX, size));
};

const portInDx = (cpu: Cpu): number => cpu.state.reg(Gpr.EDX, 2);

export const inImmediate = (cpu: Cpu, { immediate, size }: Operands): void =>
  input(cpu, immediate & 0xff, size);
export const outImmediate = (cpu: Cpu, { immediate, size }: Operands): void =>
  output(cpu, immediate & 0xff, size);
export const inDx = (cpu: Cpu, { size }: Operands): void => input(cpu, portInDx(cpu), size);
export const outDx = (cpu: Cpu, { size }: Operands): void => output(cpu, portInDx(cpu), size);

/**
 * Runs one element after the other, each committed before the next. With REP it stops after CHUNK elements,
 * after one where instructions execute singly, or behind a breakpoint, and lets the instruction run again.
 */
const repeat = (cpu: Cpu, { rep, addressSize }: Operands, element: () => void): void => {
  if (rep === 0) {
    element();
    return;
  }
  const { state } = cpu;
  let left = state.reg(Gpr.ECX, addressSize) >>> 0;
  for (let n = state.words[State.SINGLE >> 2] !== 0 ? 1 : CHUNK; n > 0 && left > 0; n--) {
    element();
    left--;
    state.setReg(Gpr.ECX, addressSize, left);
    if (state.words[State.DEBUG_TRAP >> 2] !== 0) break;
  }
  if (left > 0) state.eip = cpu.instructionEip;
};

/** Moves ESI or EDI by one element in the direction of DF. */
const advance = (cpu: Cpu, register: number, { size, addressSize }: Operands): void => {
  const { state } = cpu;
  const step = state.flag(Flag.DF) ? -size : size;
  state.setReg(register, addressSize, state.gpr(register) + step);
};

/** INS: the destination is checked before the port is read, so that no input is lost to a fault. */
export const ins = (cpu: Cpu, operands: Operands): void => {
  const { size, addressSize } = operands;
  const port = portInDx(cpu);
  requirePort(cpu, port, size);
  repeat(cpu, operands, () => {
    const offset = wrapOffset(cpu.state.gpr(Gpr.EDI), addressSize);
    cpu.probeWrite(Seg.ES, offset, size);
    cpu.write(Seg.ES, offset, size, cpu.in(port, size));
    advance(cpu, Gpr.EDI, operands);
  });
};

/** OUTS: `segment` holds DS or its override. */
export const outs = (cpu: Cpu, operands: Operands): void => {
  const { size, addressSize, segment } = operands;
  const port = portInDx(cpu);
  requirePort(cpu, port, size);
  repeat(cpu, operands, () => {
    const value = cpu.read(segment, wrapOffset(cpu.state.gpr(Gpr.ESI), addressSize), size);
    cpu.out(port, size, value);
    advance(cpu, Gpr.ESI, operands);
  });
};
