import process from 'node:process';
import { parseArgs } from 'node:util';
import { keepCoresBusy } from './busy.ts';
import { writeBlock } from './document.ts';
import { describeMachine } from './machine.ts';
import { registriesHere } from './registries.ts';
import { type Result, runScenario } from './runner.ts';
import type { Scenario } from './scenario.ts';
import { registriesOf, scenarios, tableName } from './scenarios/all.ts';
import { useScratch } from './scratch.ts';
import { addToSummary, formatSummary } from './summary.ts';
import { formatResult } from './table.ts';
import { gantry, gantryAs, gantryBeside, gantryOn, peersHere, type Tool } from './tools.ts';

/**
 * `npm run bench -- [NAME...]` compares gantry with every peer in PATH, in turn, and prints one table for each
 * scenario, and a summary. A NAME is a scenario or the beginning of several. Without names, all scenarios run.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Lists the scenarios and runs none. */
    list: { type: 'boolean', default: false },
    /** Formats the tables for a document. */
    markdown: { type: 'boolean', default: false },
    /** Also writes the tables to docs/benchmarks.md; with `--loaded` only the summary. */
    write: { type: 'boolean', default: false },
    runs: { type: 'string' },
    registry: { type: 'string' },
    /** Runs the bench while a program on each core only computes. */
    loaded: { type: 'boolean', default: false },
    /** The file of another Node, on which gantry runs, too. */
    node: { type: 'string', multiple: true, default: [] },
    /** The command line as one executable file, which runs, too. */
    executable: { type: 'string' },
    /** The peers. Default: all in PATH. */
    peer: { type: 'string', multiple: true },
    /**
     * The file of another build's command line, `…/dist/cli/gantry.cjs`, which runs in place of the peers. In scenarios of
     * the executable file, another executable file beside it.
     */
    against: { type: 'string' },
  },
});

/** Milliseconds after which a run has failed. */
const limit = 60_000;

const isName = (wanted: string): boolean => scenarios.some(({ name }) => name === wanted);
const isChosen = ({ name }: Scenario): boolean =>
  positionals.length === 0 ||
  positionals.some((wanted) => name === wanted || (!isName(wanted) && name.startsWith(wanted)));

/** Returns gantry in every form that is asked for. */
function formsOfGantry(): readonly Tool[] {
  const executable = values.executable === undefined ? [] : [gantryAs(values.executable)];
  return [gantry, ...values.node.map(gantryOn), ...executable];
}

async function runAll(chosen: readonly Scenario[]): Promise<void> {
  const forms = formsOfGantry();
  const tools =
    values.against === undefined ? [...forms, ...peersHere(values.peer)] : gantryBeside(values.against);
  const runs = values.runs === undefined ? undefined : Number(values.runs);
  const compared: Result[] = [];
  for (const scenario of chosen) {
    for (const registry of registriesOf(scenario)) {
      if (values.registry !== undefined && values.registry !== registry) continue;
      if (registry === 'docker-registry' && !registriesHere().includes(registry)) {
        process.stdout.write(`\n${scenario.name} is left out: docker-registry is not in PATH\n`);
        continue;
      }
      const { against, loaded } = values;
      const result = await runScenario(scenario, registry, { runs, limit, tools, counts: !loaded, against });
      process.stdout.write(formatResult(result, { markdown: values.markdown }));
      if (values.write && !values.loaded) {
        await writeBlock(tableName(scenario, registry), formatResult(result, { markdown: true }));
      }
      if (scenario.tools === undefined) compared.push(result);
    }
  }
  if (values.against !== undefined || compared.length === 0) return;
  const summary = formatSummary(
    compared,
    forms.map(({ name }) => name),
  );
  process.stdout.write(`\n${summary}\n`);
  if (!values.write) return;
  await writeBlock(values.loaded ? 'summary, loaded' : 'summary', (before) => addToSummary(before, summary));
}

if (values.write && values.against !== undefined) {
  throw new Error('docs/benchmarks.md has no place for the figures of --against');
}

if (values.list) {
  for (const { name, title } of scenarios) process.stdout.write(`${name.padEnd(20)} ${title}\n`);
} else {
  const chosen = scenarios.filter(isChosen);
  if (chosen.length === 0) throw new Error(`there is no scenario ${positionals.join(', ')}`);
  useScratch();
  const machine = await describeMachine(values.node);
  const load = values.loaded ? ' Every core is kept busy by another program.' : '';
  process.stdout.write(`${machine}${load}\n${values.markdown ? '\n' : ''}`);
  if (values.write && !values.loaded) await writeBlock('machine', machine);
  using _ = values.loaded ? keepCoresBusy() : undefined;
  await runAll(chosen);
}
