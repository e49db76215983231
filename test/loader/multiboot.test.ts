import { describe, expect, it } from 'vitest';
import type { LoadOptions } from '../../src/loader/image.ts';
import { loadKernel } from '../../src/loader/load.ts';
import {
  bytesOf,
  concat,
  FakeMemory,
  flat,
  MIB,
  makeElf,
  multibootHeader,
  pcMap,
  type TestElf,
} from './files.ts';

const SIZE = 8 * MIB;
const NAME = 'kernel.elf';

const start = (file: Uint8Array, options: Partial<LoadOptions> = {}) => {
  const memory = new FakeMemory(SIZE);
  const state = flat(loadKernel(file, { name: NAME, e820: pcMap(SIZE), ...options }, memory));
  return { memory, state, information: state.registers.ebx ?? -1 };
};

const text = concat(
  multibootHeader(0),
  Uint8Array.from({ length: 100 }, (_, i) => i),
);
const elf = (change: Partial<TestElf> = {}) =>
  makeElf({ segments: [{ physical: MIB, data: text }], entry: MIB + 12, ...change });

describe('ELF kernels', () => {
  it('start in flat protected mode with the magic in EAX', () => {
    const { state, memory } = start(elf());
    expect(state).toMatchObject({ mode: 'protected-flat', eip: MIB + 12 });
    expect(state.registers.eax).toBe(0x2badb002);
    const descriptor = (selector: number) => memory.u32(state.gdt.base + selector + 4);
    expect(descriptor(state.codeSelector)).toBe(0xcf9b00);
    expect(descriptor(state.dataSelector)).toBe(0xcf9300);
  });

  it('are loaded at their physical addresses with the rest zeroed', () => {
    const data = bytesOf('data');
    const { memory } = start(
      elf({
        segments: [
          { physical: MIB, data: text },
          { physical: 0x200000, virtual: 0xc0200000, data, memorySize: 300 },
        ],
      }),
    );
    expect(memory.bytes.slice(MIB, MIB + text.length)).toEqual(text);
    expect(memory.u8(MIB + text.length)).toBe(0xaa);
    expect(memory.bytes.slice(0x200000, 0x200004)).toEqual(data);
    expect(memory.bytes.subarray(0x200004, 0x200000 + 300).every((byte) => byte === 0)).toBe(true);
    expect(memory.u8(0x200000 + 300)).toBe(0xaa);
  });

  it('may name their entry point virtually or physically', () => {
    const segments = [{ physical: MIB, virtual: 0xc0100000, data: text }];
    expect(start(elf({ segments, entry: 0xc010000c })).state.eip).toBe(MIB + 12);
    expect(start(elf({ segments, entry: MIB + 12 })).state.eip).toBe(MIB + 12);
    expect(() => start(elf({ entry: 0x5000 }))).toThrow(
      'kernel.elf has its entry point at 0x5000, outside every segment',
    );
  });

  describe('whose first segment starts with the ELF headers, on ROM', () => {
    const headers = 52 + 2 * 32;
    /** Gives segment 0 the first `size` bytes of the file, at the given address. */
    const headed = (physical: number, size: number) => {
      const file = elf({
        segments: [
          { physical, data: new Uint8Array(32) },
          { physical: MIB + 0x1000, data: text },
        ],
        entry: MIB + 0x1000,
      });
      const view = new DataView(file.buffer);
      for (const [field, value] of [
        [4, 0],
        [16, size],
        [20, size],
      ]) {
        view.setUint32(52 + field, value, true);
      }
      return file;
    };

    it('are loaded without them', () => {
      expect(start(headed(0xff000, headers)).state.eip).toBe(MIB + 0x1000);
    });
    it('are loaded with them where there is RAM', () => {
      expect(start(headed(0x8000, headers)).memory.u32(0x8000)).toBe(0x464c457f);
    });
    it('are loaded from RAM on', () => {
      // Headers, 12 bytes up to a boundary of 16, and 32 zeros of which half lie on RAM; then text.
      const { memory } = start(headed(MIB - headers - 28, headers + 60));
      expect(memory.bytes.subarray(MIB, MIB + 16).every((byte) => byte === 0)).toBe(true);
      expect(memory.u32(MIB + 16)).toBe(0x1badb002);
      expect(memory.u8(MIB + 32)).toBe(0xaa);
      expect(memory.u8(MIB - 1)).toBe(0xaa);
    });
    it('are refused when that would lose something else', () => {
      expect(() => start(headed(MIB - headers - 45, headers + 60))).toThrow(
        `kernel.elf: segment 0 needs ${headers + 60} bytes of memory at 0xfff5f, where the machine has 0`,
      );
    });
  });

  it.each<[string, Partial<TestElf>, string]>([
    [
      '64 bits',
      { elfClass: 2, machine: 62 },
      'kernel.elf is a 64-bit ELF file; this processor has no long mode',
    ],
    ['AArch64', { elfClass: 2, machine: 183 }, 'a 64-bit ELF file for AArch64'],
    ['ARM', { machine: 40 }, 'an ELF file for ARM, not for a 32-bit x86 processor'],
    ['x32', { machine: 62 }, 'an ELF file for x86-64, not'],
    ['an object file', { type: 1 }, 'is an object file'],
    ['a shared object', { type: 3 }, 'is dynamically linked or position-independent'],
    [
      'an interpreter',
      {
        segments: [
          { physical: MIB, data: text },
          { physical: 0, data: bytesOf('/lib/ld.so'), type: 3 },
        ],
      },
      'is dynamically linked; link it statically',
    ],
    ['no segments', { segments: [{ physical: MIB, data: text, type: 4 }] }, 'has no loadable segment'],
    [
      'more than the machine has',
      { segments: [{ physical: MIB, data: text, memorySize: SIZE }] },
      'kernel.elf: segment 0 needs 8388608 bytes of memory at 0x100000, where the machine has 7208960',
    ],
  ])('are refused: %s', (_, change, message) => {
    expect(() => start(elf(change))).toThrow(message);
  });

  it('are refused when truncated, by what is missing', () => {
    const file = elf({
      segments: [
        { physical: MIB, data: text },
        { physical: 0x200000, data: new Uint8Array(1000) },
      ],
    });
    // Contents start at 128, after the headers: 112 bytes of text, then 1000 from 240 on.
    expect(file.length).toBe(1240);
    expect(() => start(file)).not.toThrow();
    expect(() => start(file.subarray(0, 1239))).toThrow(
      'kernel.elf is truncated: segment 1 ends at byte 1240, the file has 1239',
    );
    expect(() => start(file.subarray(0, 239))).toThrow(
      'kernel.elf is truncated: segment 0 ends at byte 240, the file has 239',
    );
    expect(() => start(file.subarray(0, 100))).toThrow(
      'kernel.elf is truncated: its program header table ends at byte 116, the file has 100',
    );
    expect(() => start(file.subarray(0, 20))).toThrow(
      'kernel.elf is truncated: its ELF header ends at byte 52, the file has 20',
    );
  });
});

