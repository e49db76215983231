/** MMX, SSE, SSE2 and SSE3, against the builder. */
import type { InstructionSpec } from '../spec.ts';
import { floating } from './floating.ts';
import { integer } from './integer.ts';
import { vectorMoves } from './moves.ts';
import { packedShifts } from './shifts.ts';
import { shuffles } from './shuffles.ts';

export const vectors: readonly InstructionSpec[] = [
  ...integer,
  ...packedShifts,
  ...shuffles,
  ...vectorMoves,
  ...floating,
];
