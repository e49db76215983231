/** The markers that the workloads print around what is to be timed, one line each. */

export interface Round {
  readonly name: string;
  /** Units of work in the round. */
  readonly scale: number;
  /** Host time from one marker's arrival to the other's. */
  readonly milliseconds: number;
  /** Of what was calculated; equal on every machine. */
  readonly checksum: string;
}

/** `@@B name round scale`, then `@@E name round scale guest-time checksum`; `@@F name …` when it could not run. */
export class MarkerReader {
  readonly rounds: Round[] = [];
  readonly failures: string[] = [];
  /** Told of every round when it has ended. */
  onRound: (round: Round) => void = () => {};
  #line = '';
  #begun: { readonly name: string; readonly at: number } | undefined;

  /** @param at host time of the arrival, milliseconds */
  receive(text: string, at: number): void {
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop()!;
    for (const line of lines) this.#read(line.trim(), at);
  }
  #read(line: string, at: number): void {
    // The kernel may speak on the same line.
    const marker = /@@([BEF]) (\S+)(.*)/.exec(line);
    if (!marker) return;
    const [, kind, name, rest] = marker;
    if (kind === 'F') this.failures.push(`${name}${rest}`);
    else if (kind === 'B') this.#begun = { name: name!, at };
    else if (this.#begun?.name === name) {
      const [, scale, , checksum] = rest!.trim().split(' ');
      const milliseconds = at - this.#begun!.at;
      const round = { name: name!, scale: Number(scale), milliseconds, checksum: checksum ?? '' };
      this.#begun = undefined;
      this.rounds.push(round);
      this.onRound(round);
    }
  }
}
