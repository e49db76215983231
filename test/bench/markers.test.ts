import { expect, it } from 'vitest';
import { MarkerReader, type Round } from '../../bench/markers.ts';

it('times from marker to marker, by arrival', () => {
  const reader = new MarkerReader();
  const told: Round[] = [];
  reader.onRound = (round) => told.push(round);
  reader.receive('GUEST-READY 1.0\r\n@@B fib 0 2\r\n@@E fi', 1000);
  reader.receive('b 0 2 123456 019ad944\r\n[    3.0] noise @@B sort 1 1\r\n', 1250);
  expect(reader.rounds).toEqual([{ name: 'fib', scale: 2, milliseconds: 250, checksum: '019ad944' }]);
  reader.receive('@@E sort 1 1 99 ffbec8a1\r\n', 1300);
  expect(told).toEqual(reader.rounds);
  expect(told[1]).toEqual({ name: 'sort', scale: 1, milliseconds: 50, checksum: 'ffbec8a1' });
});

it('has no round without its beginning, and tells of programs that failed', () => {
  const reader = new MarkerReader();
  reader.receive('@@B a 0 1\n@@E b 0 1 5 00000000\n@@F b status 132\n', 0);
  expect(reader.rounds).toEqual([]);
  expect(reader.failures).toEqual(['b status 132']);
});
