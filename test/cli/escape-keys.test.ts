import { expect, test } from 'vitest';
import { EscapeKeys } from '../../src/cli/escape-keys.ts';

const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const show = (keys: EscapeKeys, text: string) =>
  [...keys.take(bytes(text))].map((part) =>
    typeof part === 'string' ? `<${part}>` : String.fromCharCode(...part),
  );

test('bytes pass in one piece', () => {
  expect(show(new EscapeKeys(), 'hello')).toEqual(['hello']);
  expect(show(new EscapeKeys(), '')).toEqual([]);
});

test('commands come in turn with the bytes around them', () => {
  expect(show(new EscapeKeys(), 'ab\x01hcd\x01b\x01x')).toEqual(['ab', '<help>', 'cd', '<break>', '<quit>']);
});

test('Ctrl-A twice is Ctrl-A', () => {
  expect(show(new EscapeKeys(), 'a\x01\x01b').join('')).toBe('a\x01b');
  expect(show(new EscapeKeys(), '\x01\x01x').join('')).toBe('\x01x');
});

test('keys without a meaning are dropped, and may be cut from their Ctrl-A', () => {
  const keys = new EscapeKeys();
  expect(show(keys, 'a\x01')).toEqual(['a']);
  expect(show(keys, 'x')).toEqual(['<quit>']);
  expect(show(keys, '\x01')).toEqual([]);
  expect(show(keys, '?b')).toEqual(['b']);
});
