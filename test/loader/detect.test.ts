import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { detectKernel } from '../../src/loader/detect.ts';
import { LoadError } from '../../src/loader/image.ts';
import { parseModuleList } from '../../src/loader/modules.ts';
import { bytesOf, concat, MIB, makeBzImage, makeElf, multibootHeader } from './files.ts';

const plainElf = (data: Uint8Array) => makeElf({ segments: [{ physical: MIB, data }], entry: MIB });
const bootSector = new Uint8Array(512);
bootSector.set([0xeb, 0xfe]);
bootSector.set([0x55, 0xaa], 510);
const multiboot2 = new Uint8Array(Uint32Array.from([0xe85250d6, 0, 24, -(0xe85250d6 + 24), 0, 8]).buffer);

it('recognises what it loads', () => {
  expect(detectKernel(makeBzImage(), 'k')).toEqual({ protocol: 'linux' });
  expect(detectKernel(plainElf(multibootHeader(3)), 'k')).toEqual({
    protocol: 'multiboot',
    header: { offset: 96, flags: 3, addresses: undefined },
  });
});

it.each<[string, Uint8Array, string]>([
  ['an empty file', new Uint8Array(0), 'is empty'],
  ['gzip', gzipSync('kernel'), 'is compressed with gzip; decompress it first'],
  ['xz', concat(Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), new Uint8Array(60)), 'is compressed with xz'],
  ['text', bytesOf('#!/bin/sh\necho hällo\n'), 'is a text file'],
  ['a boot sector', bootSector, 'is a boot sector or disk image'],
  ['Multiboot 2', concat(new Uint8Array(64), multiboot2), 'is a Multiboot 2 kernel'],
  ['plain ELF', plainElf(new Uint8Array(50)), 'is an ELF executable without a Multiboot header'],
  ['vmlinux', plainElf(bytesOf('\0\0LLinux version 6.1')), 'is the bare executable of a Linux kernel'],
  [
    '64-bit ELF',
    makeElf({ segments: [], entry: 0, elfClass: 2, machine: 62 }),
    'this processor has no long mode',
  ],
  ['noise', Uint8Array.of(1, 2, 3), 'is neither a Linux kernel nor a Multiboot kernel'],
  ['an initial RAM disk', bytesOf('070701000000'), 'is a cpio archive'],
])('says what else it was given: %s', (_, file, message) => {
  expect(() => detectKernel(file, 'thing')).toThrow(LoadError);
  expect(() => detectKernel(file, 'thing')).toThrow(`thing ${message}`.replace('thing this', 'this'));
});

it.each([
  ['', []],
  ['a', [['a', 'a']]],
  [
    'a x=1 y,b',
    [
      ['a', 'a x=1 y'],
      ['b', 'b'],
    ],
  ],
  [
    'a,, b c, d e',
    [
      ['a,', 'a, b c'],
      ['d', 'd e'],
    ],
  ],
  [
    'a,,,b',
    [
      ['a,', 'a,'],
      ['b', 'b'],
    ],
  ],
])('splits the module list %j', (list, expected) => {
  expect(parseModuleList(list).map(({ file, commandLine }) => [file, commandLine])).toEqual(expected);
});
