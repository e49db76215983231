/** A terminal's screen: what a program that paints one leaves on it. */
const ROWS = 25;
const COLUMNS = 80;
/** What a control sequence begins with. */
export const ESCAPE = 0x1b;

/** Understands of ECMA-48 what such programs send: cursor position (H) and erase in page (J); others change no text. */
export class Screen {
  readonly #cells = Array.from({ length: ROWS }, () => new Array<string>(COLUMNS).fill(' '));
  #row = 0;
  #column = 0;
  /** The control sequence so far, without its introducer. */
  #sequence: string | undefined;

  receive(byte: number): void {
    const character = String.fromCharCode(byte);
    if (this.#sequence !== undefined) {
      if (/[A-Za-z]/.test(character)) {
        this.#control(this.#sequence, character);
        this.#sequence = undefined;
      } else this.#sequence += character;
    } else if (byte === ESCAPE) this.#sequence = '';
    else if (character === '\r') this.#column = 0;
    else if (character === '\n') this.#row++;
    else {
      const row = this.#cells[this.#row];
      if (row && this.#column < COLUMNS) row[this.#column] = character;
      this.#column++;
    }
  }
  #control(sequence: string, final: string): void {
    if (final === 'H') {
      const [row, column] = sequence.replace('[', '').split(';').map(Number);
      this.#row = (row || 1) - 1;
      this.#column = (column || 1) - 1;
    } else if (final === 'J') for (const row of this.#cells) row.fill(' ');
  }

  /** @param row from 0 */
  line(row: number): string {
    return this.#cells[row]!.join('');
  }
  get text(): string {
    return this.#cells.map((_, row) => this.line(row).trimEnd()).join('\n');
  }
}
