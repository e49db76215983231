/**
 * The processor's state and where it lies in the machine's linear memory. All engines, written in
 * TypeScript or generated, work on these bytes; there is no second copy.
 *
 * General registers, lazy status flags, EIP and the FPU exist once. The *system state* (control registers,
 * descriptor tables, segment registers, privilege) exists twice: `PHYSICAL` is what the processor executes
 * with; `VIRTUAL` is what a monitor's guest believes in. Without a monitor only `PHYSICAL` is used.
 */

import { Attribute, isData, isReadable, isWritableData } from './descriptors.ts';
import { Flag, RESERVED_FLAGS, STATUS_FLAGS } from './flags.ts';
import { Seg } from './registers.ts';

/** Addresses (bytes, in the machine's linear memory) of what exists once. Everything is 32 bits unless said. */
export const State = {
  /** Eight general registers in ModRM order. */
  GPR: 0x100,
  /** A word that is always zero: the missing base or index of an address. */
  ZERO: 0x120,
  /** Instruction pointer (offset in CS); exact whenever the engine is not running. */
  EIP: 0x124,
  /** EIP minus the page offset of the running block: record offsets add to it. */
  EIP_PAGE: 0x128,
  /**
   * 64 bits: the last result for ZF, SF and PF. ZF = (low word is 0); SF = bit 63; PF = even parity of
   * (bits 0-7 xor bits 32-39). A sign-extended result has equal bits 32-39, hence its own parity.
   */
  FLAG_RESULT: 0x130,
  /**
   * EFLAGS bits that are neither status flags nor virtualised: TF DF NT RF AC ID. RF is set only while an event
   * is delivered; see RESUME.
   */
  FLAGS: 0x13c,
  /** Address of the record being executed; valid on exits and in slow paths. */
  RECORD: 0x140,
  /** Instructions left before the engine must leave, counted down a whole block at a time. */
  BUDGET: 0x144,
  /** HISTORY_STEP times the blocks entered so far, modulo 2^32. */
  BLOCKS: 0x148,
  /** Blocks found in the jump cache since the counter was last taken. */
  LOOKUP_HITS: 0x14c,
  /** Exit detail: exception vector and error code, or the chain slot to link. */
  FAULT_VECTOR: 0x154,
  FAULT_ERROR: 0x158,
  LINK_SLOT: 0x15c,
  /** Mode word of the blocks that may run now; see translator/mode.ts. */
  MODE: 0x160,
  /** Base address of the TLB's read table for the current privilege. */
  TLB: 0x164,
  /** Nonzero while an interrupt request waits for the flag IF. */
  INTERRUPT: 0x16c,
  /**
   * A sum and one of its addends. The carries of that addition, of bit 31, 30 and 3, are the flags: CF is the
   * first, OF the first xor the second, AF the third. A subtraction x - y = r is the addition r + y = x; any
   * carries v come from the addition v + v.
   */
  FLAG_SUM: 0x178,
  FLAG_ADDEND: 0x17c,
  /** BUDGET + REMAINING behind the last instruction that holds off interrupts; see Builder.shadowInterrupts. */
  SHADOW: 0x170,
  /** Nonzero asks the engine to leave at the end of the current callout. */
  LEAVE: 0x168,
  /** Nonzero while one instruction is executed at a time: a repeated one stops after each element. */
  SINGLE: 0x180,
  /** Nonzero while an instruction executes that TF was set before; delivery of an event clears it. */
  STEP: 0x184,
  /** DR6 bits of the debug trap to be taken at the next instruction boundary where traps are not held off. */
  DEBUG_TRAP: 0x188,
  /** As SHADOW, of the last instruction that holds off debug exceptions and NMI: MOV SS, POP SS. */
  HOLD: 0x18c,
  /** As SHADOW, of the last instruction that set RF: whether RF is set at this boundary. */
  RESUME: 0x190,
  /** Whether an NMI is pending, and whether the processor is blocked for it; see Nmi. */
  NMI: 0x194,

  /**
   * Added to the address of a processor's segment register: where the selector lies that instructions which are
   * not sensitive may show, such as FNSTENV. Zero, or the distance of the virtual state from the physical one.
   */
  VISIBLE: 0x198,
  /** Added to a quarter of a record's address: its counter, where executions are counted; see cache/profile.ts. */
  PROFILE: 0x19c,
  /**
   * 64 bits: what the time-stamp counter comes to when BUDGET runs out, before the system state's TSC_OFFSET is
   * added; and how many ticks an instruction takes, zero where time does not go by instructions.
   */
  TICKS: 0x1a0,
  TICKS_PER_INSTRUCTION: 0x1a8,
  /** 16 counters: executions in the cache since they were last taken; see instructions/in-cache.ts. */
  IN_CACHE: 0x1b0,

  /** x87 and later SSE state; see fpu.ts. */
  FPU: 0x200,
  /** MTRRs and PAT, 64 bits each; see memory-types.ts. */
  MEMORY_TYPES: 0x900,
  /** The first records of the blocks entered last, as a ring indexed by BLOCKS. */
  HISTORY: 0x800,
} as const;

