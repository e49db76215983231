/** The table of techniques: one line each. */
import { bt } from './bt.ts';
import { native } from './native.ts';
import type { Technique } from './technique.ts';
import { trap } from './trap.ts';

export { bt, native, trap };
export const techniques = { native, trap, bt } as const satisfies Record<string, Technique>;
export type { Technique };
