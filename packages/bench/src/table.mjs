// Figures of several rounds, summed up and printed in columns.

/** Median, least and most of one figure over the rounds; null where it could not be measured. */
export function spread(measurements, figure) {
  const sorted = measurements.map((measured) => measured[figure]).sort((a, b) => a - b);
  if (sorted.length === 0 || sorted.some((value) => !Number.isFinite(value))) return null;
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1) };
}

/** @returns median, and least and most in brackets */
export function cells(figure, digits = 0) {
  if (!figure) return ['-', ''];
  const text = (value) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return [text(figure.median), `(${text(figure.min)} - ${text(figure.max)})`];
}

export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** @param table rows of cells; the first column is for names */
export function print(table) {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) {
    const text = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])));
    say(text.join('  ').trimEnd());
  }
}
