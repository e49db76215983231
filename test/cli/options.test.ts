import { describe, expect, test } from 'vitest';
import { translateQemuOptions } from '../../src/cli/qemu-options.ts';
import { parseCharacterDevice, parseDevice, parseSerialPorts, parseSize } from '../../src/cli/values.ts';

describe("QEMU's spelling", () => {
  const takesValue = (option: string) => ['--kernel', '--append', '-m', '--technique'].includes(option);
  const translate = (...args: string[]) => translateQemuOptions(args, takesValue);

  test('becomes ours', () => {
    expect(translate('-kernel', 'k', '-m', '64', '-nographic', '-no-reboot')).toEqual([
      '--kernel',
      'k',
      '-m',
      '64',
      '--nographic',
      '--no-reboot',
    ]);
  });

  test('values stay, even those that look like options', () => {
    expect(translate('-append', '-nographic', '--technique', '-kernel')).toEqual([
      '--append',
      '-nographic',
      '--technique',
      '-kernel',
    ]);
    expect(translate('--append=-x', 'k', '-')).toEqual(['--append=-x', 'k', '-']);
    expect(translate('--', '-kernel')).toEqual(['--', '-kernel']);
  });

  test('words of QEMU that are not ours are refused', () => {
    expect(() => translate('-enable-kvm')).toThrow('unknown option -enable-kvm');
    expect(() => translate('-m64')).toThrow('unknown option -m64');
  });
});

test('sizes', () => {
  expect([parseSize('256'), parseSize('256M'), parseSize('1G'), parseSize('64k')]).toEqual([
    256 << 20,
    256 << 20,
    2 ** 30,
    65536,
  ]);
  for (const text of ['', 'M', '1.5G', '-1', '0x10', '1T', '1 G', '9'.repeat(16)])
    expect(() => parseSize(text), text).toThrow('A size is');
});

test('character devices', () => {
  expect(parseCharacterDevice('mon:stdio')).toEqual({ kind: 'stdio' });
  expect(parseCharacterDevice('null')).toEqual({ kind: 'null' });
  expect(parseCharacterDevice('file:a:b')).toEqual({ kind: 'file', path: 'a:b' });
  for (const text of ['file:', 'pty', '']) expect(() => parseCharacterDevice(text)).toThrow('Allowed are');
  expect(parseSerialPorts('file:x', parseSerialPorts('stdio'))).toEqual([
    { kind: 'stdio' },
    { kind: 'file', path: 'x' },
  ]);
});

test('the debug exit device', () => {
  expect(parseDevice('isa-debug-exit,iobase=0xf4,iosize=4')).toEqual({ base: 0xf4, size: 4 });
  // QEMU's defaults.
  expect(parseDevice('isa-debug-exit')).toEqual({ base: 0x501, size: 2 });
});
