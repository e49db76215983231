/**
 * String instructions. With a REP prefix one execution handles the elements up to the nearer page end and
 * then repeats itself as the next instruction: interrupts are taken in between, and how many executions
 * there are depends on nothing but the registers.
 */
import { Flag } from '../x86/flags.ts';
import { Gpr, Seg, type Size } from '../x86/registers.ts';
import { State } from '../x86/state.ts';
import type { Builder, Value } from './builder.ts';
import { condition, flagsSub } from './flags.ts';
import type { InstructionSpec } from './spec.ts';

const PAGE = 4096;

interface StringKind {
  readonly name: string;
  readonly source: boolean;
  readonly destination: boolean;
  /** REPE and REPNE end on ZF. */
  readonly compares: boolean;
  element(
    b: Builder,
    source: () => Value,
    destination: (access: 'read' | 'write') => Value,
    size: Size,
  ): void;
}

const kinds: readonly StringKind[] = [
  {
    name: 'movs',
    source: true,
    destination: true,
    compares: false,
    element: (b, source, destination, size) => b.store(destination('write'), size, b.load(source(), size)),
  },
  {
    name: 'stos',
    source: false,
    destination: true,
    compares: false,
    element: (b, _source, destination, size) => b.store(destination('write'), size, b.reg(Gpr.EAX, size)),
  },
  {
    name: 'lods',
    source: true,
    destination: false,
    compares: false,
    element: (b, source, _destination, size) => b.setReg(Gpr.EAX, b.load(source(), size), size),
  },
  {
    name: 'cmps',
    source: true,
    destination: true,
    compares: true,
    element(b, source, destination, size) {
      const x = b.load(source(), size);
      const y = b.load(destination('read'), size);
      flagsSub(b, x, y, b.sub(x, y), size);
    },
  },
  {
    name: 'scas',
    source: false,
    destination: true,
    compares: true,
    element(b, _source, destination, size) {
      const x = b.reg(Gpr.EAX, size);
      const y = b.load(destination('read'), size);
      flagsSub(b, x, y, b.sub(x, y), size);
    },
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
    const one = () => {
      kind.element(b, source, destination, size);
      advance(step);
    };
    if (rep === 0) {
      one();
      return;
    }
    const count = () => wrap(b.reg(Gpr.ECX));
    const setCount = (v: Value) => b.setReg(Gpr.ECX, v, addressSize);
    const minimum = (x: Value, y: Value) => b.select(b.ltU(x, y), x, y);
    /** Whole elements between an offset and the end of its page in the direction of travel, at least one. */
    const room = (register: number): Value => {
      const within = b.and(b.reg(register), PAGE - 1);
      const up = b.sub(PAGE, within);
      const down = b.add(within, size);
      const bytes = b.select(b.gtU(step, 0x7fffffff), down, up);
      const elements = b.shrU(bytes, size >> 1);
      return b.select(elements, elements, 1);
    };
    b.if(count(), () => {
      const chunk = b.variable(count());
      if (kind.source) chunk.set(minimum(chunk.get(), room(Gpr.ESI)));
      if (kind.destination) chunk.set(minimum(chunk.get(), room(Gpr.EDI)));
      const done = b.variable(0);
      const elementwise = () =>
        b.while(
          () => chunk.get(),
          () => {
            one();
            setCount(b.sub(count(), 1));
            b.commit();
            chunk.set(b.sub(chunk.get(), 1));
            if (!kind.compares) return;
            b.if(b.eqz(condition(b, rep === 1 ? 4 : 5)), () => {
              chunk.set(0);
              done.set(1);
            });
          },
        );
      if (
        b.form.flat &&
        b.form.address !== 'segmented' &&
        addressSize === 4 &&
        !kind.compares &&
        kind.destination
      ) {
        const bytes = b.shl(chunk.get(), size >> 1);
        b.if(b.eq(step, size), () =>
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
      if (kind.compares) b.if(b.and(b.ne(count(), 0), b.eqz(done.get())), () => b.repeat());
      else b.if(count(), () => b.repeat());
    });
  };

export const strings: readonly InstructionSpec[] = kinds.map((kind) => ({
  name: kind.name,
  sizes: [1, 2, 4],
  shapes: kind.source ? [['mem']] : [[]],
  operands: kind.source ? [{ use: 'none' }] : [],
  variants: { flat: true, rep: kind.compares ? [0, 1, 2] : [0, 1], addressSizes: [2, 4] },
  body: body(kind),
}));
