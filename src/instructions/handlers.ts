/** All handlers: each instruction in each of its forms, numbered. Records refer to them by number. */

import { Vector } from '../x86/exceptions.ts';
import type { ConditionCode } from '../x86/flags.ts';
import type { Size } from '../x86/registers.ts';
import { SystemBase } from '../x86/state.ts';
import { arithmetic } from './arithmetic.ts';
import { bits } from './bits.ts';
import { branches } from './branches.ts';
import type { AddressKind, Form, OperandKind } from './form.ts';
import { moves } from './moves.ts';
import { segmentLoads } from './segment-lookaside.ts';
import { shifts } from './shifts.ts';
import type { InstructionSpec } from './spec.ts';
import { vectors } from './sse/index.ts';
import { stack } from './stack.ts';
import { strings } from './strings.ts';
import { time } from './time.ts';
import { ordinary } from './x87/ordinary/index.ts';

export interface Handler {
  readonly number: number;
  readonly name: string;
  readonly spec: InstructionSpec;
  readonly form: Form;
  /** Part of the core's loop rather than a function of its own. */
  readonly inline: boolean;
}

/** What ends or interrupts a block without being an instruction of the guest. */
const synthetic: readonly InstructionSpec[] = [
  {
    name: 'callout',
    sizes: [4],
    shapes: [[]],
    operands: [],
    hot: true,
    body: (b) => b.callout(false),
  },
  {
    name: 'callout.end',
    sizes: [4],
    shapes: [[]],
    operands: [],
    hot: true,
    endsBlock: true,
    body: (b) => b.callout(true),
  },
  {
    // Before an instruction that was adapted: counts its executions where the immediate says.
    name: 'adapted',
    sizes: [4],
    shapes: [[]],
    operands: [],
    hot: true,
    body(b) {
      const counter = b.immediate();
      b.storeAt(counter, b.add(b.loadAt(counter, 4), 1), 4);
    },
  },
  {
    name: 'undefined',
    sizes: [4],
    shapes: [[]],
    operands: [],
    body: (b) => b.raise(Vector.UD),
  },
  {
    // An instruction whose fetch faults, at its place in a block: #GP(0) for more than 15 bytes.
    name: 'too.long',
    sizes: [4],
    shapes: [[]],
    operands: [],
    body: (b) => b.raise(Vector.GP, 0),
  },
];

const specs: readonly InstructionSpec[] = [
  ...arithmetic,
  ...moves,
  ...shifts,
  ...bits,
  ...stack,
  ...segmentLoads,
  ...branches,
  ...strings,
  ...time,
  ...vectors,
  ...ordinary,
  ...synthetic,
];

/** Handlers the engines know by themselves: they are not described by a body. */
export const Special = {
  /** An invalidated block: leaves with Exit.STALE. */
  STALE: 0,
  /** The end of a block that must not be continued: leaves with Exit.STALE at its instruction too. */
  STOP: 0,
  /** Proves that the page behind a block that crosses into it is still the one that was translated. */
  GUARD: 1,
} as const;
const SPECIAL_COUNT = 2;

interface Choice {
  readonly size: Size;
  readonly shape: readonly OperandKind[];
  readonly address: AddressKind;
  readonly flat: boolean;
  readonly system: SystemBase;
  readonly condition: ConditionCode;
  readonly rep: 0 | 1 | 2;
  readonly addressSize: 2 | 4;
}

const conditions = Array.from({ length: 16 }, (_, i) => i as ConditionCode);

function* choices(spec: InstructionSpec): Generator<Choice> {
  const v = spec.variants ?? {};
  const isString = v.rep !== undefined;
  for (const size of spec.sizes)
    for (const shape of spec.shapes) {
      const addresses: AddressKind[] = shape.includes('mem')
        ? isString
          ? ['base', 'segmented']
          : v.indexed
            ? ['index', 'segmented']
            : ['base', 'index', 'segmented']
        : ['none'];
      for (const address of addresses) {
        // Only a flat block has unsegmented addresses.
        const flats = !v.flat ? [false] : address === 'base' || address === 'index' ? [true] : [true, false];
        for (const flat of flats)
          for (const system of v.virtual ? [SystemBase.PHYSICAL, SystemBase.VIRTUAL] : [SystemBase.PHYSICAL])
            for (const condition of v.conditions ? conditions : ([0] as const))
              for (const rep of v.rep ?? ([0] as const))
                for (const addressSize of v.addressSizes ?? ([4] as const))
                  yield { size, shape, address, flat, system, condition, rep, addressSize };
      }
    }
}

const keyOf = (name: string, c: Choice): string =>
  `${name} ${c.size} ${c.shape.join()} ${c.address} ${c.flat ? 1 : 0} ${c.system} ${c.condition} ${c.rep} ${c.addressSize}`;

/** Rare forms stay outside the loop: it must remain small enough to be optimised early and well. */
const isInline = (spec: InstructionSpec, c: Choice): boolean => {
  if (spec.hot !== true || c.address === 'segmented') return false;
  if (spec.variants?.flat && !c.flat) return false;
  if (c.size === 2) return c.address === 'none' || spec.name === 'mov';
  // Sixteen conditions for each would be most of the loop.
  return !spec.variants?.conditions || c.address !== 'index';
};

