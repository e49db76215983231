/** The blocks made from one physical page, and which of its 64-byte granules they cover. */
import type { Block } from './block.ts';

const GRANULE_SHIFT = 6;

export class CodePage {
  readonly blocks: Block[] = [];
  /** Whether writes to the page are seen: until the first one after its last block went. */
  watched = false;
  /** One bit per granule; never too few. */
  #low = 0;
  #high = 0;

  /** @param first,last offsets in the page, inclusive */
  add(block: Block, first: number, last: number): void {
    this.blocks.push(block);
    for (let g = first >> GRANULE_SHIFT; g <= last >> GRANULE_SHIFT; g++) {
      if (g < 32) this.#low |= 1 << g;
      else this.#high |= 1 << (g - 32);
    }
  }
  remove(block: Block): void {
    const at = this.blocks.indexOf(block);
    if (at < 0) return;
    this.blocks[at] = this.blocks[this.blocks.length - 1]!;
    this.blocks.pop();
    if (this.blocks.length === 0) {
      this.#low = 0;
      this.#high = 0;
    }
  }
  /** Whether code may lie in these bytes. @param first,last offsets in the page, inclusive */
  mayContain(first: number, last: number): boolean {
    const has = (g: number) => ((g < 32 ? this.#low >>> g : this.#high >>> (g - 32)) & 1) !== 0;
    const to = last >> GRANULE_SHIFT;
    for (let g = first >> GRANULE_SHIFT; g <= to; g++) if (has(g)) return true;
    return false;
  }
}
