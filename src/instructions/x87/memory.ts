/**
 * Memory operands. Reads come before any change to the FPU's state, and a store is checked over its whole
 * width before its first byte, so that a fault leaves no trace.
 */
import type { Cpu, Operands } from '../cpu.ts';
import type { Float80 } from './float80.ts';
import { unpack } from './float80.ts';
import { fromBcd, fromDouble, fromInteger, fromSingle, type TenBytes, type Words } from './formats.ts';
import { stored } from './unit.ts';

/** Reads a memory operand into a number. */
export type Load = (cpu: Cpu, operands: Operands, x: Float80) => void;

const after = (operands: Operands, bytes: number): number => (operands.offset + bytes) >>> 0;

export const loadSingle: Load = (cpu, operands, x) =>
  fromSingle(x, cpu.read(operands.segment, operands.offset, 4) | 0);

export const loadDouble: Load = (cpu, operands, x) => {
  cpu.requireAligned(operands.segment, operands.offset, 8, 8);
  const low = cpu.read(operands.segment, operands.offset, 4) | 0;
  fromDouble(x, low, cpu.read(operands.segment, after(operands, 4), 4) | 0);
};

const readTenBytes = (cpu: Cpu, operands: Operands): TenBytes => {
  cpu.requireAligned(operands.segment, operands.offset, 10, 8);
  stored.low = cpu.read(operands.segment, operands.offset, 4) | 0;
  stored.high = cpu.read(operands.segment, after(operands, 4), 4) | 0;
  stored.top = cpu.read(operands.segment, after(operands, 8), 2);
  return stored;
};

export const loadExtended: Load = (cpu, operands, x) => {
  const { low, high, top } = readTenBytes(cpu, operands);
  unpack(x, low, high, top);
};

export const loadBcd: Load = (cpu, operands, x) => fromBcd(x, readTenBytes(cpu, operands));

export const loadInteger16: Load = (cpu, operands, x) => {
  const value = (cpu.read(operands.segment, operands.offset, 2) << 16) >> 16;
  fromInteger(x, value, value >> 31);
};

export const loadInteger32: Load = (cpu, operands, x) => {
  const value = cpu.read(operands.segment, operands.offset, 4) | 0;
  fromInteger(x, value, value >> 31);
};

export const loadInteger64: Load = (cpu, operands, x) => {
  cpu.requireAligned(operands.segment, operands.offset, 8, 8);
  const low = cpu.read(operands.segment, operands.offset, 4) | 0;
  fromInteger(x, low, cpu.read(operands.segment, after(operands, 4), 4) | 0);
};

export const store16 = (cpu: Cpu, operands: Operands, value: Words): void =>
  cpu.write(operands.segment, operands.offset, 2, value.low & 0xffff);

export const store32 = (cpu: Cpu, operands: Operands, value: Words): void =>
  cpu.write(operands.segment, operands.offset, 4, value.low >>> 0);

export const store64 = (cpu: Cpu, operands: Operands, value: Words): void => {
  cpu.probeWrite(operands.segment, operands.offset, 8);
  cpu.write(operands.segment, operands.offset, 4, value.low >>> 0);
  cpu.write(operands.segment, after(operands, 4), 4, value.high >>> 0);
};

export const store80 = (cpu: Cpu, operands: Operands, value: TenBytes): void => {
  cpu.probeWrite(operands.segment, operands.offset, 10);
  cpu.write(operands.segment, operands.offset, 4, value.low >>> 0);
  cpu.write(operands.segment, after(operands, 4), 4, value.high >>> 0);
  cpu.write(operands.segment, after(operands, 8), 2, value.top);
};
