/**
 * Looks on while a machine runs, so that two runs can be compared: which memory was written, which exceptions and
 * interrupts were delivered, what went through the ports, what was said on the console.
 *
 * No write is missed. `begin` takes the write permission of every page from the TLB, and a page gets it back only
 * behind a first write, which the MMU reports; what monitors, page walks and callouts write goes through the MMU too.
 * A processor may lose entries of its TLB at any time (SDM vol. 3, section 4.10.2): guests cannot tell.
 */
import type { Observer } from '../interpreter/observer.ts';
import type { Machine, MachineOptions } from '../machine/machine.ts';
import { PAGE_SIZE } from '../memory/layout.ts';
import { Watch } from '../memory/mmu.ts';
import { CpuState, STATE_END } from '../x86/state.ts';

/** Where a machine's output goes: to be handed to the machine when it is made. */
export type Output = Required<Pick<MachineOptions, 'onSerial' | 'onDebugConsole'>>;

/** How closely it is looked. */
export type Attention =
  /** The pages written, and a digest of everything else. */
  | 'pages'
  /** Every single write, delivery and port access. */
  | 'everything';

/** An exception or interrupt that was delivered to the guest. */
export interface Delivery {
  readonly vector: number;
  /** Instructions retired before it. */
  readonly retired: number;
  readonly before: CpuState;
  readonly after: CpuState;
  /** The writes that belong to it, as indices into `writes`. */
  readonly firstWrite: number;
  readonly endWrite: number;
}

export interface PortAccess {
  readonly direction: 'in' | 'out';
  readonly port: number;
  /** Bytes. */
  readonly size: number;
  readonly value: number;
}

/** The processor's state as it is now, to be kept. */
export const copyState = (state: CpuState): CpuState =>
  new CpuState(state.bytes.slice(0, STATE_END).buffer, state.system);

/** The same, over a copy made earlier. */
export const keepState = (copy: CpuState, state: CpuState): void => {
  copy.bytes.set(state.bytes.subarray(0, STATE_END));
};

/** FNV-1a, by words. */
const FNV_BASIS = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

interface Begun {
  readonly vector: number;
  readonly retired: number;
  readonly eip: number;
  readonly deliveries: number;
  readonly firstWrite: number;
  readonly before: CpuState | undefined;
}

export class Witness implements Observer {
  /** Of all deliveries and port accesses since `begin`, with the instruction each belongs to. */
  digest = FNV_BASIS;
  /** Pages written since `begin`, by number. */
  readonly pages = new Set<number>();
  /** Physical address and size in bytes, alternating, since `begin`. Only of everything, as what follows. */
  readonly writes: number[] = [];
  readonly deliveries: Delivery[] = [];
  readonly accesses: PortAccess[] = [];
  /** What the guest has sent by COM1, COM2 and port E9h. */
  console = '';
  /** Host milliseconds in the machine. */
  milliseconds = 0;
  #machine!: Machine;
  #attention: Attention = 'pages';
  #delivered = 0;
  readonly #begun: Begun[] = [];
  readonly #until: string | undefined;
  /** What COM1 has shown last. */
  #line = '';

  private constructor(until: string | undefined) {
    this.#until = until;
  }
  /**
   * Makes a machine and looks on from then on.
   * @param create makes and loads it @param until the machine is stopped when COM1 shows this text
   */
  static async of(
    create: (output: Output) => Machine | Promise<Machine>,
    until: string | undefined,
  ): Promise<Witness> {
    const witness = new Witness(until);
    witness.#machine = await create({
      onSerial: (port, byte) => witness.#say(byte, port === 0),
      onDebugConsole: (byte) => witness.#say(byte, false),
    });
    witness.#machine.processor.observer = witness;
    return witness;
  }
  get machine(): Machine {
    return this.#machine;
  }
  get retired(): number {
    return this.#machine.processor.retired;
  }

  #say(byte: number, first: boolean): void {
    const character = String.fromCharCode(byte);
    this.console += character;
    if (!first || this.#until === undefined) return;
    this.#line = (this.#line + character).slice(-this.#until.length);
    if (this.#line === this.#until) this.#machine.stop();
  }

  /** Forgets what was seen, and looks on in this way. */
  begin(attention: Attention): void {
    this.digest = FNV_BASIS;
    // Of everything, no page ever gets its write permission back.
    if (attention === 'pages' || this.#attention === 'pages') {
      this.#machine.processor.mmu.watchAll(Watch.JOURNAL);
      this.pages.clear();
    }
    this.#attention = attention;
    this.writes.length = 0;
    this.deliveries.length = 0;
    this.accesses.length = 0;
  }
  /** Lets the machine run until so many instructions have retired since its start, or as far as it goes. */
  runTo(retired: number): void {
    const started = performance.now();
    const machine = this.#machine;
    while (this.retired < retired && machine.outcome === undefined)
      if (machine.advance(retired - this.retired) === 0) break;
    this.milliseconds += performance.now() - started;
  }

  #mix(...values: number[]): void {
    for (const value of values) this.digest = Math.imul(this.digest ^ value, FNV_PRIME);
  }
  wrote(physical: number, size: number): void {
    const page = Math.floor(physical / PAGE_SIZE);
    this.pages.add(page);
    if (this.#attention === 'everything') this.writes.push(physical, size);
    else this.#machine.processor.mmu.unwatch(physical, Watch.JOURNAL);
  }
  read(port: number, size: number, value: number): void {
    this.#access({ direction: 'in', port, size, value });
  }
  written(port: number, size: number, value: number): void {
    this.#access({ direction: 'out', port, size, value });
  }
  #access(access: PortAccess): void {
    this.#mix(this.retired, access.port, access.value, access.direction === 'in' ? 1 : 2);
    if (this.#attention === 'everything') this.accesses.push(access);
  }

  delivering(vector: number): void {
    const { cpu } = this.#machine;
    this.#begun.push({
      vector,
      retired: this.retired,
      eip: cpu.eip,
      deliveries: this.#delivered,
      firstWrite: this.writes.length,
      before: this.#attention === 'everything' ? copyState(cpu) : undefined,
    });
  }
  delivered(vector: number): void {
    const { retired, eip, deliveries, firstWrite, before } = this.#begun.pop()!;
    const { cpu } = this.#machine;
    // A monitor may have emulated the instruction, delivered another event in its course, or done nothing visible.
    if (this.retired !== retired || this.#delivered !== deliveries || cpu.eip === eip) return;
    this.#delivered++;
    this.#mix(retired, vector);
    if (before === undefined) return;
    const endWrite = this.writes.length;
    this.deliveries.push({ vector, retired, before, after: copyState(cpu), firstWrite, endWrite });
  }
}
