/** A processor's state as text, for a person who wants to know why a guest came to its end. */
import { formatInstruction } from '../decoder/format.ts';
import type { Decoder } from '../decoder/instruction.ts';
import { newPagingMode, Translation, takeControlRegisters, walk } from '../memory/paging.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { Attribute } from '../x86/descriptors.ts';
import { PageFault } from '../x86/exceptions.ts';
import { Flag, IOPL_SHIFT } from '../x86/flags.ts';
import { CR4, Gpr, gprNames, Seg, SystemSegment, segmentNames } from '../x86/registers.ts';
import { type CpuState, SegmentField, System } from '../x86/state.ts';

/** Hexadecimal digits as in a dump. */
export const hex = (value: number, digits = 8): string => (value >>> 0).toString(16).padStart(digits, '0');

const flagNames = [
  'ID',
  'VIP',
  'VIF',
  'AC',
  'VM',
  'RF',
  'NT',
  'OF',
  'DF',
  'IF',
  'TF',
  'SF',
  'ZF',
  'AF',
  'PF',
  'CF',
] as const;

const formatFlags = (eflags: number): string => {
  const set = flagNames.filter((name) => eflags & Flag[name]);
  return `EFLAGS ${hex(eflags)}  IOPL=${(eflags & Flag.IOPL) >> IOPL_SHIFT} ${set.join(' ')}`.trimEnd();
};

const formatSegment = (state: CpuState, name: string, segment: number): string => {
  const attributes = state.segment(segment, SegmentField.ATTRIBUTES);
  const fields = [
    hex(state.selector(segment), 4),
    hex(state.segment(segment, SegmentField.BASE)),
    hex(state.segment(segment, SegmentField.LIMIT)),
    hex(attributes),
  ];
  return `${name.padEnd(4)} ${fields.join(' ')}${attributes & Attribute.PRESENT ? '' : '  unusable'}`;
};

const registerLine = (state: CpuState, registers: readonly Gpr[]): string =>
  registers.map((r) => `${gprNames[r].toUpperCase()} ${hex(state.gpr(r))}`).join('  ');

/** The PDPTE registers, where PAE paging uses them. */
const pointerLine = (state: CpuState): string[] => {
  if ((state.sys(System.CR4) & CR4.PAE) === 0) return [];
  const pointer = (i: number) => {
    const at = System.PDPTES + i * 8;
    return `PDPTE${i} ${hex(state.sys(at + 4), 1)}:${hex(state.sys(at))}`;
  };
  return [[0, 1, 2, 3].map(pointer).join('  ')];
};

/** Registers, flags, segments (selector, base, limit, attributes), tables and control registers. */
export const formatState = (state: CpuState): string[] => {
  const system = (name: string, offset: number) => `${name} ${hex(state.sys(offset))}`;
  const table = (name: string, base: number, limit: number) =>
    `${name}      ${hex(state.sys(base))} ${hex(state.sys(limit))}`;
  return [
    registerLine(state, [Gpr.EAX, Gpr.EBX, Gpr.ECX, Gpr.EDX]),
    registerLine(state, [Gpr.ESI, Gpr.EDI, Gpr.EBP, Gpr.ESP]),
    `EIP ${hex(state.eip)}  CPL ${state.cpl}  ${formatFlags(state.eflags)}`,
    ...segmentNames.map((name, segment) => formatSegment(state, name.toUpperCase(), segment)),
    formatSegment(state, 'LDTR', SystemSegment.LDTR),
    formatSegment(state, 'TR', SystemSegment.TR),
    table('GDT', System.GDTR_BASE, System.GDTR_LIMIT),
    table('IDT', System.IDTR_BASE, System.IDTR_LIMIT),
    [
      system('CR0', System.CR0),
      system('CR2', System.CR2),
      system('CR3', System.CR3),
      system('CR4', System.CR4),
      system('EFER', System.EFER),
    ].join('  '),
    ...pointerLine(state),
    [system('DR6', System.DR + 24), system('DR7', System.DR + 28)].join('  '),
  ];
};

/** Instructions of a listing. */
const CODE_INSTRUCTIONS = 6;
const LONGEST_INSTRUCTION = 15;

/** A line of a listing. */
export interface CodeLine {
  /** Offset in the code segment. */
  readonly address: number;
  readonly bytes: readonly number[];
  readonly text: string;
}

/**
 * The instructions at an offset in CS, read as if A20 were open, and fewer where code ends. Guest memory stays as it is.
 * @param state the guest's view of the processor
 */
export const disassemble = (
  state: CpuState,
  memory: PhysicalMemory,
  decoder: Decoder,
  offset: number,
  instructions: number,
): CodeLine[] => {
  const code = readCode(state, memory, offset, instructions * LONGEST_INSTRUCTION);
  const bits = state.segment(Seg.CS, SegmentField.ATTRIBUTES) & Attribute.DEFAULT_32 ? 32 : 16;
  const lines: CodeLine[] = [];
  for (let at = 0; at < code.length && lines.length < instructions; ) {
    const address = (offset + at) >>> 0;
    const available = Math.min(LONGEST_INSTRUCTION, code.length - at);
    const decoded = decoder.decode(code, at, available, address, bits);
    if (decoded.kind === 'truncated') break;
    const length =
      decoded.kind === 'instruction'
        ? decoded.instruction.length
        : decoded.kind === 'undefined'
          ? decoded.length
          : LONGEST_INSTRUCTION;
    const text =
      decoded.kind === 'instruction' ? formatInstruction(decoded.instruction) : `(${decoded.kind})`;
    lines.push({ address, bytes: [...code.subarray(at, at + length)], text });
    at += length;
  }
  return lines;
};

/** A line of a listing as text. */
export const formatCodeLine = ({ address, bytes, text }: CodeLine): string =>
  `${hex(address)}  ${bytes
    .map((byte) => hex(byte, 2))
    .join(' ')
    .padEnd(24)} ${text}`;

/** The instructions at CS:EIP, a line each, or a single line saying so where no code can be read. */
export const formatCode = (state: CpuState, memory: PhysicalMemory, decoder: Decoder): string[] => {
  const lines = disassemble(state, memory, decoder, state.eip, CODE_INSTRUCTIONS);
  return lines.length === 0 ? [`${hex(state.eip)}  not mapped`] : lines.map(formatCodeLine);
};

/**
 * The physical address of a linear one as the guest's own tables have it, without setting accessed bits.
 * @param access PageFault.W, U and I as they describe the access @returns -1 where nothing is mapped
 */
export const physicalAddress = (
  state: CpuState,
  memory: PhysicalMemory,
  linear: number,
  access = 0,
): number => {
  const mode = newPagingMode(state);
  takeControlRegisters(mode, state);
  const tables = { read: (physical: number) => memory.read(physical, 4), write: () => {} };
  const translation = new Translation();
  return walk(tables, mode, linear >>> 0, access, translation) === -1 ? translation.physical : -1;
};

const readCode = (state: CpuState, memory: PhysicalMemory, offset: number, length: number): Uint8Array => {
  const start = state.segment(Seg.CS, SegmentField.BASE) + offset;
  const access = PageFault.I | (state.cpl === 3 ? PageFault.U : 0);
  const bytes: number[] = [];
  for (let i = 0; i < length; i++) {
    const physical = physicalAddress(state, memory, start + i, access);
    if (physical < 0) break;
    bytes.push(memory.read(physical, 1));
  }
  return Uint8Array.from(bytes);
};
