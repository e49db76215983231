/** What a run of a case leaves, and how two runs are compared: everything must be equal. */
import { gprNames, segmentNames } from '../../src/x86/registers.ts';
import { type CpuState, SegmentField, State, System } from '../../src/x86/state.ts';
import { FPU_STATE } from './registers.ts';

export interface Remains {
  /** The state at each mark. */
  readonly states: readonly Int32Array[];
  readonly executed: number;
  /** Why the run ended before its last mark; empty if it did not. */
  readonly ended: string;
  /** Five numbers an exception: instructions retired, vector, error code, EIP, CR2. */
  readonly events: readonly number[];
  /** A digest of what was sent to ports. */
  readonly sent: number;
  /** Guest RAM: a view, overwritten by the next run. */
  readonly ram: Uint8Array;
}

const SYSTEM_WORDS = (System.EFER + 4) / 4;
const FPU_WORDS = (FPU_STATE.end - FPU_STATE.start) / 4;
const EIP = 8;
const EFLAGS = 9;
const BOUNDARY = 10;
const FPU = 11;
const SYSTEM = FPU + FPU_WORDS;
const TYPES = SYSTEM + SYSTEM_WORDS;
const TYPES_WORDS = 2 * 30;

/** Everything of the processor that a guest can find out. */
export const snapshot = (guest: CpuState): Int32Array => {
  const { words } = guest;
  const state = new Int32Array(TYPES + TYPES_WORDS);
  for (let i = 0; i < 8; i++) state[i] = guest.gpr(i);
  state[EIP] = guest.eip;
  state[EFLAGS] = guest.eflags;
  const marked = (mark: number) => words[mark >> 2] === words[State.BUDGET >> 2];
  state[BOUNDARY] =
    (marked(State.SHADOW) ? 1 : 0) |
    (marked(State.HOLD) ? 2 : 0) |
    (marked(State.RESUME) ? 4 : 0) |
    (words[State.NMI >> 2]! << 3) |
    (words[State.DEBUG_TRAP >> 2]! << 5);
  state.set(words.subarray(FPU_STATE.start >> 2, FPU_STATE.end >> 2), FPU);
  state.set(words.subarray(guest.system >> 2, (guest.system >> 2) + SYSTEM_WORDS), SYSTEM);
  state.set(words.subarray(State.MEMORY_TYPES >> 2, (State.MEMORY_TYPES >> 2) + TYPES_WORDS), TYPES);
  return state;
};

const systemNames = new Map<number, string>(Object.entries(System).map(([name, at]) => [at, name]));
const fieldNames = new Map<number, string>(Object.entries(SegmentField).map(([name, at]) => [at, name]));
const segments = [...segmentNames, 'ldtr', 'tr'];

const wordName = (index: number): string => {
  if (index < EIP) return gprNames[index]!;
  if (index === EIP) return 'eip';
  if (index === EFLAGS) return 'eflags';
  if (index === BOUNDARY) return 'what is held off at the boundary';
  if (index < SYSTEM) return `fpu+${((index - FPU) * 4).toString(16)}`;
  if (index >= TYPES) return `memory types+${((index - TYPES) * 4).toString(16)}`;
  const at = (index - SYSTEM) * 4;
  if (at < System.SEGMENTS) return systemNames.get(at)?.toLowerCase() ?? `system+${at.toString(16)}`;
  if (at >= System.PDPTES) return at < System.EFER ? `pdptes+${(at - System.PDPTES).toString(16)}` : 'efer';
  const field = fieldNames.get((at - System.SEGMENTS) % 32)?.toLowerCase();
  return `${segments[(at - System.SEGMENTS) >> 5]}.${field}`;
};
const hex = (n: number): string => (n >>> 0).toString(16);

const EVENT_FIELDS = ['instructions', 'vector', 'error', 'eip', 'cr2'];

const eventDifference = (a: readonly number[], b: readonly number[]): string | undefined => {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (a[i] === b[i]) continue;
    const first = i - (i % 5);
    const show = (e: readonly number[]) =>
      first < e.length
        ? EVENT_FIELDS.map((name, f) => `${name} ${hex(e[first + f]!)}`).join(' ')
        : 'no exception';
    return `exception ${first / 5}: ${show(a)} / ${show(b)}`;
  }
  return undefined;
};

/** The first difference between two runs of a case, or undefined. */
export const difference = (a: Remains, b: Remains): string | undefined => {
  const event = eventDifference(a.events, b.events);
  if (event !== undefined) return event;
  for (const [mark, x] of a.states.entries()) {
    const y = b.states[mark]!;
    for (let i = 0; i < x.length; i++)
      if (x[i] !== y[i]) return `${wordName(i)} at mark ${mark}: ${hex(x[i]!)} / ${hex(y[i]!)}`;
  }
  if (a.ended !== b.ended) return `ended: ${a.ended || 'at its budget'} / ${b.ended || 'at its budget'}`;
  if (a.executed !== b.executed) return `instructions: ${a.executed} / ${b.executed}`;
  if (a.sent !== b.sent) return 'what was sent to ports';
  if (Buffer.compare(a.ram, b.ram) === 0) return undefined;
  const at = a.ram.findIndex((byte, i) => byte !== b.ram[i]);
  return `byte at ${hex(at)}: ${hex(a.ram[at]!)} / ${hex(b.ram[at]!)}`;
};
