/** A page with every kind of content, and names that a guest might have chosen to break it. */
import {
  bars,
  beside,
  facts,
  heatMap,
  lines,
  type Page,
  prose,
  stacked,
  table,
  transcript,
} from '../../src/report/index.ts';

export const HOSTILE = `</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)>"'&amp;\0\x1b[31m`;

const techniques = ['native', 'trap', 'bt', 'bt-adaptive', 'hw'];

export const samplePage: Page = {
  title: 'vmlinuz under five techniques',
  subtitle: `console=ttyS0 panic=-1 ${HOSTILE}`,
  opening: [
    facts([
      ['Instructions', '6,412,004,113'],
      ['Hit rate', '99.93 %'],
      ['Outcome', 'powered off'],
      ['Name', HOSTILE],
    ]),
    prose(
      'The same unmodified kernel, run once under each technique on the same processor, translation cache and devices, ' +
        'so that what differs is the technique.',
      HOSTILE,
    ),
  ],
  sections: [
    {
      heading: 'The translation cache over time',
      contents: [
        lines({
          title: 'Hit rate over time',
          caption: 'Lookups that found a translated block, of all lookups, in each interval of the run.',
          basis: 'counted',
          x: { label: 'instructions', unit: 'count' },
          y: { label: 'hit rate', unit: 'share', zero: false },
          series: ['bt', HOSTILE].map((name, n) => ({
            name,
            points: Array.from(
              { length: 200 },
              (_, i) => [i * 3e7, 1 - (0.2 + 0.1 * n + 0.05 * Math.sin(i / 7)) / (1 + i / 9)] as const,
            ),
          })),
        }),
        heatMap({
          title: 'Where the guest was',
          caption:
            'Each cell is one interval in one region of linear memory: the darker, the more samples fell there.',
          basis: 'counted',
          x: { label: 'instructions', unit: 'count' },
          bounds: Array.from({ length: 61 }, (_, i) => i * 1e8),
          rowLabel: 'region',
          rows: Array.from({ length: 18 }, (_, r) => ({
            name: r === 17 ? HOSTILE : `0x${(0xc0100000 + r * 0x20000).toString(16)}`,
            values: Array.from({ length: 60 }, (_, i) =>
              Math.max(0, Math.round(90 * Math.sin(r + i / (3 + r)) - 30)),
            ),
          })),
          value: { label: 'samples', unit: 'count' },
        }),
      ],
    },
    {
      heading: 'The monitor',
      contents: [
        bars({
          title: 'Callouts by instruction',
          caption: 'A callout: the monitor executed a rewritten instruction.',
          basis: 'counted',
          names: 'instruction',
          axis: { label: 'callouts', unit: 'count' },
          limit: 8,
          bars: [
            'iret',
            'in',
            'out',
            'mov cr3',
            'invlpg',
            'hlt',
            'lgdt',
            'mov cr0',
            'str',
            'cpuid',
            HOSTILE,
          ].map((name, i) => ({ name, value: Math.round(4_000_000 / (i + 1) ** 2) })),
        }),
        bars({
          title: 'Events by technique',
          caption: 'On a logarithmic axis; an event that never happened has no dot.',
          basis: 'counted',
          names: 'technique',
          groups: 'event',
          axis: { label: 'events', unit: 'count', scale: 'log' },
          bars: ['traps', 'callouts', 'exits'].flatMap((group, g) =>
            techniques.map((name, n) => ({ group, name, value: n === 0 ? 0 : 10 ** ((n * 7 + g * 5) % 9) })),
          ),
        }),
      ],
    },
    {
      heading: 'What it costs',
      contents: [
        beside(
          bars({
            title: 'Host time',
            caption: 'One run each.',
            basis: 'measured',
            names: 'technique',
            axis: { label: 'host time', unit: 'milliseconds' },
            bars: techniques.map((name, n) => ({ name, value: 8123.4 + 1500 * n })),
          }),
          bars({
            title: 'Modelled cycles',
            caption: 'Events times their costs on a Pentium 4.',
            basis: 'modelled',
            names: 'technique',
            axis: { label: 'cycles', unit: 'cycles' },
            bars: techniques.map((name, n) => ({ name, value: 6.4e9 * (1 + n / 5) })),
          }),
        ),
        stacked({
          title: 'What modelled cycles are spent on',
          caption: 'Events times their costs on a Pentium 4.',
          basis: 'modelled',
          part: 'event',
          axis: { label: 'cycles', unit: 'cycles' },
          stacks: techniques.map((name, n) => ({
            name,
            parts: Object.fromEntries(
              [
                'trap',
                'callout',
                'in cache',
                'exit',
                'hidden fault',
                'translation',
                'chain miss',
                'flush',
                'x',
              ].map((part, p) => [part, ((n * 31 + p * 17) % 23) * 1e8]),
            ),
          })),
        }),
        lines({
          title: 'Host time against cache size',
          caption: 'The whole run.',
          basis: 'measured',
          x: { label: 'cache size', unit: 'bytes', scale: 'log' },
          y: { label: 'host time', unit: 'milliseconds' },
          series: ['fifo', 'flush', 'generational'].map((name, n) => ({
            name,
            points: [16, 17, 18, 19, 20, 21, 22, 23, 24, 25].map(
              (p) => [2 ** p, 9000 + (40000 * (n + 1)) / (p - 14) ** 2] as const,
            ),
          })),
        }),
        table({
          caption: 'Definitions',
          columns: [
            { name: 'address', code: true },
            { name: 'instruction' },
            { name: 'count', unit: 'count' },
          ],
          rows: [
            ['0xc0100000', 'pushf', 12345678],
            ['0xc0100004', HOSTILE, undefined],
          ],
        }),
        transcript('The console', `Linux version 6.12\n${HOSTILE}\r\n/ # `),
        bars({
          title: 'Nothing',
          caption: 'No events.',
          basis: 'counted',
          names: 'instruction',
          axis: { label: 'events', unit: 'count' },
          bars: [],
        }),
      ],
    },
  ],
};
