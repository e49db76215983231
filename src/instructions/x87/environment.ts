/** FLDENV, FNSTENV, FRSTOR and FNSAVE in their four formats (SDM vol. 1, figures 8-9 to 8-12). */
import { Flag } from '../../x86/flags.ts';
import { FPU_EXCEPTIONS, Fpu, type FpuState } from '../../x86/fpu.ts';
import { CR0 } from '../../x86/registers.ts';
import { System } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { Float80, Kind, unpack } from './float80.ts';
import { enter, enterNoWait, type Run } from './unit.ts';

/** Words of an environment, in the order of both formats. */
const FIELDS = 7;
/** Bytes of the eight registers. */
const REGISTERS_SIZE = 80;

/** The seven fields of an environment, 16 or 32 bits each. */
const fields = new Int32Array(FIELDS);
const number = new Float80();

/** Real-address and virtual-8086 mode keep linear addresses, protected mode selectors and offsets. */
const usesLinearAddresses = (cpu: Cpu): boolean =>
  (cpu.state.sys(System.CR0) & CR0.PE) === 0 || cpu.state.flag(Flag.VM);

/** Tag values (SDM vol. 1, figure 8-7). */
const Tag = { VALID: 0, ZERO: 1, SPECIAL: 2, EMPTY: 3 } as const;

const tagOf = (fpu: FpuState, physical: number): number => {
  if (((fpu.occupied >> physical) & 1) === 0) return Tag.EMPTY;
  const at = (Fpu.REGISTERS >> 2) + physical * 4;
  unpack(number, fpu.words[at], fpu.words[at + 1], fpu.words[at + 2]);
  if (number.kind === Kind.ZERO) return Tag.ZERO;
  return number.kind === Kind.NORMAL ? Tag.VALID : Tag.SPECIAL;
};

/** The tag word, two bits a physical register. */
const tagWord = (fpu: FpuState): number => {
  let tags = 0;
  for (let physical = 0; physical < 8; physical++) tags |= tagOf(fpu, physical) << (2 * physical);
  return tags;
};

/** Only emptiness is loaded; the other tags follow from the register's contents. */
const occupiedOf = (tags: number): number => {
  let occupied = 0;
  for (let physical = 0; physical < 8; physical++) {
    if (((tags >> (2 * physical)) & 3) !== Tag.EMPTY) occupied |= 1 << physical;
  }
  return occupied;
};

/** What the upper half of a 16-bit field reads as in the 32-bit formats. */
const UPPER_ONES = 0xffff << 16;

const gather = (cpu: Cpu, fpu: FpuState, size: number): void => {
  const { words } = fpu;
  const upper = size === 4 ? UPPER_ONES : 0;
  const opcode = words[Fpu.FOP >> 2];
  const instruction = words[Fpu.FIP >> 2];
  const data = words[Fpu.FDP >> 2];
  const codeSelector = words[Fpu.FCS >> 2];
  const dataSelector = words[Fpu.FDS >> 2];
  fields[0] = fpu.control | upper;
  fields[1] = fpu.status | upper;
  fields[2] = tagWord(fpu) | upper;
  if (usesLinearAddresses(cpu)) {
    const linear = instruction + codeSelector * 16;
    const linearData = data + dataSelector * 16;
    // The upper bits of an address lie in bits 12 and up of the word after its lower 16 bits.
    fields[3] = (linear & 0xffff) | upper;
    fields[4] = ((linear >>> 16) << 12) | opcode;
    fields[5] = (linearData & 0xffff) | upper;
    fields[6] = (linearData >>> 16) << 12;
  } else {
    fields[3] = instruction;
    fields[4] = codeSelector | (opcode << 16);
    fields[5] = data;
    fields[6] = dataSelector | upper;
  }
};

const scatter = (cpu: Cpu, fpu: FpuState): void => {
  const { words } = fpu;
  if (usesLinearAddresses(cpu)) {
    words[Fpu.FIP >> 2] = (fields[3] & 0xffff) | ((fields[4] >>> 12) << 16);
    words[Fpu.FCS >> 2] = 0;
    words[Fpu.FOP >> 2] = fields[4] & 0x7ff;
    words[Fpu.FDP >> 2] = (fields[5] & 0xffff) | ((fields[6] >>> 12) << 16);
    words[Fpu.FDS >> 2] = 0;
  } else {
    words[Fpu.FIP >> 2] = fields[3];
    words[Fpu.FCS >> 2] = fields[4] & 0xffff;
    words[Fpu.FOP >> 2] = (fields[4] >>> 16) & 0x7ff;
    words[Fpu.FDP >> 2] = fields[5];
    words[Fpu.FDS >> 2] = fields[6] & 0xffff;
  }
  words[Fpu.STATUS >> 2] = fields[1] & 0xffff;
  fpu.occupied = occupiedOf(fields[2]);
  fpu.control = fields[0];
};

