import process from 'node:process';
import { parseArgs } from 'node:util';
import type { RegistryKind } from './registries.ts';
import { runScenario } from './runner.ts';
import type { Scenario } from './scenario.ts';
import { bytes } from './scenarios/bytes.ts';
import { counts } from './scenarios/counts.ts';
import { many } from './scenarios/many.ts';
import { slowNetwork } from './scenarios/slow-network.ts';
import { startUp } from './scenarios/start-up.ts';
import { formatResult } from './table.ts';

/**
 * `npm run bench -- [NAME...]`: gantry beside every peer that is in PATH, in turn, one table a scenario. A name is a
 * scenario's, or the beginning of some; without one all are run.
 */
const scenarios: readonly Scenario[] = [...counts, ...slowNetwork, ...bytes, ...many, ...startUp];
const kinds: readonly RegistryKind[] = ['docker-registry', 'gantry'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    markdown: { type: 'boolean', default: false },
    runs: { type: 'string' },
    registry: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});
const isName = (wanted: string): boolean => scenarios.some(({ name }) => name === wanted);
const chosen = scenarios.filter(
  ({ name }) =>
    positionals.length === 0 ||
    positionals.some((wanted) => name === wanted || (!isName(wanted) && name.startsWith(wanted))),
);
if (values.list) {
  for (const { name, title } of scenarios) process.stdout.write(`${name.padEnd(20)} ${title}\n`);
} else {
  if (chosen.length === 0) throw new Error(`there is no scenario ${positionals.join(', ')}`);
  for (const scenario of chosen) {
    const places = scenario.registries ?? (scenario.login === true ? kinds.slice(0, 1) : kinds);
    for (const registry of places.filter(
      (kind) => values.registry === undefined || values.registry === kind,
    )) {
      const runs = values.runs === undefined ? undefined : Number(values.runs);
      const result = await runScenario(scenario, registry, { runs });
      process.stdout.write(formatResult(result, { markdown: values.markdown }));
    }
  }
}
