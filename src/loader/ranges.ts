/** A set of addresses, kept as sorted, disjoint, non-touching intervals. Ends are exclusive. */
export class RangeSet {
  #intervals: [start: number, end: number][] = [];

  copy(): RangeSet {
    const copy = new RangeSet();
    copy.#intervals = this.#intervals.map(([start, end]) => [start, end]);
    return copy;
  }

  add(start: number, end: number): void {
    if (end <= start) return;
    const apart = this.#intervals.filter(([from, to]) => to < start || from > end);
    const touching = this.#intervals.filter(([from, to]) => to >= start && from <= end);
    const merged: [number, number] = [
      Math.min(start, ...touching.map(([from]) => from)),
      Math.max(end, ...touching.map(([, to]) => to)),
    ];
    this.#intervals = [...apart, merged].sort((a, b) => a[0] - b[0]);
  }

  remove(start: number, end: number): void {
    if (end <= start) return;
    this.#intervals = this.#intervals.flatMap(([from, to]): [number, number][] => {
      if (to <= start || from >= end) return [[from, to]];
      const rest: [number, number][] = [];
      if (from < start) rest.push([from, start]);
      if (to > end) rest.push([end, to]);
      return rest;
    });
  }

  /** Whether every address of the range is in the set; true for an empty range. */
  contains(start: number, end: number): boolean {
    return end <= start || this.#intervals.some(([from, to]) => from <= start && end <= to);
  }

  /** End of the interval that holds `address`; `address` itself when none does. */
  endOf(address: number): number {
    return this.#intervals.find(([from, to]) => from <= address && address < to)?.[1] ?? address;
  }

  /** Lowest multiple of `alignment`, at least `from`, where `size` bytes fit. */
  lowest(size: number, alignment: number, from: number): number | undefined {
    for (const [start, end] of this.#intervals) {
      const place = Math.ceil(Math.max(start, from) / alignment) * alignment;
      if (place + size <= end) return place;
    }
    return undefined;
  }

  /** Highest multiple of `alignment` where `size` bytes fit between `from` and `to` (exclusive). */
  highest(size: number, alignment: number, from: number, to: number): number | undefined {
    for (const [start, end] of this.#intervals.toReversed()) {
      const place = Math.floor((Math.min(end, to) - size) / alignment) * alignment;
      if (place >= Math.max(start, from)) return place;
    }
    return undefined;
  }

  /** The most bytes that `highest` could place with the same arguments. */
  largest(alignment: number, from: number, to: number): number {
    const sizes = this.#intervals.map(([start, end]) => {
      const place = Math.ceil(Math.max(start, from) / alignment) * alignment;
      return Math.min(end, to) - place;
    });
    return Math.max(0, ...sizes);
  }
}
