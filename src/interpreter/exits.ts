/** Why an engine left, and how a callout or an out-of-line handler ended. */
export const Exit = {
  /** Go on with the next record (never leaves the engine). */
  NEXT: 0,
  /** Look up the block at State.EIP (never leaves the engine). */
  ENTER: 1,
  /** The record's instruction raised State.FAULT_VECTOR; nothing of it was done. */
  FAULT: 2,
  /** The record's instruction is done, and something wants attention before the next one. */
  LEAVE: 3,
  /** As LEAVE, but State.EIP already says where to go on. */
  LEAVE_AT: 4,
  /** The budget does not cover the block. */
  BUDGET: 5,
  /** A direct exit, State.LINK_SLOT, is not linked or its proof does not hold. */
  LINK: 6,
  /** No jump-cache entry for State.EIP. */
  MISS: 7,
  /** The record belongs to an invalidated block, or its instruction cannot begin yet; continue at it. */
  STALE: 8,
  /** Execute the same record, a REP instruction, again; leaves where the budget does not cover it. */
  REPEAT: 9,
} as const;
export type Exit = (typeof Exit)[keyof typeof Exit];
