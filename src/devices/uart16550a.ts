/**
 * National Semiconductor PC16550D UART (datasheet TL/C/8652) on a PC: 1.8432 MHz clock, interrupt gated by OUT2, and
 * a terminal at the other end that keeps CTS, DSR and DCD asserted.
 *
 * Transmission takes no virtual time: a byte leaves when it is written, THR and shift register are empty again at
 * once and the THRE interrupt is pending anew. A driver sees a very fast line, never an interrupt that is lost, and
 * a kernel that polls THRE for its console does not burn the machine's time on a baud rate nobody needs.
 *
 * Reception is paced at the programmed baud rate and stops while the FIFO is full or the guest holds RTS low, so
 * that pasted input is neither lost in the chip nor poured into the driver faster than its buffers drain.
 */
import type { Clock, Line, PortDevice, Stateful, Timer, Width } from './device.ts';

const IER = { RDA: 1, THRE: 2, RLS: 4, MS: 8 } as const;
const IIR = { NONE: 1, MS: 0, THRE: 2, RDA: 4, RLS: 6, TIMEOUT: 0x0c, FIFOS: 0xc0 } as const;
const LCR = { STOP: 4, PARITY: 8, BREAK: 0x40, DLAB: 0x80 } as const;
const MCR = { DTR: 1, RTS: 2, OUT1: 4, OUT2: 8, LOOP: 0x10 } as const;
const LSR = { DR: 1, OE: 2, BI: 0x10, FE: 8, THRE: 0x20, TEMT: 0x40, FIFO_ERROR: 0x80 } as const;
const MSR = { TERI: 4, CTS: 0x10, DSR: 0x20, RI: 0x40, DCD: 0x80 } as const;

const FIFO_SIZE = 16;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;
/** Error bits of a received character lie above its eight data bits. */
const ERROR_SHIFT = 8;
const BREAK_CHARACTER = (LSR.BI | LSR.FE) << ERROR_SHIFT;
/** Nanoseconds per bit for a divisor of one: 16 clocks of 1.8432 MHz. */
const BIT_TIME = 16e9 / 1_843_200;

export interface Uart16550aOptions {
  clock: Clock;
  irq: Line;
  /** Told each transmitted byte. */
  onTransmit: (byte: number) => void;
}

