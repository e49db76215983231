/**
 * An AT (MF II) keyboard: its commands and scan code sets 1 and 2 (IBM PS/2 Hardware Interface Technical Reference,
 * "101- and 102-Key Keyboards"). It knows bytes only; the keyboard controller carries them.
 */
import type { Stateful } from './device.ts';
import { makeCode, translate } from './scancodes.ts';

const ACKNOWLEDGE = 0xfa;
const RESEND = 0xfe;
const TEST_PASSED = 0xaa;
const BREAK_PREFIX = 0xf0;

export class AtKeyboard implements Stateful {
  /** Answers to commands: they go out before any key. */
  #responses: number[] = [];
  #keys: number[] = [];
  readonly #state = {
    scanning: true,
    /** 1 or 2. */
    scanCodeSet: 2,
    leds: 0,
    typematic: 0x2b,
    /** The command whose parameter comes next; 0 if none. */
    command: 0,
    lastSent: 0,
  };

  /** Lamps as the guest set them: scroll lock, num lock, caps lock in bits 0-2. */
  get leds(): number {
    return this.#state.leds;
  }

  get hasResponse(): boolean {
    return this.#responses.length > 0;
  }

  get hasKey(): boolean {
    return this.#keys.length > 0;
  }

  /** The next byte for the controller; there must be one. */
  take(): number {
    const byte = this.#responses.length > 0 ? this.#responses.shift()! : this.#keys.shift()!;
    this.#state.lastSent = byte;
    return byte;
  }

  /**
   * A key goes down or up; nothing happens while the guest has scanning disabled. Keys wait for the guest without
   * limit. @param key a `KeyboardEvent.code` @throws RangeError if there is no such key
   */
  key(key: string, down: boolean): void {
    const code = makeCode(key);
    const bytes = code > 0xff ? [code >> 8] : [];
    if (this.#state.scanCodeSet === 1) bytes.push(translate(code & 0xff) | (down ? 0 : 0x80));
    else if (down) bytes.push(code & 0xff);
    else bytes.push(BREAK_PREFIX, code & 0xff);
    this.send(bytes);
  }

  /** Puts raw scan code bytes behind the keys already waiting. */
  send(bytes: readonly number[]): void {
    if (this.#state.scanning) this.#keys.push(...bytes);
  }

  /** A byte from the controller: a command or its parameter. */
  command(byte: number): void {
    const s = this.#state;
    const { command } = s;
    s.command = 0;
    if (command !== 0) this.#parameter(command, byte);
    else this.#execute(byte);
  }

  #execute(byte: number): void {
    const s = this.#state;
    switch (byte) {
      case 0xed: // set lamps
      case 0xf0: // select scan code set
      case 0xf3: // set typematic rate
        s.command = byte;
        this.#responses.push(ACKNOWLEDGE);
        break;
      case 0xee: // echo
        this.#responses.push(0xee);
        break;
      case 0xf2: // identify
        this.#responses.push(ACKNOWLEDGE, 0xab, 0x83);
        break;
      case 0xf4: // enable
        this.#keys = [];
        s.scanning = true;
        this.#responses.push(ACKNOWLEDGE);
        break;
      case 0xf5: // default disable
        this.#setDefaults();
        s.scanning = false;
        this.#responses.push(ACKNOWLEDGE);
        break;
      case 0xf6: // set defaults
        this.#setDefaults();
        this.#responses.push(ACKNOWLEDGE);
        break;
      case 0xfe: // resend
        this.#responses.push(s.lastSent);
        break;
      case 0xff: // reset
        this.reset();
        this.#responses.push(ACKNOWLEDGE, TEST_PASSED);
        break;
      default:
        // Commands 0xF7-0xFD set key types, which only scan code set 3 uses.
        this.#responses.push(byte >= 0xf7 && byte <= 0xfa ? ACKNOWLEDGE : RESEND);
    }
  }

  #parameter(command: number, value: number): void {
    const s = this.#state;
    if (command === 0xf0) {
      if (value === 0) {
        this.#responses.push(ACKNOWLEDGE, s.scanCodeSet);
        return;
      }
      // Scan code set 3 does not exist on this keyboard.
      if (value > 2) {
        this.#responses.push(RESEND);
        return;
      }
      s.scanCodeSet = value;
      this.#keys = [];
    } else if (command === 0xed) s.leds = value & 7;
    else s.typematic = value & 0x7f;
    this.#responses.push(ACKNOWLEDGE);
  }

  #setDefaults(): void {
    const s = this.#state;
    s.scanCodeSet = 2;
    s.typematic = 0x2b;
    s.scanning = true;
    this.#keys = [];
  }

  /** Power-on state, without the test result. */
  reset(): void {
    this.#setDefaults();
    this.#responses = [];
    this.#state.leds = 0;
    this.#state.command = 0;
  }

  save(): unknown {
    return { ...this.#state, responses: [...this.#responses], keys: [...this.#keys] };
  }

  restore(state: unknown): void {
    const { responses, keys, ...rest } = state as { responses: number[]; keys: number[] };
    Object.assign(this.#state, rest);
    this.#responses = [...responses];
    this.#keys = [...keys];
  }
}
