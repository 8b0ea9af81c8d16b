import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Result, Row } from '../../bench/runner.ts';
import type { Scenario } from '../../bench/scenario.ts';
import { registriesOf, scenarios, tableName } from '../../bench/scenarios/all.ts';
import { addToSummary, formatSummary } from '../../bench/summary.ts';
import { readText } from '../documents/pages.ts';
import { needs } from '../peer.ts';

const page = readText('docs/benchmarks.md');
const marks = [...page.matchAll(/<!-- (.+) -->/g)].map(([, name = '']) => name);

const scenario: Scenario = {
  name: 'a',
  title: 'a task',
  wanted: 'less',
  verb: 'pull',
  image: { layers: 1, layerSize: 1 },
};

function row(tool: string, wall: number, cpu: number): Row {
  return { tool, runs: 1, measure: { wall, cpu, rss: 50 * 1024 * 1024 } };
}

function result(name: string, rows: readonly Row[]): Result {
  return { scenario: { ...scenario, name }, registry: 'gantry', rows, failures: [] };
}

const forms = ['gantry', 'gantry, Node 24'];
const line = process.version.slice(1, 3);
const head = [
  `| scenario | best peer | Node ${line}: wall | CPU | MiB | Node 24: wall | CPU | MiB |`,
  '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
].join('\n');

describe('docs/benchmarks.md', () => {
  it(
    'docs/benchmarks.md has a place for each table of the bench, and no other places',
    needs('docker-registry'),
    () => {
      const tables = scenarios.flatMap((one) =>
        registriesOf(one).map((registry) => tableName(one, registry)),
      );
      const others = ['machine', 'summary', 'summary, loaded', 'end'];
      const own = marks.filter((name) => !others.includes(name) && !name.startsWith('server, '));
      assert.deepEqual(own.toSorted(), tables.toSorted());
      for (const name of others) assert.ok(marks.includes(name), name);
    },
  );
});

describe('the summary of the bench', () => {
  it('the summary has the ratios of each form of gantry to the best peer, and its memory', () => {
    const rows = [row('gantry', 2, 3), row('gantry, Node 24', 1, 4), row('crane', 4, 2), row('oras', 5, 1)];
    assert.equal(
      formatSummary([result('a', rows)], forms),
      `${head}\n| a, gantry | crane 4.00 s | 0.50 | 3.00 | 50 | 0.25 | 4.00 | 50 |`,
    );
  });

  it('a form of gantry that failed, and a missing peer, leave their cells without a figure', () => {
    assert.equal(
      formatSummary([result('a', [row('gantry', 2, 3)])], forms),
      `${head}\n| a, gantry | – | – | – | 50 | – | – | – |`,
    );
  });

  it('new lines of a summary take the place of the old ones, and the others stay', () => {
    const before = formatSummary([result('a', []), result('b', [])], forms);
    const rows = [row('gantry', 2, 3), row('crane', 4, 2)];
    const later = formatSummary([result('b', rows), result('c', [])], forms);
    assert.equal(
      addToSummary(`${before}\n`, later),
      [
        head,
        '| a, gantry | – | – | – | – | – | – | – |',
        '| b, gantry | crane 4.00 s | 0.50 | 1.50 | 50 | – | – | – |',
        '| c, gantry | – | – | – | – | – | – | – |',
      ].join('\n'),
    );
  });

  it('a summary with other forms of gantry replaces the old one', () => {
    const before = formatSummary([result('a', [])], ['gantry']);
    const later = formatSummary([result('b', [])], forms);
    assert.equal(addToSummary(before, later), later);
  });
});
