/** What trap-and-emulate silently got wrong, as text. */
import type { LeakReport } from '../index.ts';

const count = (n: number): string => Math.round(n).toLocaleString('en');
/** Places shown; all that were recorded are in the JSON. */
const SHOWN = 24;

/**
 * The places where instructions lied, the most frequent first: linear address, instruction, ring of the guest, how
 * often, what was lost, and what the guest saw the first time in place of what it should have.
 * @returns lines; none where nothing lied
 */
export const leakLines = (report: LeakReport): string[] => {
  const { places, unrecorded } = report;
  if (places.length === 0) return [];
  const shown = places.slice(0, SHOWN);
  const rows = shown.map((leak) => [
    leak.address.toString(16).toUpperCase().padStart(8, '0'),
    leak.instruction,
    `ring ${leak.ring}`,
    count(leak.executions),
    leak.lost,
    `saw ${leak.saw}, not ${leak.should}`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 3 ? cell.padStart(widths[3]!) : cell.padEnd(widths[column] ?? 0)))
      .join('  '),
  );
  const rest = places.slice(SHOWN).reduce((sum, { executions }) => sum + executions, unrecorded);
  if (rest > 0)
    lines.push(
      `… and ${count(rest)} executions at ${unrecorded > 0 ? 'more than ' : ''}${count(places.length - shown.length)} other places`,
    );
  return lines;
};
