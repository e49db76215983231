/** Arithmetic and tables that all reports use. */

/** Middle value, or the mean of the two in the middle; null of nothing. */
export const median = (values: readonly number[]): number | null => {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** What a time of so many rounds is, in words. */
export const mediansOf = (rounds: number): string =>
  rounds === 1 ? 'one round' : `medians of ${rounds} rounds`;

/** The n-th root of the product of n positive numbers; null of none. */
export const geometricMean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

/** A figure with so many decimals; nothing is never below zero. */
export const show = (value: number | null, digits: number): string => {
  if (value === null) return '-';
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace('-', '') : text;
};

/** Columns of equal width, the first flush left, the others flush right. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};
