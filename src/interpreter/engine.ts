/** What the processor expects of an engine, and what every engine asks of its host. */
import type { Exit } from './exits.ts';

export interface EngineHost {
  /** Pointer paths of the MMU; see mmu.ts. */
  read(linear: number, size: number): number;
  update(linear: number, size: number): number;
  write(linear: number, size: number, value: number): number;
  commit(linear: number, size: number): number;
  /** Writes 4, 8 or 16 bytes from the bounce buffer (layout.ts). @returns 1, or 0 for a fault */
  writeBounced(linear: number, size: number): number;
  /** Runs a computation on SseScratch. @returns 0, or the vector to raise */
  compute(number: number): number;
  /** An x87 exception is pending. @returns Exit.NEXT to go on, FAULT or STALE */
  floatingPointError(): number;
  /** Runs the callout of the record in State.RECORD. @returns Exit.NEXT, ENTER, FAULT, LEAVE or LEAVE_AT */
  callout(): number;
}

export interface Engine {
  readonly name: 'core' | 'reference';
  /** Runs from a block's first record until something needs the processor. */
  run(record: number): Exit;
}
