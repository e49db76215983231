/** The result of lockstep as a page. */
import { describeLockstep } from '../laboratory/divergence-text.ts';
import type { LockstepResult } from '../laboratory/lockstep.ts';
import type { SymbolTable } from '../laboratory/symbols.ts';
import { transcript } from './content.ts';
import type { Page } from './page.ts';

export const divergencePage = (result: LockstepResult, kernel: string, symbols: SymbolTable): Page => {
  const [first, ...others] = describeLockstep(result, symbols);
  return {
    title: `${result.names.join(' and ')} in lockstep`,
    subtitle: kernel,
    opening: [transcript(first!.heading, first!.lines.join('\n'))],
    sections: others.map(({ heading, lines }) => ({
      heading,
      contents: [transcript(heading, lines.join('\n'))],
    })),
  };
};
