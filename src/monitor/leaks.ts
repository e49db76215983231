/** What trap-and-emulate silently got wrong: which instruction, where, how often, and what was lost. */

/** What a leak is about: bits of a set. */
export const Lost = {
  IF: 1 << 0,
  IOPL: 1 << 1,
  /** VM, VIF, VIP, NT or another flag. */
  FLAGS: 1 << 2,
  ZF: 1 << 3,
  /** What the instruction is there to tell: a table register, a selector, access rights. */
  VALUE: 1 << 4,
  /** The privilege level that code goes on at. */
  LEVEL: 1 << 5,
  /** SS or ESP. */
  STACK: 1 << 6,
  /** DS, ES, FS or GS. */
  SEGMENT: 1 << 7,
  /** Where code goes on. */
  TARGET: 1 << 8,
  /** The return address that was pushed. */
  PUSHED: 1 << 9,
  /** In the guest's descriptor table. */
  ACCESSED: 1 << 10,
  /** The exception that should have come. */
  EXCEPTION: 1 << 11,
  /** An exception came that should not, or another one. */
  SUCCESS: 1 << 12,
  /** The task that should have been switched to. */
  TASK: 1 << 13,
} as const;

const lostNames: readonly (readonly [bit: number, name: string])[] = [
  [Lost.IF, 'IF'],
  [Lost.IOPL, 'IOPL'],
  [Lost.FLAGS, 'flags'],
  [Lost.ZF, 'ZF'],
  [Lost.VALUE, 'value'],
  [Lost.LEVEL, 'privilege level'],
  [Lost.STACK, 'stack'],
  [Lost.SEGMENT, 'data segment'],
  [Lost.TARGET, 'target'],
  [Lost.PUSHED, 'return address'],
  [Lost.ACCESSED, 'accessed bit'],
  [Lost.EXCEPTION, 'exception'],
  [Lost.SUCCESS, 'execution'],
  [Lost.TASK, 'task'],
];

/** What the instructions tell whose value may be wrong. */
const told: Readonly<Record<string, string>> = {
  SGDT: 'GDTR',
  SIDT: 'IDTR',
  SLDT: 'LDTR',
  STR: 'TR',
  SMSW: 'CR0',
  LAR: 'access rights',
  LSL: 'limit',
  'PUSH segment register': 'RPL',
  'MOV from segment register': 'RPL',
  FNSTENV: 'selectors',
  FNSAVE: 'selectors',
  FXSAVE: 'selectors',
};

/** One place where an instruction lies in one way. */
export interface Leak {
  readonly instruction: string;
  /** Linear address of the instruction. */
  readonly address: number;
  /** The guest's CPL when it was first seen. */
  readonly ring: number;
  /** What was lost, in a few words, separated by commas. */
  readonly lost: string;
  /** What the guest got, and what the virtual processor says; of the first execution. */
  readonly saw: string;
  readonly should: string;
  /** Instructions retired before the first execution. */
  readonly first: number;
  readonly executions: number;
}

/** Executions of the instructions that may lie, where they do not trap by themselves. */
export interface LeakReport {
  /** Executions in all: leaking, innocuous and trapped. */
  readonly witnessed: number;
  readonly leaking: number;
  /** With the result that they should have. */
  readonly innocuous: number;
  /** The processor raised an exception, and the monitor executed the instruction. */
  readonly trapped: number;
  /** Leaking executions by instruction. */
  readonly byInstruction: Readonly<Record<string, number>>;
  /** Place by place, the most frequent first. */
  readonly places: readonly Leak[];
  /** Leaking executions at further places, which are not recorded. */
  readonly unrecorded: number;
}

/** A guest may have any number of places. */
const MOST_PLACES = 4096;
/** Room for `Lost` and the number of the instruction in a key. */
const LOST_BITS = 14;
const INSTRUCTION_BITS = 6;

type Description = Pick<Leak, 'ring' | 'saw' | 'should' | 'first'>;

export class LeakLog {
  readonly #instructions = new Map<string, { readonly number: number; executions: number }>();
  readonly #places = new Map<number, { -readonly [K in keyof Leak]: Leak[K] }>();
  #innocuous = 0;
  #trapped = 0;
  #unrecorded = 0;

  innocuous(): void {
    this.#innocuous++;
  }
  trapped(): void {
    this.#trapped++;
  }
  /**
   * @param instruction one of at most 64 names @param address linear, unsigned @param lost a set of `Lost`
   * @param describe called for a place that is not known yet
   */
  leak(instruction: string, address: number, lost: number, describe: () => Description): void {
    let counted = this.#instructions.get(instruction);
    if (!counted) {
      counted = { number: this.#instructions.size, executions: 0 };
      this.#instructions.set(instruction, counted);
    }
    counted.executions++;
    const key = (address * 2 ** INSTRUCTION_BITS + counted.number) * 2 ** LOST_BITS + lost;
    const known = this.#places.get(key);
    if (known) known.executions++;
    else if (this.#places.size >= MOST_PLACES) this.#unrecorded++;
    else {
      const words = lostNames
        .filter(([bit]) => lost & bit)
        .map(([bit, name]) => (bit === Lost.VALUE ? (told[instruction] ?? name) : name));
      this.#places.set(key, {
        instruction,
        address,
        lost: words.join(', '),
        ...describe(),
        executions: 1,
      });
    }
  }

  report(): LeakReport {
    const counts = [...this.#instructions].map(([name, { executions }]) => [name, executions] as const);
    const leaking = counts.reduce((sum, [, n]) => sum + n, 0);
    return {
      witnessed: leaking + this.#innocuous + this.#trapped,
      leaking,
      innocuous: this.#innocuous,
      trapped: this.#trapped,
      byInstruction: Object.fromEntries(counts.sort(([, a], [, b]) => b - a)),
      places: [...this.#places.values()]
        .map((place) => ({ ...place }))
        .sort((a, b) => b.executions - a.executions || a.first - b.first),
      unrecorded: this.#unrecorded,
    };
  }
}
