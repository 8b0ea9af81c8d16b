import type { Result, Row } from './runner.ts';

interface Column {
  readonly head: string;
  readonly cell: (row: Row, result: Result) => string;
}

const wallOf = ({ measure }: Row): number | undefined => measure?.wall;
const lessStart = ({ measure, start = 0 }: Row): number | undefined => measure && measure.wall - start;

const columns: readonly Column[] = [
  { head: 'tool', cell: ({ tool }) => tool },
  { head: 'wall s', cell: (row) => figure(wallOf(row), 3) },
  { head: 'ratio', cell: (row, result) => figure(ratio(row, result, wallOf), 2) },
];
const startColumns: readonly Column[] = [
  { head: 'less start s', cell: (row) => figure(lessStart(row), 3) },
  { head: 'ratio', cell: (row, result) => figure(ratio(row, result, lessStart), 2) },
];
const moreColumns: readonly Column[] = [
  { head: 'CPU s', cell: ({ measure }) => figure(measure?.cpu, 2) },
  { head: 'peak RSS MiB', cell: ({ measure }) => figure(measure && measure.rss / 1024 / 1024, 0) },
  { head: 'requests', cell: ({ traffic }) => String(traffic.requests) },
  { head: 'depth', cell: ({ traffic }) => figure(traffic.depth, 0) },
  { head: 'connections', cell: ({ traffic }) => String(traffic.connections) },
  { head: 'sent', cell: ({ traffic }) => size(traffic.sent) },
  { head: 'received', cell: ({ traffic }) => size(traffic.received) },
  { head: 'runs', cell: ({ runs }) => String(runs) },
];

function figure(value: number | undefined, digits: number): string {
  return value === undefined ? '–' : value.toFixed(digits);
}

/** What is measured, of whom it is a ratio, and all figures. */
export function formatResult(result: Result, { markdown }: { readonly markdown: boolean }): string {
  const { scenario, registry, rows, failures } = result;
  const shown = [...columns, ...(scenario.lessStart === true ? startColumns : []), ...moreColumns];
  const cells = [
    shown.map(({ head }) => head),
    ...rows.map((row) => shown.map(({ cell }) => cell(row, result))),
  ];
  const title = `${scenario.name}, ${registry}: ${scenario.title}`;
  const notes = [
    `Wanted: ${scenario.wanted}.`,
    ...failures.map(({ tool, problem }) => `${tool} failed: ${problem}`),
  ];
  return markdown
    ? `### ${title}\n\n${notes.join('\n')}\n\n${markdownTable(cells)}\n`
    : `\n${title}\n${notes.join('\n')}\n${plainTable(cells)}\n`;
}

/** To whom it is compared with. To the best of the peers it is 1.00 for that peer itself. */
function ratio(row: Row, { rows }: Result, value: (row: Row) => number | undefined): number | undefined {
  const others = rows.filter(({ tool }) =>
    row.beside === undefined ? !tool.startsWith('gantry') : tool === row.beside,
  );
  const own = value(row);
  const best = Math.min(...others.flatMap((other) => value(other) ?? []));
  return own === undefined || !Number.isFinite(best) ? undefined : own / best;
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
  return [
    markdownLine(head),
    markdownLine(head.map((_, at) => (at === 0 ? '---' : '---:'))),
    ...rows.map(markdownLine),
  ].join('\n');
}

function markdownLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
