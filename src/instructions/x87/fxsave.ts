/** FXSAVE and FXRSTOR: the 512-byte image (SDM vol. 1, table 10-2). */
import { Feature, modelHas } from '../../x86/cpu-models.ts';
import { Fault, Vector } from '../../x86/exceptions.ts';
import { Fpu, type FpuState, MXCSR_MASK } from '../../x86/fpu.ts';
import { CR0, CR4 } from '../../x86/registers.ts';
import { SegmentField, System } from '../../x86/state.ts';
import type { Cpu, Operands } from '../cpu.ts';
import { fpuOf, type Run } from './unit.ts';

/** Bytes of the image, and of its part that is written. */
const IMAGE_SIZE = 512;
const WRITTEN_WORDS = 72;
/** Word numbers within the image. */
const Image = {
  CONTROL: 0,
  TAG: 1,
  FIP: 2,
  FCS: 3,
  FDP: 4,
  FDS: 5,
  MXCSR: 6,
  MXCSR_MASK: 7,
  ST: 8,
  XMM: 40,
} as const;
const image = new Int32Array(WRITTEN_WORDS);

/** @throws Fault #UD with CR0.EM, #NM with CR0.TS, #AC, #GP(0) when the area is not aligned to 16 bytes */
const enter = (cpu: Cpu, operands: Operands): FpuState => {
  const cr0 = cpu.state.sys(System.CR0);
  if (cr0 & CR0.EM) throw new Fault(Vector.UD);
  if (cr0 & CR0.TS) throw new Fault(Vector.NM);
  // Where alignment is checked, being off by less than four bytes is #AC (SDM vol. 2, FXSAVE).
  cpu.requireAligned(operands.segment, operands.offset, IMAGE_SIZE, 4);
  const base = cpu.state.segment(operands.segment, SegmentField.BASE);
  if ((base + operands.offset) & 15) throw new Fault(Vector.GP);
  return fpuOf(cpu.state);
};

const hasMxcsr = (cpu: Cpu): boolean => modelHas(cpu.model, Feature.SSE);
const movesXmm = (cpu: Cpu): boolean => hasMxcsr(cpu) && (cpu.state.sys(System.CR4) & CR4.OSFXSR) !== 0;

const fxsave: Run = (cpu, operands) => {
  const fpu = enter(cpu, operands);
  // The last byte is looked at first, which shows in CR2.
  cpu.probeWrite(operands.segment, (operands.offset + IMAGE_SIZE - 1) >>> 0, 1);
  cpu.probeWrite(operands.segment, operands.offset, IMAGE_SIZE);
  const { words } = fpu;
  image[Image.CONTROL] = fpu.control | (fpu.status << 16);
  image[Image.TAG] = fpu.occupied | (words[Fpu.FOP >> 2] << 16);
  image[Image.FIP] = words[Fpu.FIP >> 2];
  image[Image.FCS] = words[Fpu.FCS >> 2];
  image[Image.FDP] = words[Fpu.FDP >> 2];
  image[Image.FDS] = words[Fpu.FDS >> 2];
  image[Image.MXCSR] = words[Fpu.MXCSR >> 2];
  image[Image.MXCSR_MASK] = MXCSR_MASK;
  for (let index = 0; index < 8; index++) {
    const at = fpu.registerWord(index);
    image.set(words.subarray(at, at + 3), Image.ST + index * 4);
    image[Image.ST + index * 4 + 3] = 0;
  }
  image.set(words.subarray(Fpu.XMM >> 2, (Fpu.XMM >> 2) + 32), Image.XMM);
  const end = movesXmm(cpu) ? WRITTEN_WORDS : Image.XMM;
  for (let word = 0; word < end; word++) {
    if ((word === Image.MXCSR || word === Image.MXCSR_MASK) && !hasMxcsr(cpu)) continue;
    cpu.write(operands.segment, (operands.offset + word * 4) >>> 0, 4, image[word] >>> 0);
  }
};

const fxrstor: Run = (cpu, operands) => {
  const fpu = enter(cpu, operands);
  // The area ends beyond what is used of it, and must be accessible to its end.
  cpu.read(operands.segment, (operands.offset + IMAGE_SIZE - 1) >>> 0, 1);
  for (let word = 0; word < WRITTEN_WORDS; word++) {
    image[word] = cpu.read(operands.segment, (operands.offset + word * 4) >>> 0, 4);
  }
  if (hasMxcsr(cpu) && image[Image.MXCSR] & ~MXCSR_MASK) throw new Fault(Vector.GP);
  const { words } = fpu;
  words[Fpu.STATUS >> 2] = image[Image.CONTROL] >>> 16;
  fpu.occupied = image[Image.TAG] & 0xff;
  fpu.control = image[Image.CONTROL] & 0xffff;
  words[Fpu.FOP >> 2] = (image[Image.TAG] >>> 16) & 0x7ff;
  words[Fpu.FIP >> 2] = image[Image.FIP];
  words[Fpu.FCS >> 2] = image[Image.FCS] & 0xffff;
  words[Fpu.FDP >> 2] = image[Image.FDP];
  words[Fpu.FDS >> 2] = image[Image.FDS] & 0xffff;
  for (let index = 0; index < 8; index++) {
    const from = Image.ST + index * 4;
    const at = fpu.registerWord(index);
    words[at] = image[from];
    words[at + 1] = image[from + 1];
    words[at + 2] = image[from + 2] & 0xffff;
  }
  if (hasMxcsr(cpu)) words[Fpu.MXCSR >> 2] = image[Image.MXCSR];
  if (movesXmm(cpu)) words.set(image.subarray(Image.XMM), Fpu.XMM >> 2);
};

export const fxsaveInstructions: Readonly<Record<string, Run>> = { fxsave, fxrstor };
