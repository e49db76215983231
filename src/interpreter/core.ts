/**
 * Generates the interpreter core: one WebAssembly module whose `run` is a loop over records with one
 * `br_table`. Hot handlers are its cases; the others are functions of their own behind a table.
 */
import { fusions, HANDLER_COUNT, type Handler, handlers, Special } from '../instructions/handlers.ts';
import { PROFILE_COUNTER_SIZE, RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { execute } from '../instructions/spec.ts';
import {
  JUMP_CACHE_BASE,
  JUMP_CACHE_ENTRIES,
  JumpCacheField,
  PAGE_SIZE,
  TLB_EXECUTE_OFFSET,
} from '../memory/layout.ts';
import { FunctionWriter, ModuleWriter, Op, ValType } from '../wasm/writer.ts';
import { Seg } from '../x86/registers.ts';
import {
  HISTORY_LENGTH,
  HISTORY_STEP,
  SegmentField,
  State,
  SystemBase,
  segmentAddress,
} from '../x86/state.ts';
import { declare, loadState, type Module, save, signature, tlbIndex } from './core-functions.ts';
import { CoreLocal, type Leaving } from './core-value-builder.ts';
import { CoreVectorBuilder } from './core-vector-builder.ts';
import { Exit } from './exits.ts';

/** An out-of-line handler that continues at direct target k returns this plus k. */
const STATUS_GOTO = 16;
/** One that leaves its instruction to the record's callout returns this. */
const STATUS_CALLOUT = 18;

const { i32 } = ValType;
const CS_BASE = segmentAddress(SystemBase.PHYSICAL, Seg.CS) + SegmentField.BASE;

/** Pushes the TLB execute word for the linear address in a local. */
const executeWord = (w: FunctionWriter, linear: number): void => {
  w.get(CoreLocal.TLB);
  tlbIndex(w, linear);
  w.memory(Op.i32Load, TLB_EXECUTE_OFFSET);
};

/** Whether a handler sets every status flag without looking at one and cannot fault on the way. */
const overwritesFlags = ({ spec, form }: Handler): boolean =>
  ['add', 'sub', 'xor', 'and', 'cmp', 'test'].includes(spec.name) && form.address === 'none';

/** A handler as a function (record, budget, tlb) -> status. */
const writeOutOfLine = (module: Module, handler: Handler): number => {
  const w = new FunctionWriter(3);
  const leave = (status: number) => {
    w.i32(status);
    w.op(Op.return);
  };
  const leaving: Leaving = {
    exit: (kind) => leave(kind),
    advance: () => leave(Exit.NEXT),
    goto: (target) => leave(STATUS_GOTO + target),
    gotoOffset(offset) {
      save(w, State.EIP, offset);
      leave(Exit.ENTER);
    },
    callout: () => leave(STATUS_CALLOUT),
  };
  const b = new CoreVectorBuilder(w, module.functions, leaving);
  b.begin(handler.form, handler.name);
  execute(b, handler.spec);
  w.i32(Exit.NEXT);
  return module.writer.function(signature(3), w.finish());
};

/** Branch depths from the body of the loop's innermost structure outwards. */
const Depth = { NEXT: 0, ENTER: 1, LOOKUP: 2, RESTART: 3, EXIT: 4 } as const;

const writeRun = (module: Module, profile: boolean): number => {
  const w = new FunctionWriter(3);
  const blocks = w.local(i32);
  const reason = w.local(i32);
  const target = w.local(i32);
  const scratch = w.local(i32);
  /** Structures between the handler being written and the record loop. */
  let outer = 0;
  const branch = (label: number, depth: number) => w.branch(Op.br, label + outer + depth);
  const exit = (kind: Exit, depth: number) => {
    w.i32(kind);
    w.set(reason);
    branch(Depth.EXIT, depth);
  };
  /** Adds to the executions of the instructions from the record on, or of those behind it. */
  const countExecutions = (change: 1 | -1, behind = false) => {
    if (!profile) return;
    const offset = behind ? PROFILE_COUNTER_SIZE : 0;
    w.get(CoreLocal.RECORD);
    w.i32(2);
    w.op(Op.i32ShrU);
    loadState(w, State.PROFILE);
    w.op(Op.i32Add);
    w.tee(scratch);
    w.get(scratch);
    w.memory(Op.i64Load, offset);
    w.i64(BigInt(change));
    w.op(Op.i64Add);
    w.memory(Op.i64Store, offset);
  };
  /** Pays for the instructions from the record on. */
  const pay = () => {
    w.get(CoreLocal.BUDGET);
    w.get(CoreLocal.RECORD);
    w.memory(Op.i32Load8U, RecordOffset.REMAINING);
    w.op(Op.i32Sub);
    w.set(CoreLocal.BUDGET);
    countExecutions(1);
  };
  const refund = () => {
    w.get(CoreLocal.BUDGET);
    w.get(CoreLocal.RECORD);
    w.memory(Op.i32Load8U, RecordOffset.REMAINING);
    w.op(Op.i32Add);
    w.set(CoreLocal.BUDGET);
    countExecutions(-1);
  };
  const nextRecord = () => {
    w.get(CoreLocal.RECORD);
    w.i32(RECORD_SIZE);
    w.op(Op.i32Add);
    w.set(CoreLocal.RECORD);
  };
  const advance = (depth: number) => {
    nextRecord();
    branch(Depth.NEXT, depth);
  };
  const repeat = (depth: number) => {
    countExecutions(1);
    countExecutions(-1, true);
    w.get(CoreLocal.BUDGET);
    w.i32(1);
    w.op(Op.i32Sub);
    w.tee(CoreLocal.BUDGET);
    w.i32(0);
    w.op(Op.i32GeS);
    w.branch(Op.brIf, Depth.NEXT + outer + depth);
    exit(Exit.REPEAT, depth);
  };
  const goto = (k: 0 | 1, depth: number) => {
    const link = k === 0 ? RecordOffset.LINK0 : RecordOffset.LINK1;
    const notLinked = (inner: number) => {
      w.block(Op.if);
      w.i32(0);
      w.i32(k);
      w.memory(Op.i32Store, State.LINK_SLOT);
      exit(Exit.LINK, depth + inner);
      w.op(Op.end);
    };
    w.get(CoreLocal.RECORD);
    w.memory(Op.i32Load, link);
    w.tee(scratch);
    w.op(Op.i32Eqz);
    notLinked(1);
    w.get(CoreLocal.RECORD);
    w.memory(Op.i32Load, link + 4);
    w.tee(reason);
    w.block(Op.if);
    loadState(w, State.EIP_PAGE);
    w.get(CoreLocal.RECORD);
    w.memory(Op.i32Load, k === 0 ? RecordOffset.TARGET0 : RecordOffset.TARGET1);
    w.op(Op.i32Add);
    w.set(target);
    // The biased address of the target's code. Words end in other bits than zero, so that none, zero, does
    // not lead to an address that ends like this one.
    executeWord(w, target);
    w.get(target);
    w.op(Op.i32Add);
    w.get(reason);
    w.op(Op.i32Ne);
    notLinked(2);
    w.i32(0);
    w.get(target);
    w.i32(-PAGE_SIZE);
    w.op(Op.i32And);
    w.memory(Op.i32Store, State.EIP_PAGE);
    w.op(Op.end);
    w.get(scratch);
    w.set(CoreLocal.RECORD);
    branch(Depth.ENTER, depth);
  };
  /** Acts on the status that an out-of-line handler or a callout left in `scratch`. */
  const dispatchStatus = (depth: number, callouts: boolean) => {
    w.get(scratch);
    w.op(Op.i32Eqz);
    w.block(Op.if);
    advance(depth + 1);
    w.op(Op.end);
    if (callouts) {
      w.get(scratch);
      w.i32(STATUS_CALLOUT);
      w.op(Op.i32Eq);
      w.block(Op.if);
      leaving.callout(false, depth + 1);
      w.op(Op.end);
    }
    w.get(scratch);
    w.i32(Exit.ENTER);
    w.op(Op.i32Eq);
    w.block(Op.if);
    loadState(w, State.EIP);
    w.set(target);
    branch(Depth.LOOKUP, depth + 1);
    w.op(Op.end);
    w.get(scratch);
    w.i32(Exit.REPEAT);
    w.op(Op.i32Eq);
    w.block(Op.if);
    repeat(depth + 1);
    w.op(Op.end);
    for (const k of [0, 1] as const) {
      w.get(scratch);
      w.i32(STATUS_GOTO + k);
      w.op(Op.i32Eq);
      w.block(Op.if);
      goto(k, depth + 1);
      w.op(Op.end);
    }
    w.get(scratch);
    w.set(reason);
    branch(Depth.EXIT, depth);
  };
  const leaving: Leaving = {
    exit: (kind, depth) => (kind === Exit.REPEAT ? repeat(depth) : exit(kind, depth)),
    advance,
    goto,
    gotoOffset(offset, depth) {
      w.get(offset);
      w.set(target);
      branch(Depth.LOOKUP, depth);
    },
    callout(_endsBlock, depth) {
      w.get(CoreLocal.RECORD);
      w.get(CoreLocal.BUDGET);
      w.call(module.callout);
      w.set(scratch);
      loadState(w, State.BUDGET);
      w.set(CoreLocal.BUDGET);
      loadState(w, State.TLB);
      w.set(CoreLocal.TLB);
      dispatchStatus(depth, false);
    },
  };

  const inline = handlers.filter((h) => h.inline);
  const cases = inline.length + fusions.length + 2;
  loadState(w, State.BLOCKS);
  w.set(blocks);
  w.block(Op.block);
  w.block(Op.loop);
  w.block(Op.block);
  w.block(Op.loop);
  // Block entry: pay for the whole block.
  w.get(blocks);
  w.i32(HISTORY_STEP);
  w.op(Op.i32Add);
  w.tee(blocks);
  w.i32(HISTORY_LENGTH * HISTORY_STEP - 1);
  w.op(Op.i32And);
  w.get(CoreLocal.RECORD);
  w.memory(Op.i32Store, State.HISTORY);
  pay();
  outer = -1;
  w.get(CoreLocal.BUDGET);
  w.i32(0);
  w.op(Op.i32LtS);
  w.block(Op.if);
  exit(Exit.BUDGET, 1);
  w.op(Op.end);
  w.block(Op.loop);
  for (let i = 0; i <= cases; i++) w.block(Op.block);
  w.get(CoreLocal.RECORD);
  w.memory(Op.i32Load16U, RecordOffset.HANDLER);
  w.op(Op.brTable);
  const caseOf = new Map([...inline, ...fusions].map((h, i) => [h.number, i + 2]));
  w.unsigned(HANDLER_COUNT);
  for (let n = 0; n < HANDLER_COUNT; n++) w.unsigned(n < 2 ? n : (caseOf.get(n) ?? cases));
  w.unsigned(cases);
  const startCase = (index: number) => {
    w.op(Op.end);
    outer = cases - index;
  };

  startCase(Special.STALE);
  exit(Exit.STALE, 0);

  startCase(Special.GUARD);
  loadState(w, CS_BASE);
  loadState(w, State.EIP_PAGE);
  w.op(Op.i32Add);
  w.i32(PAGE_SIZE);
  w.op(Op.i32Add);
  w.set(target);
  executeWord(w, target);
  w.tee(scratch);
  w.get(target);
  w.op(Op.i32Add);
  w.get(CoreLocal.RECORD);
  w.memory(Op.i32Load, RecordOffset.IMMEDIATE);
  w.op(Op.i32Eq);
  w.get(scratch);
  w.i32(0);
  w.op(Op.i32Ne, Op.i32And);
  w.block(Op.if);
  advance(1);
  w.op(Op.end);
  // The page behind is another one, or not in the TLB: the block has to be looked up anew.
  refund();
  w.i32(0);
  loadState(w, State.EIP_PAGE);
  w.get(CoreLocal.RECORD);
  w.memory(Op.i32Load16U, RecordOffset.PAGE_OFFSET);
  w.op(Op.i32Add);
  w.memory(Op.i32Store, State.EIP);
  exit(Exit.MISS, 0);

  const b = new CoreVectorBuilder(w, module.functions, leaving);
  for (const [i, handler] of inline.entries()) {
    startCase(i + 2);
    b.begin(handler.form, handler.name);
    execute(b, handler.spec);
    if (!handler.spec.endsBlock) advance(0);
  }
  for (const [i, { first, second }] of fusions.entries()) {
    startCase(inline.length + i + 2);
    b.begin(first.form, first.name, { fused: true, flagsDead: overwritesFlags(second) });
    execute(b, first.spec);
    nextRecord();
    b.begin(second.form, second.name);
    execute(b, second.spec);
    if (!second.spec.endsBlock) advance(0);
  }

  startCase(cases);
  w.get(CoreLocal.RECORD);
  w.get(CoreLocal.BUDGET);
  w.get(CoreLocal.TLB);
  w.get(CoreLocal.RECORD);
  w.memory(Op.i32Load16U, RecordOffset.HANDLER);
  w.op(Op.callIndirect);
  w.unsigned(module.writer.type(signature(3)));
  w.unsigned(0);
  w.set(scratch);
  dispatchStatus(0, true);

  w.op(Op.end, Op.end, Op.end); // record loop, block loop, lookup
  // Lookup of the block at the offset in `target`.
  outer = -3;
  w.get(target);
  loadState(w, CS_BASE);
  w.op(Op.i32Add);
  w.set(scratch);
  executeWord(w, scratch);
  w.tee(reason);
  w.block(Op.if);
  w.get(reason);
  w.get(scratch);
  w.op(Op.i32Add);
  w.tee(reason);
  w.get(reason);
  w.i32(12);
  w.op(Op.i32ShrU, Op.i32Xor);
  w.i32(JUMP_CACHE_ENTRIES - 1);
  w.op(Op.i32And);
  w.i32(4);
  w.op(Op.i32Shl);
  w.tee(CoreLocal.RECORD);
  w.memory(Op.i32Load, JUMP_CACHE_BASE + JumpCacheField.ADDRESS);
  w.get(reason);
  w.op(Op.i32Eq);
  w.get(CoreLocal.RECORD);
  w.memory(Op.i32Load, JUMP_CACHE_BASE + JumpCacheField.MODE);
  loadState(w, State.MODE);
  w.op(Op.i32Eq, Op.i32And);
  w.block(Op.if);
  w.i32(0);
  loadState(w, State.LOOKUP_HITS);
  w.i32(1);
  w.op(Op.i32Add);
  w.memory(Op.i32Store, State.LOOKUP_HITS);
  w.i32(0);
  w.get(target);
  w.get(scratch);
  w.i32(PAGE_SIZE - 1);
  w.op(Op.i32And, Op.i32Sub);
  w.memory(Op.i32Store, State.EIP_PAGE);
  w.get(CoreLocal.RECORD);
  w.memory(Op.i32Load, JUMP_CACHE_BASE + JumpCacheField.RECORD);
  w.set(CoreLocal.RECORD);
  branch(Depth.RESTART, 2);
  w.op(Op.end, Op.end);
  save(w, State.EIP, target);
  w.i32(Exit.MISS);
  w.set(reason);
  w.op(Op.end, Op.end); // restart loop, exit
  save(w, State.RECORD, CoreLocal.RECORD);
  save(w, State.BUDGET, CoreLocal.BUDGET);
  save(w, State.BLOCKS, blocks);
  w.get(reason);
  return module.writer.function(signature(3), w.finish());
};

export interface CoreOptions {
  /** Count the executions of every record, at State.PROFILE; see cache/profile.ts. Default false. */
  readonly profile?: boolean;
}

/**
 * The core as a WebAssembly binary. It imports `host.memory` and the functions `host.read`, `update`,
 * `write`, `commit` (slow memory paths) and `callout`, and exports `run(record, budget, tlb) -> Exit`.
 */
export const generateCore = ({ profile = false }: CoreOptions = {}): Uint8Array<ArrayBuffer> => {
  const writer = new ModuleWriter();
  const module = declare(writer);
  const table = new Array<number>(HANDLER_COUNT).fill(-1);
  for (const handler of handlers)
    if (!handler.inline) table[handler.number] = writeOutOfLine(module, handler);
  const run = writeRun(module, profile);
  // Slots of inline handlers are never called; any function of the right type will do.
  const filler = table.find((f) => f >= 0)!;
  writer.table(table.map((f) => (f < 0 ? filler : f)));
  writer.export('run', run);
  return writer.finish({ module: 'host', name: 'memory', pages: 1 }) as Uint8Array<ArrayBuffer>;
};
