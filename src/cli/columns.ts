import { escapeControls } from './output.ts';

/** Formats rows as lines with aligned columns. Leaves out a row without a value. */
export function columns(rows: readonly (readonly (string | undefined)[])[]): string[] {
  const full = rows
    .map((row) => row.filter((cell) => cell !== undefined).map(escapeControls))
    .filter((row) => row.length > 1);
  const widths: number[] = [];
  for (const row of full) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return full.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
