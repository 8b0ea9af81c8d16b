import process from 'node:process';
import { parseArgs } from 'node:util';
import { keepCoresBusy } from './busy.ts';
import { writeBlock } from './document.ts';
import { describeMachine } from './machine.ts';
import { type RegistryKind, registriesHere } from './registries.ts';
import { runScenario } from './runner.ts';
import type { Scenario } from './scenario.ts';
import { bytes } from './scenarios/bytes.ts';
import { counts } from './scenarios/counts.ts';
import { many } from './scenarios/many.ts';
import { slowNetwork } from './scenarios/slow-network.ts';
import { startUp } from './scenarios/start-up.ts';
import { useScratch } from './scratch.ts';
import { formatResult } from './table.ts';

/**
 * `npm run bench -- [NAME...]` compares gantry with every peer in PATH, in turn, and prints one table for each
 * scenario. A NAME is a scenario or the beginning of several. Without names, all scenarios run.
 */
const scenarios: readonly Scenario[] = [...counts, ...slowNetwork, ...bytes, ...many, ...startUp];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Lists the scenarios and runs none. */
    list: { type: 'boolean', default: false },
    /** Formats the tables for a document. */
    markdown: { type: 'boolean', default: false },
    /** Also writes the tables to docs/benchmarks.md. */
    write: { type: 'boolean', default: false },
    runs: { type: 'string' },
    registry: { type: 'string' },
    /** Runs the bench while a program on each core only computes. */
    loaded: { type: 'boolean', default: false },
    /**
     * The file of another build's command line, `…/dist/cli/gantry.cjs`, which runs in place of the peers. In scenarios of
     * the executable file, another executable file beside it.
     */
    against: { type: 'string' },
  },
});

const isName = (wanted: string): boolean => scenarios.some(({ name }) => name === wanted);
const isChosen = ({ name }: Scenario): boolean =>
  positionals.length === 0 ||
  positionals.some((wanted) => name === wanted || (!isName(wanted) && name.startsWith(wanted)));

/** Only docker-registry asks for a login here, since it can use the token service of the bench. */
function registriesOf({ registries, login }: Scenario): readonly RegistryKind[] {
  const kinds = registries ?? (login === true ? (['docker-registry'] as const) : registriesHere());
  return kinds.filter((kind) => values.registry === undefined || values.registry === kind);
}

if (values.write && (values.loaded || values.against !== undefined)) {
  throw new Error('docs/benchmarks.md has no place for the figures of --loaded and --against');
}

if (values.list) {
  for (const { name, title } of scenarios) process.stdout.write(`${name.padEnd(20)} ${title}\n`);
} else {
  const chosen = scenarios.filter(isChosen);
  if (chosen.length === 0) throw new Error(`there is no scenario ${positionals.join(', ')}`);
  useScratch();
  const busy = values.loaded ? keepCoresBusy() : undefined;
  const machine = `${await describeMachine()}${values.loaded ? ' Every core is kept busy by something else.' : ''}`;
  process.stdout.write(`${machine}\n${values.markdown ? '\n' : ''}`);
  if (values.write) await writeBlock('machine', machine);
  for (const scenario of chosen) {
    for (const registry of registriesOf(scenario)) {
      if (registry === 'docker-registry' && !registriesHere().includes(registry)) {
        process.stdout.write(`\n${scenario.name} is left out: docker-registry is not in PATH\n`);
        continue;
      }
      const runs = values.runs === undefined ? undefined : Number(values.runs);
      const result = await runScenario(scenario, registry, { runs, against: values.against });
      process.stdout.write(formatResult(result, { markdown: values.markdown }));
      if (values.write) {
        await writeBlock(`${scenario.name}, ${registry}`, formatResult(result, { markdown: true }));
      }
    }
  }
  busy?.[Symbol.dispose]();
}
