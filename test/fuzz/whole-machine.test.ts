import { describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { Machine, type TechniqueName } from '../../src/machine/machine.ts';
import { parseCase } from './case.ts';
import { kernelOf, WholeMachines } from './whole-machine.ts';

const decoder = await createDecoder();

describe('whole machines', () => {
  test('come back from hostile kernels', async () => {
    const machines = new WholeMachines(decoder);
    for (let seed = 1; seed <= 6; seed++) expect(await machines.play(seed)).toBeUndefined();
  });

  test.each<TechniqueName>(['native', 'bt'])(
    '%s: a guest cannot cause any number of warnings',
    async (technique) => {
      const warnings: string[] = [];
      // inc ecx; rdmsr: another unknown register each time, and a handler that goes on.
      const kernel = kernelOf(parseCase('mode=p32 code=41.0f32.ebfb'));
      const onWarning = (message: string) => {
        warnings.push(message);
      };
      const machine = new Machine(decoder, { memory: 2 << 20, technique, onWarning });
      machine.load({ name: 'hostile', kernel });
      setTimeout(() => machine.stop(), 100);
      await machine.run();
      expect(warnings.length).toBe(101);
    },
  );

  test.each<TechniqueName>(['native', 'bt'])('%s: stop ends a storm of exceptions', async (technique) => {
    // Every #UD leads to another one, on a stack where nothing is.
    const kernel = kernelOf(parseCase('mode=p32 mem=9030:05300800008e0100 code=bc00000080.0f0b'));
    const machine = new Machine(decoder, { memory: 2 << 20, technique });
    machine.load({ name: 'storm', kernel });
    setTimeout(() => machine.stop(), 20);
    expect(await machine.run()).toEqual({ kind: 'stopped' });
  });
});
