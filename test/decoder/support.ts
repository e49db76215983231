import { createDecoder } from '../../src/decoder/decoder.ts';
import { formatInstruction } from '../../src/decoder/format.ts';
import type { Decoded, Instruction } from '../../src/decoder/instruction.ts';

export const decoder = await createDecoder();

export const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** Decodes exactly these bytes at address 0x1000. */
export const decode = (hex: string, bits: 16 | 32 = 32, address = 0x1000): Decoded => {
  const bytes = fromHex(hex);
  return decoder.decode(bytes, 0, bytes.length, address, bits);
};

export const instruction = (hex: string, bits: 16 | 32 = 32, address = 0x1000): Instruction => {
  const decoded = decode(hex, bits, address);
  if (decoded.kind !== 'instruction') throw new Error(`${hex} is ${decoded.kind}`);
  return decoded.instruction;
};

/** The listing line, or what the bytes are instead; all of them must have been used. */
export const text = (hex: string, bits: 16 | 32 = 32): string => {
  const decoded = decode(hex, bits);
  if (decoded.kind !== 'instruction') return decoded.kind;
  const { length } = decoded.instruction;
  const given = fromHex(hex).length;
  return length === given ? formatInstruction(decoded.instruction) : `${length} of ${given} bytes`;
};
