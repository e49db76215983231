import { expect, test } from 'vitest';
import { writeElf } from '../../guests/elf.ts';

test('an ELF32 executable of one segment and a symbol table (System V ABI, chapter 4)', () => {
  const file = writeElf({
    code: Uint8Array.of(1, 2, 3, 4, 5),
    origin: 0x100000,
    entry: 0x100002,
    memorySize: 0x3000,
    symbols: new Map([
      ['alpha', 0x100002],
      ['beta', 0xdeadbeef],
    ]),
  });
  const view = new DataView(file.buffer);
  expect([...file.subarray(0, 7)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  expect(view.getUint16(16, true)).toBe(2); // ET_EXEC
  expect(view.getUint16(18, true)).toBe(3); // EM_386
  expect(view.getUint32(24, true)).toBe(0x100002);

  const phoff = view.getUint32(28, true);
  const [type, offset, vaddr, paddr, filesz, memsz, flags, align] = Array.from({ length: 8 }, (_, i) =>
    view.getUint32(phoff + i * 4, true),
  );
  expect({ type, vaddr, paddr, filesz, memsz, flags }).toEqual({
    type: 1,
    vaddr: 0x100000,
    paddr: 0x100000,
    filesz: 5,
    memsz: 0x3000,
    flags: 7,
  });
  expect(offset % align).toBe(vaddr % align);
  expect([...file.subarray(offset, offset + 5)]).toEqual([1, 2, 3, 4, 5]);

  const shoff = view.getUint32(32, true);
  const section = (index: number): { type: number; offset: number; size: number; link: number } => {
    const at = shoff + index * view.getUint16(46, true);
    return {
      type: view.getUint32(at + 4, true),
      offset: view.getUint32(at + 16, true),
      size: view.getUint32(at + 20, true),
      link: view.getUint32(at + 24, true),
    };
  };
  const symtab = Array.from({ length: view.getUint16(48, true) }, (_, i) => section(i)).find(
    (s) => s.type === 2,
  )!;
  const strings = section(symtab.link);
  const name = (at: number): string => {
    const start = strings.offset + view.getUint32(at, true);
    return new TextDecoder().decode(file.subarray(start, file.indexOf(0, start)));
  };
  const symbols = [1, 2].map((i) => symtab.offset + i * 16);
  expect(symtab.size).toBe(48);
  expect(symbols.map((at) => [name(at), view.getUint32(at + 4, true)])).toEqual([
    ['alpha', 0x100002],
    ['beta', 0xdeadbeef],
  ]);
});
