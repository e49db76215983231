import { expect, it } from 'vitest';
import { WiredAnd, WiredOr } from '../../src/devices/wires.ts';
import { TestLine } from './virtual-test-clock.ts';

it('a shared wire is high while any input is', () => {
  const out = new TestLine();
  const wire = new WiredOr(out);
  const a = wire.input();
  const b = wire.input();
  a.set(true);
  b.set(true);
  b.set(true);
  a.set(false);
  expect(out).toMatchObject({ level: true, rises: 1 });
  b.set(false);
  expect(out.level).toBe(false);
});

it('an AND gate is high while all inputs are', () => {
  const out = new TestLine();
  const gate = new WiredAnd(out);
  const a = gate.input(false);
  const b = gate.input(true);
  a.set(true);
  expect(out).toMatchObject({ level: true, rises: 1 });
  b.set(false);
  a.set(false);
  b.set(true);
  expect(out.level).toBe(false);
  a.set(true);
  expect(out).toMatchObject({ level: true, rises: 2 });
});
