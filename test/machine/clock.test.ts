import { describe, expect, it } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { VirtualClock } from '../../src/machine/clock.ts';
import { Machine, MachineError } from '../../src/machine/machine.ts';

describe('the virtual clock', () => {
  it('counts instructions at its pace, and what was skipped', () => {
    let retired = 0;
    const clock = new VirtualClock(() => retired, 500);
    const expired: number[] = [];
    const timer = clock.timer(() => expired.push(clock.now()));
    timer.arm(10_000);
    expect(clock.budget()).toBe(20);
    retired = 19;
    clock.expire();
    expect(clock.budget()).toBe(1);
    expect(expired).toEqual([]);
    clock.idle();
    clock.expire();
    expect(expired).toEqual([10_000]);
  });

  it('takes 8 nanoseconds for an instruction unless told otherwise', () => {
    expect(new VirtualClock(() => 1000).now()).toBe(8000);
  });
});

it.each([0, 1001, 2.5, Number.NaN])(
  'a machine of %d nanoseconds per instruction is refused',
  async (pace) => {
    const decoder = await createDecoder();
    expect(() => new Machine(decoder, { memory: 2 << 20, nanosecondsPerInstruction: pace })).toThrow(
      MachineError,
    );
  },
);
