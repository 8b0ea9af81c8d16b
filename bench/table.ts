import { type Column, formatColumns } from './columns.ts';
import type { Result, Row } from './runner.ts';
import { tableName } from './scenarios/all.ts';

type Figure = (row: Row) => number | undefined;

export const wallOf: Figure = ({ measure }) => measure?.wall;
export const cpuOf: Figure = ({ measure }) => measure?.cpu;
/** The peak memory in MiB. */
export const memoryOf: Figure = ({ measure }) => measure && measure.rss / 1024 / 1024;
const lessStart: Figure = ({ measure, start = 0 }) => measure && measure.wall - start;

function columnsFor(result: Result): readonly Column<Row>[] {
  const ratioOf = (value: Figure): Column<Row> => ['ratio', (row) => figure(ratio(row, result, value), 2)];
  return [
    ['tool', ({ tool }) => tool],
    ['wall s', (row) => figure(wallOf(row), 3)],
    ratioOf(wallOf),
    ...(result.scenario.lessStart === true
      ? [['less start s', (row: Row) => figure(lessStart(row), 3)] as const, ratioOf(lessStart)]
      : []),
    ['CPU s', (row) => figure(cpuOf(row), 2)],
    ratioOf(cpuOf),
    ['peak RSS MiB', (row) => figure(memoryOf(row), 0)],
    ['requests', ({ traffic }) => figure(traffic?.requests, 0)],
    ['depth', ({ traffic }) => figure(traffic?.depth, 0)],
    ['connections', ({ traffic }) => figure(traffic?.connections, 0)],
    ['sent', ({ traffic }) => size(traffic?.sent)],
    ['received', ({ traffic }) => size(traffic?.received)],
    ['runs', ({ runs }) => String(runs)],
  ];
}

export function figure(value: number | undefined, digits: number): string {
  return value === undefined ? '–' : value.toFixed(digits);
}

/** Formats the task, the goal and all figures. */
export function formatResult(result: Result, { markdown }: { readonly markdown: boolean }): string {
  const { scenario, registry, rows, failures } = result;
  const title = `${tableName(scenario, registry)}: ${scenario.title}`;
  const notes = [
    `Target: ${scenario.wanted}.`,
    ...failures.map(({ tool, problem }) => `${tool} failed: ${problem}`),
  ].join('\n');
  const table = formatColumns(columnsFor(result), rows, { markdown });
  return markdown ? `### ${title}\n\n${notes}\n\n${table}\n\n` : `\n${title}\n${notes}\n${table}\n`;
}

/** Returns the ratio to the compared tool. For the best of the peers, the ratio to itself is 1.00. */
export function ratio(row: Row, { rows }: Result, value: Figure): number | undefined {
  const others = rows.filter(({ tool }) =>
    row.beside === undefined ? !tool.startsWith('gantry') : tool === row.beside,
  );
  const own = value(row);
  const best = Math.min(...others.flatMap((other) => value(other) ?? []));
  return own === undefined || !Number.isFinite(best) ? undefined : own / best;
}

function size(bytes: number | undefined): string {
  if (bytes === undefined) return '–';
  if (bytes < 10_000) return `${bytes} B`;
  return bytes < 10_000_000 ? `${(bytes / 1000).toFixed(0)} kB` : `${(bytes / 1_000_000).toFixed(0)} MB`;
}
