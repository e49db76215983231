/** The Cpu that callouts work on: one of the two system states, and memory as the processor maps it. */
import type { Cpu } from '../instructions/cpu.ts';
import type { Mmu } from '../memory/mmu.ts';
import type { CpuModel } from '../x86/cpu-models.ts';
import { Fault, Vector } from '../x86/exceptions.ts';
import { Flag } from '../x86/flags.ts';
import { CR0, Seg, type Size, SystemSegment } from '../x86/registers.ts';
import { type CpuState, Nmi, SegmentField, State, System } from '../x86/state.ts';
import type { Breakpoints } from './breakpoints.ts';

/** What lies outside the processor: ports, time, the power switch. */
export interface Platform {
  readonly model: CpuModel;
  in(port: number, size: Size): number;
  out(port: number, size: Size, value: number): void;
  /** Time-stamp counter ticks since power-on. */
  ticks(): number;
  halt(): void;
  shutdown(reason: string): void;
  warn(message: string): void;
  /** FERR#, and IGNNE# as the answer; see Cpu. */
  floatingPointError(rising: boolean): boolean;
}

/** What a change of the system state makes necessary. */
export interface StateHooks {
  pagingChanged(flushGlobal: boolean): void;
  invalidatePage(linear: number): void;
  /** A doubleword of physical memory as this state sees it. */
  readPhysical(address: number): number;
  modeChanged(): void;
  /** A task switch begins; `modeChanged` follows when its segments are there. */
  taskSwitches?(): void;
  /** The breakpoints to tell of accesses. */
  readonly breakpoints: Breakpoints;
  /** An interrupt is pending and may be taken behind the current instruction. */
  leave(): void;
}

/** Memory by linear address, as callouts access it; see Mmu, which is one. */
export type LinearMemory = Pick<Mmu, 'read' | 'write' | 'probeWrite' | 'faulted'>;

/** Whether misaligned accesses of programs fault (SDM vol. 3, section 6.15, #AC). */
export const checksAlignment = (state: CpuState): boolean =>
  (state.words[State.FLAGS >> 2]! & Flag.AC) !== 0 &&
  state.cpl === 3 &&
  (state.sys(System.CR0) & CR0.AM) !== 0;

/** Where operands by their size in bytes must lie when alignment is checked; longer ones have no rule in common. */
const NATURAL_BOUNDARY = new Map([
  [2, 2],
  [4, 4],
  [8, 8],
  [10, 8],
]);

export class CpuAccess implements Cpu {
  readonly state: CpuState;
  instructionEip = 0;
  readonly #mmu: LinearMemory;
  readonly #platform: Platform;
  readonly #hooks: StateHooks;
  readonly #timestamp = { low: 0, high: 0 };

  constructor(state: CpuState, mmu: LinearMemory, platform: Platform, hooks: StateHooks) {
    this.state = state;
    this.#mmu = mmu;
    this.#platform = platform;
    this.#hooks = hooks;
  }
  get model(): CpuModel {
    return this.#platform.model;
  }
  /** Whether operands are accessed with user privilege. */
  protected get user(): boolean {
    return this.state.cpl === 3;
  }

