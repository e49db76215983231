/** Two machines that should be the same to their guests, and how to find out whether they are. */
import type { Outcome } from '../machine/machine.ts';
import { PAGE_SIZE } from '../memory/layout.ts';
import { sameRegisters } from './architectural-state.ts';
import { differingPage, differingWrites, differsIn, type Range } from './memory-difference.ts';
import type { Attention, Witness } from './witness.ts';

/** Why a processor shut down is for people: each technique may say it in its way. */
const sameEnd = (a: Outcome | undefined, b: Outcome | undefined): boolean =>
  a?.kind === b?.kind && (a?.kind === 'exit' ? a.status : 0) === (b?.kind === 'exit' ? b.status : 0);

export class Pair {
  readonly a: Witness;
  readonly b: Witness;

  /** @throws RangeError for machines that are not alike */
  constructor(a: Witness, b: Witness) {
    this.a = a;
    this.b = b;
    if (a.machine.memory.size !== b.machine.memory.size)
      throw new RangeError('machines in lockstep must have the same size of memory');
  }
  begin(attention: Attention): void {
    this.a.begin(attention);
    this.b.begin(attention);
  }
  runTo(retired: number): void {
    this.a.runTo(retired);
    this.b.runTo(retired);
  }

  /** Whether they are equal in all but memory. */
  same(): boolean {
    const { a, b } = this;
    return (
      a.retired === b.retired &&
      a.digest === b.digest &&
      sameEnd(a.machine.outcome, b.machine.outcome) &&
      a.machine.halted === b.machine.halted &&
      a.machine.clock.now() === b.machine.clock.now() &&
      sameRegisters(a.machine.cpu, b.machine.cpu)
    );
  }
  /** Whether all of memory that was written since `begin` is equal. */
  samePages(): boolean {
    for (const { pages } of [this.a, this.b]) for (const page of pages) if (this.#differs(page)) return false;
    return true;
  }
  /** The same where every write is known, up to given ones of each machine and from others on. */
  sameWrites(
    ends: readonly [number, number] = [this.a.writes.length, this.b.writes.length],
    begins: readonly [number, number] = [0, 0],
  ): boolean {
    const { a, b } = this;
    const [x, y] = [a.machine.memory, b.machine.memory];
    return !differsIn(x, y, a.writes, begins[0], ends[0]) && !differsIn(x, y, b.writes, begins[1], ends[1]);
  }
  /** The writes that differ, where every write is known, up to given ones of each machine. */
  differingWrites(ends: readonly [number, number]): readonly Range[] {
    const { a, b } = this;
    const writes = [...a.writes.slice(0, ends[0]), ...b.writes.slice(0, ends[1])];
    return differingWrites(a.machine.memory, b.machine.memory, writes);
  }
  /** Looks at all of memory. @throws Error when some of it differs */
  verify(): void {
    const pages = this.a.machine.memory.size / PAGE_SIZE;
    for (let page = 0; page < pages; page++)
      if (this.#differs(page)) throw new Error(`page ${page} of memory differs, and no write to it was seen`);
  }
  #differs(page: number): boolean {
    return differingPage(this.a.machine.memory, this.b.machine.memory, page);
  }
}
