import type { RunningRegistry } from '../test/peers/registries.ts';
import { type Measure, measured } from './measure.ts';
import type { Traffic } from './network.ts';
import type { RegistryKind } from './registries.ts';
import { countWarm, runOnce } from './run.ts';
import { runtimeTools } from './runtimes.ts';
import type { Scenario } from './scenario.ts';
import { openStage, type Stage } from './stage.ts';
import { peersHere, type Tool } from './tools.ts';

/** What one tool took: the median of its runs. */
export interface Row {
  readonly tool: string;
  /** Whom it is compared with; otherwise with the best of the peers. */
  readonly beside?: string;
  /** Not there where it was only counted. */
  readonly measure?: Measure;
  readonly runs: number;
  readonly traffic: Traffic;
  /** Seconds that its runtime takes to start, where that matters. */
  readonly start?: number;
}

export interface Failure {
  readonly tool: string;
  readonly problem: string;
}

export interface Result {
  readonly scenario: Scenario;
  readonly registry: RegistryKind;
  readonly rows: readonly Row[];
  readonly failures: readonly Failure[];
}

/** Who has taken this long in all has no more turns: seconds. */
const patience = 8;

/** Runs a scenario at one kind of registry with each of the tools that can do it, in turn. */
export async function runScenario(
  scenario: Scenario,
  registry: RegistryKind,
  { runs = scenario.runs ?? 5 }: { readonly runs?: number | undefined } = {},
): Promise<Result> {
  await using opened = await openStage(scenario, registry);
  await using stage = scenario.login === true ? opened : await withOneSource(opened);
  const { verb } = scenario;
  const tools =
    scenario.tools === 'runtimes' && (verb === 'version' || verb === 'digest')
      ? runtimeTools(verb)
      : peersHere();
  const able = tools.filter(({ verbs }) => verbs[verb] !== undefined);
  const taken = new Map<string, Measure[]>();
  const counted = new Map<string, Traffic>();
  const failures: Failure[] = [];
  const attempt = async (tool: Tool, run: () => Promise<void>): Promise<void> => {
    if (failures.some((failure) => failure.tool === tool.name)) return;
    try {
      await run();
    } catch (error) {
      failures.push({ tool: tool.name, problem: error instanceof Error ? error.message : String(error) });
    }
  };

  for (const tool of able) {
    await attempt(tool, async () => {
      counted.set(tool.name, (await runOnce(scenario, tool, stage, 'count')).traffic);
    });
  }
  for (let run = 0; run < runs; run++) {
    // Nobody is always first.
    for (const tool of [...able.slice(run % able.length), ...able.slice(0, run % able.length)]) {
      const before = taken.get(tool.name) ?? [];
      if (before.reduce((sum, { wall }) => sum + wall, 0) > patience) continue;
      await attempt(tool, async () => {
        const { measured } = await runOnce(scenario, tool, stage, 'time');
        taken.set(tool.name, [...before, measured]);
      });
    }
  }
  const rows: Row[] = [];
  for (const { name, start, beside } of able) {
    const [measures, traffic] = [taken.get(name), counted.get(name)];
    if (measures === undefined || traffic === undefined) continue;
    if (failures.some(({ tool }) => tool === name)) continue;
    rows.push({
      tool: name,
      ...(beside === undefined ? {} : { beside }),
      runs: measures.length,
      measure: medians(measures),
      traffic,
      ...(scenario.lessStart === true ? { start: await startOf(start) } : {}),
    });
  }
  if (scenario.warm === true) {
    rows.push({ tool: 'gantry, warm', runs: 0, traffic: await countWarm(scenario, stage) });
  }
  return { scenario, registry, rows, failures };
}

/** Where nobody writes to the source and nothing of it hangs on the run, one does for all. */
async function withOneSource(stage: Stage): Promise<Stage> {
  let source: Promise<RunningRegistry> | undefined;
  return {
    ...stage,
    async source() {
      source ??= stage.source();
      return { host: (await source).host, async [Symbol.asyncDispose]() {} };
    },
    async [Symbol.asyncDispose]() {
      await (await source)?.[Symbol.asyncDispose]();
    },
  };
}

const startRuns = 7;

async function startOf(command: readonly string[]): Promise<number> {
  const walls: number[] = [];
  for (let run = 0; run < startRuns; run++) {
    walls.push((await measured(command, { env: { PATH: process.env['PATH'] } })).wall);
  }
  return median(walls);
}

function medians(measures: readonly Measure[]): Measure {
  return {
    wall: median(measures.map(({ wall }) => wall)),
    cpu: median(measures.map(({ cpu }) => cpu)),
    rss: Math.max(...measures.map(({ rss }) => rss)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}
