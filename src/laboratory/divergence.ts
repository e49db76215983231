/** What there is to say about the instruction at which two machines part. */
import { type CodeLine, disassemble, formatState, hex, physicalAddress } from '../debug/state-dump.ts';
import { createDecoder } from '../decoder/decoder.ts';
import type { Machine } from '../machine/machine.ts';
import { PAGE_SIZE, RAM_BASE } from '../memory/layout.ts';
import { vectorNames } from '../x86/exceptions.ts';
import { gprNames, Seg, SystemSegment } from '../x86/registers.ts';
import { type CpuState, SegmentField, System } from '../x86/state.ts';
import { type RegisterDifference, registerDifferences, sameRegisters } from './architectural-state.ts';
import type { Pair } from './pair.ts';
import { copyState, type Delivery, type PortAccess, type Witness } from './witness.ts';
import { describeOutcome } from './words.ts';

/** An access that wrote to RAM, of which at least one byte differs. */
export interface MemoryDifference {
  readonly physical: number;
  /** A linear address of it that a register of the guest points near to; null when there is none. */
  readonly linear: number | null;
  /** Hexadecimal, separated by spaces. */
  readonly values: readonly [string, string];
}

/** Instructions that followed each other without a branch taken. */
export interface Stretch {
  /** Linear address of the first. */
  readonly linear: number;
  readonly code: readonly CodeLine[];
}

export interface Divergence {
  /** Instructions that each machine had executed before it, all with the same effect. */
  readonly instructions: number;
  /**
   * `instruction`: the one at `linear` was executed differently, or faulted in one machine only.
   * `delivery`: an exception or interrupt that came before that instruction was delivered differently.
   * `not located`: time ran out, or executing every instruction alone made the difference go away.
   */
  readonly cause: 'instruction' | 'delivery' | 'not located';
  /** What was delivered, for a delivery. */
  readonly vector: string | null;
  /** The instruction: its address, linear, and as offset in CS; and with it what follows it in memory. */
  readonly linear: number;
  readonly code: readonly CodeLine[];
  /** How both came there, the latest last. */
  readonly trail: readonly Stretch[];
  /** The state before it, the same in both machines, and the states after it, as lines of text. */
  readonly before: readonly string[];
  readonly after: readonly [readonly string[], readonly string[]];
  readonly registers: readonly RegisterDifference[];
  readonly memory: readonly MemoryDifference[];
  /** What else is different: instructions executed, events, port accesses, the machines' ends. */
  readonly others: readonly RegisterDifference[];
}

/** An instruction on the way. */
export interface Step {
  readonly eip: number;
  readonly base: number;
  readonly attributes: number;
}
export const stepAt = (state: CpuState): Step => ({
  eip: state.eip,
  base: state.segment(Seg.CS, SegmentField.BASE),
  attributes: state.segment(Seg.CS, SegmentField.ATTRIBUTES),
});

/** Instructions shown at the place, and stretches before it. */
const LINES = 4;
const STRETCHES = 8;
const MOST_WRITES = 64;

interface Cause {
  readonly cause: Divergence['cause'];
  readonly vector: number | null;
  /** The state before, and after in each machine. */
  readonly origin: CpuState;
  readonly after: readonly [CpuState, CpuState];
  /** The writes until then: how many of each witness. */
  readonly writes: readonly [number, number];
}

/** Which part of the last step is to blame: deliveries come before and behind its one instruction. */
const blame = (pair: Pair, before: CpuState, instructions: number): Cause => {
  const { a, b } = pair;
  let origin = before;
  let written: readonly [number, number] = [0, 0];
  for (let i = 0; i < Math.max(a.deliveries.length, b.deliveries.length); i++) {
    const p = a.deliveries[i];
    const q = b.deliveries[i];
    if (!p || !q || p.vector !== q.vector || p.retired !== q.retired) {
      // What came behind the instruction in one machine only says nothing that its state did not say before.
      const until = (witness: Witness, delivery: Delivery | undefined) =>
        delivery && delivery.retired > instructions
          ? ([delivery.before, delivery.firstWrite] as const)
          : ([witness.machine.cpu, witness.writes.length] as const);
      const [x, endA] = until(a, p);
      const [y, endB] = until(b, q);
      return { cause: 'instruction', vector: null, origin, after: [x, y], writes: [endA, endB] };
    }
    const firsts = [p.firstWrite, q.firstWrite] as const;
    if (!sameRegisters(p.before, q.before) || !pair.sameWrites(firsts, written))
      return { cause: 'instruction', vector: null, origin, after: [p.before, q.before], writes: firsts };
    const ends = [p.endWrite, q.endWrite] as const;
    if (!sameRegisters(p.after, q.after) || !pair.sameWrites(ends, firsts))
      return {
        cause: 'delivery',
        vector: p.vector,
        origin: p.before,
        after: [p.after, q.after],
        writes: ends,
      };
    written = ends;
    origin = p.after;
  }
  const after = [a.machine.cpu, b.machine.cpu] as const;
  const writes = [a.writes.length, b.writes.length] as const;
  return { cause: 'instruction', vector: null, origin, after, writes };
};

