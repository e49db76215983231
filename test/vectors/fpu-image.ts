/** The x87 and SSE state as vectors write it: control:status:abridged tag:ST0:…:ST7, registers as FXSAVE stores them. */
import { Fpu, FpuState } from '../../src/x86/fpu.ts';
import type { CpuState } from '../../src/x86/state.ts';
import { bytesOf } from './vector.ts';

const registerAddress = (top: number, i: number): number => Fpu.REGISTERS + ((top + i) & 7) * 16;
const digits = (value: number, width: number): string => value.toString(16).padStart(width, '0');

export const loadFpu = (state: CpuState, image: string): void => {
  const [control, status, tag, ...registers] = image.split(':');
  const fpu = new FpuState(state.words);
  fpu.control = Number.parseInt(control!, 16);
  fpu.status = Number.parseInt(status!, 16);
  state.words[Fpu.OCCUPIED >> 2] = Number.parseInt(tag!, 16);
  // The recorder restores an image whose instruction and operand pointers are zero.
  state.words.fill(0, Fpu.FOP >> 2, (Fpu.FDS >> 2) + 1);
  const top = (Number.parseInt(status!, 16) >> 11) & 7;
  for (let i = 0; i < 8; i++) {
    const bytes = bytesOf(registers[i] ?? '0'.repeat(20));
    state.bytes.fill(0, registerAddress(top, i), registerAddress(top, i) + 16);
    state.bytes.set(bytes, registerAddress(top, i));
  }
};

export const fpuImage = (state: CpuState): string => {
  const fpu = new FpuState(state.words);
  const top = (fpu.status >> 11) & 7;
  const registers = Array.from({ length: 8 }, (_, i) => {
    const at = registerAddress(top, i);
    return Array.from(state.bytes.subarray(at, at + 10), (b) => digits(b, 2)).join('');
  });
  const head = [digits(fpu.control, 4), digits(fpu.status, 4), digits(state.words[Fpu.OCCUPIED >> 2]! & 0xff, 2)];
  return [...head, ...registers].join(':');
};

/** Eight registers of 32 digits, the first byte first; zeros without an image. */
export const loadXmm = (state: CpuState, image: string | undefined): void => {
  state.bytes.fill(0, Fpu.XMM, Fpu.XMM + 128);
  for (const [i, register] of (image?.split(':') ?? []).entries())
    state.bytes.set(bytesOf(register), Fpu.XMM + i * 16);
};
export const xmmImage = (state: CpuState): string =>
  Array.from({ length: 8 }, (_, i) => {
    const at = Fpu.XMM + i * 16;
    return Array.from(state.bytes.subarray(at, at + 16), (b) => digits(b, 2)).join('');
  }).join(':');