describe('kernels with load addresses', () => {
  const header = (addresses: number[]) => multibootHeader(1 << 16, addresses);
  const body = Uint8Array.from({ length: 200 }, (_, i) => i);

  it('are loaded as their header says, from before the header', () => {
    const image = concat(
      new Uint8Array(16).fill(1),
      new Uint8Array(8).fill(2),
      header([0x200008, 0x200000, 0x200000 + 100, 0x200000 + 150, 0x200040]),
      body,
    );
    const { memory, state } = start(image);
    expect(state.eip).toBe(0x200040);
    expect(memory.bytes.slice(0x200000, 0x200064)).toEqual(image.slice(16, 116));
    expect(memory.bytes.subarray(0x200064, 0x200096).every((byte) => byte === 0)).toBe(true);
    expect(memory.u8(0x200096)).toBe(0xaa);
    expect(memory.u8(0x1fffff)).toBe(0xaa);
  });
  it('extend to the end of the file with nothing to zero by default', () => {
    const image = concat(header([MIB, MIB, 0, 0, MIB + 32]), body);
    const { memory } = start(image);
    expect(memory.bytes.slice(MIB, MIB + image.length)).toEqual(image);
    expect(memory.u8(MIB + image.length)).toBe(0xaa);
  });
  it('take precedence over the ELF header', () => {
    const file = makeElf({
      segments: [
        {
          physical: 0x300000,
          data: concat(header([0x200060, 0x200000, 0, 0, 0x200080]), new Uint8Array(64)),
        },
      ],
      entry: 0x300020,
    });
    const { memory, state } = start(file);
    expect(state.eip).toBe(0x200080);
    expect(memory.u32(0x200060)).toBe(0x1badb002);
    expect(memory.u8(0x300000)).toBe(0xaa);
  });
  it.each([
    [[MIB, MIB, MIB + 500, 0, MIB], 'kernel.elf is truncated: its image ends at byte 500, the file has 232'],
    [[MIB, MIB + 8, 0, 0, MIB], 'damaged Multiboot header'],
    [[MIB + 8, MIB, 0, 0, MIB], 'damaged Multiboot header'],
    [[MIB, MIB, MIB + 100, MIB + 50, MIB], 'its load addresses are out of order'],
    [[0xa0000, 0xa0000, 0, 0, 0xa0000], 'needs 232 bytes of memory at 0xa0000, where the machine has 0'],
  ])('are refused with wrong ones %#', (addresses, message) => {
    expect(() => start(concat(header(addresses), body))).toThrow(message);
  });
});

