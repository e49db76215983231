/** Columns of text. */

/** Columns as wide as their widest cell; those in `right` are flush right. @returns a line for each row */
export const columns = (rows: readonly (readonly string[])[], right: readonly number[]): string[] => {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
};
