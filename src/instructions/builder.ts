/**
 * The builder: the small language in which every instruction's meaning is written, once.
 *
 * An instruction body calls these methods; an engine decides what a call does. The reference engine computes
 * at once on plain numbers. The core generator emits WebAssembly for a record whose operands are read at run
 * time. A region compiler can do the same with operands as constants and registers in locals.
 *
 * Rules for bodies:
 * - A `Value` is opaque. A condition that depends on the guest is `b.if(…)`, never TypeScript's `if`, which
 *   may only look at the form (operand kinds, sizes): that is known when code is generated.
 * - Everything that can fault comes before the first change of registers, flags or memory. Generators check
 *   this. An instruction that commits in steps (REP) says so with `b.commit()`.
 * - All values are 32 bits wide and arithmetic wraps. Narrow operands arrive zero-extended; `write` and
 *   stores ignore the upper bits.
 */
import { Seg, type Size } from '../x86/registers.ts';
import { SegmentField, State, System, SystemBase, segmentAddress } from '../x86/state.ts';
import type { Form } from './form.ts';
import type {
  Packed,
  PackedBinaryOp,
  PackedShiftOp,
  PackedSize,
  PackedTestOp,
  PackedUnaryOp,
  PackedVariable,
  SplatOp,
} from './packed.ts';
import { RecordField } from './record.ts';

declare const value32: unique symbol;
declare const value64: unique symbol;
/** A 32-bit value of the running guest. */
export interface Value {
  readonly [value32]: true;
}
/** A 64-bit value of the running guest. */
export interface Wide {
  readonly [value64]: true;
}
/** A value, or a constant of the form. */
export type Input = Value | number;

/** A value that changes within a body: across `if` and `while`. */
export interface Variable {
  get(): Value;
  set(value: Input): void;
}

export type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shrU'
  | 'shrS'
  | 'rotl'
  | 'rotr'
  | 'divU'
  | 'divS'
  | 'remU'
  | 'remS'
  | 'eq'
  | 'ne'
  | 'ltU'
  | 'ltS'
  | 'leU'
  | 'gtU'
  | 'geU';
export type UnaryOp = 'eqz' | 'clz' | 'ctz' | 'popcnt' | 'extend8' | 'extend16';
export type WideOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shrU'
  | 'shrS'
  | 'divU'
  | 'remU'
  | 'divS'
  | 'remS';
export type WideTest = 'eq' | 'ne' | 'ltU' | 'ltS';

/** Whether a memory access reads, writes, or reads and then writes. */
export type Access = 'read' | 'write' | 'update';

/** A location that was checked for an update and can no longer fault. */
export interface Location {
  readonly linear: Value;
  readonly pointer: Value;
  readonly size: number;
}

export abstract class Builder {
  abstract readonly form: Form;

  // ---- primitives: what an engine provides -----------------------------------------------------------

  protected abstract binary(op: BinaryOp, a: Input, b: Input): Value;
  protected abstract unary(op: UnaryOp, a: Input): Value;
  protected abstract wideBinary(op: WideOp, a: Wide, b: Wide): Wide;
  protected abstract wideTest(op: WideTest, a: Wide, b: Wide): Value;
  abstract constant(value: number): Value;
  abstract wideConstant(value: bigint): Wide;
  /** Zero- or sign-extends to 64 bits; takes the low 32 bits. */
  abstract widen(a: Input, signed: boolean): Wide;
  abstract narrow(a: Wide): Value;
  abstract select(condition: Value, a: Input, b: Input): Value;
  abstract wideSelect(condition: Value, a: Wide, b: Wide): Wide;
  abstract variable(initial: Input): Variable;
  abstract if(condition: Value, then: () => void, otherwise?: () => void): void;
  abstract while(condition: () => Value, body: () => void): void;

  /** A word of the processor's state at a fixed address. */
  abstract loadState(address: number, size?: Size): Value;
  abstract storeState(address: number, value: Input, size?: Size): void;
  abstract storeStateWide(address: number, value: Wide): void;
  /** A field of the instruction's record (record.ts). */
  abstract field(field: RecordField): Value;
  /** State at an address computed from the record, such as a register operand. */
  abstract loadAt(address: Value, size: Size): Value;
  abstract storeAt(address: Value, value: Input, size: Size): void;
  abstract loadAtWide(address: Value): Wide;
  abstract storeAtWide(address: Value, value: Wide): void;

