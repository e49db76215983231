/** Two machines in lockstep: nothing is found where there is nothing, and else the very instruction. */
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { findGuest } from '../../guests/index.ts';
import { createMachine, type MachineOptions, type Technique } from '../../src/index.ts';
import { type CreateMachine, type LockstepOptions, lockstep } from '../../src/laboratory/lockstep.ts';
import { type Output, Witness } from '../../src/laboratory/witness.ts';
import { PAGE_SIZE } from '../../src/memory/layout.ts';
import { bt } from '../../src/techniques/index.ts';
import { Treatment } from '../../src/translator/encode.ts';

type Chosen = Pick<MachineOptions, 'technique' | 'engine'>;

const kernelOf = async (main: string): Promise<Uint8Array> => {
  const library = sourcesIn();
  const source = `.include "lib/start.s"\nmain:\n${main}\n`;
  const read = (path: string) => (path === 'inline.s' ? Promise.resolve(source) : library(path));
  return (await buildGuest('inline', read)).image;
};
const creating =
  (kernel: Uint8Array, chosen: Chosen): CreateMachine =>
  async (output: Output) => {
    const machine = await createMachine({ memory: 16 << 20, cacheSize: 1 << 20, ...chosen, ...output });
    machine.load({ name: 'guest', kernel });
    return machine;
  };
const together = (kernel: Uint8Array, a: Chosen, b: Chosen, options?: LockstepOptions) =>
  lockstep(creating(kernel, a), creating(kernel, b), options);
const guest = async (name: string) => (await buildGuest(findGuest(name).name, sourcesIn())).image;

const native = { technique: 'native' } as const;
const trap = { technique: 'trap' } as const;

/** Binary translation that forgets one instruction. */
const without = (mnemonic: string): Technique => ({
  ...bt,
  name: `bt without ${mnemonic}`,
  treatment: (instruction, kernel) =>
    instruction.mnemonic === mnemonic ? Treatment.IDENT : bt.treatment(instruction, kernel),
});

describe('no difference', () => {
  test.each(['tasks', 'virtual-8086', 'timer', 'preempt', 'sensitive/popf'])(
    'native and bt: %s',
    async (name) => {
      const result = await together(await guest(name), native, { technique: 'bt' });
      expect(result.divergence).toBeNull();
      expect(result.ending).toEqual({ kind: 'exit', status: 1 });
      expect(result.console).toContain('\n');
    },
  );
  test('both engines', async () => {
    const result = await together(await guest('sensitive/lar'), { engine: 'core' }, { engine: 'reference' });
    expect(result).toMatchObject({ divergence: null, ending: { kind: 'exit', status: 1 } });
  });
  test('trap, where nothing that lies is executed', async () => {
    const result = await together(await guest('timer'), native, trap);
    expect(result).toMatchObject({ divergence: null, ending: { kind: 'exit', status: 1 } });
  });
});

describe('native and trap', () => {
  const lies = [
    ['sgdt', /^sgdt/],
    ['sidt', /^sidt/],
    ['sldt', /^sldt/],
    ['str', /^str/],
    ['pushf', /^pushfd/],
    ['popf', /^popfd/],
    ['lar', /^lar/],
    ['push-seg', /^push cs/],
    ['mov-seg', /^mov eax, cs/],
    ['call-far', /^lcall 0x8:/],
    ['iret', /^pushfd/],
    ['ret-far', /^mov ecx, cs/],
    // A return to another ring is none: rings 0 and 1 are one.
    ['int-n', /^iretd/],
    ['lldt', /^mov es, eax/],
  ] as const;
  test.each(lies)('%s', async (name, text) => {
    const { divergence } = await together(await guest(`sensitive/${name}`), native, trap);
    expect(divergence?.cause).toBe('instruction');
    expect(divergence?.code[0]?.text).toMatch(text);
  });

  test('a difference of memory alone', async () => {
    const { divergence } = await together(await guest('sensitive/pushf'), native, trap);
    expect(divergence?.registers).toEqual([]);
    // EFLAGS behind CLI: as the program set it, and with the monitor's IF.
    expect(divergence?.memory.map(({ values }) => values)).toEqual([['02 00 00 00', '02 02 00 00']]);
    expect(divergence?.memory[0]?.linear).toBe(divergence?.memory[0]?.physical);
  });
  test('an accessed bit', async () => {
    const { divergence } = await together(await guest('sensitive/lldt'), native, trap);
    expect(divergence?.registers).toEqual([]);
    expect(divergence?.memory).toHaveLength(1);
    const [was, is] = divergence!.memory[0]!.values.map((value) => Number.parseInt(value.split(' ')[1]!, 16));
    expect(was! ^ is!).toBe(1);
  });
  test('an interrupt that only one of them takes is the fault of what lost IF', async () => {
    const { divergence } = await together(await guest('preempt'), native, trap);
    expect(divergence?.code[0]?.text).toBe('iretd');
    expect(divergence?.registers.map(({ name }) => name)).toContain('EFLAGS');
    expect(divergence?.registers.map(({ name }) => name)).not.toContain('EIP');
    expect(divergence?.others).toContainEqual({ name: 'delivered', values: ['vector 32', 'none'] });
  });
  test('a machine that ends alone', async () => {
    const { divergence } = await together(await guest('mode-switch'), native, trap);
    expect(divergence?.code[0]?.text).toBe('mov cr0, eax');
    expect(divergence?.others.find(({ name }) => name === 'end')?.values[0]).toBe('goes on');
  });
});

