/** Callouts by number, and their operands: packed into records by the translator, unpacked here. */
import type { Size } from '../x86/registers.ts';
import { callouts } from './callouts/index.ts';
import type { Cpu, Operands } from './cpu.ts';
import { RecordOffset } from './record.ts';
import { x87 } from './x87/x87.ts';

/** Bits of RecordOffset.DETAIL, and of SCALE, in a callout's record. */
export const CalloutDetail = {
  MEMORY: 1 << 0,
  /** Runs on the guest's virtual state. */
  VIRTUAL: 1 << 1,
  REP_SHIFT: 2,
  ADDRESS16: 1 << 4,
  SEGMENT_SHIFT: 5,
  /** In SCALE: the operand size in bytes, above the five bits of the scale. */
  SIZE_SHIFT: 5,
} as const;

/** In RecordOffset.CALLOUT: no instruction's own, but the mark of one that a monitor witnesses. */
export const WITNESSED = 0xffff;

export interface NumberedCallout {
  readonly name: string;
  readonly run: (cpu: Cpu, operands: Operands) => void;
  readonly endsBlock: boolean;
}

/** All callouts; a record holds the index. */
export const numberedCallouts: readonly NumberedCallout[] = [
  ...Object.entries(callouts),
  ...Object.entries(x87),
].map(([name, { run, endsBlock }]) => ({ name, run, endsBlock }));

const numbers = new Map(numberedCallouts.map((c, i) => [c.name, i]));

/** @throws Error for a name that is not a callout's */
export const calloutNumber = (name: string): number => {
  const number = numbers.get(name);
  if (number === undefined) throw new Error(`there is no callout ${name}`);
  return number;
};

/** The operands of the callout in a record; one instance serves all. */
export class RecordOperands implements Operands {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #record = 0;

  constructor(buffer: ArrayBufferLike) {
    this.#view = new DataView(buffer);
    this.#bytes = new Uint8Array(buffer);
  }
  /** Points to another record. */
  at(record: number): this {
    this.#record = record;
    return this;
  }
  get #detail(): number {
    return this.#bytes[this.#record + RecordOffset.DETAIL]!;
  }
  get size(): Size {
    return (this.#bytes[this.#record + RecordOffset.SCALE]! >> CalloutDetail.SIZE_SHIFT) as Size;
  }
  get addressSize(): 2 | 4 {
    return this.#detail & CalloutDetail.ADDRESS16 ? 2 : 4;
  }
  get memory(): boolean {
    return (this.#detail & CalloutDetail.MEMORY) !== 0;
  }
  get virtual(): boolean {
    return (this.#detail & CalloutDetail.VIRTUAL) !== 0;
  }
  get segment(): number {
    return this.#detail >> CalloutDetail.SEGMENT_SHIFT;
  }
  get rep(): 0 | 1 | 2 {
    return ((this.#detail >> CalloutDetail.REP_SHIFT) & 3) as 0 | 1 | 2;
  }
  get offset(): number {
    const view = this.#view;
    const at = this.#record;
    const base = view.getInt32(view.getUint16(at + RecordOffset.BASE, true), true);
    const index = view.getInt32(view.getUint16(at + RecordOffset.INDEX, true), true);
    const scale = this.#bytes[at + RecordOffset.SCALE]! & 3;
    const sum = base + (index << scale) + view.getInt32(at + RecordOffset.DISPLACEMENT, true);
    return (sum & view.getInt32(at + RecordOffset.ADDRESS_MASK, true)) >>> 0;
  }
  get rm(): number {
    return this.#bytes[this.#record + RecordOffset.REG0 + 1]!;
  }
  get reg(): number {
    return this.#bytes[this.#record + RecordOffset.REG0]!;
  }
  get immediate(): number {
    return this.#view.getInt32(this.#record + RecordOffset.IMMEDIATE, true);
  }
  get immediate2(): number {
    return this.#view.getInt32(this.#record + RecordOffset.ADDRESS_MASK, true);
  }
}