  /** Reads guest memory. @param linear address @returns zero-extended */
  abstract load(linear: Input, size: Size): Value;
  abstract store(linear: Input, size: Size, value: Input): void;
  /**
   * Where `size` bytes of guest memory are that a supervisor may read, for `loadAt`.
   * @returns 0 where the TLB does not have them, or they cross a page
   */
  abstract supervisorAddress(linear: Value, size: number): Value;
  /** Checks a read-modify-write once; `loadLocation` and `storeLocation` then cannot fault. @param size 1-8 */
  abstract locate(linear: Input, size: number): Location;
  abstract loadLocation(location: Location, size: Size, offset?: number): Value;
  abstract storeLocation(location: Location, size: Size, value: Input, offset?: number): void;
  /** Ends the update; must follow the last `storeLocation`. */
  abstract commitLocation(location: Location): void;
  /**
   * Copies or fills whole runs of guest RAM when both lie ready in the TLB, else does nothing.
   * All addresses are linear and must not leave their page. @returns nonzero if it was done
   */
  abstract copyRun(to: Value, from: Value, bytes: Value): Value;
  abstract fillRun(to: Value, value: Value, size: Size, bytes: Value): Value;

  // ---- vectors (packed.ts) ---------------------------------------------------------------------------

  abstract packedUnary(op: PackedUnaryOp, a: Packed): Packed;
  abstract packedBinary(op: PackedBinaryOp, a: Packed, b: Packed): Packed;
  abstract packedShift(op: PackedShiftOp, a: Packed, count: Input): Packed;
  abstract packedTest(op: PackedTestOp, a: Packed): Value;
  abstract splat(op: SplatOp, a: Input): Packed;
  /** @param words four 32-bit lanes, lane 0 first */
  abstract packedConstant(...words: readonly [number, number, number, number]): Packed;
  /** Bytes of `a` (0-15) and `b` (16-31) by number. @param bytes 16 */
  abstract shuffle(a: Packed, b: Packed, bytes: readonly number[]): Packed;
  /** The bits of `a` where the mask has ones, else those of `b`. */
  abstract bitselect(a: Packed, b: Packed, mask: Packed): Packed;
  abstract packedSelect(condition: Value, a: Packed, b: Packed): Packed;
  abstract packedVariable(initial: Packed): PackedVariable;
  abstract lane32(a: Packed, lane: 0 | 1 | 2 | 3): Value;
  abstract withLane32(a: Packed, lane: 0 | 1 | 2 | 3, value: Input): Packed;
  /** State at an address computed from the record; 4 and 8 bytes arrive below zeros. */
  abstract loadAtPacked(address: Input, size: PackedSize): Packed;
  /** Stores the low 4 or 8 bytes, or all. */
  abstract storeAtPacked(address: Input, value: Packed, size: PackedSize): void;
  /** Reads guest memory; 4 and 8 bytes arrive below zeros. @param linear any address */
  abstract loadPacked(linear: Input, size: PackedSize): Packed;
  /** Writes the low 4 or 8 bytes, or all, to guest memory; nothing when any part of it faults. */
  abstract storePacked(linear: Input, size: PackedSize, value: Packed): void;
  /**
   * An SSE floating-point computation (sse/computations.ts). Raises #XM, or #UD with CR4.OSXMMEXCPT clear,
   * for an unmasked exception: nothing but MXCSR has changed then.
   * @param first the destination operand @param predicate a comparison's immediate
   */
  abstract compute(number: number, first: Packed, second: Packed, predicate?: Input): Packed;
  /** Reports a pending x87 exception: #MF, or with CR0.NE clear as the platform wants it (SDM vol. 3, 2.5). */
  abstract reportFloatingPointError(): void;

  /** Leaves the instruction with an exception. @param error pushed where the vector has an error code */
  abstract raise(vector: number, error?: Input): void;
  /** Checks a segment-relative access against the segment's ranges; raises #GP(0) or #SS(0). */
  abstract checkSegment(segment: Value, offset: Value, size: number, access: Access): void;
  /** Declares that what was done so far stays, even if a later access of this instruction faults. */
  abstract commit(): void;
  /**
   * Leaves the engine behind this instruction if an interrupt is pending and `enabled` is nonzero, or if
   * `stepping` is: TF was set.
   */
  abstract pollEvents(enabled: Value, stepping?: Value): void;
  /** Holds interrupts off until the next instruction has been executed (SDM vol. 2, STI, MOV). */
  abstract shadowInterrupts(): void;
  /** Instructions that may be executed before State.BUDGET runs out, this one included. */
  abstract instructionsLeft(): Value;

