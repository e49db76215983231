/** One translated basic block: where its records are and what they were made from. */
export class Block {
  /** Address of the first record in linear memory, and how many there are. */
  readonly record: number;
  readonly recordCount: number;
  /** Guest-physical address and length in bytes of the code. */
  readonly physical: number;
  readonly length: number;
  /** Physical page of the part behind the page end, or -1. */
  readonly secondPage: number;
  readonly mode: number;
  /** Chain slots of other blocks that lead here. */
  readonly incoming: number[] = [];
  /** The blocks this one's two direct exits are linked to. */
  readonly outgoing: (Block | undefined)[] = [undefined, undefined];
  valid = true;
  /** False for a block in the scratch area, which the next such block overwrites. */
  readonly kept: boolean;

  constructor(
    record: number,
    recordCount: number,
    physical: number,
    length: number,
    secondPage: number,
    mode: number,
    kept: boolean,
  ) {
    this.record = record;
    this.recordCount = recordCount;
    this.physical = physical;
    this.length = length;
    this.secondPage = secondPage;
    this.mode = mode;
    this.kept = kept;
  }
}
