/**
 * Cases recorded on an 80286 in real mode, one instruction each: `op|name|bytes|initial|final` a line, where both
 * states are `name=value` in hexadecimal and `mem=address:bytes,…`; the final one tells only what changed. Behind
 * the instruction, and at every handler it can reach, lies a HLT.
 */
export interface Snapshot {
  readonly registers: ReadonlyMap<string, number>;
  /** Runs of bytes by physical address. */
  readonly memory: readonly (readonly [address: number, bytes: Uint8Array])[];
}

export interface Case {
  /** Opcode, with the reg field of ModRM behind a dot where that belongs to it. */
  readonly operation: string;
  readonly name: string;
  /** The instruction and the HLT behind it. */
  readonly bytes: Uint8Array;
  readonly initial: Snapshot;
  readonly final: Snapshot;
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

const parseSnapshot = (text: string): Snapshot => {
  const registers = new Map<string, number>();
  const memory: [number, Uint8Array][] = [];
  for (const token of text.split(' ')) {
    const [name, value = ''] = token.split('=') as [string, string?];
    if (name !== 'mem') {
      if (name !== '') registers.set(name, Number.parseInt(value, 16));
      continue;
    }
    for (const run of value.split(',')) {
      const [address, bytes] = run.split(':') as [string, string];
      memory.push([Number.parseInt(address, 16), bytesOf(bytes)]);
    }
  }
  return { registers, memory };
};

/** Lines that begin with # are comments. */
export const parseCases = (text: string): Case[] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [operation, name, bytes, initial, final] = line.split('|') as [
        string,
        string,
        string,
        string,
        string,
      ];
      return {
        operation,
        name,
        bytes: bytesOf(bytes),
        initial: parseSnapshot(initial),
        final: parseSnapshot(final),
      };
    });