describe('the header', () => {
  const flat = (offset: number) =>
    concat(
      new Uint8Array(offset),
      multibootHeader(1 << 16, [MIB + offset, MIB, 0, 0, MIB]),
      new Uint8Array(16),
    );
  it('lies in the first 8192 bytes on a boundary of four', () => {
    expect(() => start(flat(8192 - 32))).not.toThrow();
    expect(() => start(flat(8192 - 28))).toThrow('neither a Linux kernel nor a Multiboot kernel');
    expect(() => start(flat(4090))).toThrow('neither');
  });
  it('has a checksum', () => {
    const file = flat(64);
    file[64 + 8] ^= 1;
    expect(() => start(file)).toThrow('neither');
  });
  it('may make known demands only', () => {
    const withFlags = (flags: number) =>
      elf({ segments: [{ physical: MIB, data: multibootHeader(flags) }], entry: MIB });
    expect(() => start(withFlags(7))).not.toThrow();
    expect(() => start(withFlags(0x40000))).not.toThrow();
    expect(() => start(withFlags(0x28))).toThrow(
      'kernel.elf requires a Multiboot feature that the specification does not define (flag bit 3)',
    );
    expect(() => start(withFlags(0x8000))).toThrow('(flag bit 15)');
  });
});

describe('boot information', () => {
  it('says what is valid and how much memory there is', () => {
    const { memory, information } = start(elf());
    expect(memory.u32(information)).toBe(0b10_0100_1101);
    expect(memory.u32(information + 4)).toBe(639);
    expect(memory.u32(information + 8)).toBe((SIZE - MIB - 0x20000) / 1024);
    expect(memory.u32(information + 12)).toBe(0);
    expect(information % 4).toBe(0);
  });
  it('holds the memory map', () => {
    const { memory, information } = start(elf());
    const [length, address] = [memory.u32(information + 44), memory.u32(information + 48)];
    const read = [];
    for (let at = address; at < address + length; at += memory.u32(at) + 4) {
      expect(memory.u32(at)).toBe(20);
      read.push({ base: memory.u64(at + 4), size: memory.u64(at + 12), type: memory.u32(at + 20) });
    }
    expect(read).toEqual(pcMap(SIZE));
  });
  it('holds the command line, which starts with the name, and the loader', () => {
    const { memory, information } = start(elf(), { append: 'a b' });
    expect(memory.text(memory.u32(information + 16))).toBe('kernel.elf a b');
    expect(memory.text(memory.u32(information + 64))).toBe('ringdown');
    const bare = start(elf());
    expect(bare.memory.text(bare.memory.u32(bare.information + 16))).toBe('kernel.elf');
  });
  it('lists no modules when there are none', () => {
    const { memory, information } = start(elf());
    expect([memory.u32(information + 20), memory.u32(information + 24)]).toEqual([0, 0]);
  });
  it('lists modules, page-aligned after the kernel', () => {
    const modules = [
      { name: 'a', bytes: new Uint8Array(5000).fill(1), commandLine: 'a x=1' },
      { name: 'b', bytes: bytesOf('module'), commandLine: 'b' },
    ];
    const { memory, information } = start(elf(), { modules });
    expect(memory.u32(information + 20)).toBe(2);
    const table = memory.u32(information + 24);
    const entries = [0, 16].map((offset) => ({
      start: memory.u32(table + offset),
      end: memory.u32(table + offset + 4),
      string: memory.text(memory.u32(table + offset + 8)),
      reserved: memory.u32(table + offset + 12),
    }));
    expect(entries).toEqual([
      { start: 0x101000, end: 0x101000 + 5000, string: 'a x=1', reserved: 0 },
      { start: 0x103000, end: 0x103006, string: 'b', reserved: 0 },
    ]);
    expect(memory.bytes.slice(0x103000, 0x103006)).toEqual(bytesOf('module'));
  });
  it('refuses modules that do not fit', () => {
    const modules = [{ name: 'big', bytes: new Uint8Array(SIZE), commandLine: '' }];
    expect(() => start(elf(), { modules })).toThrow(
      `big does not fit in memory: it has ${SIZE} bytes, the largest free place has ${SIZE - 0x20000 - 0x101000}`,
    );
  });
  it('moves away from a kernel that loads itself there', () => {
    const segments = [
      { physical: MIB, data: text },
      { physical: 0x80000, data: bytesOf('low'), memorySize: 0x1fc00 },
    ];
    const { memory, state, information } = start(elf({ segments }));
    for (const address of [information, state.gdt.base]) {
      expect(address < 0x80000 || address >= MIB + text.length).toBe(true);
    }
    expect(memory.bytes.subarray(0x80003, 0x9fc00).every((byte) => byte === 0)).toBe(true);
    expect(memory.text(memory.u32(information + 64))).toBe('ringdown');
  });
});

