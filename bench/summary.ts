import process from 'node:process';
import { type Column, formatColumns } from './columns.ts';
import type { Result, Row } from './runner.ts';
import { tableName } from './scenarios/all.ts';
import { cpuOf, figure, memoryOf, ratio, wallOf } from './table.ts';
import { gantry } from './tools.ts';

/**
 * Formats one line for each result: the ratios of time to those of the best peer, and the memory, of gantry in each of
 * its forms.
 * @param forms - the names of the tools that are gantry
 */
export function formatSummary(results: readonly Result[], forms: readonly string[]): string {
  const columns: readonly Column<Result>[] = [
    ['scenario', ({ scenario, registry }) => tableName(scenario, registry)],
    ['best peer', (result) => bestPeer(result)],
    ...forms.flatMap((form): readonly Column<Result>[] => {
      const cell = (result: Result, value: (row: Row) => number | undefined, digits: number): string => {
        const row = result.rows.find(({ tool }) => tool === form);
        return figure(row && value(row), digits);
      };
      return [
        [`${shortName(form)}: wall`, (result) => cell(result, (row) => ratio(row, result, wallOf), 2)],
        ['CPU', (result) => cell(result, (row) => ratio(row, result, cpuOf), 2)],
        ['MiB', (result) => cell(result, memoryOf, 0)],
      ];
    }),
  ];
  return formatColumns(columns, results, { markdown: true });
}

const headLines = 2;

/** Returns the summary, with the other lines of an earlier one if that has the same columns. */
export function addToSummary(before: string, summary: string): string {
  const old = before.trim().split('\n');
  const lines = summary.split('\n');
  if (old[0] !== lines[0]) return summary;
  const added = new Map(lines.slice(headLines).map((line) => [firstCell(line), line]));
  const kept = old.slice(headLines).map((line) => {
    const newer = added.get(firstCell(line));
    added.delete(firstCell(line));
    return newer ?? line;
  });
  return [...lines.slice(0, headLines), ...kept, ...added.values()].join('\n');
}

function firstCell(line: string): string {
  return line.slice(0, line.indexOf('|', 1));
}

function shortName(form: string): string {
  if (form === gantry.name) return `Node ${process.versions.node.split('.')[0]}`;
  return form.slice(form.indexOf(', ') + 2);
}

function bestPeer(result: Result): string {
  const peers = result.rows.filter(({ tool }) => !tool.startsWith(gantry.name));
  const best = peers.toSorted((a, b) => (wallOf(a) ?? Infinity) - (wallOf(b) ?? Infinity))[0];
  return best === undefined ? '–' : `${best.tool} ${figure(wallOf(best), 2)} s`;
}
