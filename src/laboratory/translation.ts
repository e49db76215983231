/** What a block became in the translation cache, record by record, read from the records themselves. */
import type { Block } from '../cache/block.ts';
import { callouts } from '../instructions/callouts/index.ts';
import { fusions, type Handler, handlerOf, Special } from '../instructions/handlers.ts';
import { CalloutDetail, numberedCallouts, WITNESSED } from '../instructions/operands.ts';
import { RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { x87 } from '../instructions/x87/x87.ts';
import { PAGE_SIZE } from '../memory/layout.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { SystemBase } from '../x86/state.ts';

/** One guest instruction in the cache. */
export interface TranslatedInstruction {
  /**
   * `ident`: as it is, on the processor's state. `in cache`: on the guest's virtual state, without leaving the cache.
   * `callout`: by the monitor. `undefined`: raises an exception.
   */
  readonly treatment: 'ident' | 'in cache' | 'callout' | 'undefined';
  /** The handler or callout that executes it. */
  readonly executor: string;
  /** Executed by a function of the host: too long, or too rare, for the engine's own code. */
  readonly byHost: boolean;
  /** The engine's handler leaves rare cases to a function of the host, of the monitor if it is in the cache. */
  readonly mayCallHost: boolean;
  /** Executed with the instruction before by one dispatch. */
  readonly fusedWithPrevious: boolean;
  /**
   * What else happens: its executions are counted, as it was `adapted` for trapping too often; or the monitor is a
   * `witness`, and compares what it did with what it should have done.
   */
  readonly besides: 'adapted' | 'witness' | null;
}

/** A way out of a block. */
export type Exit =
  | {
      readonly kind: 'direct';
      /** How it is taken. */
      readonly way: 'taken' | 'not taken' | 'jump' | 'call' | 'continue';
      readonly linear: number;
      /**
       * `linked`: the engine goes on at the target's records. `page`: it does if the TLB still leads to the physical
       * page. `lookup`: the target is looked up, as it was never reached from here, or left the cache.
       */
      readonly chained: 'linked' | 'page' | 'lookup';
      /** Physical address of the target's page, for `page`. */
      readonly page: number | null;
    }
  /** The target is known only when it runs: a return, an indirect or far transfer, a change of mode. */
  | { readonly kind: 'lookup' }
  /** An exception. */
  | { readonly kind: 'exception' };

export interface Translation {
  /** Physical address of the page that the guard at its start asks for; null without a guard. */
  readonly guard: number | null;
  readonly instructions: readonly TranslatedInstruction[];
  readonly exits: readonly Exit[];
  readonly records: number;
  readonly recordBytes: number;
  /** Direct exits of other blocks, and its own, that are linked to it. */
  readonly incoming: number;
}

const CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];
const firstFusion = fusions[0]?.number ?? Number.POSITIVE_INFINITY;

/** A handler by what it is made for: `mov.32 reg, [base]`. */
const nameOf = ({ spec, form }: Handler): string => {
  const condition = spec.variants?.conditions ? CONDITIONS[form.condition] : '';
  const size = spec.sizes.length > 1 ? `.${form.size * 8}` : '';
  const rep = form.rep === 0 ? '' : form.rep === 1 ? 'rep ' : 'repne ';
  const operands = form.operands.map((kind) => (kind === 'mem' ? `[${form.address}]` : kind));
  return `${rep}${spec.name}${condition}${size} ${operands.join(', ')}`.trim();
};
const hasCallout = (name: string): boolean => Object.hasOwn(callouts, name) || Object.hasOwn(x87, name);

/** Handlers that read a segment register find it by the record, all others by what they are made for. */
const READS_SEGMENT = new Set(['push.segment', 'mov.from.segment']);
const isVirtual = (memory: PhysicalMemory, record: number, { spec, form }: Handler): boolean =>
  READS_SEGMENT.has(spec.name)
    ? memory.view.getUint16(record + RecordOffset.REG1, true) >= SystemBase.VIRTUAL
    : form.system === SystemBase.VIRTUAL;

/** The record that executes an instruction, among those that are its own, and what the others are for. */
const executingRecord = (
  { view }: PhysicalMemory,
  first: number,
): { readonly record: number; readonly besides: TranslatedInstruction['besides'] } => {
  const { name } = handlerOf(view.getUint16(first + RecordOffset.HANDLER, true))!.spec;
  const next = first + RECORD_SIZE;
  if (name === 'adapted') return { record: next, besides: 'adapted' };
  const isCallout = name === 'callout' || name === 'callout.end';
  const witnessed = isCallout && view.getUint16(first + RecordOffset.CALLOUT, true) === WITNESSED;
  return witnessed ? { record: next, besides: 'witness' } : { record: first, besides: null };
};
/** First records of a block's instructions. */
const instructionRecords = ({ bytes }: PhysicalMemory, { record, recordCount }: Block): number[] => {
  const firsts: number[] = [];
  for (let i = 0, remaining = 0; i < recordCount; i++) {
    const at = record + i * RECORD_SIZE;
    const own = bytes[at + RecordOffset.REMAINING]!;
    // A guard has no length, and neither has what continues a block behind its last instruction.
    if (bytes[at + RecordOffset.LENGTH] === 0 || own === remaining) continue;
    remaining = own;
    firsts.push(at);
  }
  return firsts;
};

