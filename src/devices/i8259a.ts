/**
 * Intel 8259A programmable interrupt controller (datasheet 231468) and the cascaded pair of a PC.
 *
 * As in the 82371 family, the edge/level control registers replace LTIM of ICW1, and the chips are always in 8086
 * mode (microPM of ICW4 is ignored).
 */
import type { Line, PortDevice, Stateful, Width } from './device.ts';

/** Which byte the next write to A0=1 is. */
const Expect = { OCW1: 0, ICW2: 2, ICW3: 3, ICW4: 4 } as const;

const initialState = () => ({
  /** Requests: latched edges, and the level of the level-triggered inputs. */
  irr: 0,
  imr: 0,
  isr: 0,
  /** Levels of the eight inputs. */
  lines: 0,
  /** Inputs that are level-triggered. */
  level: 0,
  /** The input with the lowest priority; the next one has the highest. */
  lowest: 7,
  expect: Expect.OCW1 as number,
  single: false,
  icw4Follows: false,
  vectorBase: 0,
  /** Master: inputs with a slave. Slave: its identity in bits 0-2. */
  icw3: 0,
  autoEoi: false,
  rotateOnAutoEoi: false,
  specialFullyNested: false,
  specialMask: false,
  readIsr: false,
  poll: false,
});

export class I8259A implements PortDevice, Stateful {
  readonly #int: Line;
  readonly #state = initialState();

  /** @param options.int the INT pin */
  constructor(options: { int: Line }) {
    this.#int = options.int;
  }

  /** Drives one of the inputs IR0-IR7. */
  setInput(input: number, level: boolean): void {
    const s = this.#state;
    const bit = 1 << input;
    if (level === ((s.lines & bit) !== 0)) return;
    if (level) {
      s.lines |= bit;
      s.irr |= bit;
    } else {
      // An edge request that goes away before INTA is gone (datasheet, "Interrupt Sequence").
      s.lines &= ~bit;
      s.irr &= ~bit;
    }
    this.#update();
  }

  /** Inputs (bit mask) that are level-triggered: the edge/level control register. */
  get levelTriggered(): number {
    return this.#state.level;
  }
  set levelTriggered(mask: number) {
    const s = this.#state;
    s.level = mask & 0xff;
    s.irr = (s.irr & ~s.level) | (s.lines & s.level);
    this.#update();
  }

  /** The vector of input 0 (ICW2). */
  get vectorBase(): number {
    return this.#state.vectorBase;
  }

  /** Whether a slave is wired to an input, as ICW3 tells a master. */
  hasSlave(input: number): boolean {
    return !this.#state.single && ((this.#state.icw3 >> input) & 1) !== 0;
  }

  /** A slave's identity on the cascade bus (ICW3). */
  get identity(): number {
    return this.#state.icw3 & 7;
  }

