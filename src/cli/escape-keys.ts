/** The keys by which a user at the terminal speaks to us and not to the guest: Ctrl-A, then a letter. */
const CTRL_A = 0x01;

export type EscapeCommand = 'quit' | 'help' | 'break';

const commands: Readonly<Record<string, EscapeCommand>> = { x: 'quit', h: 'help', b: 'break' };

export const ESCAPE_KEYS_HELP = `Ctrl-A x       leave
Ctrl-A b       send a break
Ctrl-A h       this help
Ctrl-A Ctrl-A  send Ctrl-A`;

/** Takes the escape keys out of a stream of bytes, which may be cut anywhere. */
export class EscapeKeys {
  #escaped = false;

  /** @returns what to do in turn: bytes for the guest, or a command */
  *take(chunk: Uint8Array): Generator<Uint8Array | EscapeCommand> {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (!this.#escaped) {
        if (byte !== CTRL_A) continue;
        if (i > start) yield chunk.subarray(start, i);
        this.#escaped = true;
        start = i + 1;
        continue;
      }
      this.#escaped = false;
      // Ctrl-A itself stays in the stream; any other key without a meaning is dropped.
      start = byte === CTRL_A ? i : i + 1;
      const command = commands[String.fromCharCode(byte)];
      if (command !== undefined) yield command;
    }
    if (start < chunk.length) yield chunk.subarray(start);
  }
}
