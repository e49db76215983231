/**
 * The keyboard controller of a PC/AT: an 8042 with its standard program (IBM PS/2 Hardware Interface Technical
 * Reference, "Keyboard and Auxiliary Device Controller"), one keyboard and no auxiliary device.
 *
 * Without an auxiliary port its loop-back command answers at once in the keyboard's output buffer and its test
 * fails, so that a driver which probes for a mouse gives up without waiting for a time-out.
 */
import { AtKeyboard } from './at-keyboard.ts';
import type { Clock, Line, PortDevice, Stateful, Timer } from './device.ts';
import { translate } from './scancodes.ts';

const Status = { OBF: 0x01, SYS: 0x04, COMMAND: 0x08, UNLOCKED: 0x10, TIMEOUT: 0x40 } as const;
/** Bits of the command byte. The auxiliary clock stays disabled. */
const Command = {
  KBD_INTERRUPT: 0x01,
  SYS: 0x04,
  KBD_DISABLED: 0x10,
  AUX_DISABLED: 0x20,
  TRANSLATE: 0x40,
} as const;
const Output = { NOT_RESET: 0x01, A20: 0x02, OBF: 0x10 } as const;

const SELF_TEST_PASSED = 0x55;
const CLOCK_STUCK_LOW = 0x01;
/** A key's bytes are a serial frame of 11 bits at about 10 kHz apart. */
const KEY_INTERVAL = 1_000_000;

export interface I8042Options {
  clock: Clock;
  irq: Line;
  /** Driven with the A20 bit of the output port; high after power-on. */
  a20: Line;
  /** The processor's reset. */
  onReset: () => void;
}

