/** The head of a column, and a function that returns its cell for a row. */
export type Column<Row> = readonly [head: string, cell: (row: Row) => string];

/** Formats a table for people or for a Markdown file. The first column is text, the others are figures. */
export function formatColumns<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { markdown }: { readonly markdown: boolean },
): string {
  const head = columns.map(([name]) => name);
  const cells = rows.map((row) => columns.map(([, cell]) => cell(row)));
  if (markdown) {
    const rule = columns.map((_, at) => (at === 0 ? '---' : '---:'));
    return [head, rule, ...cells].map((line) => `| ${line.join(' | ')} |`).join('\n');
  }
  const widths = columns.map((_, at) => Math.max(...[head, ...cells].map((line) => line[at]?.length ?? 0)));
  const padded = (cell: string, at: number): string =>
    at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  return [head, ...cells].map((line) => line.map(padded).join('  ')).join('\n');
}