  /** Ends the block: continue at one of the record's two direct targets. */
  abstract goto(target: 0 | 1): void;
  /** Ends the block: continue at an offset in CS that is known only now. */
  abstract gotoOffset(offset: Input): void;
  /** Executes the same record again, as the next instruction. */
  abstract repeat(): void;
  /** Runs the record's callout (callouts.ts). @param endsBlock whether it sets EIP itself */
  abstract callout(endsBlock: boolean): void;

  // ---- arithmetic ------------------------------------------------------------------------------------

  add(a: Input, b: Input) {
    return this.binary('add', a, b);
  }
  sub(a: Input, b: Input) {
    return this.binary('sub', a, b);
  }
  mul(a: Input, b: Input) {
    return this.binary('mul', a, b);
  }
  and(a: Input, b: Input) {
    return this.binary('and', a, b);
  }
  or(a: Input, b: Input) {
    return this.binary('or', a, b);
  }
  xor(a: Input, b: Input) {
    return this.binary('xor', a, b);
  }
  not(a: Input) {
    return this.binary('xor', a, -1);
  }
  shl(a: Input, b: Input) {
    return this.binary('shl', a, b);
  }
  shrU(a: Input, b: Input) {
    return this.binary('shrU', a, b);
  }
  shrS(a: Input, b: Input) {
    return this.binary('shrS', a, b);
  }
  rotl(a: Input, b: Input) {
    return this.binary('rotl', a, b);
  }
  rotr(a: Input, b: Input) {
    return this.binary('rotr', a, b);
  }
  divU(a: Input, b: Input) {
    return this.binary('divU', a, b);
  }
  remU(a: Input, b: Input) {
    return this.binary('remU', a, b);
  }
  divS(a: Input, b: Input) {
    return this.binary('divS', a, b);
  }
  remS(a: Input, b: Input) {
    return this.binary('remS', a, b);
  }
  /** Comparisons give 1 or 0. */
  eq(a: Input, b: Input) {
    return this.binary('eq', a, b);
  }
  ne(a: Input, b: Input) {
    return this.binary('ne', a, b);
  }
  ltU(a: Input, b: Input) {
    return this.binary('ltU', a, b);
  }
  ltS(a: Input, b: Input) {
    return this.binary('ltS', a, b);
  }
  leU(a: Input, b: Input) {
    return this.binary('leU', a, b);
  }
  gtU(a: Input, b: Input) {
    return this.binary('gtU', a, b);
  }
  geU(a: Input, b: Input) {
    return this.binary('geU', a, b);
  }
  eqz(a: Input) {
    return this.unary('eqz', a);
  }
  clz(a: Input) {
    return this.unary('clz', a);
  }
  ctz(a: Input) {
    return this.unary('ctz', a);
  }
  popcnt(a: Input) {
    return this.unary('popcnt', a);
  }
  wideAdd(a: Wide, b: Wide) {
    return this.wideBinary('add', a, b);
  }
  wideSub(a: Wide, b: Wide) {
    return this.wideBinary('sub', a, b);
  }
  wideMul(a: Wide, b: Wide) {
    return this.wideBinary('mul', a, b);
  }
  wideAnd(a: Wide, b: Wide) {
    return this.wideBinary('and', a, b);
  }
  wideXor(a: Wide, b: Wide) {
    return this.wideBinary('xor', a, b);
  }
  wideOr(a: Wide, b: Wide) {
    return this.wideBinary('or', a, b);
  }
  wideShl(a: Wide, b: Wide) {
    return this.wideBinary('shl', a, b);
  }
  wideShrU(a: Wide, b: Wide) {
    return this.wideBinary('shrU', a, b);
  }
  wideShrS(a: Wide, b: Wide) {
    return this.wideBinary('shrS', a, b);
  }
  wideDivU(a: Wide, b: Wide) {
    return this.wideBinary('divU', a, b);
  }
  wideRemU(a: Wide, b: Wide) {
    return this.wideBinary('remU', a, b);
  }
  wideDivS(a: Wide, b: Wide) {
    return this.wideBinary('divS', a, b);
  }
  wideRemS(a: Wide, b: Wide) {
    return this.wideBinary('remS', a, b);
  }
  wideEq(a: Wide, b: Wide) {
    return this.wideTest('eq', a, b);
  }
  wideNe(a: Wide, b: Wide) {
    return this.wideTest('ne', a, b);
  }
  wideLtU(a: Wide, b: Wide) {
    return this.wideTest('ltU', a, b);
  }
  /** The high half of a 64-bit value. */
  high(a: Wide) {
    return this.narrow(this.wideShrU(a, this.wideConstant(32n)));
  }

