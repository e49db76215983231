/** Random paging kernels: what they log and leave is the same under equivalent techniques, and nothing throws. */
import { expect, test } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { Machine, type MachineOptions } from '../../src/machine/machine.ts';
import { bt, btAdaptive } from '../../src/techniques/index.ts';
import { Layout, randomPagingKernel } from './random-paging.ts';
import { snapshot } from './snapshot.ts';
import { engine } from './support.ts';

const decoder = await createDecoder();
/** RINGDOWN_PAGING_SEEDS and RINGDOWN_PAGING_FIRST widen the search. */
const INSTRUCTIONS = 20_000;
const SEEDS = Number(process.env.RINGDOWN_PAGING_SEEDS ?? 10);
const FIRST = Number(process.env.RINGDOWN_PAGING_FIRST ?? 0);

const run = (kernel: Uint8Array, technique: MachineOptions['technique'] & {}) => {
  const machine = new Machine(decoder, { technique, engine, memory: 5 << 20, cacheSize: 1 << 20 });
  machine.load({ name: 'random', kernel });
  machine.processor.run(INSTRUCTIONS);
  const { view } = machine.memory;
  const ram = machine.memory.hostAddress(0);
  const word = (at: number) => view.getUint32(ram + at, true);
  const log: string[] = [];
  for (let at: number = Layout.LOG; at < Layout.LOG + 0x8000 && word(at) !== 0; at += 28)
    log.push(Array.from({ length: 7 }, (_, i) => word(at + i * 4).toString(16)).join(' '));
  const { processor } = machine;
  return {
    log,
    ...snapshot(machine),
    retired: processor.retired,
    exceptions: [...processor.counters.faults],
  };
};

/** Kept shadow page tables with ample room and with hardly any, a virtual TLB, and what guest mode has. */
const MONITORS = [
  'bt',
  { ...bt, name: 'bt with little room', shadowPages: 8 },
  {
    ...btAdaptive,
    name: 'bt-adaptive without patience',
    adaptation: { traps: 1, period: 8, executions: 1, share: 1, instructions: 16 },
  },
  'bt+vtlb',
  'hw',
  'hw+nested',
] as const;

test('random paging kernels', () => {
  let events = 0;
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const kernel = randomPagingKernel(seed);
    const native = run(kernel, 'native');
    for (const technique of MONITORS)
      expect(run(kernel, technique), `seed ${seed}, ${JSON.stringify(technique)}`).toEqual(native);
    events += native.log.length;
  }
  expect(events).toBeGreaterThan(SEEDS * 10);
});