const fieldSize = (operands: Operands): 2 | 4 => (operands.size === 2 ? 2 : 4);

/**
 * Checks an image for writing in the order in which processors do, which shows in CR2: its first field, its
 * last byte, then all of it.
 */
const probeImage = (cpu: Cpu, operands: Operands, total: number): void => {
  const { segment, offset } = operands;
  cpu.probeWrite(segment, offset, fieldSize(operands));
  cpu.probeWrite(segment, (offset + total - 1) >>> 0, 1);
  cpu.probeWrite(segment, offset, total);
};

/** Reads the environment of an image of `total` bytes, whose last byte is looked at behind the first field. */
const readFields = (cpu: Cpu, operands: Operands, total: number): void => {
  const size = fieldSize(operands);
  cpu.read(operands.segment, operands.offset, size);
  cpu.read(operands.segment, (operands.offset + total - 1) >>> 0, 1);
  for (let field = 0; field < FIELDS; field++) {
    fields[field] = cpu.read(operands.segment, (operands.offset + field * size) >>> 0, size);
  }
};

/** Writes the environment; the area of `total` bytes was checked by the caller. */
const writeFields = (cpu: Cpu, operands: Operands): void => {
  const size = fieldSize(operands);
  const mask = size === 2 ? 0xffff : -1;
  for (let field = 0; field < FIELDS; field++) {
    const offset = (operands.offset + field * size) >>> 0;
    cpu.write(operands.segment, offset, size, (fields[field] & mask) >>> 0);
  }
};

const fldenv: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  readFields(cpu, operands, FIELDS * fieldSize(operands));
  scatter(cpu, fpu);
};

/** FNSTENV also masks all exceptions. */
const fnstenv: Run = (cpu, operands) => {
  const fpu = enterNoWait(cpu);
  probeImage(cpu, operands, FIELDS * fieldSize(operands));
  gather(cpu, fpu, fieldSize(operands));
  writeFields(cpu, operands);
  fpu.control |= FPU_EXCEPTIONS;
};

/**
 * Registers in an image are accessed in parts of two bytes, which are aligned wherever the image may lie: only
 * its environment counts where alignment is checked.
 */
const HALF_WORD = 2;
/** Three words a register. */
const registers = new Int32Array(24);

const frstor: Run = (cpu, operands) => {
  const fpu = enter(cpu);
  readFields(cpu, operands, FIELDS * fieldSize(operands) + REGISTERS_SIZE);
  const start = operands.offset + FIELDS * fieldSize(operands);
  for (let index = 0; index < 8; index++) {
    const half = (n: number): number =>
      cpu.read(operands.segment, (start + index * 10 + n * HALF_WORD) >>> 0, HALF_WORD);
    registers[index * 3] = half(0) | (half(1) << 16);
    registers[index * 3 + 1] = half(2) | (half(3) << 16);
    registers[index * 3 + 2] = half(4);
  }
  scatter(cpu, fpu);
  for (let index = 0; index < 8; index++) {
    fpu.words.set(registers.subarray(index * 3, index * 3 + 3), fpu.registerWord(index));
  }
};

/** FNSAVE also initialises the FPU. */
const fnsave: Run = (cpu, operands) => {
  const fpu = enterNoWait(cpu);
  const start = operands.offset + FIELDS * fieldSize(operands);
  probeImage(cpu, operands, FIELDS * fieldSize(operands) + REGISTERS_SIZE);
  gather(cpu, fpu, fieldSize(operands));
  writeFields(cpu, operands);
  for (let index = 0; index < 8; index++) {
    const at = fpu.registerWord(index);
    for (let n = 0; n < 5; n++) {
      const half = (fpu.words[at + (n >> 1)] >>> (16 * (n & 1))) & 0xffff;
      cpu.write(operands.segment, (start + index * 10 + n * HALF_WORD) >>> 0, HALF_WORD, half);
    }
  }
  fpu.initialize();
};

export const environment: Readonly<Record<string, Run>> = { fldenv, fnstenv, frstor, fnsave };
