/** Adaptive binary translation: what is retranslated, what is taken back, and that no guest can tell. */
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { Machine, type MachineOptions } from '../../src/machine/machine.ts';
import { btAdaptive } from '../../src/techniques/index.ts';
import { snapshot } from './snapshot.ts';
import { engine } from './support.ts';

/**
 * One store writes, in turn, an entry of a page table that is in use and ordinary memory; `other` is another store.
 * What the remapped page shows is added up.
 */
const SOURCE = `
.include "lib/start.s"
.set DIRECTORY, 0x200000
.set TABLE, 0x201000
.set PAGE, 0x300000
.set ENTRY, TABLE + 4 * 0x300

main:
    movl $(TABLE + 7), DIRECTORY
    mov $7, %eax
    mov $TABLE, %edi
1:  stosl
    add $0x1000, %eax
    cmp $0x400007, %eax
    jne 1b
    movl $1, PAGE
    movl $0x10000, PAGE + 0x1000
    mov $DIRECTORY, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    xor %ebx, %ebx
    mov $ENTRY, %edi
    mov $100, %esi
    call write_often                # page-table entries by the store
    mov $0x310000, %edi
    mov $3000, %esi
    call write_often                # ordinary memory
    mov $64, %esi
1:  movl $(PAGE + 7), ENTRY         # entries by the other, so that somebody looks
    invlpg PAGE
    add PAGE, %ebx
    dec %esi
    jnz 1b
    mov $ENTRY, %edi
    mov $300, %esi
    call write_often
    mov %ebx, result
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    print "!"
2:  hlt
    jmp 2b

write_often:
    mov $(PAGE + 7), %eax
1:  xor $0x1000, %eax
    mov %eax, (%edi)
    invlpg PAGE
    add PAGE, %ebx
    dec %esi
    jnz 1b
    ret

.align 4
result:
    .long 0
`;
const read = sourcesIn();
const { image } = await buildGuest('adapting', async (path) => (path === 'adapting.s' ? SOURCE : read(path)));
const decoder = await createDecoder();

const run = (technique: MachineOptions['technique'] & {}) => {
  let ended = false;
  const machine = new Machine(decoder, {
    technique,
    engine,
    memory: 8 << 20,
    cacheSize: 1 << 20,
    onSerial: (_port, byte) => {
      ended ||= byte === '!'.charCodeAt(0);
    },
  });
  machine.load({ name: 'adapting', kernel: image });
  machine.processor.run(40_000);
  expect(ended).toBe(true);
  return { machine, statistics: machine.statistics() };
};
const eager = {
  ...btAdaptive,
  adaptation: { traps: 8, period: 16, executions: 20, share: 0.5, instructions: 16 },
};

describe('an instruction that keeps trapping', () => {
  const { statistics } = run(eager);
  const { adaptations, reversions, adaptedExecutions, adaptedWrites } = statistics.adaptation!;
  test('is adapted', () => {
    expect(adaptations).toBeGreaterThanOrEqual(2);
    expect(statistics.shadow!.tracedTableWrites).toBe(100 + 64 + 300);
    // Eight traps, eight, and sixteen of what was adapted back; a few more, for every look halves their count.
    const traps = 464 - adaptedWrites;
    expect(traps).toBeGreaterThanOrEqual(8 + 8 + 16);
    expect(traps).toBeLessThan(2 * (8 + 8 + 16));
  });
  test('is adapted back when it writes elsewhere, and adapted again more slowly', () => {
    expect(reversions).toBe(1);
    expect(adaptations).toBe(3);
    expect(adaptedExecutions).toBe(adaptedWrites + 3000);
  });
  test('is never adapted by plain binary translation', () => {
    const plain = run('bt').statistics;
    expect(plain.adaptation).toBeNull();
    expect(plain.shadow!.tracedTableWrites).toBe(464);
  });
});

test.each([
  ['with patience', btAdaptive],
  ['eagerly', eager],
  ['with hardly any memory', { ...eager, adaptation: { ...eager.adaptation, traps: 1, instructions: 1 } }],
])('a guest cannot tell that instructions are adapted %s', (_name, technique) => {
  const native = run('native').machine;
  const adaptive = run(technique).machine;
  expect(snapshot(adaptive)).toEqual(snapshot(native));
  expect(adaptive.processor.retired).toBe(native.processor.retired);
});
