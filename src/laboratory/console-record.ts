/** What a guest has printed, up to a size, and whether it has just printed a certain text. */

/** Bytes that are kept; what comes behind them is dropped. */
export const LONGEST_CONSOLE = 4 << 20;
/** Texts that are waited for may be at most so long. */
const LONGEST_TEXT = 4096;

export class ConsoleRecord {
  #bytes = new Uint8Array(4096);
  #length = 0;
  /** The last bytes, whatever was dropped: a ring. */
  readonly #last = new Uint8Array(LONGEST_TEXT);
  #total = 0;

  put(byte: number): void {
    this.#last[this.#total++ % LONGEST_TEXT] = byte;
    if (this.#length === LONGEST_CONSOLE) return;
    if (this.#length === this.#bytes.length) {
      const longer = new Uint8Array(2 * this.#length);
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    this.#bytes[this.#length++] = byte;
  }
  /** Whether the last bytes are these characters, of which each is a byte (Latin-1). */
  endsWith(text: string): boolean {
    const { length } = text;
    if (length > this.#total || length > LONGEST_TEXT) return false;
    for (let i = 1; i <= length; i++)
      if (this.#last[(this.#total - i) % LONGEST_TEXT] !== text.charCodeAt(length - i)) return false;
    return true;
  }
  /** A character is a byte. */
  get text(): string {
    let text = '';
    for (let at = 0; at < this.#length; at += 0x8000)
      text += String.fromCharCode(...this.#bytes.subarray(at, Math.min(at + 0x8000, this.#length)));
    return text;
  }
}

/** The lines of a console; what is behind the last line end counts if there is any. */
export const linesOf = (console: string): string[] => {
  const lines = console.split(/\r*\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
};