const describeAccess = ({ direction, port, size, value }: PortAccess): string =>
  `${direction} ${hex(port, 4)}: ${hex(value, 2 * size)}`;
const listed = (items: readonly string[]): string => (items.length === 0 ? 'none' : items.join(', '));

const otherDifferences = ({ a, b }: Pair): RegisterDifference[] => {
  const differences: RegisterDifference[] = [];
  const add = (name: string, text: (witness: Witness, machine: Machine) => string) => {
    const values = [text(a, a.machine), text(b, b.machine)] as const;
    if (values[0] !== values[1]) differences.push({ name, values });
  };
  add('instructions executed', (witness) => String(witness.retired));
  add('end', (_, { outcome }) => (outcome === undefined ? 'goes on' : describeOutcome(outcome)));
  add('waits for an interrupt', (_, machine) => (machine.halted ? 'yes' : 'no'));
  add('nanoseconds', (_, machine) => String(machine.clock.now()));
  add('delivered', ({ deliveries }) => listed(deliveries.map(({ vector }) => nameOf(vector))));
  add('ports', ({ accesses }) => listed(accesses.map(describeAccess)));
  return differences;
};
const nameOf = (vector: number): string => vectorNames[vector] ?? `vector ${vector}`;

/** A linear address of a physical one that a register points to the page of, or to its neighbours. */
const linearOf = (state: CpuState, { memory }: Machine, physical: number): number | null => {
  const base = (segment: number) => state.segment(segment, SegmentField.BASE);
  const pointers = [
    ...gprNames.map((_, i) => base(i === 4 || i === 5 ? Seg.SS : Seg.DS) + state.gpr(i)),
    base(Seg.ES) + state.gpr(7),
    ...[SystemSegment.LDTR, SystemSegment.TR].map(base),
    ...[System.GDTR_BASE, System.IDTR_BASE].map((register) => state.sys(register)),
    state.sys(System.CR2),
  ];
  for (const away of [0, -PAGE_SIZE, PAGE_SIZE])
    for (const pointer of pointers) {
      const linear = (((pointer + away) & -PAGE_SIZE) | (physical & (PAGE_SIZE - 1))) >>> 0;
      if (physicalAddress(state, memory, linear) === physical) return linear;
    }
  return null;
};

const memoryDifferences = (
  pair: Pair,
  state: CpuState,
  ends: readonly [number, number],
): MemoryDifference[] => {
  const { a, b } = pair;
  return pair
    .differingWrites(ends)
    .slice(0, MOST_WRITES)
    .map(({ physical, length }) => {
      const bytes = ({ memory }: Machine) =>
        Array.from(memory.bytes.subarray(RAM_BASE + physical, RAM_BASE + physical + length), (byte) =>
          hex(byte, 2),
        ).join(' ');
      const values = [bytes(a.machine), bytes(b.machine)] as const;
      return { physical, linear: linearOf(state, a.machine, physical), values };
    });
};

/** @param located the machines have just executed the instruction that both executed differently */
export const describeDivergence = async (
  pair: Pair,
  before: CpuState,
  instructions: number,
  trail: readonly Step[],
  located: boolean,
): Promise<Divergence> => {
  const decoder = await createDecoder();
  const { memory } = pair.a.machine;
  const { cause, vector, origin, after, writes } = blame(pair, before, instructions);
  const listing = copyState(before);
  const lines = ({ eip, base, attributes }: Step, count: number) => {
    listing.setSegment(Seg.CS, 0, base, -1, attributes);
    return disassemble(listing, memory, decoder, eip, count);
  };
  const stretches: { linear: number; code: CodeLine[] }[] = [];
  let next = -1;
  for (const step of trail) {
    const [line] = lines(step, 1);
    if (!line) continue;
    if (step.eip === next) stretches.at(-1)!.code.push(line);
    else stretches.push({ linear: (step.base + step.eip) >>> 0, code: [line] });
    next = step.eip + line.bytes.length;
  }
  const here = stepAt(origin);
  return {
    instructions,
    cause: located ? cause : 'not located',
    vector: vector === null ? null : nameOf(vector),
    linear: (here.base + here.eip) >>> 0,
    code: lines(here, LINES),
    trail: stretches.slice(-STRETCHES),
    before: formatState(origin),
    after: [formatState(after[0]), formatState(after[1])],
    registers: registerDifferences(...after),
    memory: memoryDifferences(pair, origin, writes),
    others: otherDifferences(pair),
  };
};
