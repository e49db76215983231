/** What the MTRRs and the PAT take (SDM vol. 3, sections 11.11 and 11.12). */
import { beforeEach, describe, expect, test } from 'vitest';
import { cpuModels } from '../../../src/x86/cpu-models.ts';
import { Fault, Vector } from '../../../src/x86/exceptions.ts';
import { presetMemoryTypes } from '../../../src/x86/memory-types.ts';
import { Gpr } from '../../../src/x86/registers.ts';
import { FakeCpu } from './fake-cpu.ts';

let cpu: FakeCpu;
const write = (msr: number, low: number, high = 0) => {
  cpu.state.setGpr(Gpr.ECX, msr);
  cpu.state.setGpr(Gpr.EAX, low);
  cpu.state.setGpr(Gpr.EDX, high);
  return cpu.run('wrmsr');
};
const read = (msr: number) => {
  cpu.state.setGpr(Gpr.ECX, msr);
  const fault = cpu.run('rdmsr');
  return fault ?? [cpu.state.gpr(Gpr.EDX) >>> 0, cpu.state.gpr(Gpr.EAX) >>> 0];
};
const refused = new Fault(Vector.GP, 0);

beforeEach(() => {
  cpu = new FakeCpu();
  presetMemoryTypes(cpu.state.words, 0xe0000000);
});

test('firmware has set them', () => {
  expect(read(0xfe)).toEqual([0, 0x508]);
  expect(read(0x277)).toEqual([0x00070406, 0x00070406]);
  expect(read(0x2ff)).toEqual([0, 0xc06]);
  expect([read(0x200), read(0x201), read(0x20f)]).toEqual([
    [0, 0xe0000000],
    [0xf, 0xe0000800],
    [0, 0],
  ]);
  expect([read(0x258), read(0x259), read(0x26f)]).toEqual([
    [0x06060606, 0x06060606],
    [0, 0],
    [0x05050505, 0x05050505],
  ]);
});
describe('they keep what is written, and refuse reserved bits and types', () => {
  test.each([
    [
      'PAT',
      0x277,
      [0x00070106, 0x07060504],
      [
        [2, 0],
        [0x03000000, 0],
        [0, 8],
        [0x16, 0],
      ],
    ],
    [
      'fixed',
      0x26b,
      [0x06050401, 0],
      [
        [7, 0],
        [0, 0x02000000],
      ],
    ],
    [
      'base',
      0x206,
      [0xfffff006 | 0, 0xf],
      [
        [0x106, 0],
        [6, 0x10],
        [2, 0],
      ],
    ],
    [
      'mask',
      0x207,
      [0xfffff800 | 0, 0xf],
      [
        [0x400, 0],
        [0, 0x10],
      ],
    ],
    [
      'default type',
      0x2ff,
      [0xc06, 0],
      [
        [0x106, 0],
        [0x1000, 0],
        [7, 0],
        [0, 1],
      ],
    ],
  ])('%s', (_name, msr, [low, high], bad) => {
    expect(write(msr, low!, high)).toBeNull();
    for (const [l, h] of bad) expect(write(msr, l!, h)).toEqual(refused);
    expect(read(msr)).toEqual([high! >>> 0, low! >>> 0]);
  });
  test('capabilities cannot be written', () => {
    expect(write(0xfe, 0x508)).toEqual(refused);
  });
  test('a Pentium has none of them', () => {
    cpu.model = cpuModels.pentium;
    for (const msr of [0xfe, 0x200, 0x250, 0x277, 0x2ff]) expect(read(msr)).toEqual(refused);
  });
});