const instructionAt = (memory: PhysicalMemory, record: number): TranslatedInstruction => {
  const number = memory.view.getUint16(record + RecordOffset.HANDLER, true);
  const handler = handlerOf(number)!;
  const { name } = handler.spec;
  const base = { byHost: false, mayCallHost: false, fusedWithPrevious: false, besides: null };
  if (name === 'undefined' || name === 'too.long')
    return { ...base, treatment: 'undefined', executor: name === 'undefined' ? '#UD' : '#GP' };
  if (name === 'callout' || name === 'callout.end') {
    const callout = numberedCallouts[memory.view.getUint16(record + RecordOffset.CALLOUT, true)]!;
    const virtual = (memory.bytes[record + RecordOffset.DETAIL]! & CalloutDetail.VIRTUAL) !== 0;
    return { ...base, treatment: virtual ? 'callout' : 'ident', executor: callout.name, byHost: true };
  }
  const treatment = isVirtual(memory, record, handler) ? 'in cache' : 'ident';
  return { ...base, treatment, executor: nameOf(handler), mayCallHost: hasCallout(name) };
};

type Way = Extract<Exit, { kind: 'direct' }>['way'];
/** Slots and ways of direct exits, by what executes the last record. */
const directExits = (name: string): readonly (readonly [slot: 0 | 1, way: Way])[] => {
  if (name === 'jmp') return [[0, 'jump']];
  if (name === 'call') return [[0, 'call']];
  if (name === 'continue') return [[1, 'continue']];
  const conditional = name === 'j' || name === 'jcxz' || name.startsWith('loop');
  return conditional
    ? [
        [0, 'taken'],
        [1, 'not taken'],
      ]
    : [];
};

const exitsOf = (memory: PhysicalMemory, block: Block): Exit[] => {
  const record = block.record + (block.recordCount - 1) * RECORD_SIZE;
  const { view } = memory;
  const { spec } = handlerOf(view.getUint16(record + RecordOffset.HANDLER, true))!;
  if (spec.name === 'undefined' || spec.name === 'too.long') return [{ kind: 'exception' }];
  const direct = directExits(spec.name);
  if (direct.length === 0) return [{ kind: 'lookup' }];
  const page = block.linear - (block.linear & (PAGE_SIZE - 1));
  return direct.map(([slot, way]): Exit => {
    const target = view.getInt32(record + (slot === 0 ? RecordOffset.TARGET0 : RecordOffset.TARGET1), true);
    const linear = (page + target) >>> 0;
    const linked = block.outgoing[slot];
    if (!linked) return { kind: 'direct', way, linear, chained: 'lookup', page: null };
    const proof = view.getInt32(
      record + (slot === 0 ? RecordOffset.LINK0_PROOF : RecordOffset.LINK1_PROOF),
      true,
    );
    if (proof === 0) return { kind: 'direct', way, linear, chained: 'linked', page: null };
    const its = linked.physical - (linked.physical & (PAGE_SIZE - 1));
    return { kind: 'direct', way, linear, chained: 'page', page: its };
  });
};

/** Describes a block that is in the cache. Not to be called while an engine executes. */
export const describeTranslation = (memory: PhysicalMemory, block: Block): Translation => {
  const { view } = memory;
  const guarded = view.getUint16(block.record + RecordOffset.HANDLER, true) === Special.GUARD;
  const executing = instructionRecords(memory, block).map((first) => executingRecord(memory, first));
  const isFused = (i: number): boolean => {
    const record = executing[i]?.record;
    return record !== undefined && view.getUint16(record + RecordOffset.HANDLER, true) >= firstFusion;
  };
  return {
    guard: guarded ? block.secondPage - (block.secondPage & (PAGE_SIZE - 1)) : null,
    instructions: executing.map(({ record, besides }, i) => ({
      ...instructionAt(memory, record),
      fusedWithPrevious: isFused(i - 1),
      besides,
    })),
    exits: exitsOf(memory, block),
    records: block.recordCount,
    recordBytes: block.recordCount * RECORD_SIZE,
    incoming: block.incoming.length,
  };
};
