/** General register numbers, as encoded in ModRM (SDM vol. 2, table 2-2). */
export const Gpr = { EAX: 0, ECX: 1, EDX: 2, EBX: 3, ESP: 4, EBP: 5, ESI: 6, EDI: 7 } as const;
export type Gpr = (typeof Gpr)[keyof typeof Gpr];

/** Segment register numbers, as encoded in MOV Sreg (SDM vol. 2, appendix B, table B-8). */
export const Seg = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5 } as const;
export type Seg = (typeof Seg)[keyof typeof Seg];

/** The two system segment registers follow the six of the programmer in our state layout. */
export const SystemSegment = { LDTR: 6, TR: 7 } as const;

/** An operand width in bytes. */
export type Size = 1 | 2 | 4;

export const gprNames = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
export const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;

/** Control register bits (SDM vol. 3, section 2.5). */
export const CR0 = {
  PE: 1 << 0,
  MP: 1 << 1,
  EM: 1 << 2,
  TS: 1 << 3,
  ET: 1 << 4,
  NE: 1 << 5,
  WP: 1 << 16,
  AM: 1 << 18,
  NW: 1 << 29,
  CD: 1 << 30,
  PG: 1 << 31,
} as const;
export const CR4 = {
  VME: 1 << 0,
  PVI: 1 << 1,
  TSD: 1 << 2,
  DE: 1 << 3,
  PSE: 1 << 4,
  PAE: 1 << 5,
  MCE: 1 << 6,
  PGE: 1 << 7,
  PCE: 1 << 8,
  OSFXSR: 1 << 9,
  OSXMMEXCPT: 1 << 10,
  UMIP: 1 << 11,
} as const;
/** IA32_EFER (SDM vol. 3, section 2.2.1): the bit a 32-bit processor has. */
export const EFER = { NXE: 1 << 11 } as const;
