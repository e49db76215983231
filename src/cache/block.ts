/** Where a block's code was found when it was translated. Other linear pages may lead to it as well. */
export interface BlockOrigin {
  /** Guest-physical address of the first instruction. */
  readonly physical: number;
  /** Its linear address, unsigned. */
  readonly linear: number;
  /** The guest's CPL. */
  readonly cpl: number;
  readonly mode: number;
}

/** One translated basic block: where its records are and what they were made from. */
export class Block implements BlockOrigin {
  /** Address of the first record in linear memory, and how many there are. */
  readonly record: number;
  readonly recordCount: number;
  /** Guest-physical address and length in bytes of the code. */
  readonly physical: number;
  readonly linear: number;
  readonly cpl: number;
  readonly length: number;
  /** Physical page of the part behind the page end, or -1. */
  readonly secondPage: number;
  readonly mode: number;
  /** Chain slots of other blocks that lead here. */
  readonly incoming: number[] = [];
  /** The blocks this one's two direct exits are linked to. */
  readonly outgoing: (Block | undefined)[] = [undefined, undefined];
  valid = true;
  /** Looked up since it was unlinked; what decides is the eviction policy. */
  used = true;
  /** False for a block in the scratch area, which the next such block overwrites. */
  readonly kept: boolean;

  constructor(
    origin: BlockOrigin,
    record: number,
    recordCount: number,
    length: number,
    secondPage: number,
    kept: boolean,
  ) {
    this.record = record;
    this.recordCount = recordCount;
    this.physical = origin.physical;
    this.linear = origin.linear;
    this.cpl = origin.cpl;
    this.mode = origin.mode;
    this.length = length;
    this.secondPage = secondPage;
    this.kept = kept;
  }
}
