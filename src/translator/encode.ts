/** Writes records: finds an instruction's handler and fills in its operand fields. */
import type { Instruction, Operand } from '../decoder/instruction.ts';
import { type CalloutName, callouts } from '../instructions/callouts/index.ts';
import type { AddressKind, OperandKind } from '../instructions/form.ts';
import { calloutHandlers, findHandler, type Handler, type HandlerRequest } from '../instructions/handlers.ts';
import { CalloutDetail, calloutNumber, WITNESSED } from '../instructions/operands.ts';
import { RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { x87, x87Handler, x87Opcode } from '../instructions/x87/x87.ts';
import { Feature } from '../x86/cpu-models.ts';
import type { ConditionCode } from '../x86/flags.ts';
import { Fpu } from '../x86/fpu.ts';
import { Gpr, Seg, type Size } from '../x86/registers.ts';
import { byteRegisterOffset, State, SystemBase, segmentAddress } from '../x86/state.ts';
import { Mode } from './mode.ts';
import { meaningOf } from './opcodes.ts';
import { type RegisterFile, type VectorMeaning, vectorMeaningOf } from './vector-opcodes.ts';

/** How the technique wants an instruction executed. */
export const Treatment = {
  /** As it is, on the processor's own state. */
  IDENT: 0,
  /** In the cache, on the guest's virtual system state. */
  IN_CACHE: 1,
  /** By the monitor, on the guest's virtual system state. */
  CALLOUT: 2,
  /** As it is, while the monitor looks on; see Control.witness. */
  WITNESS: 3,
} as const;
export type Treatment = (typeof Treatment)[keyof typeof Treatment];

/** An instruction with its executor chosen. */
export interface Selected {
  readonly handler: Handler;
  /** Number of the callout for `callout` handlers, else -1. */
  readonly callout: number;
  readonly endsBlock: boolean;
  /** What the processor's model must have for the instruction to exist. */
  readonly feature?: Feature;
}

const gprAddress = (index: number, size: number): number =>
  State.GPR + (size === 1 ? byteRegisterOffset(index) : index * 4);
/** An MMX register is the significand of the x87 register of its number. */
const registerAddress = (file: RegisterFile, index: number): number => {
  if (file === 'xmm') return Fpu.XMM + index * 16;
  return file === 'mmx' ? Fpu.REGISTERS + index * 16 : gprAddress(index, 4);
};

type Memory = Extract<Operand, { kind: 'mem' }>;
const XLAT = 0xd7;
/** MASKMOVQ and MASKMOVDQU. */
const MASKED_STORE = 0x0ff7;
const memoryOf = (i: Instruction): Memory | undefined => {
  // What no operand of its own names: XLAT's table at EBX, the target of masked stores at EDI.
  if (i.opcode === XLAT) return { ...implicitSource(i, Gpr.EBX), size: 1 };
  if (i.opcode === MASKED_STORE) return implicitSource(i, Gpr.EDI);
  return i.operands.find((o): o is Memory => o.kind === 'mem');
};
/** DS, or an override, and a base register. */
const implicitSource = (i: Instruction, base: number): Memory => ({
  kind: 'mem',
  segment: i.segmentOverride >= 0 ? i.segmentOverride : Seg.DS,
  base,
  index: -1,
  scale: 0,
  disp: 0,
  size: i.operandSize,
});

/** Only DS, ES, SS reached with 32-bit addresses in a flat block need no segmentation. */
const addressKind = (i: Instruction, memory: Memory, mode: number): AddressKind => {
  const flat =
    mode & Mode.FLAT && i.addressSize === 4 && memory.segment < Seg.FS && memory.segment !== Seg.CS;
  if (!flat) return 'segmented';
  return memory.index >= 0 ? 'index' : 'base';
};

const STRINGS = new Set(['movs', 'cmps', 'lods', 'stos', 'scas']);
const STRING_SOURCES = new Set(['movs', 'cmps', 'lods']);

/** The operands a handler sees, where they are not simply the instruction's. */
const operandsOf = (i: Instruction, name: string): readonly Operand[] => {
  const { operands } = i;
  if (STRINGS.has(name)) return [];
  switch (name) {
    case 'j':
    case 'jmp':
    case 'call':
    case 'loop':
    case 'loope':
    case 'loopne':
    case 'jcxz':
    case 'nop':
    case 'xlat':
    case 'push.segment':
    case 'enter':
      return [];
    case 'mov.from.segment':
      return operands.slice(0, 1);
    case 'ret':
      return operands.length ? operands : [{ kind: 'imm', value: 0, size: 2 }];
    case 'xchg':
    case 'test':
      return operands[0]?.kind === 'reg' && operands[1]?.kind === 'mem'
        ? [operands[1], operands[0]]
        : operands;
    case 'rol':
    case 'ror':
    case 'rcl':
    case 'rcr':
    case 'shl':
    case 'shr':
    case 'sar':
      return operands.length === 1 ? [operands[0]!, { kind: 'imm', value: 1, size: 1 }] : operands;
    case 'imul3':
      return operands.length === 2 ? [operands[0]!, operands[0]!, operands[1]!] : operands;
    case 'mul':
    case 'imul':
    case 'div':
    case 'idiv':
      return operands.slice(-1);
    case 'aam':
    case 'aad':
      return operands.length ? operands : [{ kind: 'imm', value: 10, size: 1 }];
    default:
      return name.endsWith('.cl') ? operands.slice(0, -1) : operands;
  }
};

const shapeOf = (name: string, operands: readonly Operand[]): OperandKind[] => {
  if (STRING_SOURCES.has(name) || name === 'xlat') return ['mem'];
  if (name === 'enter') return ['imm'];
  return operands.map((o) => (o.kind === 'reg' ? 'reg' : o.kind));
};

const sizeOf = (i: Instruction, name: string, operands: readonly Operand[]): Size => {
  if (name.startsWith('movzx') || name.startsWith('movsx')) return operands[0]!.size as Size;
  return i.operandSize;
};

const selectCallout = (name: CalloutName | string, endsBlock: boolean): Selected => ({
  handler: endsBlock ? calloutHandlers.last : calloutHandlers.inside,
  callout: calloutNumber(name),
  endsBlock,
});

/**
 * What leads a witnessed instruction. Behind it lie two records that no engine comes to: the instruction as the
 * processor executes it, and as a monitor would.
 */
export const witnessed: Selected = { handler: calloutHandlers.last, callout: WITNESSED, endsBlock: true };

/** How a technique that rewrites everything has an instruction executed. */
export const virtualTreatment = (i: Instruction): Treatment => {
  const meaning = meaningOf(i);
  return meaning !== undefined && 'handler' in meaning ? Treatment.IN_CACHE : Treatment.CALLOUT;
};

/** The memory operand a handler addresses: of string instructions the source. */
const addressedMemory = (i: Instruction): Memory | undefined => {
  const meaning = meaningOf(i);
  const isString = meaning !== undefined && 'handler' in meaning && STRINGS.has(meaning.handler);
  return isString ? implicitSource(i, Gpr.ESI) : memoryOf(i);
};

/** What `choose` answered before, by everything its answer depends on. */
const chosen = new Map<number, Selected | null>();

/** @returns undefined where the instruction is not built, or has no such form */
export const select = (i: Instruction, mode: number, treatment: Treatment): Selected | undefined => {
  const memory = addressedMemory(i);
  const address = memory === undefined ? 'none' : addressKind(i, memory, mode);
  if (i.opcode > 0xffff) return undefined;
  // Two-byte opcodes keep their low byte and a mark; ModRM's register form matters as a whole.
  const opcode = (i.opcode & 0xff) | (i.opcode > 0xff ? 0x100 : 0);
  const modrm = i.modrm < 0 ? 0 : i.modrm >> 6 === 3 ? i.modrm : i.modrm & 0x38;
  const sizes = (i.operandSize >> 1) | (i.addressSize === 2 ? 4 : 0);
  const key =
    ((((opcode << 8) | modrm) << 3) | sizes) * 512 +
    (ADDRESS_KINDS.indexOf(address) |
      (i.rep << 2) |
      ((mode & 3) << 4) |
      (treatment << 6) |
      (i.operandPrefix ? 1 << 8 : 0));
  let selected = chosen.get(key);
  if (selected === undefined) {
    selected = choose(i, mode, treatment) ?? null;
    chosen.set(key, selected);
  }
  return selected ?? undefined;
};
const ADDRESS_KINDS: readonly AddressKind[] = ['none', 'base', 'index', 'segmented'];

const choose = (i: Instruction, mode: number, treatment: Treatment): Selected | undefined => {
  if (i.opcode >= 0xd8 && i.opcode <= 0xdf) {
    const name = x87Handler(i.opcode, i.modrm);
    if (name === null || !(name in x87)) return undefined;
    const callout = selectCallout(name, false);
    const feature = x87Feature(name);
    // What the builder knows for ordinary numbers goes on to the callout with all others.
    const ordinary = findHandler(name, memoryForm(i, mode));
    return { ...callout, ...(ordinary && { handler: ordinary }), ...(feature !== undefined && { feature }) };
  }
  if (i.opcode === 0x9b) return selectCallout('fwait', false);
  const vector = vectorMeaningOf(i);
  if (vector) return chooseVector(i, vector, mode);
  const meaning = meaningOf(i);
  if (!meaning) return undefined;
  const system = treatment === Treatment.IN_CACHE ? SystemBase.VIRTUAL : SystemBase.PHYSICAL;
  const needs = meaning.feature === undefined ? {} : { feature: meaning.feature };
  if ('callout' in meaning) {
    const callout = selectCallout(meaning.callout, callouts[meaning.callout].endsBlock);
    // What the builder can do of it, unless the monitor is to do all; the rest goes on to the callout.
    const form = { ...memoryForm(i, mode), system, flat: (mode & Mode.FLAT) !== 0 };
    const handler = treatment === Treatment.CALLOUT ? undefined : findHandler(meaning.callout, form);
    return { ...callout, ...needs, ...(handler && { handler }) };
  }
  const name = meaning.handler;
  const operands = operandsOf(i, name);
  const memory = addressedMemory(i);
  const shape = shapeOf(name, operands);
  const handler = findHandler(name, {
    size: sizeOf(i, name, operands),
    shape,
    address: shape.includes('mem') && memory ? addressKind(i, memory, mode) : 'none',
    flat: (mode & Mode.FLAT) !== 0,
    system,
    condition: (meaning.condition ?? 0) as ConditionCode,
    rep: i.rep === 2 && !COMPARES.has(name) ? 1 : i.rep,
    addressSize: i.addressSize,
  });
  if (!handler) return undefined;
  return { handler, callout: -1, endsBlock: handler.spec.endsBlock ?? false, ...needs };
};
/** What the builder does of callouts: a memory operand is one of the form, registers are in the record. */
const memoryForm = (i: Instruction, mode: number): HandlerRequest => {
  const memory = memoryOf(i);
  return memory ? { shape: ['mem'], address: addressKind(i, memory, mode) } : { shape: [] };
};
/** What an x87 instruction needs besides the FPU (SDM vol. 2, FCMOVcc, FCOMI, FISTTP). */
const x87Feature = (name: string): Feature | undefined => {
  if (name.startsWith('fisttp')) return Feature.SSE3;
  return /^(fcmov|fu?comip?$)/.test(name) ? Feature.CMOV : undefined;
};
const chooseVector = (i: Instruction, meaning: VectorMeaning, mode: number): Selected | undefined => {
  const { name, feature } = meaning;
  if (name in x87) return { ...selectCallout(name, false), feature };
  const memory = memoryOf(i);
  const shape: OperandKind[] = name === 'nop' || name === 'emms' ? [] : memory ? ['mem'] : ['reg'];
  const address = memory ? addressKind(i, memory, mode) : 'none';
  const handler = findHandler(name, { shape, address: shape.includes('mem') ? address : 'none' });
  return handler && { handler, callout: -1, endsBlock: false, feature };
};
const COMPARES = new Set(['cmps', 'scas']);

/** Name of the handler, callout or x87 instruction that executes an instruction; undefined where none does. */
export const executorOf = (i: Instruction): string | undefined => {
  if (i.opcode >= 0xd8 && i.opcode <= 0xdf) return x87Handler(i.opcode, i.modrm) ?? undefined;
  const meaning = meaningOf(i);
  if (!meaning) return vectorMeaningOf(i)?.name;
  return 'handler' in meaning ? meaning.handler : meaning.callout;
};

/** Writes into linear memory. */
export class RecordWriter {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  constructor(buffer: ArrayBufferLike) {
    this.#view = new DataView(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /** The fields every record has. @param pageOffset of the instruction, bytes @param remaining see record.ts */
  head(record: number, handler: number, pageOffset: number, remaining: number, length: number): void {
    this.#bytes.fill(0, record, record + RECORD_SIZE);
    this.#view.setUint16(record + RecordOffset.HANDLER, handler, true);
    this.#view.setUint16(record + RecordOffset.PAGE_OFFSET, pageOffset, true);
    this.#bytes[record + RecordOffset.REMAINING] = remaining;
    this.#bytes[record + RecordOffset.LENGTH] = length;
  }
  targets(record: number, target0: number, target1: number): void {
    this.#view.setInt32(record + RecordOffset.TARGET0, target0, true);
    this.#view.setInt32(record + RecordOffset.TARGET1, target1, true);
  }
  immediate(record: number, value: number): void {
    this.#view.setInt32(record + RecordOffset.IMMEDIATE, value, true);
  }

  #memory(record: number, memory: Memory, addressSize: number): void {
    const view = this.#view;
    view.setUint16(
      record + RecordOffset.BASE,
      memory.base >= 0 ? gprAddress(memory.base, 4) : State.ZERO,
      true,
    );
    view.setUint16(
      record + RecordOffset.INDEX,
      memory.index >= 0 ? gprAddress(memory.index, 4) : State.ZERO,
      true,
    );
    view.setInt32(record + RecordOffset.DISPLACEMENT, memory.disp, true);
    view.setUint16(record + RecordOffset.SEGMENT, segmentAddress(SystemBase.PHYSICAL, memory.segment), true);
    view.setUint32(record + RecordOffset.ADDRESS_MASK, addressSize === 2 ? 0xffff : 0xffffffff, true);
  }

  /** Operand fields of a vector instruction: registers by field of ModRM, memory, the immediate. */
  #vectorOperands(record: number, i: Instruction, { reg, rm }: VectorMeaning): void {
    const view = this.#view;
    const memory = memoryOf(i);
    if (memory) {
      this.#bytes[record + RecordOffset.SCALE] = memory.scale;
      this.#memory(record, memory, i.addressSize);
    }
    view.setUint16(record + RecordOffset.REG0, registerAddress(reg, (i.modrm >> 3) & 7), true);
    view.setUint16(record + RecordOffset.REG1, registerAddress(rm, i.modrm & 7), true);
    const immediate = i.operands.find((o) => o.kind === 'imm');
    if (immediate?.kind === 'imm') this.immediate(record, immediate.value & 0xff);
  }

  /** Operand fields of an instruction executed by a handler of the builder. */
  operands(record: number, i: Instruction, selected: Selected, treatment: Treatment): void {
    const vector = vectorMeaningOf(i);
    if (vector) {
      this.#vectorOperands(record, i, vector);
      return;
    }
    const name = selected.handler.spec.name;
    const { size } = selected.handler.form;
    const memory = memoryOf(i);
    this.#bytes[record + RecordOffset.SCALE] = memory?.scale ?? 0;
    if (memory && shapeOf(name, operandsOf(i, name)).includes('mem'))
      this.#memory(record, STRINGS.has(name) ? implicitSource(i, Gpr.ESI) : memory, i.addressSize);
    if (name === 'push.segment' || name === 'mov.from.segment') {
      const segment = i.operands.find((o) => o.kind === 'reg' && o.class === 'segment');
      const system = treatment === Treatment.IN_CACHE ? SystemBase.VIRTUAL : SystemBase.PHYSICAL;
      const index = segment?.kind === 'reg' ? segment.index : 0;
      this.#view.setUint16(record + RecordOffset.REG1, segmentAddress(system, index), true);
    }
    if (name === 'enter') {
      const [allocation, level] = i.operands;
      const value = (o: Operand | undefined) => (o?.kind === 'imm' ? o.value : 0);
      this.immediate(record, (value(allocation) & 0xffff) | ((value(level) & 31) << 16));
      return;
    }
    for (const [n, operand] of operandsOf(i, name).entries()) {
      if (operand.kind === 'imm') {
        const width = selected.handler.spec.operands[n]?.size ?? size;
        const mask = name === 'ret' ? 0xffff : width === 4 ? -1 : width === 2 ? 0xffff : 0xff;
        this.immediate(record, operand.value & mask);
      } else if (operand.kind === 'reg' && n < 2) {
        const width = selected.handler.spec.operands[n]?.size ?? size;
        const field = n === 0 ? RecordOffset.REG0 : RecordOffset.REG1;
        this.#view.setUint16(record + field, gprAddress(operand.index, width), true);
      }
    }
  }

  /** Operand fields of a callout. */
  callout(record: number, i: Instruction, selected: Selected, treatment: Treatment): void {
    const view = this.#view;
    const memory = memoryOf(i);
    let detail = treatment === Treatment.IDENT ? 0 : CalloutDetail.VIRTUAL;
    detail |= i.rep << CalloutDetail.REP_SHIFT;
    if (i.addressSize === 2) detail |= CalloutDetail.ADDRESS16;
    const isX87 = (i.opcode >= 0xd8 && i.opcode <= 0xdf) || i.opcode === 0x9b;
    const hasModrmMemory = i.modrm >= 0 && i.modrm >> 6 !== 3;
    if (memory) {
      if (hasModrmMemory) detail |= CalloutDetail.MEMORY;
      this.#memory(record, memory, i.addressSize);
    }
    const isPortString = i.opcode >= 0x6c && i.opcode <= 0x6f;
    const segment = isPortString ? implicitSource(i, Gpr.ESI).segment : (memory?.segment ?? Seg.DS);
    detail |= segment << CalloutDetail.SEGMENT_SHIFT;
    this.#bytes[record + RecordOffset.DETAIL] = detail;
    this.#bytes[record + RecordOffset.SCALE] =
      (memory?.scale ?? 0) | (i.operandSize << CalloutDetail.SIZE_SHIFT);
    const segmentRegister = i.operands.find((o) => o.kind === 'reg' && o.class === 'segment');
    const reg =
      segmentRegister?.kind === 'reg' && i.modrm < 0
        ? segmentRegister.index
        : i.modrm >= 0
          ? (i.modrm >> 3) & 7
          : 0;
    const rm = i.modrm >= 0 ? i.modrm & 7 : 0;
    view.setUint16(record + RecordOffset.REG0, reg | (rm << 8), true);
    const immediates = i.operands.filter((o) => o.kind === 'imm');
    if (isX87) this.immediate(record, i.opcode === 0x9b ? 0 : x87Opcode(i.opcode, i.modrm));
    else if (immediates.length === 2) {
      // A far pointer: selector, then offset.
      this.immediate(record, immediates[1]!.value);
      view.setUint32(record + RecordOffset.ADDRESS_MASK, immediates[0]!.value & 0xffff, true);
    } else if (immediates.length === 1) this.immediate(record, immediates[0]!.value);
    view.setUint16(record + RecordOffset.CALLOUT, selected.callout, true);
  }
}
