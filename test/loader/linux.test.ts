import { describe, expect, it } from 'vitest';
import type { BootModule, LoadOptions } from '../../src/loader/image.ts';
import { loadKernel } from '../../src/loader/load.ts';
import { bytesOf, FakeMemory, flat, MIB, makeBzImage, pcMap, type TestBzImage } from './files.ts';

const SIZE = 16 * MIB;
const NAME = 'vmlinuz';

const module = (bytes: Uint8Array, name = 'initrd.gz'): BootModule => ({ name, bytes, commandLine: name });

const load = (image: TestBzImage = {}, options: Partial<LoadOptions> = {}, size = SIZE) => {
  const memory = new FakeMemory(size);
  const state = flat(loadKernel(makeBzImage(image), { name: NAME, e820: pcMap(size), ...options }, memory));
  return { memory, state, parameters: state.registers.esi ?? -1 };
};

describe('entry state of the 32-bit boot protocol', () => {
  it('is flat protected mode with the boot parameters in ESI', () => {
    const { state, memory } = load();
    expect(state).toMatchObject({ mode: 'protected-flat', codeSelector: 0x10, dataSelector: 0x18 });
    expect(state.registers).toEqual({ esi: 0x90000, ebx: 0, ebp: 0, edi: 0 });
    expect(state.gdt.limit).toBe(0x1f);
    // SDM vol. 3, figure 3-8: base 0, limit FFFFFh pages, present, ring 0, 32 bits, accessed.
    expect(memory.u64(state.gdt.base)).toBe(0);
    expect([memory.u32(state.gdt.base + 0x10), memory.u32(state.gdt.base + 0x14)]).toEqual([
      0xffff, 0xcf9b00,
    ]);
    expect([memory.u32(state.gdt.base + 0x18), memory.u32(state.gdt.base + 0x1c)]).toEqual([
      0xffff, 0xcf9300,
    ]);
  });

  it('leaves the interrupt vectors and the extended BIOS data area alone', () => {
    const { memory } = load({}, { append: 'x'.repeat(2047), modules: [module(new Uint8Array(100))] });
    expect(memory.bytes.subarray(0, 0x90000).every((byte) => byte === 0xaa)).toBe(true);
    expect(memory.bytes.subarray(0x9f000, MIB).every((byte) => byte === 0xaa)).toBe(true);
  });
});

describe('the real-mode protocol', () => {
  it('is for kernels without a protected-mode entry point', () => {
    const memory = new FakeMemory(SIZE);
    const image = { code32Start: 0, relocatable: false, code: bytesOf('high part') };
    const options = { name: NAME, e820: pcMap(SIZE), append: 'a b', modules: [module(bytesOf('disk'))] };
    const state = loadKernel(makeBzImage(image), options, memory);
    // Entered behind the boot sector, with the stack at the end of the heap.
    expect(state).toEqual({
      mode: 'real',
      codeSegment: 0x1020,
      eip: 0,
      dataSegment: 0x1000,
      registers: { esp: 0xe000 },
    });
    expect(memory.text(0x10202).slice(0, 4)).toBe('HdrS');
    expect(memory.u8(0x10210)).toBe(0xff);
    expect(memory.u8(0x10211)).toBe(0x81);
    expect(memory.u16(0x10224)).toBe(0xde00);
    expect(memory.text(memory.u32(0x10228))).toBe('a b');
    expect(memory.text(memory.u32(0x10218)).slice(0, 4)).toBe('disk');
    expect(memory.u32(0x1021c)).toBe(4);
    expect(memory.text(MIB).slice(0, 9)).toBe('high part');
    expect(memory.bytes.subarray(0, 0x10000).every((byte) => byte === 0xaa)).toBe(true);
  });
  it('leaves the file as it is, also a Buffer', () => {
    const file = Buffer.from(makeBzImage({ code32Start: 0, relocatable: false, code: bytesOf('high part') }));
    const before = Uint8Array.from(file);
    loadKernel(file, { name: NAME, e820: pcMap(SIZE), append: 'a b' }, new FakeMemory(SIZE));
    expect(Uint8Array.from(file)).toEqual(before);
  });
});

