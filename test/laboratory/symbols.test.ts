import { expect, test } from 'vitest';
import { readSymbolFile, symbolsOfKernel } from '../../src/laboratory/symbols.ts';
import { inlineImage } from './support.ts';

const map = (text: string) => readSymbolFile(new TextEncoder().encode(text), 'System.map');

const KERNEL = `c1000000 T _text
c1000000 T startup_32
c1000100 t local_function
c1000180 d some_data
c1000200 T last_function\t[module]
00000010 A a_number
`;

test('a System.map', () => {
  const symbols = map(KERNEL);
  expect(symbols.size).toBe(4);
  expect(symbols.at(0xc1000000)).toBe('startup_32');
  expect(symbols.at(0xc10000ff)).toBe('startup_32+0xff');
  expect(symbols.at(0xc1000100)).toBe('local_function');
  expect(symbols.at(0xc1000190)).toBeUndefined();
  expect(symbols.at(0xc1000204)).toBe('last_function+0x4');
  expect(symbols.at(0xc1009000)).toBeUndefined();
  expect(symbols.at(0x1000)).toBeUndefined();
  expect(symbols.addressOf('_text')).toBe(0xc1000000);
  expect(symbols.addressOf('local_function+0x10')).toBe(0xc1000110);
  expect(symbols.addressOf('local_function+16')).toBe(0xc1000110);
  expect(symbols.addressOf('some_data')).toBeUndefined();
  expect(symbols.addressOf('nothing')).toBeUndefined();
});

test('an ELF file: names of code, not of numbers', async () => {
  const { kernel, name } = await inlineImage('.set NUMBER, 42\ncli\ninner: hlt');
  const symbols = symbolsOfKernel(kernel, name);
  const inner = symbols.addressOf('inner')!;
  expect(symbols.at(inner + 1)).toBe('inner+0x1');
  expect(symbols.addressOf('NUMBER')).toBeUndefined();
  expect(readSymbolFile(kernel, name).addressOf('inner')).toBe(inner);
});

test('names cannot command a terminal', () => {
  expect(map('c1000000 T \x1b[2Jname\n').at(0xc1000000)).toBe('?[2Jname');
  expect(() => map('\x1b[2J\x07')).toThrow('it says: ?[2J?');
});

test.each([
  ['', 'System.map names no code of a 32-bit kernel'],
  [
    'ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n',
    'System.map names no code of a 32-bit kernel; it says: ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package',
  ],
  ['#!/bin/sh\n', 'System.map names no code of a 32-bit kernel; it says: #!/bin/sh'],
])('a file without symbols: %j', (text, message) => {
  expect(() => map(text)).toThrow(message);
});
