/** A user at the guest's serial console: types the next command when the shell asks for one. */
import { PROMPT } from '../../guests/debian/initramfs.ts';

export interface Exchange {
  /** The command line, without its end. */
  readonly type: string;
  /** What is typed while the command runs, and the output that it waits for. */
  readonly during?: { readonly output: string; readonly type: string };
}

/** Control Sequence Introducer sequences of ECMA-48: cursor queries, colours. */
const CONTROL_SEQUENCE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');

const endsWith = (text: string, end: string): boolean =>
  text.charCodeAt(text.length - 1) === end.charCodeAt(end.length - 1) && text.endsWith(end);

/** Answers at the very instruction that prints, so that in virtual time every run is the same. */
export class ShellSession {
  /** Everything the guest sent. */
  readonly console: number[] = [];
  /** What came before the first prompt. */
  boot = '';
  /** What each command printed, without its echo, the line ends as \n. */
  readonly answers = new Map<string, string>();
  /** Told when the shell asks for its first command. */
  onFirstPrompt: () => void = () => {};
  readonly #waiting: Exchange[];
  readonly #send: (bytes: Uint8Array) => void;
  #current: Exchange | undefined;
  #interjected = false;
  #text = '';

  constructor(exchanges: readonly Exchange[], send: (bytes: Uint8Array) => void) {
    this.#waiting = [...exchanges];
    this.#send = send;
  }

  /** A byte from the guest. */
  receive(byte: number): void {
    this.console.push(byte);
    this.#text += String.fromCharCode(byte);
    if (endsWith(this.#text, PROMPT)) this.#prompted();
    const during = this.#current?.during;
    if (during && !this.#interjected && endsWith(this.#text, during.output)) {
      this.#interjected = true;
      this.#type(during.type);
    }
  }
  #prompted(): void {
    const text = this.#text.slice(0, -PROMPT.length).replace(CONTROL_SEQUENCE, '').replaceAll('\r', '');
    if (this.#current) this.answers.set(this.#current.type, text.slice(text.indexOf('\n') + 1));
    else {
      this.boot = text;
      this.onFirstPrompt();
    }
    this.#text = '';
    this.#interjected = false;
    this.#current = this.#waiting.shift();
    if (this.#current) this.#type(`${this.#current.type}\n`);
  }
  #type(text: string): void {
    this.#send(new TextEncoder().encode(text));
  }
}