describe('boot parameters', () => {
  it('hold the setup header up to the end that its jump states, and zeros around', () => {
    const { memory, parameters } = load();
    expect(memory.text(parameters + 0x202).slice(0, 4)).toBe('HdrS');
    expect(memory.u16(parameters + 0x206)).toBe(0x20f);
    expect(memory.u16(parameters + 0x1fe)).toBe(0xaa55);
    expect(memory.u32(parameters + 0x268)).toBe(0x55667788);
    expect(memory.u32(parameters + 0x26c)).toBe(0);
    expect(memory.u8(parameters + 0x1ef)).toBe(0);
    expect(memory.bytes.subarray(parameters, parameters + 2).every((byte) => byte === 0)).toBe(true);
    expect(memory.bytes.subarray(parameters + 4, parameters + 0x1e0).every((byte) => byte === 0)).toBe(true);
  });

  it('name the loader, its video mode and where the kernel lies', () => {
    const { memory, parameters, state } = load();
    expect(memory.u8(parameters + 0x210)).toBe(0xff);
    expect(memory.u16(parameters + 0x1fa)).toBe(0xffff);
    expect(memory.u32(parameters + 0x214)).toBe(state.eip);
  });

  it('hold the memory map', () => {
    const { memory, parameters } = load();
    const map = pcMap(SIZE);
    expect(memory.u8(parameters + 0x1e8)).toBe(map.length);
    const read = map.map((_, i) => {
      const at = parameters + 0x2d0 + 20 * i;
      return { base: memory.u64(at), size: memory.u64(at + 8), type: memory.u32(at + 16) };
    });
    expect(read).toEqual(map);
    const extended = (SIZE - MIB - 0x20000) / 1024;
    expect(memory.u32(parameters + 0x1e0)).toBe(extended);
    expect(memory.u16(parameters + 0x002)).toBe(extended);
  });

  it('refuse a memory map that is too long', () => {
    const e820 = [
      ...pcMap(SIZE),
      ...Array.from({ length: 123 }, (_, i) => ({ base: (i + 8) * 2 ** 32, size: 1, type: 2 })),
    ];
    expect(() => load({}, { e820 })).toThrow('the memory map has 129 entries; Linux takes at most 128');
  });

  it.each([
    [0x20d, 0],
    [0x20e, 0xf5a20],
  ])('hold the ACPI pointer from protocol 2.14 on (%i)', (version, expected) => {
    const { memory, parameters } = load({ version }, { acpiRsdp: 0xf5a20 });
    expect(memory.u64(parameters + 0x70)).toBe(expected);
  });

  it('point to the command line', () => {
    const { memory, parameters } = load({}, { append: 'console=ttyS0 name=ü' });
    expect(memory.text(memory.u32(parameters + 0x228))).toBe('console=ttyS0 name=ü');
  });

  it('point to an empty command line when there is none', () => {
    const { memory, parameters } = load();
    expect(memory.text(memory.u32(parameters + 0x228))).toBe('');
    expect(memory.u32(parameters + 0x218)).toBe(0);
    expect(memory.u32(parameters + 0x21c)).toBe(0);
  });
});

describe('command line length', () => {
  it('may be what the kernel states', () => {
    const { memory, parameters } = load({ commandLineSize: 300 }, { append: 'a'.repeat(300) });
    expect(memory.text(memory.u32(parameters + 0x228))).toBe('a'.repeat(300));
  });
  it('may not be more, counted in bytes', () => {
    expect(() => load({ commandLineSize: 300 }, { append: `${'a'.repeat(299)}ü` })).toThrow(
      'the command line has 301 bytes; vmlinuz takes at most 300',
    );
  });
  it('is 255 bytes before protocol 2.06', () => {
    expect(() => load({ version: 0x205 }, { append: 'a'.repeat(256) })).toThrow('at most 255');
    expect(() => load({ version: 0x205 }, { append: 'a'.repeat(255) })).not.toThrow();
  });
});

describe('place of the kernel', () => {
  const code = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);
  const at = (memory: FakeMemory, address: number) => memory.bytes.slice(address, address + code.length);

  it('is the preferred address when relocatable', () => {
    const { memory, state } = load({ code, preferred: 0x400000 });
    expect(state.eip).toBe(0x400000);
    expect(at(memory, 0x400000)).toEqual(code);
  });
  it('is the next aligned one that has the memory', () => {
    const e820 = [
      { base: 0, size: 0x9fc00, type: 1 },
      { base: MIB, size: SIZE - MIB, type: 1 },
      { base: 0x500000, size: 0x1000, type: 2 },
    ];
    expect(load({ code, preferred: 0x400000 }, { e820 }).state.eip).toBe(0x600000);
  });
  it('is 1 MiB when fixed', () => {
    const { memory, state } = load({ code, relocatable: false });
    expect(state.eip).toBe(MIB);
    expect(at(memory, MIB)).toEqual(code);
  });
  it('is 1 MiB when older than the preferred address', () => {
    const { state } = load({ version: 0x209, alignment: MIB });
    expect(state.eip).toBe(MIB);
  });
  it('takes the default of four setup sectors', () => {
    const { memory } = load({ code, setupSectors: 0, relocatable: false });
    expect(at(memory, MIB)).toEqual(code);
  });
  it.each([true, false])('needs the memory the kernel states (relocatable: %s)', (relocatable) => {
    const preferred = 0x400000;
    const free = SIZE - 0x20000 - preferred;
    expect(() => load({ preferred, relocatable, initSize: free })).not.toThrow();
    expect(() => load({ preferred, relocatable, initSize: free + 1 })).toThrow(
      `vmlinuz needs ${free + 1} bytes of memory at 0x400000, where the machine has ${free}`,
    );
  });
});

