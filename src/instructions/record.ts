/**
 * The record: one translated instruction, 32 bytes in the translation cache. A block is a run of records;
 * the first one's REMAINING is the block's length in guest instructions.
 */

export const RECORD_SIZE = 32;
/** Bytes of a record's counter in a profile: a quarter of its own. */
export const PROFILE_COUNTER_SIZE = RECORD_SIZE / 4;

/** Byte offsets of a record's fields. Control transfers use the bytes from 8 on differently. */
export const RecordOffset = {
  /** u16: handler number. */
  HANDLER: 0,
  /** u16: offset of the instruction in its page, bytes. */
  PAGE_OFFSET: 2,
  /** u8: guest instructions in the block from this one on, itself included. */
  REMAINING: 4,
  /** u8: length in bytes. */
  LENGTH: 5,
  /** u8: log2 of the index scale. */
  SCALE: 6,
  /** u8: which callout's operand flags; see operands.ts. */
  DETAIL: 7,
  /** u16 each: addresses of the register operands' state. */
  REG0: 8,
  REG1: 10,
  /** u16 each: addresses of the base and index registers' state. */
  BASE: 12,
  INDEX: 14,
  /** i32. */
  DISPLACEMENT: 16,
  /** i32: immediate, zero-extended to the operand size. */
  IMMEDIATE: 20,
  /** u16: address of the memory operand's segment register state. */
  SEGMENT: 24,
  /** u16: number of the callout. */
  CALLOUT: 26,
  /** u32: FFFFh or FFFFFFFFh; a far pointer's selector in callouts. */
  ADDRESS_MASK: 28,

  /** i32 each, control transfers only: targets as EIP minus EIP_PAGE. */
  TARGET0: 8,
  TARGET1: 12,
  /** u32 pairs, control transfers only: the linked block's first record, and the TLB word that proves it. */
  LINK0: 16,
  LINK0_PROOF: 20,
  LINK1: 24,
  LINK1_PROOF: 28,
} as const;

/** Fields that bodies may read. */
export const RecordField = {
  PAGE_OFFSET: 'PAGE_OFFSET',
  LENGTH: 'LENGTH',
  SCALE: 'SCALE',
  REG0: 'REG0',
  REG1: 'REG1',
  BASE: 'BASE',
  INDEX: 'INDEX',
  DISPLACEMENT: 'DISPLACEMENT',
  IMMEDIATE: 'IMMEDIATE',
  SEGMENT: 'SEGMENT',
  ADDRESS_MASK: 'ADDRESS_MASK',
  TARGET0: 'TARGET0',
  TARGET1: 'TARGET1',
} as const;
export type RecordField = (typeof RecordField)[keyof typeof RecordField];

/** Width in bytes and signedness of each field. */
export const fieldWidth: Record<RecordField, 1 | 2 | 4> = {
  PAGE_OFFSET: 2,
  LENGTH: 1,
  SCALE: 1,
  REG0: 2,
  REG1: 2,
  BASE: 2,
  INDEX: 2,
  DISPLACEMENT: 4,
  IMMEDIATE: 4,
  SEGMENT: 2,
  ADDRESS_MASK: 4,
  TARGET0: 4,
  TARGET1: 4,
};