export class Uart16550a implements PortDevice, Stateful {
  readonly #irq: Line;
  readonly #clock: Clock;
  readonly #onTransmit: (byte: number) => void;
  /** The next character from the line. */
  readonly #arrival: Timer;
  /** Four character times without a read or an arrival. */
  readonly #timeout: Timer;
  /** Received characters, oldest at `#head`, with their error bits. */
  readonly #fifo = new Uint16Array(FIFO_SIZE);
  #head = 0;
  /** Characters from the host that have not reached the chip; those before `#queued` have been taken. */
  #queue: number[] = [];
  #queued = 0;
  readonly #state = {
    count: 0,
    fifos: false,
    trigger: 1,
    ier: 0,
    lcr: 0,
    mcr: 0,
    /** Error bits of LSR; DR, THRE and TEMT are computed. */
    errors: 0,
    msr: MSR.CTS | MSR.DSR | MSR.DCD,
    scratch: 0,
    divisor: 12,
    threPending: false,
    timedOut: false,
    /** The character last read, which RBR shows while empty. */
    last: 0,
    /** The guest has raised RTS once: from then on RTS low holds the terminal. */
    rtsUsed: false,
    /** A character is on the line and will have arrived at this time (ns). */
    arriving: false,
    arrivesAt: 0,
    timeoutAt: 0,
  };

  constructor(options: Uart16550aOptions) {
    this.#clock = options.clock;
    this.#irq = options.irq;
    this.#onTransmit = options.onTransmit;
    this.#arrival = options.clock.timer(() => this.#arrived());
    this.#timeout = options.clock.timer(() => this.#timeoutExpired());
  }

  /** Bytes the host has sent that the guest's UART has not taken yet. */
  get backlog(): number {
    return this.#queue.length - this.#queued;
  }

  /** Sends bytes to the guest. All are kept until the guest takes them. */
  receive(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#queue.push(byte & 0xff);
    this.#listen();
  }

  /** Sends a break condition to the guest, in turn with the bytes. */
  receiveBreak(): void {
    this.#queue.push(BREAK_CHARACTER);
    this.#listen();
  }

  /** Duration of a character on the line in ns: start, data, parity and stop bits. */
  get #characterTime(): number {
    const { lcr, divisor } = this.#state;
    const bits = 7 + (lcr & 3) + (lcr & LCR.PARITY ? 1 : 0) + (lcr & LCR.STOP ? 1 : 0);
    return Math.ceil(bits * (divisor || 0x10000) * BIT_TIME);
  }

  /** Starts the next character from the host if the chip can take it and none is under way. */
  #listen(): void {
    const s = this.#state;
    if (s.arriving || this.#queued === this.#queue.length) return;
    if (s.count >= (s.fifos ? FIFO_SIZE : 1)) return;
    if (s.mcr & MCR.LOOP || (s.rtsUsed && (s.mcr & MCR.RTS) === 0)) return;
    s.arriving = true;
    s.arrivesAt = this.#clock.now() + this.#characterTime;
    this.#arrival.arm(s.arrivesAt);
  }

  #arrived(): void {
    const s = this.#state;
    s.arriving = false;
    // The line may have been looped back or the FIFO disabled meanwhile: the character then waits in the queue.
    if (s.count < (s.fifos ? FIFO_SIZE : 1) && (s.mcr & MCR.LOOP) === 0) {
      this.#push(this.#queue[this.#queued++]);
      if (this.#queued === this.#queue.length || this.#queued === 0x1000) {
        this.#queue = this.#queue.slice(this.#queued);
        this.#queued = 0;
      }
    }
    this.#listen();
  }

  /** A character has come out of the receiver's shift register. */
  #push(character: number): void {
    const s = this.#state;
    const size = s.fifos ? FIFO_SIZE : 1;
    if (s.count === size) {
      s.errors |= LSR.OE;
      // With FIFOs the shift register is overwritten, without them the buffer is.
      if (!s.fifos) {
        this.#fifo[this.#head] = character;
        s.errors |= character >> ERROR_SHIFT;
      }
    } else {
      this.#fifo[(this.#head + s.count) & (FIFO_SIZE - 1)] = character;
      s.count++;
      if (s.count === 1) s.errors |= character >> ERROR_SHIFT;
    }
    this.#restartTimeout();
    this.#update();
  }

  #restartTimeout(): void {
    const s = this.#state;
    s.timedOut = false;
    if (!s.fifos || s.count === 0) {
      this.#timeout.cancel();
      return;
    }
    s.timeoutAt = this.#clock.now() + 4 * this.#characterTime;
    this.#timeout.arm(s.timeoutAt);
  }

  #timeoutExpired(): void {
    this.#state.timedOut = true;
    this.#update();
  }

  /** The interrupt of highest priority, as IIR bits 3-0 (datasheet, table IV). */
  #identify(): number {
    const s = this.#state;
    if (s.ier & IER.RLS && s.errors !== 0) return IIR.RLS;
    if (s.ier & IER.RDA && s.count > 0) {
      if (s.count >= s.trigger) return IIR.RDA;
      if (s.timedOut) return IIR.TIMEOUT;
    }
    if (s.ier & IER.THRE && s.threPending) return IIR.THRE;
    if (s.ier & IER.MS && s.msr & 0x0f) return IIR.MS;
    return IIR.NONE;
  }

  #update(): void {
    // Loopback keeps the interrupt connected, as in single-chip I/O controllers, where OUT2 is no pin.
    this.#irq.set((this.#state.mcr & MCR.OUT2) !== 0 && this.#identify() !== IIR.NONE);
  }

  read(offset: number, _width: Width): number {
    const s = this.#state;
    switch (offset) {
      case 0:
        return s.lcr & LCR.DLAB ? s.divisor & 0xff : this.#readBuffer();
      case 1:
        return s.lcr & LCR.DLAB ? s.divisor >> 8 : s.ier;
      case 2: {
        const id = this.#identify();
        if (id === IIR.THRE) {
          s.threPending = false;
          this.#update();
        }
        return id | (s.fifos ? IIR.FIFOS : 0);
      }
      case 3:
        return s.lcr;
      case 4:
        return s.mcr;
      case 5:
        return this.#readLineStatus();
      case 6: {
        const status = s.msr;
        s.msr &= 0xf0;
        if (status & 0x0f) this.#update();
        return status;
      }
      default:
        return s.scratch;
    }
  }

  #readBuffer(): number {
    const s = this.#state;
    if (s.count === 0) return s.last;
    s.last = this.#fifo[this.#head] & 0xff;
    this.#head = (this.#head + 1) & (FIFO_SIZE - 1);
    s.count--;
    // Errors show when their character reaches the top of the FIFO.
    if (s.count > 0) s.errors |= this.#fifo[this.#head] >> ERROR_SHIFT;
    this.#restartTimeout();
    this.#update();
    this.#listen();
    return s.last;
  }

  #readLineStatus(): number {
    const s = this.#state;
    let status = LSR.THRE | LSR.TEMT | s.errors | (s.count > 0 ? LSR.DR : 0);
    if (s.fifos && s.count > 0 && this.#fifoHasError()) status |= LSR.FIFO_ERROR;
    if (s.errors) {
      s.errors = 0;
      if (s.count > 0) this.#fifo[this.#head] &= 0xff;
      this.#update();
    }
    return status;
  }

  #fifoHasError(): boolean {
    for (let i = 0; i < this.#state.count; i++) {
      if (this.#fifo[(this.#head + i) & (FIFO_SIZE - 1)] >> ERROR_SHIFT) return true;
    }
    return false;
  }

  write(offset: number, _width: Width, value: number): void {
    const s = this.#state;
    switch (offset) {
      case 0:
        if (s.lcr & LCR.DLAB) s.divisor = (s.divisor & 0xff00) | value;
        else this.#transmit(value);
        break;
      case 1:
        if (s.lcr & LCR.DLAB) s.divisor = (s.divisor & 0xff) | (value << 8);
        else this.#writeInterruptEnable(value & 0x0f);
        break;
      case 2:
        this.#writeFifoControl(value);
        break;
      case 3:
        this.#writeLineControl(value);
        break;
      case 4:
        this.#writeModemControl(value & 0x1f);
        break;
      case 7:
        s.scratch = value;
        break;
      // LSR and MSR are for factory tests only; writes to them do nothing.
    }
  }

  #transmit(value: number): void {
    const s = this.#state;
    const byte = value & (0xff >> (3 - (s.lcr & 3)));
    if (s.mcr & MCR.LOOP) this.#push(byte);
    else this.#onTransmit(byte);
    s.threPending = true;
    this.#update();
  }

  /** Enabling the THRE interrupt while THR is empty raises it at once (datasheet, section 8.7). */
  #writeInterruptEnable(value: number): void {
    const s = this.#state;
    const changed = value ^ s.ier;
    s.ier = value;
    if (changed & IER.THRE) s.threPending = (value & IER.THRE) !== 0;
    this.#update();
  }

  #writeFifoControl(value: number): void {
    const s = this.#state;
    const enable = (value & 1) !== 0;
    // Changing FIFO mode clears both FIFOs; without bit 0 the other bits are not programmed.
    if (enable !== s.fifos || (enable && value & 2)) this.#clearReceiver();
    s.fifos = enable;
    s.trigger = enable ? TRIGGER_LEVELS[value >> 6] : 1;
    this.#restartTimeout();
    this.#update();
    this.#listen();
  }

  #clearReceiver(): void {
    this.#head = 0;
    this.#state.count = 0;
    this.#state.timedOut = false;
    this.#state.errors &= LSR.OE;
  }

  #writeLineControl(value: number): void {
    const s = this.#state;
    const rising = value & ~s.lcr;
    s.lcr = value;
    if (rising & LCR.BREAK && s.mcr & MCR.LOOP) this.#push(BREAK_CHARACTER);
  }

  #writeModemControl(value: number): void {
    const s = this.#state;
    s.mcr = value;
    if (value & MCR.LOOP) {
      this.#setModemInputs(
        (value & MCR.RTS ? MSR.CTS : 0) |
          (value & MCR.DTR ? MSR.DSR : 0) |
          (value & MCR.OUT1 ? MSR.RI : 0) |
          (value & MCR.OUT2 ? MSR.DCD : 0),
      );
    } else {
      if (value & MCR.RTS) s.rtsUsed = true;
      this.#setModemInputs(MSR.CTS | MSR.DSR | MSR.DCD);
    }
    this.#update();
    this.#listen();
  }

  /** New levels in MSR bits 7-4; changes set the delta bits, of RI only the trailing edge. */
  #setModemInputs(levels: number): void {
    const s = this.#state;
    const changed = (levels ^ s.msr) & 0xf0;
    let deltas = (changed & ~MSR.RI) >> 4;
    if (changed & MSR.RI && (levels & MSR.RI) === 0) deltas |= MSR.TERI;
    s.msr = levels | (s.msr & 0x0f) | deltas;
  }

  /** The MR pin (datasheet, table I): scratch, divisor and received data stay. */
  reset(): void {
    const s = this.#state;
    this.#clearReceiver();
    Object.assign(s, { fifos: false, trigger: 1, ier: 0, lcr: 0, mcr: 0, errors: 0, threPending: false });
    s.rtsUsed = false;
    s.msr = MSR.CTS | MSR.DSR | MSR.DCD;
    this.#restartTimeout();
    this.#update();
    this.#listen();
  }

  save(): unknown {
    const fifo = Array.from(
      { length: this.#state.count },
      (_, i) => this.#fifo[(this.#head + i) & (FIFO_SIZE - 1)],
    );
    return { ...this.#state, fifo, queue: this.#queue.slice(this.#queued) };
  }

  /** The clock must have been restored before. */
  restore(state: unknown): void {
    const { fifo, queue, ...rest } = state as { fifo: number[]; queue: number[] };
    const s = this.#state;
    Object.assign(s, rest);
    this.#fifo.set(fifo);
    this.#head = 0;
    this.#queue = [...queue];
    this.#queued = 0;
    if (s.arriving) this.#arrival.arm(s.arrivesAt);
    else this.#arrival.cancel();
    if (s.fifos && s.count > 0 && !s.timedOut) this.#timeout.arm(s.timeoutAt);
    else this.#timeout.cancel();
    this.#update();
  }
}
