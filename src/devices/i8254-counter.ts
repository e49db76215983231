/**
 * One counter of the 8254 (datasheet 231164). Times are absolute ticks of its clock; the counting element is never
 * stepped but computed from the tick at which it was loaded, so reads are exact and nothing drifts.
 *
 * A write between ticks t and t+1 takes effect at the next clock pulse, t+1.
 */

/** No load is due. Not Infinity, which JSON cannot hold. */
export const NEVER = Number.MAX_SAFE_INTEGER;

const initialState = () => ({
  /** Bits 5-0 of the control word as written: RW, M and BCD. */
  control: 0x30,
  gate: true,
  /** The count register (CR), as written. */
  register: 0,
  /** Whether a count has been written since the control word. */
  armed: false,
  nullCount: true,
  /** Whether the counting element has been loaded since the control word. */
  loaded: false,
  counting: false,
  /** While counting, the tick at which the elapsed count was zero. */
  origin: 0,
  /** While not counting, the clock pulses counted so far. */
  elapsed: 0,
  /** The count that was loaded: 1 to 65536, or 10000 in BCD. */
  count: 0x10000,
  /** What the counting element reads as while not loaded. */
  held: 0,
  /** The tick at which the count register goes into the counting element. */
  loadAt: NEVER,
  /** Mode 3: that load begins the low half of the wave. */
  loadLow: false,
  /** First byte of a two-byte write; -1 if none. */
  writeLow: -1,
  /** Whether the next read of a two-byte count gives the high byte. */
  readHigh: false,
  /** Latched count and status; -1 if none. */
  latch: -1,
  statusLatch: -1,
});

const fromBcd = (bcd: number): number =>
  (bcd >> 12) * 1000 + ((bcd >> 8) & 15) * 100 + ((bcd >> 4) & 15) * 10 + (bcd & 15);

const toBcd = (value: number): number =>
  (Math.floor(value / 1000) << 12) |
  ((Math.floor(value / 100) % 10) << 8) |
  ((Math.floor(value / 10) % 10) << 4) |
  (value % 10);

/** Clock pulses for which the square wave of mode 3 is high. */
const highHalf = (count: number): number => (count + 1) >> 1;

export class I8254Counter {
  readonly #state = initialState();
  /** Whether the edge found by `nextEdge` is a rising one. */
  edgeRises = true;

  /** 0-5; the don't-care bit of modes 2 and 3 is dropped. */
  get mode(): number {
    const mode = (this.#state.control >> 1) & 7;
    return mode > 5 ? mode - 4 : mode;
  }

  get gate(): boolean {
    return this.#state.gate;
  }

  /** The number of clock pulses a count register value stands for. */
  #pulses(register: number): number {
    if (this.#state.control & 1) return fromBcd(register) || 10000;
    return register || 0x10000;
  }

  /** Performs the load that is due by tick `t`. */
  advance(t: number): void {
    const s = this.#state;
    if (s.loadAt > t) return;
    const { mode } = this;
    s.count = this.#pulses(s.register);
    s.elapsed = s.loadLow ? highHalf(s.count) : 0;
    s.origin = s.loadAt - s.elapsed;
    s.loaded = true;
    s.nullCount = false;
    s.counting = s.gate || mode === 1 || mode === 5;
    s.loadAt = NEVER;
    s.loadLow = false;
  }

  #elapsed(t: number): number {
    const s = this.#state;
    return s.counting ? t - s.origin : s.elapsed;
  }

  /** The level of OUT at tick `t`, to which the counter has been advanced. */
  output(t: number): boolean {
    const s = this.#state;
    const { mode } = this;
    if (!s.loaded) return mode !== 0;
    const elapsed = this.#elapsed(t);
    switch (mode) {
      case 0:
      case 1:
        return elapsed >= s.count;
      case 2:
        return !s.counting || elapsed % s.count !== s.count - 1;
      case 3:
        return !s.counting || elapsed % s.count < highHalf(s.count);
      default:
        return elapsed !== s.count;
    }
  }

  /** The counting element as it reads at tick `t`: 16 bits, binary or BCD. */
  value(t: number): number {
    const s = this.#state;
    if (!s.loaded) return s.held;
    const elapsed = this.#elapsed(t);
    let value: number;
    switch (this.mode) {
      case 2:
        value = s.count - (elapsed % s.count);
        break;
      case 3: {
        // Counts down by two in each half, from the count without its lowest bit.
        const phase = elapsed % s.count;
        const half = highHalf(s.count);
        value = s.count - (s.count & 1) - 2 * (phase < half ? phase : phase - half);
        break;
      }
      default:
        value = s.count - elapsed;
    }
    if ((s.control & 1) === 0) return value & 0xffff;
    return toBcd(((value % 10000) + 10000) % 10000);
  }

  /** A control word for this counter (not a latch or read-back command). */
  setControl(t: number, word: number): void {
    this.advance(t);
    const s = this.#state;
    s.held = this.value(t);
    Object.assign(s, initialState(), {
      control: word & 0x3f,
      gate: s.gate,
      register: s.register,
      held: s.held,
    });
  }