  /** The input to be served next, or -1. */
  #pending(): number {
    const s = this.#state;
    const requests = s.irr & ~s.imr;
    if (requests === 0) return -1;
    const priority = this.#highest(requests);
    const served = s.specialMask ? s.isr & ~s.imr : s.isr;
    const current = this.#highest(served);
    const input = (priority + s.lowest + 1) & 7;
    if (priority < current) return input;
    // A slave in service may interrupt itself with its higher inputs (datasheet, "Special Fully Nested Mode").
    return priority === current && s.specialFullyNested && this.hasSlave(input) ? input : -1;
  }

  /** Priority (0 is highest) of the most important bit of a set of inputs; 8 if there is none. */
  #highest(inputs: number): number {
    if (inputs === 0) return 8;
    const shift = (this.#state.lowest + 1) & 7;
    const rotated = ((inputs >> shift) | (inputs << (8 - shift))) & 0xff;
    return 31 - Math.clz32(rotated & -rotated);
  }

  #update(): void {
    this.#int.set(this.#pending() >= 0);
  }

  /** The interrupt acknowledge cycle. @returns the input being served; 7 if the request has gone (spurious) */
  acknowledge(): number {
    const input = this.#pending();
    if (input < 0) return 7;
    this.#serve(input);
    return input;
  }

  #serve(input: number): void {
    const s = this.#state;
    const bit = 1 << input;
    if ((s.level & bit) === 0) s.irr &= ~bit;
    if (s.autoEoi) {
      if (s.rotateOnAutoEoi) s.lowest = input;
    } else {
      s.isr |= bit;
    }
    // INT falls with every acknowledge: a request still pending makes a new edge for an edge-triggered master.
    this.#int.set(false);
    this.#update();
  }

  read(offset: number, _width: Width): number {
    const s = this.#state;
    if (s.poll) {
      s.poll = false;
      const input = this.#pending();
      if (input < 0) return 0;
      this.#serve(input);
      return 0x80 | input;
    }
    if (offset !== 0) return s.imr;
    return s.readIsr ? s.isr : s.irr;
  }

  write(offset: number, _width: Width, value: number): void {
    if (offset !== 0) this.#writeA1(value);
    else if (value & 0x10) this.#icw1(value);
    else if (value & 0x08) this.#ocw3(value);
    else this.#ocw2(value);
    this.#update();
  }

  #icw1(value: number): void {
    const s = this.#state;
    const { lines, level } = s;
    // Edges must come anew after initialization; levels are seen as they are.
    Object.assign(s, initialState(), { lines, level, irr: lines & level });
    s.vectorBase = 0;
    s.single = (value & 2) !== 0;
    s.icw4Follows = (value & 1) !== 0;
    s.icw3 = 7;
    s.expect = Expect.ICW2;
  }

  #writeA1(value: number): void {
    const s = this.#state;
    switch (s.expect) {
      case Expect.ICW2:
        s.vectorBase = value & 0xf8;
        s.expect = s.single ? (s.icw4Follows ? Expect.ICW4 : Expect.OCW1) : Expect.ICW3;
        break;
      case Expect.ICW3:
        s.icw3 = value;
        s.expect = s.icw4Follows ? Expect.ICW4 : Expect.OCW1;
        break;
      case Expect.ICW4:
        s.autoEoi = (value & 0x02) !== 0;
        s.specialFullyNested = (value & 0x10) !== 0;
        s.expect = Expect.OCW1;
        break;
      default:
        s.imr = value;
    }
  }

  /** End of interrupt and rotation: R, SL and EOI in bits 7-5, a level in bits 2-0. */
  #ocw2(value: number): void {
    const s = this.#state;
    const level = value & 7;
    switch (value >> 5) {
      case 0:
        s.rotateOnAutoEoi = false;
        break;
      case 4:
        s.rotateOnAutoEoi = true;
        break;
      case 1:
      case 5: {
        // In special mask mode a masked bit survives the non-specific EOI.
        const priority = this.#highest(s.specialMask ? s.isr & ~s.imr : s.isr);
        if (priority === 8) break;
        const served = (priority + s.lowest + 1) & 7;
        s.isr &= ~(1 << served);
        if (value & 0x80) s.lowest = served;
        break;
      }
      case 3:
        s.isr &= ~(1 << level);
        break;
      case 7:
        s.isr &= ~(1 << level);
        s.lowest = level;
        break;
      case 6:
        s.lowest = level;
        break;
    }
  }

  #ocw3(value: number): void {
    const s = this.#state;
    if (value & 0x40) s.specialMask = (value & 0x20) !== 0;
    if (value & 0x04) s.poll = true;
    else if (value & 0x02) s.readIsr = (value & 0x01) !== 0;
  }

  save(): unknown {
    return { ...this.#state };
  }

  restore(state: unknown): void {
    Object.assign(this.#state, state);
    this.#update();
  }
}

/** Inputs that can be made level-triggered: not IRQ 0, 1, 2, 8 and 13 (82371AB datasheet, section 4.2.5). */
const ELCR_MASK = [0xf8, 0xde] as const;

/**
 * Master and slave of a PC, the slave on IR2. Restore it after every device that drives its lines, so that their
 * levels are in place.
 */
export class InterruptController implements Stateful {
  /** Ports 0x20 and 0x21. */
  readonly master: I8259A;
  /** Ports 0xA0 and 0xA1. */
  readonly slave: I8259A;
  /** Ports 0x4D0 and 0x4D1. */
  readonly edgeLevelControl: PortDevice;
  readonly #lines: readonly Line[];

  /** @param options.intr told the level of INTR, also when it has not changed */
  constructor(options: { intr: (level: boolean) => void }) {
    const master = new I8259A({ int: { set: options.intr } });
    const slave = new I8259A({ int: { set: (level) => master.setInput(2, level) } });
    this.master = master;
    this.slave = slave;
    this.edgeLevelControl = {
      read: (offset) => (offset === 0 ? master : slave).levelTriggered,
      write: (offset, _width, value) => {
        (offset === 0 ? master : slave).levelTriggered = value & ELCR_MASK[offset & 1];
      },
    };
    this.#lines = Array.from({ length: 16 }, (_, n) => ({
      set: (level: boolean) => (n < 8 ? master.setInput(n, level) : slave.setInput(n & 7, level)),
    }));
  }

  /** The wire of IRQ 0-15. @throws RangeError for IRQ 2, which the cascade occupies, and other numbers */
  irq(n: number): Line {
    const line = this.#lines[n];
    if (line === undefined || n === 2)
      throw new RangeError(`there is no IRQ ${n} on the interrupt controllers`);
    return line;
  }

  /** The processor's interrupt acknowledge. @returns the vector, 0-255 */
  acknowledge(): number {
    const input = this.master.acknowledge();
    if (!this.master.hasSlave(input)) return this.master.vectorBase + input;
    // Only the slave whose identity is on the cascade bus answers; otherwise the data bus floats.
    if (input !== 2 || this.slave.identity !== 2) return 0xff;
    return this.slave.vectorBase + this.slave.acknowledge();
  }

  save(): unknown {
    return { master: this.master.save(), slave: this.slave.save() };
  }

  restore(state: unknown): void {
    const saved = state as { master: unknown; slave: unknown };
    // The slave first: it drives IR2 of the master, whose own state then overrides the edge.
    this.slave.restore(saved.slave);
    this.master.restore(saved.master);
  }
}
