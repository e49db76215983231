/** BT, BTS, BTR, BTC, BSF, BSR. */
import type { Builder, Value } from './builder.ts';
import { changeCarry, changeZero } from './flags.ts';
import type { InstructionSpec } from './spec.ts';

type Change = ((b: Builder, value: Value, mask: Value) => Value) | null;

const bitTest = (name: string, change: Change): InstructionSpec[] => {
  const access = change ? 'update' : 'read';
  const apply = (b: Builder, value: Value, index: Value): Value => {
    const position = b.and(index, b.form.size * 8 - 1);
    const result = change ? change(b, value, b.shl(1, position)) : value;
    changeCarry(b, b.and(b.shrU(value, position), 1));
    return result;
  };
  return [
    {
      name,
      sizes: [2, 4],
      shapes: [
        ['reg', 'reg'],
        ['reg', 'imm'],
        ['mem', 'imm'],
      ],
      operands: [{ use: access }, { use: 'read' }],
      body(b, value, index) {
        const result = apply(b, value, index);
        return change ? result : undefined;
      },
    },
    {
      // The bit string form: a register index reaches beyond the addressed word, in both directions.
      name: `${name}.string`,
      sizes: [2, 4],
      shapes: [['mem', 'reg']],
      operands: [{ use: 'none' }, { use: 'read' }],
      body(b, _memory, index) {
        const { size } = b.form;
        const words = b.shrS(b.signExtend(index, size), size === 2 ? 4 : 5);
        const linear = b.operandLinear(size, access, b.mul(words, size));
        if (!change) {
          apply(b, b.load(linear, size), index);
          return;
        }
        const location = b.locate(linear, size);
        b.storeLocation(location, size, apply(b, b.loadLocation(location, size), index));
        b.commitLocation(location);
      },
    },
  ];
};

/** BSF and BSR: a zero source sets ZF and leaves the destination alone. */
const bitScan = (name: string, scan: (b: Builder, source: Value) => Value): InstructionSpec => ({
  name,
  sizes: [2, 4],
  shapes: [
    ['reg', 'reg'],
    ['reg', 'mem'],
  ],
  hot: true,
  operands: [{ use: 'update' }, { use: 'read' }],
  body(b, old, source) {
    const isZero = b.eqz(source);
    changeZero(b, isZero);
    return b.select(isZero, old, scan(b, source));
  },
});

export const bits: readonly InstructionSpec[] = [
  ...bitTest('bt', null),
  ...bitTest('bts', (b, v, mask) => b.or(v, mask)),
  ...bitTest('btr', (b, v, mask) => b.and(v, b.not(mask))),
  ...bitTest('btc', (b, v, mask) => b.xor(v, mask)),
  bitScan('bsf', (b, source) => b.ctz(source)),
  bitScan('bsr', (b, source) => b.sub(31, b.clz(source))),
];