export class I8042 implements Stateful {
  /** Port 0x60. */
  readonly data: PortDevice = {
    read: () => this.#readData(),
    write: (_offset, _width, value) => this.#writeData(value),
  };
  /** Port 0x64. */
  readonly command: PortDevice = {
    read: () => this.#status(),
    write: (_offset, _width, value) => this.#execute(value),
  };
  readonly keyboard = new AtKeyboard();
  readonly #clock: Clock;
  readonly #irq: Line;
  readonly #a20: Line;
  readonly #onReset: () => void;
  readonly #keyTimer: Timer;
  /** The controller's internal memory; byte 0 is the command byte. */
  readonly #memory = new Uint8Array(32);
  readonly #state = {
    outputFull: false,
    outputBuffer: 0,
    timeout: false,
    /** The controller's own answer, waiting for the output buffer; -1 if none. */
    answer: -1,
    /** The controller command whose parameter comes next through port 0x60; 0 if none. */
    command: 0,
    commandWritten: false,
    output: 0xcf,
    /** The last byte from the keyboard was the break prefix. */
    breaking: false,
    /** The earliest time (ns) for the next key byte. */
    nextKeyAt: 0,
  };

  constructor(options: I8042Options) {
    this.#clock = options.clock;
    this.#irq = options.irq;
    this.#a20 = options.a20;
    this.#onReset = options.onReset;
    this.#keyTimer = options.clock.timer(() => this.#refill());
    this.#memory[0] = Command.KBD_INTERRUPT | Command.SYS | Command.AUX_DISABLED | Command.TRANSLATE;
  }

  /** Presses or releases a key. @param key a `KeyboardEvent.code` @throws RangeError if there is no such key */
  typeKey(key: string, down: boolean): void {
    this.keyboard.key(key, down);
    this.#refill();
  }

  /** Sends raw scan code bytes, as they leave the keyboard. */
  sendScancode(bytes: readonly number[]): void {
    this.keyboard.send(bytes);
    this.#refill();
  }

  #status(): number {
    const s = this.#state;
    return (
      Status.UNLOCKED |
      (s.outputFull ? Status.OBF : 0) |
      (this.#memory[0] & Command.SYS) |
      (s.commandWritten ? Status.COMMAND : 0) |
      (s.timeout ? Status.TIMEOUT : 0)
    );
  }

  #readData(): number {
    const s = this.#state;
    const value = s.outputBuffer;
    if (s.outputFull) {
      s.outputFull = false;
      s.timeout = false;
      this.#refill();
    }
    return value;
  }

  /** Moves the next byte, if any, into the empty output buffer, and drives the interrupt. */
  #refill(): void {
    const s = this.#state;
    this.#drive();
    if (s.outputFull) return;
    if (s.answer >= 0) {
      const { answer } = s;
      s.answer = -1;
      this.#present(answer);
      return;
    }
    if (this.#memory[0] & Command.KBD_DISABLED) return;
    while (!s.outputFull && this.keyboard.hasResponse) this.#fromKeyboard();
    while (!s.outputFull && this.keyboard.hasKey) {
      const now = this.#clock.now();
      if (now < s.nextKeyAt) {
        this.#keyTimer.arm(s.nextKeyAt);
        return;
      }
      this.#fromKeyboard();
      s.nextKeyAt = now + KEY_INTERVAL;
    }
  }

  /** Takes one byte from the keyboard and presents it, translated if the command byte says so. */
  #fromKeyboard(): void {
    const s = this.#state;
    const byte = this.keyboard.take();
    if ((this.#memory[0] & Command.TRANSLATE) === 0) {
      this.#present(byte);
    } else if (byte === 0xf0) {
      s.breaking = true;
    } else {
      const released = s.breaking ? 0x80 : 0;
      s.breaking = false;
      this.#present(translate(byte) | released);
    }
  }

  #present(byte: number): void {
    this.#state.outputBuffer = byte;
    this.#state.outputFull = true;
    this.#drive();
  }

  #drive(): void {
    this.#irq.set(this.#state.outputFull && (this.#memory[0] & Command.KBD_INTERRUPT) !== 0);
  }

  #reply(byte: number): void {
    this.#state.answer = byte;
    this.#refill();
  }

  /** A command at port 0x64. */
  #execute(value: number): void {
    const s = this.#state;
    s.commandWritten = true;
    s.command = 0;
    if (value >= 0x20 && value <= 0x3f) {
      this.#reply(this.#memory[value & 0x1f]);
      return;
    }
    if (value >= 0x60 && value <= 0x7f) {
      s.command = value;
      return;
    }
    if (value >= 0xf0) {
      // Pulses output port bits 3-0 low; bit 0 is the processor's reset.
      if ((value & 1) === 0) this.#onReset();
      return;
    }
    switch (value) {
      case 0xa9:
        this.#reply(CLOCK_STUCK_LOW);
        break;
      case 0xaa:
        this.#memory[0] |= Command.SYS;
        this.#reply(SELF_TEST_PASSED);
        break;
      case 0xab:
        this.#reply(0);
        break;
      case 0xad:
        this.#memory[0] |= Command.KBD_DISABLED;
        break;
      case 0xae:
        this.#memory[0] &= ~Command.KBD_DISABLED;
        this.#refill();
        break;
      case 0xc0:
        // Input port: keyboard not locked, manufacturing jumper not installed.
        this.#reply(0xa0);
        break;
      case 0xd0:
        this.#reply(s.output | (s.outputFull ? Output.OBF : 0));
        break;
      case 0xd1:
      case 0xd2:
      case 0xd3:
      case 0xd4:
        s.command = value;
        break;
      case 0xdd:
        this.#writeOutputPort(s.output & ~Output.A20);
        break;
      case 0xdf:
        this.#writeOutputPort(s.output | Output.A20);
        break;
      case 0xe0:
        // Test inputs: keyboard clock and data high.
        this.#reply(0x03);
        break;
    }
  }

  /** A byte at port 0x60: the parameter of a controller command, or a byte for the keyboard. */
  #writeData(value: number): void {
    const s = this.#state;
    const { command } = s;
    s.commandWritten = false;
    s.command = 0;
    if (command === 0) {
      // Sending to the keyboard enables its interface.
      this.#memory[0] &= ~Command.KBD_DISABLED;
      this.keyboard.command(value);
      this.#refill();
    } else if (command <= 0x7f) {
      this.#memory[command & 0x1f] = value;
      if (command === 0x60) this.#memory[0] = (value & 0x7f) | Command.AUX_DISABLED;
      this.#refill();
    } else if (command === 0xd1) {
      this.#writeOutputPort(value);
    } else if (command === 0xd4) {
      // No auxiliary device takes the byte: the controller times out and asks for it again.
      s.timeout = true;
      this.#reply(0xfe);
    } else {
      this.#reply(value);
    }
  }

  #writeOutputPort(value: number): void {
    const s = this.#state;
    s.output = (value & ~Output.OBF) | Output.NOT_RESET;
    this.#a20.set((value & Output.A20) !== 0);
    if ((value & Output.NOT_RESET) === 0) this.#onReset();
  }

  save(): unknown {
    return { ...this.#state, memory: [...this.#memory], keyboard: this.keyboard.save() };
  }

  /** The clock must have been restored before. */
  restore(state: unknown): void {
    const { memory, keyboard, ...rest } = state as { memory: number[]; keyboard: unknown };
    Object.assign(this.#state, rest);
    this.#memory.set(memory);
    this.keyboard.restore(keyboard);
    this.#a20.set((this.#state.output & Output.A20) !== 0);
    this.#refill();
  }
}