const byKey = new Map<string, Handler>();
/** In order of their numbers, from FIRST_HANDLER on. */
export const handlers: readonly Handler[] = specs
  .flatMap((spec) => [...choices(spec)].map((c) => ({ spec, c })))
  .map(({ spec, c }, i) => {
    const key = keyOf(spec.name, c);
    const { shape, ...rest } = c;
    const handler: Handler = {
      number: i + SPECIAL_COUNT,
      name: key,
      spec,
      form: { ...rest, operands: shape },
      inline: isInline(spec, c),
    };
    byKey.set(key, handler);
    return handler;
  });
export const FIRST_HANDLER = SPECIAL_COUNT;

const specByName = new Map(specs.map((s) => [s.name, s]));

export type HandlerRequest = Partial<Omit<Choice, 'shape'>> & { readonly shape?: readonly OperandKind[] };

/**
 * The handler of an instruction in a form. Parts of the request that make no difference to this instruction
 * (flat, condition, …) are ignored. @returns undefined where the instruction has no such form
 */
export const findHandler = (name: string, request: HandlerRequest): Handler | undefined => {
  const spec = specByName.get(name);
  if (!spec) return undefined;
  const v = spec.variants ?? {};
  return byKey.get(
    keyOf(name, {
      size: spec.sizes.length === 1 ? spec.sizes[0]! : (request.size ?? 4),
      shape: request.shape ?? [],
      address: v.indexed && request.address === 'base' ? 'index' : (request.address ?? 'none'),
      flat: v.flat ? (request.flat ?? false) : false,
      system: v.virtual ? (request.system ?? SystemBase.PHYSICAL) : SystemBase.PHYSICAL,
      condition: v.conditions ? (request.condition ?? 0) : 0,
      rep: v.rep ? (request.rep ?? 0) : 0,
      addressSize: v.addressSizes ? (request.addressSize ?? 4) : 4,
    }),
  );
};

/** Two handlers that often follow each other, executed with one dispatch. The second record stays as it is. */
export interface Fusion {
  readonly number: number;
  readonly first: Handler;
  readonly second: Handler;
}

const request = (
  name: string,
  shape: readonly OperandKind[],
  address: AddressKind = 'none',
  size: Size = 4,
): Handler => findHandler(name, { size, shape, address, flat: true })!;

/**
 * What compilers emit most: any two of these in a row are fused. More would gain little and make the loop
 * slower to optimise.
 */
const common: readonly Handler[] = [
  request('mov', ['reg', 'reg']),
  request('mov', ['reg', 'imm']),
  request('mov', ['reg', 'mem'], 'base'),
  request('mov', ['mem', 'reg'], 'base'),
  request('mov', ['reg', 'mem'], 'index'),
  request('mov', ['mem', 'reg'], 'index'),
  request('add', ['reg', 'reg']),
  request('add', ['reg', 'imm']),
  request('sub', ['reg', 'reg']),
  request('xor', ['reg', 'reg']),
  request('lea', ['reg', 'mem'], 'base'),
  request('lea', ['reg', 'mem'], 'index'),
  request('shl', ['reg', 'imm']),
  request('shr', ['reg', 'imm']),
  request('movzx16', ['reg', 'reg']),
  request('imul2', ['reg', 'reg']),
  request('adc', ['reg', 'reg']),
  request('pop', ['reg']),
];
/** What sets the flags that a conditional jump behind it looks at. */
const comparing: readonly Handler[] = [
  request('cmp', ['reg', 'reg']),
  request('cmp', ['reg', 'imm']),
  request('cmp', ['reg', 'mem'], 'base'),
  request('cmp', ['mem', 'imm'], 'base'),
  request('cmp', ['reg', 'imm'], 'none', 1),
  request('test', ['reg', 'reg']),
  request('test', ['reg', 'reg'], 'none', 1),
  request('sub', ['reg', 'imm']),
];
const conditionalJumps = conditions.map((condition) => findHandler('j', { size: 4, flat: true, condition })!);

const pairs = (firsts: readonly Handler[], seconds: readonly Handler[]): [Handler, Handler][] =>
  firsts.flatMap((first) => seconds.map((second): [Handler, Handler] => [first, second]));

export const fusions: readonly Fusion[] = [
  ...pairs(common, common),
  ...pairs(comparing, conditionalJumps),
].map(([first, second], i) => ({ number: FIRST_HANDLER + handlers.length + i, first, second }));

const FUSION_KEY = 1 << 16;
const fusionNumbers = new Map(fusions.map((f) => [f.first.number * FUSION_KEY + f.second.number, f.number]));

/** Number of the fusion of two handlers, or undefined. */
export const fusionOf = (first: number, second: number): number | undefined =>
  fusionNumbers.get(first * FUSION_KEY + second);

/** What executes an instruction as a callout: inside a block, and at its end. */
export const calloutHandlers = { inside: findHandler('callout', {})!, last: findHandler('callout.end', {})! };
/** Whether the handler of that number leaves its instruction to a callout. */
export const isCalloutHandler = (number: number): boolean =>
  number === calloutHandlers.inside.number || number === calloutHandlers.last.number;

/** The handler that executes the first (or only) instruction of a record. */
export const handlerOf = (number: number): Handler | undefined =>
  handlers[number - FIRST_HANDLER] ?? fusions[number - FIRST_HANDLER - handlers.length]?.first;

export const HANDLER_COUNT = SPECIAL_COUNT + handlers.length + fusions.length;
