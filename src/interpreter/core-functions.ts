/** What the core calls: the host's functions, and quick steps in front of its slow memory paths. */
import { BOUNCE_BUFFER, PAGE_SIZE, POINTER_BIAS, TLB_WRITE_OFFSET } from '../memory/layout.ts';
import { SimdOp } from '../wasm/simd.ts';
import { FunctionWriter, type ModuleWriter, Op, ValType } from '../wasm/writer.ts';
import { Flag } from '../x86/flags.ts';
import { State } from '../x86/state.ts';

const { i32 } = ValType;
/** Of 32-bit values, with one result. */
export const signature = (parameters: number) => ({
  parameters: Array<ValType>(parameters).fill(i32),
  results: [i32],
});
/** Function indices of what handlers call. */
export interface CoreFunctions {
  readonly slowRead: number;
  readonly slowWrite: number;
  readonly slowUpdate: number;
  readonly slowCommit: number;
  readonly slowWriteBounced: number;
  readonly compute: number;
  readonly floatingPointError: number;
}

/** Stores a local into the state. */
export const save = (w: FunctionWriter, address: number, local: number): void => {
  w.i32(0);
  w.get(local);
  w.memory(Op.i32Store, address);
};
export const loadState = (w: FunctionWriter, address: number): void => {
  w.i32(0);
  w.memory(Op.i32Load, address);
};
/** Adds to the TLB's base, on the stack, the offset of the word for the linear address in a local. */
export const tlbIndex = (w: FunctionWriter, linear: number): void => {
  w.get(linear);
  w.i32(12);
  w.op(Op.i32ShrU);
  w.i32(2);
  w.op(Op.i32Shl, Op.i32Add);
};
/** The module, with what its functions call. */
export interface Module {
  readonly writer: ModuleWriter;
  readonly functions: CoreFunctions;
  readonly callout: number;
}

/**
 * The first step of a slow path: `serve` with the TLB word on the stack if there is one and the access of
 * `size` bytes at `linear` (both parameters) stays in its page. That is where unaligned accesses are served.
 */
const writeQuickStep = (w: FunctionWriter, tlbOffset: number, serve: (word: number) => void): void => {
  const word = w.local(i32);
  loadState(w, State.TLB);
  tlbIndex(w, SlowParameter.LINEAR);
  w.memory(Op.i32Load, tlbOffset);
  w.tee(word);
  w.i32(0);
  w.op(Op.i32Ne);
  w.get(SlowParameter.LINEAR);
  w.i32(PAGE_SIZE - 1);
  w.op(Op.i32And);
  w.get(SlowParameter.SIZE);
  w.op(Op.i32Add);
  w.i32(PAGE_SIZE);
  w.op(Op.i32LeU, Op.i32And);
  // Whether it may be unaligned then depends on more than AC, which is hardly ever set.
  loadState(w, State.FLAGS);
  w.i32(Flag.AC);
  w.op(Op.i32And, Op.i32Eqz, Op.i32And);
  w.block(Op.if);
  serve(word);
  w.op(Op.end);
};
const SlowParameter = { LINEAR: 0, SIZE: 1, VALUE: 2 } as const;

/** Imports, and what surrounds them: a quick step first, then the record and the budget are saved for the host. */
export const declare = (writer: ModuleWriter): Module => {
  const imports = {
    slowRead: writer.import('host', 'read', signature(2)),
    slowUpdate: writer.import('host', 'update', signature(2)),
    slowWrite: writer.import('host', 'write', signature(3)),
    slowCommit: writer.import('host', 'commit', signature(2)),
    slowWriteBounced: writer.import('host', 'writeBounced', signature(2)),
    compute: writer.import('host', 'compute', signature(1)),
    floatingPointError: writer.import('host', 'floatingPointError', signature(0)),
    callout: writer.import('host', 'callout', signature(0)),
  };
  const wrap = (
    target: number,
    parameters: number,
    result: boolean,
    quick: (w: FunctionWriter) => void = () => {},
  ): number => {
    const w = new FunctionWriter(parameters + 2);
    quick(w);
    save(w, State.RECORD, parameters);
    save(w, State.BUDGET, parameters + 1);
    for (let i = 0; i < parameters; i++) w.get(i);
    w.call(target);
    if (!result) w.op(Op.drop);
    const full = signature(parameters + 2);
    return writer.function(result ? full : { ...full, results: [] }, w.finish());
  };
  const pointer = (tlbOffset: number) => (w: FunctionWriter) =>
    writeQuickStep(w, tlbOffset, (word) => {
      w.get(word);
      w.get(SlowParameter.LINEAR);
      w.op(Op.i32Add, Op.return);
    });
  const ifSize = (w: FunctionWriter, size: number, then: () => void): void => {
    w.get(SlowParameter.SIZE);
    w.i32(size);
    w.op(Op.i32Eq);
    w.block(Op.if);
    then();
    w.op(Op.end);
  };
  /** Stores what `value` pushes, and returns from the function. */
  const storeAndReturn = (w: FunctionWriter, word: number, value: () => void, store: () => void): void => {
    w.get(word);
    w.get(SlowParameter.LINEAR);
    w.op(Op.i32Add);
    value();
    store();
    w.i32(1);
    w.op(Op.return);
  };
  const store = (w: FunctionWriter) =>
    writeQuickStep(w, TLB_WRITE_OFFSET, (word) => {
      const parameter = () => w.get(SlowParameter.VALUE);
      ifSize(w, 4, () => storeAndReturn(w, word, parameter, () => w.memory(Op.i32Store, POINTER_BIAS)));
      ifSize(w, 2, () => storeAndReturn(w, word, parameter, () => w.memory(Op.i32Store16, POINTER_BIAS)));
    });
  const storeBounced = (w: FunctionWriter) =>
    writeQuickStep(w, TLB_WRITE_OFFSET, (word) => {
      const copy = (load: (from: number) => void, store: (to: number) => void) => () => {
        const value = () => {
          w.i32(0);
          load(BOUNCE_BUFFER);
        };
        storeAndReturn(w, word, value, () => store(POINTER_BIAS));
      };
      const memory = (opcode: number) => (offset: number) => w.memory(opcode, offset);
      const vector = (opcode: number) => (offset: number) => w.simdMemory(opcode, offset);
      ifSize(w, 16, copy(vector(SimdOp['v128.load']), vector(SimdOp['v128.store'])));
      ifSize(w, 8, copy(memory(Op.i64Load), memory(Op.i64Store)));
      copy(memory(Op.i32Load), memory(Op.i32Store))();
    });
  return {
    writer,
    functions: {
      slowRead: wrap(imports.slowRead, 2, true, pointer(0)),
      slowUpdate: wrap(imports.slowUpdate, 2, true, pointer(TLB_WRITE_OFFSET)),
      slowWrite: wrap(imports.slowWrite, 3, true, store),
      slowCommit: wrap(imports.slowCommit, 2, false),
      slowWriteBounced: wrap(imports.slowWriteBounced, 2, true, storeBounced),
      compute: wrap(imports.compute, 1, true),
      floatingPointError: wrap(imports.floatingPointError, 0, true),
    },
    callout: wrap(imports.callout, 0, true),
  };
};
