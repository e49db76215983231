/** What trap-and-emulate silently got wrong in a run, place by place. */
import type { Statistics } from '../index.ts';
import { bars } from './bars.ts';
import { type Content, prose } from './content.ts';
import { table } from './table.ts';
import { exactly } from './units.ts';

/** Places shown; the JSON of the statistics has more. */
const SHOWN = 40;

/** @param under words for a title that say which run is meant; empty where there is but one */
export const leakContents = (
  { witnessed, leaking, places, byInstruction }: NonNullable<Statistics['leaks']>,
  under = '',
): Content[] => [
  prose(
    `Of ${exactly(witnessed, 'count')} executions of instructions that may lie, ${exactly(leaking, 'count')} gave a ` +
      'result, flags or an effect other than the virtual processor’s. The run went on with what silicon gives.',
  ),
  ...(places.length === 0
    ? []
    : [
        bars({
          title: `Executions silently wrong${under}`,
          caption:
            'Sensitive instructions that did not trap, and whose result was not what the guest should have seen.',
          basis: 'counted',
          names: 'instruction',
          axis: { label: 'executions', unit: 'count' },
          limit: 20,
          bars: Object.entries(byInstruction)
            .sort(([, a], [, b]) => b - a)
            .map(([name, value]) => ({ name, value })),
        }),
        table({
          caption: `The ${Math.min(SHOWN, places.length)} most frequent of ${places.length} places; saw and should are of the first execution`,
          columns: [
            { name: 'address', code: true },
            { name: 'instruction' },
            { name: 'ring' },
            { name: 'executions', unit: 'count' },
            { name: 'what was lost' },
            { name: 'saw', code: true },
            { name: 'should', code: true },
          ],
          rows: places
            .slice(0, SHOWN)
            .map(({ address, instruction, ring, executions, lost, saw, should }) => [
              `0x${address.toString(16).padStart(8, '0')}`,
              instruction,
              String(ring),
              executions,
              lost,
              saw,
              should,
            ]),
        }),
      ]),
];
