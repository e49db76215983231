import { expect, it } from 'vitest';
import { WiredOr } from '../../src/devices/wires.ts';
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
