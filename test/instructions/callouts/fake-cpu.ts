/** A Cpu over a flat array of memory, for tests: real segment checks, and pages that can be taken away. */
import { type CalloutName, callouts, deliverException } from '../../../src/instructions/callouts/index.ts';
import type { Cpu, Operands } from '../../../src/instructions/cpu.ts';
import { type CpuModel, cpuModels } from '../../../src/x86/cpu-models.ts';
import { Attribute } from '../../../src/x86/descriptors.ts';
import { Fault, Vector } from '../../../src/x86/exceptions.ts';
import { CR0, Seg, type Size, SystemSegment } from '../../../src/x86/registers.ts';
import { CpuState, SegmentField, System, SystemBase } from '../../../src/x86/state.ts';

const NO_OPERANDS: Operands = {
  size: 4,
  addressSize: 4,
  memory: false,
  segment: Seg.DS,
  offset: 0,
  rm: 0,
  reg: 0,
  immediate: 0,
  immediate2: 0,
  rep: 0,
};

export class FakeCpu implements Cpu {
  readonly state = new CpuState(new ArrayBuffer(0x1000), SystemBase.PHYSICAL);
  readonly memory = new DataView(new ArrayBuffer(0x140000));
  readonly events: string[] = [];
  readonly warnings = new Set<string>();
  /** Page numbers: 'n' is not present, 'r' read-only for users. */
  readonly pages = new Map<number, 'n' | 'r'>();
  readonly ports = { reads: [] as string[], writes: [] as string[], value: 0 };
  model: CpuModel = cpuModels.pentium2;
  instructionEip = 0;
  time = 0n;

  constructor() {
    const { state } = this;
    for (let segment = 0; segment < 6; segment++) state.setSegment(segment, 0, 0, 0xffff, 0x9300);
    for (const segment of [SystemSegment.LDTR, SystemSegment.TR]) state.setSegment(segment, 0, 0, 0, 0);
    state.eflags = 2;
    state.setSys(System.CR0, CR0.ET);
    state.setSys(System.DR + 24, 0xffff0ff0);
    state.setSys(System.DR + 28, 0x400);
    state.setSys(System.IDTR_LIMIT, 0x3ff);
  }

  /** Runs a handler as an engine would. @returns the fault it threw, with EIP back at the instruction, or null */
  run(name: CalloutName, operands: Partial<Operands> = {}, length = 2): Fault | null {
    this.instructionEip = this.state.eip;
    this.state.eip += length;
    try {
      callouts[name].run(this, { ...NO_OPERANDS, ...operands });
      return null;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.state.eip = this.instructionEip;
      return thrown;
    }
  }

  /** Runs a handler and delivers its fault. */
  execute(name: CalloutName, operands: Partial<Operands> = {}, length = 2): void {
    const fault = this.run(name, operands, length);
    if (fault) deliverException(this, fault.vector, fault.error);
  }

  dword(linear: number): number {
    return this.memory.getUint32(linear, true);
  }
  word(linear: number): number {
    return this.memory.getUint16(linear, true);
  }
  put(linear: number, ...dwords: number[]): void {
    dwords.forEach((dword, i) => {
      this.memory.setUint32(linear + 4 * i, dword, true);
    });
  }

  private page(linear: number, size: number, write: boolean, user: boolean): void {
    for (const at of [linear >>> 0, (linear + size - 1) >>> 0]) {
      const protection = this.pages.get(at >>> 12);
      if (protection === undefined || (protection === 'r' && !(write && user))) continue;
      this.state.setSys(System.CR2, at);
      throw new Fault(Vector.PF, (protection === 'r' ? 1 : 0) | (write ? 2 : 0) | (user ? 4 : 0));
    }
  }

  private linear(segment: number, offset: number, size: number, write: boolean): number {
    const { state } = this;
    const low = state.segment(segment, write ? SegmentField.WRITE_LOW : SegmentField.READ_LOW) >>> 0;
    const high = state.segment(segment, write ? SegmentField.WRITE_HIGH : SegmentField.READ_HIGH) >>> 0;
    if (offset < low || offset + size - 1 > high) {
      throw new Fault(segment === Seg.SS ? Vector.SS : Vector.GP);
    }
    const linear = (state.segment(segment, SegmentField.BASE) + offset) >>> 0;
    this.page(linear, size, write, state.cpl === 3);
    return linear;
  }

