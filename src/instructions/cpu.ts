/**
 * What a callout sees of the machine. The same callouts run for `native`, on the processor's own state, and
 * for a monitor, on its guest's virtual state: only the object behind this interface differs.
 */
import type { CpuModel } from '../x86/cpu-models.ts';
import type { Size } from '../x86/registers.ts';
import type { CpuState } from '../x86/state.ts';

/** The operands of the instruction a callout executes, taken from its record. */
export interface Operands {
  /** Operand size in bytes. */
  readonly size: Size;
  /** Address size in bytes, 2 or 4. */
  readonly addressSize: 2 | 4;
  /** Whether the r/m operand is memory; then `segment` and `offset` tell where, else `rm` which register. */
  readonly memory: boolean;
  /** Segment register number of the memory operand, overrides applied. */
  readonly segment: number;
  /** Effective address (offset in the segment, unsigned), wrapped to the address size. */
  readonly offset: number;
  /** General register number of the r/m operand. */
  readonly rm: number;
  /** Register number of the reg operand: general, segment, control or debug, as the instruction defines. */
  readonly reg: number;
  /** Immediate, signed 32-bit; a far pointer's offset, a port number, an interrupt vector. */
  readonly immediate: number;
  /** Second immediate: a far pointer's selector, ENTER's level. */
  readonly immediate2: number;
  /** REP prefix: 0 none, 1 REP/REPE, 2 REPNE. */
  readonly rep: 0 | 1 | 2;
}

/** Why an interrupt or exception is delivered; decides the privilege check and the EXT bit. */
export type EventKind = 'exception' | 'software' | 'external';

export interface Cpu {
  readonly state: CpuState;
  /** EIP of the instruction being executed. On entry to a callout state.eip already points behind it. */
  readonly instructionEip: number;

  /**
   * Reads through a segment register with limit, type, alignment and paging checks at the current privilege.
   * @param segment 0-5 @param offset unsigned 32-bit @returns zero-extended value
   * @throws Fault #GP(0) or #SS(0), #AC, #PF
   */
  read(segment: number, offset: number, size: Size): number;
  /** The write that belongs to `read`. Nothing is written when it faults, also across pages. */
  write(segment: number, offset: number, size: Size, value: number): void;
  /** Checks that a write would succeed, without writing. @throws Fault as `write` */
  probeWrite(segment: number, offset: number, size: number): void;
  /**
   * What must come before an operand is accessed in parts: where alignment is checked it has to lie at a
   * multiple of `boundary` bytes, a power of two. @throws Fault #GP(0) or #SS(0), #AC
   */
  requireAligned(segment: number, offset: number, size: number, boundary: number): void;

  /**
   * Reads linear memory with an explicit privilege: descriptor tables, TSS and gates use supervisor access
   * whatever the CPL is. @param user true for a user-mode access @throws Fault #PF
   */
  readLinear(linear: number, size: Size, user: boolean): number;
  writeLinear(linear: number, size: Size, value: number, user: boolean): void;
  /** Checks that a write of `size` bytes would succeed. @throws Fault #PF */
  probeLinearWrite(linear: number, size: number, user: boolean): void;

  /**
   * Reads 8 bytes of the GDT (TI clear) or LDT entry that a selector names; null selectors are the caller's
   * business. @returns null when the entry lies beyond the table's limit, or names an LDT while LDTR is null:
   * the callout knows which fault that is @throws Fault #PF
   */
  readDescriptor(selector: number): { low: number; high: number } | null;
  /** Sets the accessed bit (or, for a TSS, the busy bit) by writing the descriptor's second doubleword. */
  writeDescriptorHigh(selector: number, high: number): void;

  /** Reads a doubleword of physical memory, as the processor itself does outside of address translation. */
  readPhysical(address: number): number;

  /** Port input and output, after permission checks. @param size bytes */
  in(port: number, size: Size): number;
  out(port: number, size: Size, value: number): void;

  /** Time-stamp counter, 64 bits, as two unsigned halves; the object is reused by the next call. */
  timestamp(): { readonly low: number; readonly high: number };
  setTimestamp(value: bigint): void;

  /** To be called after CR0, CR3, CR4 or EFER got a new value; flushes what the change makes stale. */
  pagingChanged(flushGlobal: boolean): void;
  /** INVLPG. @param linear any address in the page */
  invalidatePage(linear: number): void;
  /**
   * To be called after segment registers, CPL, VM, TF, CR0's PE MP EM TS NE or AM, or CR4's TSD, OSFXSR or
   * OSXMMEXCPT changed: other blocks may have to run now.
   */
  modeChanged(): void;
  /** To be called when a task switch has passed its checks and before it changes anything. */
  taskSwitches(): void;
  /** To be called after IF became set, or the interrupt shadow ended: pending interrupts are looked at. */
  interruptsEnabled(): void;
  /** To be called after DR0-DR3, DR7 or CR4.DE changed: other breakpoints hold from the next instruction on. */
  debugRegistersChanged(): void;
  /**
   * Asks for a debug trap behind the current instruction or event (SDM vol. 3, section 17.3.1).
   * @param bits of DR6 that tell the cause, such as BT
   */
  requestDebugTrap(bits: number): void;
  /** To be called by IRET, behind which the next NMI may come (SDM vol. 3, section 6.7.1). */
  unblockNmi(): void;
  /** HLT: stop until an interrupt. */
  halt(): void;
  /**
   * FERR#: an x87 instruction found an unmasked exception pending while CR0.NE is clear (SDM vol. 1, section
   * 8.7.2); on a PC it becomes IRQ 13.
   * @param rising FERR# was not asserted before @returns IGNNE#: whether the instruction goes on nevertheless
   */
  floatingPointError(rising: boolean): boolean;
  /** A triple fault or another shutdown condition (SDM vol. 3, section 6.15). */
  shutdown(reason: string): void;
  /** A warning for something an operator should know, such as an unknown MSR; equal messages are shown once. */
  warn(message: string): void;

  /** Which processor CPUID shows. */
  readonly model: CpuModel;
}
