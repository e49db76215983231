/** What there is to say about a machine whose processor has shut down. */
import { createDecoder } from '../decoder/decoder.ts';
import type { Machine } from '../machine/machine.ts';
import { formatCode, formatState, hex } from './state-dump.ts';

/** The guest's processor, the code it stands at and the blocks it came by, as lines of text. */
export const describeProcessor = async (machine: Machine): Promise<string[]> => {
  const { cpu, memory, processor } = machine;
  const blocks = processor.lastBlocks().map(({ physical, length }) => `${hex(physical)}  ${length} bytes`);
  return [
    ...formatState(cpu),
    'code at CS:EIP',
    ...formatCode(cpu, memory, await createDecoder()),
    'last blocks, the latest first, by physical address',
    ...blocks,
  ];
};