describe('section headers', () => {
  const sections = [
    { type: 0, address: 0, data: new Uint8Array(0) },
    { type: 1, address: MIB, data: text },
    { type: 8, address: 0x200000, data: new Uint8Array(0) },
    { type: 3, address: 0, data: bytesOf('\0.text\0') },
  ];
  it('bring along the sections that no segment holds', () => {
    const { memory, information } = start(elf({ sections }));
    expect(memory.u32(information) & 0x30).toBe(0x20);
    expect([28, 32, 40].map((offset) => memory.u32(information + offset))).toEqual([4, 40, 3]);
    const table = memory.u32(information + 36);
    const address = (index: number) => memory.u32(table + 40 * index + 12);
    expect([0, 1, 2].map(address)).toEqual([0, MIB, 0x200000]);
    expect(memory.bytes.slice(address(3), address(3) + 7)).toEqual(bytesOf('\0.text\0'));
    expect(address(3)).toBeGreaterThanOrEqual(MIB + text.length);
  });
  it('stay as they are in the file, also where it is a Buffer', () => {
    const file = Buffer.from(elf({ sections }));
    const before = Uint8Array.from(file);
    start(file);
    expect(Uint8Array.from(file)).toEqual(before);
  });
  it('are left out when truncated', () => {
    const file = elf({ sections });
    const { memory, information } = start(file.subarray(0, file.length - 1));
    expect(memory.u32(information) & 0x20).toBe(0);
  });
});