/** Entries of State.HISTORY, a power of two, and the size of one in bytes: BLOCKS counts in it. */
export const HISTORY_LENGTH = 16;
export const HISTORY_STEP = 4;

/** Where the room for all of that ends. */
export const STATE_END = 0x1000;

/** 4 KiB behind it: what segment loads have found; see instructions/segment-lookaside.ts. No state of the guest. */
export const SEGMENT_LOOKASIDE = 0x1000;

/** Base addresses of the two system states. */
export const SystemBase = { PHYSICAL: 0x400, VIRTUAL: 0x600 } as const;
export type SystemBase = (typeof SystemBase)[keyof typeof SystemBase];

/** Offsets (bytes) within a system state. */
export const System = {
  /** IF, IOPL, VM, VIF, VIP: the EFLAGS bits a monitor must virtualise. */
  FLAGS: 0x00,
  CPL: 0x04,
  CR0: 0x08,
  CR2: 0x0c,
  CR3: 0x10,
  CR4: 0x14,
  GDTR_BASE: 0x18,
  GDTR_LIMIT: 0x1c,
  IDTR_BASE: 0x20,
  IDTR_LIMIT: 0x24,
  SYSENTER_CS: 0x28,
  SYSENTER_ESP: 0x2c,
  SYSENTER_EIP: 0x30,
  /** What the instruction just executed by a callout holds off for one instruction; see Shadow. */
  SHADOW: 0x34,
  /** Bit n: segment register n is 32-bit, base 0, limit 4 GiB, and may be written (CS: read). Derived. */
  FLAT: 0x38,
  /** DR0-DR3, (DR4, DR5 unused), DR6, DR7. */
  DR: 0x40,
  /** Eight segment registers: ES CS SS DS FS GS LDTR TR. */
  SEGMENTS: 0x80,
  /** The four PDPTE registers of PAE paging, 64 bits each (SDM vol. 3, section 4.4.1). */
  PDPTES: 0x180,
  /** Low half of IA32_EFER; the high half is reserved. */
  EFER: 0x1a0,
  /** Bit n: segment register n was loaded since a monitor looked last. Nothing a guest can find out. */
  LOADED: 0x1a4,
  /** 64 bits: what a write to the time-stamp counter has added to it. */
  TSC_OFFSET: 0x1a8,
} as const;

/** Values of System.SHADOW (SDM vol. 3, sections 6.8.1 and 6.8.3). */
export const Shadow = {
  NONE: 0,
  /** STI: maskable interrupts. */
  INTERRUPTS: 1,
  /** MOV SS, POP SS: interrupts, NMI and debug exceptions. */
  STACK: 2,
} as const;

/** Bits of State.NMI (SDM vol. 3, section 6.7.1): a handler runs without further ones until the next IRET. */
export const Nmi = { PENDING: 1, BLOCKED: 2 } as const;

/** Offsets (bytes) within a segment register, 32 bytes each. */
export const SegmentField = {
  SELECTOR: 0x00,
  BASE: 0x04,
  /** Inclusive, bytes. */
  LIMIT: 0x08,
  ATTRIBUTES: 0x0c,
  /** Lowest and highest offset that may be read; low > high when none may. Derived. */
  READ_LOW: 0x10,
  READ_HIGH: 0x14,
  /** The same for writes. Derived. */
  WRITE_LOW: 0x18,
  WRITE_HIGH: 0x1c,
} as const;
export const SEGMENT_SIZE = 0x20;

/** The EFLAGS bits held per system state. */
export const VIRTUALISED_FLAGS = Flag.IF | Flag.IOPL | Flag.VM | Flag.VIF | Flag.VIP;
/** The EFLAGS bits held in State.FLAGS. */
export const SHARED_FLAGS = Flag.TF | Flag.DF | Flag.NT | Flag.RF | Flag.AC | Flag.ID;

