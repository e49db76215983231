/**
 * Instruction boundaries. They are told apart by State.BUDGET, and what holds at one only is marked with the
 * budget's value there: interrupts held off, everything held off, RF.
 */
import { RecordOffset } from '../instructions/record.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { Flag } from '../x86/flags.ts';
import { Shadow, State } from '../x86/state.ts';

/** No value of State.BUDGET at a boundary. */
const NEVER = -1;

/** Words of the state that are equal to BUDGET while what they stand for holds at the boundary reached. */
const MARKS = [State.SHADOW, State.HOLD, State.RESUME] as const;

export class Boundary {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  /** An engine is executing: the next boundary is the one behind the record it is at. */
  executing = false;

  constructor({ words, bytes }: PhysicalMemory) {
    this.#words = words;
    this.#bytes = bytes;
    this.clear();
  }

  /** Nothing is marked any more. */
  clear(): void {
    for (const mark of MARKS) this.#words[mark >> 2] = NEVER;
  }
  /** Changes the budget between two instructions; what is marked as being here stays here. */
  setBudget(budget: number): void {
    const words = this.#words;
    const before = words[State.BUDGET >> 2];
    words[State.BUDGET >> 2] = budget;
    for (const mark of MARKS) words[mark >> 2] = words[mark >> 2] === before ? budget : NEVER;
  }
  /** Whether the boundary reached is marked. */
  isMarked(mark: (typeof MARKS)[number]): boolean {
    return this.#words[mark >> 2] === this.#words[State.BUDGET >> 2];
  }
  /** State.BUDGET as it will be, or is, behind the current instruction. */
  get next(): number {
    const words = this.#words;
    if (!this.executing) return words[State.BUDGET >> 2]!;
    const remaining = this.#bytes[words[State.RECORD >> 2]! + RecordOffset.REMAINING]!;
    return words[State.BUDGET >> 2]! + remaining - 1;
  }

  /** Holds events off at the next boundary. @param shadow of STI, or of a load of SS, which holds off all */
  holdOff(shadow: number): void {
    const words = this.#words;
    const { next } = this;
    // Behind another load of SS a second one holds off nothing (SDM vol. 3, section 6.8.3).
    if (shadow === Shadow.STACK && words[State.HOLD >> 2] === next + 1) return;
    words[State.SHADOW >> 2] = next;
    if (shadow === Shadow.STACK) words[State.HOLD >> 2] = next;
  }
  /** Moves RF, as an instruction or a task switch has loaded it, to where it ends with the next instruction. */
  takeResumeFlag(): void {
    const words = this.#words;
    if ((words[State.FLAGS >> 2]! & Flag.RF) === 0) return;
    words[State.FLAGS >> 2]! &= ~Flag.RF;
    words[State.RESUME >> 2] = this.next;
  }
}
