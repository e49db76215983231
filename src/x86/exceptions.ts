/** Exception vectors (SDM vol. 3, table 6-1). */
export const Vector = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19,
} as const;

export const vectorNames: readonly string[] = [
  '#DE',
  '#DB',
  'NMI',
  '#BP',
  '#OF',
  '#BR',
  '#UD',
  '#NM',
  '#DF',
  'vector 9',
  '#TS',
  '#NP',
  '#SS',
  '#GP',
  '#PF',
  'vector 15',
  '#MF',
  '#AC',
  '#MC',
  '#XM',
];

const WITH_ERROR_CODE = new Set<number>([
  Vector.DF,
  Vector.TS,
  Vector.NP,
  Vector.SS,
  Vector.GP,
  Vector.PF,
  Vector.AC,
]);

/** Whether the processor pushes an error code for this exception (SDM vol. 3, table 6-1). */
export const hasErrorCode = (vector: number): boolean => WITH_ERROR_CODE.has(vector);

/** Bits of the page-fault error code (SDM vol. 3, section 4.7). */
export const PageFault = { P: 1, W: 2, U: 4, RSVD: 8, I: 16 } as const;

/** Bits of a selector error code (SDM vol. 3, section 6.13). */
export const SelectorError = { EXT: 1, IDT: 2 } as const;

/** Thrown by a callout whose instruction cannot begin before an interrupt has come; it is executed anew then. */
export class Frozen {}

/**
 * A fault on its way to the guest. Thrown only inside callouts, the rare long instructions written in
 * TypeScript, and caught at their single entry; the engines report their own faults by return code.
 */
export class Fault {
  readonly vector: number;
  /** Error code to push; ignored for vectors that have none. */
  readonly error: number;
  constructor(vector: number, error = 0) {
    this.vector = vector;
    this.error = error;
  }
}

/**
 * A fault that an instruction raises when it cannot be undone any more, such as in a new task: what it changed
 * stays, and EIP is where the program would go on.
 */
export class LateFault extends Fault {}