  read(segment: number, offset: number, size: Size): number {
    return this.load(this.linear(segment, offset, size, false), size);
  }
  write(segment: number, offset: number, size: Size, value: number): void {
    this.store(this.linear(segment, offset, size, true), size, value);
  }
  probeWrite(segment: number, offset: number, size: number): void {
    this.linear(segment, offset, size, true);
  }
  requireAligned(): void {}
  taskSwitches(): void {}
  readLinear(linear: number, size: Size, user: boolean): number {
    this.page(linear, size, false, user);
    return this.load(linear, size);
  }
  writeLinear(linear: number, size: Size, value: number, user: boolean): void {
    this.page(linear, size, true, user);
    this.store(linear, size, value);
  }
  readPhysical(address: number): number {
    return address + 4 <= this.memory.byteLength ? this.dword(address) : 0xffffffff;
  }
  probeLinearWrite(linear: number, size: number, user: boolean): void {
    this.page(linear, size, true, user);
  }

  private load(linear: number, size: Size): number {
    if (size === 1) return this.memory.getUint8(linear);
    return size === 2 ? this.word(linear) : this.dword(linear);
  }
  private store(linear: number, size: Size, value: number): void {
    if (size === 1) this.memory.setUint8(linear, value);
    else if (size === 2) this.memory.setUint16(linear, value, true);
    else this.memory.setUint32(linear, value, true);
  }

  private entry(selector: number): number | null {
    const { state } = this;
    const index = selector & 0xfff8;
    if ((selector & 4) === 0) {
      return index + 7 <= state.sys(System.GDTR_LIMIT) ? state.sys(System.GDTR_BASE) + index : null;
    }
    if ((state.segment(SystemSegment.LDTR, SegmentField.ATTRIBUTES) & Attribute.PRESENT) === 0) return null;
    const limit = state.segment(SystemSegment.LDTR, SegmentField.LIMIT);
    return index + 7 <= limit ? state.segment(SystemSegment.LDTR, SegmentField.BASE) + index : null;
  }
  readDescriptor(selector: number): { low: number; high: number } | null {
    const at = this.entry(selector);
    return at === null
      ? null
      : { low: this.readLinear(at, 4, false), high: this.readLinear(at + 4, 4, false) };
  }
  writeDescriptorHigh(selector: number, high: number): void {
    this.writeLinear(this.entry(selector)! + 4, 4, high, false);
  }

  in(port: number, size: Size): number {
    this.ports.reads.push(`${port.toString(16)}/${size}`);
    return this.ports.value++ & (2 ** (8 * size) - 1);
  }
  out(port: number, size: Size, value: number): void {
    this.ports.writes.push(`${port.toString(16)}/${size}=${(value >>> 0).toString(16)}`);
  }
  timestamp(): { low: number; high: number } {
    return { low: Number(this.time & 0xffffffffn), high: Number(this.time >> 32n) };
  }
  setTimestamp(value: bigint): void {
    this.time = value;
  }
  pagingChanged(flushGlobal: boolean): void {
    this.events.push(flushGlobal ? 'flush all' : 'flush');
  }
  invalidatePage(linear: number): void {
    this.events.push(`invalidate ${linear.toString(16)}`);
  }
  modeChanged(): void {
    this.events.push('mode');
  }
  interruptsEnabled(): void {
    this.events.push('interrupts');
  }
  debugRegistersChanged(): void {
    this.events.push('debug registers');
  }
  requestDebugTrap(bits: number): void {
    this.events.push(`debug trap ${bits.toString(16)}`);
  }
  unblockNmi(): void {}
  halt(): void {
    this.events.push('halt');
  }
  floatingPointError(): boolean {
    return true;
  }
  shutdown(reason: string): void {
    this.events.push(`shutdown: ${reason}`);
  }
  warn(message: string): void {
    this.warnings.add(message);
  }
}