  /** Stops mode 0 on the first byte of a new count: OUT low, the counting element held. */
  #stop(t: number): void {
    const s = this.#state;
    s.held = this.value(t);
    s.loaded = false;
    s.counting = false;
    s.loadAt = NEVER;
  }

  write(t: number, byte: number): void {
    this.advance(t);
    const s = this.#state;
    const { mode } = this;
    const access = (s.control >> 4) & 3;
    let register = access === 2 ? byte << 8 : byte;
    if (access === 3) {
      if (s.writeLow < 0) {
        s.writeLow = byte;
        if (mode === 0) this.#stop(t);
        return;
      }
      register = s.writeLow | (byte << 8);
      s.writeLow = -1;
    }
    s.register = register;
    s.armed = true;
    s.nullCount = true;
    if (mode === 0) this.#stop(t);
    if (mode === 0 || mode === 4) s.loadAt = t + 1;
    else if (mode === 2 || mode === 3) {
      if (!s.loaded) s.loadAt = t + 1;
      else if (s.counting) this.#loadAtBoundary(t);
    }
  }

  /** Modes 2 and 3 take a new count at the end of the current cycle or half-cycle. */
  #loadAtBoundary(t: number): void {
    const s = this.#state;
    const phase = (t - s.origin) % s.count;
    const half = highHalf(s.count);
    s.loadLow = this.mode === 3 && phase < half && s.count > 1;
    s.loadAt = t - phase + (s.loadLow ? half : s.count);
  }

  setGate(t: number, level: boolean): void {
    this.advance(t);
    const s = this.#state;
    if (level === s.gate) return;
    s.gate = level;
    const { mode } = this;
    if (mode === 1 || mode === 5) {
      if (level && s.armed) s.loadAt = t + 1;
      return;
    }
    if (!level) {
      if (!s.counting) return;
      s.elapsed = t - s.origin;
      s.counting = false;
      if (mode === 2 || mode === 3) {
        // The cycle whose end would have loaded the new count does not end any more.
        s.loadAt = NEVER;
        s.loadLow = false;
      }
    } else if (mode === 2 || mode === 3) {
      if (s.armed) s.loadAt = t + 1;
    } else if (s.loaded) {
      s.origin = t - s.elapsed;
      s.counting = true;
    }
  }

  latchCount(t: number): void {
    this.advance(t);
    if (this.#state.latch < 0) this.#state.latch = this.value(t);
  }

  latchStatus(t: number): void {
    this.advance(t);
    const s = this.#state;
    if (s.statusLatch >= 0) return;
    s.statusLatch = (this.output(t) ? 0x80 : 0) | (s.nullCount ? 0x40 : 0) | s.control;
  }

  read(t: number): number {
    this.advance(t);
    const s = this.#state;
    if (s.statusLatch >= 0) {
      const status = s.statusLatch;
      s.statusLatch = -1;
      return status;
    }
    const value = s.latch >= 0 ? s.latch : this.value(t);
    const access = (s.control >> 4) & 3;
    const high = access === 2 || (access === 3 && s.readHigh);
    if (access === 3) s.readHigh = !s.readHigh;
    if (access !== 3 || high) s.latch = -1;
    return high ? value >> 8 : value & 0xff;
  }

  /**
   * The tick, later than `t`, of the next edge of OUT that an interrupt controller can tell; NEVER if there is none.
   * The low pulses of one clock in modes 2, 4 and 5 count as their rising edge.
   */
  nextEdge(t: number): number {
    const s = this.#state;
    const { mode } = this;
    this.edgeRises = true;
    const pending = s.loadAt !== NEVER;
    const next = pending ? this.#pulses(s.register) : s.count;
    const runs = s.loaded && s.counting;
    switch (mode) {
      case 0:
        if (pending) return s.gate ? s.loadAt + next : NEVER;
        return runs && t < s.origin + s.count ? s.origin + s.count : NEVER;
      case 1:
        if (pending) {
          this.edgeRises = false;
          return s.loadAt;
        }
        return runs && t < s.origin + s.count ? s.origin + s.count : NEVER;
      case 2:
        if (pending && !runs) return s.gate ? s.loadAt + next : NEVER;
        if (pending) return s.loadAt;
        return runs && s.count > 1 ? t + s.count - ((t - s.origin) % s.count) : NEVER;
      case 3:
        return this.#nextSquareEdge(t, pending, runs, next);
      default: {
        const strobe = s.origin + s.count + 1;
        if (runs && t < strobe && strobe <= s.loadAt) return strobe;
        return pending && (s.gate || mode === 5) ? s.loadAt + next + 1 : NEVER;
      }
    }
  }

  #nextSquareEdge(t: number, pending: boolean, runs: boolean, next: number): number {
    const s = this.#state;
    if (pending && !runs) {
      this.edgeRises = false;
      return s.gate ? s.loadAt + highHalf(next) : NEVER;
    }
    if (pending) {
      this.edgeRises = !s.loadLow;
      return s.loadAt;
    }
    if (!runs || s.count === 1) return NEVER;
    const phase = (t - s.origin) % s.count;
    const half = highHalf(s.count);
    this.edgeRises = phase >= half;
    return t - phase + (phase < half ? half : s.count);
  }

  save(): unknown {
    return { ...this.#state };
  }

  restore(state: unknown): void {
    Object.assign(this.#state, state);
  }
}
