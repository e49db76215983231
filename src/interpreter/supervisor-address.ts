/** What the TLB knows of a supervisor's memory, as both engines' builders ask for it. */
import type { Builder, Value } from '../instructions/builder.ts';
import { PAGE_SIZE, POINTER_BIAS, TLB_READ_OFFSET, TLB_SUPERVISOR } from '../memory/layout.ts';

/** See Builder.supervisorAddress. */
export const supervisorAddress = (b: Builder, linear: Value, size: number): Value => {
  const entry = b.add(b.shl(b.shrU(linear, 12), 2), TLB_SUPERVISOR + TLB_READ_OFFSET);
  const word = b.loadAt(entry, 4);
  const within = b.leU(b.and(linear, PAGE_SIZE - 1), PAGE_SIZE - size);
  return b.select(b.and(b.ne(word, 0), within), b.add(b.add(word, linear), POINTER_BIAS), 0);
};
