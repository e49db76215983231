/**
 * Segment descriptors (SDM vol. 3, section 3.4.5). `attributes` everywhere means the second doubleword of
 * the descriptor masked with 00F0FF00h: type in bits 8-11, S 12, DPL 13-14, P 15, AVL 20, L 21, D/B 22, G 23.
 */
export const ATTRIBUTES_MASK = 0x00f0ff00;

export const Attribute = {
  ACCESSED: 1 << 8,
  /** Data: writable. Code: readable. */
  WRITABLE: 1 << 9,
  READABLE: 1 << 9,
  /** Data: expand down. Code: conforming. */
  EXPAND_DOWN: 1 << 10,
  CONFORMING: 1 << 10,
  CODE: 1 << 11,
  /** S: a code or data segment rather than a system one. */
  SEGMENT: 1 << 12,
  DPL_SHIFT: 13,
  DPL: 3 << 13,
  PRESENT: 1 << 15,
  AVAILABLE: 1 << 20,
  /** D for code, B for data and stacks. */
  DEFAULT_32: 1 << 22,
  GRANULARITY: 1 << 23,
} as const;

/** System descriptor types (SDM vol. 3, table 3-2). */
export const SystemType = {
  TSS16: 1,
  LDT: 2,
  TSS16_BUSY: 3,
  CALL_GATE16: 4,
  TASK_GATE: 5,
  INTERRUPT_GATE16: 6,
  TRAP_GATE16: 7,
  TSS32: 9,
  TSS32_BUSY: 11,
  CALL_GATE32: 12,
  INTERRUPT_GATE32: 14,
  TRAP_GATE32: 15,
} as const;

/** Base address (linear) held in a descriptor's two doublewords. */
export const descriptorBase = (low: number, high: number): number =>
  ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0;

/** Limit in bytes, inclusive, with granularity applied. */
export const descriptorLimit = (low: number, high: number): number => {
  const raw = (low & 0xffff) | (high & 0x000f0000);
  return (high & Attribute.GRANULARITY ? (raw << 12) | 0xfff : raw) >>> 0;
};

export const descriptorType = (attributes: number): number => (attributes >>> 8) & 15;
export const descriptorDpl = (attributes: number): number => (attributes >>> 13) & 3;
export const isCode = (attributes: number): boolean =>
  (attributes & (Attribute.SEGMENT | Attribute.CODE)) === (Attribute.SEGMENT | Attribute.CODE);
export const isData = (attributes: number): boolean =>
  (attributes & (Attribute.SEGMENT | Attribute.CODE)) === Attribute.SEGMENT;
export const isConformingCode = (attributes: number): boolean =>
  isCode(attributes) && (attributes & Attribute.CONFORMING) !== 0;
export const isReadable = (attributes: number): boolean =>
  isData(attributes) || (isCode(attributes) && (attributes & Attribute.READABLE) !== 0);
export const isWritableData = (attributes: number): boolean =>
  isData(attributes) && (attributes & Attribute.WRITABLE) !== 0;