  /** Checks segment:offset against the segment's ranges. @returns the linear address, unsigned */
  #linear(segment: number, offset: number, size: number, write: boolean): number {
    const { state } = this;
    const first = offset >>> 0;
    const low = state.segment(segment, write ? SegmentField.WRITE_LOW : SegmentField.READ_LOW) >>> 0;
    const high = state.segment(segment, write ? SegmentField.WRITE_HIGH : SegmentField.READ_HIGH) >>> 0;
    if (first < low || first > high || high - first < size - 1)
      throw new Fault(segment === Seg.SS ? Vector.SS : Vector.GP);
    return (first + state.segment(segment, SegmentField.BASE)) >>> 0;
  }
  #check(): void {
    if (!this.#mmu.faulted) return;
    const { words } = this.state;
    throw new Fault(words[State.FAULT_VECTOR >> 2]!, words[State.FAULT_ERROR >> 2]!);
  }

  /** As #linear, then checks alignment. @param boundary a power of two */
  #operand(segment: number, offset: number, size: number, write: boolean, boundary = size): number {
    const linear = this.#linear(segment, offset, size, write);
    if (linear & (boundary - 1) && checksAlignment(this.state)) throw new Fault(Vector.AC);
    return linear;
  }

  read(segment: number, offset: number, size: Size): number {
    return this.#load(this.#operand(segment, offset, size, false), size, this.user);
  }
  write(segment: number, offset: number, size: Size, value: number): void {
    this.writeLinear(this.#operand(segment, offset, size, true), size, value, this.user);
  }
  probeWrite(segment: number, offset: number, size: number): void {
    const linear = this.#operand(segment, offset, size, true, NATURAL_BOUNDARY.get(size) ?? 1);
    this.probeLinearWrite(linear, size, this.user);
  }
  requireAligned(segment: number, offset: number, size: number, boundary: number): void {
    if (checksAlignment(this.state)) this.#operand(segment, offset, size, false, boundary);
  }
  readLinear(linear: number, size: Size, user: boolean): number {
    return this.#load(linear, size, user);
  }
  #load(linear: number, size: Size, user: boolean): number {
    const value = this.#mmu.read(linear >>> 0, size, user);
    this.#check();
    this.#hooks.breakpoints.accessed(linear >>> 0, size, false);
    return value;
  }
  writeLinear(linear: number, size: Size, value: number, user: boolean): void {
    this.#mmu.write(linear >>> 0, size, value, user);
    this.#check();
    this.#hooks.breakpoints.accessed(linear >>> 0, size, true);
  }
  probeLinearWrite(linear: number, size: number, user: boolean): void {
    this.#mmu.probeWrite(linear >>> 0, size, user);
    this.#check();
  }

  /** Linear address of a descriptor, or -1 beyond its table's limit. */
  #descriptorAddress(selector: number): number {
    const { state } = this;
    const offset = selector & 0xfff8;
    if (selector & 4) {
      if ((state.selector(SystemSegment.LDTR) & 0xfffc) === 0) return -1;
      if (offset + 7 > state.segment(SystemSegment.LDTR, SegmentField.LIMIT) >>> 0) return -1;
      return (state.segment(SystemSegment.LDTR, SegmentField.BASE) + offset) >>> 0;
    }
    if (offset + 7 > state.sys(System.GDTR_LIMIT) >>> 0) return -1;
    return (state.sys(System.GDTR_BASE) + offset) >>> 0;
  }
  readDescriptor(selector: number): { low: number; high: number } | null {
    const at = this.#descriptorAddress(selector);
    if (at < 0) return null;
    const low = this.readLinear(at, 4, false);
    return { low, high: this.readLinear((at + 4) >>> 0, 4, false) };
  }
  writeDescriptorHigh(selector: number, high: number): void {
    this.writeLinear((this.#descriptorAddress(selector) + 4) >>> 0, 4, high, false);
  }
  readPhysical(address: number): number {
    return this.#hooks.readPhysical(address);
  }

  in(port: number, size: Size): number {
    this.#hooks.breakpoints.usedPort(port, size);
    return this.#platform.in(port, size);
  }
  out(port: number, size: Size, value: number): void {
    this.#hooks.breakpoints.usedPort(port, size);
    this.#platform.out(port, size, value);
  }
  timestamp(): { readonly low: number; readonly high: number } {
    const ticks = Math.floor(this.#platform.ticks());
    const t = this.#timestamp;
    if (this.state.sys(System.TSC_OFFSET) === 0 && this.state.sys(System.TSC_OFFSET + 4) === 0) {
      t.low = ticks % 2 ** 32;
      t.high = Math.floor(ticks / 2 ** 32);
    } else {
      const value = BigInt(ticks) + this.state.wide(System.TSC_OFFSET);
      t.low = Number(BigInt.asUintN(32, value));
      t.high = Number(BigInt.asUintN(32, value >> 32n));
    }
    return t;
  }
  setTimestamp(value: bigint): void {
    this.state.setWide(System.TSC_OFFSET, value - BigInt(Math.floor(this.#platform.ticks())));
  }
  pagingChanged(flushGlobal: boolean): void {
    this.#hooks.pagingChanged(flushGlobal);
  }
  invalidatePage(linear: number): void {
    this.#hooks.invalidatePage(linear);
  }
  modeChanged(): void {
    this.#hooks.modeChanged();
  }
  taskSwitches(): void {
    this.#hooks.taskSwitches?.();
  }
  interruptsEnabled(): void {
    const { words } = this.state;
    if (words[State.INTERRUPT >> 2] !== 0 && this.state.sys(System.FLAGS) & Flag.IF) this.#hooks.leave();
  }
  debugRegistersChanged(): void {
    if (this.#hooks.breakpoints.update(this.state)) this.#hooks.leave();
  }
  requestDebugTrap(bits: number): void {
    this.state.words[State.DEBUG_TRAP >> 2]! |= bits;
    this.#hooks.leave();
  }
  unblockNmi(): void {
    const { words } = this.state;
    if (words[State.NMI >> 2] === 0) return;
    words[State.NMI >> 2] = words[State.NMI >> 2]! & Nmi.PENDING;
    if (words[State.NMI >> 2] !== 0) this.#hooks.leave();
  }
  halt(): void {
    this.#platform.halt();
  }
  floatingPointError(rising: boolean): boolean {
    return this.#platform.floatingPointError(rising);
  }
  shutdown(reason: string): void {
    this.#platform.shutdown(reason);
  }
  warn(message: string): void {
    this.#platform.warn(message);
  }
}
