import type { Result, Row } from './runner.ts';

interface Column {
  readonly head: string;
  readonly cell: (row: Row, result: Result) => string;
}

const columns: readonly Column[] = [
  { head: 'tool', cell: ({ tool }) => tool },
  { head: 'wall s', cell: ({ wall }) => wall.toFixed(3) },
  { head: '× best peer', cell: (row, result) => ratio(row, result, ({ wall }) => wall) },
  { head: 'CPU s', cell: ({ cpu }) => cpu.toFixed(2) },
  { head: 'peak RSS MiB', cell: ({ rss }) => (rss / 1024 / 1024).toFixed(0) },
  { head: 'requests', cell: ({ traffic }) => String(traffic.requests) },
  { head: 'depth', cell: ({ traffic }) => (traffic.depth === undefined ? '–' : String(traffic.depth)) },
  { head: 'connections', cell: ({ traffic }) => String(traffic.connections) },
  { head: 'sent', cell: ({ traffic }) => size(traffic.sent) },
  { head: 'received', cell: ({ traffic }) => size(traffic.received) },
];

const lessStart = (row: Row): number => row.wall - (row.start ?? 0);
const startColumns: readonly Column[] = [
  { head: 'wall less start', cell: (row) => lessStart(row).toFixed(3) },
  { head: '× best peer', cell: (row, result) => ratio(row, result, lessStart) },
];

/** What is measured, of whom it is a ratio, and all figures. */
export function formatResult(result: Result, { markdown }: { readonly markdown: boolean }): string {
  const { scenario, registry, rows, failures } = result;
  const shown =
    scenario.lessStart === true ? [...columns.slice(0, 3), ...startColumns, ...columns.slice(3)] : columns;
  const cells = [
    shown.map(({ head }) => head),
    ...rows.map((row) => shown.map(({ cell }) => cell(row, result))),
  ];
  const title = `${scenario.name}, ${registry}: ${scenario.title}`;
  const notes = [
    `Wanted: ${scenario.wanted}. Median of ${rows[0]?.runs ?? 0} runs.`,
    ...failures.map(({ tool, problem }) => `${tool} failed: ${problem}`),
  ];
  return markdown
    ? `### ${title}\n\n${notes.join('\n')}\n\n${markdownTable(cells)}\n`
    : `\n${title}\n${notes.join('\n')}\n${plainTable(cells)}\n`;
}

/** gantry's own is to the best of the others, and each other's likewise: 1.00 is the best peer itself. */
function ratio(row: Row, { rows }: Result, figure: (row: Row) => number): string {
  const peers = rows.filter(({ tool }) => tool !== 'gantry').map(figure);
  return peers.length === 0 ? '–' : (figure(row) / Math.min(...peers)).toFixed(2);
}

function size(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`;
  return bytes < 10_000_000 ? `${(bytes / 1000).toFixed(0)} kB` : `${(bytes / 1_000_000).toFixed(0)} MB`;
}

function plainTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