  /** Zero-extends the low `size` bytes. */
  zeroExtend(a: Input, size: Size): Value {
    return size === 4 ? this.input(a) : this.and(a, size === 2 ? 0xffff : 0xff);
  }
  /** Sign-extends the low `size` bytes. */
  signExtend(a: Input, size: Size): Value {
    return size === 4 ? this.input(a) : this.unary(size === 2 ? 'extend16' : 'extend8', a);
  }
  /** Makes a value of a constant. */
  input(a: Input): Value {
    return typeof a === 'number' ? this.constant(a) : a;
  }

  // ---- registers and operands ------------------------------------------------------------------------

  /** A general register by number; bytes 4-7 are AH, CH, DH, BH. */
  reg(index: number, size: Size = 4): Value {
    return this.loadState(gprAddress(index, size), size);
  }
  setReg(index: number, value: Input, size: Size = 4): void {
    this.storeState(gprAddress(index, size), value, size);
  }
  /** The record's register operand, or the immediate, zero-extended to the operand size. */
  regOperand(slot: 0 | 1, size: Size = this.form.size): Value {
    return this.loadAt(this.field(slot === 0 ? RecordField.REG0 : RecordField.REG1), size);
  }
  setRegOperand(slot: 0 | 1, value: Input, size: Size = this.form.size): void {
    this.storeAt(this.field(slot === 0 ? RecordField.REG0 : RecordField.REG1), value, size);
  }
  immediate(): Value {
    return this.field(RecordField.IMMEDIATE);
  }

  /** Effective address of the memory operand: an offset in its segment. @param extra added before wrapping */
  effectiveAddress(extra: Input = 0): Value {
    const base = this.loadAt(this.field(RecordField.BASE), 4);
    const simple = this.add(this.add(base, this.field(RecordField.DISPLACEMENT)), extra);
    if (this.form.address === 'base') return simple;
    const index = this.loadAt(this.field(RecordField.INDEX), 4);
    const sum = this.add(simple, this.shl(index, this.field(RecordField.SCALE)));
    return this.form.address === 'segmented' ? this.and(sum, this.field(RecordField.ADDRESS_MASK)) : sum;
  }
  /** Linear address of the memory operand, checked against its segment. @param size bytes accessed */
  operandLinear(size: number, access: Access, extra: Input = 0): Value {
    const offset = this.effectiveAddress(extra);
    if (this.form.address !== 'segmented') return offset;
    return this.translateSegment(this.field(RecordField.SEGMENT), offset, size, access);
  }
  /** Linear address of segment:offset for a fixed segment register; free where blocks are flat. */
  linear(segment: number, offset: Value, size: number, access: Access): Value {
    if (this.form.flat && segment <= Seg.DS) return offset;
    const address = this.constant(segmentAddress(SystemBase.PHYSICAL, segment));
    return this.translateSegment(address, offset, size, access);
  }
  /** Checks segment:offset and adds the base. @param segment address of the segment register's state */
  translateSegment(segment: Value, offset: Value, size: number, access: Access): Value {
    this.checkSegment(segment, offset, size, access);
    return this.add(offset, this.loadAt(this.add(segment, SegmentField.BASE), 4));
  }

  // ---- instruction pointer and system state ----------------------------------------------------------

  /** EIP of the next instruction. */
  nextOffset(): Value {
    const end = this.add(this.field(RecordField.PAGE_OFFSET), this.field(RecordField.LENGTH));
    return this.add(this.loadState(State.EIP_PAGE), end);
  }
  /** A word of the system state this form works on: the processor's, or the guest's virtual one. */
  system(offset: number): Value {
    return this.loadState(this.form.system + offset);
  }
  setSystem(offset: number, value: Input): void {
    this.storeState(this.form.system + offset, value);
  }
  cpl(): Value {
    return this.system(System.CPL);
  }
}

const gprAddress = (index: number, size: Size): number =>
  State.GPR + (size === 1 ? (index & 3) * 4 + (index >> 2) : index * 4);
