/**
 * What a guest can know of its processor, as a list of named fields, and where two processors differ in it. Memory
 * and what goes to devices is looked at elsewhere (witness.ts).
 *
 * Nothing is excepted: every technique keeps all of it, and no two have a reason to differ.
 */
import { Fpu } from '../x86/fpu.ts';
import { memoryTypeMsrs, memoryTypeRegister } from '../x86/memory-types.ts';
import { gprNames, SystemSegment, segmentNames } from '../x86/registers.ts';
import { type CpuState, SEGMENT_SIZE, SegmentField, State, System, SystemBase } from '../x86/state.ts';

interface Field {
  readonly name: string;
  /** Offset of its first word: in a system state, or of what exists once. */
  readonly at: number;
  readonly system: boolean;
  /** 32-bit words that belong to it, the lowest first. */
  readonly words: number;
}

const once = (name: string, at: number, words = 1): Field => ({ name, at, system: false, words });
const system = (name: string, at: number, words = 1): Field => ({ name, at, system: true, words });
const numbered = (count: number, make: (i: number) => Field): Field[] =>
  Array.from({ length: count }, (_, i) => make(i));

const segmentFields = (name: string, segment: number): Field[] =>
  (['SELECTOR', 'BASE', 'LIMIT', 'ATTRIBUTES'] as const).map((field) =>
    system(
      field === 'SELECTOR' ? name : `${name}.${field.toLowerCase()}`,
      System.SEGMENTS + segment * SEGMENT_SIZE + SegmentField[field],
    ),
  );

/** All but EFLAGS and what holds at the boundary only, which are not words. */
const fields: readonly Field[] = [
  ...gprNames.map((name, i) => once(name.toUpperCase(), State.GPR + 4 * i)),
  once('EIP', State.EIP),
  system('CPL', System.CPL),
  ...segmentNames.flatMap((name, i) => segmentFields(name.toUpperCase(), i)),
  ...segmentFields('LDTR', SystemSegment.LDTR),
  ...segmentFields('TR', SystemSegment.TR),
  ...(['GDTR', 'IDTR'] as const).flatMap((name) => [
    system(`${name}.base`, System[`${name}_BASE`]),
    system(`${name}.limit`, System[`${name}_LIMIT`]),
  ]),
  ...(['CR0', 'CR2', 'CR3', 'CR4', 'EFER'] as const).map((name) => system(name, System[name])),
  ...numbered(4, (i) => system(`PDPTE${i}`, System.PDPTES + 8 * i, 2)),
  ...[0, 1, 2, 3, 6, 7].map((i) => system(`DR${i}`, System.DR + 4 * i)),
  ...(['SYSENTER_CS', 'SYSENTER_ESP', 'SYSENTER_EIP'] as const).map((name) => system(name, System[name])),
  system('TSC offset', System.TSC_OFFSET, 2),
  ...memoryTypeMsrs.map((msr) => once(`MSR ${msr.toString(16)}`, memoryTypeRegister(msr), 2)),
  once('FPU control', Fpu.CONTROL),
  once('FPU status', Fpu.STATUS),
  once('FPU registers in use', Fpu.OCCUPIED),
  once('FPU opcode', Fpu.FOP),
  once('FPU instruction', Fpu.FIP),
  once('FPU CS', Fpu.FCS),
  once('FPU operand', Fpu.FDP),
  once('FPU DS', Fpu.FDS),
  once('FERR#', Fpu.FERR),
  ...numbered(8, (i) => once(`FPU R${i}`, Fpu.REGISTERS + 16 * i, 3)),
  once('MXCSR', Fpu.MXCSR),
  ...numbered(8, (i) => once(`XMM${i}`, Fpu.XMM + 16 * i, 4)),
  once('interrupt request', State.INTERRUPT),
  once('NMI', State.NMI),
  once('debug trap', State.DEBUG_TRAP),
];

/** What is marked with the value that BUDGET has at a boundary; see boundary.ts. */
const marks = [
  ['interrupts held off', State.SHADOW],
  ['all events held off', State.HOLD],
  ['RF', State.RESUME],
] as const;

/** A field in which two processors differ. */
export interface RegisterDifference {
  readonly name: string;
  /** Hexadecimal, without a prefix; `yes` or `no` for what only is or is not. */
  readonly values: readonly [string, string];
}

const wordIndices = (base: SystemBase): Int32Array =>
  Int32Array.from(
    fields.flatMap(({ at, system: inSystem, words }) =>
      Array.from({ length: words }, (_, i) => ((inSystem ? base : 0) + at + 4 * i) >> 2),
    ),
  );
/** Indices into `words` of all fields' words, in the order of the fields. */
const indices: Readonly<Record<SystemBase, Int32Array>> = {
  [SystemBase.PHYSICAL]: wordIndices(SystemBase.PHYSICAL),
  [SystemBase.VIRTUAL]: wordIndices(SystemBase.VIRTUAL),
};

const isMarked = ({ words }: CpuState, mark: number): boolean =>
  words[mark >> 2] === words[State.BUDGET >> 2];
const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');

/** Whether two processors are the same in every field. No allocation: this is asked for every instruction. */
export const sameRegisters = (a: CpuState, b: CpuState): boolean => {
  const inA = indices[a.system];
  const inB = indices[b.system];
  const { words: x } = a;
  const { words: y } = b;
  for (let i = 0; i < inA.length; i++) if (x[inA[i]!] !== y[inB[i]!]) return false;
  for (let i = 0; i < marks.length; i++)
    if (isMarked(a, marks[i]![1]) !== isMarked(b, marks[i]![1])) return false;
  return a.eflags === b.eflags;
};

/** The fields in which two processors differ, none when they are the same. */
export const registerDifferences = (a: CpuState, b: CpuState): RegisterDifference[] => {
  const found: RegisterDifference[] = [];
  const add = (name: string, text: (state: CpuState) => string) => {
    const values = [text(a), text(b)] as const;
    if (values[0] !== values[1]) found.push({ name, values });
  };
  add('EFLAGS', ({ eflags }) => hex(eflags));
  let first = 0;
  for (const { name, words: count } of fields) {
    const order = Array.from({ length: count }, (_, i) => first + count - 1 - i);
    add(name, ({ system: base, words }) => order.map((i) => hex(words[indices[base][i]!]!)).join(''));
    first += count;
  }
  for (const [name, mark] of marks) add(name, (state) => (isMarked(state, mark) ? 'yes' : 'no'));
  return found;
};
