/**
 * The x87 FPU's state and where it lies in the machine's linear memory (SDM vol. 1, section 8.1), with room
 * for the SSE registers that FXSAVE keeps beside it. A processor has one; a monitor shares it with its guest.
 */
import { State } from './state.ts';

/** Addresses (bytes, in the machine's linear memory). Each field is a 32-bit word unless said. */
export const Fpu = {
  /** Control word, 16 bits. */
  CONTROL: State.FPU,
  /** Status word, 16 bits, with TOP inside and ES and B always up to date. */
  STATUS: State.FPU + 0x04,
  /** Bit i set: physical register i holds something (the tag as FXSAVE abridges it). */
  OCCUPIED: State.FPU + 0x08,
  /** Last opcode: the low three bits of the ESC byte, then ModRM; 11 bits. */
  FOP: State.FPU + 0x0c,
  /** Last instruction: offset and selector. */
  FIP: State.FPU + 0x10,
  FCS: State.FPU + 0x14,
  /** Last memory operand: offset and selector. */
  FDP: State.FPU + 0x18,
  FDS: State.FPU + 0x1c,
  MXCSR: State.FPU + 0x20,
  /** Nonzero while the pin FERR# is asserted. */
  FERR: State.FPU + 0x24,
  /** Physical registers R0-R7, 16 bytes each: significand 64 bits, then exponent and sign 16 bits. */
  REGISTERS: State.FPU + 0x40,
  /** XMM0-XMM7, 16 bytes each. */
  XMM: State.FPU + 0x100,
} as const;

/**
 * Where an SSE floating-point computation finds its operands and leaves its result: 16 bytes each, lanes little-
 * endian. FIRST is the destination operand, SECOND the source, PREDICATE (32 bits) a compare's immediate.
 */
export const SseScratch = {
  FIRST: State.FPU + 0x180,
  SECOND: State.FPU + 0x190,
  RESULT: State.FPU + 0x1a0,
  PREDICATE: State.FPU + 0x1b0,
} as const;

/** Status word bits (SDM vol. 1, figure 8-4). The exception bits are those of the control word's masks too. */
export const FpuStatus = {
  IE: 1 << 0,
  DE: 1 << 1,
  ZE: 1 << 2,
  OE: 1 << 3,
  UE: 1 << 4,
  PE: 1 << 5,
  SF: 1 << 6,
  ES: 1 << 7,
  C0: 1 << 8,
  C1: 1 << 9,
  C2: 1 << 10,
  TOP_SHIFT: 11,
  TOP: 7 << 11,
  C3: 1 << 14,
  B: 1 << 15,
} as const;

/** The six exceptions: flags in the status word, masks in the control word. */
export const FPU_EXCEPTIONS = 0x3f;

/** Control word fields (SDM vol. 1, figure 8-6). Bit 6 always reads as one, bits 7 and 13-15 as zero. */
export const FpuControl = {
  PRECISION_SHIFT: 8,
  ROUNDING_SHIFT: 10,
  ALWAYS_ONE: 1 << 6,
  DEFINED: 0x1f7f,
  /** What FINIT loads. */
  INITIAL: 0x037f,
  /** What a processor reset loads (SDM vol. 3, table 9-1). */
  RESET: 0x0040,
} as const;

/** MXCSR fields (SDM vol. 1, figure 10-3). Bits 0-5 are the flags, in the order of the status word's. */
export const Mxcsr = {
  DAZ: 1 << 6,
  MASKS_SHIFT: 7,
  ROUNDING_SHIFT: 13,
  FTZ: 1 << 15,
} as const;

/** MXCSR after reset, and the bits of it that may be set (SDM vol. 1, section 10.2.3). */
export const MXCSR_INITIAL = 0x1f80;
export const MXCSR_MASK = 0xffff;

/** A typed view of the FPU's state for TypeScript code. */
export class FpuState {
  readonly words: Int32Array;

  constructor(words: Int32Array) {
    this.words = words;
  }

  get control(): number {
    return this.words[Fpu.CONTROL >> 2];
  }
  /** Loads the control word; exceptions already flagged become pending when this unmasks them. */
  set control(value: number) {
    this.words[Fpu.CONTROL >> 2] = (value & FpuControl.DEFINED) | FpuControl.ALWAYS_ONE;
    this.status = this.words[Fpu.STATUS >> 2];
  }

  get status(): number {
    return this.words[Fpu.STATUS >> 2];
  }
  /** Loads the status word; ES and B follow from the flags and the masks. */
  set status(value: number) {
    const pending = (value & ~this.control & FPU_EXCEPTIONS) !== 0;
    const summary = FpuStatus.ES | FpuStatus.B;
    this.words[Fpu.STATUS >> 2] = pending ? value | summary : value & ~summary;
    if (!pending) this.words[Fpu.FERR >> 2] = 0;
  }

  get top(): number {
    return (this.status >> FpuStatus.TOP_SHIFT) & 7;
  }
  set top(value: number) {
    const status = this.words[Fpu.STATUS >> 2];
    this.words[Fpu.STATUS >> 2] = (status & ~FpuStatus.TOP) | ((value & 7) << FpuStatus.TOP_SHIFT);
  }

  /** One bit a physical register, set where it is not empty. */
  get occupied(): number {
    return this.words[Fpu.OCCUPIED >> 2];
  }
  set occupied(value: number) {
    this.words[Fpu.OCCUPIED >> 2] = value & 0xff;
  }

  /** Whether ST(index) is empty. */
  isEmpty(index: number): boolean {
    return ((this.occupied >> ((this.top + index) & 7)) & 1) === 0;
  }
  /** Marks ST(index) empty. */
  free(index: number): void {
    this.occupied &= ~(1 << ((this.top + index) & 7));
  }
  /** Marks ST(index) as holding something. */
  occupy(index: number): void {
    this.occupied |= 1 << ((this.top + index) & 7);
  }
  pop(): void {
    this.free(0);
    this.top++;
  }

  /** Index into `words` of ST(index): two words of significand, one of exponent and sign. */
  registerWord(index: number): number {
    return (Fpu.REGISTERS >> 2) + ((this.top + index) & 7) * 4;
  }

  /** FINIT (SDM vol. 2): register contents stay, all are marked empty. */
  initialize(): void {
    this.words.fill(0, Fpu.STATUS >> 2, (Fpu.FDS >> 2) + 1);
    this.control = FpuControl.INITIAL;
  }

  /** Power-up and RESET (SDM vol. 3, table 9-1): all registers hold +0.0 and are marked so. */
  reset(): void {
    this.words.fill(0, Fpu.CONTROL >> 2, (Fpu.XMM >> 2) + 32);
    this.control = FpuControl.RESET;
    this.occupied = 0xff;
    this.words[Fpu.MXCSR >> 2] = MXCSR_INITIAL;
  }
}