/** Address of a segment register. @param segment 0-5, or SystemSegment.LDTR, TR. */
export const segmentAddress = (system: SystemBase, segment: number): number =>
  system + System.SEGMENTS + segment * SEGMENT_SIZE;

const evenParity = (byte: number): boolean => {
  let b = byte & 0xff;
  b ^= b >> 4;
  return ((0x9669 >> (b & 15)) & 1) !== 0;
};

/** A typed view of the state for TypeScript code: callouts, the monitor, tests. */
export class CpuState {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly system: SystemBase;

  constructor(buffer: ArrayBufferLike, system: SystemBase) {
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.system = system;
  }

  /** Signed 32-bit value of a general register. */
  gpr(index: number): number {
    return this.words[(State.GPR >> 2) + index];
  }
  setGpr(index: number, value: number): void {
    this.words[(State.GPR >> 2) + index] = value;
  }

  /** Reads a 1, 2 or 4 byte register, zero-extended; byte registers 4-7 are AH, CH, DH, BH. */
  reg(index: number, size: number): number {
    if (size === 4) return this.gpr(index);
    if (size === 2) return this.gpr(index) & 0xffff;
    return this.bytes[State.GPR + byteRegisterOffset(index)];
  }
  setReg(index: number, size: number, value: number): void {
    if (size === 4) this.setGpr(index, value);
    else if (size === 2) this.setGpr(index, (this.gpr(index) & ~0xffff) | (value & 0xffff));
    else this.bytes[State.GPR + byteRegisterOffset(index)] = value;
  }

  /** Unsigned. */
  get eip(): number {
    return this.words[State.EIP >> 2] >>> 0;
  }
  set eip(value: number) {
    this.words[State.EIP >> 2] = value;
  }

  /** A 32-bit word at an offset of the system state, signed. */
  sys(offset: number): number {
    return this.words[(this.system + offset) >> 2];
  }
  setSys(offset: number, value: number): void {
    this.words[(this.system + offset) >> 2] = value;
  }

  /** 64 bits at an offset of the system state, signed. */
  wide(offset: number): bigint {
    return (BigInt(this.sys(offset + 4)) << 32n) | BigInt(this.sys(offset) >>> 0);
  }
  setWide(offset: number, value: bigint): void {
    this.setSys(offset, Number(BigInt.asIntN(32, value)));
    this.setSys(offset + 4, Number(BigInt.asIntN(32, value >> 32n)));
  }

  get cpl(): number {
    return this.sys(System.CPL);
  }
  set cpl(value: number) {
    this.setSys(System.CPL, value);
  }

  /** A field of a segment register. @param field one of SegmentField. */
  segment(index: number, field: number): number {
    return this.words[(segmentAddress(this.system, index) + field) >> 2];
  }
  selector(index: number): number {
    return this.segment(index, SegmentField.SELECTOR);
  }

  /**
   * Loads the visible and hidden part of a segment register and derives its access ranges.
   * @param limit inclusive, bytes @param attributes see descriptors.ts; 0 makes the segment unusable
   */
  setSegment(index: number, selector: number, base: number, limit: number, attributes: number): void {
    const at = segmentAddress(this.system, index) >> 2;
    const w = this.words;
    w[at] = selector & 0xffff;
    w[at + 1] = base;
    w[at + 2] = limit;
    w[at + 3] = attributes;
    const usable = (attributes & Attribute.PRESENT) !== 0;
    let low = 0;
    let high = limit;
    if (isData(attributes) && attributes & Attribute.EXPAND_DOWN) {
      // Expand-down: valid offsets lie above the limit (SDM vol. 3, section 5.3).
      low = (limit + 1) | 0;
      high = attributes & Attribute.DEFAULT_32 ? -1 : 0xffff;
      if (limit >>> 0 >= high >>> 0) {
        low = 1;
        high = 0;
      }
    }
    const read = usable && isReadable(attributes);
    const write = usable && isWritableData(attributes);
    w[at + 4] = read ? low : 1;
    w[at + 5] = read ? high : 0;
    w[at + 6] = write ? low : 1;
    w[at + 7] = write ? high : 0;
    const whole = base === 0 && low === 0 && (high | 0) === -1 && (attributes & Attribute.DEFAULT_32) !== 0;
    const bit = 1 << index;
    const flat = (this.system + System.FLAT) >> 2;
    if (whole && (index === Seg.CS ? read : write)) w[flat] |= bit;
    else w[flat] &= ~bit;
    w[(this.system + System.LOADED) >> 2] |= bit;
  }