describe('a planted difference', () => {
  /** What comes first takes some chunks. */
  const late = (program: string) => kernelOf(`cli\n mov $300000, %ecx\n1: dec %ecx\n jnz 1b\n${program}`);
  const LOOP = 600_000;

  test('is found at the very instruction', async () => {
    const kernel = await late('nop\n str %ax\n nop\n cli\n hlt');
    const { divergence } = await together(kernel, native, { technique: without('str') });
    expect(divergence?.code.map(({ text }) => text)).toEqual(['str ax', 'nop', 'cli', 'hlt']);
    expect(divergence?.registers.map(({ name }) => name)).toEqual(['EAX']);
    expect(divergence?.trail.at(-1)?.code.at(-1)?.text).toBe('nop');
    expect(divergence?.instructions).toBeGreaterThan(LOOP);
    // The same count as a machine of its own has, which stops there.
    const machine = await createMachine({ ...native, memory: 16 << 20 });
    machine.load({ name: 'guest', kernel });
    machine.advance(divergence!.instructions);
    expect(machine.cpu.eip).toBe(divergence?.linear);
  });
  test('is found in memory before a register has it', async () => {
    const kernel = await late('push %cs\n nop\n pop %eax\n hlt');
    const { divergence } = await together(kernel, native, { technique: without('push') });
    expect(divergence?.code[0]?.text).toBe('push cs');
    expect(divergence).toMatchObject({ registers: [], memory: [{ values: ['08 00', '09 00'] }] });
  });
  test('is found although it is gone again before a lasting one', async () => {
    const kernel = await late('push %cs\n movl $0, (%esp)\n nop\n push %cs\n hlt');
    const { divergence } = await together(kernel, native, { technique: without('push') });
    expect(divergence?.code[1]?.text).toMatch(/^mov dword ptr \[esp\]/);
  });
  test('is found by chunks of one instruction where nothing of it stays', async () => {
    const kernel = await kernelOf('cli\n push %cs\n movl $0, (%esp)\n hlt');
    const b = { technique: without('push') };
    expect(await together(kernel, native, b)).toMatchObject({ divergence: null, ending: { kind: 'halted' } });
    const { divergence } = await together(kernel, native, b, { chunk: 1 });
    expect(divergence?.code[0]?.text).toBe('push cs');
  });
  test('another interrupt vector', async () => {
    const kernel = await guest('timer');
    const b: CreateMachine = async (output) => {
      const machine = await creating(kernel, native)(output);
      const { acknowledgeInterrupt } = machine.processor;
      let count = 0;
      machine.processor.acknowledgeInterrupt = () => acknowledgeInterrupt() + (++count === 3 ? 1 : 0);
      return machine;
    };
    const { divergence } = await lockstep(creating(kernel, native), b);
    expect(divergence?.others.find(({ name }) => name === 'delivered')).toBeDefined();
  });
});

describe('ends', () => {
  const FOREVER = 'cli\n1: jmp 1b';
  test('a limit of instructions', async () => {
    const result = await together(await kernelOf(FOREVER), native, {}, { instructions: 12_345 });
    expect(result).toMatchObject({
      instructions: 12_345,
      ending: { kind: 'limit', reached: 'instructions' },
    });
  });
  test('a limit of time, and a signal', async () => {
    const kernel = await kernelOf(FOREVER);
    const late = await together(kernel, native, {}, { milliseconds: 50 });
    expect(late.ending).toEqual({ kind: 'limit', reached: 'time' });
    const signal = AbortSignal.timeout(50);
    expect((await together(kernel, native, {}, { signal })).ending).toEqual({ kind: 'stopped' });
  });
  test('a text on the console', async () => {
    const result = await together(await guest('hello'), native, {}, { until: 'I am in ring' });
    expect(result.ending).toEqual({ kind: 'until' });
    expect(result.console.endsWith('I am in ring')).toBe(true);
  });
  test('waiting for nothing', async () => {
    expect((await together(await kernelOf('sti\n1: hlt\n jmp 1b'), native, {})).ending).toEqual({
      kind: 'stuck',
    });
  });
  test('machines that do not start alike are refused', async () => {
    const kernel = await kernelOf(FOREVER);
    const poked: CreateMachine = async (output) => {
      const machine = await creating(kernel, native)(output);
      machine.memory.load(0x500, Uint8Array.of(1));
      return machine;
    };
    await expect(lockstep(creating(kernel, native), poked)).rejects.toThrow('page 0 of memory differs');
  });
});

describe('no write is missed', () => {
  const CHUNKS = 10;
  /** Writes to the same pages again and again, and never flushes the TLB. */
  const SWEEP =
    'cli\n1: mov $0x200000, %edi\n2: incl (%edi)\n add $4100, %edi\n cmp $0x240000, %edi\n jb 2b\n jmp 1b';
  const techniques = ['native', 'bt', 'trap', 'hw', 'hw+nested'] as const;
  const cases = techniques.flatMap((technique) => [
    { technique, name: 'preempt', chunk: 400_000 },
    { technique, name: 'a sweep', chunk: 1000 },
  ]);
  test.each(cases)('$name under $technique', async ({ technique, name, chunk }) => {
    const kernel = await (name === 'preempt' ? guest(name) : kernelOf(SWEEP));
    const witness = await Witness.of(creating(kernel, { technique }), undefined);
    const { memory } = witness.machine;
    const pages = memory.size / PAGE_SIZE;
    const pageOf = (ram: Uint8Array, page: number) => ram.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    let changed = 0;
    for (let i = 1; i <= CHUNKS; i++) {
      const before = memory.ram().slice();
      witness.begin('pages');
      witness.runTo(4000 + i * chunk);
      for (let page = 0; page < pages; page++) {
        if (Buffer.compare(pageOf(before, page), pageOf(memory.ram(), page)) === 0) continue;
        changed++;
        expect(witness.pages).toContain(page);
      }
    }
    expect(changed).toBeGreaterThan(3 * CHUNKS);
  });
});
