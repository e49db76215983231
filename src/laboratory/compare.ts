/** Puts runs of one guest together: verdicts, modelled cycles, and what the page and the table need of each. */
import { techniqueNamed } from '../index.ts';
import type { Comparison, Place, Subject, TechniqueRun } from './comparison.ts';
import { linesOf } from './console-record.ts';
import { type Costs, modelledCycles } from './costs.ts';
import type { RunReport } from './run.ts';
import { isConcluded, judge } from './verdict.ts';

/** The technique that the others are judged by. */
export const REFERENCE = 'native';
/** How far a run may go when the reference has ended: so many times its instructions, and so many more. */
const PATIENCE = { factor: 2, instructions: 1_000_000 } as const;

/** Instructions that a run may retire once the reference has ended behind so many. */
export const allowedInstructions = (reference: number): number =>
  PATIENCE.factor * reference + PATIENCE.instructions;

/** Last lines of a console that are kept. */
const CONSOLE_END = 8;

export interface ComparisonConditions {
  readonly subject: Subject;
  readonly costs: Costs;
  readonly simultaneous: number;
  readonly interrupted: boolean;
  /** Name of a linear address in the guest's kernel. */
  symbolAt?(linear: number): string | undefined;
}

const named = (place: Place, symbolAt: ComparisonConditions['symbolAt']): Place => {
  const symbol = symbolAt?.(place.linear);
  return symbol === undefined ? place : { ...place, symbol };
};

/** @param reports in the order in which they are to be shown */
export const compareRuns = (
  reports: readonly RunReport[],
  { subject, costs, simultaneous, interrupted, symbolAt }: ComparisonConditions,
): Comparison => {
  const reference = reports.find(({ technique }) => technique === REFERENCE);
  const known = new Set(reference?.warnings);
  const options = { ignoreNumbers: subject.clock === 'wall' };
  const runs = reports.map((report): TechniqueRun => {
    const { technique, end, place, statistics, samples, warnings } = report;
    const lines = linesOf(report.console);
    return {
      technique,
      description: techniqueNamed(technique).description,
      end,
      verdict: judge(report, reference, options),
      place: place && named(place, symbolAt),
      statistics,
      modelled: statistics && modelledCycles(statistics, costs),
      samples,
      consoleLines: lines.length,
      consoleEnd: lines.slice(-CONSOLE_END),
      warnings: report === reference ? warnings : warnings.filter((warning) => !known.has(warning)),
    };
  });
  return {
    kind: 'comparison',
    subject,
    reference: reference && isConcluded(reference.end) ? reference.technique : null,
    costs,
    simultaneous,
    interrupted,
    runs,
  };
};
