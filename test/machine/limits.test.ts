/** Limits of a run, and running without the host's own events in between. */
import { expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { createMachine, type Machine } from '../../src/index.ts';

const machineWith = async (main: string): Promise<Machine> => {
  const library = sourcesIn();
  const source = `.include "lib/start.s"\nmain:\n${main}\n`;
  const read = (path: string) => (path === 'inline.s' ? Promise.resolve(source) : library(path));
  const { image } = await buildGuest('inline', read);
  const machine = await createMachine({ memory: 16 << 20 });
  machine.load({ name: 'inline', kernel: image });
  return machine;
};
const FOREVER = '1: inc %eax\n jmp 1b';

test('a run ends behind so many instructions, and goes on when it is asked to', async () => {
  const machine = await machineWith(FOREVER);
  expect(await machine.run({ instructions: 123_457 })).toEqual({ kind: 'limit', reached: 'instructions' });
  expect(machine.statistics().instructions).toBe(123_457);
  expect(machine.outcome).toBeUndefined();
  await machine.run({ instructions: 3 });
  expect(machine.statistics().instructions).toBe(123_460);
});

test('a run ends when its time is up, also while the guest waits', async () => {
  const machine = await machineWith(FOREVER);
  expect(await machine.run({ milliseconds: 30 })).toEqual({ kind: 'limit', reached: 'time' });
  const waiting = await machineWith('sti\n1: hlt\n jmp 1b');
  expect(await waiting.run({ milliseconds: 30 })).toEqual({ kind: 'limit', reached: 'time' });
});

test('advance stops at the very instruction, and where it would wait for nothing', async () => {
  const machine = await machineWith(FOREVER);
  expect(machine.advance(1001)).toBe(1001);
  expect(machine.advance(1)).toBe(1);
  const waiting = await machineWith('sti\n1: hlt\n jmp 1b');
  expect(waiting.advance(1e6)).toBeLessThan(1e6);
  expect(waiting.outcome).toBeUndefined();
  const ended = await machineWith('cli\n hlt');
  ended.advance(1e6);
  expect(ended.outcome).toEqual({ kind: 'halted' });
});
