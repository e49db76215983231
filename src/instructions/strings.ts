/**
 * String instructions. With a REP prefix one execution handles the elements up to the nearer page end, or so
 * many comparisons, and then repeats itself as the next instruction: interrupts are taken in between, and how many executions
 * there are depends on nothing but the registers.
 */
import { Flag } from '../x86/flags.ts';
import { Gpr, Seg, type Size } from '../x86/registers.ts';
import { State } from '../x86/state.ts';
import type { Builder, Value } from './builder.ts';
import { flagsSub } from './flags.ts';
import type { InstructionSpec } from './spec.ts';

const PAGE = 4096;
/** Comparisons that one execution makes at most. */
const LONGEST_SEARCH = 4096;

type ElementBody<Result> = (
  b: Builder,
  source: () => Value,
  destination: (access: 'read' | 'write') => Value,
  size: Size,
) => Result;

interface StringKind {
  readonly name: string;
  readonly source: boolean;
  readonly destination: boolean;
  /** What is done with an element. */
  readonly move?: ElementBody<void>;
  /** Or what is compared: there REPE and REPNE end on the outcome. */
  readonly compare?: ElementBody<readonly [Value, Value]>;
}

const kinds: readonly StringKind[] = [
  {
    name: 'movs',
    source: true,
    destination: true,
    move: (b, source, destination, size) => b.store(destination('write'), size, b.load(source(), size)),
  },
  {
    name: 'stos',
    source: false,
    destination: true,
    move: (b, _source, destination, size) => b.store(destination('write'), size, b.reg(Gpr.EAX, size)),
  },
  {
    name: 'lods',
    source: true,
    destination: false,
    move: (b, source, _destination, size) => b.setReg(Gpr.EAX, b.load(source(), size), size),
  },
  {
    name: 'cmps',
    source: true,
    destination: true,
    compare: (b, source, destination, size) => [b.load(source(), size), b.load(destination('read'), size)],
  },
  {
    name: 'scas',
    source: false,
    destination: true,
    compare: (b, _source, destination, size) => [b.reg(Gpr.EAX, size), b.load(destination('read'), size)],
  },
];

/** Bytes from one element to the next: the size, negative when DF is set. */
const stride = (b: Builder, size: Size): Value =>
  b.select(b.and(b.loadState(State.FLAGS), Flag.DF), -size, size);

const body =
  (kind: StringKind) =>
  (b: Builder): void => {
    const { size, addressSize, rep } = b.form;
    const wrap = (v: Value) => b.zeroExtend(v, addressSize);
    const source = () => {
      const offset = wrap(b.reg(Gpr.ESI));
      if (b.form.address !== 'segmented') return offset;
      return b.translateSegment(b.field('SEGMENT'), offset, size, 'read');
    };
    const destination = (access: 'read' | 'write') => b.linear(Seg.ES, wrap(b.reg(Gpr.EDI)), size, access);
    const step = stride(b, size);
    const advance = (bytes: Value) => {
      if (kind.source) b.setReg(Gpr.ESI, b.add(b.reg(Gpr.ESI), bytes), addressSize);
      if (kind.destination) b.setReg(Gpr.EDI, b.add(b.reg(Gpr.EDI), bytes), addressSize);
    };
    const move = () => {
      kind.move?.(b, source, destination, size);
      advance(step);
    };
    const compare =
      kind.compare &&
      (() => {
        const compared = kind.compare!(b, source, destination, size);
        advance(step);
        return compared;
      });
    const setFlags = (x: Value, y: Value) => flagsSub(b, x, y, b.sub(x, y), size);
    if (rep === 0) {
      if (compare) setFlags(...compare());
      else move();
      return;
    }
    const count = () => wrap(b.reg(Gpr.ECX));
    const setCount = (v: Value) => b.setReg(Gpr.ECX, v, addressSize);
    const minimum = (x: Value, y: Value) => b.select(b.ltU(x, y), x, y);
    /** Elements of one execution: just one where instructions are executed singly. */
    const oneIfSingle = (elements: Value) => b.select(b.loadState(State.SINGLE), 1, elements);
    /** Whole elements between an offset and the end of its page in the direction of travel, at least one. */
    const room = (register: number): Value => {
      const within = b.and(b.reg(register), PAGE - 1);
      const up = b.sub(PAGE, within);
      const down = b.add(within, size);
      const bytes = b.select(b.gtU(step, 0x7fffffff), down, up);
      const elements = b.shrU(bytes, size >> 1);
      return b.select(elements, elements, 1);
    };
    /** Flags are set behind the last comparison only: a fault leaves those from before (SDM vol. 2, REP). */
    const search = (compare: () => readonly [Value, Value]) => {
      const left = b.variable(oneIfSingle(minimum(count(), b.constant(LONGEST_SEARCH))));
      const last = [b.variable(0), b.variable(0)] as const;
      const found = b.variable(0);
      b.while(
        () => left.get(),
        () => {
          const [x, y] = compare();
          last[0].set(x);
          last[1].set(y);
          setCount(b.sub(count(), 1));
          b.commit();
          left.set(b.sub(left.get(), 1));
          b.if(rep === 1 ? b.ne(x, y) : b.eq(x, y), () => {
            left.set(0);
            found.set(1);
          });
        },
      );
      setFlags(last[0].get(), last[1].get());
      b.if(b.and(b.ne(count(), 0), b.eqz(found.get())), () => b.repeat());
    };
    if (compare) {
      b.if(count(), () => search(compare));
      return;
    }
    b.if(count(), () => {
      const chunk = b.variable(count());
      if (kind.source) chunk.set(minimum(chunk.get(), room(Gpr.ESI)));
      if (kind.destination) chunk.set(minimum(chunk.get(), room(Gpr.EDI)));
      chunk.set(oneIfSingle(chunk.get()));
      const done = b.variable(0);
      const elementwise = () =>
        b.while(
          () => chunk.get(),
          () => {
            move();
            setCount(b.sub(count(), 1));
            b.commit();
            chunk.set(b.sub(chunk.get(), 1));
          },
        );
      if (b.form.flat && b.form.address !== 'segmented' && addressSize === 4 && kind.destination) {
        const bytes = b.shl(chunk.get(), size >> 1);
        b.if(b.eqz(b.and(b.loadState(State.FLAGS), Flag.DF | Flag.AC)), () =>
          done.set(
            kind.source
              ? b.copyRun(b.reg(Gpr.EDI), b.reg(Gpr.ESI), bytes)
              : b.fillRun(b.reg(Gpr.EDI), b.reg(Gpr.EAX, size), size, bytes),
          ),
        );
        const wholeRun = () => {
          advance(bytes);
          setCount(b.sub(count(), chunk.get()));
        };
        b.if(done.get(), wholeRun, elementwise);
      } else elementwise();
      b.if(count(), () => b.repeat());
    });
  };

export const strings: readonly InstructionSpec[] = kinds.map((kind) => ({
  name: kind.name,
  sizes: [1, 2, 4],
  shapes: kind.source ? [['mem']] : [[]],
  operands: kind.source ? [{ use: 'none' }] : [],
  variants: { flat: true, rep: kind.compare ? [0, 1, 2] : [0, 1], addressSizes: [2, 4] },
  body: body(kind),
}));
