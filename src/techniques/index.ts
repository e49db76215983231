/** The table of techniques: one line each. */
import { bt } from './bt.ts';
import { btAdaptive } from './bt-adaptive.ts';
import { hw } from './hw.ts';
import { native } from './native.ts';
import type { Technique } from './technique.ts';
import { trap } from './trap.ts';

export { bt, btAdaptive, hw, native, trap };
export const techniques = {
  native,
  trap,
  bt,
  'bt-adaptive': btAdaptive,
  hw,
} as const satisfies Record<string, Technique>;
export type { Technique };

/** A technique's name, with the variants that are wanted: `NAME[+VARIANT…]`. */
export type TechniqueName = keyof typeof techniques | `${keyof typeof techniques}+${string}`;

/** All names: each technique alone, and with each one of its variants. */
export const techniqueNames: readonly string[] = Object.values(techniques).flatMap((technique: Technique) => [
  technique.name,
  ...Object.keys(technique.variants ?? {}).map((variant) => `${technique.name}+${variant}`),
]);

/**
 * The technique that a name means; its own name is then the whole of it.
 * @throws RangeError that says what there is, for a name or variant that there is not
 */
export const techniqueNamed = (text: string): Technique => {
  const [name = '', ...words] = text.split('+');
  const technique: Technique | undefined = Object.hasOwn(techniques, name)
    ? techniques[name as keyof typeof techniques]
    : undefined;
  if (!technique)
    throw new RangeError(`there is no technique ${name}: there are ${Object.keys(techniques).join(', ')}`);
  const variants = technique.variants ?? {};
  let chosen = technique;
  for (const word of words) {
    if (!Object.hasOwn(variants, word)) {
      const known = Object.keys(variants);
      const offer = known.length > 0 ? `it has ${known.join(', ')}` : 'it has none';
      throw new RangeError(`the technique ${name} has no variant ${word}: ${offer}`);
    }
    const variant = variants[word]!;
    const bits = (chosen.processorCr4 ?? 0) | (variant.processorCr4 ?? 0);
    chosen = {
      ...chosen,
      ...variant,
      ...(chosen.exits && { exits: { ...chosen.exits, ...variant.exits } }),
      ...(bits !== 0 && { processorCr4: bits }),
    };
  }
  return { ...chosen, name: text };
};
