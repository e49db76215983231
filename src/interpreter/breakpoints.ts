/**
 * The breakpoints of DR0-DR3 and DR7 (SDM vol. 3, sections 17.2.4 and 17.2.5). Pages that a breakpoint lies in
 * are kept out of the TLB: data accesses there come to the slow paths, and code there is entered through the
 * processor, which executes it one instruction at a time. Everything else runs as if there were none.
 */
import { PAGE_SIZE } from '../memory/layout.ts';
import type { Tlb } from '../memory/tlb.ts';
import { BreakOn, DR7, debugRegister } from '../x86/debug.ts';
import { CR4 } from '../x86/registers.ts';
import { type CpuState, State, System } from '../x86/state.ts';

/** State.FAULT_VECTOR of an access that is to be made again by a single instruction: not an exception. */
export const EXECUTE_SINGLY = -1;

interface Breakpoint {
  readonly on: number;
  /** Linear address or port of the first and last byte, inclusive. */
  readonly first: number;
  readonly last: number;
  readonly enabled: boolean;
}

export class Breakpoints {
  readonly #words: Int32Array;
  readonly #tlb: Tlb;
  #points: readonly Breakpoint[] = [];
  /** Pages, as linear addresses of their first bytes, that may not be in the TLB. */
  #pages: readonly number[] = [];
  #code = false;
  #data = false;
  #io = false;

  constructor(words: Int32Array, tlb: Tlb) {
    this.#words = words;
    this.#tlb = tlb;
  }

  /** Whether an enabled breakpoint waits for execution. */
  get code(): boolean {
    return this.#code;
  }
  /** Whether an enabled breakpoint waits for data accesses. */
  get data(): boolean {
    return this.#data;
  }

  /** Takes over DR0-DR3, DR7 and CR4.DE. @returns whether what may run as it is has changed */
  update(state: CpuState): boolean {
    const control = state.sys(debugRegister(7));
    const before = this.#pages;
    const enabled = (control & DR7.ENABLED) !== 0;
    this.#points = enabled ? [0, 1, 2, 3].map((n) => readBreakpoint(state, control, n)) : [];
    const active = this.#points.filter((p) => p.enabled);
    this.#code = active.some((p) => p.on === BreakOn.EXECUTION);
    this.#data = active.some((p) => p.on === BreakOn.WRITE || p.on === BreakOn.ACCESS);
    this.#io = active.some((p) => p.on === BreakOn.IO);
    this.#pages = active
      .filter((p) => p.on !== BreakOn.IO)
      .flatMap((p) => (p.first === p.last ? [p.first] : [p.first, p.last]))
      .map((linear) => (linear & -PAGE_SIZE) >>> 0);
    for (const page of before) this.#tlb.invalidate(page, false);
    for (const page of this.#pages) this.#tlb.invalidate(page, false);
    return before.length > 0 || active.length > 0;
  }

  /** Whether a page must stay out of the TLB. @param linear any address in it, unsigned */
  covers(linear: number): boolean {
    const page = (linear & -PAGE_SIZE) >>> 0;
    for (const p of this.#pages) if (p === page) return true;
    return false;
  }

  /**
   * DR6 bits of the breakpoints that an event meets: none unless an enabled one is met, then also those that
   * are not enabled (SDM vol. 3, section 17.2.3).
   */
  #match(first: number, last: number, on: number, alsoOn: number): number {
    let bits = 0;
    let hit = false;
    for (let n = 0; n < this.#points.length; n++) {
      const p = this.#points[n]!;
      if ((p.on !== on && p.on !== alsoOn) || first > p.last || last < p.first) continue;
      bits |= 1 << n;
      if (p.enabled) hit = true;
    }
    return hit ? bits : 0;
  }
  #note(bits: number): void {
    if (bits === 0) return;
    this.#words[State.DEBUG_TRAP >> 2]! |= bits;
    this.#words[State.LEAVE >> 2] = 1;
  }

  /** DR6 bits of the breakpoints on an instruction. @param linear address of its first byte, unsigned */
  onExecution(linear: number): number {
    return this.#code ? this.#match(linear, linear, BreakOn.EXECUTION, BreakOn.EXECUTION) : 0;
  }
  #onAccess(linear: number, size: number, write: boolean): number {
    return this.#match(linear, linear + size - 1, BreakOn.ACCESS, write ? BreakOn.WRITE : BreakOn.ACCESS);
  }
  /** A callout has read or written memory. @param linear unsigned @param size bytes */
  accessed(linear: number, size: number, write: boolean): void {
    if (this.#data) this.#note(this.#onAccess(linear, size, write));
  }
  /** A callout has used a port. @param size bytes */
  usedPort(port: number, size: number): void {
    if (this.#io) this.#note(this.#match(port, port + size - 1, BreakOn.IO, BreakOn.IO));
  }
  /**
   * An engine's slow path is about to access memory. An instruction among others cannot be followed by a trap:
   * it is begun anew on its own, which is as harmless as a fault. @param linear signed or unsigned
   * @returns whether the access must fail for that, with State.FAULT_VECTOR set to EXECUTE_SINGLY
   */
  defers(linear: number, size: number, write: boolean): boolean {
    const bits = this.#onAccess(linear >>> 0, size, write);
    if (bits === 0) return false;
    const single = this.#words[State.SINGLE >> 2] !== 0;
    if (single) this.#words[State.DEBUG_TRAP >> 2]! |= bits;
    else this.#words[State.FAULT_VECTOR >> 2] = EXECUTE_SINGLY;
    return !single;
  }
}

/** Length fields of DR7: 1, 2, 8 (undefined before 64-bit processors, where it is 8 bytes) and 4 bytes. */
const LENGTHS = [1, 2, 8, 4] as const;

const readBreakpoint = (state: CpuState, control: number, n: number): Breakpoint => {
  const field = (control >>> (16 + n * 4)) & 15;
  const on = field & 3;
  const length = LENGTHS[(field >> 2) as 0 | 1 | 2 | 3];
  const first = (state.sys(debugRegister(n)) & -length) >>> 0;
  // Without CR4.DE the I/O condition is undefined: nothing meets it.
  const possible = on !== BreakOn.IO || (state.sys(System.CR4) & CR4.DE) !== 0;
  return { on, first, last: first + length - 1, enabled: possible && ((control >> (2 * n)) & 3) !== 0 };
};