  /**
   * Loads a segment register that another state has loaded, with a selector and attributes of its own: a ring
   * may differ, nothing that access ranges or System.FLAT depend on.
   */
  copySegment(from: CpuState, index: number, selector: number, attributes: number): void {
    const { words } = this;
    const source = segmentAddress(from.system, index) >> 2;
    const at = segmentAddress(this.system, index) >> 2;
    words[at] = selector;
    words[at + 1] = words[source + 1];
    words[at + 2] = words[source + 2];
    words[at + 3] = attributes;
    words[at + 4] = words[source + 4];
    words[at + 5] = words[source + 5];
    words[at + 6] = words[source + 6];
    words[at + 7] = words[source + 7];
    const bit = 1 << index;
    const flat = (this.system + System.FLAT) >> 2;
    words[flat] = (words[flat] & ~bit) | (from.sys(System.FLAT) & bit);
    words[(this.system + System.LOADED) >> 2] |= bit;
  }

  /** EFLAGS as PUSHFD would show them with every bit visible. */
  get eflags(): number {
    return (
      this.statusFlags() |
      (this.words[State.FLAGS >> 2] & SHARED_FLAGS) |
      (this.sys(System.FLAGS) & VIRTUALISED_FLAGS) |
      RESERVED_FLAGS
    );
  }
  set eflags(value: number) {
    this.setStatusFlags(value);
    this.words[State.FLAGS >> 2] = value & SHARED_FLAGS;
    this.setSys(System.FLAGS, value & VIRTUALISED_FLAGS);
  }

  /** Loads the flags of a mask from an EFLAGS image; of the status flags all or none. */
  changeFlags(mask: number, image: number): void {
    if (mask & STATUS_FLAGS) this.setStatusFlags(image);
    const shared = mask & SHARED_FLAGS;
    const { words } = this;
    words[State.FLAGS >> 2] = (words[State.FLAGS >> 2] & ~shared) | (image & shared);
    const virtualised = mask & VIRTUALISED_FLAGS;
    this.setSys(System.FLAGS, (this.sys(System.FLAGS) & ~virtualised) | (image & virtualised));
  }

  /** Materialises the six lazy status flags at their EFLAGS positions. */
  statusFlags(): number {
    const low = this.words[State.FLAG_RESULT >> 2];
    const high = this.words[(State.FLAG_RESULT >> 2) + 1];
    const sum = this.words[State.FLAG_SUM >> 2];
    const addend = this.words[State.FLAG_ADDEND >> 2];
    const other = (sum - addend) | 0;
    const carry = (addend & other) | ((addend | other) & ~sum);
    let f = 0;
    if (carry < 0) f |= Flag.CF;
    if ((carry ^ (carry << 1)) < 0) f |= Flag.OF;
    if (carry & 8) f |= Flag.AF;
    if (low === 0) f |= Flag.ZF;
    if (high < 0) f |= Flag.SF;
    if (evenParity(low ^ high)) f |= Flag.PF;
    return f;
  }

  /** Sets the six status flags from an EFLAGS image; other bits are ignored. */
  setStatusFlags(image: number): void {
    const f = image & STATUS_FLAGS;
    const low = f & Flag.ZF ? 0 : 1;
    const wantEven = (f & Flag.PF) !== 0;
    const fix = evenParity(low) === wantEven ? 0 : 1;
    const cf = f & Flag.CF ? 1 : 0;
    const of = f & Flag.OF ? 1 : 0;
    this.words[State.FLAG_RESULT >> 2] = low;
    this.words[(State.FLAG_RESULT >> 2) + 1] = (f & Flag.SF ? 1 << 31 : 0) | fix;
    const carries = (cf << 31) | ((cf ^ of) << 30) | (f & Flag.AF ? 8 : 0);
    this.words[State.FLAG_ADDEND >> 2] = carries;
    this.words[State.FLAG_SUM >> 2] = carries << 1;
  }

  flag(mask: number): boolean {
    const kept = (this.words[State.FLAGS >> 2] & SHARED_FLAGS) | (this.sys(System.FLAGS) & VIRTUALISED_FLAGS);
    return (mask & (mask & STATUS_FLAGS ? this.eflags : kept)) !== 0;
  }
}

/** Byte offset of an 8-bit register within the general registers (AL CL DL BL AH CH DH BH). */
export const byteRegisterOffset = (index: number): number => (index & 3) * 4 + (index >> 2);
