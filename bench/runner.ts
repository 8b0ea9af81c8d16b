import { executableTools } from './executable.ts';
import { type Measure, measured } from './measure.ts';
import type { Traffic } from './network.ts';
import { precompiledTools } from './precompiled.ts';
import type { RegistryKind } from './registries.ts';
import { countWarm, type RunKind, runOnce } from './run.ts';
import { runtimeTools } from './runtimes.ts';
import type { Scenario } from './scenario.ts';
import { openStage, type Stage } from './stage.ts';
import type { RunningRegistry } from './support/distribution.ts';
import type { Tool } from './tools.ts';

/** The cost of one tool: the median of its runs. */
export interface Row {
  readonly tool: string;
  /** The tool that it is compared with. Default: the best of the peers. */
  readonly beside?: string;
  /** Missing if the traffic was only counted. */
  readonly measure?: Measure;
  readonly runs: number;
  /** Missing if nothing was counted. */
  readonly traffic?: Traffic | undefined;
  /** The seconds that its runtime takes to start, if they matter. */
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

/**
 * A tool that has run this many seconds in all has no more turns, unless the user chose the number of runs.
 */
const patience = 4;

export interface RunnerOptions {
  /**
   * The number of timed runs of each tool, however long they take. Default: the number of the scenario, within the
   * patience.
   */
  readonly runs?: number | undefined;
  /** The milliseconds after which a run has failed. */
  readonly limit: number;
  /** Whether to count requests and rounds, in a run of its own where the times would be meaningless. */
  readonly counts: boolean;
  /** The tools of a scenario that compares gantry with its peers. */
  readonly tools: readonly Tool[];
  /** Another executable file, for scenarios of the executable file. */
  readonly against?: string | undefined;
}

/** Runs a scenario at one kind of registry, in turn with each tool that can do it. */
export async function runScenario(
  scenario: Scenario,
  registry: RegistryKind,
  options: RunnerOptions,
): Promise<Result> {
  await using opened = await openStage(scenario, registry);
  await using stage = scenario.login === true ? opened : await withOneSource(opened);
  const { verb, tls = false } = scenario;
  const counts = options.counts && !tls;
  const tools = toolsOf(scenario, options).filter(({ verbs }) => verbs[verb] !== undefined);
  const { taken, counted, failures } = await takeTurns(scenario, stage, { ...options, counts, tools });
  const rows: Row[] = [];
  for (const { name, start, beside } of tools) {
    const [measures, traffic] = [taken.get(name), counted.get(name)];
    if (measures === undefined || (counts && traffic === undefined)) continue;
    if (failures.some(({ tool }) => tool === name)) continue;
    rows.push({
      tool: name,
      ...(beside === undefined ? {} : { beside }),
      runs: measures.length,
      measure: medians(measures),
      traffic,
      ...(scenario.lessStart === true ? { start: await startOf(start, options.limit) } : {}),
    });
  }
  if (scenario.warm === true && counts) {
    rows.push({ tool: 'gantry, warm', runs: 0, traffic: await countWarm(scenario, stage) });
  }
  return { scenario, registry, rows, failures };
}

function toolsOf({ tools, verb }: Scenario, options: RunnerOptions): readonly Tool[] {
  if (tools === 'precompiled') return precompiledTools();
  if (tools === 'executable') return executableTools(options.against);
  if (tools === 'runtimes' && (verb === 'version' || verb === 'digest')) return runtimeTools(verb);
  return options.tools;
}

/** The results of all turns, by the tool's name. A tool that fails once has no more turns. */
interface Turns {
  readonly taken: ReadonlyMap<string, readonly Measure[]>;
  readonly counted: ReadonlyMap<string, Traffic>;
  readonly failures: readonly Failure[];
}

async function takeTurns(
  scenario: Scenario,
  stage: Stage,
  { tools, runs: wanted, limit, counts }: RunnerOptions,
): Promise<Turns> {
  const most = wanted === undefined ? patience : Number.POSITIVE_INFINITY;
  const runs = wanted ?? scenario.runs ?? 5;
  const taken = new Map<string, readonly Measure[]>();
  const counted = new Map<string, Traffic>();
  const failures: Failure[] = [];
  const turn = async (tool: Tool, kind: RunKind): Promise<void> => {
    const before = taken.get(tool.name) ?? [];
    if (before.reduce((sum, { wall }) => sum + wall, 0) > most) return;
    if (failures.some((failure) => failure.tool === tool.name)) return;
    try {
      const { measured, traffic } = await runOnce(scenario, tool, stage, { kind, limit });
      if (counts && (kind === 'count' || !isCountedApart(scenario))) counted.set(tool.name, traffic);
      if (kind === 'time') taken.set(tool.name, [...before, measured]);
    } catch (error) {
      failures.push({ tool: tool.name, problem: error instanceof Error ? error.message : String(error) });
    }
  };
  if (counts && isCountedApart(scenario)) for (const tool of tools) await turn(tool, 'count');
  for (let run = 0; run < runs; run++) {
    // Each tool is first in some turns.
    const first = run % tools.length;
    for (const tool of [...tools.slice(first), ...tools.slice(0, first)]) await turn(tool, 'time');
  }
  return { taken, counted, failures };
}

/** Returns whether a run through the network must be counted separately, because of its depth. */
function isCountedApart({ network, countDepth = true }: Scenario): boolean {
  return countDepth || network === undefined;
}

/** Starts one source for all runs if no run writes to the source or depends on a new one. */
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

async function startOf(command: readonly string[], limit: number): Promise<number> {
  const walls: number[] = [];
  for (let run = 0; run < startRuns; run++) {
    walls.push((await measured(command, { env: { PATH: process.env['PATH'] }, limit })).wall);
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