describe('initial RAM disk', () => {
  const top = SIZE - 0x20000;

  it('lies page-aligned at the top of RAM', () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i * 3);
    const { memory, parameters } = load({}, { modules: [module(bytes)] });
    expect(memory.u32(parameters + 0x218)).toBe(top - 0x2000);
    expect(memory.u32(parameters + 0x21c)).toBe(5000);
    expect(memory.bytes.slice(top - 0x2000, top - 0x2000 + 5000)).toEqual(bytes);
  });
  it.each([
    [0x7fffff, 0x7fe000],
    [0x7ffffe, 0x7fd000],
    [0x800000, 0x7fe000],
  ])('keeps its last byte at or below the limit %i', (ramdiskLimit, expected) => {
    const { memory, parameters } = load({ ramdiskLimit }, { modules: [module(new Uint8Array(0x2000))] });
    expect(memory.u32(parameters + 0x218)).toBe(expected);
  });
  it('knows no limit field before protocol 2.03', () => {
    const { memory, parameters } = load(
      { version: 0x202, ramdiskLimit: 0x200000 },
      { modules: [module(new Uint8Array(1))] },
    );
    expect(memory.u32(parameters + 0x218)).toBe(top - 0x1000);
  });
  it('is made of several files on boundaries of four bytes', () => {
    const modules = [module(bytesOf('abcde'), 'a'), module(bytesOf('xyz'), 'b')];
    const { memory, parameters } = load({}, { modules });
    const at = memory.u32(parameters + 0x218);
    expect(memory.u32(parameters + 0x21c)).toBe(11);
    expect([...memory.bytes.subarray(at, at + 11)]).toEqual([...bytesOf('abcde\0\0\0xyz')]);
  });
  it('must fit beside the kernel', () => {
    // 16 MiB less the reserved top; the kernel runs from 2 to 5 MiB.
    const free = top - 0x500000;
    expect(() => load({}, { modules: [module(new Uint8Array(free))] })).not.toThrow();
    expect(() => load({}, { modules: [module(new Uint8Array(free + 1))] })).toThrow(
      `initrd.gz does not fit in memory: the initial RAM disk has ${free + 1} bytes, ` +
        `the largest free place up to 0x7fffffff has ${free}`,
    );
  });
});

describe('refusals', () => {
  const refusal = (file: Uint8Array) => () =>
    loadKernel(file, { name: NAME, e820: pcMap(SIZE) }, new FakeMemory(SIZE));

  it('64-bit kernels', () => {
    expect(refusal(makeBzImage({ extendedFlags: 1 }))).toThrow(
      'vmlinuz is a 64-bit kernel; this processor has no long mode',
    );
    expect(refusal(makeBzImage({ version: 0x20b, extendedFlags: 1 }))).not.toThrow();
  });
  it('zImages', () => {
    expect(refusal(makeBzImage({ loadFlags: 0 }))).toThrow('vmlinuz is a zImage');
  });
  it('old protocols', () => {
    expect(refusal(makeBzImage({ version: 0x201 }))).toThrow('version 2.01 of the Linux boot protocol');
    expect(refusal(makeBzImage({ version: 0x202 }))).not.toThrow();
  });
  it('truncated setup code', () => {
    expect(refusal(makeBzImage().subarray(0, 1500))).toThrow(
      'vmlinuz is truncated: its setup code ends at byte 2048, the file has 1500',
    );
  });
  it('truncated kernels', () => {
    const file = makeBzImage();
    expect(refusal(file.subarray(0, file.length - 15))).not.toThrow();
    expect(refusal(file.subarray(0, file.length - 16))).toThrow(
      'vmlinuz is truncated: its kernel ends at byte 2112, the file has 2096',
    );
    expect(refusal(makeBzImage({ version: 0x203 }).subarray(0, 2048))).toThrow('truncated');
  });
  it('machines without memory for the parameters', () => {
    const e820 = [
      { base: 0, size: 0x80000, type: 1 },
      { base: MIB, size: SIZE - MIB, type: 1 },
    ];
    expect(() => load({}, { e820 })).toThrow(
      'vmlinuz: its parameter block needs 4096 bytes of memory at 0x90000, where the machine has 0',
    );
  });
});

it('does not load what follows the kernel in the file', () => {
  const code = new Uint8Array(64).fill(0x90);
  const signed = new Uint8Array([...makeBzImage({ code }), 1, 2, 3]);
  const memory = new FakeMemory(SIZE);
  const { eip } = loadKernel(signed, { name: NAME, e820: pcMap(SIZE) }, memory);
  expect(memory.u8(eip + 63)).toBe(0x90);
  expect(memory.u8(eip + 64)).toBe(0xaa);
});
